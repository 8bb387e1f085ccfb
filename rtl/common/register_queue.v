// SPDX-License-Identifier: Apache-2.0
// Queue a few wide words in registers: each word moves on as soon as there is room before it.
//
// Latency:    DEPTH cycles through an empty queue. Throughput: one word a cycle both ways.
// Memory:     DEPTH x WIDTH flip-flops and hardly a look-up table; meant for wide words.
`default_nettype none

module register_queue #(
    parameter WIDTH = 8,  // bits of a word, 1 or more
    parameter DEPTH = 4   // words, 1 or more
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

  generate
    if (DEPTH < 1) begin : g_bad_depth
      register_queue_DEPTH_must_be_1_or_more bad_parameter ();
    end
  endgenerate

  reg [DEPTH-1:0] valid_q;
  wire [DEPTH:0] free;  // places that a word may enter; the reader is the last one
  wire [(DEPTH+1)*WIDTH-1:0] words;
  assign words[WIDTH-1:0] = s_data;
  assign free[DEPTH] = m_ready;

  genvar i;
  generate
    for (i = 0; i < DEPTH; i = i + 1) begin : g_place
      reg [WIDTH-1:0] word_q;
      wire comes;
      if (i == 0) begin : g_in
        assign comes = s_valid;
      end else begin : g_on
        assign comes = valid_q[i-1];
      end
      assign free[i] = !valid_q[i] || free[i+1];
      always @(posedge clk) begin
        if (free[i] && comes) word_q <= words[WIDTH*i+:WIDTH];
        valid_q[i] <= !rst && (comes || !free[i]);
      end
      assign words[WIDTH*(i+1)+:WIDTH] = word_q;
    end
  endgenerate

  assign s_ready = free[0];
  assign m_valid = valid_q[DEPTH-1];
  assign m_data = words[WIDTH*DEPTH+:WIDTH];

endmodule

`default_nettype wire
