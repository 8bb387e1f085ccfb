// SPDX-License-Identifier: Apache-2.0
// Queue words in one clock domain: first in, first out, first word falls through.
//
// Latency:    1 cycle from an accepted write to m_valid. Throughput: one word a cycle both ways.
// Memory:     DEPTH x WIDTH distributed RAM (read without a cycle); meant for small depths.
`default_nettype none

module fifo #(
    parameter WIDTH = 8,  // bits of a word, 1 or more
    parameter DEPTH = 16  // words, a power of two, 2 or more
) (
    input wire clk,
    input wire rst,

    input  wire             s_valid,
    output wire             s_ready,
    input  wire [WIDTH-1:0] s_data,

    output wire             m_valid,
    input  wire             m_ready,
    output wire [WIDTH-1:0] m_data,

    output wire [$clog2(DEPTH):0] level  // words held
);

  generate
    if (DEPTH < 2 || (DEPTH & (DEPTH - 1)) != 0) begin : g_bad_depth
      fifo_DEPTH_must_be_a_power_of_two bad_parameter ();
    end
  endgenerate

  localparam AW = $clog2(DEPTH);
  localparam [AW:0] ONE = {{AW{1'b0}}, 1'b1};

  reg [WIDTH-1:0] memory[0:DEPTH-1];
  reg [AW:0] write_q, read_q;  // one bit more than the address tells full from empty

  assign level = write_q - read_q;
  assign s_ready = !level[AW];
  assign m_valid = level != {(AW + 1) {1'b0}};
  assign m_data = memory[read_q[AW-1:0]];

  always @(posedge clk) begin
    if (s_valid && s_ready) memory[write_q[AW-1:0]] <= s_data;
    if (rst) begin
      write_q <= {(AW + 1) {1'b0}};
      read_q <= {(AW + 1) {1'b0}};
    end else begin
      if (s_valid && s_ready) write_q <= write_q + ONE;
      if (m_valid && m_ready) read_q <= read_q + ONE;
    end
  end

endmodule

`default_nettype wire
