// SPDX-License-Identifier: Apache-2.0
// Hold the box around a point in which no other corner may lie, in pixels and in tiles.
//
// Q formats:  whole pixels, signed: a box may reach out of the image; its tiles are held within.
// Latency:    1 cycle from s_valid; the outputs stay until the next. Throughput: a point a cycle.
`default_nettype none

module tile_box #(
    parameter SIZE_W    = 11,  // bits of a width, height or coordinate
    parameter TILE_BITS = 4,   // a tile has 2^TILE_BITS pixels a side
    parameter COL_W     = 6,   // bits of a tile's column
    parameter ROW_W     = 5    // bits of its row
) (
    input wire clk,

    input wire [      7:0] cfg_min_distance,  // pixels, 1 or more
    input wire [COL_W-1:0] cfg_last_col,      // of the image's tiles
    input wire [ROW_W-1:0] cfg_last_row,

    input wire                   s_valid,
    input wire signed [SIZE_W:0] s_u,
    input wire signed [SIZE_W:0] s_v,

    output wire signed [SIZE_W:0] m_low_u,
    output wire signed [SIZE_W:0] m_high_u,
    output wire signed [SIZE_W:0] m_low_v,
    output wire signed [SIZE_W:0] m_high_v,
    output wire [COL_W-1:0] m_col,  // tile of the point
    output wire [ROW_W-1:0] m_row,
    output wire [COL_W-1:0] m_low_col,
    output wire [COL_W-1:0] m_high_col,
    output wire [ROW_W-1:0] m_low_row,
    output wire [ROW_W-1:0] m_high_row
);

  reg signed [SIZE_W:0] low_u_q, high_u_q, low_v_q, high_v_q;
  reg [COL_W-1:0] col_q;
  reg [ROW_W-1:0] row_q;
  wire signed [SIZE_W:0] reach =
      $signed({{(SIZE_W - 7) {1'b0}}, cfg_min_distance}) - $signed({{SIZE_W{1'b0}}, 1'b1});
  wire [COL_W-1:0] point_col;
  wire [ROW_W-1:0] point_row;

  tile_clamp #(
      .IN_W(SIZE_W + 1),
      .TILE_BITS(TILE_BITS),
      .OUT_W(COL_W)
  ) clamp_point_col (
      .s_x(s_u),
      .s_last(cfg_last_col),
      .m_tile(point_col)
  );
  tile_clamp #(
      .IN_W(SIZE_W + 1),
      .TILE_BITS(TILE_BITS),
      .OUT_W(ROW_W)
  ) clamp_point_row (
      .s_x(s_v),
      .s_last(cfg_last_row),
      .m_tile(point_row)
  );
  tile_clamp #(
      .IN_W(SIZE_W + 1),
      .TILE_BITS(TILE_BITS),
      .OUT_W(COL_W)
  ) clamp_low_col (
      .s_x(low_u_q),
      .s_last(cfg_last_col),
      .m_tile(m_low_col)
  );
  tile_clamp #(
      .IN_W(SIZE_W + 1),
      .TILE_BITS(TILE_BITS),
      .OUT_W(COL_W)
  ) clamp_high_col (
      .s_x(high_u_q),
      .s_last(cfg_last_col),
      .m_tile(m_high_col)
  );
  tile_clamp #(
      .IN_W(SIZE_W + 1),
      .TILE_BITS(TILE_BITS),
      .OUT_W(ROW_W)
  ) clamp_low_row (
      .s_x(low_v_q),
      .s_last(cfg_last_row),
      .m_tile(m_low_row)
  );
  tile_clamp #(
      .IN_W(SIZE_W + 1),
      .TILE_BITS(TILE_BITS),
      .OUT_W(ROW_W)
  ) clamp_high_row (
      .s_x(high_v_q),
      .s_last(cfg_last_row),
      .m_tile(m_high_row)
  );

  always @(posedge clk)
    if (s_valid) begin
      low_u_q <= s_u - reach;
      high_u_q <= s_u + reach;
      low_v_q <= s_v - reach;
      high_v_q <= s_v + reach;
      col_q <= point_col;
      row_q <= point_row;
    end

  assign m_low_u = low_u_q;
  assign m_high_u = high_u_q;
  assign m_low_v = low_v_q;
  assign m_high_v = high_v_q;
  assign m_col = col_q;
  assign m_row = row_q;

endmodule

`default_nettype wire
