// SPDX-License-Identifier: Apache-2.0
// What a lane has for its programs beside multiplier and adder: comparisons, masks, a divider for
// quotients and roots; and the choice of the result that goes to its file.
//
// s_op: unit 0 sums (vector_lane.v), 1 logic, 2 divider, and a code: logic 0 x < y,
// 1 x <= y, 2 x = y (masks), 3 x & y, 4 !x & y, 5 x | y, 6 x ^ y, 7 x where the mask d is set, else y;
// divider 0 x / y, 1 the root of x. An answer of the divider stays until that of the next question.
//
// Formats: IEEE float32, as docs/hls/float_rules.md says; masks are all ones or zeros.
// Latency: from s_* to w_data, with w_source then: logic 3, divider 33, sums 1 from `sum`, words 1.
// Throughput: an operation a cycle, a question every 28 cycles. rst forgets a question.
`default_nettype none

module lane_units (
    input wire clk,
    input wire rst,

    input wire        s_valid,
    input wire [ 4:0] s_op,
    input wire [31:0] s_x,
    input wire [31:0] s_y,
    input wire [31:0] s_d,

    input  wire [ 1:0] w_source,  // 0 sum, 1 logic, 2 divider, 3 word
    input  wire [31:0] sum,
    input  wire [31:0] word,
    output wire [31:0] w_data
);

  localparam [1:0] LOGIC = 2'd1, DIVIDE = 2'd2;
  localparam [2:0] SELECT = 3'd7;

  reg valid_q;
  reg [4:0] op_q;
  reg [31:0] x_q, y_q, d_q;
  always @(posedge clk) begin
    valid_q <= s_valid && !rst;
    op_q <= s_op;
    x_q <= s_x;
    y_q <= s_y;
    d_q <= s_d;
  end

  wire [31:0] compared;
  unit_logic compare (
      .clk(clk),
      .op (op_q[2:0]),
      .x  (x_q),
      .y  (y_q),
      .out(compared)
  );
  reg selects_q;
  reg [31:0] selected_q;
  always @(posedge clk) begin
    selects_q  <= op_q[2:0] == SELECT;
    selected_q <= (d_q & x_q) | (~d_q & y_q);
  end

  wire question_ready, answer_valid;
  wire [31:0] answer;
  lane_divider divider (
      .clk(clk),
      .rst(rst),
      .s_valid(valid_q && op_q[4:3] == DIVIDE),
      .s_ready(question_ready),
      .s_root(op_q[0]),
      .s_x(x_q),
      .s_y(y_q),
      .m_valid(answer_valid),
      .m_data(answer)
  );

  reg [31:0] answer_q, w_data_q;
  always @(posedge clk) begin
    if (answer_valid) answer_q <= answer;
    case (w_source)
      LOGIC:   w_data_q <= selects_q ? selected_q : compared;
      DIVIDE:  w_data_q <= answer_q;
      2'd3:    w_data_q <= word;
      default: w_data_q <= sum;
    endcase
  end

  wire unused = question_ready;  // always, when a program asks

  assign w_data = w_data_q;

endmodule

`default_nettype wire
