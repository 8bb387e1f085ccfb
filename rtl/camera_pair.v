// SPDX-License-Identifier: Apache-2.0
// Bring two parallel cameras into the chip: frames leave in pairs, or are declared missing.
//
// The frame of the camera that is ahead waits in its queue until the other one begins: both starts
// of frame leave together. After SKEW clocks the other image is missing and the frame leaves alone.
// The image that it did not wait for is left out, if it stays alone for SKEW clocks before that
// frame's end at its camera: one that is only early for the next frame is kept.
// Waiting:    cameras cannot wait: what stalls behind the queues for longer than they last breaks off
//             a frame (camera_input), never more than that. SOURCE_WAITS is for sources that can.
// Latency:    camera_input, 1 clock, and the skew. Throughput: a pixel a clock on both streams.
// Events:     pulses: an image is missing, an image came too late and was left out. count_lost:
//             frames of both cameras for which a queue had no room, in the clock in which their
//             mark leaves the queue.
// Memory:     two queues of DEPTH x 11 bits. A pixel_clk that is faster than clk fills the queue.
`default_nettype none

module camera_pair #(
    parameter SKEW = 800,  // clocks that one camera may be behind, 1 or more
    parameter DEPTH = 1024,  // pixels of a queue, a power of two, SKEW + 32 or more
    parameter FRAME_LEVEL = 1,  // of vsync within a frame, 0 or 1
    parameter LINE_LEVEL = 1,  // of hsync within a line, 0 or 1
    parameter SOURCE_WAITS = 0  // 1: the sources hold their bus while *_pixel_ready is low
) (
    input wire clk,
    input wire rst,

    input wire       left_pixel_clk,
    input wire       left_vsync,
    input wire       left_hsync,
    input wire [7:0] left_pixel,
    output wire      left_pixel_ready,
    input wire       right_pixel_clk,
    input wire       right_vsync,
    input wire       right_hsync,
    input wire [7:0] right_pixel,
    output wire      right_pixel_ready,

    output wire       m_left_axis_tvalid,
    input  wire       m_left_axis_tready,
    output wire [7:0] m_left_axis_tdata,
    output wire [1:0] m_left_axis_tuser,  // 0 start of frame, 1 the frame breaks off: no pixel
    output wire       m_left_axis_tlast,
    output wire       m_right_axis_tvalid,
    input  wire       m_right_axis_tready,
    output wire [7:0] m_right_axis_tdata,
    output wire [1:0] m_right_axis_tuser,  // 0 start of frame, 1 the frame breaks off: no pixel
    output wire       m_right_axis_tlast,

    output wire event_left_missing,
    output wire event_right_missing,
    output wire event_late,
    output wire [8:0] count_lost
);

  generate
    if (SKEW < 1 || DEPTH < SKEW + 32) begin : g_bad_skew
      camera_pair_DEPTH_must_be_SKEW_and_32_or_more bad_parameter ();
    end
  endgenerate

  localparam TW = $clog2(SKEW + 1);
  localparam [TW-1:0] LAST = SKEW[TW-1:0];
  localparam [TW-1:0] ONE = {{(TW - 1) {1'b0}}, 1'b1};

  wire left_valid, left_ready, left_inside;
  wire [1:0] left_word;  // tuser
  wire left_user = left_word[0];
  wire right_valid, right_ready, right_inside;
  wire [1:0] right_word;  // tuser
  wire right_user = right_word[0];

  camera_input #(
      .DEPTH(DEPTH),
      .FRAME_LEVEL(FRAME_LEVEL),
      .LINE_LEVEL(LINE_LEVEL),
      .SOURCE_WAITS(SOURCE_WAITS)
  ) left_camera (
      .clk(clk),
      .rst(rst),
      .pixel_clk(left_pixel_clk),
      .vsync(left_vsync),
      .hsync(left_hsync),
      .pixel(left_pixel),
      .pixel_ready(left_pixel_ready),
      .m_axis_tvalid(left_valid),
      .m_axis_tready(left_ready),
      .m_axis_tdata(m_left_axis_tdata),
      .m_axis_tuser(left_word),
      .m_axis_tlast(m_left_axis_tlast),
      .m_inside(left_inside)
  );

  camera_input #(
      .DEPTH(DEPTH),
      .FRAME_LEVEL(FRAME_LEVEL),
      .LINE_LEVEL(LINE_LEVEL),
      .SOURCE_WAITS(SOURCE_WAITS)
  ) right_camera (
      .clk(clk),
      .rst(rst),
      .pixel_clk(right_pixel_clk),
      .vsync(right_vsync),
      .hsync(right_hsync),
      .pixel(right_pixel),
      .pixel_ready(right_pixel_ready),
      .m_axis_tvalid(right_valid),
      .m_axis_tready(right_ready),
      .m_axis_tdata(m_right_axis_tdata),
      .m_axis_tuser(right_word),
      .m_axis_tlast(m_right_axis_tlast),
      .m_inside(right_inside)
  );

  // open: the start of frame at the queue's end may leave; pass: the pixels after it; alone: the
  // frame left without the other image, until its end at the camera.
  reg left_open_q, left_pass_q, left_alone_q;
  reg right_open_q, right_pass_q, right_alone_q;
  reg [TW-1:0] timer_q;

  wire left_offer = left_valid && left_user && !left_open_q;
  wire right_offer = right_valid && right_user && !right_open_q;
  wire both = left_offer && right_offer;
  wire one = left_offer != right_offer;
  // An image that stays alone for long leaves alone, or is left out: its frame has left without it.
  wire expired = one && timer_q == LAST;
  wire left_late = left_offer && expired && right_alone_q;
  wire right_late = right_offer && expired && left_alone_q;
  wire late = left_late || right_late;
  wire left_begins = both || (left_offer && expired && !late);
  wire right_begins = both || (right_offer && expired && !late);

  assign m_left_axis_tvalid = left_valid && (left_user ? left_open_q : left_pass_q);
  assign m_left_axis_tuser = left_word;
  assign m_right_axis_tvalid = right_valid && (right_user ? right_open_q : right_pass_q);
  assign m_right_axis_tuser = right_word;

  // What is left out is taken at once.
  assign left_ready = left_user ? left_open_q ? m_left_axis_tready : left_late
                                : !left_pass_q || m_left_axis_tready;
  assign right_ready = right_user ? right_open_q ? m_right_axis_tready : right_late
                                  : !right_pass_q || m_right_axis_tready;

  always @(posedge clk) begin
    if (rst) begin
      left_open_q <= 1'b0;
      left_pass_q <= 1'b0;
      left_alone_q <= 1'b0;
      right_open_q <= 1'b0;
      right_pass_q <= 1'b0;
      right_alone_q <= 1'b0;
      timer_q <= {TW{1'b0}};
    end else begin
      timer_q <= one && !expired ? timer_q + ONE : {TW{1'b0}};
      if (left_begins) begin
        left_open_q <= 1'b1;
        left_pass_q <= 1'b1;
        left_alone_q <= !both && left_inside;
      end else begin
        if (!left_inside) left_alone_q <= 1'b0;
        if (left_valid && left_ready) left_open_q <= 1'b0;
        if (left_late) left_pass_q <= 1'b0;
      end
      if (right_begins) begin
        right_open_q <= 1'b1;
        right_pass_q <= 1'b1;
        right_alone_q <= !both && right_inside;
      end else begin
        if (!right_inside) right_alone_q <= 1'b0;
        if (right_valid && right_ready) right_open_q <= 1'b0;
        if (right_late) right_pass_q <= 1'b0;
      end
    end
  end

  assign event_left_missing = expired && right_offer && !late;
  assign event_right_missing = expired && left_offer && !late;
  assign event_late = late;
  assign count_lost = {1'b0, left_valid && left_ready && left_word[1] ? m_left_axis_tdata : 8'd0}
                      + {1'b0, right_valid && right_ready && right_word[1] ? m_right_axis_tdata : 8'd0};

endmodule

`default_nettype wire
