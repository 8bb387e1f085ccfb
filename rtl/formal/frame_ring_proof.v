// SPDX-License-Identifier: Apache-2.0
// Properties of frame_ring.v: numbers written follow each other round the ring, and none of them
// belongs to the protected frame that the ring holds.
//
// Assumed: a frame has at most CAPACITY blocks, the same number while frames are held; a word's
// `protect` is at will; begin and commit follow the rules of frame_buffer.v (a commit is for the ring
// of the last begin).
`default_nettype none

module frame_ring_proof (
    input wire clk,
    input wire rst,
    input wire begin_valid,
    input wire begin_ring,
    input wire commit_valid,
    input wire s_valid,
    input wire protect
);

  localparam [5:0] FIRST = 6'd8;  // FIRST 1 x 8
  localparam [5:0] CAPACITY = 6'd16;  // WORDS 2 x 8

  wire [4:0] blocks;
  assign blocks = $anyconst;

  reg ring_q;  // of the last begin
  wire m_valid, m_overflow, m_done;
  wire [4:0] number, first_0, first_1;
  frame_ring #(
      .FIRST(1),
      .WORDS(2),
      .N_W  (5)
  ) dut (
      .clk(clk),
      .rst(rst),
      .cfg_blocks(blocks),
      .begin_valid(begin_valid),
      .begin_ring(begin_ring),
      .commit_valid(commit_valid),
      .commit_ring(ring_q),
      .s_valid(s_valid),
      .protect(protect),
      .m_valid(m_valid),
      .m_overflow(m_overflow),
      .m_number(number),
      .m_done(m_done),
      .m_first_0(first_0),
      .m_first_1(first_1)
  );

  reg started_q = 1'b0;  // a reset was
  reg begun_q;  // a frame may come: a begin was, no commit since
  reg protect_q, came_q, overflow_q;
  reg [4:0] last_q;  // number before
  reg [4:0] count_q, first_q;  // words of the frame; where the ring's held frame began at its begin
  always @(posedge clk) begin
    started_q <= 1'b1;
    protect_q <= protect;
    came_q <= s_valid && count_q < blocks && !rst;
    if (m_valid || m_overflow) last_q <= number;
    if (rst) {begun_q, ring_q} <= 2'b00;
    else if (begin_valid) {begun_q, ring_q} <= {1'b1, begin_ring};
    else if (commit_valid) begun_q <= 1'b0;
    if (begin_valid) begin
      first_q <= begin_ring ? first_1 : first_0;
      count_q <= 5'd0;
    end else if (s_valid && count_q < blocks) count_q <= count_q + 5'd1;
  end

  // How far behind the beginning of the ring's held frame a number lies
  wire [4:0] held = first_q;
  wire [5:0] offset = (number >= held ? 6'd0 : CAPACITY) + {1'b0, number} - {1'b0, held};
  wire [5:0] expected = ({1'b0, blocks} + {1'b0, count_q} - 6'd1) & 6'd15;

  (* hierconn *) wire [4:0] \dut.base_q ;
  (* hierconn *) wire [4:0] \dut.next_q ;
  (* hierconn *) wire [4:0] \dut.count_q ;
  (* hierconn *) wire [4:0] \dut.spare_q ;
  wire [5:0] base_offset = (\dut.base_q >= held ? 6'd0 : CAPACITY) + {1'b0, \dut.base_q } - {1'b0, held};
  wire [5:0] next_offset = (\dut.next_q >= held ? 6'd0 : CAPACITY) + {1'b0, \dut.next_q } - {1'b0, held};

  always @* begin
    if (!started_q) assume (rst);
    assume (blocks >= 5'd1 && blocks <= 5'd16);
    assume (!commit_valid || (begun_q && !begin_valid));
    assume (!s_valid || (begun_q && !begin_valid && !rst));
    if (started_q) begin
      // Where words go
      if (m_valid || m_overflow) assert (offset == expected && number >= 5'd8 && number < 5'd24);
      if (m_valid && protect_q) assert (offset >= {1'b0, blocks});  // not over the held frame
      assert ((m_valid || m_overflow) == came_q);
      assert (!m_overflow || (protect_q && count_q > 5'd16 - blocks));  // only if there is no room
      if (m_done) assert (count_q == blocks);
      if ((m_valid || m_overflow) && count_q > 5'd1)
        assert (number == (last_q == 5'd23 ? 5'd8 : last_q + 5'd1));
      if (begun_q) assert (held == (ring_q ? first_1 : first_0));  // the held frame stays

      // Why
      assert (first_0 >= 5'd8 && first_0 < 5'd24 && first_1 >= 5'd8 && first_1 < 5'd24);
      assert (\dut.spare_q == 5'd16 - blocks);
      if (begun_q || m_valid || m_overflow || m_done) begin
        assert (\dut.count_q == count_q && count_q <= blocks);
        assert (held >= 5'd8 && held < 5'd24);
        assert (\dut.base_q >= 5'd8 && \dut.base_q < 5'd24 && base_offset == ({1'b0, blocks} & 6'd15));
        assert (\dut.next_q >= 5'd8 && \dut.next_q < 5'd24);
        assert (next_offset == (({1'b0, blocks} + {1'b0, count_q}) & 6'd15));
      end
      if (came_q) assert (count_q != 5'd0);
      if (begun_q && count_q != 5'd0 && !came_q) assert (last_q == number);
      if (count_q != 5'd0 && begun_q) assert (number == (\dut.next_q == 5'd8 ? 5'd23 : \dut.next_q - 5'd1));

      cover (m_overflow && blocks == 5'd10 && first_0 != 5'd8 && !ring_q);
      cover (m_valid && protect_q && number == 5'd8 && count_q == 5'd3 && blocks > 5'd9);
      cover (m_done && !protect_q && blocks == 5'd12);
    end
  end

endmodule

`default_nettype wire
