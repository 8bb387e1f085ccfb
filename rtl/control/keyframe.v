// SPDX-License-Identifier: Apache-2.0
// Decide which frame is a keyframe, and start one block after the other on each frame.
//
// The decision is that of vio/fixed/keyframe.py, from the tracks of the last frame, their age and
// the gyroscope, while the pixels still come; the order of the steps is that of
// vio/fixed/frontend.py. A frame whose left image was lost only turns the prediction on; where that
// is known while the decision is under way, the decision is given up.
// Forget:     served before the next decision, also while its frame streams in already.
// Latency:    decision: about 90 cycles a track from the frame's first pixel; 1 multiplier.
// Throughput: one frame at a time; the next one may stream in from `commit` on.
`default_nettype none

module keyframe #(
`define PORT_WIDTHS
`include "vio_params.vh"
    ,
`include "track_row.vh"
`undef PORT_WIDTHS
) (
    input wire clk,
    input wire rst,

    input wire [ 10:0] cfg_width,
    input wire [ 10:0] cfg_height,
    input wire [  7:0] cfg_max_age,
    input wire [  8:0] cfg_min_alive,  // share of the keyframe's tracks, 8 fraction bits
    input wire [ 31:0] cfg_moved2,     // squared distance, 32 fraction bits
    input wire         cfg_mono,       // one camera: age alone is no reason for a keyframe
    input wire [ 31:0] cfg_aged2,      // but with this squared distance
    input wire         forget,         // drop all tracks before the next frame (level until done)
    output wire        forgotten,      // pulse: done

    // The frame that streams in (stream_control)
    input  wire s_held,
    input  wire s_rotation,  // its rotation is in the projection unit
    input  wire s_stored,
    input  wire s_dropped,
    input  wire s_right,
    output wire commit,      // pulse, also for a dropped frame
    output wire commit_left, // pulse: the frame buffer takes the frame over
    output wire busy,        // a frame is worked on that was committed
    output wire deciding,    // predictions and the decision are under way

    // The track table
    output wire                        r_valid,
    output wire [W_TRACK_COUNT-1:0] r_index,
    input  wire                        a_valid,
    input  wire [           W_ROW-1:0] a_row,

    // Prediction of a pixel, operations of the projection unit
    output wire        q_valid,
    input  wire        q_ready,
    output wire [17:0] q_x,
    output wire [17:0] q_y,
    input  wire        q_done,
    input  wire [18:0] q_u,
    input  wire [18:0] q_v,
    output wire        p_valid,
    input  wire        p_ready,
    output wire [ 2:0] p_op,
    output wire        p_transposed,
    output wire [ 2:0] p_matrix,
    output wire [18:0] p_x,
    output wire [18:0] p_y,
    input  wire        p_done,
    input  wire [18:0] p_ray_x,
    input  wire [18:0] p_ray_y,
    input  wire        p_ok,

    // The steps: start (pulse), done (pulse), tracks left
    output wire [                 6:0] start,
    input  wire [                 6:0] done,
    input  wire [W_TRACK_COUNT-1:0] kept,  // with done: the number of tracks from now on
    output wire [W_TRACK_COUNT-1:0] count,
    output wire                        due,       // the frame is a keyframe
    output wire                        undue,     // the frame that streams in is no keyframe
    output wire                        right,     // it has a right image
    output wire                        dropped,   // its left image was lost
    output wire                        reading,   // the tracker reads the rings
    output wire                        stereo_pending,  // the right image may not be overwritten
    output wire                        make_key   // pulse: the frame is the key from now on
);

`include "vio_params.vh"
`include "track_row.vh"

  localparam OP_TURN = 3'd2, OP_COMPOSE = 3'd4, OP_COPY = 3'd5, OP_IDENTITY = 3'd6;
  localparam M_ROTATION = 3'd0, M_PENDING = 3'd1, M_CAM_LAST = 3'd2, M_CAM_KEY = 3'd3;
  localparam M_LAST_KEY = 3'd4, M_RECT_LEFT = 3'd5, M_STEREO = 3'd7;
  // Steps, in their order
  localparam FOLLOW = 0, MONO = 1, ADD = 2, MATCH = 3, STEREO = 4, KEY = 5, OUT = 6;
  localparam HALF_WINDOW = WINDOW / 2;
  localparam CW = TRACK_COUNT_BITS;
  localparam [CW-1:0] ONE = {{(CW - 1) {1'b0}}, 1'b1};
  localparam [CW-1:0] NONE = {CW{1'b0}};

  localparam [4:0] IDLE = 5'd0, TO_LAST = 5'd2, TO_KEY = 5'd3, READ = 5'd4,
                   PREDICT = 5'd5, TURN = 5'd6, SQUARE_X = 5'd7, SQUARE_Y = 5'd8, COUNT = 5'd9,
                   SHARE = 5'd10, DECIDE = 5'd11, WAIT = 5'd12, STEP = 5'd13, BUSY = 5'd14,
                   RECTIFY_1 = 5'd15, RECTIFY_2 = 5'd16, END_PENDING = 5'd17, END_KEY = 5'd18,
                   FORGET_1 = 5'd19, FORGET_2 = 5'd20, LOST = 5'd21;

  reg [4:0] state_q;
  reg sent_q;  // the request of this state was taken
  reg [2:0] step_q;
  reg [CW-1:0] index_q, count_q, alive_q, moved_q, aged_q, at_key_q;
  reg [15:0] age_q;
  reg due_q, right_q, dropped_q, started_q, reading_q, pending_q;
  reg [6:0] start_q;
  reg inside_q, behind_q;
  reg [16:0] dx_q, dy_q;
  reg [33:0] square_q;
  reg [35:0] sum_q;

  // ---- the projection unit: one operation a state ----
  reg [2:0] op_d, matrix_d;
  reg transposed_d, point_d;
  reg [18:0] x_d, y_d;
  wire [17:0] x_key = a_row[ROW_X_KEY+:18];
  wire [17:0] y_key = a_row[ROW_Y_KEY+:18];
  reg [17:0] x_key_q, y_key_q, x_q, y_q;
  always @* begin
    op_d = OP_COMPOSE;
    matrix_d = M_ROTATION;
    transposed_d = 1'b0;
    point_d = 1'b1;
    x_d = 19'd0;
    y_d = 19'd0;
    case (state_q)
      TO_LAST: begin
        x_d = {16'd0, M_CAM_LAST};
        y_d = {16'd0, M_PENDING};
      end
      TO_KEY: begin
        matrix_d = M_CAM_LAST;
        x_d = {16'd0, M_CAM_KEY};
        y_d = {16'd0, M_LAST_KEY};
      end
      TURN: begin
        op_d = OP_TURN;
        matrix_d = M_LAST_KEY;
        x_d = {x_key_q[17], x_key_q};
        y_d = {y_key_q[17], y_key_q};
      end
      RECTIFY_1: begin  // the pending rotation is not needed any more: its place is free
        matrix_d = M_RECT_LEFT;
        x_d = {16'd0, M_PENDING};
        y_d = {16'd0, M_CAM_KEY};
      end
      RECTIFY_2: begin
        matrix_d = M_PENDING;
        transposed_d = 1'b1;
        x_d = {16'd0, M_STEREO};
        y_d = {16'd0, M_RECT_LEFT};
      end
      END_PENDING, FORGET_1: begin
        op_d = OP_IDENTITY;
        x_d = {16'd0, M_PENDING};
      end
      END_KEY: begin
        op_d = due_q ? OP_IDENTITY : OP_COPY;
        matrix_d = M_CAM_KEY;
        x_d = {16'd0, M_LAST_KEY};
      end
      FORGET_2: begin
        op_d = OP_IDENTITY;
        x_d = {16'd0, M_LAST_KEY};
      end
      LOST: begin
        op_d = OP_COPY;
        matrix_d = M_CAM_LAST;
        x_d = {16'd0, M_PENDING};
      end
      default: point_d = 1'b0;
    endcase
  end
  assign p_valid = point_d && !sent_q;
  assign p_op = op_d;
  assign p_transposed = transposed_d;
  assign p_matrix = matrix_d;
  assign p_x = x_d;
  assign p_y = y_d;

  assign r_valid = state_q == READ && !sent_q;
  assign r_index = index_q;
  assign q_valid = state_q == PREDICT && !sent_q;
  assign q_x = x_q;
  assign q_y = y_q;

  // ---- is a predicted pixel inside, less half a window? ----
  localparam [18:0] BORDER = HALF_WINDOW[18:0] << 8;
  wire [18:0] right_edge = {cfg_width, 8'd0} - BORDER;
  wire [18:0] low_edge = {cfg_height, 8'd0} - BORDER;
  wire inside = !q_u[18] && !q_v[18] && q_u >= BORDER && q_v >= BORDER && q_u < right_edge && q_v < low_edge;

  // ---- how far a ray has moved, at most 2^17 ----
  wire signed [19:0] dx = {p_ray_x[18], p_ray_x} - {{2{x_q[17]}}, x_q};
  wire signed [19:0] dy = {p_ray_y[18], p_ray_y} - {{2{y_q[17]}}, y_q};
  wire [19:0] size_x = dx[19] ? -dx : dx;
  wire [19:0] size_y = dy[19] ? -dy : dy;
  wire moved = behind_q || sum_q > {4'd0, cfg_moved2};
  wire aged = behind_q || sum_q > {4'd0, cfg_aged2};

  // ---- one multiplier: both squares, and the share of the keyframe's tracks ----
  wire [16:0] factor_a = state_q == SHARE ? {8'd0, cfg_min_alive} : state_q == SQUARE_X ? dx_q : dy_q;
  wire [16:0] factor_b = state_q == SHARE ? {{(17 - CW) {1'b0}}, at_key_q}
                       : state_q == SQUARE_X ? dx_q : dy_q;
  wire [33:0] product = {17'd0, factor_a} * {17'd0, factor_b};
  wire few_alive = {{(26 - CW) {1'b0}}, alive_q, 8'd0} < square_q;
  wire many_moved = {moved_q, 1'b0} > {1'b0, count_q};
  wire old = age_q >= {8'd0, cfg_max_age} && (!cfg_mono || {aged_q, 1'b0} > {1'b0, count_q});

  // ---- which step comes next ----
  wire any = count_q != NONE;
  wire [6:0] wanted;
  assign wanted[FOLLOW] = any && !dropped_q;
  assign wanted[MONO] = any && !dropped_q;
  assign wanted[ADD] = due_q && !dropped_q;
  assign wanted[MATCH] = due_q && any && !dropped_q;
  assign wanted[STEREO] = due_q && any && right_q && !dropped_q;
  assign wanted[KEY] = due_q && any && !dropped_q;
  assign wanted[OUT] = 1'b1;

  wire answered = (point_d && p_done) || (state_q == READ && a_valid) || (state_q == PREDICT && q_done);
  wire asked = (p_valid && p_ready) || r_valid || (q_valid && q_ready);

  always @(posedge clk) begin
    start_q <= 7'd0;
    if (rst) begin
      state_q <= FORGET_1;
      sent_q <= 1'b0;
      reading_q <= 1'b0;
      pending_q <= 1'b0;
      started_q <= 1'b0;
    end else begin
      if (answered) sent_q <= 1'b0;
      else if (asked) sent_q <= 1'b1;
      case (state_q)
        IDLE: begin
          index_q <= NONE;
          alive_q <= NONE;
          moved_q <= NONE;
          aged_q <= NONE;
          if (forget) state_q <= FORGET_1;
          else if (s_held && s_rotation) state_q <= TO_LAST;
        end
        TO_LAST: if (p_done) state_q <= TO_KEY;
        TO_KEY:
        if (p_done) begin
          if (age_q != 16'hFFFF) age_q <= age_q + 16'd1;
          due_q <= at_key_q == NONE;
          state_q <= at_key_q == NONE ? WAIT : any ? READ : SHARE;
        end
        READ:
        if (a_valid) begin
          x_q <= a_row[ROW_X+:18];
          y_q <= a_row[ROW_Y+:18];
          x_key_q <= x_key;
          y_key_q <= y_key;
          state_q <= PREDICT;
        end
        PREDICT:
        if (q_done) begin
          inside_q <= inside;
          state_q <= TURN;
        end
        TURN:
        if (p_done) begin
          behind_q <= !p_ok;
          dx_q <= |size_x[19:17] ? 17'h1FFFF : size_x[16:0];
          dy_q <= |size_y[19:17] ? 17'h1FFFF : size_y[16:0];
          state_q <= SQUARE_X;
        end
        SQUARE_X: begin
          square_q <= product;
          state_q <= SQUARE_Y;
        end
        SQUARE_Y: begin
          sum_q <= {2'b00, square_q} + {2'b00, product};
          state_q <= COUNT;
        end
        COUNT: begin
          if (inside_q) alive_q <= alive_q + ONE;
          if (moved) moved_q <= moved_q + ONE;
          if (aged) aged_q <= aged_q + ONE;
          index_q <= index_q + ONE;
          state_q <= s_dropped ? WAIT : index_q + ONE == count_q ? SHARE : READ;
        end
        SHARE: begin
          square_q <= product;
          state_q <= DECIDE;
        end
        DECIDE: begin
          due_q <= old || few_alive || many_moved;
          state_q <= WAIT;
        end
        WAIT: begin
          step_q <= 3'd0;
          right_q <= s_right;
          dropped_q <= s_dropped;
          if (s_stored) begin
            state_q <= s_dropped ? LOST : STEP;
            if (!s_dropped) pending_q <= due_q && s_right;
          end
        end
        LOST: if (p_done) state_q <= STEP;
        STEP:
        if (!wanted[step_q]) begin
          step_q <= step_q + 3'd1;
          if (step_q == STEREO[2:0]) pending_q <= 1'b0;
        end else if (step_q == STEREO[2:0] && !started_q) begin
          state_q <= RECTIFY_1;
        end else begin
          start_q[step_q] <= 1'b1;
          reading_q <= step_q == FOLLOW[2:0];
          started_q <= 1'b0;
          state_q <= BUSY;
        end
        RECTIFY_1: if (p_done) state_q <= RECTIFY_2;
        RECTIFY_2:
        if (p_done) begin
          started_q <= 1'b1;
          state_q <= STEP;
        end
        BUSY:
        if (done[step_q]) begin
          count_q <= kept;
          reading_q <= 1'b0;
          if (step_q == STEREO[2:0]) pending_q <= 1'b0;
          step_q <= step_q + 3'd1;
          state_q <= step_q != OUT[2:0] ? STEP : dropped_q ? IDLE : END_PENDING;
        end
        END_PENDING: if (p_done) state_q <= END_KEY;
        END_KEY:
        if (p_done) begin
          if (due_q) begin
            at_key_q <= count_q;
            age_q <= 16'd0;
          end
          state_q <= IDLE;
        end
        FORGET_1:
        if (p_done) begin
          count_q <= NONE;
          at_key_q <= NONE;
          age_q <= 16'd0;
          due_q <= 1'b1;
          state_q <= FORGET_2;
        end
        FORGET_2: if (p_done) state_q <= IDLE;
        default: state_q <= IDLE;
      endcase
    end
  end

  wire unused = &{1'b0, a_row[ROW_W-1:ROW_DRIFT_U], a_row[ROW_V_KEY+:18], a_row[ROW_U_KEY+:18], a_row[ROW_V+:18],
                  a_row[ROW_U+:18], a_row[ROW_QUALITY+:17], a_row[ROW_AGE+:15], a_row[ROW_ID+:32]};

  assign forgotten = state_q == FORGET_2 && p_done;
  assign undue = state_q == WAIT && !due_q;
  assign commit = state_q == WAIT && s_stored;
  assign commit_left = commit && !s_dropped;
  assign busy = state_q == STEP || state_q == BUSY || state_q == RECTIFY_1 || state_q == RECTIFY_2
                || state_q == END_PENDING || state_q == END_KEY || state_q == LOST;
  assign deciding = state_q != IDLE && state_q < WAIT;
  assign start = start_q;
  assign count = count_q;
  assign due = due_q;
  assign right = right_q;
  assign dropped = dropped_q;
  assign reading = reading_q;
  assign stereo_pending = pending_q;
  assign make_key = state_q == END_KEY && p_done && due_q;

endmodule

`default_nettype wire
