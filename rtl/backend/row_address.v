// SPDX-License-Identifier: Apache-2.0
// Give the address of a matrix's row: `row_address` of vio/float32/execute.py.
//
// base + i pitch; of a packed upper triangle, where column 0 of row i would lie:
// base + i width - i (i + 1) / 2.
//
// Formats: addresses are signed, so that one outside of the memory is seen.
// Latency: 3 cycles. Throughput: an address a cycle, of one matrix.
`default_nettype none

module row_address (
    input wire clk,

    input wire signed [23:0] s_base,  // base, width, pitched: until the last address
    input wire        [11:0] s_width,
    input wire               s_pitched,  // rows of one pitch, s_width; else a packed triangle
    input wire        [10:0] s_row,

    output wire signed [23:0] m_address
);

  reg [22:0] whole_q;
  reg [21:0] square_q;
  reg [10:0] row_q;
  reg [22:0] below_q;  // twice the words that a triangle lacks
  reg signed [23:0] line_q, address_q;

  always @(posedge clk) begin
    whole_q <= s_row * s_width;
    square_q <= s_row * s_row;
    row_q <= s_row;
    below_q <= s_pitched ? 23'd0 : {1'b0, square_q} + {12'd0, row_q};
    line_q <= s_base + $signed({1'b0, whole_q});
    address_q <= line_q - $signed({2'd0, below_q[22:1]});
  end

  wire unused = below_q[0];  // i (i + 1) is even

  assign m_address = address_q;

endmodule

`default_nettype wire
