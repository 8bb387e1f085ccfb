// SPDX-License-Identifier: Apache-2.0
// The vision front end: two pixel streams in, verified tracks out, by itself.
//
// While a frame streams in it is halved, compressed and searched for corners, and the keyframe
// decision is taken; then the blocks work one after the other on its tracks, while the next frame
// may already stream in (docs/chip/architecture.md). Equals `vio.fixed.frontend.FixedFrontEnd` bit for bit.
// Registers:  docs/chip/registers.md, over AXI4-Lite. The set that is armed is taken over with the first
//             pixel of a frame; what works on a frame afterwards keeps it. Sizes and waiting times can
//             only change while no frame is under way anywhere.
// Sources:    may wait or not (camera_pair). One fault costs the frame it strikes and at most one more.
// Output:     a packet of words a frame (track_output), and an interrupt.
// Latency:    see `vio hw cycles`: about 100k cycles from the last pixel to the last track (200 tracks),
//             twice that for keyframes. Throughput: a pixel a cycle on both streams.
`default_nettype none

module frontend (
    input wire clk,
    input wire rst,

    // Cameras: tuser[0] start of frame, tlast end of line; tuser[1] the frame breaks off, no pixel
    input  wire       s_left_axis_tvalid,
    output wire       s_left_axis_tready,
    input  wire [7:0] s_left_axis_tdata,
    input  wire [1:0] s_left_axis_tuser,
    input  wire       s_left_axis_tlast,
    input  wire       s_right_axis_tvalid,
    output wire       s_right_axis_tready,
    input  wire [7:0] s_right_axis_tdata,
    input  wire [1:0] s_right_axis_tuser,
    input  wire       s_right_axis_tlast,
    // What camera_pair says (pulses), 0 without it
    input  wire       event_camera_left_missing, event_camera_right_missing, event_camera_late,
    input  wire [8:0] count_camera_lost,  // frames broken off by a full queue, in this cycle

    // Registers: AXI4-Lite
    input  wire        s_axil_awvalid,
    output wire        s_axil_awready,
    input  wire [11:0] s_axil_awaddr,
    input  wire        s_axil_wvalid,
    output wire        s_axil_wready,
    input  wire [31:0] s_axil_wdata,
    input  wire [ 3:0] s_axil_wstrb,
    output wire        s_axil_bvalid,
    input  wire        s_axil_bready,
    output wire [ 1:0] s_axil_bresp,
    input  wire        s_axil_arvalid,
    output wire        s_axil_arready,
    input  wire [11:0] s_axil_araddr,
    output wire        s_axil_rvalid,
    input  wire        s_axil_rready,
    output wire [31:0] s_axil_rdata,
    output wire [ 1:0] s_axil_rresp,

    // Tracks
    output wire        m_axis_tvalid,
    input  wire        m_axis_tready,
    output wire [31:0] m_axis_tdata,
    output wire        m_axis_tuser,  // first word of a frame
    output wire        m_axis_tlast,
    output wire        irq
);

`include "vio_params.vh"

  localparam CW = TRACK_COUNT_BITS, IW = ITERATION_BITS, DW = DRAW_BITS + 1, SW = CORNER_SCORE_BITS;

  // ======== registers ========
  wire w_hold, w_valid, command_reset;
  wire reset = rst || command_reset;
  wire enable, armed, over, idle, request_forget, done_forget, request_skip, skip_in, take, rotation_ready;
  wire [23:0] w_data;
  wire [10:0] cfg_width, cfg_height, cfg_border;
  wire [19:0] cfg_timeout, cfg_stop, cfg_flat_min;
  wire [31:0] cfg_seed, cfg_frame, cfg_moved2, status_done_frame, status_latency;
  wire [CW-1:0] cfg_max_tracks, cfg_cell_budget, status_tracks;
  wire [SW-1:0] cfg_min_score;
  wire [7:0] cfg_min_distance, cfg_cell_cols, cfg_cell_rows, cfg_max_age, count_stereo_columns;
  wire [1:0] cfg_levels, event_table, count_points, count_ransac, count_candidates;
  wire [IW-1:0] cfg_max_iterations, cfg_stereo_iterations;
  wire [13:0] cfg_step, cfg_max_shift, cfg_max_refine;
  wire [16:0] cfg_correlation_min, cfg_search_min, cfg_uniqueness, cfg_stereo_correlation_min;
  wire [17:0] cfg_mono_tight2, cfg_mono_loose2, cfg_stereo_threshold, cfg_first, cfg_disparity_step;
  wire [DW-1:0] cfg_draws;
  wire [2:0] cfg_segments, cfg_reach_v, w_select;
  wire [3:0] cfg_reach_u, count_tracker, count_stereo_iterations;
  wire held, stored, lost, right_in, repaired, stall, busy, undue, due, stereo_pending;
  wire commit, status_keyframe, commit_left, make_key, reading, overflow, deciding;
  wire event_drop, event_left_missing, event_right_missing, event_unarmed, sent;
  wire [9:0] errors;
  wire [6:0] active;
  wire [5:0] count_iterations;
  wire [11:0] count_writes, count_reads;
  wire [TILE_BITS-1:0] candidate_address;
  wire [SW+2*$clog2(TILE_PX)-1:0] candidate;
  wire k_r_valid, k_r_ready, k_a_valid, s_r_valid, s_r_ready, s_a_valid;
  wire [1:0] k_r_buffer, k_r_level, s_r_buffer, s_r_level;
  wire [8:0] k_r_column, k_r_row, s_r_column, s_r_row, w_address, cfg_min_alive;
  wire [1023:0] k_a_pixels, s_a_pixels;
  registers #(.ITERATION_W(IW), .DRAW_W(DW), .TRACK_W(CW), .SCORE_W(SW)) registers_of_host (
      .clk(clk),
      .rst(rst),
      .s_axil_awvalid(s_axil_awvalid),
      .s_axil_awready(s_axil_awready),
      .s_axil_awaddr(s_axil_awaddr),
      .s_axil_wvalid(s_axil_wvalid),
      .s_axil_wready(s_axil_wready),
      .s_axil_wdata(s_axil_wdata),
      .s_axil_wstrb(s_axil_wstrb),
      .s_axil_bvalid(s_axil_bvalid),
      .s_axil_bready(s_axil_bready),
      .s_axil_bresp(s_axil_bresp),
      .s_axil_arvalid(s_axil_arvalid),
      .s_axil_arready(s_axil_arready),
      .s_axil_araddr(s_axil_araddr),
      .s_axil_rvalid(s_axil_rvalid),
      .s_axil_rready(s_axil_rready),
      .s_axil_rdata(s_axil_rdata),
      .s_axil_rresp(s_axil_rresp),
      .irq(irq),
      .control_enable(enable),
      .command_reset(command_reset),
      .request_forget(request_forget),
      .done_forget(done_forget),
      .request_skip(request_skip),
      .done_skip(skip_in),
      .take(take),
      .armed(armed),
      .rotation_ready(rotation_ready),
      .w_hold(w_hold),
      .w_valid(w_valid),
      .w_select(w_select),
      .w_address(w_address),
      .w_data(w_data),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .cfg_timeout(cfg_timeout),
      .cfg_stop(cfg_stop),
      .cfg_seed(cfg_seed),
      .cfg_frame(cfg_frame),
      .cfg_max_tracks(cfg_max_tracks),
      .cfg_border(cfg_border),
      .cfg_min_score(cfg_min_score),
      .cfg_min_distance(cfg_min_distance),
      .cfg_cell_budget(cfg_cell_budget),
      .cfg_cell_cols(cfg_cell_cols),
      .cfg_cell_rows(cfg_cell_rows),
      .cfg_levels(cfg_levels),
      .cfg_max_iterations(cfg_max_iterations),
      .cfg_step(cfg_step),
      .cfg_max_shift(cfg_max_shift),
      .cfg_flat_min(cfg_flat_min),
      .cfg_correlation_min(cfg_correlation_min),
      .cfg_mono_tight2(cfg_mono_tight2),
      .cfg_mono_loose2(cfg_mono_loose2),
      .cfg_draws(cfg_draws),
      .cfg_stereo_threshold(cfg_stereo_threshold),
      .cfg_first(cfg_first),
      .cfg_disparity_step(cfg_disparity_step),
      .cfg_segments(cfg_segments),
      .cfg_reach_u(cfg_reach_u),
      .cfg_reach_v(cfg_reach_v),
      .cfg_search_min(cfg_search_min),
      .cfg_uniqueness(cfg_uniqueness),
      .cfg_stereo_correlation_min(cfg_stereo_correlation_min),
      .cfg_stereo_iterations(cfg_stereo_iterations),
      .cfg_max_refine(cfg_max_refine),
      .cfg_max_age(cfg_max_age),
      .cfg_min_alive(cfg_min_alive),
      .cfg_moved2(cfg_moved2),
      .status_busy(held || busy || !idle),
      .status_keyframe(status_keyframe),
      .status_tracks(status_tracks),
      .status_done_frame(status_done_frame),
      .status_latency(status_latency),
      .event_short_left(errors[0]),
      .event_long_left(errors[1]),
      .event_start_left(errors[2]),
      .event_cut_left(errors[3]),
      .event_stop_left(errors[4]),
      .event_short_right(errors[5]),
      .event_long_right(errors[6]),
      .event_start_right(errors[7]),
      .event_cut_right(errors[8]),
      .event_stop_right(errors[9]),
      .event_left_missing(event_left_missing),
      .event_right_missing(event_right_missing),
      .event_overflow(overflow),
      .event_drop(event_drop),
      .event_unarmed(event_unarmed),
      .event_camera(count_camera_lost != 9'd0),
      .event_camera_left_missing(event_camera_left_missing),
      .event_camera_right_missing(event_camera_right_missing),
      .event_camera_late(event_camera_late),
      .count_camera_lost(count_camera_lost),
      .event_last_track(sent),
      .event_keyframe(make_key),
      .level_klt(active[0]),
      .level_mono(active[1]),
      .level_selection(active[2]),
      .level_stereo(active[3]),
      .level_stereo_ransac(active[4] || active[5]),
      .level_output(active[6]),
      .level_predict(deciding),
      .level_stall_left(s_left_axis_tvalid && !s_left_axis_tready),
      .level_stall_right(s_right_axis_tvalid && !s_right_axis_tready),
      .level_stall_tracks(m_axis_tvalid && !m_axis_tready),
      .event_pixel_left(s_left_axis_tvalid && s_left_axis_tready),
      .event_pixel_right(s_right_axis_tvalid && s_right_axis_tready),
      .count_iterations(count_iterations),
      .count_stereo_columns(count_stereo_columns),
      .count_stereo_iterations(count_stereo_iterations),
      .count_frame_reads(count_reads[3:0] + count_reads[7:4] + count_reads[11:8]),
      .count_frame_writes(count_writes[3:0] + count_writes[7:4] + count_writes[11:8]),
      .count_table_reads({1'b0, event_table[0]}),
      .count_table_writes({1'b0, event_table[1]}),
      .count_region_writes(k_a_valid),
      .count_points(count_points),
      .count_ransac(count_ransac),
      .count_search(s_a_valid),
      .count_region_reads(count_tracker[0]),
      .count_samples(count_tracker[1]),
      .count_template_writes(count_tracker[2]),
      .count_template_reads(count_tracker[3]),
      .count_candidates(count_candidates)
  );

  // ======== from pixels to what the tracker reads ========
  image_path images (
      .clk(clk),
      .rst(reset),
      .cfg_enable(enable),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .cfg_timeout(cfg_timeout),
      .cfg_stop(cfg_stop),
      .armed(armed),
      .cfg_border(cfg_border),
      .cfg_min_score(cfg_min_score),
      .s_left_axis_tvalid(s_left_axis_tvalid),
      .s_left_axis_tready(s_left_axis_tready),
      .s_left_axis_tdata(s_left_axis_tdata),
      .s_left_axis_tuser(s_left_axis_tuser),
      .s_left_axis_tlast(s_left_axis_tlast),
      .s_right_axis_tvalid(s_right_axis_tvalid),
      .s_right_axis_tready(s_right_axis_tready),
      .s_right_axis_tdata(s_right_axis_tdata),
      .s_right_axis_tuser(s_right_axis_tuser),
      .s_right_axis_tlast(s_right_axis_tlast),
      .take(take),
      .held(held),
      .stored(stored),
      .lost(lost),
      .right_in(right_in),
      .repaired(repaired),
      .over(over),
      .idle(idle),
      .skip_in(skip_in),
      .skip(request_skip),
      .stall(stall),
      .busy(busy),
      .undue(undue),
      .due(due),
      .stereo_pending(stereo_pending),
      .commit(commit),
      .commit_left(commit_left),
      .make_key(make_key),
      .forget(done_forget),
      .reading(reading),
      .candidate_address(candidate_address),
      .candidate(candidate),
      .k_r_valid(k_r_valid),
      .k_r_ready(k_r_ready),
      .k_r_buffer(k_r_buffer),
      .k_r_level(k_r_level),
      .k_r_column(k_r_column),
      .k_r_row(k_r_row),
      .k_a_valid(k_a_valid),
      .k_a_pixels(k_a_pixels),
      .s_r_valid(s_r_valid),
      .s_r_ready(s_r_ready),
      .s_r_buffer(s_r_buffer),
      .s_r_level(s_r_level),
      .s_r_column(s_r_column),
      .s_r_row(s_r_row),
      .s_a_valid(s_a_valid),
      .s_a_pixels(s_a_pixels),
      .errors(errors),
      .overflow(overflow),
      .event_drop(event_drop),
      .event_unarmed(event_unarmed),
      .event_left_missing(event_left_missing),
      .event_right_missing(event_right_missing),
      .count_writes(count_writes),
      .count_reads(count_reads)
  );

  // ======== from there to tracks ========
  track_path track_side (
      .clk(clk),
      .rst(reset),
      .rst_stream(rst),
      .soft_reset(command_reset),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .cfg_max_age(cfg_max_age),
      .cfg_min_alive(cfg_min_alive),
      .cfg_moved2(cfg_moved2),
      .cfg_seed(cfg_seed),
      .cfg_frame(cfg_frame),
      .cfg_max_tracks(cfg_max_tracks),
      .cfg_min_distance(cfg_min_distance),
      .cfg_cell_budget(cfg_cell_budget),
      .cfg_cell_cols(cfg_cell_cols),
      .cfg_cell_rows(cfg_cell_rows),
      .cfg_levels(cfg_levels),
      .cfg_max_iterations(cfg_max_iterations),
      .cfg_step(cfg_step),
      .cfg_max_shift(cfg_max_shift),
      .cfg_flat_min(cfg_flat_min),
      .cfg_correlation_min(cfg_correlation_min),
      .cfg_mono_tight2(cfg_mono_tight2),
      .cfg_mono_loose2(cfg_mono_loose2),
      .cfg_draws(cfg_draws),
      .cfg_stereo_threshold(cfg_stereo_threshold),
      .cfg_first(cfg_first),
      .cfg_disparity_step(cfg_disparity_step),
      .cfg_segments(cfg_segments),
      .cfg_reach_u(cfg_reach_u),
      .cfg_reach_v(cfg_reach_v),
      .cfg_search_min(cfg_search_min),
      .cfg_uniqueness(cfg_uniqueness),
      .cfg_stereo_correlation_min(cfg_stereo_correlation_min),
      .cfg_stereo_iterations(cfg_stereo_iterations),
      .cfg_max_refine(cfg_max_refine),
      .w_hold(w_hold),
      .w_valid(w_valid),
      .w_select(w_select),
      .w_address(w_address),
      .w_data(w_data),
      .held(held),
      .stored(stored),
      .lost(lost),
      .right_in(right_in),
      .repaired(repaired),
      .rotation_ready(rotation_ready),
      .over(over),
      .forget(request_forget),
      .forgotten(done_forget),
      .stall(stall),
      .busy(busy),
      .undue(undue),
      .due(due),
      .stereo_pending(stereo_pending),
      .commit(commit),
      .commit_left(commit_left),
      .make_key(make_key),
      .reading(reading),
      .candidate_address(candidate_address),
      .candidate(candidate),
      .k_r_valid(k_r_valid),
      .k_r_ready(k_r_ready),
      .k_r_buffer(k_r_buffer),
      .k_r_level(k_r_level),
      .k_r_column(k_r_column),
      .k_r_row(k_r_row),
      .k_a_valid(k_a_valid),
      .k_a_pixels(k_a_pixels),
      .s_r_valid(s_r_valid),
      .s_r_ready(s_r_ready),
      .s_r_buffer(s_r_buffer),
      .s_r_level(s_r_level),
      .s_r_column(s_r_column),
      .s_r_row(s_r_row),
      .s_a_valid(s_a_valid),
      .s_a_pixels(s_a_pixels),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready),
      .m_axis_tdata(m_axis_tdata),
      .m_axis_tuser(m_axis_tuser),
      .m_axis_tlast(m_axis_tlast),
      .sent(sent),
      .status_tracks(status_tracks),
      .status_keyframe(status_keyframe),
      .status_done_frame(status_done_frame),
      .status_latency(status_latency),
      .active(active),
      .deciding(deciding),
      .count_iterations(count_iterations),
      .count_stereo_columns(count_stereo_columns),
      .count_stereo_iterations(count_stereo_iterations),
      .count_points(count_points),
      .count_ransac(count_ransac),
      .count_candidates(count_candidates),
      .count_tracker(count_tracker),
      .event_table(event_table)
  );

endmodule

`default_nettype wire
