// SPDX-License-Identifier: Apache-2.0
// Pair the two pixel streams to stereo frames; let a frame in, or drop it as a whole.
//
// Both inputs come from a frame_guard: whole frames of cfg_width x cfg_height. A frame begins when
// both streams offer a start of frame, or one of them for cfg_timeout cycles: then the right image
// is missing, or the left one, and what is there of it is dropped. A frame that comes while the one
// before has not been taken over is dropped. Where the frame buffer overflows, the rest of the frame
// is dropped and m_dropped says so with the frame.
// Skip:       the host says that no image will come: a frame without a left image goes in.
// Protocol:   m_begin (pulse) with the first pixel; m_stored: all words of the frame are written,
//             until `commit`. m_held: a frame is in, being written or waiting for its commit.
// Latency:    0 cycles for a pixel. Throughput: a pixel a cycle on both streams.
`default_nettype none

module stream_control #(
    parameter SIZE_W    = 11,  // bits of a height
    parameter TIMEOUT_W = 20   // bits of the timeout
) (
    input wire clk,
    input wire rst,

    input wire                 cfg_enable,
    input wire [   SIZE_W-1:0] cfg_height,
    input wire [TIMEOUT_W-1:0] cfg_timeout,  // cycles, 1 or more

    // Left stream, right stream; `bad` comes with the last pixel.
    input  wire left_valid,
    output wire left_ready,
    input  wire left_user,
    input  wire left_last,
    input  wire left_bad,
    input  wire right_valid,
    output wire right_ready,
    input  wire right_user,
    input  wire right_last,
    input  wire right_bad,

    // Pixels that go on: valid here, ready from what stores them.
    output wire pass_left_valid,
    input  wire pass_left_ready,
    output wire pass_right_valid,

    // The rest of the chip
    input  wire busy,        // the frame before is worked on
    input  wire stall,       // a frame may not begin yet, but soon
    input  wire right_free,  // the right image may be overwritten
    input  wire left_done,   // the last word of each level is written (level)
    input  wire right_done,
    input  wire overflow,    // the frame buffer has no room (pulse)
    input  wire commit,      // the frame is taken over (pulse)
    input  wire skip,        // let in a frame whose left image is missing (level until m_skip)
    output wire m_skip,      // pulse: it is in
    output wire m_begin,
    output wire m_begin_right,
    output wire m_held,
    output wire m_stored,
    output wire m_dropped,   // with m_stored: the left image is not there
    output wire m_right,     // with m_stored: the right image is there
    output wire m_bad,       // with m_stored: a line or the frame was repaired

    output wire event_drop,          // a whole frame was dropped
    output wire event_left_missing,  // a right image came alone
    output wire event_right_missing
);

  localparam [SIZE_W-1:0] ONE = {{(SIZE_W - 1) {1'b0}}, 1'b1};
  localparam [TIMEOUT_W-1:0] T_ONE = {{(TIMEOUT_W - 1) {1'b0}}, 1'b1};

  // A side waits for a start of frame, passes a frame, or drops one.
  localparam [1:0] WAIT = 2'd0, PASS = 2'd1, SKIP = 2'd2;

  reg [1:0] left_q, right_q;
  reg [SIZE_W-1:0] left_row_q, right_row_q;
  reg held_q, dropped_q, bad_q, use_right_q, right_in_q, over_q;
  reg [TIMEOUT_W-1:0] timer_q;

  wire left_start = left_valid && left_user && left_q == WAIT;
  wire right_start = right_valid && right_user && right_q == WAIT;
  wire expired = timer_q == cfg_timeout;

  // ---- a frame begins, or both images are dropped ----
  wire full = held_q;
  wire offered = left_start && (right_start || expired || right_q == SKIP);
  wire refuse = offered && (!cfg_enable || (full && busy));
  wire start = offered && cfg_enable && !full && !stall && !skip;
  wire skipping = skip && !full && !stall && left_q == WAIT && right_q != PASS;
  wire alone = right_start && !left_start && left_q == WAIT && expired;

  // ---- pixels ----
  wire left_pass = start || left_q == PASS;
  wire right_pass = (start && right_start && right_free) || right_q == PASS;
  assign pass_left_valid = left_valid && left_pass;
  assign pass_right_valid = right_valid && right_pass;
  assign left_ready = left_pass ? pass_left_ready : refuse || left_q == SKIP;
  // The first pixels of both images go in together.
  assign right_ready = start ? pass_left_ready : right_q != WAIT || refuse || alone;

  wire left_take = left_valid && left_ready;
  wire right_take = right_valid && right_ready;
  wire left_end = left_take && left_last && left_row_q == cfg_height - ONE;
  wire right_end = right_take && right_last && right_row_q == cfg_height - ONE;
  wire began = start && left_take;

  // ---- the right image that stopped coming ----
  wire lacking = held_q && right_q == PASS && left_done && !right_valid && expired;

  always @(posedge clk) begin
    if (rst) begin
      left_q <= WAIT;
      right_q <= WAIT;
      left_row_q <= {SIZE_W{1'b0}};
      right_row_q <= {SIZE_W{1'b0}};
      timer_q <= {TIMEOUT_W{1'b0}};
      held_q <= 1'b0;
      over_q <= 1'b0;
    end else begin
      // The timer runs while one side waits for the other.
      if (began || refuse || alone || right_take || lacking) timer_q <= {TIMEOUT_W{1'b0}};
      else if ((left_start ^ right_start) || (held_q && left_done && right_q == PASS && !right_valid)) begin
        if (!expired) timer_q <= timer_q + T_ONE;
      end else if (!offered) timer_q <= {TIMEOUT_W{1'b0}};

      if (left_take && left_last) left_row_q <= left_end ? {SIZE_W{1'b0}} : left_row_q + ONE;
      if (right_take && right_last) right_row_q <= right_end ? {SIZE_W{1'b0}} : right_row_q + ONE;

      if (left_end) left_q <= WAIT;
      else if (overflow && left_q == PASS) left_q <= SKIP;
      else if (began) left_q <= PASS;
      else if (refuse) left_q <= SKIP;

      if (right_end) right_q <= WAIT;
      else if ((overflow || lacking) && right_q == PASS) right_q <= SKIP;
      else if (began && right_start) right_q <= right_free ? PASS : SKIP;
      else if ((refuse && right_start) || alone) right_q <= SKIP;

      if (began || skipping) held_q <= 1'b1;
      else if (commit) held_q <= 1'b0;
      if (began || commit) over_q <= 1'b0;
      else if (held_q && (dropped_q || (left_q != PASS && left_done && right_in_q))) over_q <= 1'b1;
    end
    if (began || skipping) begin
      dropped_q <= skipping;
      bad_q <= 1'b0;
      use_right_q <= began && right_start && right_free;
    end else begin
      if (overflow && held_q) dropped_q <= 1'b1;
      if (lacking) use_right_q <= 1'b0;
      if ((left_end && left_bad && left_q == PASS) || (right_end && right_bad && right_q == PASS))
        bad_q <= 1'b1;
    end
    right_in_q <= !began && held_q && (!use_right_q || (right_q != PASS && right_done));
  end

  assign m_skip = skipping;
  assign m_begin = began;
  assign m_begin_right = right_start && right_free;
  assign m_held = held_q;
  assign m_stored = held_q && over_q;
  assign m_dropped = dropped_q;
  assign m_right = use_right_q && !dropped_q;
  assign m_bad = bad_q;
  assign event_drop = refuse && left_take && cfg_enable || (overflow && held_q && !dropped_q);
  assign event_left_missing = alone;
  // Where the matcher still needs the right image of a keyframe, the next one is not stored: no fault.
  assign event_right_missing = (began && !right_start) || lacking;

endmodule

`default_nettype wire
