// SPDX-License-Identifier: Apache-2.0
// Hold two regions of 32 rows and read a piece of any row of either.
//
// The reader's block rows, four pixel rows of 32 pixels, are written in one cycle: four banks by row
// mod 4, a whole row a word. Of a row the first WIDTH pixels are kept. A row is read as a whole, the
// three other banks' registers are cleared, and their union is shifted to the wanted column.
// Q formats:  8-bit pixels, leftmost in the low bits.
// Latency:    2 cycles from r_* to m_pixels. Throughput: one block row in and one row out a cycle.
//             Pixels read beyond column WIDTH - 1 are 0.
// Memory:     4 x 16 x 8 WIDTH bits of LUT RAM (a bank's 16 words hold both regions).
// Ports:      what is read in the cycle in which it is written is the old row.
// Area:       a cleared register instead of a multiplexer: a LUT4 a pixel's bit for the four banks, not 3.
`default_nettype none

module klt_region #(
    parameter PIXELS = 18,  // read at once, 1 .. WIDTH
    parameter WIDTH  = 28   // of a region, up to 32
) (
    input wire clk,

    input wire          s_valid,
    input wire          s_slot,
    input wire [   2:0] s_row,    // block row of the region
    input wire [1023:0] s_pixels, // row 0 in the low 256 bits

    input  wire                r_slot,
    input  wire [         4:0] r_row,
    input  wire [         3:0] r_column,  // of the leftmost pixel
    output wire [8*PIXELS-1:0] m_pixels
);

  generate
    if (PIXELS < 1 || PIXELS > WIDTH || WIDTH > 32) begin : g_bad_size
      klt_region_PIXELS_must_be_1_to_WIDTH_to_32 bad_parameter ();
    end
  endgenerate

  localparam R_W = 8 * WIDTH;

  wire [4*R_W-1:0] words;

  genvar b;
  generate
    for (b = 0; b < 4; b = b + 1) begin : g_bank
      localparam [1:0] SELF = b;
      reg [R_W-1:0] rows_mem[0:15];
      reg [R_W-1:0] word_q;
      always @(posedge clk) begin
        if (s_valid) rows_mem[{s_slot, s_row}] <= s_pixels[256*b+:R_W];
        if (r_row[1:0] != SELF) word_q <= {R_W{1'b0}};
        else word_q <= rows_mem[{r_slot, r_row[4:2]}];
      end
      assign words[R_W*b+:R_W] = word_q;
    end
  endgenerate

  reg [3:0] column_q;
  reg [8*PIXELS-1:0] pixels_q;
  wire [R_W-1:0] word = words[0+:R_W] | words[R_W+:R_W] | words[2*R_W+:R_W] | words[3*R_W+:R_W];

  // The long distances first: after the step of 8, 4, 2, 1 pixels the PIXELS + 7, 3, 1, 0 first ones
  // are still wanted.
  wire [8*47-1:0] all = {{8 * 47 - R_W{1'b0}}, word};
  wire unused = &{1'b0, all, s_pixels};
  wire [8*(PIXELS+7)-1:0] stage_8 = column_q[3] ? all[64+:8*(PIXELS+7)] : all[0+:8*(PIXELS+7)];
  wire [8*(PIXELS+3)-1:0] stage_4 = column_q[2] ? stage_8[32+:8*(PIXELS+3)] : stage_8[0+:8*(PIXELS+3)];
  wire [8*(PIXELS+1)-1:0] stage_2 = column_q[1] ? stage_4[16+:8*(PIXELS+1)] : stage_4[0+:8*(PIXELS+1)];

  always @(posedge clk) begin
    column_q <= r_column;
    pixels_q <= column_q[0] ? stage_2[8+:8*PIXELS] : stage_2[0+:8*PIXELS];
  end

  assign m_pixels = pixels_q;

endmodule

`default_nettype wire
