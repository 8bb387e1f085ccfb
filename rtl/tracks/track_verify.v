// SPDX-License-Identifier: Apache-2.0
// Hand the tracks to the RANSAC block and take its decisions into the table.
//
// Mono: outliers leave the table, the others move up and get their size in the keyframe. Stereo:
// over the tracks matched now and at the last keyframe; outliers lose their right pixel. Key: the
// frame becomes the keyframe, each matched track gets its point. Steps `_verify_motion`, the end of
// `_match_verified` and `_start_keyframe` of vio/fixed/frontend.py.
// Latency:    the RANSAC block's, and about 12 cycles a track and pass.
// Throughput: one pass at a time.
`default_nettype none

module track_verify #(
`define PORT_WIDTHS
`include "vio_params.vh"
    ,
`include "track_row.vh"
`undef PORT_WIDTHS
) (
    input wire clk,
    input wire rst,

    input  wire                        start_mono,
    input  wire                        start_stereo,
    input  wire                        start_key,
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

    // RANSAC block: items are taken from item_row
    output wire                        begin_valid,
    output wire [                 1:0] begin_mode,  // 0 mono, 1 stereo, 2 points
    output wire [W_TRACK_COUNT-1:0] begin_count,
    output wire                        item_valid,
    input  wire                        item_ready,
    output wire [           W_ROW-1:0] item_row,
    input  wire                        decision_valid,
    output wire                        decision_ready,
    input  wire                        decision_keep,
    input  wire [                10:0] decision_scale,
    input  wire [                65:0] decision_point,

    output wire event_mono_lost,     // pulse: an outlier
    output wire event_stereo_lost
);

`include "vio_params.vh"
`include "track_row.vh"

  localparam CW = TRACK_COUNT_BITS;
  localparam [CW-1:0] ONE = {{(CW - 1) {1'b0}}, 1'b1};
  localparam [CW-1:0] NONE = {CW{1'b0}};

  localparam [3:0] IDLE = 4'd0, READ = 4'd1, ROW = 4'd2, USE = 4'd3, BEGIN = 4'd4, WRITE = 4'd5;
  // What is done with each row: 0 count it (stereo), 1 hand it on, 2 take its decision, 3 both (key:
  // points come one by one).
  localparam [1:0] COUNT = 2'd0, HAND = 2'd1, JUDGE = 2'd2, POINT = 2'd3;

  reg [3:0] state_q;
  reg [1:0] pass_q;
  reg [1:0] mode_q;
  reg done_q, handed_q;
  wire stereo = mode_q == 2'd1;
  wire key = mode_q == 2'd2;
  wire mono = mode_q == 2'd0;
  reg [CW-1:0] index_q, last_q, kept_q, both_q;
  reg [ROW_W-1:0] row_q;

  // Depth of the keyframe's point: the highest of its three words; 0: it has none.
  wire has_point = |row_q[ROW_POINT+44+:22];
  wire concerned = !stereo || (row_q[ROW_MATCHED] && has_point);
  wire judged = (pass_q == JUDGE && concerned) || (pass_q == POINT && handed_q);
  wire [CW-1:0] both_next = both_q + {{(CW - 1) {1'b0}}, concerned};
  wire ends = index_q == last_q;
  // Mono: an outlier is just passed over. Stereo: an inlier stays as it is.
  wire drop_only = stereo ? decision_keep : mono && !decision_keep;
  wire leave = state_q == USE && (pass_q == HAND ? !concerned || item_ready
                                : pass_q == JUDGE ? !concerned || (decision_valid && drop_only)
                                : pass_q == COUNT);
  wire write = state_q == USE && judged && decision_valid && !drop_only;
  wire next = leave || (state_q == WRITE && w_ready);

  always @(posedge clk) begin
    done_q <= 1'b0;
    if (rst) state_q <= IDLE;
    else begin
      case (state_q)
        IDLE:
        if (start_mono || start_stereo || start_key) begin
          mode_q <= {start_key, start_stereo};
          pass_q <= start_stereo ? COUNT : start_key ? POINT : HAND;
          last_q <= count - ONE;
          index_q <= NONE;
          kept_q <= NONE;
          both_q <= start_stereo ? NONE : count;
          state_q <= start_stereo ? READ : BEGIN;
        end
        BEGIN: state_q <= READ;
        READ: state_q <= ROW;
        ROW: if (a_valid) state_q <= USE;
        default: begin
          if (write) state_q <= WRITE;
          if (next) begin
            index_q <= ends ? NONE : index_q + ONE;
            state_q <= READ;
            if (ends) begin
              pass_q <= pass_q + 2'd1;
              if (pass_q == COUNT) state_q <= both_next == NONE ? IDLE : BEGIN;
              if (pass_q == JUDGE || pass_q == POINT) state_q <= IDLE;
              done_q <= pass_q == JUDGE || pass_q == POINT || (pass_q == COUNT && both_next == NONE);
            end
          end
          if (leave && pass_q == COUNT) both_q <= both_next;
          if (mono && state_q == WRITE && w_ready) kept_q <= kept_q + ONE;
        end
      endcase
    end
    if (state_q == ROW && a_valid) row_q <= a_row;
    if (state_q == ROW) handed_q <= 1'b0;
    else if (item_valid && item_ready) handed_q <= 1'b1;
    if (write) begin
      if (stereo) row_q[ROW_MATCHED] <= 1'b0;
      else row_q[ROW_SCALE+:11] <= key ? 11'd1 << SCALE_FRAC : decision_scale;
      if (key) begin
        row_q[ROW_U_KEY+:72] <= row_q[ROW_U+:72];  // pixel and ray
        row_q[ROW_POINT+:66] <= row_q[ROW_MATCHED] ? decision_point : 66'd0;
      end
    end
  end

  assign r_valid = state_q == READ;
  assign r_index = index_q;
  assign w_valid = state_q == WRITE;
  assign w_index = mono ? kept_q : index_q;
  assign w_row = row_q;
  assign w_mask = stereo ? 6'b100000 : key ? 6'b011100 : kept_q == index_q ? 6'b001000 : 6'b011111;

  assign begin_valid = state_q == BEGIN;
  assign begin_mode = mode_q;
  assign begin_count = both_q;
  assign item_valid = state_q == USE && ((pass_q == HAND && concerned) || (pass_q == POINT && !handed_q));
  assign item_row = row_q;
  assign decision_ready = state_q == USE && judged;

  assign done = done_q;
  assign kept = mono ? kept_q : count;
  assign event_mono_lost = mono && decision_valid && decision_ready && !decision_keep;
  assign event_stereo_lost = stereo && decision_valid && decision_ready && !decision_keep;

endmodule

`default_nettype wire
