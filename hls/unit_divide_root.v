// SPDX-License-Identifier: Apache-2.0
// The divider as a unit of the sequencer: the answer stays until that of the next question.
//
// Formats: x, y, out IEEE float32; root 1: the root of x, 0: x / y.
// Latency: 30 cycles from `start` to `out`. Throughput: one question every 28 cycles; the program
// never asks sooner. rst in the midst of a question: it is forgotten.
`default_nettype none

module unit_divide_root (
    input wire clk,
    input wire rst,
    input wire start,
    input wire root,
    input wire [31:0] x,
    input wire [31:0] y,
    output reg [31:0] out
);

  wire question_ready;  // always, when the program asks
  wire answer_valid;
  wire [31:0] answer_data;

  float_divide_root divider (
      .clk(clk),
      .rst(rst),
      .question_data({root, x, y}),
      .question_valid(start),
      .question_ready(question_ready),
      .answer_data(answer_data),
      .answer_valid(answer_valid),
      .answer_ready(1'b1)
  );

  always @(posedge clk) if (answer_valid) out <= answer_data;

  wire unused = question_ready;

endmodule

`default_nettype wire
