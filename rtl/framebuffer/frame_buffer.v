// SPDX-License-Identifier: Apache-2.0
// The frame buffers: two rings of compressed left pyramids, a compressed right image, one reader.
//
// Each ring holds one frame, the keyframe or the current one (after a keyframe: both in one ring,
// and the other is free). Words are written as the encoders deliver them, in raster order; a new
// frame begins in the spare rows of a ring, behind the frame that the ring holds.
// Frames:     begin (before a frame's first word), its words, commit (after m_left_done): from then
//             on it is the current frame. key: the current frame is the key from now on. forget:
//             no frame is held. begin_ring 1 puts the frame where the current one is not (over the
//             key that is no longer needed); 0 over the current one, or, if that is the key, too
//             where it is not.
// Protection: while `reading`, a word that would overwrite the current frame or the key is not
//             written: m_overflow, and the rest of that frame is ignored.
// Bank ports: a bank is never read and written at one address in one cycle. Reads: only blocks that
//             a held frame has (window_reader), so the numbers first .. first + blocks - 1 of
//             the ring that holds it. Writes: numbers from first + blocks on, and only as many as
//             are outside of that range (frame_ring) while `reading`. So the two never meet if
//             the masters keep these rules: a left frame buffer is read only while `reading`, or while
//             its ring is not being written (stereo: the key's ring); the right image is not read
//             while it is written; no request is under way (10 cycles) at a commit or a forget.
// Words:      of one level at least 2 cycles apart in levels 1 and 2, which share a write port;
//             a word a cycle in level 0 and right. All of any frame, or up to the next begin.
// Codecs:     a word of each memory has 27 bits (dct27) or 18 (dct18); in ports, a short one is in the low bits.
// Memory:     per ring and bank LEFT_WORDS and UPPER_WORDS, per bank RIGHT_WORDS, of LEFT_WORD_BITS ...;
//             preset ecp5_85k: 2 x 48 + 40 DP16KD; no multiplier.
// Latency:    2 cycles from a word to its bank (level 2: 3); from a request to its answer 9 (one
//             block, client 1, or the first two of eight, client 0, the others two a cycle).
//             Throughput: a request of client 0 in four cycles, of client 1 a cycle; 0 goes first.
`default_nettype none

module frame_buffer (
    input wire clk,
    input wire rst,

    input wire [10:0] cfg_width,  // of level 0, multiples of 16, stable while frames are held
    input wire [10:0] cfg_height,

    // Control: pulses, but for `reading`
    input wire begin_valid,
    input wire begin_ring,
    input wire begin_right,   // right words of this frame are stored
    input wire commit_valid,
    input wire key_valid,
    input wire forget_valid,
    input wire reading,       // the tracker is at work

    output wire m_overflow,    // pulse
    output wire m_left_done,   // all words of all levels are written, until the next begin
    output wire m_right_done,

    // Words from the encoders
    input wire        left0_valid,
    input wire [26:0] left0_word,
    input wire        left1_valid,
    input wire [26:0] left1_word,
    input wire        left2_valid,
    input wire [26:0] left2_word,
    input wire        right_valid,
    input wire [26:0] right_word,

    // Requests of the tracker (0) and stereo (1), and their answers (see window_reader): eight blocks,
    // one; of the others stereo gets zeros
    input  wire          r0_valid,
    output wire          r0_ready,
    input  wire [   1:0] r0_buffer,
    input  wire [   1:0] r0_level,
    input  wire [   8:0] r0_column,
    input  wire [   8:0] r0_row,
    output wire          m0_valid,   // its four quarters, from the left to the right
    output wire [   1:0] m0_part,
    output wire [ 255:0] m0_pixels,
    input  wire          r1_valid,
    output wire          r1_ready,
    input  wire [   1:0] r1_buffer,
    input  wire [   1:0] r1_level,
    input  wire [   8:0] r1_column,
    input  wire [   8:0] r1_row,
    output wire          m1_valid,
    output wire [1023:0] m1_pixels,

    // Accesses of this cycle: 4 bits each for left, upper, right (low first)
    output wire [11:0] count_writes,
    output wire [11:0] count_reads
);

  `include "vio_params.vh"

  localparam LB = LEFT_WORD_BITS;
  localparam UB = UPPER_WORD_BITS;
  localparam RB = RIGHT_WORD_BITS;

  generate
    if (MAX_LEVELS < 1 || MAX_LEVELS > 3 || (LB != 27 && LB != 18) || (UB != 27 && UB != 18)
        || (RB != 27 && RB != 18)) begin : g_bad_preset
      frame_buffer_needs_1_to_3_levels_and_codecs_dct27_or_dct18 bad_parameter ();
    end
  endgenerate

  localparam A_W = LEFT_BITS;  // the left ring's banks are the deepest
  localparam N_W = A_W + 3;

  // ---- the size of a frame, in blocks ----
  wire [14:0] sixteenths;
  soft_multiply #(
      .A_W(8),
      .B_W(7)
  ) area (
      .s_a({1'b0, cfg_width[10:4]}),
      .s_b(cfg_height[10:4]),
      .m_product(sixteenths)
  );
  reg [17:0] blocks_q;
  always @(posedge clk) blocks_q <= {sixteenths[13:0], 4'd0};
  wire [N_W-1:0] blocks0 = blocks_q[N_W-1:0];
  wire [N_W-1:0] blocks1 = {2'd0, blocks_q[N_W-1:2]};

  // ---- frames ----
  reg current_ring_q, key_ring_q, current_held_q, key_held_q;
  reg ring_q;  // of the frame that is written
  reg active_q, right_active_q;
  wire other = begin_ring || (key_held_q && key_ring_q == current_ring_q);
  wire begin_in = current_ring_q ^ other;
  wire commit = commit_valid && active_q;
  wire protect = reading && ((current_held_q && current_ring_q == ring_q)
                             || (key_held_q && key_ring_q == ring_q));
  wire [2:0] no_room;
  assign m_overflow = active_q && |no_room;

  always @(posedge clk) begin
    if (begin_valid) ring_q <= begin_in;
    if (rst) begin
      {current_ring_q, key_ring_q, current_held_q, key_held_q} <= 4'd0;
      {active_q, right_active_q} <= 2'd0;
    end else begin
      if (commit) current_ring_q <= ring_q;
      if (key_valid) key_ring_q <= current_ring_q;
      current_held_q <= (current_held_q || commit) && !forget_valid;
      key_held_q <= (key_held_q || (key_valid && current_held_q)) && !forget_valid;
      active_q <= begin_valid || (active_q && !commit && !m_overflow);
      right_active_q <= begin_valid ? begin_right : right_active_q && !m_overflow;
    end
  end

  // ---- where the words go ----
  wire [2:0] writes, done;
  wire [N_W-1:0] number0, number1, number2;
  wire [3*N_W-1:0] first_0, first_1;

  frame_ring #(
      .FIRST(LEVEL0_FIRST),
      .WORDS(LEVEL0_WORDS),
      .N_W(N_W)
  ) ring0 (
      .clk(clk),
      .rst(rst),
      .cfg_blocks(blocks0),
      .begin_valid(begin_valid),
      .begin_ring(begin_in),
      .commit_valid(commit),
      .commit_ring(ring_q),
      .s_valid(left0_valid && active_q),
      .protect(protect),
      .m_valid(writes[0]),
      .m_overflow(no_room[0]),
      .m_number(number0),
      .m_done(done[0]),
      .m_first_0(first_0[0+:N_W]),
      .m_first_1(first_1[0+:N_W])
  );

  generate
    if (MAX_LEVELS > 1) begin : g_level1
      frame_ring #(
          .FIRST(0),
          .WORDS(LEVEL1_WORDS),
          .N_W(N_W)
      ) ring1 (
          .clk(clk),
          .rst(rst),
          .cfg_blocks(blocks1),
          .begin_valid(begin_valid),
          .begin_ring(begin_in),
          .commit_valid(commit),
          .commit_ring(ring_q),
          .s_valid(left1_valid && active_q),
          .protect(protect),
          .m_valid(writes[1]),
          .m_overflow(no_room[1]),
          .m_number(number1),
          .m_done(done[1]),
          .m_first_0(first_0[N_W+:N_W]),
          .m_first_1(first_1[N_W+:N_W])
      );
    end else begin : g_no_level1
      assign {writes[1], no_room[1], done[1]} = 3'b001;
      assign {number1, first_0[N_W+:N_W], first_1[N_W+:N_W]} = {(3 * N_W) {1'b0}};
      wire unused_level1 = &{1'b0, left1_valid, blocks1};
    end
    if (MAX_LEVELS > 2) begin : g_level2
      frame_ring #(
          .FIRST(LEVEL1_WORDS),
          .WORDS(UPPER_WORDS - LEVEL1_WORDS),
          .N_W(N_W)
      ) ring2 (
          .clk(clk),
          .rst(rst),
          .cfg_blocks({4'd0, blocks_q[N_W-1:4]}),
          .begin_valid(begin_valid),
          .begin_ring(begin_in),
          .commit_valid(commit),
          .commit_ring(ring_q),
          .s_valid(left2_valid && active_q),
          .protect(protect),
          .m_valid(writes[2]),
          .m_overflow(no_room[2]),
          .m_number(number2),
          .m_done(done[2]),
          .m_first_0(first_0[2*N_W+:N_W]),
          .m_first_1(first_1[2*N_W+:N_W])
      );
    end else begin : g_no_level2
      assign {writes[2], no_room[2], done[2]} = 3'b001;
      assign {number2, first_0[2*N_W+:N_W], first_1[2*N_W+:N_W]} = {(3 * N_W) {1'b0}};
      wire unused_level2 = left2_valid;
    end
  endgenerate

  reg [LB-1:0] word0_q;
  reg [UB-1:0] word1_q, word2_q;
  reg [RB-1:0] word_right_q;
  reg [N_W-1:0] right_next_q, right_number_q;
  reg right_write_q, right_done_q;
  wire right_whole = right_next_q == blocks0;
  wire right_take = right_valid && right_active_q && !right_whole;

  always @(posedge clk) begin
    word0_q <= left0_word[LB-1:0];
    word1_q <= left1_word[UB-1:0];
    if (left2_valid) word2_q <= left2_word[UB-1:0];
    word_right_q <= right_word[RB-1:0];
    right_number_q <= right_next_q;
    right_write_q <= right_take && !rst;
    right_done_q <= right_whole && !begin_valid && !rst;
    if (rst || begin_valid) right_next_q <= {N_W{1'b0}};
    else if (right_take) right_next_q <= right_next_q + {{(N_W - 1) {1'b0}}, 1'b1};
  end

  // Levels 1 and 2 share a port: a word of level 2 waits a cycle for one of level 1.
  reg waits_q;
  wire upper_write, second;
  wire [1:0] granted;
  arbiter #(
      .CLIENTS(2)
  ) upper_port (
      .clk(clk),
      .rst(rst),
      .s_valid({writes[2] || waits_q, writes[1]}),
      .s_ready(granted),
      .m_valid(upper_write),
      .m_ready(1'b1),
      .m_client(second)
  );
  always @(posedge clk) waits_q <= (writes[2] || waits_q) && !granted[1] && !rst;

  wire [N_W-1:0] upper_number = second ? number2 : number1;
  wire [UB-1:0] upper_word = second ? word2_q : word1_q;

  assign m_left_done = &done;
  assign m_right_done = right_done_q;
  assign count_writes = {3'd0, right_write_q, 3'd0, upper_write, 3'd0, writes[0]};

  // ---- the reader ----
  wire [8*5-1:0] b_valid;  // a bank: left of ring 0 and 1, upper of ring 0 and 1, right
  wire [8*A_W-1:0] b_address;
  reg [8*27-1:0] words_q;
  wire [127:0] block;

  window_reader #(
      .N_W(N_W),
      .A_W(A_W)
  ) reader (
      .clk(clk),
      .rst(rst),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .first_0(first_0),
      .first_1(first_1),
      .key_ring(key_ring_q),
      .current_ring(current_ring_q),
      .r0_valid(r0_valid),
      .r0_ready(r0_ready),
      .r0_buffer(r0_buffer),
      .r0_level(r0_level),
      .r0_column(r0_column),
      .r0_row(r0_row),
      .r1_valid(r1_valid),
      .r1_ready(r1_ready),
      .r1_buffer(r1_buffer),
      .r1_level(r1_level),
      .r1_column(r1_column),
      .r1_row(r1_row),
      .b_valid(b_valid),
      .b_address(b_address),
      .b_words(words_q),
      .m0_valid(m0_valid),
      .m0_part(m0_part),
      .m0_pixels(m0_pixels),
      .m1_valid(m1_valid),
      .m1_pixels(block)
  );

  assign m1_pixels = {
    224'd0, block[127:96], 224'd0, block[95:64], 224'd0, block[63:32], 224'd0, block[31:0]
  };

  // ---- banks: left and upper of ring 0 and 1, right; what is not read is 0 ----
  genvar b;
  generate
    for (b = 0; b < 8; b = b + 1) begin : g_bank
      localparam [2:0] SELF = b;
      wire [A_W-1:0] address = b_address[A_W*b+:A_W];
      wire [2*LB-1:0] left_words;
      wire [2*UB-1:0] upper_words;
      wire [RB-1:0] right_read;
      wire [4:0] reads = b_valid[5*b+:5];
      genvar r;
      for (r = 0; r < 2; r = r + 1) begin : g_ring
        frame_bank #(
            .WORDS(LEFT_WORDS),
            .BITS(LB)
        ) left (
            .clk(clk),
            .rst(rst),
            .s_valid(writes[0] && ring_q == r && number0[2:0] == SELF),
            .s_address(number0[N_W-1:3]),
            .s_word(word0_q),
            .r_valid(reads[r]),
            .r_address(address),
            .m_word(left_words[LB*r+:LB])
        );
        if (MAX_LEVELS > 1) begin : g_upper
          frame_bank #(
              .WORDS(UPPER_WORDS),
              .BITS(UB)
          ) upper (
              .clk(clk),
              .rst(rst),
              .s_valid(upper_write && ring_q == r && upper_number[2:0] == SELF),
              .s_address(upper_number[UPPER_BITS+2:3]),
              .s_word(upper_word),
              .r_valid(reads[2+r]),
              .r_address(address[UPPER_BITS-1:0]),
              .m_word(upper_words[UB*r+:UB])
          );
        end else begin : g_no_upper
          assign upper_words[UB*r+:UB] = {UB{1'b0}};
          wire unused_reads = reads[2+r];
        end
      end
      frame_bank #(
          .WORDS(RIGHT_WORDS),
          .BITS(RB)
      ) right (
          .clk(clk),
          .rst(rst),
          .s_valid(right_write_q && right_number_q[2:0] == SELF),
          .s_address(right_number_q[RIGHT_BITS+2:3]),
          .s_word(word_right_q),
          .r_valid(reads[4]),
          .r_address(address[RIGHT_BITS-1:0]),
          .m_word(right_read)
      );
      always @(posedge clk)
        words_q[27*b+:27] <= {{(27 - LB) {1'b0}}, left_words[0+:LB] | left_words[LB+:LB]}
            | {{(27 - UB) {1'b0}}, upper_words[0+:UB] | upper_words[UB+:UB]}
            | {{(27 - RB) {1'b0}}, right_read};
    end
  endgenerate

  // ---- accesses ----
  reg [3:0] left_d, upper_d, right_d;
  integer k;
  always @* begin
    {left_d, upper_d, right_d} = 12'd0;
    for (k = 0; k < 2; k = k + 1) begin  // of banks that are equal mod 2 one is read
      left_d = left_d + {3'd0, |{b_valid[5*k+:2], b_valid[5*k+10+:2], b_valid[5*k+20+:2], b_valid[5*k+30+:2]}};
      upper_d = upper_d + {3'd0, |{b_valid[5*k+2+:2], b_valid[5*k+12+:2], b_valid[5*k+22+:2], b_valid[5*k+32+:2]}};
      right_d = right_d + {3'd0, |{b_valid[5*k+4], b_valid[5*k+14], b_valid[5*k+24], b_valid[5*k+34]}};
    end
  end
  assign count_reads = {right_d, upper_d, left_d};

  wire unused = &{1'b0, sixteenths[14], blocks_q[17:N_W], cfg_width[3:0], cfg_height[3:0], upper_number,
                  upper_word, granted[0], left0_word, left1_word, left2_word, right_word};

endmodule

`default_nettype wire
