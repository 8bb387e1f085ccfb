// SPDX-License-Identifier: Apache-2.0
// Detect corners in a pixel stream: the best candidate of each tile, ready for the selection.
//
// Q formats:  8-bit pixels -> candidates {score, v, u within the tile}. Equals `tile_candidates` of
//             `corner_scores` (vio/fixed/corners.py).
// Latency:    four rows and about 35 cycles after the last pixel that matters.
// Throughput: one pixel a cycle, never a wait.
// Frames:     cfg_detect is looked at with each frame's first pixel: a frame without it leaves the
//             candidates of the last one as they are.
`default_nettype none

module corners #(
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
    input wire [ SIZE_W-1:0] cfg_border,
    input wire [SCORE_W-1:0] cfg_min_score,
    input wire               cfg_detect,

    input wire       s_valid,
    input wire [7:0] s_data,
    input wire       s_user,  // start of frame

    output wire                           m_done,
    input  wire [  $clog2(ROWS*COLS)-1:0] read_address,
    output wire [SCORE_W+2*TILE_BITS-1:0] read_data
);

  reg detect_q;
  wire start = s_valid && s_user;
  wire detect = start ? cfg_detect : detect_q;

  always @(posedge clk) begin
    if (rst) detect_q <= 1'b0;
    else if (start) detect_q <= cfg_detect;
  end

  wire score_valid;
  wire [SCORE_W-1:0] score;
  wire [SIZE_W-1:0] score_u, score_v;

  corner_scores #(
      .MAX_WIDTH(MAX_WIDTH),
      .SIZE_W(SIZE_W),
      .SCORE_W(SCORE_W)
  ) scores (
      .clk(clk),
      .rst(rst),
      .cfg_width(cfg_width),
      .s_valid(s_valid && detect),
      .s_data(s_data),
      .s_user(s_user),
      .m_valid(score_valid),
      .m_score(score),
      .m_u(score_u),
      .m_v(score_v)
  );

  tile_candidates #(
      .MAX_WIDTH(MAX_WIDTH),
      .SIZE_W(SIZE_W),
      .SCORE_W(SCORE_W),
      .TILE_BITS(TILE_BITS),
      .COLS(COLS),
      .ROWS(ROWS)
  ) tiles (
      .clk(clk),
      .rst(rst),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .cfg_border(cfg_border),
      .cfg_min_score(cfg_min_score),
      .s_start(start && detect),
      .s_valid(score_valid),
      .s_score(score),
      .s_u(score_u),
      .s_v(score_v),
      .m_done(m_done),
      .read_address(read_address),
      .read_data(read_data)
  );

endmodule

`default_nettype wire
