// SPDX-License-Identifier: Apache-2.0
// Hold regions of 32 rows in block RAM and read a piece of any row of any of them.
//
// The reader's block rows, four pixel rows of 32 pixels, come by quarters of 8 columns, four cycles apart or more; each is
// kept and written by its rows in the four cycles after it, into a memory of its own.
// Q formats:  8-bit pixels, leftmost in the low bits. Of a row the first WIDTH pixels are kept.
// Latency:    5 cycles from r_* to m_pixels. Throughput: a quarter of each place in four cycles, one row out a cycle.
//             Pixels read beyond column WIDTH - 1 are 0.
// Memory:     32 REGIONS x 8 WIDTH bits: 7 block RAMs for 28 pixels and up to 16 regions.
// Ports:      a row must not be read in the cycle in which it is written.
// Area:       cleared registers that are united instead of multiplexers: a LUT4 for a bit of four, not 3 or 4.
`default_nettype none

module klt_region #(
    parameter PIXELS  = 18,  // read at once, 1 .. WIDTH
    parameter WIDTH   = 28,  // of a region, 25 .. 32
    parameter REGIONS = 8    // 2 .. 16
) (
    input wire clk,

    input wire                       s_valid,
    input wire [                1:0] s_part,    // quarter of the block row
    input wire [$clog2(REGIONS)-1:0] s_region,
    input wire [                2:0] s_row,     // block row of the region
    input wire [              255:0] s_pixels,  // row 0 in the low 64 bits

    input  wire [$clog2(REGIONS)-1:0] r_region,
    input  wire [                4:0] r_row,
    input  wire [                3:0] r_column,  // of the leftmost pixel
    output wire [       8*PIXELS-1:0] m_pixels
);

  generate
    if (PIXELS < 1 || PIXELS > WIDTH || WIDTH > 32 || WIDTH < 25) begin : g_bad_size
      klt_region_PIXELS_must_be_1_to_WIDTH_to_32 bad_parameter ();
    end
    if (REGIONS < 2 || REGIONS > 16) begin : g_bad_regions
      klt_region_REGIONS_must_be_2_to_16 bad_parameter ();
    end
  endgenerate

  localparam A_W = $clog2(REGIONS) + 5;
  localparam O_W = 8 * (PIXELS + 3);  // a row from the block of its leftmost pixel on

  // ---- write: rows 0 to 3 of each quarter; all but the one that is written are 0. 1: memory; 2: the row ----
  reg [8*WIDTH-1:0] word_q, line_q;
  genvar p, k;
  generate
    for (p = 0; p < 4; p = p + 1) begin : g_part
      localparam [1:0] SELF = p;
      localparam W = p == 3 ? 8 * (WIDTH - 24) : 64;
      reg [A_W-3:0] block_q;
      reg [3:0] rows_q;  // the row that is written, one hot
      wire [1:0] row = {|rows_q[3:2], rows_q[3] || rows_q[1]};
      wire comes = s_valid && s_part == SELF;
      wire [4*W-1:0] rows;
      for (k = 0; k < 4; k = k + 1) begin : g_row
        wire next = k == 0 ? comes : rows_q[k == 0 ? 0 : k - 1];  // this row is written in the next cycle
        wire [W-1:0] held;
        if (k == 0) begin : g_first
          assign held = s_pixels[W-1:0];
        end else begin : g_later
          reg [W-1:0] held_q;
          always @(posedge clk) if (comes) held_q <= s_pixels[64*k+:W];
          assign held = held_q;
        end
        reg [W-1:0] now_q;
        always @(posedge clk)
          if (!next) now_q <= {W{1'b0}};
          else now_q <= held;
        assign rows[W*k+:W] = now_q;
      end
      (* no_rw_check *) (* ram_style = "block" *) reg [W-1:0] row_mem[0:32*REGIONS-1];
      always @(posedge clk) begin
        if (comes) block_q <= {s_region, s_row};
        rows_q <= {rows_q[2:0], comes};
        if (|rows_q) row_mem[{block_q, row}] <= rows[0+:W] | rows[W+:W] | rows[2*W+:W] | rows[3*W+:W];
        word_q[64*p+:W] <= row_mem[{r_region, r_row}];
      end
    end
  endgenerate

  // ---- 3: from a block on; 4: from a pixel on; 5: all others are 0 ----
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
