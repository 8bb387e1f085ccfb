// SPDX-License-Identifier: Apache-2.0
// Make whole frames of any pixel stream: what follows may count pixels and trust the count.
//
// Waits for a start of frame, then passes exactly cfg_height lines of cfg_width pixels. A line that
// ends early is filled up with its last pixel; pixels beyond its end are dropped. When a start of
// frame comes too early, the frame under way is filled up first, and the new one waits. m_bad says
// of a frame, with its last pixel, that it was repaired.
// Latency:    1 cycle. Throughput: one pixel a cycle; the input waits while a line or a frame is
//             filled up.
// Errors:     one-cycle pulses: line too short, line too long, start of frame missing (pixels
//             came outside of a frame), frame cut by the next one.
`default_nettype none

module frame_guard #(
    parameter SIZE_W = 11  // bits of a width or height
) (
    input wire clk,
    input wire rst,

    input wire [SIZE_W-1:0] cfg_width,   // 2 or more, taken over at a start of frame
    input wire [SIZE_W-1:0] cfg_height,

    input  wire       s_axis_tvalid,
    output wire       s_axis_tready,
    input  wire [7:0] s_axis_tdata,
    input  wire       s_axis_tuser,
    input  wire       s_axis_tlast,

    output wire       m_axis_tvalid,
    input  wire       m_axis_tready,
    output wire [7:0] m_axis_tdata,
    output wire       m_axis_tuser,
    output wire       m_axis_tlast,
    output wire       m_bad,  // with the last pixel of a frame

    output wire error_short,
    output wire error_long,
    output wire error_start,
    output wire error_cut
);

  localparam [SIZE_W-1:0] ONE = {{(SIZE_W - 1) {1'b0}}, 1'b1};
  localparam [SIZE_W-1:0] ZERO = {SIZE_W{1'b0}};

  // OUTSIDE: no frame. PIXELS: lines pass. FILL: the line is filled up. EXCESS: the line is over,
  // its excess is dropped. CUT: the frame is filled up to its end.
  localparam [2:0] OUTSIDE = 3'd0, PIXELS = 3'd1, FILL = 3'd2, EXCESS = 3'd3, CUT = 3'd4;

  reg [2:0] state_q;
  reg [SIZE_W-1:0] width_q, height_q, x_q, y_q;
  reg bad_q;
  reg valid_q, user_q, last_q, end_bad_q;
  reg [7:0] data_q;

  wire enable = !valid_q || m_axis_tready;
  wire start = s_axis_tvalid && s_axis_tuser;
  wire begins = start && (state_q == OUTSIDE || (state_q == EXCESS && y_q == ZERO));
  wire cut = start && !begins && (state_q == PIXELS || state_q == EXCESS);
  wire filling = state_q == FILL || state_q == CUT;

  // The offending start of frame stays at the input until the frame is filled, then begins one.
  assign s_axis_tready = enable && !filling && !cut;
  wire take = s_axis_tvalid && s_axis_tready;
  wire give = enable && (filling || (take && (begins || state_q == PIXELS)));

  wire [SIZE_W-1:0] width = begins ? cfg_width : width_q;
  wire [SIZE_W-1:0] height = begins ? cfg_height : height_q;
  wire [SIZE_W-1:0] x = begins ? ZERO : x_q;
  wire [SIZE_W-1:0] y = begins ? ZERO : y_q;
  wire line_end = x == width - ONE;
  wire frame_end = line_end && y == height - ONE;
  wire too_short = take && (begins || state_q == PIXELS) && s_axis_tlast && !line_end;
  wire too_long = take && (begins || state_q == PIXELS) && !s_axis_tlast && line_end;
  wire wrong = too_short || too_long || (enable && cut) || state_q == CUT;

  always @(posedge clk) begin
    if (give) begin
      x_q <= line_end ? ZERO : x + ONE;
      y_q <= !line_end ? y : frame_end ? ZERO : y + ONE;
      width_q <= width;
      height_q <= height;
      if (!filling) data_q <= s_axis_tdata;
      user_q <= begins;
      last_q <= line_end;
      end_bad_q <= frame_end && ((bad_q && !begins) || wrong);
    end
    if (rst) begin
      state_q <= OUTSIDE;
      valid_q <= 1'b0;
      bad_q <= 1'b0;
      x_q <= ZERO;
      y_q <= ZERO;
    end else if (enable) begin
      valid_q <= give;
      if (begins && take) bad_q <= too_short || too_long;
      else if (wrong) bad_q <= 1'b1;
      case (state_q)
        FILL: if (line_end) state_q <= frame_end ? OUTSIDE : PIXELS;
        CUT: if (frame_end) state_q <= OUTSIDE;
        EXCESS:
        if (begins) state_q <= too_short ? FILL : PIXELS;
        else if (cut) state_q <= CUT;
        else if (take && s_axis_tlast) state_q <= y_q == ZERO ? OUTSIDE : PIXELS;
        default:
        if (cut) state_q <= CUT;
        else if (too_short) state_q <= FILL;
        else if (too_long) state_q <= EXCESS;
        else if (give) state_q <= frame_end ? OUTSIDE : PIXELS;
      endcase
    end
  end

  assign m_axis_tvalid = valid_q;
  assign m_axis_tdata = data_q;
  assign m_axis_tuser = user_q;
  assign m_axis_tlast = last_q;
  assign m_bad = end_bad_q;
  assign error_short = too_short;
  assign error_long = too_long;
  assign error_start = take && state_q == OUTSIDE && !s_axis_tuser;
  assign error_cut = enable && cut;

endmodule

`default_nettype wire
