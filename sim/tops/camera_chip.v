// SPDX-License-Identifier: Apache-2.0
// The front end behind two camera buses, with windows into it, for sim/camera_harness.cpp.
`default_nettype none

module camera_chip (
    input wire        clk,
    input wire        rst,
    input wire        left_pixel_clk,
    input wire        left_vsync,
    input wire        left_hsync,
    input wire [ 7:0] left_pixel,
    input wire        right_pixel_clk,
    input wire        right_vsync,
    input wire        right_hsync,
    input wire [ 7:0] right_pixel,

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

    output wire        m_axis_tvalid,
    input  wire        m_axis_tready,
    output wire [31:0] m_axis_tdata,
    output wire        m_axis_tlast,

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
  wire left_missing, right_missing, unused_left_ready, unused_right_ready, unused_user, unused_irq;

  camera_pair #(
      .SKEW (100),
      .DEPTH(256)
  ) cameras (
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
      .event_left_missing(left_missing),
      .event_right_missing(right_missing),
      .event_late(probe_late),
      .count_lost(probe_camera_lost)
  );

  frontend dut (
      .clk(clk),
      .rst(rst),
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
      .event_camera_left_missing(left_missing),
      .event_camera_right_missing(right_missing),
      .event_camera_late(probe_late),
      .count_camera_lost(probe_camera_lost),
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
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready),
      .m_axis_tdata(m_axis_tdata),
      .m_axis_tuser(unused_user),
      .m_axis_tlast(m_axis_tlast),
      .irq(unused_irq)
  );

  assign probe_begin = dut.images.frame_begin;
  assign probe_left = dut.images.left_pixel;
  assign probe_left_data = dut.images.left_data;
  assign probe_right = dut.images.right_pixel;
  assign probe_right_data = dut.images.right_data;
  assign probe_commit = dut.commit;
  assign probe_lost = dut.lost;
  assign probe_right_in = dut.right_in;
  assign probe_bad = dut.repaired;
  assign probe_forget = dut.done_forget;
  assign probe_drop = dut.event_drop;
  assign probe_left_lost = cameras.left_valid && cameras.left_ready && cameras.left_word[1] ? left_data : 8'd0;
  assign probe_left_late = cameras.left_late;

endmodule

`default_nettype wire
