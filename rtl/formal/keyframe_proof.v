// SPDX-License-Identifier: Apache-2.0
// Properties of keyframe.v: on each frame that is held every step is started at most once, in their
// order, one at a time, and the output always; one commit a frame; no deadlock: no state waits
// longer than its partner, and the states of a frame follow a rank that only rises, so that each
// frame ends.
//
// Assumed: projection units, table and predictor answer what they took, once, and take it within
// 2 cycles; a step that was started is done, once; a frame that is held is stored, and what it is
// (left out, dropped) then stands; it has its rotation. For the bounds: each of them within 3 cycles.
`default_nettype none

module keyframe_proof (
    input wire         clk,
    input wire         rst,
    input wire         forget,
    input wire         held,
    input wire         stored,
    input wire         dropped,
    input wire         right,
    input wire         a_valid,
    input wire [407:0] a_row,
    input wire         q_ready,
    input wire         q_done,
    input wire [ 18:0] q_u,
    input wire         p_ready,
    input wire         p_done,
    input wire [ 18:0] p_ray_x,
    input wire         p_ok,
    input wire [  6:0] done,
    input wire [  1:0] kept,
    input wire [ 31:0] moved2,
    input wire         mono,
    input wire [ 31:0] aged2
);

  `include "vio_params.vh"

  wire forgotten, commit, commit_left, busy, deciding, r_valid, q_valid, p_valid;
  wire due, undue, step_right, step_dropped, reading, stereo_pending, make_key;
  wire [6:0] start;
  wire [TRACK_COUNT_BITS-1:0] count;
  keyframe dut (
      .clk(clk),
      .rst(rst),
      .cfg_width(11'd96),
      .cfg_height(11'd64),
      .cfg_max_age(8'd2),
      .cfg_min_alive(9'd128),
      .cfg_moved2(moved2),
      .cfg_mono(mono),
      .cfg_aged2(aged2),
      .forget(forget),
      .forgotten(forgotten),
      .s_held(held),
      .s_rotation(1'b1),
      .s_stored(stored),
      .s_dropped(dropped),
      .s_right(right),
      .commit(commit),
      .commit_left(commit_left),
      .busy(busy),
      .deciding(deciding),
      .r_valid(r_valid),
      .r_index(),
      .a_valid(a_valid),
      .a_row(a_row),
      .q_valid(q_valid),
      .q_ready(q_ready),
      .q_x(),
      .q_y(),
      .q_done(q_done),
      .q_u(q_u),
      .q_v(19'd8192),
      .p_valid(p_valid),
      .p_ready(p_ready),
      .p_op(),
      .p_transposed(),
      .p_matrix(),
      .p_x(),
      .p_y(),
      .p_done(p_done),
      .p_ray_x(p_ray_x),
      .p_ray_y(19'd0),
      .p_ok(p_ok),
      .start(start),
      .done(done),
      .kept({{(TRACK_COUNT_BITS - 2) {1'b0}}, kept}),
      .count(count),
      .due(due),
      .undue(undue),
      .right(step_right),
      .dropped(step_dropped),
      .reading(reading),
      .stereo_pending(stereo_pending),
      .make_key(make_key)
  );

  localparam [4:0] IDLE = 5'd0, TO_LAST = 5'd2, TO_KEY = 5'd3, READ = 5'd4,
                   PREDICT = 5'd5, TURN = 5'd6, SQUARE_X = 5'd7, SQUARE_Y = 5'd8, COUNT = 5'd9,
                   SHARE = 5'd10, DECIDE = 5'd11, WAIT = 5'd12, STEP = 5'd13, BUSY = 5'd14,
                   RECTIFY_1 = 5'd15, RECTIFY_2 = 5'd16, END_PENDING = 5'd17, END_KEY = 5'd18,
                   FORGET_1 = 5'd19, FORGET_2 = 5'd20, LOST = 5'd21;
  localparam [2:0] STEREO = 3'd4, OUT = 3'd6;
  localparam [2:0] BOUND = 3'd7;  // cycles in a state, with partners that answer in 3

  (* hierconn *) wire [4:0] \dut.state_q ;
  (* hierconn *) wire [2:0] \dut.step_q ;
  (* hierconn *) wire \dut.sent_q ;
  (* hierconn *) wire \dut.started_q ;
  (* hierconn *) wire [TRACK_COUNT_BITS-1:0] \dut.index_q ;
  wire [4:0] state = \dut.state_q ;
  wire [2:0] step = \dut.step_q ;
  wire point_state = state == TO_LAST || state == TO_KEY || state == TURN || state == RECTIFY_1 || state == RECTIFY_2
      || state == END_PENDING || state == END_KEY || state == FORGET_1 || state == FORGET_2 || state == LOST;
  wire in_loop = state >= READ && state <= COUNT;

  // How far a frame is: its rank
  reg [3:0] major;
  reg [4:0] minor;
  always @* begin
    minor = 5'd0;
    case (state)
      IDLE: major = 4'd0;
      TO_LAST: major = 4'd1;
      TO_KEY: major = 4'd2;
      READ, PREDICT, TURN, SQUARE_X, SQUARE_Y, COUNT: begin
        major = 4'd3;
        minor = {\dut.index_q [1:0], 3'd0} + (state - READ);
      end
      SHARE: major = 4'd4;
      DECIDE: major = 4'd5;
      WAIT: major = 4'd6;
      LOST: major = 4'd7;
      STEP, RECTIFY_1, RECTIFY_2, BUSY: begin
        major = 4'd8;
        minor = state == BUSY ? 5'd4 : state == RECTIFY_1 ? 5'd1 : state == RECTIFY_2 ? 5'd2 :
                \dut.started_q ? 5'd3 : 5'd0;
      end
      END_PENDING: major = 4'd9;
      END_KEY: major = 4'd10;
      FORGET_1: major = 4'd11;
      FORGET_2: major = 4'd12;
      default: major = 4'd15;
    endcase
  end
  wire [2:0] third = state == STEP || state == BUSY || state == RECTIFY_1 || state == RECTIFY_2 ? step : 3'd0;
  wire [11:0] rank = {major, third, minor};

  reg started_q = 1'b0;  // a reset was
  reg read_q, predict_q, point_q;  // asked, not answered
  reg [1:0] read_wait_q, predict_wait_q, point_wait_q, step_wait_q, store_wait_q;
  reg [1:0] predict_ask_q, point_ask_q;
  reg held_q, stored_q, dropped_q, right_q;  // in the last cycle, without a commit or a reset
  reg [6:0] step_busy_q, step_done_q;  // a step under way; those that the frame has had
  reg in_frame_q;  // a frame was committed and its output is not done
  reg [4:0] state_q;
  reg [11:0] rank_q;
  reg [2:0] waited_q;  // cycles without a change of rank
  reg forget_q, rst_q;

  always @(posedge clk) begin
    started_q <= 1'b1;
    state_q <= state;
    rank_q <= rank;
    waited_q <= rst || state == IDLE || rank != rank_q || waited_q == 3'd7 ? 3'd0 : waited_q + 3'd1;
    read_q <= !rst && (r_valid || (read_q && !a_valid));
    predict_q <= !rst && ((q_valid && q_ready) || (predict_q && !q_done));
    point_q <= !rst && ((p_valid && p_ready) || (point_q && !p_done));
    read_wait_q <= read_q && !a_valid && !rst ? read_wait_q + 2'd1 : 2'd0;
    predict_wait_q <= predict_q && !q_done && !rst ? predict_wait_q + 2'd1 : 2'd0;
    point_wait_q <= point_q && !p_done && !rst ? point_wait_q + 2'd1 : 2'd0;
    predict_ask_q <= q_valid && !q_ready && !rst ? predict_ask_q + 2'd1 : 2'd0;
    point_ask_q <= p_valid && !p_ready && !rst ? point_ask_q + 2'd1 : 2'd0;
    step_busy_q <= rst ? 7'd0 : (step_busy_q | start) & ~done;
    step_wait_q <= step_busy_q != 7'd0 && (step_busy_q & done) == 7'd0 && !rst ? step_wait_q + 2'd1 : 2'd0;
    if (rst || commit) step_done_q <= 7'd0;
    else step_done_q <= step_done_q | start;
    in_frame_q <= !rst && (commit || (in_frame_q && !done[OUT]));
    held_q <= held && !commit && !rst;
    stored_q <= stored && !commit && !rst;
    {dropped_q, right_q} <= {dropped, right};
    store_wait_q <= state == WAIT && !stored && !rst ? store_wait_q + 2'd1 : 2'd0;
    rst_q <= rst;
    forget_q <= forget && !forgotten && !rst;
  end

  always @* begin
    if (!started_q) assume (rst);
    if (started_q) begin
      // Partners
      assume (!a_valid || read_q);
      assume (!q_done || predict_q);
      assume (!p_done || point_q);
      assume ((done & ~step_busy_q) == 7'd0);
      if (forget_q) assume (forget);
      if (held_q) assume (held);
      if (stored_q) assume (stored && dropped == dropped_q && right == right_q);
      if (stored) assume (held);
      assume (kept != 2'd3);
`ifdef BOUNDS
      if (read_wait_q == 2'd2) assume (a_valid);
      if (predict_wait_q == 2'd2) assume (q_done);
      if (point_wait_q == 2'd2) assume (p_done);
      if (predict_ask_q == 2'd2) assume (q_ready);
      if (point_ask_q == 2'd2) assume (p_ready);
      if (step_wait_q == 2'd2) assume ((step_busy_q & done) != 7'd0);
      if (store_wait_q == 2'd2) assume (stored);
`endif
      // Steps: one at a time, in order, at most once a frame, the output always
      assert ((step_busy_q & (step_busy_q - 7'd1)) == 7'd0);
      assert ((start & (start - 7'd1)) == 7'd0);
      if (start != 7'd0) assert (step_busy_q == 7'd0 && in_frame_q && (step_done_q >= start) == 1'b0);
      if (commit) assert (held && stored && !in_frame_q);
      if (done[OUT]) assert (in_frame_q);
      if (in_frame_q && done[OUT]) assert (step_done_q[OUT]);
      assert (commit_left == (commit && !dropped));
      if (reading) assert (step_done_q[0] || start[0]);
      if (start[STEREO]) assert (step_right && due && !step_dropped);
      if (make_key) assert (due && !step_dropped);
      // The right image is held from the commit of a keyframe that has one to the end of its search, no longer
      if (stereo_pending) assert (in_frame_q && step_right && due && !step_dropped && step <= STEREO);
      if (in_frame_q && step_right && due && !step_dropped && step <= STEREO) assert (stereo_pending);

      // A frame only goes on: its rank rises until it has ended
      if (!rst_q && rank != rank_q && state_q != IDLE && state != IDLE) assert (rank > rank_q);

      // Why
      assert (major != 4'd15);
      assert ((state == READ && \dut.sent_q ) == read_q);
      assert ((state == PREDICT && \dut.sent_q ) == predict_q);
      assert ((point_state && \dut.sent_q ) == point_q);
      if (\dut.sent_q ) assert (read_q || predict_q || point_q);
      assert ((state == BUSY) == ((step_busy_q | start) != 7'd0));
      if (state == BUSY) assert ((step_busy_q | start) == 7'd1 << step);
      if (state == BUSY) assert (step_done_q < (8'd2 << step));
      if (state == STEP || state == RECTIFY_1 || state == RECTIFY_2) assert (step_done_q < (7'd1 << step));
      assert ((step_busy_q & ~step_done_q) == 7'd0);
      if (reading) assert (state == BUSY && step == 3'd0);
      if (\dut.started_q ) assert (state == STEP && step == STEREO);
      if (state == RECTIFY_1 || state == RECTIFY_2) assert (step == STEREO);
      if (state == RECTIFY_1 || state == RECTIFY_2 || \dut.started_q ) assert (step_right && due && !step_dropped && count != 0);
      if (state == LOST) assert (step_dropped && step == 3'd0);
      if (state == LOST) assert (step_done_q == 7'd0);
      if (state == WAIT || state <= DECIDE) assert (!in_frame_q);
      if (state == END_PENDING || state == END_KEY) assert (!step_dropped && !in_frame_q);
      if (state >= FORGET_1 && state <= FORGET_2) assert (!in_frame_q);
      assert (step <= OUT || !(state == STEP || state == BUSY));
      if (state == TO_LAST || state == TO_KEY) assert (\dut.index_q == 0);
      if (in_loop) assert (\dut.index_q < count);
      if (state != FORGET_1) assert (count <= 2'd2);
      assert (busy == (in_frame_q || state == END_PENDING || state == END_KEY));
`ifdef BOUNDS
      // No deadlock
      assert (waited_q != BOUND);
`endif
      cover (start[STEREO] && step_done_q == 7'b0001100 && count == 2'd2);
      cover (done[OUT] && step_dropped);
      cover (commit_left);
    end
  end

endmodule

`default_nettype wire
