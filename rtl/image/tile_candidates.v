// SPDX-License-Identifier: Apache-2.0
// Keep the best corner of each tile of a score stream: bounded memory, no sorting.
//
// A corner is a score of at least cfg_min_score, the greatest of its 3x3 neighbourhood (ties go to
// the first in raster order), cfg_border pixels inside. Equals `tile_candidates` of
// vio/fixed/corners.py.
// Memory:     two lines of scores; ROWS x COLS candidates of SCORE_W + 2 TILE_BITS bits.
// Latency:    a row, a pixel and 4 cycles. Throughput: one score a cycle; no backpressure.
// Frames:     s_start (with the frame's first pixel, before any score) clears the candidates; the
//             scores must not begin within ROWS x COLS cycles of it. Those of a frame end at (width - 4,
//             height - 4), as corner_scores.v gives them; m_done: that one is behind us. Before it, what is
//             read may be that of the stream.
`default_nettype none

module tile_candidates #(
    parameter MAX_WIDTH = 752,  // pixels of a line
    parameter SIZE_W    = 11,   // bits of a width, height or coordinate
    parameter SCORE_W   = 17,   // bits of a score
    parameter TILE_BITS = 4,    // a tile has 2^TILE_BITS pixels a side
    parameter COLS      = 47,   // tiles across the largest image
    parameter ROWS      = 30    // tiles down
) (
    input wire clk,
    input wire rst,

    input wire [ SIZE_W-1:0] cfg_width,
    input wire [ SIZE_W-1:0] cfg_height,
    input wire [ SIZE_W-1:0] cfg_border,     // 4 or more
    input wire [SCORE_W-1:0] cfg_min_score,  // 1 or more

    input wire               s_start,
    input wire               s_valid,
    input wire [SCORE_W-1:0] s_score,
    input wire [ SIZE_W-1:0] s_u,
    input wire [ SIZE_W-1:0] s_v,

    output wire m_done,

    // Read port of the candidates: address row x COLS + column, data one cycle later.
    input  wire [ $clog2(ROWS*COLS)-1:0] read_address,
    output wire [SCORE_W+2*TILE_BITS-1:0] read_data  // {score, v, u within the tile}; score 0: none
);

  generate
    if (COLS * (1 << TILE_BITS) < MAX_WIDTH) begin : g_bad_tiles
      tile_candidates_COLS_must_cover_MAX_WIDTH bad_parameter ();
    end
  endgenerate

  localparam AW = $clog2(MAX_WIDTH);
  localparam TILES = ROWS * COLS;
  localparam TW = $clog2(TILES);
  localparam WORD = SCORE_W + 2 * TILE_BITS;
  localparam [SIZE_W-1:0] ONE = {{(SIZE_W - 1) {1'b0}}, 1'b1};
  localparam [SIZE_W-1:0] FAR = ONE + ONE + ONE + ONE;
  localparam [TW-1:0] T_ONE = {{(TW - 1) {1'b0}}, 1'b1};
  localparam [TW-1:0] T_LAST = TILES[TW-1:0] - T_ONE;
  localparam [TW-1:0] T_COLS = COLS[TW-1:0];

  // ---- the two rows above, and the 3x3 window whose centre is (s_u - 1, s_v - 1) ----
  reg [2*SCORE_W-1:0] rows_mem[0:MAX_WIDTH-1];
  reg [2*SCORE_W-1:0] rows_q;
  reg a_valid_q;
  reg [SCORE_W-1:0] a_score_q;
  reg [SIZE_W-1:0] a_u_q, a_v_q;
  reg [SCORE_W-1:0] n0_q, n1_q, n2_q, c0_q, c1_q, c2_q, p0_q, p1_q, p2_q;  // next, centre, previous
  reg b_valid_q;
  reg [SIZE_W-1:0] b_u_q, b_v_q;

  always @(posedge clk) begin
    if (s_valid) begin
      rows_q <= rows_mem[s_u[AW-1:0]];
      a_score_q <= s_score;
      a_u_q <= s_u;
      a_v_q <= s_v;
    end
    if (a_valid_q) begin
      rows_mem[a_u_q[AW-1:0]] <= {a_score_q, rows_q[2*SCORE_W-1:SCORE_W]};
      n0_q <= rows_q[SCORE_W-1:0];
      n1_q <= rows_q[2*SCORE_W-1:SCORE_W];
      n2_q <= a_score_q;
      {c0_q, c1_q, c2_q} <= {n0_q, n1_q, n2_q};
      {p0_q, p1_q, p2_q} <= {c0_q, c1_q, c2_q};
      b_u_q <= a_u_q - ONE;
      b_v_q <= a_v_q - ONE;
    end
    a_valid_q <= s_valid && !rst;
    b_valid_q <= a_valid_q && !rst;
  end

  wire inside = b_u_q >= cfg_border && b_u_q < cfg_width - cfg_border &&
                b_v_q >= cfg_border && b_v_q < cfg_height - cfg_border;
  wire peak = c1_q >= cfg_min_score && c1_q > p0_q && c1_q > c0_q && c1_q > n0_q && c1_q > p1_q &&
              c1_q >= n1_q && c1_q >= p2_q && c1_q >= c2_q && c1_q >= n2_q;

  // ---- the candidate of the tile under way is held; the tile's word is read when it is entered ----
  reg [WORD-1:0] tiles_mem[0:TILES-1];
  reg [WORD-1:0] word_q;
  reg [TW-1:0] row_base_q;  // address of the tile row's first tile
  wire [TW+SIZE_W-1:0] column_wide = {{TW{1'b0}}, b_u_q >> TILE_BITS};
  wire [TW-1:0] column = column_wide[TW-1:0];
  wire unused_column = &{1'b0, column_wide[TW+SIZE_W-1:TW]};
  wire row_start = b_u_q == cfg_border;
  wire [TILE_BITS-1:0] low_u = b_u_q[TILE_BITS-1:0];
  wire [TILE_BITS-1:0] low_v = b_v_q[TILE_BITS-1:0];
  // The first row inside lies in the tile row of the border.
  wire new_tile_row = row_start && low_v == {TILE_BITS{1'b0}} && b_v_q != cfg_border;
  wire [TW-1:0] first_base = cfg_border < (ONE << TILE_BITS) ? {TW{1'b0}} : T_COLS;
  wire [TW-1:0] base = row_start && b_v_q == cfg_border ? first_base :
                       new_tile_row ? row_base_q + T_COLS : row_base_q;

  reg c_valid_q, c_enter_q, c_leave_q, c_peak_q;
  reg [TW-1:0] c_address_q;
  reg [SCORE_W-1:0] c_score_q;
  reg [TILE_BITS-1:0] c_u_q, c_v_q;
  reg [WORD-1:0] best_q;
  wire [WORD-1:0] held = c_enter_q ? word_q : best_q;
  wire better = c_peak_q && c_score_q > held[WORD-1:2*TILE_BITS];
  wire [WORD-1:0] best = better ? {c_score_q, c_v_q, c_u_q} : held;

  // ---- clearing at the start of a frame ----
  reg clear_q;
  reg [TW-1:0] clear_address_q;
  wire write = clear_q || (c_valid_q && c_leave_q);
  wire [TW-1:0] write_address = clear_q ? clear_address_q : c_address_q;

  always @(posedge clk) begin
    if (b_valid_q && inside) begin
      row_base_q <= base;
      c_address_q <= base + column;
      c_enter_q <= row_start || low_u == {TILE_BITS{1'b0}};
      c_leave_q <= low_u == {TILE_BITS{1'b1}} || b_u_q == cfg_width - cfg_border - ONE;
      c_peak_q <= peak;
      c_score_q <= c1_q;
      c_u_q <= low_u;
      c_v_q <= low_v;
    end
    if (c_valid_q) best_q <= best;
    if (write) tiles_mem[write_address] <= clear_q ? {WORD{1'b0}} : best;
    c_valid_q <= b_valid_q && inside && !rst;
    if (rst) begin
      clear_q <= 1'b0;
      clear_address_q <= {TW{1'b0}};
    end else if (s_start) begin
      clear_q <= 1'b1;
      clear_address_q <= {TW{1'b0}};
    end else if (clear_q) begin
      clear_q <= clear_address_q != T_LAST;
      clear_address_q <= clear_address_q + T_ONE;
    end
  end

  // One read port: the stream while a frame comes, the reader after m_done.
  reg done_q;
  reg [2:0] last_q;  // the last score of a frame: behind the stages a, b and c
  wire streaming = b_valid_q && inside;
  wire [TW-1:0] port_address = streaming ? base + column : read_address;
  always @(posedge clk) begin
    word_q <= tiles_mem[port_address];
    last_q <= rst ? 3'd0 : {last_q[1:0], s_valid && s_u == cfg_width - FAR && s_v == cfg_height - FAR};
    if (rst || s_start) done_q <= 1'b0;
    else if (last_q[2] && !clear_q) done_q <= 1'b1;
  end

  assign read_data = word_q;
  assign m_done = done_q;

endmodule

`default_nettype wire
