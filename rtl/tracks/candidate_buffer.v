// SPDX-License-Identifier: Apache-2.0
// Hold the corner candidates of all tiles: clear those in a box, or find the best of some tiles.
//
// A job names a rectangle of tiles. Clear: candidates in the box lose their score. Search: the best
// of the rectangle that is not in the box; ties go to the first in raster order.
// Box:        pixels low .. high, both counted; to be held from the cycle after a job is taken until
//             s_ready comes back. What a clear still has in its pipeline is hidden from a search that
//             follows with the same box.
// Latency:    m_done and the best (held until the next search) 3 cycles after the last tiles' address.
// Throughput: four tiles of a row, columns 4 n .. 4 n + 3, a cycle, and a cycle for each job.
// Memory:     a power of two of rows x words of 4 candidates, 9-bit bytes: 3 DP16KD for 32 x 16 words.
`default_nettype none

module candidate_buffer #(
    parameter SIZE_W    = 11,  // bits of a coordinate
    parameter SCORE_W   = 17,  // bits of a score
    parameter TILE_BITS = 4,   // a tile has 2^TILE_BITS pixels a side
    parameter COLS      = 47,  // tiles across, 5 or more
    parameter ROWS      = 30   // tiles down, 2 or more
) (
    input wire clk,
    input wire rst,

    // Sets a candidate {score, v, u within the tile}; not while a job is worked on.
    input wire                           w_valid,
    input wire [       $clog2(COLS)-1:0] w_col,
    input wire [       $clog2(ROWS)-1:0] w_row,
    input wire [SCORE_W+2*TILE_BITS-1:0] w_data,

    input wire                   box_valid,   // low: there is no box
    input wire signed [SIZE_W:0] box_low_u,
    input wire signed [SIZE_W:0] box_high_u,
    input wire signed [SIZE_W:0] box_low_v,
    input wire signed [SIZE_W:0] box_high_v,

    input  wire                    s_valid,
    output wire                    s_ready,
    input  wire                    s_clear,
    input  wire [$clog2(COLS)-1:0] s_first_col,
    input  wire [$clog2(COLS)-1:0] s_last_col,
    input  wire [$clog2(ROWS)-1:0] s_first_row,
    input  wire [$clog2(ROWS)-1:0] s_last_row,

    output wire                              m_done,   // of a search
    output wire [               SCORE_W-1:0] m_score,  // 0: there is none
    output wire [$clog2(COLS)+TILE_BITS-1:0] m_u,
    output wire [$clog2(ROWS)+TILE_BITS-1:0] m_v,

    output wire [1:0] count_accesses  // words read and written
);

  generate
    if (COLS < 5 || ROWS < 2) begin : g_bad_size
      candidate_buffer_COLS_or_ROWS_too_small bad_parameter ();
    end
    if ($clog2(COLS) + TILE_BITS > SIZE_W || $clog2(ROWS) + TILE_BITS > SIZE_W) begin : g_bad_width
      candidate_buffer_SIZE_W_too_small bad_parameter ();
    end
  endgenerate

  localparam XW = $clog2(COLS);
  localparam YW = $clog2(ROWS);
  localparam WW = XW - 2;  // bits of a word in a row
  localparam UW = XW + TILE_BITS;
  localparam VW = YW + TILE_BITS;
  localparam KW = SIZE_W + 1 - TILE_BITS;  // bits of a tile's column or row, signed
  localparam WORD = SCORE_W + 2 * TILE_BITS;
  localparam LANE = 9 * ((WORD + 9) / 9);
  localparam [WW-1:0] W_ONE = {{(WW - 1) {1'b0}}, 1'b1};
  localparam [YW-1:0] Y_ONE = {{(YW - 1) {1'b0}}, 1'b1};

  // ---- the job: an address a cycle ----
  reg busy_q, clear_q, first_q;
  reg [YW-1:0] row_q, last_row_q;
  reg [WW-1:0] word_q, first_word_q, last_word_q;
  reg [XW-1:0] first_col_q, last_col_q;  // of the search
  wire row_ends = word_q == last_word_q;
  wire last = row_ends && row_q == last_row_q;
  assign s_ready = !busy_q || last;

  always @(posedge clk) begin
    first_q <= s_valid && s_ready;
    if (s_valid && s_ready) begin
      clear_q <= s_clear;
      row_q <= s_first_row;
      last_row_q <= s_last_row;
      word_q <= s_first_col[XW-1:2];
      first_word_q <= s_first_col[XW-1:2];
      last_word_q <= s_last_col[XW-1:2];
      if (!s_clear) {first_col_q, last_col_q} <= {s_first_col, s_last_col};
    end else if (row_ends) begin
      word_q <= first_word_q;
      row_q <= row_q + Y_ONE;
    end else word_q <= word_q + W_ONE;
    if (rst) busy_q <= 1'b0;
    else busy_q <= (s_valid && s_ready) || (busy_q && !last);
  end

  // ---- 1: the words are there. Which tiles lie in the box or at its edge is known before ----
  reg valid1_q, clear1_q, first1_q, last1_q;
  reg [YW-1:0] row1_q;
  reg [WW-1:0] word1_q;
  reg v_low1_q, v_high1_q;  // the row lies beyond the box's edge: v needs no test
  reg v_in1_q;  // the row lies in the box or at its edges
  reg [TILE_BITS-1:0] low_u1_q, high_u1_q, low_v1_q, high_v1_q;
  reg [4*LANE-1:0] words_mem[0:(1<<(YW+WW))-1];
  reg [4*LANE-1:0] tiles1_q;
  // 2: what is cleared, what is searched.
  reg [3:0] erase2_q;
  reg valid2_q, first2_q, last2_q;
  reg [YW-1:0] row2_q;
  reg [WW-1:0] word2_q;
  reg [4*WORD-1:0] tiles2_q;

  wire signed [KW-1:0] low_col = box_low_u[SIZE_W:TILE_BITS];
  wire signed [KW-1:0] high_col = box_high_u[SIZE_W:TILE_BITS];
  wire signed [KW-1:0] low_row = box_low_v[SIZE_W:TILE_BITS];
  wire signed [KW-1:0] high_row = box_high_v[SIZE_W:TILE_BITS];
  wire signed [KW-1:0] row = $signed({{(KW - YW) {1'b0}}, row_q});

  always @(posedge clk) begin
    tiles1_q <= words_mem[{row_q, word_q}];
    {row1_q, word1_q, clear1_q, first1_q, last1_q} <= {row_q, word_q, clear_q, first_q, last};
    {row2_q, word2_q, first2_q, last2_q} <= {row1_q, word1_q, first1_q, last1_q};
    v_in1_q <= box_valid && row >= low_row && row <= high_row;
    v_low1_q <= row != low_row;
    v_high1_q <= row != high_row;
    {low_u1_q, high_u1_q} <= {box_low_u[TILE_BITS-1:0], box_high_u[TILE_BITS-1:0]};
    {low_v1_q, high_v1_q} <= {box_low_v[TILE_BITS-1:0], box_high_v[TILE_BITS-1:0]};
    valid1_q <= busy_q && !rst;
    valid2_q <= valid1_q && !clear1_q && !rst;
  end

  wire [3:0] set = {4{w_valid}} & (4'd1 << w_col[1:0]);
  wire [YW+WW-1:0] write_address = w_valid ? {w_row, w_col[XW-1:2]} : {row2_q, word2_q};
  wire [LANE-1:0] write_data = {{(LANE - WORD) {1'b0}}, w_data} & {LANE{w_valid}};

  genvar i;
  generate
    for (i = 0; i < 4; i = i + 1) begin : g_lane
      localparam [1:0] L = i;
      wire [WORD-1:0] tile = tiles1_q[LANE*i+:WORD];
      wire [XW-1:0] col = {word_q, L};
      wire signed [KW-1:0] col_wide = $signed({{(KW - XW) {1'b0}}, col});
      reg searched1_q, u_in1_q, u_low1_q, u_high1_q;
      always @(posedge clk) begin
        searched1_q <= col >= first_col_q && col <= last_col_q;
        u_in1_q <= col_wide >= low_col && col_wide <= high_col;
        u_low1_q <= col_wide != low_col;
        u_high1_q <= col_wide != high_col;
      end
      wire [TILE_BITS-1:0] u = tile[TILE_BITS-1:0];
      wire [TILE_BITS-1:0] v = tile[2*TILE_BITS-1:TILE_BITS];
      wire near = u_in1_q && v_in1_q && (u_low1_q || u >= low_u1_q) && (u_high1_q || u <= high_u1_q)
                  && (v_low1_q || v >= low_v1_q) && (v_high1_q || v <= high_v1_q);
      wire searched = searched1_q && !near;
      wire unused_tile = &{1'b0, tiles1_q[LANE*(i+1)-1:LANE*i+WORD-1]};
      always @(posedge clk) begin
        erase2_q[i] <= valid1_q && clear1_q && near && !rst;
        tiles2_q[WORD*i+:WORD] <= {tile[WORD-1:2*TILE_BITS] & {SCORE_W{searched}},
                                   tile[2*TILE_BITS-1:0]};
        if (set[i] || (erase2_q[i] && !w_valid)) words_mem[write_address][LANE*i+:LANE] <= write_data;
      end
    end
  endgenerate

  assign count_accesses = {1'b0, busy_q} + {1'b0, w_valid || |erase2_q};

  // ---- 2: the best of the four ----
  wire [WORD-1:0] a = tiles2_q[WORD-1:0];
  wire [WORD-1:0] b = tiles2_q[2*WORD-1:WORD];
  wire [WORD-1:0] c = tiles2_q[3*WORD-1:2*WORD];
  wire [WORD-1:0] d = tiles2_q[4*WORD-1:3*WORD];
  wire b_wins = b[WORD-1:2*TILE_BITS] > a[WORD-1:2*TILE_BITS];
  wire d_wins = d[WORD-1:2*TILE_BITS] > c[WORD-1:2*TILE_BITS];
  wire [WORD-1:0] ab = b_wins ? b : a;
  wire [WORD-1:0] cd = d_wins ? d : c;
  wire cd_wins = cd[WORD-1:2*TILE_BITS] > ab[WORD-1:2*TILE_BITS];
  wire [WORD-1:0] abcd = cd_wins ? cd : ab;
  wire [1:0] lane = {cd_wins, cd_wins ? d_wins : b_wins};

  // ---- 3: the best so far ----
  reg valid3_q, first3_q, last3_q;
  reg [SCORE_W-1:0] score3_q, score_q;
  reg [UW-1:0] u3_q, u_q;
  reg [VW-1:0] v3_q, v_q;
  wire better = valid3_q && (first3_q || score3_q > score_q);
  assign m_done = valid3_q && last3_q;
  assign m_score = better ? score3_q : score_q;
  assign m_u = better ? u3_q : u_q;
  assign m_v = better ? v3_q : v_q;

  always @(posedge clk) begin
    valid3_q <= valid2_q && !rst;
    {first3_q, last3_q} <= {first2_q, last2_q};
    score3_q <= abcd[WORD-1:2*TILE_BITS];
    u3_q <= {word2_q, lane, abcd[TILE_BITS-1:0]};
    v3_q <= {row2_q, abcd[2*TILE_BITS-1:TILE_BITS]};
    score_q <= m_score;
    u_q <= m_u;
    v_q <= m_v;
  end

endmodule

`default_nettype wire
