// SPDX-License-Identifier: Apache-2.0
// Bring a parallel camera bus into the chip's clock as an AXI-Stream of pixels.
//
// A pixel counts while vsync is at FRAME_LEVEL and hsync at LINE_LEVEL. tuser marks the first pixel
// of a frame, tlast the last of a line, however long the camera made it: frame_guard repairs lines.
// The first frame after a reset is the first that begins after it. A camera cannot wait: when the
// queue is full a pixel is lost, the rest of that frame is left out and event_overflow is given.
// Q formats:  8-bit pixels, unchanged.
// Latency:    3 clocks of pixel_clk, then 3 to 4 of clk. Throughput: a pixel a clock of pixel_clk.
// Reset:      crosses to pixel_clk and back: no pixel comes before pixel_clk runs. rst lasts 1 clock
//             or more.
// Memory:     DEPTH x 10 bits.
`default_nettype none

module camera_input #(
    parameter DEPTH = 1024,  // pixels queued, a power of two, 16 or more
    parameter FRAME_LEVEL = 1,  // of vsync within a frame, 0 or 1
    parameter LINE_LEVEL = 1  // of hsync within a line, 0 or 1
) (
    input wire clk,
    input wire rst,

    // The camera's bus, all in its own clock
    input wire       pixel_clk,
    input wire       vsync,
    input wire       hsync,
    input wire [7:0] pixel,

    output wire       m_axis_tvalid,
    input  wire       m_axis_tready,
    output wire [7:0] m_axis_tdata,
    output wire       m_axis_tuser,
    output wire       m_axis_tlast,

    output wire m_inside,  // the camera is between the first pixel and the end of a frame
    output wire event_overflow  // pulse
);

  generate
    if (DEPTH < 16 || FRAME_LEVEL > 1 || LINE_LEVEL > 1) begin : g_bad_level
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
  reg frame_q, line_q, begins_q, inside_q, held_q, held_user_q, overflow_q;
  reg [7:0] pixel_q, held_pixel_q;
  wire queue_ready;
  wire lost = held_q && !queue_ready;
  wire here = frame_q && line_q && (begins_q || inside_q) && !lost;

  always @(posedge pixel_clk) begin
    frame_q <= vsync == FRAME_LEVEL[0];
    line_q <= hsync == LINE_LEVEL[0];
    pixel_q <= pixel;
    held_pixel_q <= pixel_q;
    held_user_q <= begins_q;
    if (restart_seen_q) begin
      begins_q <= 1'b0;
      inside_q <= 1'b0;
      held_q <= 1'b0;
      overflow_q <= 1'b0;
    end else begin
      held_q <= here;
      if (!frame_q) begins_q <= 1'b1;
      else if (here || lost) begins_q <= 1'b0;
      if (!frame_q || lost) inside_q <= 1'b0;
      else if (here) inside_q <= 1'b1;
      if (lost) overflow_q <= !overflow_q;
    end
  end

  async_fifo #(
      .WIDTH(10),
      .DEPTH(DEPTH)
  ) queue (
      .s_clk(pixel_clk),
      .s_rst(restart_seen_q),
      .s_valid(held_q),
      .s_ready(queue_ready),
      .s_data({held_user_q, !(frame_q && line_q), held_pixel_q}),
      .m_clk(clk),
      .m_rst(hold),
      .m_valid(m_axis_tvalid),
      .m_ready(m_axis_tready),
      .m_data({m_axis_tuser, m_axis_tlast, m_axis_tdata})
  );

  // ---- a change of overflow_q is an overflow ----
  (* async_reg = "true" *) reg overflow_cross_q, overflow_seen_q, inside_cross_q, inside_seen_q;
  reg overflow_last_q;

  always @(posedge clk) begin
    overflow_cross_q <= overflow_q;
    overflow_seen_q <= overflow_cross_q;
    overflow_last_q <= overflow_seen_q;
    inside_cross_q <= inside_q;
    inside_seen_q <= inside_cross_q;
  end

  assign m_inside = inside_seen_q;
  assign event_overflow = overflow_seen_q != overflow_last_q && !hold;

endmodule

`default_nettype wire
