// SPDX-License-Identifier: Apache-2.0
// Square two pixels a cycle in a table: one block RAM with two read ports.
//
// Q formats:  unsigned 8 bits -> unsigned 16 bits, exact.
// Latency:    1 cycle. Throughput: two squares a cycle. Memory: 256 x 16 bits, read only.
`default_nettype none

module square_table (
    input wire clk,

    input  wire [ 7:0] s_a,
    input  wire [ 7:0] s_b,
    output wire [15:0] m_a,
    output wire [15:0] m_b
);

  reg [15:0] square_mem[0:255];
  integer i;
  initial for (i = 0; i < 256; i = i + 1) square_mem[i] = i[7:0] * i[7:0];

  reg [15:0] a_q, b_q;
  always @(posedge clk) begin
    a_q <= square_mem[s_a];
    b_q <= square_mem[s_b];
  end
  assign m_a = a_q;
  assign m_b = b_q;

endmodule

`default_nettype wire
