// SPDX-License-Identifier: Apache-2.0
// The stereo matcher with the tracker and both projection units, for sim/stereo/test_stereo.py.
`default_nettype none

module stereo_chip (
    input wire clk,
    input wire rst,

    input wire        w_valid,
    input wire [ 2:0] w_select,
    input wire [ 8:0] w_address,
    input wire [23:0] w_data,

    input wire [10:0] cfg_width,
    input wire [10:0] cfg_height,
    input wire [17:0] cfg_first,
    input wire [17:0] cfg_disparity_step,
    input wire [ 2:0] cfg_segments,
    input wire [ 3:0] cfg_reach_u,
    input wire [ 2:0] cfg_reach_v,
    input wire [16:0] cfg_search_min,
    input wire [16:0] cfg_uniqueness,
    input wire [13:0] cfg_step,
    input wire [19:0] cfg_flat_min,
    input wire [16:0] cfg_stereo_correlation_min,
    input wire [ 3:0] cfg_stereo_iterations,
    input wire [13:0] cfg_max_refine,

    input  wire        s_valid,
    output wire        s_ready,
    input  wire [18:0] s_u,
    input  wire [18:0] s_v,

    output wire        m_valid,
    input  wire        m_ready,
    output wire        m_matched,
    output wire [18:0] m_u,
    output wire [18:0] m_v,
    output wire [17:0] m_x,
    output wire [17:0] m_y,
    output wire [15:0] m_disparity,
    output wire [ 7:0] m_columns,
    output wire [ 3:0] m_iterations,

    output wire          r_valid,
    input  wire          r_ready,
    output wire [   1:0] r_buffer,
    output wire [   1:0] r_level,
    output wire [   8:0] r_column,
    output wire [   8:0] r_row,
    input  wire          a_valid,
    input  wire [1023:0] a_pixels,

    output wire          kr_valid,
    input  wire          kr_ready,
    output wire [   1:0] kr_buffer,
    output wire [   1:0] kr_level,
    output wire [   8:0] kr_column,
    output wire [   8:0] kr_row,
    input  wire          ka_valid,
    input  wire [   1:0] ka_part,
    input  wire [ 255:0] ka_pixels
);

  wire k_valid, k_ready, k_done, k_done_ready;
  wire [18:0] k_u_key, k_v_key, k_found_u, k_found_v;
  wire [19:0] k_u;
  wire [63:0] k_warp;
  wire [2:0] k_pieces, k_status;
  wire [94:0] k_knots_u, k_knots_v;
  wire [51:0] k_slopes;
  wire [11:0] k_iterations;

  wire [1:0] p_valid, p_ready, p_camera, p_done, p_a_ok;
  wire [5:0] p_op, p_matrix;
  wire [39:0] p_x, p_y;
  wire [37:0] p_a_x, p_a_y;
  wire [323:0] unused_key, unused_stereo;

  genvar i;
  generate
    for (i = 0; i < 2; i = i + 1) begin : g_point
      rectify points (
          .clk(clk),
          .rst(rst),
          .w_hold(),
          .w_valid(w_valid),
          .w_select(w_select),
          .w_address(w_address),
          .w_data(w_data),
          .s_valid(p_valid[i]),
          .s_ready(p_ready[i]),
          .s_op(p_op[3*i+:3]),
          .s_camera(p_camera[i]),
          .s_matrix(p_matrix[3*i+:3]),
          .s_x(p_x[20*i+:20]),
          .s_y(p_y[20*i+:20]),
          .m_valid(p_done[i]),
          .m_x(p_a_x[19*i+:19]),
          .m_y(p_a_y[19*i+:19]),
          .m_ok(p_a_ok[i]),
          .m_cam_key(unused_key[162*i+:162]),
          .m_stereo_rotation(unused_stereo[162*i+:162])
      );
    end
  endgenerate

  klt tracker (
      .clk(clk),
      .rst(rst),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .cfg_levels(2'd2),
      .cfg_max_iterations(cfg_stereo_iterations),
      .cfg_step(cfg_step),
      .cfg_max_shift(cfg_max_refine),
      .cfg_flat_min(cfg_flat_min),
      .cfg_correlation_min(cfg_stereo_correlation_min),
      .cfg_stereo_correlation_min(cfg_stereo_correlation_min),
      .cfg_stereo_iterations(cfg_stereo_iterations),
      .cfg_max_refine(cfg_max_refine),
      .s_valid(k_valid),
      .s_ready(k_ready),
      .s_stereo(1'b1),
      .s_u_key(k_u_key),
      .s_v_key(k_v_key),
      .s_u(k_u),
      .s_v(20'd0),
      .s_warp(k_warp),
      .s_pieces(k_pieces),
      .s_knots_u(k_knots_u),
      .s_knots_v(k_knots_v),
      .s_slopes(k_slopes),
      .m_valid(k_done),
      .m_ready(k_done_ready),
      .m_u(k_found_u),
      .m_v(k_found_v),
      .m_status(k_status),
      .m_iterations(k_iterations),
      .r_valid(kr_valid),
      .r_ready(kr_ready),
      .r_buffer(kr_buffer),
      .r_level(kr_level),
      .r_column(kr_column),
      .r_row(kr_row),
      .a_valid(ka_valid),
      .a_part(ka_part),
      .a_pixels(ka_pixels),
      .count_accesses()
  );

  stereo matcher (
      .clk(clk),
      .rst(rst),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .cfg_first(cfg_first),
      .cfg_disparity_step(cfg_disparity_step),
      .cfg_segments(cfg_segments),
      .cfg_reach_u(cfg_reach_u),
      .cfg_reach_v(cfg_reach_v),
      .cfg_search_min(cfg_search_min),
      .cfg_uniqueness(cfg_uniqueness),
      .s_valid(s_valid),
      .s_ready(s_ready),
      .s_u(s_u),
      .s_v(s_v),
      .m_valid(m_valid),
      .m_ready(m_ready),
      .m_matched(m_matched),
      .m_u(m_u),
      .m_v(m_v),
      .m_x(m_x),
      .m_y(m_y),
      .m_disparity(m_disparity),
      .m_columns(m_columns),
      .m_iterations(m_iterations),
      .r_valid(r_valid),
      .r_ready(r_ready),
      .r_buffer(r_buffer),
      .r_level(r_level),
      .r_column(r_column),
      .r_row(r_row),
      .a_valid(a_valid),
      .a_pixels(a_pixels),
      .k_valid(k_valid),
      .k_ready(k_ready),
      .k_u_key(k_u_key),
      .k_v_key(k_v_key),
      .k_u(k_u),
      .k_warp(k_warp),
      .k_pieces(k_pieces),
      .k_knots_u(k_knots_u),
      .k_knots_v(k_knots_v),
      .k_slopes(k_slopes),
      .k_done(k_done),
      .k_done_ready(k_done_ready),
      .k_found_u(k_found_u),
      .k_found_v(k_found_v),
      .k_status(k_status),
      .k_iterations(k_iterations[3:0]),
      .pa_valid(p_valid[0]),
      .pa_ready(p_ready[0]),
      .pa_op(p_op[2:0]),
      .pa_camera(p_camera[0]),
      .pa_matrix(p_matrix[2:0]),
      .pa_x(p_x[19:0]),
      .pa_y(p_y[19:0]),
      .pa_done(p_done[0]),
      .pa_a_x(p_a_x[18:0]),
      .pa_a_y(p_a_y[18:0]),
      .pa_a_ok(p_a_ok[0]),
      .pb_valid(p_valid[1]),
      .pb_ready(p_ready[1]),
      .pb_op(p_op[5:3]),
      .pb_camera(p_camera[1]),
      .pb_matrix(p_matrix[5:3]),
      .pb_x(p_x[39:20]),
      .pb_y(p_y[39:20]),
      .pb_done(p_done[1]),
      .pb_a_x(p_a_x[37:19]),
      .pb_a_y(p_a_y[37:19]),
      .pb_a_ok(p_a_ok[1])
  );

endmodule

`default_nettype wire
