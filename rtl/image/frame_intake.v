// SPDX-License-Identifier: Apache-2.0
// Let frames in from two pixel streams: repaired, paired, counted; or drop them, and say so.
//
// No frame waits for the end of one that broke off: after one fault at most one good frame is lost
// (frame_guard and stream_control, proven in rtl/formal; sim/test_intake.py with two cameras).
// Latency:    1 cycle. Throughput: a pixel a cycle on both streams; a source waits for the rest of a short
//             line, for the other camera's image and for what holds a frame back (stream_control).
// Settings:   stable from the start of a frame until m_idle.
// Errors:     0..4 left, 5..9 right: short line, long line, missing start, cut frame, stopped
//             frame (pulses).
`default_nettype none

module frame_intake #(
    parameter SIZE_W = 11,  // bits of a width or height
    parameter TIMEOUT_W = 20  // bits of the waiting times
) (
    input wire clk,
    input wire rst,

    input wire                 cfg_enable,
    input wire [   SIZE_W-1:0] cfg_width,
    input wire [   SIZE_W-1:0] cfg_height,
    input wire [TIMEOUT_W-1:0] cfg_timeout,
    input wire [TIMEOUT_W-1:0] cfg_stop,
    input wire                 cfg_mono,
    input wire                 armed,

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

    // Pixels that go on: the left ones wait for m_left_ready, the right ones never
    output wire       m_left_valid,
    input  wire       m_left_ready,
    output wire [7:0] m_left_data,
    output wire       m_left_user,
    output wire       m_left_last,
    output wire       m_right_valid,
    output wire [7:0] m_right_data,
    output wire       m_right_user,

    // The rest of the chip, and the frame that streams in (stream_control)
    input  wire busy,
    input  wire stall,
    input  wire right_free,
    input  wire left_done,
    input  wire right_done,
    input  wire overflow,
    input  wire commit,
    input  wire skip,
    output wire m_skip,
    output wire m_idle,
    output wire m_over,
    output wire m_begin,
    output wire m_begin_right,
    output wire m_held,
    output wire m_stored,
    output wire m_dropped,
    output wire m_right,
    output wire m_bad,

    output wire [9:0] errors,
    output wire       event_drop,
    output wire       event_unarmed,
    output wire       event_left_missing,
    output wire       event_right_missing
);

  wire left_valid, left_ready, left_end, left_bad, left_cut, left_inside;
  wire right_valid, right_ready, right_end, right_bad, right_cut, right_inside;
  wire pass_right, paused, unused_right_last;

  frame_guard #(
      .SIZE_W(SIZE_W),
      .STOP_W(TIMEOUT_W)
  ) guard_left (
      .clk(clk),
      .rst(rst),
      .cfg_enable(cfg_enable),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .cfg_stop(cfg_stop),
      .s_axis_tvalid(s_left_axis_tvalid),
      .s_axis_tready(s_left_axis_tready),
      .s_axis_tdata(s_left_axis_tdata),
      .s_axis_tuser(s_left_axis_tuser),
      .s_axis_tlast(s_left_axis_tlast),
      .m_axis_tvalid(left_valid),
      .m_axis_tready(left_ready),
      .m_axis_tdata(m_left_data),
      .m_axis_tuser(m_left_user),
      .m_axis_tlast(m_left_last),
      .m_end(left_end),
      .m_bad(left_bad),
      .m_cut(left_cut),
      .m_inside(left_inside),
      .error_short(errors[0]),
      .error_long(errors[1]),
      .error_start(errors[2]),
      .error_cut(errors[3]),
      .error_stop(errors[4])
  );
  frame_guard #(
      .SIZE_W(SIZE_W),
      .STOP_W(TIMEOUT_W)
  ) guard_right (
      .clk(clk),
      .rst(rst),
      .cfg_enable(cfg_enable),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .cfg_stop(cfg_stop),
      .s_axis_tvalid(s_right_axis_tvalid),
      .s_axis_tready(s_right_axis_tready),
      .s_axis_tdata(s_right_axis_tdata),
      .s_axis_tuser(s_right_axis_tuser),
      .s_axis_tlast(s_right_axis_tlast),
      .m_axis_tvalid(right_valid),
      .m_axis_tready(right_ready),
      .m_axis_tdata(m_right_data),
      .m_axis_tuser(m_right_user),
      .m_axis_tlast(unused_right_last),
      .m_end(right_end),
      .m_bad(right_bad),
      .m_cut(right_cut),
      .m_inside(right_inside),
      .error_short(errors[5]),
      .error_long(errors[6]),
      .error_start(errors[7]),
      .error_cut(errors[8]),
      .error_stop(errors[9])
  );

  stream_control #(
      .TIMEOUT_W(TIMEOUT_W)
  ) streams (
      .clk(clk),
      .rst(rst),
      .cfg_enable(cfg_enable),
      .armed(armed),
      .cfg_timeout(cfg_timeout),
      .cfg_mono(cfg_mono),
      .left_valid(left_valid),
      .left_ready(left_ready),
      .left_user(m_left_user),
      .left_end(left_end),
      .left_bad(left_bad),
      .left_cut(left_cut),
      .right_valid(right_valid),
      .right_ready(right_ready),
      .right_user(m_right_user),
      .right_end(right_end),
      .right_bad(right_bad),
      .right_cut(right_cut),
      .pass_left_valid(m_left_valid),
      .pass_left_ready(m_left_ready),
      .pass_right_valid(pass_right),
      .busy(busy),
      .stall(stall),
      .right_free(right_free),
      .left_done(left_done),
      .right_done(right_done),
      .overflow(overflow),
      .commit(commit),
      .skip(skip),
      .m_skip(m_skip),
      .m_idle(paused),
      .m_over(m_over),
      .m_begin(m_begin),
      .m_begin_right(m_begin_right),
      .m_held(m_held),
      .m_stored(m_stored),
      .m_dropped(m_dropped),
      .m_right(m_right),
      .m_bad(m_bad),
      .event_drop(event_drop),
      .event_unarmed(event_unarmed),
      .event_left_missing(event_left_missing),
      .event_right_missing(event_right_missing)
  );
  assign m_right_valid = pass_right && right_ready;
  assign m_idle = paused && !left_inside && !right_inside;

endmodule

`default_nettype wire
