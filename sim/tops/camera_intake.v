// SPDX-License-Identifier: Apache-2.0
// Two cameras, their queues and the intake, at full size, with a stand-in for the chip behind them:
// it is done with a frame's words DONE cycles after the last pixel and works WORK cycles on each.
`default_nettype none

module camera_intake #(
    parameter DONE = 2000,
    parameter WORK = 100000
) (
    input wire        clk,
    input wire        rst,
    input wire        enable,
    input wire [10:0] width,
    input wire [10:0] height,
    input wire        left_pixel_clk,
    input wire        left_vsync,
    input wire        left_hsync,
    input wire [ 7:0] left_pixel,
    input wire        right_pixel_clk,
    input wire        right_vsync,
    input wire        right_hsync,
    input wire [ 7:0] right_pixel,

    output wire       probe_begin,
    output wire       probe_left,
    output wire [7:0] probe_left_data,
    output wire       probe_right,
    output wire [7:0] probe_right_data,
    output wire       probe_commit,
    output wire       probe_lost,
    output wire       probe_right_in,
    output wire       probe_bad,
    output wire       probe_forget,
    output wire       probe_drop,
    output wire [8:0] probe_camera_lost,
    output wire       probe_late,
    output wire [7:0] probe_left_lost,  // what of these two is the left camera's
    output wire       probe_left_late
);

  wire left_valid, left_ready, left_last, right_valid, right_ready, right_last;
  wire [7:0] left_data, right_data;
  wire [1:0] left_user, right_user;
  wire [3:0] unused_events;
  wire unused_left_ready, unused_right_ready;
  camera_pair cameras (
      .clk(clk),
      .rst(rst),
      .left_pixel_clk(left_pixel_clk),
      .left_vsync(left_vsync),
      .left_hsync(left_hsync),
      .left_pixel(left_pixel),
      .left_pixel_ready(unused_left_ready),
      .right_pixel_clk(right_pixel_clk),
      .right_vsync(right_vsync),
      .right_hsync(right_hsync),
      .right_pixel(right_pixel),
      .right_pixel_ready(unused_right_ready),
      .m_left_axis_tvalid(left_valid),
      .m_left_axis_tready(left_ready),
      .m_left_axis_tdata(left_data),
      .m_left_axis_tuser(left_user),
      .m_left_axis_tlast(left_last),
      .m_right_axis_tvalid(right_valid),
      .m_right_axis_tready(right_ready),
      .m_right_axis_tdata(right_data),
      .m_right_axis_tuser(right_user),
      .m_right_axis_tlast(right_last),
      .event_left_missing(unused_events[0]),
      .event_right_missing(unused_events[1]),
      .event_late(probe_late),
      .count_lost(probe_camera_lost)
  );

  reg [16:0] left_wait_q, right_wait_q, work_q;
  reg [20:0] left_count_q, right_count_q;
  wire [21:0] area = {11'd0, width} * {11'd0, height};
  wire stored, held, over, skip_in, unused_begin_right;
  wire unused_user, unused_last, unused_right_user, unused_idle;
  wire [11:0] unused_faults;
  wire left_done = left_wait_q == DONE;
  wire right_done = right_wait_q == DONE;
  assign probe_commit = held && stored && work_q == 17'd0;

  frame_intake intake (
      .clk(clk),
      .rst(rst),
      .cfg_enable(enable),
      .cfg_width(width),
      .cfg_height(height),
      .cfg_timeout(20'd64),
      .cfg_stop(20'd62500),
      .cfg_mono(1'b0),
      .armed(1'b1),
      .s_left_axis_tvalid(left_valid),
      .s_left_axis_tready(left_ready),
      .s_left_axis_tdata(left_data),
      .s_left_axis_tuser(left_user),
      .s_left_axis_tlast(left_last),
      .s_right_axis_tvalid(right_valid),
      .s_right_axis_tready(right_ready),
      .s_right_axis_tdata(right_data),
      .s_right_axis_tuser(right_user),
      .s_right_axis_tlast(right_last),
      .m_left_valid(probe_left),
      .m_left_ready(1'b1),
      .m_left_data(probe_left_data),
      .m_left_user(unused_user),
      .m_left_last(unused_last),
      .m_right_valid(probe_right),
      .m_right_data(probe_right_data),
      .m_right_user(unused_right_user),
      .busy(work_q != 17'd0),
      .stall(1'b0),
      .right_free(1'b1),
      .left_done(left_done),
      .right_done(right_done),
      .overflow(1'b0),
      .commit(probe_commit),
      .skip(1'b0),
      .m_skip(skip_in),
      .m_idle(unused_idle),
      .m_over(over),
      .m_begin(probe_begin),
      .m_begin_right(unused_begin_right),
      .m_held(held),
      .m_stored(stored),
      .m_dropped(probe_lost),
      .m_right(probe_right_in),
      .m_bad(probe_bad),
      .errors(unused_faults[9:0]),
      .event_drop(probe_drop),
      .event_unarmed(unused_faults[10]),
      .event_left_missing(unused_faults[11]),
      .event_right_missing(unused_events[2])
  );
  assign unused_events[3] = over || skip_in;
  assign probe_forget = 1'b0;

  always @(posedge clk) begin
    left_count_q <= rst || probe_begin ? {20'd0, probe_left} : left_count_q + {20'd0, probe_left};
    right_count_q <= rst || probe_begin ? {20'd0, probe_right} : right_count_q + {20'd0, probe_right};
    if (rst || probe_begin || {1'b0, left_count_q} != area) left_wait_q <= 17'd0;
    else if (!left_done) left_wait_q <= left_wait_q + 17'd1;
    if (rst || probe_begin || {1'b0, right_count_q} != area) right_wait_q <= 17'd0;
    else if (!right_done) right_wait_q <= right_wait_q + 17'd1;
    if (rst) work_q <= 17'd0;
    else if (probe_commit) work_q <= WORK;
    else if (work_q != 17'd0) work_q <= work_q - 17'd1;
  end
  assign probe_left_lost = cameras.left_valid && cameras.left_ready && cameras.left_word[1] ? left_data : 8'd0;
  assign probe_left_late = cameras.left_late;

endmodule

`default_nettype wire
