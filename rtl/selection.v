// SPDX-License-Identifier: Apache-2.0
// Select new corners: the best candidates that keep their distance, within the budget of each cell.
//
// Equals `select_corners` of vio/fixed/corners.py. While the tracker works the candidates are
// copied from the detector; the surviving tracks then clear the candidates near them, so that none
// is refused later; then the best of the best candidates of all cells is taken again and again.
// Q formats:  track pixels sQ10.8, rounded to whole pixels; corners in whole pixels.
// Use:        load_valid when the detector is done; m_loaded: the candidates are here, and begin_valid
//             may come. begin_count tracks are taken, then up to begin_room corners are given, best
//             first, then a word with m_end; m_loaded falls with begin_valid. A further load_valid
//             starts the copy anew, but not between begin_valid and the word with m_end.
`default_nettype none

module selection #(
    parameter SIZE_W    = 11,   // bits of a width, height or coordinate
    parameter SCORE_W   = 17,   // bits of a score
    parameter TILE_BITS = 4,    // a tile has 2^TILE_BITS pixels a side
    parameter COLS      = 47,   // tiles across the largest image
    parameter ROWS      = 30,   // tiles down
    parameter CELLS     = 60,   // budget cells, at most
    parameter COUNT_W   = 8     // bits of a number of tracks
) (
    input wire clk,
    input wire rst,

    input wire [ SIZE_W-1:0] cfg_width,
    input wire [ SIZE_W-1:0] cfg_height,
    input wire [        7:0] cfg_min_distance,  // pixels
    input wire [COUNT_W-1:0] cfg_cell_budget,   // tracks a cell may hold
    input wire [        6:0] cfg_cell_cols,     // tiles across a cell, 1 or more
    input wire [        6:0] cfg_cell_rows,     // tiles down

    input  wire load_valid,
    output wire m_loaded,

    // Read port of the detector (rtl/tile_candidates.v): data one clock after the address.
    output wire [    $clog2(ROWS*COLS)-1:0] read_address,
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

    output wire [$clog2(ROWS*COLS+1)-1:0] m_candidates  // tiles with a candidate, from m_loaded on
);
endmodule

`default_nettype wire
