// SPDX-License-Identifier: Apache-2.0
// The divider of a lane and of the pivot unit: x / y, or the root of x, a digit a cycle, then rounded
// in three cycles. float_divide_root of hls/ rounds in two, and is slower.
//
// Formats: IEEE float32, as docs/hls/float_rules.md says.
// Latency: 30 cycles from s_valid to m_valid. Throughput: a question every 28 cycles; the answer stays
// a cycle. rst forgets a question.
`default_nettype none

module lane_divider (
    input wire clk,
    input wire rst,

    input  wire        s_valid,
    output wire        s_ready,
    input  wire        s_root,
    input  wire [31:0] s_x,
    input  wire [31:0] s_y,

    output wire        m_valid,
    output wire [31:0] m_data
);

  localparam FINISH_CYCLES = 3;  // of unit_finish

  wire found;
  wire [117:0] digits;
  divide_digits divider (
      .clk(clk),
      .rst(rst),
      .question_data({s_root, s_x, s_y}),
      .question_valid(s_valid),
      .question_ready(s_ready),
      .answer_data(digits),
      .answer_valid(found),
      .answer_ready(1'b1)
  );

  unit_finish finish (
      .clk(clk),
      .s  (digits),
      .out(m_data)
  );

  reg [FINISH_CYCLES-1:0] valid_pipe;
  always @(posedge clk) valid_pipe <= rst ? {FINISH_CYCLES{1'b0}} : {valid_pipe[FINISH_CYCLES-2:0], found};
  assign m_valid = valid_pipe[FINISH_CYCLES-1];

endmodule

`default_nettype wire
