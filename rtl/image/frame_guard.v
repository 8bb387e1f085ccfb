// SPDX-License-Identifier: Apache-2.0
// Make whole frames of any pixel stream, or say that one breaks off: what follows trusts the count.
//
// Waits for a start of frame, then passes cfg_height lines of cfg_width pixels; m_end marks the last
// of them. A line that ends early is filled up with its last pixel; pixels beyond its end are
// dropped. m_bad says of a frame, with its last pixel, that it was repaired.
// Broken:     a frame is not filled up. A start of frame that comes too early, a mark (tuser[1], see
//             camera_input) or cfg_stop cycles without a pixel end it: m_cut (pulse, while no pixel is
//             offered). The next frame begins behind it, at once: no frame waits for the one before.
// Disabled:   no frame begins while cfg_enable is low; the one under way goes on. Pixels are
//             dropped silently up to the first start after a reset or with cfg_enable.
// Latency:    1 cycle. Throughput: one pixel a cycle; the input waits while a line is filled up, at
//             most cfg_width cycles, and 2 cycles at a cut.
// Errors:     one-cycle pulses: line too short, line too long, start of frame missing (pixels
//             came outside of a frame), frame cut by the next one or a mark, frame stopped.
`default_nettype none

module frame_guard #(
    parameter SIZE_W = 11,  // bits of a width or height
    parameter STOP_W = 20  // bits of cfg_stop
) (
    input wire clk,
    input wire rst,

    input wire              cfg_enable,
    input wire [SIZE_W-1:0] cfg_width,   // 2 or more; all stable while m_inside
    input wire [SIZE_W-1:0] cfg_height,
    input wire [STOP_W-1:0] cfg_stop,    // 1 or more

    input  wire       s_axis_tvalid,
    output wire       s_axis_tready,
    input  wire [7:0] s_axis_tdata,
    input  wire [1:0] s_axis_tuser,  // 0 start of frame, 1 mark: no pixel
    input  wire       s_axis_tlast,

    output wire       m_axis_tvalid,
    input  wire       m_axis_tready,
    output wire [7:0] m_axis_tdata,
    output wire       m_axis_tuser,
    output wire       m_axis_tlast,
    output wire       m_end,  // last pixel of a frame
    output wire       m_bad,  // with it
    output wire       m_cut,  // pulse: the rest of the frame does not come
    output wire       m_inside,  // a frame is under way

    output wire error_short,
    output wire error_long,
    output wire error_start,
    output wire error_cut,
    output wire error_stop
);

  localparam [SIZE_W-1:0] ONE = {{(SIZE_W - 1) {1'b0}}, 1'b1};
  localparam [SIZE_W-1:0] ZERO = {SIZE_W{1'b0}};
  localparam [STOP_W-1:0] S_ONE = {{(STOP_W - 1) {1'b0}}, 1'b1};

  // OUTSIDE: no frame. PIXELS: lines pass. FILL: the line is filled up. EXCESS: the line is over,
  // its excess is dropped (y 0: so is the frame). CUT: the frame has broken off.
  localparam [2:0] OUTSIDE = 3'd0, PIXELS = 3'd1, FILL = 3'd2, EXCESS = 3'd3, CUT = 3'd4;

  reg [2:0] state_q;
  reg [SIZE_W-1:0] x_q, y_q;
  reg [STOP_W-1:0] stop_q;  // cycles without a pixel
  reg bad_q, ignore_q;
  reg valid_q, user_q, last_q, end_q, end_bad_q;
  reg [7:0] data_q;

  wire enable = !valid_q || m_axis_tready;
  wire mark = s_axis_tvalid && s_axis_tuser[1];
  wire start = s_axis_tvalid && s_axis_tuser[0] && !s_axis_tuser[1];
  wire complete = state_q == OUTSIDE || (state_q == EXCESS && y_q == ZERO);
  wire under_way = (state_q == PIXELS || state_q == EXCESS) && !complete;
  wire begins = start && cfg_enable && complete;
  wire stopped = !s_axis_tvalid && stop_q == cfg_stop;
  wire cut = under_way && (start || mark || stopped);
  wire filling = state_q == FILL;

  // The start of frame that cuts one stays at the input for two cycles, then begins one.
  assign s_axis_tready = enable && !filling && state_q != CUT && !(under_way && start);
  wire take = s_axis_tvalid && s_axis_tready;
  wire pixel = take && (begins || (state_q == PIXELS && !mark));
  wire give = enable && (filling || pixel);

  wire [SIZE_W-1:0] x = begins ? ZERO : x_q;
  wire [SIZE_W-1:0] y = begins ? ZERO : y_q;
  wire line_end = x == cfg_width - ONE;
  wire frame_end = line_end && y == cfg_height - ONE;
  wire too_short = pixel && s_axis_tlast && !line_end;
  wire too_long = pixel && !s_axis_tlast && line_end;

  always @(posedge clk) begin
    if (give) begin
      x_q <= line_end ? ZERO : x + ONE;
      y_q <= !line_end ? y : frame_end ? ZERO : y + ONE;
      if (!filling) data_q <= s_axis_tdata;
      user_q <= begins;
      last_q <= line_end;
      end_q <= frame_end;
      end_bad_q <= frame_end && ((bad_q && !begins) || too_short || too_long);
    end
    if (rst || s_axis_tvalid || !(state_q == PIXELS || state_q == EXCESS)) stop_q <= {STOP_W{1'b0}};
    else if (stop_q != cfg_stop) stop_q <= stop_q + S_ONE;
    if (rst) ignore_q <= 1'b1;
    else if (take && start) ignore_q <= !cfg_enable;
    if (rst) begin
      state_q <= OUTSIDE;
      valid_q <= 1'b0;
      bad_q <= 1'b0;
      x_q <= ZERO;
      y_q <= ZERO;
    end else if (enable) begin
      valid_q <= give;
      if (pixel && begins) bad_q <= too_short || too_long;
      else if (too_short || too_long) bad_q <= 1'b1;
      if (cut) begin
        state_q <= CUT;
        x_q <= ZERO;
        y_q <= ZERO;
      end else begin
        case (state_q)
          CUT: state_q <= OUTSIDE;
          FILL: if (line_end) state_q <= frame_end ? OUTSIDE : PIXELS;
          EXCESS:
          if (begins) state_q <= too_short ? FILL : PIXELS;
          else if (complete && (start || mark || stopped)) state_q <= OUTSIDE;
          else if (take && s_axis_tlast) state_q <= complete ? OUTSIDE : PIXELS;
          default:  // OUTSIDE, PIXELS
          if (too_short) state_q <= FILL;
          else if (too_long) state_q <= EXCESS;
          else if (give) state_q <= frame_end ? OUTSIDE : PIXELS;
        endcase
      end
    end
  end

  assign m_axis_tvalid = valid_q;
  assign m_axis_tdata = data_q;
  assign m_axis_tuser = user_q;
  assign m_axis_tlast = last_q;
  assign m_end = end_q;
  assign m_bad = end_bad_q;
  assign m_cut = state_q == CUT;
  assign m_inside = state_q != OUTSIDE || valid_q;
  assign error_short = too_short;
  assign error_long = too_long;
  assign error_start = take && state_q == OUTSIDE && s_axis_tuser == 2'b00 && !ignore_q;
  assign error_cut = enable && cut && !stopped;
  assign error_stop = enable && cut && stopped;

endmodule

`default_nettype wire
