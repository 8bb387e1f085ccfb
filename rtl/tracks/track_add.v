// SPDX-License-Identifier: Apache-2.0
// Add new corners to the track table: the selection is told the live tracks, what it gives is new.
//
// `_detect` of vio/fixed/frontend.py. Identities count up and are never used again.
// Latency:    the selection's, and about 45 cycles a new corner (its ray).
// Throughput: one pass a keyframe.
`default_nettype none

module track_add #(
`define PORT_WIDTHS
`include "vio_params.vh"
    ,
`include "track_row.vh"
`undef PORT_WIDTHS
) (
    input wire clk,
    input wire rst,

    input wire [W_TRACK_COUNT-1:0] cfg_max_tracks,

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

    // Selection
    input  wire                        begin_ready,  // the candidates are there
    output wire                        begin_valid,
    output wire [W_TRACK_COUNT-1:0] begin_room,
    output wire [W_TRACK_COUNT-1:0] begin_count,
    output wire                        item_valid,
    input  wire                        item_ready,
    output wire [                18:0] item_u,
    output wire [                18:0] item_v,
    input  wire                        corner_valid,
    output wire                        corner_ready,
    input  wire [                10:0] corner_u,
    input  wire [                10:0] corner_v,
    input  wire [                16:0] corner_score,
    input  wire                        corner_end,

    // Rays of new corners
    output wire        p_valid,
    input  wire        p_ready,
    output wire [18:0] p_x,
    output wire [18:0] p_y,
    input  wire        p_done,
    input  wire [18:0] p_ray_x,
    input  wire [18:0] p_ray_y
);

`include "vio_params.vh"
`include "track_row.vh"

  localparam CW = TRACK_COUNT_BITS;
  localparam [CW-1:0] ONE = {{(CW - 1) {1'b0}}, 1'b1};
  localparam [CW-1:0] NONE = {CW{1'b0}};

  localparam [3:0] IDLE = 4'd0, BEGIN = 4'd1, READ = 4'd2, ROW = 4'd3, ITEM = 4'd4, CORNER = 4'd5,
                   RAY = 4'd6, RAY_SENT = 4'd7, WRITE = 4'd8;
  reg [3:0] state_q;
  reg [CW-1:0] index_q, kept_q;
  reg [17:0] u_q, v_q, x_q, y_q;
  reg [16:0] score_q;
  reg [31:0] next_id_q;
  reg done_q;

  always @(posedge clk) begin
    done_q <= 1'b0;
    if (rst) begin
      state_q <= IDLE;
      next_id_q <= 32'd0;
    end else
      case (state_q)
        IDLE:
        if (start) begin
          index_q <= NONE;
          kept_q <= count;
          state_q <= BEGIN;
        end
        BEGIN: if (begin_ready) state_q <= kept_q == NONE ? CORNER : READ;
        READ: state_q <= ROW;
        ROW: if (a_valid) state_q <= ITEM;
        ITEM:
        if (item_ready) begin
          index_q <= index_q + ONE;
          state_q <= index_q + ONE == kept_q ? CORNER : READ;
        end
        CORNER:
        if (corner_valid) begin
          state_q <= corner_end ? IDLE : RAY;
          done_q <= corner_end;
        end
        RAY: if (p_ready) state_q <= RAY_SENT;
        RAY_SENT: if (p_done) state_q <= WRITE;
        default:
        if (w_ready) begin
          kept_q <= kept_q + ONE;
          next_id_q <= next_id_q + 32'd1;
          state_q <= CORNER;
        end
      endcase
    if (state_q == ROW && a_valid) begin
      u_q <= a_row[ROW_U+:18];
      v_q <= a_row[ROW_V+:18];
    end else if (state_q == CORNER && corner_valid) begin
      u_q <= {corner_u[9:0], 8'd0};
      v_q <= {corner_v[9:0], 8'd0};
      score_q <= corner_score;
    end
    if (state_q == RAY_SENT && p_done) begin
      x_q <= p_ray_x[17:0];
      y_q <= p_ray_y[17:0];
    end
  end
  wire unused = &{1'b0, corner_u[10], corner_v[10], p_ray_x[18], p_ray_y[18], a_row[ROW_W-1:ROW_X],
                  a_row[ROW_U-1:0]};

  assign begin_valid = state_q == BEGIN && begin_ready;
  // The register may have been lowered below what the table holds: then there is no room.
  assign begin_room = cfg_max_tracks > kept_q ? cfg_max_tracks - kept_q : NONE;
  assign begin_count = kept_q;
  assign item_valid = state_q == ITEM;
  assign item_u = {1'b0, u_q};
  assign item_v = {1'b0, v_q};
  assign corner_ready = state_q == CORNER;
  assign p_valid = state_q == RAY;
  assign p_x = {1'b0, u_q};
  assign p_y = {1'b0, v_q};

  assign r_valid = state_q == READ;
  assign r_index = index_q;
  assign w_valid = state_q == WRITE;
  assign w_index = kept_q;
  assign w_mask = 6'b011111;
  assign w_row[ROW_ID+:32] = next_id_q;
  assign w_row[ROW_AGE+:15] = 15'd1;
  assign w_row[ROW_QUALITY+:17] = score_q;
  assign w_row[ROW_U+:18] = u_q;
  assign w_row[ROW_V+:18] = v_q;
  assign w_row[ROW_X+:18] = x_q;
  assign w_row[ROW_Y+:18] = y_q;
  assign w_row[ROW_U_KEY+:18] = u_q;
  assign w_row[ROW_V_KEY+:18] = v_q;
  assign w_row[ROW_X_KEY+:18] = x_q;
  assign w_row[ROW_Y_KEY+:18] = y_q;
  assign w_row[ROW_DRIFT_U+:32] = 32'd0;
  assign w_row[ROW_SCALE+:11] = 11'd1 << SCALE_FRAC;
  assign w_row[ROW_W-1:ROW_POINT] = {(ROW_W - ROW_POINT) {1'b0}};

  assign done = done_q;
  assign kept = kept_q;

endmodule

`default_nettype wire
