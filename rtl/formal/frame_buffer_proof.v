// SPDX-License-Identifier: Apache-2.0
// Properties of frame_buffer.v: no bank is read and written at one address in one cycle (asserted in
// each bank, frame_buffer_stubs.v), and none beyond its end.
//
// Assumed, of the masters (the rules in frame_buffer.v's header): a commit after m_left_done; words
// only between a begin and the frame's end, not in the cycle of a begin nor in the two before it,
// those of levels 1 and 2 two cycles apart; a left frame buffer is read only if it is held, and while
// `reading` or while its ring is not being written; the right image is not read while it is written;
// no request on its way to the banks at a commit, a forget or a change of the key. All requests are
// client 0's: client 1 reads a part of what the same request of client 0 would read.
`default_nettype none

module frame_buffer_proof (
    input wire       clk,
    input wire       rst,
    input wire       begin_valid,
    input wire       begin_ring,
    input wire       begin_right,
    input wire       commit_valid,
    input wire       key_valid,
    input wire       forget_valid,
    input wire       reading,
    input wire       left0_valid,
    input wire       left1_valid,
    input wire       left2_valid,
    input wire       right_valid,
    input wire       r0_valid,
    input wire [1:0] r0_buffer,
    input wire [1:0] r0_level,
    input wire [8:0] r0_column,
    input wire [8:0] r0_row
);

  wire overflow, left_done, right_done, r0_ready, r1_ready, m0_valid, m1_valid;
  wire [1:0] m0_part;
  wire [255:0] m0_pixels;
  wire [1023:0] m1_pixels;
  wire [11:0] count_writes, count_reads;
  frame_buffer dut (
      .clk(clk),
      .rst(rst),
      .cfg_width(11'd16),
      .cfg_height(11'd16),
      .begin_valid(begin_valid),
      .begin_ring(begin_ring),
      .begin_right(begin_right),
      .commit_valid(commit_valid),
      .key_valid(key_valid),
      .forget_valid(forget_valid),
      .reading(reading),
      .m_overflow(overflow),
      .m_left_done(left_done),
      .m_right_done(right_done),
      .left0_valid(left0_valid),
      .left0_word(27'd0),
      .left1_valid(left1_valid),
      .left1_word(27'd0),
      .left2_valid(left2_valid),
      .left2_word(27'd0),
      .right_valid(right_valid),
      .right_word(27'd0),
      .r0_valid(r0_valid),
      .r0_ready(r0_ready),
      .r0_buffer(r0_buffer),
      .r0_level(r0_level),
      .r0_column(r0_column),
      .r0_row(r0_row),
      .m0_valid(m0_valid),
      .m0_part(m0_part),
      .m0_pixels(m0_pixels),
      .r1_valid(1'b0),
      .r1_ready(r1_ready),
      .r1_buffer(2'd0),
      .r1_level(2'd0),
      .r1_column(9'd0),
      .r1_row(9'd0),
      .m1_valid(m1_valid),
      .m1_pixels(m1_pixels),
      .count_writes(count_writes),
      .count_reads(count_reads)
  );

  reg [2:0] started_q = 3'd0;  // cycles since the reset began, up to 4
  wire check = started_q == 3'd4;

  (* hierconn *) wire \dut.current_ring_q ;
  (* hierconn *) wire \dut.key_ring_q ;
  (* hierconn *) wire \dut.current_held_q ;
  (* hierconn *) wire \dut.key_held_q ;
  (* hierconn *) wire \dut.ring_q ;
  (* hierconn *) wire \dut.active_q ;
  (* hierconn *) wire \dut.right_active_q ;
  (* hierconn *) wire \dut.waits_q ;
  (* hierconn *) wire [17:0] \dut.blocks_q ;
  (* hierconn *) wire [8:0] \dut.right_next_q ;
  (* hierconn *) wire [8:0] \dut.right_number_q ;
  (* hierconn *) wire \dut.right_write_q ;
  (* hierconn *) wire \dut.protect ;
  (* hierconn *) wire \dut.second ;
  (* hierconn *) wire \dut.upper_write ;

  (* hierconn *) wire [8:0] \dut.ring0.first_0_q ;
  (* hierconn *) wire [8:0] \dut.ring0.first_1_q ;
  (* hierconn *) wire [8:0] \dut.ring0.base_q ;
  (* hierconn *) wire [8:0] \dut.ring0.next_q ;
  (* hierconn *) wire [8:0] \dut.ring0.count_q ;
  (* hierconn *) wire [8:0] \dut.ring0.spare_q ;
  (* hierconn *) wire [8:0] \dut.ring0.number_q ;
  (* hierconn *) wire \dut.ring0.valid_q ;
  (* hierconn *) wire \dut.ring0.overflow_q ;
  (* hierconn *) wire \dut.ring0.done_q ;
  (* hierconn *) wire \dut.ring0.take ;
  (* hierconn *) wire \dut.ring0.protect ;
  (* hierconn *) wire [8:0] \dut.g_level1.ring1.first_0_q ;
  (* hierconn *) wire [8:0] \dut.g_level1.ring1.first_1_q ;
  (* hierconn *) wire [8:0] \dut.g_level1.ring1.base_q ;
  (* hierconn *) wire [8:0] \dut.g_level1.ring1.next_q ;
  (* hierconn *) wire [8:0] \dut.g_level1.ring1.count_q ;
  (* hierconn *) wire [8:0] \dut.g_level1.ring1.spare_q ;
  (* hierconn *) wire [8:0] \dut.g_level1.ring1.number_q ;
  (* hierconn *) wire \dut.g_level1.ring1.valid_q ;
  (* hierconn *) wire \dut.g_level1.ring1.overflow_q ;
  (* hierconn *) wire \dut.g_level1.ring1.done_q ;
  (* hierconn *) wire \dut.g_level1.ring1.take ;
  (* hierconn *) wire \dut.g_level1.ring1.protect ;
  (* hierconn *) wire [8:0] \dut.g_level2.ring2.first_0_q ;
  (* hierconn *) wire [8:0] \dut.g_level2.ring2.first_1_q ;
  (* hierconn *) wire [8:0] \dut.g_level2.ring2.base_q ;
  (* hierconn *) wire [8:0] \dut.g_level2.ring2.next_q ;
  (* hierconn *) wire [8:0] \dut.g_level2.ring2.count_q ;
  (* hierconn *) wire [8:0] \dut.g_level2.ring2.spare_q ;
  (* hierconn *) wire [8:0] \dut.g_level2.ring2.number_q ;
  (* hierconn *) wire \dut.g_level2.ring2.valid_q ;
  (* hierconn *) wire \dut.g_level2.ring2.overflow_q ;
  (* hierconn *) wire \dut.g_level2.ring2.done_q ;
  (* hierconn *) wire \dut.g_level2.ring2.take ;
  (* hierconn *) wire \dut.g_level2.ring2.protect ;

  ring_rules #(
      .BLOCKS(16),
      .CAPACITY(24),
      .ORIGIN(0)
  ) rules0 (
      .clk(clk),
      .check(check),
      .active(\dut.active_q ),
      .ring(\dut.ring_q ),
      .first_0(\dut.ring0.first_0_q ),
      .first_1(\dut.ring0.first_1_q ),
      .base(\dut.ring0.base_q ),
      .next(\dut.ring0.next_q ),
      .count(\dut.ring0.count_q ),
      .spare(\dut.ring0.spare_q ),
      .number(\dut.ring0.number_q ),
      .valid(\dut.ring0.valid_q ),
      .overflow(\dut.ring0.overflow_q ),
      .done(\dut.ring0.done_q ),
      .take(\dut.ring0.take ),
      .protect(\dut.ring0.protect ),
      .pending(1'b0)
  );
  ring_rules #(
      .BLOCKS(4),
      .CAPACITY(8),
      .ORIGIN(0)
  ) rules1 (
      .clk(clk),
      .check(check),
      .active(\dut.active_q ),
      .ring(\dut.ring_q ),
      .first_0(\dut.g_level1.ring1.first_0_q ),
      .first_1(\dut.g_level1.ring1.first_1_q ),
      .base(\dut.g_level1.ring1.base_q ),
      .next(\dut.g_level1.ring1.next_q ),
      .count(\dut.g_level1.ring1.count_q ),
      .spare(\dut.g_level1.ring1.spare_q ),
      .number(\dut.g_level1.ring1.number_q ),
      .valid(\dut.g_level1.ring1.valid_q ),
      .overflow(\dut.g_level1.ring1.overflow_q ),
      .done(\dut.g_level1.ring1.done_q ),
      .take(\dut.g_level1.ring1.take ),
      .protect(\dut.g_level1.ring1.protect ),
      .pending(1'b0)
  );
  ring_rules #(
      .BLOCKS(1),
      .CAPACITY(8),
      .ORIGIN(8)
  ) rules2 (
      .clk(clk),
      .check(check),
      .active(\dut.active_q ),
      .ring(\dut.ring_q ),
      .first_0(\dut.g_level2.ring2.first_0_q ),
      .first_1(\dut.g_level2.ring2.first_1_q ),
      .base(\dut.g_level2.ring2.base_q ),
      .next(\dut.g_level2.ring2.next_q ),
      .count(\dut.g_level2.ring2.count_q ),
      .spare(\dut.g_level2.ring2.spare_q ),
      .number(\dut.g_level2.ring2.number_q ),
      .valid(\dut.g_level2.ring2.valid_q ),
      .overflow(\dut.g_level2.ring2.overflow_q ),
      .done(\dut.g_level2.ring2.done_q ),
      .take(\dut.g_level2.ring2.take ),
      .protect(\dut.g_level2.ring2.protect ),
      .pending(\dut.waits_q )
  );

  reg [1:0] any_q;  // words came in the last two cycles
  reg level1_q, level2_q;
  // Requests on their way: valid and store, of the last four cycles
  reg [3:0] flight_q;
  reg [1:0] buffer1_q, buffer2_q, buffer3_q, buffer4_q;
  wire any = left0_valid || left1_valid || left2_valid || right_valid;
  always @(posedge clk) begin
    if (started_q != 3'd4) started_q <= started_q + 3'd1;
    any_q <= {any_q[0], any};
    level1_q <= left1_valid;
    level2_q <= left2_valid;
    flight_q <= rst ? 4'd0 : {flight_q[2:0], r0_valid && r0_ready};
    {buffer4_q, buffer3_q, buffer2_q, buffer1_q} <= {buffer3_q, buffer2_q, buffer1_q, r0_buffer};
  end

  // A request may be where it is
  function allowed(input there, input [1:0] buffer);
    allowed = !there || (buffer == 2'd2
        ? !(\dut.right_active_q && !right_done)
        : (reading || !(\dut.active_q
                        && \dut.ring_q == (buffer == 2'd0 ? \dut.key_ring_q : \dut.current_ring_q ))));
  endfunction
  wire flying = r0_valid || |flight_q;

  always @* begin
    if (!check) assume (rst && !any && !begin_valid && !r0_valid);
    if (rst) assume (!any && !begin_valid && !r0_valid);
    assume (allowed(r0_valid, r0_buffer) && allowed(flight_q[0], buffer1_q)
            && allowed(flight_q[1], buffer2_q) && allowed(flight_q[2], buffer3_q)
            && allowed(flight_q[3], buffer4_q));
    if (flying) assume (!commit_valid && !forget_valid && !key_valid);
    if (commit_valid) assume (left_done && \dut.active_q && !begin_valid);
    if (key_valid) assume (\dut.current_held_q && !begin_valid && !commit_valid && !forget_valid);
    if (forget_valid) assume (!commit_valid);
    if (begin_valid) assume (!any && any_q == 2'd0 && !rst);
    if (level1_q) assume (!left1_valid);
    if (level2_q) assume (!left2_valid);
    if (r0_valid) assume (r0_buffer == 2'd0 ? \dut.key_held_q : r0_buffer == 2'd1 ? \dut.current_held_q
                          : r0_buffer == 2'd2);
    if (r0_valid) assume (r0_buffer == 2'd2 ? r0_level == 2'd0 : r0_level != 2'd3);
    if (check) begin
      assert (\dut.blocks_q == 18'd16);
      assert (\dut.right_next_q <= 9'd16);
      if (\dut.right_write_q ) assert (\dut.right_number_q < 9'd16);
      if (\dut.waits_q ) assert (any_q != 2'd0 && \dut.second && \dut.upper_write );
      if (begin_valid) assert (!\dut.waits_q );

      cover (|count_reads[3:0] && count_writes[0] && \dut.current_held_q && reading);
    end
  end

endmodule

`default_nettype wire
