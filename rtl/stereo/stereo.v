// SPDX-License-Identifier: Apache-2.0
// Find the right pixels of left pixels, and their stereo rays: all stages side by side for different
// tracks, results in order. Equals `match_rows` of vio/fixed/stereo.py.
//
// Stages:     curve (projection unit A), search (three tracks), map of the window (projection unit B), refinement (the
//             tracker), final ray (projection unit A). A track that is given up passes the others by.
// Q formats:  pixels sQ10.8, rays sQ1.16, disparity uQ0.16.
// Latency:    the sum of the stages, about 1600 cycles. Throughput: the slowest stage's: 365 for row and map,
//             150 + 4.5 a column for the search, or the tracker's. Memory: 4 tracks of 320 bits in registers, the
//             search's 5 block RAM. Multipliers: 5 of the search.
`default_nettype none

module stereo (
    input wire clk,
    input wire rst,

    input wire [10:0] cfg_width,
    input wire [10:0] cfg_height,
    input wire [17:0] cfg_first,
    input wire [17:0] cfg_disparity_step,
    input wire [ 2:0] cfg_segments,
    input wire [ 3:0] cfg_reach_u,
    input wire [ 2:0] cfg_reach_v,
    input wire [16:0] cfg_search_min,
    input wire [16:0] cfg_uniqueness,

    input  wire               s_valid,
    output wire               s_ready,
    input  wire signed [18:0] s_u,
    input  wire signed [18:0] s_v,

    output wire               m_valid,
    input  wire               m_ready,
    output wire               m_matched,    // else only the counts are of meaning
    output wire signed [18:0] m_u,
    output wire signed [18:0] m_v,
    output wire signed [17:0] m_x,          // rectified left ray
    output wire signed [17:0] m_y,
    output wire        [15:0] m_disparity,
    output wire        [ 7:0] m_columns,    // searched
    output wire        [ 3:0] m_iterations, // of the refinement

    // Reader of blocks, for the search
    output wire          r_valid,
    input  wire          r_ready,
    output wire [   1:0] r_buffer,
    output wire [   1:0] r_level,
    output wire [   8:0] r_column,
    output wire [   8:0] r_row,
    input  wire          a_valid,
    input  wire [1023:0] a_pixels,

    // Tracker (klt.v, s_stereo 1)
    output wire               k_valid,
    input  wire               k_ready,
    output wire signed [18:0] k_u_key,
    output wire signed [18:0] k_v_key,
    output wire signed [19:0] k_u,
    output wire        [63:0] k_warp,
    output wire        [ 2:0] k_pieces,
    output wire        [94:0] k_knots_u,
    output wire        [94:0] k_knots_v,
    output wire        [51:0] k_slopes,
    input  wire               k_done,
    output wire               k_done_ready,
    input  wire signed [18:0] k_found_u,
    input  wire signed [18:0] k_found_v,
    input  wire        [ 2:0] k_status,
    input  wire        [ 3:0] k_iterations,

    // Point unit A
    output wire               pa_valid,
    input  wire               pa_ready,
    output wire        [ 2:0] pa_op,
    output wire               pa_camera,
    output wire        [ 2:0] pa_matrix,
    output wire signed [19:0] pa_x,
    output wire signed [19:0] pa_y,
    input  wire               pa_done,
    input  wire signed [18:0] pa_a_x,
    input  wire signed [18:0] pa_a_y,
    input  wire               pa_a_ok,

    // Point unit B
    output wire               pb_valid,
    input  wire               pb_ready,
    output wire        [ 2:0] pb_op,
    output wire               pb_camera,
    output wire        [ 2:0] pb_matrix,
    output wire signed [19:0] pb_x,
    output wire signed [19:0] pb_y,
    input  wire               pb_done,
    input  wire signed [18:0] pb_a_x,
    input  wire signed [18:0] pb_a_y,
    input  wire               pb_a_ok
);

  localparam [2:0] TRACKED = 3'd0;
  localparam POINT_W = 47;
  localparam TRACK_W = 1 + 2 * 19 + 2 * 18 + 3 + 2 * 95 + 52;

  // ---- 1: curve ----
  wire c_valid, c_ready, c_ok, ca_valid, ca_ready, ca_camera, ca_done;
  wire [2:0] ca_op, ca_matrix, c_pieces;
  wire signed [19:0] ca_x, ca_y;
  wire signed [17:0] c_x, c_y;
  wire [94:0] c_knots_u, c_knots_v;
  wire [51:0] c_slopes;
  wire curve_ready;
  reg signed [18:0] u_q, v_q;  // of the pixel whose curve is traced
  always @(posedge clk) if (s_valid && s_ready) {u_q, v_q} <= {s_u, s_v};
  assign s_ready = curve_ready;

  stereo_curve curve (
      .clk(clk),
      .rst(rst),
      .cfg_first(cfg_first),
      .cfg_disparity_step(cfg_disparity_step),
      .cfg_segments(cfg_segments),
      .s_valid(s_valid),
      .s_ready(curve_ready),
      .s_u(s_u),
      .s_v(s_v),
      .m_valid(c_valid),
      .m_ready(c_ready),
      .m_ok(c_ok),
      .m_x(c_x),
      .m_y(c_y),
      .m_pieces(c_pieces),
      .m_knots_u(c_knots_u),
      .m_knots_v(c_knots_v),
      .m_slopes(c_slopes),
      .p_valid(ca_valid),
      .p_ready(ca_ready),
      .p_op(ca_op),
      .p_camera(ca_camera),
      .p_matrix(ca_matrix),
      .p_x(ca_x),
      .p_y(ca_y),
      .a_valid(ca_done),
      .a_x(pa_a_x),
      .a_y(pa_a_y),
      .a_ok(pa_a_ok)
  );

  // ---- 2: search; the track waits in a queue ----
  wire signed [18:0] u_round = u_q + 19'sd128;
  wire signed [18:0] v_round = v_q + 19'sd128;
  wire unused_round = &{1'b0, u_round[7:0], v_round[7:0]};
  wire queue_ready, search_ready, searched, search_taken, found, t_valid, t_taken;
  wire signed [11:0] match;
  wire [7:0] columns;
  wire t_ok;
  wire signed [18:0] t_u, t_v;
  wire signed [17:0] t_x, t_y;
  assign c_ready = queue_ready && (!c_ok || search_ready);

  stereo_search search (
      .clk(clk),
      .rst(rst),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .cfg_reach_u(cfg_reach_u),
      .cfg_reach_v(cfg_reach_v),
      .cfg_search_min(cfg_search_min),
      .cfg_uniqueness(cfg_uniqueness),
      .s_valid(c_valid && c_ok && queue_ready),
      .s_ready(search_ready),
      .s_u({u_round[18], u_round[18:8]}),
      .s_v({v_round[18], v_round[18:8]}),
      .s_pieces(c_pieces),
      .s_knots_u(c_knots_u),
      .s_knots_v(c_knots_v),
      .s_slopes(c_slopes),
      .m_valid(searched),
      .m_ready(search_taken),
      .m_found(found),
      .m_match(match),
      .m_columns(columns),
      .r_valid(r_valid),
      .r_ready(r_ready),
      .r_buffer(r_buffer),
      .r_level(r_level),
      .r_column(r_column),
      .r_row(r_row),
      .a_valid(a_valid),
      .a_pixels(a_pixels)
  );

  register_queue #(
      .WIDTH(TRACK_W),
      .DEPTH(4)
  ) tracks (
      .clk(clk),
      .rst(rst),
      .s_valid(c_valid && c_ready),
      .s_ready(queue_ready),
      .s_data({c_ok, u_q, v_q, c_x, c_y, c_pieces, c_knots_u, c_knots_v, c_slopes}),
      .m_valid(t_valid),
      .m_ready(t_taken),
      .m_data({t_ok, t_u, t_v, t_x, t_y, k_pieces, k_knots_u, k_knots_v, k_slopes})
  );

  // ---- 3: map of the window around the best column, moved by the left pixel's fraction ----
  localparam [2:0] IDLE = 3'd0, START = 3'd1, ROW = 3'd2, MAP = 3'd3, MAPPED = 3'd4, PASS = 3'd5,
      REFINE = 3'd6;
  reg [2:0] state_q;
  reg signed [19:0] start_q;
  reg signed [18:0] start_v_q;
  reg [7:0] columns_q;
  // The fraction of a pixel rounded to the next: the same eight bits, as a signed number.
  wire signed [19:0] start = {match, 8'd0} + {{12{t_u[7]}}, t_u[7:0]};
  wire row_valid, map_ready, map_valid, map_ok;
  wire signed [21:0] row_v;
  wire [18:0] row_narrow;
  wire unused_saturated;
  wire signed [17:0] unused_x;
  wire signed [18:0] unused_disparity;
  assign search_taken = state_q == IDLE && t_valid && t_ok;

  stereo_row #(
      .KNOTS(5),
      .UV_W (19),
      .U_W  (20),
      .ROW_W(22)
  ) row (
      .clk(clk),
      .rst(rst),
      .s_valid(state_q == START),
      .s_u(start_q),
      .s_pieces(k_pieces),
      .s_knots_u(k_knots_u),
      .s_knots_v(k_knots_v),
      .s_slopes(k_slopes),
      .m_valid(row_valid),
      .m_v(row_v)
  );

  round_saturate #(
      .IN_W (22),
      .SHIFT(0),
      .OUT_W(19)
  ) narrow_row (
      .s_data(row_v),
      .m_data(row_narrow),
      .m_saturated(unused_saturated)
  );

  stereo_map map (
      .clk(clk),
      .rst(rst),
      .s_valid(state_q == MAP),
      .s_ready(map_ready),
      .s_op(1'b0),
      .s_u(start_q[18:0]),
      .s_v(start_v_q),
      .s_x(t_x),
      .m_valid(map_valid),
      .m_ready(state_q == PASS || (state_q == REFINE && k_valid && k_ready)),
      .m_ok(map_ok),
      .m_x(unused_x),
      .m_disparity(unused_disparity),
      .m_warp(k_warp),
      .p_valid(pb_valid),
      .p_ready(pb_ready),
      .p_op(pb_op),
      .p_camera(pb_camera),
      .p_matrix(pb_matrix),
      .p_x(pb_x),
      .p_y(pb_y),
      .a_valid(pb_done),
      .a_x(pb_a_x),
      .a_y(pb_a_y),
      .a_ok(pb_a_ok)
  );

  // ---- 4: refinement ----
  reg refine_q, alive_q;  // a track is here; the tracker has it
  reg signed [17:0] x_q, y_q;
  reg [7:0] refine_columns_q;
  wire ray_ready;
  wire refined = refine_q && (!alive_q || k_done) && ray_ready;
  wire free = !refine_q || refined;
  assign k_valid = state_q == REFINE && free;
  assign k_u_key = t_u;
  assign k_v_key = t_v;
  assign k_u = start_q;
  assign k_done_ready = refine_q && alive_q && ray_ready;
  wire enters = (k_valid && k_ready) || (state_q == PASS && free);
  assign t_taken = enters;

  always @(posedge clk) begin
    case (state_q)
      IDLE: begin
        start_q   <= start;
        columns_q <= t_ok ? columns : 8'd0;
        if (t_valid && (!t_ok || searched)) state_q <= t_ok && found ? START : PASS;
      end
      START: state_q <= ROW;
      ROW:
      if (row_valid) begin
        start_v_q <= row_narrow;
        state_q <= MAP;
      end
      MAP: if (map_ready) state_q <= MAPPED;
      MAPPED: if (map_valid) state_q <= map_ok ? REFINE : PASS;
      default: if (enters) state_q <= IDLE;
    endcase
    if (enters) begin
      alive_q <= state_q == REFINE;
      {x_q, y_q} <= {t_x, t_y};
      refine_columns_q <= columns_q;
    end
    refine_q <= enters || (refine_q && !refined);
    if (rst) begin
      state_q  <= IDLE;
      refine_q <= 1'b0;
    end
  end

  // ---- 5: ray of the right pixel ----
  reg signed [17:0] left_x_q, left_y_q;
  reg [7:0] last_columns_q;
  reg [3:0] iterations_q;
  wire ra_valid, ra_ready, ra_camera, ra_done;
  wire [2:0] ra_op, ra_matrix;
  wire signed [19:0] ra_x, ra_y;
  always @(posedge clk)
    if (refined) begin
      {left_x_q, left_y_q} <= {x_q, y_q};
      last_columns_q <= refine_columns_q;
      iterations_q <= alive_q ? k_iterations : 4'd0;
    end

  stereo_ray ray (
      .clk(clk),
      .rst(rst),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .s_valid(refined),
      .s_ready(ray_ready),
      .s_found(alive_q && k_status == TRACKED),
      .s_u(k_found_u),
      .s_v(k_found_v),
      .s_x(x_q),
      .m_valid(m_valid),
      .m_ready(m_ready),
      .m_matched(m_matched),
      .m_u(m_u),
      .m_v(m_v),
      .m_disparity(m_disparity),
      .p_valid(ra_valid),
      .p_ready(ra_ready),
      .p_op(ra_op),
      .p_camera(ra_camera),
      .p_matrix(ra_matrix),
      .p_x(ra_x),
      .p_y(ra_y),
      .a_valid(ra_done),
      .a_x(pa_a_x),
      .a_y(pa_a_y),
      .a_ok(pa_a_ok)
  );
  assign m_x = left_x_q;
  assign m_y = left_y_q;
  assign m_columns = last_columns_q;
  assign m_iterations = iterations_q;

  // ---- projection unit A: final rays before curves ----
  projection_arbiter #(
      .CLIENTS(2),
      .WORD_W (POINT_W)
  ) points (
      .clk(clk),
      .rst(rst),
      .s_valid({ca_valid, ra_valid}),
      .s_ready({ca_ready, ra_ready}),
      .s_words({ca_op, ca_camera, ca_matrix, ca_x, ca_y, ra_op, ra_camera, ra_matrix, ra_x, ra_y}),
      .s_done({ca_done, ra_done}),
      .m_valid(pa_valid),
      .m_ready(pa_ready),
      .m_word({pa_op, pa_camera, pa_matrix, pa_x, pa_y}),
      .m_done(pa_done)
  );

endmodule

`default_nettype wire
