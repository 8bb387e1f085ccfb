// SPDX-License-Identifier: Apache-2.0
// What works on the tracks: schedule, table, tracker, projection units, selection, RANSAC, stereo, output.
//
// Equals `vio.fixed.frontend.FixedFrontEnd` on what image_path has stored.
// Latency:    see `vio hw cycles`. Throughput: one frame at a time.
// Length:     it holds the settings of the frame and connects fourteen blocks, nothing else; a level
//             between would repeat the same ports.
`default_nettype none

module track_path #(
`define PORT_WIDTHS
`include "vio_params.vh"
`undef PORT_WIDTHS
) (
    input wire clk,
    input wire rst,
    input wire rst_stream,  // of the stream of tracks, which a rst alone does not cut
    input wire soft_reset,  // pulse, with rst

    // Of the frame that is decided on
    input wire [10:0] cfg_width,
    input wire [10:0] cfg_height,
    input wire [ 7:0] cfg_max_age,
    input wire [ 8:0] cfg_min_alive,
    input wire [31:0] cfg_moved2,
    input wire        cfg_mono,
    input wire [31:0] cfg_aged2,

    // Of the frame that comes: what works on it keeps them from commit on
    input wire [                31:0] cfg_seed,
    input wire [                31:0] cfg_frame,
    input wire [W_TRACK_COUNT-1:0] cfg_max_tracks,
    input wire [                 7:0] cfg_min_distance,
    input wire [W_TRACK_COUNT-1:0] cfg_cell_budget,
    input wire [                 7:0] cfg_cell_cols,
    input wire [                 7:0] cfg_cell_rows,
    input wire [                 1:0] cfg_levels,
    input wire [  W_ITERATION-1:0] cfg_max_iterations,
    input wire [                13:0] cfg_step,
    input wire [                13:0] cfg_max_shift,
    input wire [                19:0] cfg_flat_min,
    input wire [                16:0] cfg_correlation_min,
    input wire [                17:0] cfg_mono_tight2,
    input wire [                17:0] cfg_mono_loose2,
    input wire [         W_DRAW:0] cfg_draws,
    input wire [                17:0] cfg_stereo_threshold,
    input wire [                17:0] cfg_first,
    input wire [                17:0] cfg_disparity_step,
    input wire [                 2:0] cfg_segments,
    input wire [                 3:0] cfg_reach_u,
    input wire [                 2:0] cfg_reach_v,
    input wire [                16:0] cfg_search_min,
    input wire [                16:0] cfg_uniqueness,
    input wire [                16:0] cfg_stereo_correlation_min,
    input wire [  W_ITERATION-1:0] cfg_stereo_iterations,
    input wire [                13:0] cfg_max_refine,

    // Tables and matrices of the projection units
    output wire        w_hold,
    input  wire        w_valid,
    input  wire [ 2:0] w_select,
    input  wire [ 8:0] w_address,
    input  wire [23:0] w_data,

    // Frames (image_path)
    input  wire held,
    input  wire stored,
    input  wire lost,
    input  wire right_in,
    input  wire repaired,
    input  wire rotation_ready,
    input  wire over,            // pulse: its last pixel passes, or no more will
    input  wire forget,
    output wire forgotten,
    output wire stall,
    output wire busy,
    output wire undue,
    output wire due,
    output wire stereo_pending,
    output wire commit,
    output wire commit_left,
    output wire make_key,
    output wire reading,

    output wire [                     W_TILE-1:0] candidate_address,
    input  wire [W_CANDIDATE-1:0] candidate,

    output wire          k_r_valid,
    input  wire          k_r_ready,
    output wire [   1:0] k_r_buffer,
    output wire [   1:0] k_r_level,
    output wire [   8:0] k_r_column,
    output wire [   8:0] k_r_row,
    input  wire          k_a_valid,
    input  wire [   1:0] k_a_part,
    input  wire [ 255:0] k_a_pixels,
    output wire          s_r_valid,
    input  wire          s_r_ready,
    output wire [   1:0] s_r_buffer,
    output wire [   1:0] s_r_level,
    output wire [   8:0] s_r_column,
    output wire [   8:0] s_r_row,
    input  wire          s_a_valid,
    input  wire [1023:0] s_a_pixels,

    output wire        m_axis_tvalid,
    input  wire        m_axis_tready,
    output wire [31:0] m_axis_tdata,
    output wire        m_axis_tuser,
    output wire        m_axis_tlast,

    // The last frame that was sent; for the counters
    output wire                        sent,  // pulse: its last word goes out
    output wire [W_TRACK_COUNT-1:0] status_tracks,
    output wire                        status_keyframe,
    output wire [                31:0] status_done_frame,
    output wire [                31:0] status_latency,
    output wire [                 6:0] active,   // the step that is under way
    output wire                        deciding,
    output wire [                 5:0] count_iterations,
    output wire [                 7:0] count_stereo_columns,
    output wire [                 3:0] count_stereo_iterations,
    output wire [                 1:0] count_points,
    output wire [                 1:0] count_ransac,
    output wire [                 1:0] count_candidates,
    output wire [                 3:0] count_tracker,  // basis read, written, sample, region read
    output wire [                 1:0] event_table  // write, read
);

`include "vio_params.vh"
`include "track_row.vh"

  localparam CW = TRACK_COUNT_BITS;
  localparam IW = ITERATION_BITS;
  localparam KNOTS = STEREO_SEGMENTS + 1;
  localparam SW = CORNER_SCORE_BITS;

  generate
    if (IW > 4 || KNOTS > 5) begin : g_bad_preset
      track_path_takes_15_iterations_and_4_segments_at_most bad_parameter ();
    end
  endgenerate

  localparam TILE_SIDE_BITS = $clog2(TILE_PX);
  // Steps of keyframe.v, and which pass has the table's ports
  localparam FOLLOW = 0, MONO = 1, ADD = 2, MATCH = 3, STEREO = 4, KEY = 5, OUT = 6;
  localparam P_KEYFRAME = 0, P_OUTPUT = 1, P_FOLLOW = 2, P_VERIFY = 3, P_ADD = 4, P_MATCH = 5;
  localparam PASSES = 6;
  localparam [2:0] OP_UNPROJECT = 3'd0;

  // ======== settings of the frame that is worked on ========
  localparam RUN_W = 32 + 32 + CW + 8 + CW + 8 + 8 + 2 + IW + 14 + 14 + 20 + 17 + 18 + 18 + DRAW_BITS
                   + 1 + 18 + 18 + 18 + 3 + 4 + 3 + 17 + 17 + 17 + IW + 14;
  wire [31:0] run_seed, run_frame;
  wire [TRACK_COUNT_BITS-1:0] run_max_tracks, run_cell_budget;
  wire [7:0] run_min_distance, run_cell_cols, run_cell_rows;
  wire [1:0] run_levels;
  wire [ITERATION_BITS-1:0] run_max_iterations, run_stereo_iterations;
  wire [13:0] run_step, run_max_shift, run_max_refine;
  wire [19:0] run_flat_min;
  wire [16:0] run_correlation_min, run_search_min, run_uniqueness, run_stereo_correlation_min;
  wire [17:0] run_mono_tight2, run_mono_loose2, run_stereo_threshold, run_first;
  wire [17:0] run_disparity_step;
  wire [DRAW_BITS:0] run_draws;
  wire [2:0] run_segments, run_reach_v;
  wire [3:0] run_reach_u;
  reg [RUN_W-1:0] run_q;
  always @(posedge clk)
    if (commit)
      run_q <= {cfg_seed, cfg_frame, cfg_max_tracks, cfg_min_distance, cfg_cell_budget,
                cfg_cell_cols, cfg_cell_rows, cfg_levels, cfg_max_iterations, cfg_step,
                cfg_max_shift, cfg_flat_min, cfg_correlation_min, cfg_mono_tight2,
                cfg_mono_loose2, cfg_draws, cfg_stereo_threshold, cfg_first, cfg_disparity_step,
                cfg_segments, cfg_reach_u, cfg_reach_v, cfg_search_min, cfg_uniqueness,
                cfg_stereo_correlation_min, cfg_stereo_iterations, cfg_max_refine};
  assign {run_seed, run_frame, run_max_tracks, run_min_distance, run_cell_budget, run_cell_cols,
          run_cell_rows, run_levels, run_max_iterations, run_step, run_max_shift, run_flat_min,
          run_correlation_min, run_mono_tight2, run_mono_loose2, run_draws, run_stereo_threshold,
          run_first, run_disparity_step, run_segments, run_reach_u, run_reach_v, run_search_min,
          run_uniqueness, run_stereo_correlation_min, run_stereo_iterations, run_max_refine} = run_q;

  // ======== track table: one pass at a time has it ========
  wire [PASSES-1:0] t_r_valid;
  wire [PASSES*CW-1:0] t_r_index;
  wire [5:2] t_w_valid;
  wire [6*CW-1:2*CW] t_w_index;
  wire [6*ROW_W-1:2*ROW_W] t_w_row;
  wire [6*MASK_W-1:2*MASK_W] t_w_mask;
  wire a_valid, w_ready;
  wire [ROW_W-1:0] a_row;
  track_rows rows (
      .clk(clk),
      .rst(rst),
      .r_valid(t_r_valid),
      .r_index(t_r_index),
      .a_valid(a_valid),
      .a_row(a_row),
      .w_valid(t_w_valid),
      .w_ready(w_ready),
      .w_index(t_w_index),
      .w_row(t_w_row),
      .w_mask(t_w_mask)
  );

  // ======== schedule ========
  wire [6:0] start, done;
  wire [CW-1:0] count, kept_follow, kept_verify, kept_add;
  reg [6:0] active_q;
  wire kf_right, kf_lost;
  wire kq_valid, kp_valid, kp_ready, kp_done, kp_transposed;
  wire [17:0] kq_x, kq_y;
  wire [2:0] kp_op, kp_matrix;
  wire [18:0] kp_x, kp_y;
  // Answers that several clients hear; the arbiter says whose they are.
  wire a_ok;
  wire [18:0] a_x, a_y;
  wire q_ready, q_done;
  wire [18:0] q_u, q_v;
  wire [63:0] q_warp;

  keyframe schedule (
      .clk(clk),
      .rst(rst),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .cfg_max_age(cfg_max_age),
      .cfg_min_alive(cfg_min_alive),
      .cfg_moved2(cfg_moved2),
      .cfg_mono(cfg_mono),
      .cfg_aged2(cfg_aged2),
      .forget(forget),
      .forgotten(forgotten),
      .s_held(held),
      .s_rotation(rotation_ready),
      .s_stored(stored),
      .s_dropped(lost),
      .s_right(right_in),
      .commit(commit),
      .commit_left(commit_left),
      .busy(busy),
      .deciding(deciding),
      .r_valid(t_r_valid[P_KEYFRAME]),
      .r_index(t_r_index[CW*P_KEYFRAME+:CW]),
      .a_valid(a_valid),
      .a_row(a_row),
      .q_valid(kq_valid),
      .q_ready(q_ready),
      .q_x(kq_x),
      .q_y(kq_y),
      .q_done(q_done),
      .q_u(q_u),
      .q_v(q_v),
      .p_valid(kp_valid),
      .p_ready(kp_ready),
      .p_op(kp_op),
      .p_transposed(kp_transposed),
      .p_matrix(kp_matrix),
      .p_x(kp_x),
      .p_y(kp_y),
      .p_done(kp_done),
      .p_ray_x(a_x),
      .p_ray_y(a_y),
      .p_ok(a_ok),
      .start(start),
      .done(done),
      .kept(active_q[FOLLOW] ? kept_follow : active_q[MONO] ? kept_verify
            : active_q[ADD] ? kept_add : count),
      .count(count),
      .due(due),
      .undue(undue),
      .right(kf_right),
      .dropped(kf_lost),
      .reading(reading),
      .stereo_pending(stereo_pending),
      .make_key(make_key)
  );
  always @(posedge clk)
    if (rst) active_q <= 7'd0;
    else active_q <= start | (active_q & ~done);

  // ======== the passes over the tracks ========
  wire fq_valid, fk_valid, fk_ready, fk_done, fk_done_ready, fp_valid, fp_ready, fp_done;
  wire [17:0] fq_x, fq_y, fq_x_key, fq_y_key;
  wire [10:0] fq_scale;
  wire [18:0] fk_u_key, fk_v_key, fp_x, fp_y, found_u, found_v;
  wire [19:0] fk_u, fk_v;
  wire [63:0] fk_warp;
  wire [2:0] k_status, unused_status;
  wire unused_result;

  track_follow follow (
      .clk(clk),
      .rst(rst),
      .start(start[FOLLOW]),
      .count(count),
      .done(done[FOLLOW]),
      .kept(kept_follow),
      .r_valid(t_r_valid[P_FOLLOW]),
      .r_index(t_r_index[CW*P_FOLLOW+:CW]),
      .a_valid(a_valid),
      .a_row(a_row),
      .w_valid(t_w_valid[P_FOLLOW]),
      .w_ready(w_ready),
      .w_index(t_w_index[CW*P_FOLLOW+:CW]),
      .w_row(t_w_row[ROW_W*P_FOLLOW+:ROW_W]),
      .w_mask(t_w_mask[MASK_W*P_FOLLOW+:MASK_W]),
      .q_valid(fq_valid),
      .q_ready(q_ready),
      .q_x(fq_x),
      .q_y(fq_y),
      .q_x_key(fq_x_key),
      .q_y_key(fq_y_key),
      .q_scale(fq_scale),
      .q_done(q_done),
      .q_u(q_u),
      .q_v(q_v),
      .q_warp(q_warp),
      .k_valid(fk_valid),
      .k_ready(fk_ready),
      .k_u_key(fk_u_key),
      .k_v_key(fk_v_key),
      .k_u(fk_u),
      .k_v(fk_v),
      .k_warp(fk_warp),
      .k_done(fk_done),
      .k_done_ready(fk_done_ready),
      .k_found_u(found_u),
      .k_found_v(found_v),
      .k_status(k_status),
      .p_valid(fp_valid),
      .p_ready(fp_ready),
      .p_x(fp_x),
      .p_y(fp_y),
      .p_done(fp_done),
      .p_ray_x(a_x),
      .p_ray_y(a_y),
      .event_result(unused_result),
      .event_status(unused_status)
  );

  wire begin_ransac, ransac_item, ransac_ready, decision_valid, decision_ready, decision_keep;
  wire [1:0] ransac_mode;
  wire [CW-1:0] ransac_count;
  wire [ROW_W-1:0] item;
  wire [10:0] decision_scale;
  wire [65:0] decision_point;
  wire unused_ransac_busy;
  wire verify_done, unused_mono_lost, unused_stereo_lost;

  track_verify verify (
      .clk(clk),
      .rst(rst),
      .start_mono(start[MONO]),
      .start_stereo(start[STEREO]),
      .start_key(start[KEY]),
      .count(count),
      .done(verify_done),
      .kept(kept_verify),
      .r_valid(t_r_valid[P_VERIFY]),
      .r_index(t_r_index[CW*P_VERIFY+:CW]),
      .a_valid(a_valid),
      .a_row(a_row),
      .w_valid(t_w_valid[P_VERIFY]),
      .w_ready(w_ready),
      .w_index(t_w_index[CW*P_VERIFY+:CW]),
      .w_row(t_w_row[ROW_W*P_VERIFY+:ROW_W]),
      .w_mask(t_w_mask[MASK_W*P_VERIFY+:MASK_W]),
      .begin_valid(begin_ransac),
      .begin_mode(ransac_mode),
      .begin_count(ransac_count),
      .item_valid(ransac_item),
      .item_ready(ransac_ready),
      .item_row(item),
      .decision_valid(decision_valid),
      .decision_ready(decision_ready),
      .decision_keep(decision_keep),
      .decision_scale(decision_scale),
      .decision_point(decision_point),
      .event_mono_lost(unused_mono_lost),
      .event_stereo_lost(unused_stereo_lost)
  );
  wire unused_item = &{1'b0, item[ROW_MATCHED:ROW_U_RIGHT], item[ROW_POINT-1:ROW_DRIFT_U], item[ROW_V_KEY+:18],
                       item[ROW_U_KEY+:18], item[ROW_X-1:0]};
  assign done[MONO] = verify_done;
  assign done[STEREO] = verify_done;
  assign done[KEY] = verify_done;

  wire [161:0] cam_key, stereo_rotation;
  ransac decisions (
      .clk(clk),
      .rst(rst),
      .cfg_mono_tight2(run_mono_tight2),
      .cfg_mono_loose2(run_mono_loose2),
      .cfg_stereo_threshold(run_stereo_threshold),
      .cfg_draws(run_draws),
      .cfg_seed(run_seed),
      .r_cam_key(cam_key),
      .r_stereo(stereo_rotation),
      .begin_valid(begin_ransac),
      .begin_mode(ransac_mode),
      .begin_count(ransac_count),
      .busy(unused_ransac_busy),
      .s_valid(ransac_item),
      .s_ready(ransac_ready),
      .s_x_key(item[ROW_X_KEY+:18]),
      .s_y_key(item[ROW_Y_KEY+:18]),
      .s_x(ransac_mode == 2'd0 ? item[ROW_X+:18] : item[ROW_RAY_X+:18]),
      .s_y(ransac_mode == 2'd0 ? item[ROW_Y+:18] : item[ROW_RAY_Y+:18]),
      .s_point_key(item[ROW_POINT+:66]),
      .s_disparity(item[ROW_DISPARITY+:16]),
      .m_valid(decision_valid),
      .m_ready(decision_ready),
      .m_keep(decision_keep),
      .m_scale(decision_scale),
      .m_point(decision_point),
      .count_accesses(count_ransac)
  );

  wire ap_valid, ap_ready, ap_done;
  wire [18:0] ap_x, ap_y;
  wire begin_selection, select_valid, select_ready, corner_valid, corner_ready, corner_end;
  wire [CW-1:0] select_room, select_count;
  wire [18:0] select_u, select_v;
  wire [10:0] corner_u, corner_v;
  wire [SW-1:0] corner_score;
  wire loaded;
  reg loading_q, load_q;  // the candidates are copied; the pulse that begins it

  track_add add (
      .clk(clk),
      .rst(rst),
      .cfg_max_tracks(run_max_tracks),
      .start(start[ADD]),
      .count(count),
      .done(done[ADD]),
      .kept(kept_add),
      .r_valid(t_r_valid[P_ADD]),
      .r_index(t_r_index[CW*P_ADD+:CW]),
      .a_valid(a_valid),
      .a_row(a_row),
      .w_valid(t_w_valid[P_ADD]),
      .w_ready(w_ready),
      .w_index(t_w_index[CW*P_ADD+:CW]),
      .w_row(t_w_row[ROW_W*P_ADD+:ROW_W]),
      .w_mask(t_w_mask[MASK_W*P_ADD+:MASK_W]),
      .begin_ready(loaded && !load_q),
      .begin_valid(begin_selection),
      .begin_room(select_room),
      .begin_count(select_count),
      .item_valid(select_valid),
      .item_ready(select_ready),
      .item_u(select_u),
      .item_v(select_v),
      .corner_valid(corner_valid),
      .corner_ready(corner_ready),
      .corner_u(corner_u),
      .corner_v(corner_v),
      .corner_score(corner_score),
      .corner_end(corner_end),
      .p_valid(ap_valid),
      .p_ready(ap_ready),
      .p_x(ap_x),
      .p_y(ap_y),
      .p_done(ap_done),
      .p_ray_x(a_x),
      .p_ray_y(a_y)
  );

  wire [$clog2(TILES+1)-1:0] unused_candidates;
  selection #(
      .SCORE_W(SW),
      .TILE_BITS(TILE_SIDE_BITS),
      .COLS(TILE_COLUMNS),
      .ROWS(TILE_ROWS),
      .CELLS(CELLS),
      .COUNT_W(CW)
  ) select (
      .clk(clk),
      .rst(rst),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .cfg_min_distance(run_min_distance),
      .cfg_cell_budget(run_cell_budget),
      .cfg_cell_cols(run_cell_cols[6:0]),
      .cfg_cell_rows(run_cell_rows[6:0]),
      .load_valid(load_q),
      .m_loaded(loaded),
      .read_address(candidate_address),
      .read_data(candidate),
      .begin_valid(begin_selection),
      .begin_room(select_room),
      .begin_count(select_count),
      .s_valid(select_valid),
      .s_ready(select_ready),
      .s_u(select_u),
      .s_v(select_v),
      .m_valid(corner_valid),
      .m_ready(corner_ready),
      .m_end(corner_end),
      .m_u(corner_u),
      .m_v(corner_v),
      .m_score(corner_score),
      .m_candidates(unused_candidates),
      .count_accesses(count_candidates)
  );
  // The candidates are copied once it is known that they are wanted; a new frame waits for that.
  always @(posedge clk) begin
    load_q <= commit_left && due && !rst;
    if (rst) loading_q <= 1'b0;
    else loading_q <= (commit_left && due) || (loading_q && !(loaded && !load_q));
  end
  assign stall = loading_q || load_q;
  wire unused_cells = run_cell_cols[7] ^ run_cell_rows[7];

  wire match_item, match_item_ready, match_valid, match_ready, match_found;
  wire [18:0] match_item_u, match_item_v, match_u, match_v;
  wire [17:0] match_x, match_y;
  wire [15:0] match_disparity;
  wire [7:0] match_columns;
  wire [3:0] match_iterations;

  track_match match (
      .clk(clk),
      .rst(rst),
      .start(start[MATCH]),
      .right(kf_right),
      .count(count),
      .done(done[MATCH]),
      .r_valid(t_r_valid[P_MATCH]),
      .r_index(t_r_index[CW*P_MATCH+:CW]),
      .a_valid(a_valid),
      .a_row(a_row),
      .w_valid(t_w_valid[P_MATCH]),
      .w_ready(w_ready),
      .w_index(t_w_index[CW*P_MATCH+:CW]),
      .w_row(t_w_row[ROW_W*P_MATCH+:ROW_W]),
      .w_mask(t_w_mask[MASK_W*P_MATCH+:MASK_W]),
      .item_valid(match_item),
      .item_ready(match_item_ready),
      .item_u(match_item_u),
      .item_v(match_item_v),
      .match_valid(match_valid),
      .match_ready(match_ready),
      .match_found(match_found),
      .match_u(match_u),
      .match_v(match_v),
      .match_x(match_x),
      .match_y(match_y),
      .match_disparity(match_disparity)
  );

  reg [31:0] since_q;  // cycles since the pixels of the frame that is worked on were over
  reg [31:0] next_since_q;  // of the one that streamed in last
  reg repaired_q;
  always @(posedge clk) begin
    next_since_q <= over ? 32'd1 : next_since_q + 32'd1;
    since_q <= commit ? next_since_q + 32'd1 : since_q + 32'd1;
    if (commit) repaired_q <= repaired;
  end
  // What the host reads is of one frame, whichever is in work: all of it changes with the last word.
  reg [CW-1:0] tracks_q;
  reg keyframe_q;
  reg [31:0] done_frame_q, latency_q;
  always @(posedge clk) begin
    if (rst_stream) {tracks_q, keyframe_q, done_frame_q, latency_q} <= {(CW + 65) {1'b0}};
    else if (sent) begin
      tracks_q <= kf_lost ? {CW{1'b0}} : count;
      keyframe_q <= due && !kf_lost;
      done_frame_q <= run_frame;
      latency_q <= since_q;
    end
  end
  assign status_tracks = tracks_q;
  assign status_keyframe = keyframe_q;
  assign status_done_frame = done_frame_q;
  assign status_latency = latency_q;
  track_output out (
      .clk(clk),
      .rst(rst_stream),
      .stop(soft_reset),
      .start(start[OUT]),
      .count(count),
      .frame_number(run_frame),
      .cycles(since_q),
      .keyframe(due && !kf_lost),
      .lost(kf_lost),
      .right(kf_right),
      .repaired(repaired_q),
      .done(done[OUT]),
      .sent(sent),
      .r_valid(t_r_valid[P_OUTPUT]),
      .r_index(t_r_index[CW*P_OUTPUT+:CW]),
      .a_valid(a_valid),
      .a_row(a_row),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready),
      .m_axis_tdata(m_axis_tdata),
      .m_axis_tuser(m_axis_tuser),
      .m_axis_tlast(m_axis_tlast)
  );

  // ======== projection units: A for the tracks and the epipolar curve, B for the match ========
  localparam WORD = 47;
  wire pq_valid, pq_ready, pq_done;
  wire [2:0] pq_op, pq_matrix;
  wire pq_camera;
  wire [19:0] pq_x, pq_y;
  wire pa_valid, pa_ready, pa_done, pb_valid, pb_ready, b_valid, b_ok;
  wire [2:0] pa_op, pa_matrix, pb_op, pb_matrix;
  wire pa_camera, pb_camera;
  wire [19:0] pa_x, pa_y, pb_x, pb_y;
  wire [18:0] b_x, b_y;
  wire pu_valid, pu_ready, pu_done;
  wire [WORD-1:0] pu_word;
  wire [323:0] unused_rotations;
  wire unused_hold;  // it only turns and projects

  // schedule, new ray of a track, ray of a corner, prediction, curve
  projection_arbiter #(
      .CLIENTS(5),
      .WORD_W(WORD)
  ) points (
      .clk(clk),
      .rst(rst),
      .s_valid({pa_valid, pq_valid, ap_valid, fp_valid, kp_valid}),
      .s_ready({pa_ready, pq_ready, ap_ready, fp_ready, kp_ready}),
      .s_words({{pa_op, pa_camera, pa_matrix, pa_x, pa_y},
                {pq_op, pq_camera, pq_matrix, pq_x, pq_y},
                {OP_UNPROJECT, 1'b0, 3'd0, 1'b0, ap_x, 1'b0, ap_y},
                {OP_UNPROJECT, 1'b0, 3'd0, fp_x[18], fp_x, fp_y[18], fp_y},
                {kp_op, kp_transposed, kp_matrix, kp_x[18], kp_x, kp_y[18], kp_y}}),
      .s_done({pa_done, pq_done, ap_done, fp_done, kp_done}),
      .m_valid(pu_valid),
      .m_ready(pu_ready),
      .m_word(pu_word),
      .m_done(pu_done)
  );
  rectify points_a (
      .clk(clk),
      .rst(rst),
      .w_hold(w_hold),
      .w_valid(w_valid),
      .w_select(w_select),
      .w_address(w_address),
      .w_data(w_data),
      .s_valid(pu_valid),
      .s_ready(pu_ready),
      .s_op(pu_word[46:44]),
      .s_camera(pu_word[43]),
      .s_matrix(pu_word[42:40]),
      .s_x(pu_word[39:20]),
      .s_y(pu_word[19:0]),
      .m_valid(pu_done),
      .m_x(a_x),
      .m_y(a_y),
      .m_ok(a_ok),
      .m_cam_key(cam_key),
      .m_stereo_rotation(stereo_rotation)
  );
  rectify points_b (
      .clk(clk),
      .rst(rst),
      .w_hold(unused_hold),
      .w_valid(w_valid),
      .w_select(w_select),
      .w_address(w_address),
      .w_data(w_data),
      .s_valid(pb_valid),
      .s_ready(pb_ready),
      .s_op(pb_op),
      .s_camera(pb_camera),
      .s_matrix(pb_matrix),
      .s_x(pb_x),
      .s_y(pb_y),
      .m_valid(b_valid),
      .m_x(b_x),
      .m_y(b_y),
      .m_ok(b_ok),
      .m_cam_key(unused_rotations[161:0]),
      .m_stereo_rotation(unused_rotations[323:162])
  );

  predict prediction (
      .clk(clk),
      .rst(rst),
      .s_valid(kq_valid || fq_valid),
      .s_ready(q_ready),
      .s_map(fq_valid),
      .s_x(kq_valid ? kq_x : fq_x),
      .s_y(kq_valid ? kq_y : fq_y),
      .s_x_key(fq_x_key),
      .s_y_key(fq_y_key),
      .s_scale(fq_scale),
      .m_valid(q_done),
      .m_ready(1'b1),
      .m_u(q_u),
      .m_v(q_v),
      .m_warp(q_warp),
      .p_valid(pq_valid),
      .p_ready(pq_ready),
      .p_op(pq_op),
      .p_camera(pq_camera),
      .p_matrix(pq_matrix),
      .p_x(pq_x),
      .p_y(pq_y),
      .a_valid(pq_done),
      .a_x(a_x),
      .a_y(a_y),
      .a_ok(a_ok)
  );

  // ======== tracker: of the tracks, then of stereo ========
  wire matching = active_q[MATCH];
  wire sk_valid, sk_result_ready, klt_valid, klt_ready;
  wire [18:0] sk_u_key, sk_v_key;
  wire [19:0] sk_u;
  wire [63:0] sk_warp;
  wire [2:0] sk_pieces;
  wire [94:0] sk_knots_u, sk_knots_v;  // of 5; the tracker takes the first KNOTS of them
  wire [51:0] sk_slopes;
  wire [3*IW-1:0] k_iterations;
  wire [5:0] iterations0 = {{(6 - IW) {1'b0}}, k_iterations[0+:IW]};
  wire [5:0] iterations1 = {{(6 - IW) {1'b0}}, k_iterations[IW+:IW]};
  wire [5:0] iterations2 = {{(6 - IW) {1'b0}}, k_iterations[2*IW+:IW]};
  assign fk_ready = klt_ready && !matching;
  assign fk_done = klt_valid && !matching;

  klt #(
      .ITERATION_W(IW),
      .KNOTS(KNOTS)
  ) tracker (
      .clk(clk),
      .rst(rst),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .cfg_levels(run_levels),
      .cfg_max_iterations(run_max_iterations),
      .cfg_step(run_step),
      .cfg_max_shift(run_max_shift),
      .cfg_flat_min(run_flat_min),
      .cfg_correlation_min(run_correlation_min),
      .cfg_stereo_correlation_min(run_stereo_correlation_min),
      .cfg_stereo_iterations(run_stereo_iterations),
      .cfg_max_refine(run_max_refine),
      .s_valid(matching ? sk_valid : fk_valid),
      .s_ready(klt_ready),
      .s_stereo(matching),
      .s_u_key(matching ? sk_u_key : fk_u_key),
      .s_v_key(matching ? sk_v_key : fk_v_key),
      .s_u(matching ? sk_u : fk_u),
      .s_v(fk_v),
      .s_warp(matching ? sk_warp : fk_warp),
      .s_pieces(sk_pieces),
      .s_knots_u(sk_knots_u[0+:KNOTS*19]),
      .s_knots_v(sk_knots_v[0+:KNOTS*19]),
      .s_slopes(sk_slopes[0+:(KNOTS-1)*13]),
      .m_valid(klt_valid),
      .m_ready(matching ? sk_result_ready : fk_done_ready),
      .m_u(found_u),
      .m_v(found_v),
      .m_status(k_status),
      .m_iterations(k_iterations),
      .r_valid(k_r_valid),
      .r_ready(k_r_ready),
      .r_buffer(k_r_buffer),
      .r_level(k_r_level),
      .r_column(k_r_column),
      .r_row(k_r_row),
      .a_valid(k_a_valid),
      .a_part(k_a_part),
      .a_pixels(k_a_pixels),
      .count_accesses(count_tracker)
  );

  stereo matcher (
      .clk(clk),
      .rst(rst),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .cfg_first(run_first),
      .cfg_disparity_step(run_disparity_step),
      .cfg_segments(run_segments),
      .cfg_reach_u(run_reach_u),
      .cfg_reach_v(run_reach_v),
      .cfg_search_min(run_search_min),
      .cfg_uniqueness(run_uniqueness),
      .s_valid(match_item),
      .s_ready(match_item_ready),
      .s_u(match_item_u),
      .s_v(match_item_v),
      .m_valid(match_valid),
      .m_ready(match_ready),
      .m_matched(match_found),
      .m_u(match_u),
      .m_v(match_v),
      .m_x(match_x),
      .m_y(match_y),
      .m_disparity(match_disparity),
      .m_columns(match_columns),
      .m_iterations(match_iterations),
      .r_valid(s_r_valid),
      .r_ready(s_r_ready),
      .r_buffer(s_r_buffer),
      .r_level(s_r_level),
      .r_column(s_r_column),
      .r_row(s_r_row),
      .a_valid(s_a_valid),
      .a_pixels(s_a_pixels),
      .k_valid(sk_valid),
      .k_ready(klt_ready && matching),
      .k_u_key(sk_u_key),
      .k_v_key(sk_v_key),
      .k_u(sk_u),
      .k_warp(sk_warp),
      .k_pieces(sk_pieces),
      .k_knots_u(sk_knots_u),
      .k_knots_v(sk_knots_v),
      .k_slopes(sk_slopes),
      .k_done(klt_valid && matching),
      .k_done_ready(sk_result_ready),
      .k_found_u(found_u),
      .k_found_v(found_v),
      .k_status(k_status),
      .k_iterations(iterations0[3:0]),
      .pa_valid(pa_valid),
      .pa_ready(pa_ready),
      .pa_op(pa_op),
      .pa_camera(pa_camera),
      .pa_matrix(pa_matrix),
      .pa_x(pa_x),
      .pa_y(pa_y),
      .pa_done(pa_done),
      .pa_a_x(a_x),
      .pa_a_y(a_y),
      .pa_a_ok(a_ok),
      .pb_valid(pb_valid),
      .pb_ready(pb_ready),
      .pb_op(pb_op),
      .pb_camera(pb_camera),
      .pb_matrix(pb_matrix),
      .pb_x(pb_x),
      .pb_y(pb_y),
      .pb_done(b_valid),
      .pb_a_x(b_x),
      .pb_a_y(b_y),
      .pb_a_ok(b_ok)
  );

  // ======== for the counters ========
  assign active = active_q;
  assign count_iterations = fk_done && fk_done_ready ? iterations0 + iterations1 + iterations2 : 6'd0;
  assign count_points = {1'b0, pu_valid && pu_ready} + {1'b0, pb_valid && pb_ready};
  assign count_stereo_columns = match_valid && match_ready ? match_columns : 8'd0;
  assign count_stereo_iterations = match_valid && match_ready ? match_iterations : 4'd0;
  assign event_table = {|t_w_valid && w_ready, |t_r_valid};

  wire unused_beyond = &{1'b0, sk_knots_u, sk_knots_v, sk_slopes, iterations0[5:4]};

endmodule

`default_nettype wire
