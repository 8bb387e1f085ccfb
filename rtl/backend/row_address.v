// SPDX-License-Identifier: Apache-2.0
// Give the address of a matrix's row: `row_address` of vio/float32/execute.py.
//
// base + i pitch; of a packed upper triangle, where column 0 of row i would lie:
// base + i width - i (i + 1) / 2.
//
// Formats: addresses are signed, so that one outside of the memory is seen.
// Latency: 2 cycles. Throughput: an address a cycle.
`default_nettype none

module row_address (
    input wire clk,

    input wire signed [23:0] s_base,
    input wire        [11:0] s_width,
    input wire               s_pitched,  // rows of one pitch, s_width; else a packed triangle
    input wire        [10:0] s_row,

    output wire signed [23:0] m_address
);

  wire [11:0] next_row = {1'b0, s_row} + 12'd1;

  reg [22:0] whole_q;
  reg [21:0] below_q;  // twice the words that a triangle lacks
  reg signed [23:0] base_q, address_q;

  always @(posedge clk) begin
    whole_q <= s_row * s_width;
    below_q <= s_pitched ? 22'd0 : s_row * next_row;
    base_q <= s_base;
    address_q <= base_q + $signed({1'b0, whole_q}) - $signed({3'b0, below_q[21:1]});
  end

  wire unused = below_q[0];  // i (i + 1) is even

  assign m_address = address_q;

endmodule

`default_nettype wire
