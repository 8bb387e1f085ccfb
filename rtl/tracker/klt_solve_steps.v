// SPDX-License-Identifier: Apache-2.0
// Step through the programs of klt_solve.v for two requests in turn: each step takes two cycles, and while one
// request is in the first of a step the other is in the second.
//
// Steps:      0 idle (or, in a step of its own, the request is loaded), then 1 up to T_LAST or
//             S_ANSWER; those without work are passed over. Round names: klt_solve_products.v.
// Protocol:   a request is taken in a first cycle of a free turn. At the steps that divide, d_valid is there in
//             first cycles until d_ready; the quotient is used, and d_used given, in a second cycle of the step
//             that waits for it.
// Latency:    see klt_solve.v.
`default_nettype none

module klt_solve_steps (
    input wire clk,
    input wire rst,

    input  wire       s_valid,
    output wire       s_ready,
    input  wire [1:0] s_op,

    // First cycle of a step
    output wire [1:0] m_op,
    output wire [3:0] m_kind,   // a bit for each op
    output wire [4:0] m_step,
    output wire [3:0] m_post,   // round of the step before
    output wire       m_answers,
    output wire       d_valid,
    input  wire       d_ready,

    // Second cycle
    output wire [3:0] m_round,  // of the next step, if it comes to it now
    input  wire       d_done,   // a quotient is there
    output wire       d_used
);

  localparam [1:0] NORMAL = 2'd0, STEP = 2'd1, STEREO = 2'd2, ACCEPT = 2'd3;
  localparam [3:0] NONE = 4'd0, MEANS = 4'd1, MOMENTS = 4'd2, MOMENTS_Y = 4'd3, SCALE = 4'd4, EXPLAIN = 4'd5,
      SQUARES = 4'd6, OFFSET = 4'd7, SOLVE = 4'd8, ALONG = 4'd9;
  // Of a template: the steps before and at which it waits, that answers, divides again, waits for that.
  localparam [4:0] T_JUMP = 5'd6, T_WAIT = 5'd13, T_ANSWER = 5'd24, T_DIVIDE = 5'd25, T_LAST = 5'd26;
  localparam [4:0] S_JUMP = 5'd7, S_WAIT = 5'd8, S_ANSWER = 5'd12;  // of the others
  localparam [4:0] DIVIDE = 5'd5;

  reg turn_q;  // whose first cycle it is
  reg [1:0] op_q, op2_q;
  reg [3:0] kind_q;
  reg [4:0] step_q, step2_q, ahead2_q;
  reg [3:0] round_q, round2_q, round_ahead2_q, post_q;
  reg free_q, answers_q, divides_q, held2_q, waits2_q;
  reg owner_q;  // of the quotient
  wire taken = s_valid && free_q;
  wire template = kind_q[0];
  wire free_now = step_q == 5'd0 || (answers_q && !template);

  // ---- first cycle: the step after this one and its round, unless it waits ----
  reg [4:0] ahead_d;
  reg [3:0] round_ahead_d;
  always @* begin
    ahead_d = step_q + 5'd1;
    if (free_now || (template && step_q == T_LAST)) ahead_d = 5'd0;
    else if (template && step_q == T_JUMP) ahead_d = T_WAIT;
    else if (kind_q[1] && step_q == S_JUMP) ahead_d = S_WAIT + 5'd1;

    case ({op_q, step_q})
      {NORMAL, 5'd2}, {ACCEPT, 5'd2}: round_ahead_d = MOMENTS;
      {NORMAL, 5'd3}: round_ahead_d = MOMENTS_Y;
      {NORMAL, T_WAIT}, {STEP, S_JUMP}, {STEREO, S_WAIT}, {ACCEPT, 5'd9}: round_ahead_d = SCALE;
      {NORMAL, 5'd16}, {STEP, 5'd2}, {STEREO, 5'd2}: round_ahead_d = EXPLAIN;
      {NORMAL, 5'd21}, {ACCEPT, 5'd3}, {ACCEPT, 5'd7}: round_ahead_d = SQUARES;
      {STEP, 5'd5}: round_ahead_d = SOLVE;
      {STEREO, 5'd5}: round_ahead_d = ALONG;
      default: round_ahead_d = NONE;
    endcase
    if (taken) round_ahead_d = s_op == NORMAL || s_op == ACCEPT ? MEANS : OFFSET;
  end

  // ---- second cycle: goes on, or is at the same step once more ----
  wire template2 = op2_q == NORMAL;
  wire divided2 = waits2_q && d_done && owner_q != turn_q;
  wire stays2 = held2_q || (waits2_q && !divided2);
  wire [4:0] step_d = stays2 ? step2_q : ahead2_q;

  always @(posedge clk) begin
    op2_q <= taken ? s_op : op_q;
    op_q <= op2_q;
    kind_q <= 4'd1 << op2_q;
    round_ahead2_q <= round_ahead_d;
    if (d_valid && d_ready) owner_q <= turn_q;
    if (rst) begin
      {turn_q, held2_q, waits2_q} <= 3'd0;
      {step_q, step2_q, ahead2_q} <= 15'd0;
      {round_q, round2_q, post_q} <= {3{NONE}};
      {free_q, answers_q, divides_q} <= 3'b100;
    end else begin
      turn_q <= !turn_q;
      held2_q <= divides_q && !d_ready;
      waits2_q <= template ? step_q == T_WAIT || step_q == T_LAST : kind_q[2] && step_q == S_WAIT;
      step2_q <= step_q;
      ahead2_q <= taken ? 5'd1 : ahead_d;
      round2_q <= round_q;
      step_q <= step_d;
      {post_q, round_q} <= {round2_q, stays2 ? NONE : round_ahead2_q};
      free_q <= step_d == 5'd0 || (!template2 && step_d == S_ANSWER);
      answers_q <= step_d == (template2 ? T_ANSWER : S_ANSWER);
      divides_q <= (step_d == DIVIDE && (template2 || op2_q == STEREO)) || (template2 && step_d == T_DIVIDE);
    end
  end

  assign s_ready = free_q;
  assign m_op = op_q;
  assign m_kind = kind_q;
  assign m_step = step_q;
  assign m_answers = answers_q;
  assign d_valid = divides_q;
  assign m_post = post_q;
  assign m_round = round_ahead2_q;
  assign d_used = divided2;

endmodule

`default_nettype wire
