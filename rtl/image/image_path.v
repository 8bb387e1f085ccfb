// SPDX-License-Identifier: Apache-2.0
// From pixels to what the tracker reads: frames let in, halved, compressed, searched for corners.
//
// Q formats:  8-bit pixels -> words in the frame buffer, candidates of corners.
// Latency:    the last word follows the last pixel after about three lines of level 1.
// Throughput: a pixel a cycle on both streams, but for a pause behind a frame until its last words
//             are written and its candidates are copied (`stall`).
// Quiet:      a frame begins only when nothing of the one before is in flight: of a frame that was lost
//             or not stored whole, words would be counted as the next one's.
// Settings:   width, height, timeout and stop are stable from the start of a frame until `idle`.
// Errors:     0..4 left, 5..9 right: short line, long line, missing start, cut frame, stopped
//             frame (pulses).
`default_nettype none

module image_path #(
`define PORT_WIDTHS
`include "vio_params.vh"
`undef PORT_WIDTHS
) (
    input wire clk,
    input wire rst,

    input wire                         cfg_enable,
    input wire [                 10:0] cfg_width,
    input wire [                 10:0] cfg_height,
    input wire [                 19:0] cfg_timeout,
    input wire [                 19:0] cfg_stop,
    input wire                         cfg_mono,
    input wire                         armed,
    input wire [                 10:0] cfg_border,
    input wire [W_CORNER_SCORE-1:0] cfg_min_score,

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

    // The frame that streams in, and what the tracks' side says of it
    output wire take,      // pulse: it begins
    output wire held,      // it is in, being written or waiting
    output wire stored,    // it is written
    output wire lost,      // with `stored`: its left image is not there
    output wire right_in,  // its right image is there
    output wire repaired,
    output wire over,      // pulse: its last pixel passes, or no more will
    output wire idle,      // no image is under way, none in flight
    output wire skip_in,   // pulse: the frame asked for by `skip` is in
    input  wire skip,
    input  wire stall,     // a frame may not begin yet
    input  wire busy,      // the one before is worked on
    input  wire undue,     // this one is no keyframe
    input  wire due,       // with `commit_left`: it is one
    input  wire stereo_pending,
    input  wire commit,
    input  wire commit_left,
    input  wire make_key,
    input  wire forget,
    input  wire reading,

    // Candidates of corners
    input  wire [                     W_TILE-1:0] candidate_address,
    output wire [W_CANDIDATE-1:0] candidate,

    // Reader: tracker, stereo search
    input  wire          k_r_valid,
    output wire          k_r_ready,
    input  wire [   1:0] k_r_buffer,
    input  wire [   1:0] k_r_level,
    input  wire [   8:0] k_r_column,
    input  wire [   8:0] k_r_row,
    output wire          k_a_valid,
    output wire [   1:0] k_a_part,
    output wire [ 255:0] k_a_pixels,
    input  wire          s_r_valid,
    output wire          s_r_ready,
    input  wire [   1:0] s_r_buffer,
    input  wire [   1:0] s_r_level,
    input  wire [   8:0] s_r_column,
    input  wire [   8:0] s_r_row,
    output wire          s_a_valid,
    output wire [1023:0] s_a_pixels,

    output wire [ 9:0] errors,
    output wire        overflow,
    output wire        event_drop,
    output wire        event_unarmed,
    output wire        event_left_missing,
    output wire        event_right_missing,
    output wire [11:0] count_writes,
    output wire [11:0] count_reads
);

`include "vio_params.vh"

  localparam SW = CORNER_SCORE_BITS;
  localparam TILE_SIDE_BITS = $clog2(TILE_PX);
  localparam LB = LEFT_WORD_BITS;
  localparam UB = UPPER_WORD_BITS;
  localparam RB = RIGHT_WORD_BITS;

  // ======== streams in ========
  wire left_valid, left_ready, left_user, left_last, right_pixel, right_user;
  wire [7:0] left_data, right_data;
  wire frame_begin, begin_right, left_done, right_done, paused;
  // A keyframe is stored when its last candidate is, too; in other frames none is looked for to the end.
  wire corners_done;
  reg finding_q;
  reg [5:0] quiet_q;  // cycles without a pixel of any level, up to 32
  wire quiet = quiet_q[5];

  frame_intake intake (
      .clk(clk),
      .rst(rst),
      .cfg_enable(cfg_enable),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .cfg_timeout(cfg_timeout),
      .cfg_stop(cfg_stop),
      .cfg_mono(cfg_mono),
      .armed(armed),
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
      .m_left_valid(left_valid),
      .m_left_ready(left_ready),
      .m_left_data(left_data),
      .m_left_user(left_user),
      .m_left_last(left_last),
      .m_right_valid(right_pixel),
      .m_right_data(right_data),
      .m_right_user(right_user),
      .busy(busy),
      .stall(stall || !quiet),
      .right_free(!stereo_pending),
      .left_done(left_done && (corners_done || !finding_q)),
      .right_done(right_done || undue),
      .overflow(overflow),
      .commit(commit),
      .skip(skip),
      .m_skip(skip_in),
      .m_idle(paused),
      .m_over(over),
      .m_begin(frame_begin),
      .m_begin_right(begin_right),
      .m_held(held),
      .m_stored(stored),
      .m_dropped(lost),
      .m_right(right_in),
      .m_bad(repaired),
      .errors(errors),
      .event_drop(event_drop),
      .event_unarmed(event_unarmed),
      .event_left_missing(event_left_missing),
      .event_right_missing(event_right_missing)
  );
  assign take = frame_begin || skip_in;
  wire left_pixel = left_valid && left_ready;
  always @(posedge clk) begin
    if (rst || undue) finding_q <= 1'b0;
    else if (left_pixel && left_user) finding_q <= 1'b1;
  end

  // ======== pyramid, encoders, corners ========
  wire level1_valid, level1_ready, level1_user, level1_last, level2_valid;
  wire [7:0] level1_data, level2_data;
  wire left0_valid, left1_valid, left2_valid, right_word_valid;
  wire [LB-1:0] left0_word;
  wire [UB-1:0] left1_word, left2_word;
  wire [RB-1:0] right_word;

  // What follows a pixel is at most 32 cycles behind it: 12 of an encoder, 5 of a pyramid's level.
  always @(posedge clk)
    if (rst || left_pixel || right_pixel || level1_valid || level2_valid) quiet_q <= 6'd0;
    else if (!quiet) quiet_q <= quiet_q + 6'd1;
  assign idle = paused && quiet;
  wire [10:0] width1 = {1'b0, cfg_width[10:1]};
  wire [10:0] height1 = {1'b0, cfg_height[10:1]};

  wire [17:0] unused_block0, unused_block1, unused_block2, unused_block_right;
  codec_encoder #(
      .BITS(LB),
      .MAX_WIDTH(MAX_WIDTH)
  ) encode0 (
      .clk(clk),
      .rst(rst),
      .cfg_width(cfg_width),
      .s_valid(left_pixel),
      .s_data(left_data),
      .s_user(left_user),
      .m_valid(left0_valid),
      .m_word(left0_word),
      .m_column(unused_block0[8:0]),
      .m_row(unused_block0[17:9])
  );
  generate
    if (MAX_LEVELS > 1) begin : g_level1
      pyramid #(
          .MAX_WIDTH(MAX_WIDTH)
      ) halve0 (
          .clk(clk),
          .rst(rst),
          .cfg_width(cfg_width),
          .cfg_height(cfg_height),
          .s_axis_tvalid(left_valid),
          .s_axis_tready(left_ready),
          .s_axis_tdata(left_data),
          .s_axis_tuser(left_user),
          .s_axis_tlast(left_last),
          .m_axis_tvalid(level1_valid),
          .m_axis_tready(level1_ready),
          .m_axis_tdata(level1_data),
          .m_axis_tuser(level1_user),
          .m_axis_tlast(level1_last)
      );
      codec_encoder #(
          .BITS(UB),
          .MAX_WIDTH(MAX_WIDTH / 2)
      ) encode1 (
          .clk(clk),
          .rst(rst),
          .cfg_width(width1),
          .s_valid(level1_valid && level1_ready),
          .s_data(level1_data),
          .s_user(level1_user),
          .m_valid(left1_valid),
          .m_word(left1_word),
          .m_column(unused_block1[8:0]),
          .m_row(unused_block1[17:9])
      );
    end else begin : g_no_level1
      assign left_ready = 1'b1;
      assign {level1_valid, level1_user, level1_last} = 3'd0;
      assign level1_data = 8'd0;
      assign left1_valid = 1'b0;
      assign left1_word = {UB{1'b0}};
      assign unused_block1 = 18'd0;
      wire unused_level = &{1'b0, left_last, width1, level1_data, level1_ready, level1_user};
    end
    if (MAX_LEVELS > 2) begin : g_level2
      wire level2_user, unused_last;
      pyramid #(
          .MAX_WIDTH(MAX_WIDTH / 2)
      ) halve1 (
          .clk(clk),
          .rst(rst),
          .cfg_width(width1),
          .cfg_height(height1),
          .s_axis_tvalid(level1_valid),
          .s_axis_tready(level1_ready),
          .s_axis_tdata(level1_data),
          .s_axis_tuser(level1_user),
          .s_axis_tlast(level1_last),
          .m_axis_tvalid(level2_valid),
          .m_axis_tready(1'b1),
          .m_axis_tdata(level2_data),
          .m_axis_tuser(level2_user),
          .m_axis_tlast(unused_last)
      );
      codec_encoder #(
          .BITS(UB),
          .MAX_WIDTH(MAX_WIDTH / 4)
      ) encode2 (
          .clk(clk),
          .rst(rst),
          .cfg_width({2'b00, cfg_width[10:2]}),
          .s_valid(level2_valid),
          .s_data(level2_data),
          .s_user(level2_user),
          .m_valid(left2_valid),
          .m_word(left2_word),
          .m_column(unused_block2[8:0]),
          .m_row(unused_block2[17:9])
      );
    end else begin : g_no_level2
      assign level1_ready = 1'b1;
      assign level2_valid = 1'b0;
      assign level2_data = 8'd0;
      assign left2_valid = 1'b0;
      assign left2_word = {UB{1'b0}};
      assign unused_block2 = 18'd0;
      wire unused_level = &{1'b0, level1_last, height1, level2_data};
    end
  endgenerate
  codec_encoder #(
      .BITS(RB),
      .MAX_WIDTH(MAX_WIDTH)
  ) encode_right (
      .clk(clk),
      .rst(rst),
      .cfg_width(cfg_width),
      .s_valid(right_pixel && !undue),
      .s_data(right_data),
      .s_user(right_user),
      .m_valid(right_word_valid),
      .m_word(right_word),
      .m_column(unused_block_right[8:0]),
      .m_row(unused_block_right[17:9])
  );

  corners #(
      .MAX_WIDTH(MAX_WIDTH),
      .SCORE_W(SW),
      .TILE_BITS(TILE_SIDE_BITS),
      .COLS(TILE_COLUMNS),
      .ROWS(TILE_ROWS)
  ) find_corners (
      .clk(clk),
      .rst(rst),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .cfg_border(cfg_border),
      .cfg_min_score(cfg_min_score),
      .cfg_detect(1'b1),  // a frame that turns out to be no keyframe is given up with `undue`
      .s_valid(left_pixel && !undue),
      .s_data(left_data),
      .s_user(left_user),
      .m_done(corners_done),
      .read_address(candidate_address),
      .read_data(candidate)
  );

  // ======== frame buffer ========
  reg key_next_q;  // the last frame committed is, or becomes, the key
  frame_buffer store (
      .clk(clk),
      .rst(rst),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .begin_valid(frame_begin),
      .begin_ring(key_next_q),
      .begin_right(begin_right),
      .commit_valid(commit_left),
      .key_valid(make_key),
      .forget_valid(forget),
      .reading(reading),
      .m_overflow(overflow),
      .m_left_done(left_done),
      .m_right_done(right_done),
      .left0_valid(left0_valid),
      .left0_word({{(27 - LB) {1'b0}}, left0_word}),
      .left1_valid(left1_valid),
      .left1_word({{(27 - UB) {1'b0}}, left1_word}),
      .left2_valid(left2_valid),
      .left2_word({{(27 - UB) {1'b0}}, left2_word}),
      .right_valid(right_word_valid),
      .right_word({{(27 - RB) {1'b0}}, right_word}),
      .r0_valid(k_r_valid),
      .r0_ready(k_r_ready),
      .r0_buffer(k_r_buffer),
      .r0_level(k_r_level),
      .r0_column(k_r_column),
      .r0_row(k_r_row),
      .m0_valid(k_a_valid),
      .m0_part(k_a_part),
      .m0_pixels(k_a_pixels),
      .r1_valid(s_r_valid),
      .r1_ready(s_r_ready),
      .r1_buffer(s_r_buffer),
      .r1_level(s_r_level),
      .r1_column(s_r_column),
      .r1_row(s_r_row),
      .m1_valid(s_a_valid),
      .m1_pixels(s_a_pixels),
      .count_writes(count_writes),
      .count_reads(count_reads)
  );
  always @(posedge clk)
    if (rst) key_next_q <= 1'b0;
    else if (commit_left) key_next_q <= due;

endmodule

`default_nettype wire
