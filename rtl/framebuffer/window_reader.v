// SPDX-License-Identifier: Apache-2.0
// Read eight neighbouring blocks of a frame buffer in four cycles, or one in a cycle, and decode them.
//
// Block (row, column) of a level of a frame has the number first + row columns + column, in the
// ring of that level; it lies in bank number mod 8 at address number / 8. So eight neighbours of a
// row are in eight banks, at one address or at two that follow each other, and the whole is turned
// by number mod 8. Two of them are read at a time, of banks that differ mod 2.
// Reads:      a bank is read only for a block that the frame has: blocks beyond the end of the row
//             or below the last row are not read, and what is answered for them is undefined.
// Clients:    0 gets eight blocks and goes first; 1 gets one.
// Latency:    9 cycles from an accepted request to its answer, of client 0 to the first quarter of it, the
//             others in the three cycles after that: request, number, addresses, banks, choice of the memory, turn,
//             3 in the decoder. Throughput: a request of client 0 in four cycles, of client 1 a cycle.
// Area:       no multiplier; two decoders for both codecs, most of it (codec_decoder_either).
`default_nettype none

module window_reader #(
    parameter N_W = 15,  // bits of a block number
    parameter A_W = 12   // bits of a bank's address: N_W - 3
) (
    input wire clk,
    input wire rst,

    input wire [10:0] cfg_width,  // of level 0, multiples of 16, stable while a frame is read
    input wire [10:0] cfg_height,

    // Where the frames lie: numbers of level 0, 1, 2 (low first) in ring 0 and 1, and their rings.
    input wire [3*N_W-1:0] first_0,
    input wire [3*N_W-1:0] first_1,
    input wire             key_ring,
    input wire             current_ring,

    // Requests: block coordinates; buffer 0 the key, 1 the current frame, 2 the right image.
    input  wire       r0_valid,
    output wire       r0_ready,
    input  wire [1:0] r0_buffer,
    input  wire [1:0] r0_level,
    input  wire [8:0] r0_column,
    input  wire [8:0] r0_row,
    input  wire       r1_valid,
    output wire       r1_ready,
    input  wire [1:0] r1_buffer,
    input  wire [1:0] r1_level,
    input  wire [8:0] r1_column,
    input  wire [8:0] r1_row,

    // Banks, bank 0 in the low bits. Of banks that are equal mod 2 together at most one memory is read: left of
    // ring 0 and 1, upper of ring 0 and 1, right. Two cycles later come the words, short ones low.
    output wire [  8*5-1:0] b_valid,
    output wire [8*A_W-1:0] b_address,
    input  wire [ 8*27-1:0] b_words,    // 0 of a bank that was not read

    // Answers, in order: four pixel rows of 8 (a quarter, from the left to the right) or 4, row 0 and its leftmost
    // pixel in the low bits.
    output wire         m0_valid,
    output wire [  1:0] m0_part,
    output wire [255:0] m0_pixels,
    output wire         m1_valid,
    output wire [127:0] m1_pixels
);

  `include "vio_params.vh"

  localparam [1:0] KEY = 2'd0, RIGHT = 2'd2;
  localparam [N_W:0] NONE = {(N_W + 1) {1'b0}};
  localparam LEVEL2_IN_BANK = UPPER_WORDS - LEVEL1_WORDS;  // 0 where there is no level 2
  localparam SHORT = 18;  // bits of a word of dct18

  generate
    if (A_W != N_W - 3 || A_W < LEFT_BITS || A_W < RIGHT_BITS || A_W < UPPER_BITS) begin : g_bad_width
      window_reader_A_W_must_hold_every_address bad_parameter ();
    end
  endgenerate

  // ---- 1: the request ----
  wire client, offered;
  reg [1:0] part_q;  // of client 0's request, which is read now; 0: the next request may come
  wire rest = |part_q;
  wire asked = offered && !rest;
  arbiter #(
      .CLIENTS(2)
  ) clients (
      .clk(clk),
      .rst(rst),
      .s_valid({r1_valid, r0_valid}),
      .s_ready({r1_ready, r0_ready}),
      .m_valid(offered),
      .m_ready(!rest),
      .m_client(client)
  );

  reg [8:0] valid_q, client_q;  // of stages 1 to 9
  reg [17:0] parts_q;  // two blocks of eight
  reg [1:0] buffer_q, level_q;
  reg [8:0] column_q, row_q;

  always @(posedge clk) begin
    part_q <= rst ? 2'd0 : part_q + {1'b0, rest || (asked && !client)};
    valid_q <= rst ? 9'd0 : {valid_q[7:0], asked || rest};
    client_q <= {client_q[7:0], client && !rest};
    parts_q <= {parts_q[15:0], part_q};
    if (!rest) begin
      buffer_q <= client ? r1_buffer : r0_buffer;
      level_q <= client ? r1_level : r0_level;
      column_q <= client ? r1_column : r0_column;
      row_q <= client ? r1_row : r0_row;
    end
  end

  // ---- 2: the number of the first block, and how many of the wanted blocks the row has ----
  wire ring = buffer_q == KEY ? key_ring : current_ring;
  wire [3*N_W-1:0] firsts = ring ? first_1 : first_0;
  wire [N_W-1:0] first = buffer_q == RIGHT ? {N_W{1'b0}} : firsts[N_W*level_q+:N_W];
  wire [8:0] columns = {cfg_width[10:4], 2'd0} >> level_q;
  wire [8:0] rows = {cfg_height[10:4], 2'd0} >> level_q;
  wire [9:0] space = {1'b0, columns} - {1'b0, column_q};
  wire inside = row_q < rows && !space[9];

  // Row times columns in one sum with the rest, so that only one carry runs through all bits.
  wire [N_W+11:0] padded = {{(N_W + 1) {1'b0}}, row_q, 2'd0} >> level_q;
  wire [N_W:0] fourths = padded[N_W:0];
  reg [N_W:0] raw_q;
  reg [3:0] lanes_q;
  reg [1:0] memory_q;
  reg second_q, ring_q;

  always @(posedge clk) begin
    raw_q <= {1'b0, first} + {{(N_W - 8) {1'b0}}, column_q}
        + (cfg_width[4] ? fourths : NONE) + (cfg_width[5] ? fourths << 1 : NONE)
        + (cfg_width[6] ? fourths << 2 : NONE) + (cfg_width[7] ? fourths << 3 : NONE)
        + (cfg_width[8] ? fourths << 4 : NONE) + (cfg_width[9] ? fourths << 5 : NONE)
        + (cfg_width[10] ? fourths << 6 : NONE);
    lanes_q <= !inside ? 4'd0 : client_q[0] ? {3'd0, |space[8:0]} : space[8:0] > 9'd8 ? 4'd8 : space[3:0];
    memory_q <= buffer_q == RIGHT ? 2'd2 : level_q == 2'd0 ? 2'd0 : 2'd1;
    second_q <= level_q[1];
    ring_q <= ring;
  end

  // ---- 3: the addresses; behind the end of a ring lies its beginning ----
  localparam END0 = 8 * LEFT_WORDS, END1 = 8 * LEVEL1_WORDS, END2 = 8 * UPPER_WORDS;
  localparam SIZE2 = 8 * LEVEL2_IN_BANK;
  localparam LAST0 = LEFT_WORDS - 1, LAST1 = LEVEL1_WORDS - 1, LAST2 = UPPER_WORDS - 1;
  wire upper = memory_q[0];
  wire [N_W:0] limit = !upper ? END0[N_W:0] : second_q ? END2[N_W:0] : END1[N_W:0];
  wire [N_W:0] size = !upper ? END0[N_W:0] : second_q ? SIZE2[N_W:0] : END1[N_W:0];
  wire [N_W:0] wrapped = raw_q - size;
  // The right image is no ring: it is shorter than one, so its numbers are not touched.
  wire [N_W-1:0] number = raw_q >= limit ? wrapped[N_W-1:0] : raw_q[N_W-1:0];
  wire [A_W-1:0] address = number[N_W-1:3];
  wire [A_W-1:0] last = !upper ? LAST0[A_W-1:0] : second_q ? LAST2[A_W-1:0] : LAST1[A_W-1:0];
  wire [A_W-1:0] origin = second_q && upper ? LEVEL1_WORDS[A_W-1:0] : {A_W{1'b0}};
  wire [A_W-1:0] after = address == last ? origin : address + {{(A_W - 1) {1'b0}}, 1'b1};
  wire [4:0] chosen = {memory_q[1], {2{memory_q == 2'd1}} & {ring_q, !ring_q},
                       {2{memory_q == 2'd0}} & {ring_q, !ring_q}};

  reg [8*A_W-1:0] addresses_q;  // a register a bank: banks lie far apart
  reg [8*5-1:0] banks_q;

  genvar b;
  generate
    for (b = 0; b < 8; b = b + 1) begin : g_bank
      localparam [2:0] SELF = b;
      wire [2:0] lane = SELF - raw_q[2:0];  // sizes are multiples of 8
      always @(posedge clk) begin
        // A bank left of the first block's holds a block that comes behind: in the next word.
        addresses_q[A_W*b+:A_W] <= {1'b0, SELF} < {1'b0, raw_q[2:0]} ? after : address;
        banks_q[5*b+:5] <= valid_q[1] && !rst && lane[2:1] == parts_q[3:2] && {1'b0, lane} < lanes_q
            ? chosen : 5'd0;
      end
    end
  endgenerate

  assign b_valid = banks_q;
  assign b_address = addresses_q;

  // ---- 4: the banks; 5: their memories; 6: block k to lane k mod 2; 7, 8, 9: the decoders ----
  reg turn3_q, turn4_q, turn5_q;
  reg [3:0] short_q;  // of stages 3 to 6
  wire [2*27-1:0] pair = b_words[53:0] | b_words[107:54] | b_words[161:108] | b_words[215:162];
  reg [2*27-1:0] words_q;

  generate
    for (b = 0; b < 2; b = b + 1) begin : g_lane
      localparam [0:0] SELF = b;
      always @(posedge clk) words_q[27*b+:27] <= turn5_q == SELF ? pair[26:0] : pair[53:27];

      wire [127:0] block;
      codec_decoder_either decoder (
          .clk(clk),
          .s_short(short_q[3]),
          .s_word(words_q[27*b+:27]),
          .m_pixels(block)
      );
      if (b == 0) begin : g_client_1
        assign m1_pixels = block;
      end
      genvar r;
      for (r = 0; r < 4; r = r + 1) begin : g_row
        assign m0_pixels[64*r+32*b+:32] = block[32*r+:32];
      end
    end
  endgenerate

  always @(posedge clk) begin
    {turn5_q, turn4_q, turn3_q} <= {turn4_q, turn3_q, raw_q[0]};
    short_q <= {
      short_q[2:0],
      memory_q[1] ? RIGHT_WORD_BITS == SHORT : upper ? UPPER_WORD_BITS == SHORT : LEFT_WORD_BITS == SHORT
    };
  end

  assign m0_valid = valid_q[8] && !client_q[8];
  assign m0_part = parts_q[17:16];
  assign m1_valid = valid_q[8] && client_q[8];

  wire unused = &{1'b0, cfg_width[3:0], cfg_height[3:0], number[2:0], padded[N_W+11:N_W+1], wrapped[N_W]};

endmodule

`default_nettype wire
