// SPDX-License-Identifier: Apache-2.0
// Register a stream in both directions without losing throughput: a skid buffer.
//
// Latency:    1 cycle. Throughput: one word a cycle. s_ready is a register.
`default_nettype none

module skid #(
    parameter WIDTH = 8  // bits of a word, 1 or more
) (
    input wire clk,
    input wire rst,

    input  wire             s_valid,
    output wire             s_ready,
    input  wire [WIDTH-1:0] s_data,

    output wire             m_valid,
    input  wire             m_ready,
    output wire [WIDTH-1:0] m_data
);

  reg out_valid_q, spare_valid_q;
  reg [WIDTH-1:0] out_q, spare_q;

  assign s_ready = !spare_valid_q;
  assign m_valid = out_valid_q;
  assign m_data = out_q;

  wire free = m_ready || !out_valid_q;

  always @(posedge clk) begin
    if (s_valid && s_ready) spare_q <= s_data;
    if (free) out_q <= spare_valid_q ? spare_q : s_data;
    if (rst) begin
      out_valid_q <= 1'b0;
      spare_valid_q <= 1'b0;
    end else if (free) begin
      out_valid_q <= spare_valid_q || s_valid;
      spare_valid_q <= 1'b0;
    end else if (s_valid && s_ready) begin
      spare_valid_q <= 1'b1;
    end
  end

endmodule

`default_nettype wire
