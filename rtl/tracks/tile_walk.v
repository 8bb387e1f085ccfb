// SPDX-License-Identifier: Apache-2.0
// Walk over the tiles of an image in raster order and say in which budget cell each lies.
//
// Cells are cfg_cell_cols x cfg_cell_rows tiles, numbered in raster order; the last ones of a row or
// column of cells may be smaller.
// Latency:    the first tile is there in the cycle after s_start. Throughput: a tile a cycle, while
//             s_step is high.
`default_nettype none

module tile_walk #(
    parameter COLS   = 47,  // tiles across the largest image: the address of a row is row x COLS
    parameter ROWS   = 30,  // tiles down
    parameter CELL_W = 6    // bits of a cell's number
) (
    input wire clk,

    input wire [$clog2(COLS)-1:0] cfg_last_col,   // of the image's tiles
    input wire [$clog2(ROWS)-1:0] cfg_last_row,
    input wire [             6:0] cfg_cell_cols,
    input wire [             6:0] cfg_cell_rows,

    input wire s_start,
    input wire s_step,

    output wire                         m_last,      // the image's last tile
    output wire                         m_first,     // its cell's first tile
    output wire [$clog2(ROWS*COLS)-1:0] m_address,
    output wire [     $clog2(COLS)-1:0] m_col,
    output wire [     $clog2(ROWS)-1:0] m_row,
    output wire [           CELL_W-1:0] m_cell,
    output wire [           CELL_W-1:0] m_row_cell,  // the first cell of this row of cells
    output wire [           CELL_W-1:0] m_col_cell   // cells before it in the row
);

  localparam XW = $clog2(COLS);
  localparam YW = $clog2(ROWS);
  localparam TW = $clog2(ROWS * COLS);
  localparam [CELL_W-1:0] C_ONE = {{(CELL_W - 1) {1'b0}}, 1'b1};
  localparam [XW-1:0] X_ONE = {{(XW - 1) {1'b0}}, 1'b1};
  localparam [YW-1:0] Y_ONE = {{(YW - 1) {1'b0}}, 1'b1};
  localparam [TW-1:0] T_COLS = COLS[TW-1:0];

  reg [TW-1:0] base_q;
  reg [XW-1:0] col_q;
  reg [YW-1:0] row_q;
  reg [CELL_W-1:0] cell_q, row_cell_q, col_cell_q;
  reg [6:0] in_col_q, in_row_q;  // place in the cell
  wire row_ends = col_q == cfg_last_col;
  wire cell_ends = in_col_q + 7'd1 == cfg_cell_cols;
  wire cell_row_ends = in_row_q + 7'd1 == cfg_cell_rows;
  wire [CELL_W-1:0] next_row_cell = cell_row_ends ? cell_q + C_ONE : row_cell_q;

  always @(posedge clk) begin
    if (s_start || (s_step && row_ends)) begin
      col_q <= {XW{1'b0}};
      in_col_q <= 7'd0;
      col_cell_q <= {CELL_W{1'b0}};
    end else if (s_step) begin
      col_q <= col_q + X_ONE;
      in_col_q <= cell_ends ? 7'd0 : in_col_q + 7'd1;
      if (cell_ends) {cell_q, col_cell_q} <= {cell_q + C_ONE, col_cell_q + C_ONE};
    end
    if (s_start) begin
      base_q <= {TW{1'b0}};
      row_q <= {YW{1'b0}};
      in_row_q <= 7'd0;
      {cell_q, row_cell_q} <= {2 * CELL_W{1'b0}};
    end else if (s_step && row_ends) begin
      base_q <= base_q + T_COLS;
      row_q <= row_q + Y_ONE;
      in_row_q <= cell_row_ends ? 7'd0 : in_row_q + 7'd1;
      {cell_q, row_cell_q} <= {next_row_cell, next_row_cell};
    end
  end

  assign m_last = row_ends && row_q == cfg_last_row;
  assign m_first = in_col_q == 7'd0 && in_row_q == 7'd0;
  assign m_address = base_q + {{(TW - XW) {1'b0}}, col_q};
  assign m_col = col_q;
  assign m_row = row_q;
  assign m_cell = cell_q;
  assign m_row_cell = row_cell_q;
  assign m_col_cell = col_cell_q;

endmodule

`default_nettype wire
