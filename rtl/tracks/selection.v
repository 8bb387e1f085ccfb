// SPDX-License-Identifier: Apache-2.0
// Select new corners: the best candidates that keep their distance, within the budget of each cell.
//
// Equals `select_corners` of vio/fixed/corners.py. While the tracker works the candidates are
// copied from the detector; the surviving tracks then clear the candidates near them, so that none
// is refused later; then the best of the best candidates of all cells is taken again and again. A
// cell's best may have been cleared meanwhile: it is looked at when its turn comes, and only then
// the cell is searched again.
// Q formats:  track pixels sQ10.8, rounded to whole pixels; corners in whole pixels.
// Use:        load_valid when the detector is done; m_loaded: the candidates are here, and begin_valid
//             may come. begin_count tracks are taken, then up to begin_room corners are given, best
//             first, then a word with m_end; m_loaded falls with begin_valid. A further load_valid
//             starts the copy anew, but not between begin_valid and the word with m_end.
// Latency:    the copy takes a cycle a tile and about 300; then, for 16-pixel tiles, 5x5 a cell and a
//             distance of 14 pixels: 4 cycles a track; a corner 25, one that fills its cell 12; a best
//             that was cleared 25; a full cell 7.
// Throughput: one selection at a time. A corner waits in a register for m_ready, not the search.
// Memory:     the candidates (candidate_buffer.v, 3 DP16KD); tables of cells in distributed RAM.
`default_nettype none

module selection #(
    parameter SIZE_W    = 11,  // bits of a width, height or coordinate
    parameter SCORE_W   = 17,  // bits of a score
    parameter TILE_BITS = 4,   // a tile has 2^TILE_BITS pixels a side
    parameter COLS      = 47,  // tiles across the largest image
    parameter ROWS      = 30,  // tiles down
    parameter CELLS     = 60,  // budget cells, at most
    parameter COUNT_W   = 8    // bits of a number of tracks
) (
    input wire clk,
    input wire rst,

    input wire [ SIZE_W-1:0] cfg_width,
    input wire [ SIZE_W-1:0] cfg_height,
    input wire [        7:0] cfg_min_distance,  // pixels, 1 or more
    input wire [COUNT_W-1:0] cfg_cell_budget,   // tracks a cell may hold
    input wire [        6:0] cfg_cell_cols,     // tiles across a cell, 1 or more
    input wire [        6:0] cfg_cell_rows,     // tiles down

    input  wire load_valid,
    output wire m_loaded,

    // Read port of the detector (tile_candidates.v): data one cycle after the address.
    output wire [   $clog2(ROWS*COLS)-1:0] read_address,
    input  wire [SCORE_W+2*TILE_BITS-1:0] read_data,

    input wire               begin_valid,
    input wire [COUNT_W-1:0] begin_room,
    input wire [COUNT_W-1:0] begin_count,

    input  wire               s_valid,
    output wire               s_ready,
    input  wire signed [18:0] s_u,
    input  wire signed [18:0] s_v,

    output wire               m_valid,
    input  wire               m_ready,
    output wire               m_end,    // no more: the word has no corner
    output wire [ SIZE_W-1:0] m_u,
    output wire [ SIZE_W-1:0] m_v,
    output wire [SCORE_W-1:0] m_score,

    output wire [$clog2(ROWS*COLS+1)-1:0] m_candidates,  // tiles with a candidate, from m_loaded on

    output wire [1:0] count_accesses  // words of the candidates read and written
);

  generate
    if (SIZE_W != 11 || COLS > 127 || ROWS > 127 || CELLS < 3) begin : g_bad_size
      selection_SIZE_W_COLS_ROWS_or_CELLS_out_of_range bad_parameter ();
    end
  endgenerate

  localparam XW = $clog2(COLS);
  localparam YW = $clog2(ROWS);
  localparam UW = XW + TILE_BITS;
  localparam VW = YW + TILE_BITS;
  localparam CW = $clog2(CELLS);
  localparam NW = $clog2(ROWS * COLS + 1);
  localparam [CW-1:0] C_ONE = {{(CW - 1) {1'b0}}, 1'b1};
  localparam [CW-1:0] C_LAST = {CW{1'b1}};
  localparam [COUNT_W-1:0] K_ONE = {{(COUNT_W - 1) {1'b0}}, 1'b1};

  localparam [3:0] IDLE = 4'd0;
  localparam [3:0] WIPE = 4'd1;  // counts and best scores of the cells
  localparam [3:0] COPY = 4'd2;  // candidates; the best of each cell on the way
  localparam [3:0] BUILD = 4'd3;  // the tree over the cells
  localparam [3:0] READY = 4'd4;
  localparam [3:0] TRACKS = 4'd5;  // count them and clear the candidates near them
  localparam [3:0] PICK = 4'd6;  // the cell with the best score
  localparam [3:0] FETCH = 4'd7;  // its candidate
  localparam [3:0] NEXT = 4'd8;  // search the cell again, unless it is full
  localparam [3:0] CLEAR = 4'd9;  // the candidates near the new corner
  localparam [3:0] SEARCH = 4'd10;  // wait for the cell's next best
  localparam [3:0] FINISH = 4'd11;

  reg [3:0] state_q;

  // ---- the image and its cells ----
  wire [SIZE_W-1:0] last_u = cfg_width - {{(SIZE_W - 1) {1'b0}}, 1'b1};
  wire [SIZE_W-1:0] last_v = cfg_height - {{(SIZE_W - 1) {1'b0}}, 1'b1};
  wire unused_last = &{1'b0, last_u, last_v};
  reg [XW-1:0] last_col_q;  // of the image's tiles
  reg [YW-1:0] last_row_q;
  always @(posedge clk) begin
    last_col_q <= last_u[UW-1:TILE_BITS];
    last_row_q <= last_v[VW-1:TILE_BITS];
  end

  reg [CW-1:0] cell_of_col_mem[0:(1<<XW)-1];
  reg [CW-1:0] cell_of_row_mem[0:(1<<YW)-1];  // the first cell of the row
  reg [XW+YW-1:0] origin_mem[0:(1<<CW)-1];  // a cell's first tile
  reg [XW+YW-1:0] place_mem[0:(1<<CW)-1];  // tile of a cell's best candidate
  reg [COUNT_W:0] count_mem[0:(1<<CW)-1];  // tracks in a cell

  // ---- copying: a tile's candidate comes a cycle after its address ----
  reg [CW-1:0] index_q;  // of the cells that are wiped, of the leaves that are played
  wire walk_last, walk_first;
  wire [XW-1:0] walk_col;
  wire [YW-1:0] walk_row;
  wire [CW-1:0] walk_cell, walk_row_cell, walk_col_cell;
  reg copy_q, first_q;
  reg [XW-1:0] col_q;
  reg [YW-1:0] row_q;
  reg [CW-1:0] cell_q, row_cell_q, col_cell_q;
  reg [NW-1:0] candidates_q;
  wire [SCORE_W-1:0] read_score = read_data[SCORE_W+2*TILE_BITS-1:2*TILE_BITS];
  assign m_candidates = candidates_q;

  tile_walk #(
      .COLS(COLS),
      .ROWS(ROWS),
      .CELL_W(CW)
  ) walk (
      .clk(clk),
      .cfg_last_col(last_col_q),
      .cfg_last_row(last_row_q),
      .cfg_cell_cols(cfg_cell_cols),
      .cfg_cell_rows(cfg_cell_rows),
      .s_start(state_q == WIPE),
      .s_step(state_q == COPY),
      .m_last(walk_last),
      .m_first(walk_first),
      .m_address(read_address),
      .m_col(walk_col),
      .m_row(walk_row),
      .m_cell(walk_cell),
      .m_row_cell(walk_row_cell),
      .m_col_cell(walk_col_cell)
  );

  always @(posedge clk) begin
    copy_q <= state_q == COPY && !load_valid && !rst;
    {col_q, row_q, cell_q} <= {walk_col, walk_row, walk_cell};
    {first_q, row_cell_q, col_cell_q} <= {walk_first, walk_row_cell, walk_col_cell};
    if (copy_q) begin
      cell_of_col_mem[col_q] <= col_cell_q;
      cell_of_row_mem[row_q] <= row_cell_q;
    end
    if (copy_q && first_q) origin_mem[cell_q] <= {row_q, col_q};
    if (state_q == WIPE) candidates_q <= {NW{1'b0}};
    else if (copy_q && read_score != {SCORE_W{1'b0}})
      candidates_q <= candidates_q + {{(NW - 1) {1'b0}}, 1'b1};
  end

  // ---- a track or a new corner, and the box in which it clears candidates ----
  reg point_valid_q, box_valid_q, box_any_q;  // box_valid: not cleared yet; any: there was one
  reg signed [SIZE_W:0] point_u_q, point_v_q;
  reg [COUNT_W-1:0] left_q;
  wire store_ready;
  wire load_box = point_valid_q && !box_valid_q && store_ready;
  wire clear_box = box_valid_q && (state_q == TRACKS || state_q == CLEAR);
  wire box_done = clear_box && store_ready;
  wire [XW-1:0] low_col, high_col, box_col;  // box_*: tile of the point
  wire [YW-1:0] low_row, high_row, box_row;
  wire signed [SIZE_W:0] low_u, high_u, low_v, high_v;
  tile_box #(
      .SIZE_W(SIZE_W),
      .TILE_BITS(TILE_BITS),
      .COL_W(XW),
      .ROW_W(YW)
  ) box (
      .clk(clk),
      .cfg_min_distance(cfg_min_distance),
      .cfg_last_col(last_col_q),
      .cfg_last_row(last_row_q),
      .s_valid(load_box),
      .s_u(point_u_q),
      .s_v(point_v_q),
      .m_low_u(low_u),
      .m_high_u(high_u),
      .m_low_v(low_v),
      .m_high_v(high_v),
      .m_col(box_col),
      .m_row(box_row),
      .m_low_col(low_col),
      .m_high_col(high_col),
      .m_low_row(low_row),
      .m_high_row(high_row)
  );
  wire [19:0] rounded_u = {s_u[18], s_u} + 20'd128;
  wire [19:0] rounded_v = {s_v[18], s_v} + 20'd128;
  wire unused_fraction = &{1'b0, rounded_u[7:0], rounded_v[7:0]};
  assign s_ready = state_q == TRACKS && left_q != {COUNT_W{1'b0}} && (!point_valid_q || load_box);
  wire take = s_valid && s_ready;

  // ---- the cell whose turn it is ----
  wire [CW-1:0] cell_best;
  wire [SCORE_W-1:0] score_best;
  wire tree_busy;
  reg count_track_q;
  reg [CW-1:0] track_cell_q;
  wire [CW-1:0] cell_at = count_track_q ? track_cell_q : cell_best;
  wire [COUNT_W:0] count = count_mem[cell_at];
  wire [COUNT_W:0] one_more = count + {1'b0, K_ONE};
  wire full = count >= {1'b0, cfg_cell_budget};
  wire [YW-1:0] place_row, origin_row;
  wire [XW-1:0] place_col, origin_col;
  assign {place_row, place_col} = place_mem[cell_best];
  assign {origin_row, origin_col} = origin_mem[cell_best];
  wire [7:0] end_col = {{(8 - XW) {1'b0}}, origin_col} + {1'b0, cfg_cell_cols} - 8'd1;
  wire [7:0] end_row = {{(8 - YW) {1'b0}}, origin_row} + {1'b0, cfg_cell_rows} - 8'd1;
  wire [XW-1:0] cell_last_col =
      end_col > {{(8 - XW) {1'b0}}, last_col_q} ? last_col_q : end_col[XW-1:0];
  wire [YW-1:0] cell_last_row =
      end_row > {{(8 - YW) {1'b0}}, last_row_q} ? last_row_q : end_row[YW-1:0];

  // ---- choosing ----
  reg corner_q, full_q, found_q, out_valid_q, out_end_q;  // found: the frame buffer has answered
  reg [COUNT_W-1:0] room_q;
  reg [SIZE_W-1:0] out_u_q, out_v_q;
  reg [SCORE_W-1:0] out_score_q;
  wire store_done;
  wire [SCORE_W-1:0] leaf_score, store_score;
  wire [UW-1:0] store_u;
  wire [VW-1:0] store_v;
  wire free = !out_valid_q || m_ready;
  wire none = room_q == {COUNT_W{1'b0}} || score_best == {SCORE_W{1'b0}};
  wire shut = state_q == PICK && !tree_busy && !none && full;
  wire fetch = state_q == PICK && !tree_busy && !none && !full;
  wire found = state_q == FETCH && (store_done || found_q);
  wire gone = found && store_score == {SCORE_W{1'b0}};
  wire emit = found && store_score != {SCORE_W{1'b0}} && free;
  wire shut_next = state_q == NEXT && corner_q && full_q;
  wire search = state_q == NEXT && !(corner_q && full_q);
  wire searched = state_q == SEARCH && store_done;
  wire play = state_q == BUILD && !copy_q && !tree_busy;
  wire put = copy_q && read_score > leaf_score;  // a better candidate of its cell
  wire wipe = state_q == WIPE && !tree_busy;

  tournament #(
      .INDEX_W(CW),
      .SCORE_W(SCORE_W)
  ) tree (
      .clk(clk),
      .rst(rst),
      .r_index(copy_q ? cell_q : index_q),
      .r_score(leaf_score),
      .w_valid(wipe || put),
      .w_index(copy_q ? cell_q : index_q),
      .w_score(copy_q ? read_score : {SCORE_W{1'b0}}),
      .s_valid(play || shut || shut_next || searched),
      .s_index(play ? index_q : cell_best),
      .s_score(play ? leaf_score : searched ? store_score : {SCORE_W{1'b0}}),
      .m_busy(tree_busy),
      .m_index(cell_best),
      .m_score(score_best)
  );

  wire [XW-1:0] job_first_col = clear_box ? low_col : fetch ? place_col : origin_col;
  wire [YW-1:0] job_first_row = clear_box ? low_row : fetch ? place_row : origin_row;
  wire [XW-1:0] job_last_col = clear_box ? high_col : fetch ? place_col : cell_last_col;
  wire [YW-1:0] job_last_row = clear_box ? high_row : fetch ? place_row : cell_last_row;
  candidate_buffer #(
      .SIZE_W(SIZE_W),
      .SCORE_W(SCORE_W),
      .TILE_BITS(TILE_BITS),
      .COLS(COLS),
      .ROWS(ROWS)
  ) store (
      .clk(clk),
      .rst(rst),
      .w_valid(copy_q),
      .w_col(col_q),
      .w_row(row_q),
      .w_data(read_data),
      .box_valid(box_any_q),
      .box_low_u(low_u),
      .box_high_u(high_u),
      .box_low_v(low_v),
      .box_high_v(high_v),
      .s_valid(clear_box || fetch || search),
      .s_ready(store_ready),
      .s_clear(clear_box),
      .s_first_col(job_first_col),
      .s_last_col(job_last_col),
      .s_first_row(job_first_row),
      .s_last_row(job_last_row),
      .m_done(store_done),
      .m_score(store_score),
      .m_u(store_u),
      .m_v(store_v),
      .count_accesses(count_accesses)
  );

  always @(posedge clk) begin
    // Tables of cells.
    if (put || searched)
      place_mem[copy_q ? cell_q : cell_best] <=
          copy_q ? {row_q, col_q} : {store_v[VW-1:TILE_BITS], store_u[UW-1:TILE_BITS]};
    count_track_q <= state_q == TRACKS && box_done && !rst;
    track_cell_q <= cell_of_col_mem[box_col] + cell_of_row_mem[box_row];
    if (wipe || emit || count_track_q)
      count_mem[wipe ? index_q : cell_at] <= wipe ? {(COUNT_W + 1) {1'b0}} : one_more;

    // The point and its box.
    if (take) begin
      point_u_q <= $signed(rounded_u[19:8]);
      point_v_q <= $signed(rounded_v[19:8]);
      left_q <= left_q - K_ONE;
    end else if (emit) begin
      point_u_q <= $signed({{(SIZE_W + 1 - UW) {1'b0}}, store_u});
      point_v_q <= $signed({{(SIZE_W + 1 - VW) {1'b0}}, store_v});
    end
    if (take || emit) point_valid_q <= 1'b1;
    else if (load_box) point_valid_q <= 1'b0;
    if (load_box) {box_any_q, box_valid_q} <= 2'b11;
    else if (box_done) box_valid_q <= 1'b0;

    // The corner that is given.
    if (m_ready) out_valid_q <= 1'b0;
    if (emit) begin
      out_valid_q <= 1'b1;
      out_end_q <= 1'b0;
      out_u_q <= {{(SIZE_W - UW) {1'b0}}, store_u};
      out_v_q <= {{(SIZE_W - VW) {1'b0}}, store_v};
      out_score_q <= store_score;
      room_q <= room_q - K_ONE;
      full_q <= one_more >= {1'b0, cfg_cell_budget};
    end

    found_q <= found;
    case (state_q)
      WIPE:
      if (wipe) begin
        index_q <= index_q + C_ONE;
        if (index_q == C_LAST) state_q <= COPY;
      end
      COPY: if (walk_last) state_q <= BUILD;
      BUILD:
      if (play) begin
        index_q <= index_q + C_ONE + C_ONE;
        if (index_q == C_LAST - C_ONE) state_q <= READY;
      end
      READY:
      if (begin_valid) begin
        state_q <= TRACKS;
        left_q <= begin_count;
        room_q <= begin_room;
        {point_valid_q, box_valid_q, box_any_q} <= 3'd0;
      end
      TRACKS: if (left_q == {COUNT_W{1'b0}} && !point_valid_q && !box_valid_q) state_q <= PICK;
      PICK:
      if (!tree_busy && none) state_q <= FINISH;
      else if (fetch && store_ready) state_q <= FETCH;
      FETCH:
      if (gone || emit) begin
        corner_q <= emit;
        state_q <= emit && room_q == K_ONE ? FINISH : NEXT;
      end
      NEXT: if (store_ready) state_q <= corner_q ? CLEAR : SEARCH;
      CLEAR: if (box_done) state_q <= full_q ? PICK : SEARCH;
      SEARCH: if (searched) state_q <= PICK;
      FINISH:
      if (free) begin
        {out_valid_q, out_end_q} <= 2'b11;
        state_q <= IDLE;
      end
      default: ;
    endcase
    if (load_valid) begin
      state_q <= WIPE;
      index_q <= {CW{1'b0}};
    end
    if (rst) begin
      state_q <= IDLE;
      {point_valid_q, box_valid_q, box_any_q, out_valid_q} <= 4'd0;
    end
  end

  assign m_loaded = state_q == READY;
  assign m_valid = out_valid_q;
  assign m_end = out_end_q;
  assign m_u = out_u_q;
  assign m_v = out_v_q;
  assign m_score = out_score_q;

endmodule

`default_nettype wire
