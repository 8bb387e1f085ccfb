// SPDX-License-Identifier: Apache-2.0
// Pair the two pixel streams to stereo frames; let a frame in, or drop it as a whole.
//
// Both inputs come from a frame_guard: whole frames, or frames that break off (`cut`). A frame begins
// when both streams offer a start of frame, or one of them for cfg_timeout cycles: then the right
// image is missing, or the left one, and what is there of it is dropped. A right image that comes
// alone for so long while a left one is under way without it is late, and dropped too.
// Refused:    a frame that begins without a complete set of registers (`armed`), or while the one
//             before has not been taken over and the chip is busy, is dropped from its first pixel on.
// Lost:       where the left image breaks off or the frame buffer overflows, the rest of the frame is
//             dropped, m_dropped says so with the frame, and the next one may begin. A right
//             image that breaks off, or is not over when the next frame wants to begin, is not used.
// Waiting:    a start of frame waits for its partner for at most cfg_timeout cycles, then for `stall` and
//             for the commit of the frame before it while the chip is not busy.
// One camera: with cfg_mono no right image is waited for or missed, and what comes there is dropped.
// Skip:       the host says that no image will come: a frame without a left image goes in.
// Protocol:   m_begin (pulse) with the first pixel; m_stored: all words of the frame are written,
//             until `commit`. m_held: a frame is in, being written or waiting for its commit. m_over
//             (pulse): the last pixel of the frame passes, or no more will.
// Latency:    0 cycles for a pixel. Throughput: a pixel a cycle on both streams.
`default_nettype none

module stream_control #(
    parameter TIMEOUT_W = 20  // bits of the timeout
) (
    input wire clk,
    input wire rst,

    input wire                 cfg_enable,
    input wire                 armed,        // a complete set of registers waits for a frame
    input wire [TIMEOUT_W-1:0] cfg_timeout,  // cycles, 1 or more
    input wire                 cfg_mono,     // one camera; changes only while no frame is in

    // Left stream, right stream; `end` is the last pixel of a frame, `bad` comes with it; `cut` (pulse,
    // without a pixel): the frame breaks off.
    input  wire left_valid,
    output wire left_ready,
    input  wire left_user,
    input  wire left_end,
    input  wire left_bad,
    input  wire left_cut,
    input  wire right_valid,
    output wire right_ready,
    input  wire right_user,
    input  wire right_end,
    input  wire right_bad,
    input  wire right_cut,

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
    output wire m_idle,  // no image is under way
    output wire m_over,
    output wire m_begin,
    output wire m_begin_right,
    output wire m_held,
    output wire m_stored,
    output wire m_dropped,   // with m_stored: the left image is not there
    output wire m_right,     // with m_stored: the right image is there
    output wire m_bad,       // with m_stored: a line or the frame was repaired

    output wire event_drop,          // a frame was refused, or lost
    output wire event_unarmed,       // a frame was refused: no set was complete
    output wire event_left_missing,  // a right image came alone
    output wire event_right_missing
);

  localparam [TIMEOUT_W-1:0] T_ONE = {{(TIMEOUT_W - 1) {1'b0}}, 1'b1};

  // A side waits for a start of frame, passes a frame, or drops one.
  localparam [1:0] WAIT = 2'd0, PASS = 2'd1, SKIP = 2'd2;

  reg [1:0] left_q, right_q;
  reg held_q, dropped_q, bad_q, use_right_q, right_in_q, over_q;
  reg owed_q;  // the left image that is under way began without the right one, or lost it
  reg [TIMEOUT_W-1:0] timer_q;

  wire left_start = left_valid && left_user && left_q == WAIT;
  wire right_first = right_valid && right_user && right_q == WAIT;
  wire right_start = right_first && !cfg_mono;
  wire unused_right = right_first && cfg_mono;
  wire expired = timer_q == cfg_timeout;

  // ---- a frame begins, or both images are dropped ----
  wire full = held_q;
  wire offered = left_start && (right_start || expired || cfg_mono);
  wire refuse = offered && (!cfg_enable || !armed || (full && busy));
  wire start = offered && cfg_enable && armed && !full && !stall && !skip;
  wire skipping = skip && !full && !stall && left_q == WAIT && right_q != PASS;
  wire alone = right_start && !left_start && left_q == WAIT && expired;
  wire late = right_start && left_q != WAIT && owed_q && expired;
  // The right image is not over, and the next left one waits for that.
  wire slow = left_start && right_q == PASS && expired;

  // ---- pixels ----
  wire left_pass = start || left_q == PASS;
  wire right_pass = (start && right_start && right_free) || right_q == PASS;
  assign pass_left_valid = left_valid && left_pass;
  assign pass_right_valid = right_valid && right_pass;
  assign left_ready = left_pass ? pass_left_ready : refuse || left_q == SKIP;
  // The first pixels of both images go in together.
  assign right_ready = start ? pass_left_ready
                             : right_q != WAIT || refuse || alone || late || unused_right;

  wire left_take = left_valid && left_ready;
  wire right_take = right_valid && right_ready;
  wire left_over = left_take && left_end;
  wire right_over = right_take && right_end;
  wire began = start && left_take;
  wire broken = left_cut && left_q == PASS;
  wire lose = held_q && !dropped_q && (overflow || broken);

  always @(posedge clk) begin
    if (rst) begin
      left_q <= WAIT;
      right_q <= WAIT;
      timer_q <= {TIMEOUT_W{1'b0}};
      held_q <= 1'b0;
      over_q <= 1'b0;
      owed_q <= 1'b0;
    end else begin
      // The timer runs while one side waits for the other.
      if (began || refuse || alone || late || slow) timer_q <= {TIMEOUT_W{1'b0}};
      else if (left_start ^ right_start) begin
        if (!expired) timer_q <= timer_q + T_ONE;
      end else if (!offered) timer_q <= {TIMEOUT_W{1'b0}};

      if (left_over || left_cut) left_q <= WAIT;
      else if (overflow && left_q == PASS) left_q <= SKIP;
      else if (began) left_q <= PASS;
      else if (refuse) left_q <= SKIP;

      if (right_over || right_cut) right_q <= WAIT;
      else if ((overflow || broken || slow) && right_q == PASS) right_q <= SKIP;
      else if (began && right_start) right_q <= right_free ? PASS : SKIP;
      else if ((refuse && right_start) || alone || late || (unused_right && right_take))
        right_q <= SKIP;

      if (began || refuse) owed_q <= !right_start;
      else if (late) owed_q <= 1'b0;
      else if (right_cut) owed_q <= 1'b1;

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
      if (lose) dropped_q <= 1'b1;
      if (right_q == PASS && (right_cut || slow)) use_right_q <= 1'b0;
      if ((left_over && left_bad && left_q == PASS) || (right_over && right_bad && right_q == PASS))
        bad_q <= 1'b1;
    end
    right_in_q <= !began && held_q && (!use_right_q || (right_q != PASS && right_done));
  end

  assign m_skip = skipping;
  assign m_idle = left_q == WAIT && (right_q == WAIT || cfg_mono);
  assign m_over = (left_over && left_pass) || (lose && left_q == PASS) || skipping;
  assign m_begin = began;
  assign m_begin_right = right_start && right_free;
  assign m_held = held_q;
  assign m_stored = held_q && over_q;
  assign m_dropped = dropped_q;
  assign m_right = use_right_q && !dropped_q;
  assign m_bad = bad_q;
  assign event_drop = (refuse && left_take && cfg_enable) || lose;
  assign event_unarmed = refuse && left_take && cfg_enable && !armed;
  assign event_left_missing = alone;
  // Where the matcher still needs the right image of a keyframe, the next one is not stored: no fault.
  assign event_right_missing = (began && !right_start && !cfg_mono) || slow;

endmodule

`default_nettype wire
