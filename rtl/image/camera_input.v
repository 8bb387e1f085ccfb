// SPDX-License-Identifier: Apache-2.0
// Bring a parallel camera bus into the chip's clock as an AXI-Stream of pixels.
//
// A pixel counts while vsync is at FRAME_LEVEL and hsync at LINE_LEVEL. tuser marks the first pixel
// of a frame, tlast the last of a line, however long the camera made it: frame_guard repairs lines.
// The first frame after a reset is the first that begins after it.
// Overflow:   a camera cannot wait. When the queue is full a pixel is lost: the rest of that frame is
//             left out, and so are frames that begin before there is room again. Then a mark is queued
//             before anything else: a word with tuser[1] that is no pixel and breaks off the frame
//             under way; tdata is the number of frames lost, 255 at most. With SOURCE_WAITS
//             the source holds its bus while pixel_ready is low, and nothing is lost.
// Q formats:  8-bit pixels, unchanged.
// Latency:    3 clocks of pixel_clk, then 3 to 4 of clk. Throughput: a pixel a clock of pixel_clk.
// Reset:      crosses to pixel_clk and back: no pixel comes before pixel_clk runs. rst lasts 1 clock
//             or more.
// Memory:     DEPTH x 11 bits.
`default_nettype none

module camera_input #(
    parameter DEPTH = 1024,  // pixels queued, a power of two, 16 or more
    parameter FRAME_LEVEL = 1,  // of vsync within a frame, 0 or 1
    parameter LINE_LEVEL = 1,  // of hsync within a line, 0 or 1
    parameter SOURCE_WAITS = 0  // 1: the source holds its bus while pixel_ready is low
) (
    input wire clk,
    input wire rst,

    // The camera's bus, all in its own clock
    input wire       pixel_clk,
    input wire       vsync,
    input wire       hsync,
    input wire [7:0] pixel,
    output wire      pixel_ready,  // constant 1 without SOURCE_WAITS

    output wire       m_axis_tvalid,
    input  wire       m_axis_tready,
    output wire [7:0] m_axis_tdata,
    output wire [1:0] m_axis_tuser,  // 0 start of frame, 1 a mark: the frame breaks off
    output wire       m_axis_tlast,

    output wire m_inside  // the camera is between the first pixel and the end of a frame
);

  generate
    if (DEPTH < 16 || FRAME_LEVEL > 1 || LINE_LEVEL > 1 || SOURCE_WAITS > 1) begin : g_bad_level
      camera_input_DEPTH_is_16_or_more_and_levels_0_or_1 bad_parameter ();
    end
  endgenerate

  // ---- reset, handed over and back ----
  reg restart_q;
  (* async_reg = "true" *) reg ack_cross_q, ack_seen_q;
  (* async_reg = "true" *) reg restart_cross_q, restart_seen_q;
  wire hold = restart_q || ack_seen_q;

  always @(posedge clk) begin
    ack_cross_q <= restart_seen_q;
    ack_seen_q <= ack_cross_q;
    if (rst) restart_q <= 1'b1;
    else if (ack_seen_q) restart_q <= 1'b0;
  end

  always @(posedge pixel_clk) begin
    restart_cross_q <= restart_q;
    restart_seen_q <= restart_cross_q;
  end

  // ---- the bus; a pixel is held until it is known whether its line goes on ----
  reg frame_q, line_q, begins_q, inside_q, held_q, held_user_q;
  reg [7:0] pixel_q, held_pixel_q;
  reg [7:0] owed_q;  // frames lost since the last mark: a mark of them comes before any other word
  wire queue_ready;
  wire owed = owed_q != 8'd0;
  wire waits = SOURCE_WAITS[0] && held_q && !queue_ready;
  wire lost = !SOURCE_WAITS[0] && held_q && (owed || !queue_ready);
  wire here = frame_q && line_q && (begins_q || inside_q) && !lost;
  wire [7:0] unmarked = owed && queue_ready ? 8'd0 : owed_q;

  always @(posedge pixel_clk) begin
    if (!waits) begin
      frame_q <= vsync == FRAME_LEVEL[0];
      line_q <= hsync == LINE_LEVEL[0];
      pixel_q <= pixel;
      held_pixel_q <= pixel_q;
      held_user_q <= begins_q;
    end
    if (restart_seen_q) begin
      begins_q <= 1'b0;
      inside_q <= 1'b0;
      held_q <= 1'b0;
      owed_q <= 8'd0;
    end else if (!waits) begin
      held_q <= here;
      if (!frame_q) begins_q <= 1'b1;
      else if (here || lost) begins_q <= 1'b0;
      if (!frame_q || lost) inside_q <= 1'b0;
      else if (here) inside_q <= 1'b1;
      owed_q <= unmarked + {7'd0, lost && unmarked != 8'hFF};
    end
  end

  async_fifo #(
      .WIDTH(11),
      .DEPTH(DEPTH)
  ) queue (
      .s_clk(pixel_clk),
      .s_rst(restart_seen_q),
      .s_valid(held_q || owed),
      .s_ready(queue_ready),
      .s_data(owed ? {3'b100, owed_q} : {1'b0, held_user_q, !(frame_q && line_q), held_pixel_q}),
      .m_clk(clk),
      .m_rst(hold),
      .m_valid(m_axis_tvalid),
      .m_ready(m_axis_tready),
      .m_data({m_axis_tuser, m_axis_tlast, m_axis_tdata})
  );

  (* async_reg = "true" *) reg inside_cross_q, inside_seen_q;
  always @(posedge clk) begin
    inside_cross_q <= inside_q;
    inside_seen_q <= inside_cross_q;
  end

  assign pixel_ready = !waits;
  assign m_inside = inside_seen_q;

endmodule

`default_nettype wire
