// SPDX-License-Identifier: Apache-2.0
// Follow all tracks into the new frame: prediction, tracker, new ray, and the table made dense.
//
// `_advance` of vio/fixed/frontend.py. While the tracker is at work on some tracks, the projection unit
// predicts the next one. Tracks that are lost leave the table; the others move up, in their order.
// Latency:    the tracker's for all tracks, and the prediction of the first.
// Throughput: as many tracks in flight as the tracker takes, up to IN_FLIGHT; the projection unit needs about 400
//             cycles a track.
// Memory:     IN_FLIGHT x 38 bits of LUT RAM.
`default_nettype none

module track_follow #(
    parameter IN_FLIGHT = 4,  // tracks that the tracker has at most, a power of two
`define PORT_WIDTHS
`include "vio_params.vh"
    ,
`include "track_row.vh"
`undef PORT_WIDTHS
) (
    input wire clk,
    input wire rst,

    input  wire                        start,
    input  wire [W_TRACK_COUNT-1:0] count,
    output wire                        done,
    output wire [W_TRACK_COUNT-1:0] kept,

    // Track table
    output wire                        r_valid,
    output wire [W_TRACK_COUNT-1:0] r_index,
    input  wire                        a_valid,
    input  wire [           W_ROW-1:0] a_row,
    output wire                        w_valid,
    input  wire                        w_ready,
    output wire [W_TRACK_COUNT-1:0] w_index,
    output wire [           W_ROW-1:0] w_row,
    output wire [          W_MASK-1:0] w_mask,

    // Prediction of pixel and window
    output wire        q_valid,
    input  wire        q_ready,
    output wire [17:0] q_x,
    output wire [17:0] q_y,
    output wire [17:0] q_x_key,
    output wire [17:0] q_y_key,
    output wire [10:0] q_scale,
    input  wire        q_done,
    input  wire [18:0] q_u,
    input  wire [18:0] q_v,
    input  wire [63:0] q_warp,

    // Tracker
    output wire        k_valid,
    input  wire        k_ready,
    output wire [18:0] k_u_key,
    output wire [18:0] k_v_key,
    output wire [19:0] k_u,
    output wire [19:0] k_v,
    output wire [63:0] k_warp,
    input  wire        k_done,
    output wire        k_done_ready,
    input  wire [18:0] k_found_u,
    input  wire [18:0] k_found_v,
    input  wire [ 2:0] k_status,

    // Rays of found pixels
    output wire        p_valid,
    input  wire        p_ready,
    output wire [18:0] p_x,
    output wire [18:0] p_y,
    input  wire        p_done,
    input  wire [18:0] p_ray_x,
    input  wire [18:0] p_ray_y,

    output wire       event_result,  // pulse, with the status
    output wire [2:0] event_status
);

`include "vio_params.vh"
`include "track_row.vh"

  localparam CW = TRACK_COUNT_BITS;
  localparam [CW-1:0] ONE = {{(CW - 1) {1'b0}}, 1'b1};
  localparam [2:0] TRACKED = 3'd0;

  wire k_taken = k_valid && k_ready;

  // ---- ahead of the tracker: read, predict, hold ----
  localparam [2:0] A_IDLE = 3'd0, A_READ = 3'd1, A_ROW = 3'd2, A_ASK = 3'd3, A_PREDICT = 3'd4, A_HELD = 3'd5;
  reg [2:0] ahead_q;
  reg [CW-1:0] ahead_index_q, last_q;
  reg [17:0] x_q, y_q, x_key_q, y_key_q, u_key_q, v_key_q;
  reg [15:0] drift_u_q, drift_v_q;
  reg [10:0] scale_q;
  reg [18:0] next_u_q, next_v_q;  // predicted
  reg [63:0] warp_q;

  // ---- behind it: ray, read again, write ----
  localparam [2:0] B_WAIT = 3'd1, B_RAY = 3'd2, B_RAY_SENT = 3'd3, B_READ = 3'd4,
                   B_ROW = 3'd5, B_WRITE = 3'd6;
  reg [2:0] behind_q;
  reg [CW-1:0] index_q, kept_q;
  reg [18:0] predicted_u_q, predicted_v_q, u_q, v_q;
  reg [17:0] ray_x_q, ray_y_q;
  reg [ROW_W-1:0] row_q;
  reg done_q;

  // The table is read for what is behind first; an answer belongs to the one that waits for it.
  wire b_read = behind_q == B_READ;
  wire a_read = ahead_q == A_READ && !b_read && behind_q != B_ROW;
  wire b_blocked = ahead_q == A_ROW;
  assign r_valid = (b_read && !b_blocked) || a_read;
  assign r_index = b_read ? index_q : ahead_index_q;

  assign q_valid = ahead_q == A_ASK;
  assign q_x = x_q;
  assign q_y = y_q;
  assign q_x_key = x_key_q;
  assign q_y_key = y_key_q;
  assign q_scale = scale_q;

  // What was predicted of the tracks that the tracker has.
  wire queue_ready, unused_queued;
  wire [18:0] predicted_u, predicted_v;
  wire [$clog2(IN_FLIGHT):0] unused_level;
  wire taken_back = k_done && k_done_ready;
  fifo #(
      .WIDTH(38),
      .DEPTH(IN_FLIGHT)
  ) predictions (
      .clk(clk),
      .rst(rst),
      .s_valid(k_taken),
      .s_ready(queue_ready),
      .s_data({next_v_q, next_u_q}),
      .m_valid(unused_queued),
      .m_ready(taken_back),
      .m_data({predicted_v, predicted_u}),
      .level(unused_level)
  );

  assign k_valid = ahead_q == A_HELD && queue_ready;
  assign k_done_ready = behind_q == B_WAIT;
  assign k_u_key = {1'b0, u_key_q};
  assign k_v_key = {1'b0, v_key_q};
  assign k_u = {next_u_q[18], next_u_q} + {{4{drift_u_q[15]}}, drift_u_q};
  assign k_v = {next_v_q[18], next_v_q} + {{4{drift_v_q[15]}}, drift_v_q};
  assign k_warp = warp_q;
  wire ends = index_q == last_q;

  assign p_valid = behind_q == B_RAY;
  assign p_x = u_q;
  assign p_y = v_q;

  wire [15:0] drift_u, drift_v;
  wire unused_u, unused_v;  // beyond 128 px the drift saturates
  round_saturate #(.IN_W(20), .OUT_W(16), .SHIFT(0)) narrow_u (
      .s_data({u_q[18], u_q} - {predicted_u_q[18], predicted_u_q}), .m_data(drift_u), .m_saturated(unused_u)
  );
  round_saturate #(.IN_W(20), .OUT_W(16), .SHIFT(0)) narrow_v (
      .s_data({v_q[18], v_q} - {predicted_v_q[18], predicted_v_q}), .m_data(drift_v), .m_saturated(unused_v)
  );
  wire [14:0] age = a_row[ROW_AGE+:15];
  wire unused = &{1'b0, p_ray_x[18], p_ray_y[18], unused_u, unused_v, unused_queued, unused_level};

  always @(posedge clk) begin
    done_q <= 1'b0;
    if (rst) begin
      ahead_q <= A_IDLE;
      behind_q <= B_WAIT;
    end else begin
      if (start) begin
        ahead_q <= A_READ;
        ahead_index_q <= {CW{1'b0}};
        index_q <= {CW{1'b0}};
        kept_q <= {CW{1'b0}};
        last_q <= count - ONE;
      end
      case (ahead_q)
        A_READ: if (a_read) ahead_q <= A_ROW;
        A_ROW: if (a_valid) ahead_q <= A_ASK;
        A_ASK: if (q_ready) ahead_q <= A_PREDICT;
        A_PREDICT: if (q_done) ahead_q <= A_HELD;
        A_HELD:
        if (k_taken) begin
          ahead_index_q <= ahead_index_q + ONE;
          ahead_q <= ahead_index_q == last_q ? A_IDLE : A_READ;
        end
        default: ;
      endcase
      case (behind_q)
        B_WAIT:
        if (k_done) begin
          if (k_status == TRACKED) behind_q <= B_RAY;
          else begin
            index_q <= index_q + ONE;
            done_q <= ends;
          end
        end
        B_RAY: if (p_ready) behind_q <= B_RAY_SENT;
        B_RAY_SENT: if (p_done) behind_q <= B_READ;
        B_READ: if (!b_blocked) behind_q <= B_ROW;
        B_ROW: if (a_valid) behind_q <= B_WRITE;
        B_WRITE:
        if (w_ready) begin
          behind_q <= B_WAIT;
          index_q <= index_q + ONE;
          kept_q <= kept_q + ONE;
          done_q <= ends;
        end
        default: ;
      endcase
    end
    if (ahead_q == A_ROW && a_valid) begin
      x_q <= a_row[ROW_X+:18];
      y_q <= a_row[ROW_Y+:18];
      x_key_q <= a_row[ROW_X_KEY+:18];
      y_key_q <= a_row[ROW_Y_KEY+:18];
      u_key_q <= a_row[ROW_U_KEY+:18];
      v_key_q <= a_row[ROW_V_KEY+:18];
      drift_u_q <= a_row[ROW_DRIFT_U+:16];
      drift_v_q <= a_row[ROW_DRIFT_V+:16];
      scale_q <= a_row[ROW_SCALE+:11];
    end
    if (q_done) begin
      next_u_q <= q_u;
      next_v_q <= q_v;
      warp_q <= q_warp;
    end
    if (taken_back) begin
      {predicted_v_q, predicted_u_q} <= {predicted_v, predicted_u};
      u_q <= k_found_u;
      v_q <= k_found_v;
    end
    if (p_done) begin
      ray_x_q <= p_ray_x[17:0];
      ray_y_q <= p_ray_y[17:0];
    end
    if (behind_q == B_ROW && a_valid) begin
      row_q <= a_row;
      row_q[ROW_AGE+:15] <= &age ? age : age + 15'd1;
      row_q[ROW_U+:18] <= u_q[17:0];
      row_q[ROW_V+:18] <= v_q[17:0];
      row_q[ROW_X+:18] <= ray_x_q;
      row_q[ROW_Y+:18] <= ray_y_q;
      row_q[ROW_DRIFT_U+:16] <= drift_u;
      row_q[ROW_DRIFT_V+:16] <= drift_v;
    end
  end

  assign w_valid = behind_q == B_WRITE;
  assign w_index = kept_q;
  assign w_row = row_q;
  // What does not change is written only where the track moves up.
  assign w_mask = kept_q == index_q ? 6'b001011 : 6'b011111;
  assign done = done_q;
  assign kept = kept_q;
  assign event_result = taken_back;
  assign event_status = k_status;

endmodule

`default_nettype wire
