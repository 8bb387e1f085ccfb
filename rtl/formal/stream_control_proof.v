// SPDX-License-Identifier: Apache-2.0
// Properties of stream_control.v: frames pass whole, or are said to be lost; the right image only with
// the left one's start; nothing passes outside of a frame; a frame is stored only when all of it is, or
// it is lost; a frame that is offered is taken or dropped within a bound, also behind one that broke off.
//
// Assumed: both inputs keep to what frame_guard's output is proven to do (frames that are whole or
// cut, stable until taken), here of 4 pixels; left_done and right_done only after a frame's last
// pixel; commit only of a stored frame; overflow only while one is written.
// For the bounds: the frame buffer takes pixels, is done a cycle after the last pixel, commits come at once.
`default_nettype none

module stream_control_proof (
    input wire clk,
    input wire rst,
    input wire enable,
    input wire left_valid,
    input wire right_valid,
    input wire armed,
    input wire left_bad,
    input wire right_bad,
    input wire left_cut,
    input wire right_cut,
    input wire pass_left_ready,
    input wire busy,
    input wire stall,
    input wire right_free,
    input wire left_done,
    input wire right_done,
    input wire overflow,
    input wire commit,
    input wire skip,
    input wire mono
);

  localparam [1:0] TIMEOUT = 2'd1;
  localparam [4:0] LEFT_BOUND = 5'd12, RIGHT_BOUND = 5'd12, SKIP_BOUND = 5'd7, HELD_BOUND = 5'd14;

  reg started_q = 1'b0;  // a reset was
  reg [1:0] left_at_q, right_at_q;  // pixel of the frame that each input gives: 4
  wire left_user = left_at_q == 2'd0;
  wire right_user = right_at_q == 2'd0;
  wire left_end = left_at_q == 2'd3;
  wire right_end = right_at_q == 2'd3;
  wire left_ready, right_ready, pass_left, pass_right;
  wire m_skip, m_begin, begin_right, held, stored, dropped, right_there, bad;
  wire idle, over, event_drop, event_unarmed, event_left_missing, event_right_missing;

  stream_control #(
      .TIMEOUT_W(2)
  ) dut (
      .clk(clk),
      .rst(rst),
      .cfg_enable(enable),
      .armed(armed),
      .cfg_timeout(TIMEOUT),
      .cfg_mono(mono),
      .left_valid(left_valid),
      .left_ready(left_ready),
      .left_user(left_user),
      .left_end(left_end),
      .left_bad(left_bad && left_end),
      .left_cut(left_cut),
      .right_valid(right_valid),
      .right_ready(right_ready),
      .right_user(right_user),
      .right_end(right_end),
      .right_bad(right_bad && right_end),
      .right_cut(right_cut),
      .pass_left_valid(pass_left),
      .pass_left_ready(pass_left_ready),
      .pass_right_valid(pass_right),
      .busy(busy),
      .stall(stall),
      .right_free(right_free),
      .left_done(left_done),
      .right_done(right_done),
      .overflow(overflow),
      .commit(commit),
      .skip(skip),
      .m_skip(m_skip),
      .m_idle(idle),
      .m_over(over),
      .m_begin(m_begin),
      .m_begin_right(begin_right),
      .m_held(held),
      .m_stored(stored),
      .m_dropped(dropped),
      .m_right(right_there),
      .m_bad(bad),
      .event_drop(event_drop),
      .event_unarmed(event_unarmed),
      .event_left_missing(event_left_missing),
      .event_right_missing(event_right_missing)
  );

  wire left_take = left_valid && left_ready;
  wire right_take = right_valid && right_ready;
  wire left_over = left_take && left_at_q == 2'd3;
  wire right_over = right_take && right_at_q == 2'd3;

  reg left_wait_q, right_wait_q, pass_wait_q, skip_wait_q, mono_q;
  reg left_in_q, right_in_q;  // the frame under way at the input passes
  reg left_whole_q, right_whole_q;  // all pixels of the held frame have passed
  reg lost_q;  // the held frame has no left image
  reg repaired_q;
  reg sent_q, over_twice_q;  // the end of the held frame's pixels was said; more than once
  reg [4:0] left_cycles_q, right_cycles_q, skip_cycles_q, held_cycles_q;
  always @(posedge clk) begin
    started_q <= 1'b1;
    mono_q <= mono;
    left_wait_q <= left_valid && !left_ready && !rst;
    right_wait_q <= right_valid && !right_ready && !rst;
    pass_wait_q <= pass_left && !pass_left_ready && !rst;
    skip_wait_q <= skip && !m_skip && !rst;
    if (rst) {left_at_q, right_at_q} <= 4'd0;
    else begin
      left_at_q <= left_cut ? 2'd0 : left_at_q + {1'b0, left_take};
      right_at_q <= right_cut ? 2'd0 : right_at_q + {1'b0, right_take};
    end
    left_in_q <= !rst && !left_over && !overflow && !left_cut && (m_begin || left_in_q);
    right_in_q <= !rst && !right_over && !overflow && !right_cut && !(left_cut && left_in_q)
                  && (m_begin ? begin_right : right_in_q && !event_right_missing);
    sent_q <= !rst && (m_skip || (!m_begin && (sent_q || over)));
    over_twice_q <= !rst && over && sent_q && !m_skip;
    left_whole_q <= !rst && !m_begin && !m_skip && (left_whole_q || (left_in_q && left_over));
    right_whole_q <= !rst && !m_begin && !m_skip
                     && (right_whole_q || (right_in_q && right_over));
    lost_q <= m_skip || (!m_begin && (lost_q || overflow || (left_cut && left_in_q)));
    if (m_begin || m_skip) repaired_q <= 1'b0;
    else if ((left_in_q && left_over && left_bad)
             || (right_in_q && right_over && right_bad)) repaired_q <= 1'b1;
    // Cycles for which a start of frame waits, a skip without a frame, a frame that it is stored
    if (rst || m_skip || !left_valid || left_ready || !left_user) left_cycles_q <= 5'd0;
    else if (left_cycles_q != 5'd31) left_cycles_q <= left_cycles_q + 5'd1;
    if (rst || m_skip || !right_valid || right_ready || !right_user) right_cycles_q <= 5'd0;
    else if (right_cycles_q != 5'd31) right_cycles_q <= right_cycles_q + 5'd1;
    if (rst || !skip || m_skip || held) skip_cycles_q <= 5'd0;
    else if (skip_cycles_q != 5'd31) skip_cycles_q <= skip_cycles_q + 5'd1;
    if (rst || !held || stored) held_cycles_q <= 5'd0;
    else if (held_cycles_q != 5'd31) held_cycles_q <= held_cycles_q + 5'd1;
  end

  localparam [1:0] WAIT = 2'd0, PASS = 2'd1, SKIP = 2'd2;
  (* hierconn *) wire [1:0] \dut.left_q ;
  (* hierconn *) wire [1:0] \dut.right_q ;
  (* hierconn *) wire \dut.use_right_q ;
  (* hierconn *) wire \dut.right_in_q ;
  (* hierconn *) wire \dut.over_q ;

  always @* begin
    if (!started_q) assume (rst);
    if (started_q) begin
      if (left_wait_q) assume (left_valid);
      if (right_wait_q) assume (right_valid);
      if (skip_wait_q) assume (skip);
      assume (mono == mono_q);
      if (left_done && !left_whole_q) assume (1'b0);
      if (right_done && !right_whole_q) assume (1'b0);
      if (overflow) assume (held && !stored && !dropped);
      if (commit) assume (stored);
      if (left_cut) assume (!left_valid && !left_user);
      if (right_cut) assume (!right_valid && !right_user);
`ifdef BOUNDS
      assume (pass_left_ready && !stall && enable);
      assume (left_valid || left_user || left_cut);
      assume (right_valid || right_user || right_cut);
      assume (commit == stored);
      if (left_whole_q && !dropped) assume (left_done);
      if (right_whole_q) assume (right_done);
`endif

      if (!rst) begin
        // Left: from its start to its end, or to an overflow; nothing else
        assert (!(pass_left && !left_valid));
        if (pass_left) assert (left_in_q || (left_user && !held));
        if (left_in_q && left_valid) assert (pass_left);
        if (left_take) assert ((pass_left && pass_left_ready) == (m_begin || left_in_q));
        if (m_begin) assert (left_take && left_user && pass_left && pass_left_ready && !held);
        // Right: from the left one's start
        if (pass_right && right_take) assert (right_in_q ? !right_user || m_begin : m_begin && right_user);
        if (m_begin && begin_right) assert (right_take && right_user && pass_right);
        // What was promised to the frame buffer
        assert (!(m_skip && m_begin));
        assert (!(m_skip && held));
        if (stored) assert (held && (dropped || left_whole_q));
        if (stored && right_there) assert (right_whole_q);
        if (stored) assert (bad == repaired_q);
        if (held) assert (dropped == lost_q);
        // Each frame's start goes in, or its drop is said
        if (left_take && left_user) assert (m_begin || event_drop || !enable);
        if (left_take && left_user && !armed) assert (!m_begin && (event_unarmed || !enable));
        // Of a frame that breaks off the loss is said once, and nothing of it stays
        if (left_cut && left_in_q && !overflow) assert (event_drop && over);
        if (stored && !dropped) assert (sent_q);
        assert (!over_twice_q);
        assert (idle == (left_user && (right_user || mono)));
        // One camera: nothing of a right image goes in, and none is missed
        if (mono) assert (!pass_right && !event_left_missing && !event_right_missing);
        if (mono && held) assert (!right_there);
      end

      // Why
      assert (\dut.left_q <= SKIP && \dut.right_q <= SKIP);
      assert ((\dut.left_q == WAIT) == left_user && (\dut.right_q == WAIT) == right_user);
      assert ((\dut.left_q == PASS) == left_in_q && (\dut.right_q == PASS) == right_in_q);
      if (left_in_q) assert (held && !dropped && !left_whole_q && !sent_q);
      if (held && !left_in_q) assert (sent_q);
      if (right_in_q) assert (held && !dropped && \dut.use_right_q && !right_whole_q);
      if (held && !dropped) assert (left_in_q || left_whole_q);
      if (held && \dut.use_right_q && !dropped) assert (right_in_q || right_whole_q);
      if (held) assert (dropped == lost_q && bad == repaired_q);
      if (stored) assert (!left_in_q && !right_in_q);
      if (mono) assert (!right_in_q && !(held && \dut.use_right_q ));
      if (\dut.right_in_q && held && !dropped) assert (!right_in_q);
      if (\dut.over_q && !held) assert (!\dut.right_in_q );

      // No deadlock
`ifdef BOUNDS
      assert (left_cycles_q <= LEFT_BOUND);
      assert (right_cycles_q <= RIGHT_BOUND);
      assert (skip_cycles_q <= SKIP_BOUND);
      assert (held_cycles_q <= HELD_BOUND);
`endif

      cover (stored && right_there && !bad && commit);
      cover (stored && !right_there && !dropped && right_at_q == 2'd2);
      cover (stored && dropped && lost_q && left_at_q == 2'd2);
      cover (left_cut && left_in_q && right_in_q);
      cover (right_cut && right_in_q);
      cover (event_drop && left_take);
      cover (event_left_missing);
      cover (mono && stored && !dropped && right_at_q == 2'd2);
      cover (m_begin && right_at_q == 2'd2);
      cover (m_skip && left_valid);
    end
  end

endmodule

`default_nettype wire
