// SPDX-License-Identifier: Apache-2.0
// Share the track table between the passes over the tracks: one of them has its ports at a time.
//
// A row holds all that is known of a track (track_row.vh); a mask bit names the groups of fields that
// are written. Passes 0 and 1 only read. Each pass waits for its answer before it reads again, and
// all outputs of a pass that is not under way are 0 or not valid.
// Latency:    as track_table.v. Throughput: as track_table.v.
`default_nettype none

module track_rows #(
`define PORT_WIDTHS
`include "vio_params.vh"
    ,
`include "track_row.vh"
`undef PORT_WIDTHS
) (
    input wire clk,
    input wire rst,

    input  wire [                   5:0] r_valid,
    input  wire [6*W_TRACK_COUNT-1:0] r_index,
    output wire                          a_valid,
    output wire [             W_ROW-1:0] a_row,

    input  wire [                               5:2] w_valid,
    output wire                                      w_ready,
    input  wire [6*W_TRACK_COUNT-1:2*W_TRACK_COUNT] w_index,
    input  wire [                   6*W_ROW-1:2*W_ROW] w_row,
    input  wire [                 6*W_MASK-1:2*W_MASK] w_mask
);

`include "vio_params.vh"
`include "track_row.vh"

  localparam CW = TRACK_COUNT_BITS;
  localparam PASSES = 6;
  wire unused_ready;
  reg [CW-1:0] r_index_d, w_index_d;
  reg [ROW_W-1:0] w_row_d;
  reg [MASK_W-1:0] w_mask_d;
  integer n;
  always @* begin
    r_index_d = {CW{1'b0}};
    for (n = 0; n < PASSES; n = n + 1) if (r_valid[n]) r_index_d = r_index_d | r_index[CW*n+:CW];
    w_index_d = {CW{1'b0}};
    w_row_d = {ROW_W{1'b0}};
    w_mask_d = {MASK_W{1'b0}};
    for (n = 2; n < PASSES; n = n + 1)
      if (w_valid[n]) begin
        w_index_d = w_index_d | w_index[CW*n+:CW];
        w_row_d = w_row_d | w_row[ROW_W*n+:ROW_W];
        w_mask_d = w_mask_d | w_mask[MASK_W*n+:MASK_W];
      end
  end

  track_table #(
      .INDEX_W(CW)
  ) table_of_tracks (
      .clk(clk),
      .rst(rst),
      .r_valid(|r_valid),
      .r_ready(unused_ready),  // each pass waits for its answer before it reads again
      .r_index(r_index_d),
      .a_valid(a_valid),
      .a_id(a_row[ROW_ID+:32]),
      .a_quality(a_row[ROW_QUALITY+:17]),
      .a_age(a_row[ROW_AGE+:15]),
      .a_u(a_row[ROW_U+:18]),
      .a_v(a_row[ROW_V+:18]),
      .a_x(a_row[ROW_X+:18]),
      .a_y(a_row[ROW_Y+:18]),
      .a_u_key(a_row[ROW_U_KEY+:18]),
      .a_v_key(a_row[ROW_V_KEY+:18]),
      .a_x_key(a_row[ROW_X_KEY+:18]),
      .a_y_key(a_row[ROW_Y_KEY+:18]),
      .a_drift_u(a_row[ROW_DRIFT_U+:16]),
      .a_drift_v(a_row[ROW_DRIFT_V+:16]),
      .a_scale(a_row[ROW_SCALE+:11]),
      .a_point(a_row[ROW_POINT+:66]),
      .a_u_right(a_row[ROW_U_RIGHT+:19]),
      .a_v_right(a_row[ROW_V_RIGHT+:19]),
      .a_x_stereo(a_row[ROW_RAY_X+:18]),
      .a_y_stereo(a_row[ROW_RAY_Y+:18]),
      .a_disparity(a_row[ROW_DISPARITY+:16]),
      .a_matched(a_row[ROW_MATCHED]),
      .w_valid(|w_valid),
      .w_ready(w_ready),
      .w_index(w_index_d),
      .w_mask({{2{w_mask_d[MASK_STEREO]}}, w_mask_d[MASK_MOTION] || w_mask_d[MASK_POINT],
               w_mask_d[MASK_MOTION], {2{w_mask_d[MASK_KEY]}}, {2{w_mask_d[MASK_HERE]}},
               {2{w_mask_d[MASK_IDENTITY]}}}),
      .w_id(w_row_d[ROW_ID+:32]),
      .w_quality(w_row_d[ROW_QUALITY+:17]),
      .w_age(w_row_d[ROW_AGE+:15]),
      .w_u(w_row_d[ROW_U+:18]),
      .w_v(w_row_d[ROW_V+:18]),
      .w_x(w_row_d[ROW_X+:18]),
      .w_y(w_row_d[ROW_Y+:18]),
      .w_u_key(w_row_d[ROW_U_KEY+:18]),
      .w_v_key(w_row_d[ROW_V_KEY+:18]),
      .w_x_key(w_row_d[ROW_X_KEY+:18]),
      .w_y_key(w_row_d[ROW_Y_KEY+:18]),
      .w_drift_u(w_row_d[ROW_DRIFT_U+:16]),
      .w_drift_v(w_row_d[ROW_DRIFT_V+:16]),
      .w_scale(w_row_d[ROW_SCALE+:11]),
      .w_point(w_row_d[ROW_POINT+:66]),
      .w_u_right(w_row_d[ROW_U_RIGHT+:19]),
      .w_v_right(w_row_d[ROW_V_RIGHT+:19]),
      .w_x_stereo(w_row_d[ROW_RAY_X+:18]),
      .w_y_stereo(w_row_d[ROW_RAY_Y+:18]),
      .w_disparity(w_row_d[ROW_DISPARITY+:16]),
      .w_matched(w_row_d[ROW_MATCHED])
  );

endmodule

`default_nettype wire
