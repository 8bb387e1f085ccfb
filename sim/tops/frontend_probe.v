// SPDX-License-Identifier: Apache-2.0
// The front end with windows into it, for sim/harness.cpp: the design itself has no such ports.
`default_nettype none

module frontend_probe (
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
    input  wire       event_camera_left_missing,
    input  wire       event_camera_right_missing,
    input  wire       event_camera_late,
    input  wire [8:0] count_camera_lost,

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
    output wire        irq,

    // What the blocks give (see WATCH in harness.cpp)
    output wire        probe_level1_valid,
    output wire [ 7:0] probe_level1,
    output wire        probe_level2_valid,
    output wire [ 7:0] probe_level2,
    output wire        probe_left0_valid,
    output wire [31:0] probe_left0,
    output wire        probe_left1_valid,
    output wire [31:0] probe_left1,
    output wire        probe_left2_valid,
    output wire [31:0] probe_left2,
    output wire        probe_right_valid,
    output wire [31:0] probe_right,
    output wire        probe_candidate_valid,
    output wire [31:0] probe_candidate,
    output wire        probe_corner_valid,
    output wire [63:0] probe_corner,
    output wire        probe_klt_valid,
    output wire [63:0] probe_klt_uv,
    output wire [31:0] probe_klt_status,
    output wire        probe_mono_valid,
    output wire [31:0] probe_mono,
    output wire        probe_match_valid,
    output wire [63:0] probe_match_uv,
    output wire [63:0] probe_match_ray,
    output wire        probe_stereo_valid,
    output wire        probe_stereo
);

`include "vio_params.vh"

  frontend dut (
      .clk(clk),
      .rst(rst),
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
      .event_camera_left_missing(event_camera_left_missing),
      .event_camera_right_missing(event_camera_right_missing),
      .event_camera_late(event_camera_late),
      .count_camera_lost(count_camera_lost),
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
      .m_axis_tuser(m_axis_tuser),
      .m_axis_tlast(m_axis_tlast),
      .irq(irq)
  );

  assign probe_level1_valid = dut.images.level1_valid && dut.images.level1_ready;
  assign probe_level1 = dut.images.level1_data;
  assign probe_level2_valid = dut.images.level2_valid;
  assign probe_level2 = dut.images.level2_data;
  assign probe_left0_valid = dut.images.left0_valid;
  assign probe_left0 = {{(32 - LEFT_WORD_BITS) {1'b0}}, dut.images.left0_word};
  assign probe_left1_valid = dut.images.left1_valid;
  assign probe_left1 = {{(32 - UPPER_WORD_BITS) {1'b0}}, dut.images.left1_word};
  assign probe_left2_valid = dut.images.left2_valid;
  assign probe_left2 = {{(32 - UPPER_WORD_BITS) {1'b0}}, dut.images.left2_word};
  assign probe_right_valid = dut.images.right_word_valid;
  assign probe_right = {{(32 - RIGHT_WORD_BITS) {1'b0}}, dut.images.right_word};

  // The candidates as the selection copies them: one cycle after their address.
  assign probe_candidate_valid = dut.track_side.select.copy_q;
  wire [CORNER_SCORE_BITS-1:0] score = dut.track_side.candidate[2*$clog2(TILE_PX)+:CORNER_SCORE_BITS];
  assign probe_candidate = |score ? {{(32 - CORNER_SCORE_BITS - 2 * $clog2(TILE_PX)) {1'b0}},
                                     dut.track_side.candidate} : 32'd0;
  assign probe_corner_valid = dut.track_side.corner_valid && dut.track_side.corner_ready
                              && !dut.track_side.corner_end;
  assign probe_corner = {{(42 - CORNER_SCORE_BITS) {1'b0}}, dut.track_side.corner_score,
                         dut.track_side.corner_v, dut.track_side.corner_u};
  assign probe_klt_valid = dut.track_side.fk_done && dut.track_side.fk_done_ready;
  assign probe_klt_uv = {26'd0, dut.track_side.found_v, dut.track_side.found_u};
  localparam GAP = 8 - ITERATION_BITS;
  assign probe_klt_status = {
    {(5 + GAP) {1'b0}}, dut.track_side.k_iterations[2*ITERATION_BITS+:ITERATION_BITS],
    {GAP{1'b0}}, dut.track_side.k_iterations[ITERATION_BITS+:ITERATION_BITS],
    {GAP{1'b0}}, dut.track_side.k_iterations[0+:ITERATION_BITS], dut.track_side.k_status
  };
  wire decision = dut.track_side.decision_valid && dut.track_side.decision_ready;
  assign probe_mono_valid = decision && dut.track_side.active[1];
  assign probe_mono = dut.track_side.decision_keep
                      ? {20'd0, dut.track_side.decision_scale, 1'b1} : 32'd0;
  assign probe_match_valid = dut.track_side.match_valid && dut.track_side.match_ready;
  assign probe_match_uv = dut.track_side.match_found
                          ? {25'd0, 1'b1, dut.track_side.match_v, dut.track_side.match_u} : 64'd0;
  assign probe_match_ray = dut.track_side.match_found
                           ? {12'd0, dut.track_side.match_disparity, dut.track_side.match_y,
                              dut.track_side.match_x} : 64'd0;
  assign probe_stereo_valid = decision && dut.track_side.active[4];
  assign probe_stereo = dut.track_side.decision_keep;

endmodule

`default_nettype wire
