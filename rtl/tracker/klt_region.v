// SPDX-License-Identifier: Apache-2.0
// Hold regions of 32 rows in block RAM and read a piece of any row of any of them.
//
// The reader's block rows, four pixel rows of 32 pixels, come by halves, the right one in the cycle after the
// left one; each is kept and written by its rows in the four cycles after it.
// Q formats:  8-bit pixels, leftmost in the low bits. Of a row the first WIDTH pixels are kept.
// Latency:    5 cycles from r_* to m_pixels. Throughput: a block row in four cycles, one row out a cycle.
//             Pixels read beyond column WIDTH - 1 are 0.
// Memory:     32 REGIONS x 8 WIDTH bits: 7 block RAMs for 28 pixels and up to 16 regions.
// Ports:      a row must not be read in the cycle in which it is written.
// Area:       cleared registers that are united instead of multiplexers: a LUT4 for a bit of four, not 3 or 4.
`default_nettype none

module klt_region #(
    parameter PIXELS  = 18,  // read at once, 1 .. WIDTH
    parameter WIDTH   = 28,  // of a region, 17 .. 32
    parameter REGIONS = 8    // 2 .. 16
) (
    input wire clk,

    input wire                       s_valid,
    input wire                       s_right,   // pixels 16 to 31 of the block row
    input wire [$clog2(REGIONS)-1:0] s_region,
    input wire [                2:0] s_row,     // block row of the region
    input wire [              511:0] s_pixels,  // row 0 in the low 128 bits

    input  wire [$clog2(REGIONS)-1:0] r_region,
    input  wire [                4:0] r_row,
    input  wire [                3:0] r_column,  // of the leftmost pixel
    output wire [       8*PIXELS-1:0] m_pixels
);

  generate
    if (PIXELS < 1 || PIXELS > WIDTH || WIDTH > 32 || WIDTH < 17) begin : g_bad_size
      klt_region_PIXELS_must_be_1_to_WIDTH_to_32 bad_parameter ();
    end
    if (REGIONS < 2 || REGIONS > 16) begin : g_bad_regions
      klt_region_REGIONS_must_be_2_to_16 bad_parameter ();
    end
  endgenerate

  localparam A_W = $clog2(REGIONS) + 5;
  localparam L_W = 128;  // bits of a row's left half
  localparam R_W = 8 * (WIDTH - 16);
  localparam O_W = 8 * (PIXELS + 3);  // a row from the block of its leftmost pixel on

  // ---- write: rows 0 to 3 of each half; all but the one that is written are 0 ----
  reg [A_W-3:0] left_block_q, right_block_q;
  reg [3:0] left_rows_q, right_rows_q;  // the row that is written, one hot
  wire [1:0] left_row = {|left_rows_q[3:2], left_rows_q[3] || left_rows_q[1]};
  wire [1:0] right_row = {|right_rows_q[3:2], right_rows_q[3] || right_rows_q[1]};
  wire comes_left = s_valid && !s_right;
  wire comes_right = s_valid && s_right;
  wire [4*L_W-1:0] lefts;
  wire [4*R_W-1:0] rights;
  always @(posedge clk) begin
    if (comes_left) left_block_q <= {s_region, s_row};
    if (comes_right) right_block_q <= {s_region, s_row};
    left_rows_q  <= {left_rows_q[2:0], comes_left};
    right_rows_q <= {right_rows_q[2:0], comes_right};
  end

  genvar k;
  generate
    for (k = 0; k < 4; k = k + 1) begin : g_row
      reg [L_W-1:0] left_now_q;
      reg [R_W-1:0] right_now_q;
      wire next_left, next_right;  // this row is written in the next cycle
      if (k == 0) begin : g_first
        assign next_left  = comes_left;
        assign next_right = comes_right;
        always @(posedge clk) begin
          if (!next_left) left_now_q <= {L_W{1'b0}};
          else left_now_q <= s_pixels[L_W-1:0];
          if (!next_right) right_now_q <= {R_W{1'b0}};
          else right_now_q <= s_pixels[R_W-1:0];
        end
      end else begin : g_later
        assign next_left  = left_rows_q[k-1];
        assign next_right = right_rows_q[k-1];
        reg [L_W-1:0] left_q;
        reg [R_W-1:0] right_q;
        always @(posedge clk) begin
          if (comes_left) left_q <= s_pixels[128*k+:L_W];
          if (comes_right) right_q <= s_pixels[128*k+:R_W];
          if (!next_left) left_now_q <= {L_W{1'b0}};
          else left_now_q <= left_q;
          if (!next_right) right_now_q <= {R_W{1'b0}};
          else right_now_q <= right_q;
        end
      end
      assign lefts[L_W*k+:L_W]  = left_now_q;
      assign rights[R_W*k+:R_W] = right_now_q;
    end
  endgenerate
  wire [L_W-1:0] left = lefts[0+:L_W] | lefts[L_W+:L_W] | lefts[2*L_W+:L_W] | lefts[3*L_W+:L_W];
  wire [R_W-1:0] right = rights[0+:R_W] | rights[R_W+:R_W] | rights[2*R_W+:R_W] | rights[3*R_W+:R_W];

  // ---- 1: memory; 2: the row; 3: from a block on; 4: from a pixel on; 5: all others are 0 ----
  (* no_rw_check *) (* ram_style = "block" *) reg [L_W-1:0] left_mem[0:32*REGIONS-1];
  (* no_rw_check *) (* ram_style = "block" *) reg [R_W-1:0] right_mem[0:32*REGIONS-1];
  reg [8*WIDTH-1:0] word_q, line_q;
  reg [3:0] column1_q, blocks_q;  // one hot
  reg [1:0] pixel2_q;
  reg [3:0] pixels3_q;
  wire [O_W+8*WIDTH-1:0] padded = {{O_W{1'b0}}, line_q};
  wire unused = &{1'b0, padded};
  wire [4*O_W-1:0] blocks;
  wire [4*8*PIXELS-1:0] pieces;
  wire [O_W-1:0] from_block = blocks[0+:O_W] | blocks[O_W+:O_W] | blocks[2*O_W+:O_W] | blocks[3*O_W+:O_W];
  generate
    for (k = 0; k < 4; k = k + 1) begin : g_shift
      reg [O_W-1:0] block_q;
      reg [8*PIXELS-1:0] piece_q;
      always @(posedge clk) begin
        if (!blocks_q[k]) block_q <= {O_W{1'b0}};
        else block_q <= padded[32*k+:O_W];
        if (!pixels3_q[k]) piece_q <= {8 * PIXELS{1'b0}};
        else piece_q <= from_block[8*k+:8*PIXELS];
      end
      assign blocks[O_W*k+:O_W] = block_q;
      assign pieces[8*PIXELS*k+:8*PIXELS] = piece_q;
    end
  endgenerate

  reg [8*PIXELS-1:0] pixels_q;
  always @(posedge clk) begin
    if (|left_rows_q) left_mem[{left_block_q, left_row}] <= left;
    if (|right_rows_q) right_mem[{right_block_q, right_row}] <= right;
    word_q <= {right_mem[{r_region, r_row}], left_mem[{r_region, r_row}]};
    line_q <= word_q;
    column1_q <= r_column;
    blocks_q <= 4'd1 << column1_q[3:2];
    pixel2_q <= column1_q[1:0];
    pixels3_q <= 4'd1 << pixel2_q;
    pixels_q <= pieces[0+:8*PIXELS] | pieces[8*PIXELS+:8*PIXELS] | pieces[16*PIXELS+:8*PIXELS]
        | pieces[24*PIXELS+:8*PIXELS];
  end

  assign m_pixels = pixels_q;

endmodule

`default_nettype wire
