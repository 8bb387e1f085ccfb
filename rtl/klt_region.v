// SPDX-License-Identifier: Apache-2.0
// Hold two regions of 32x32 pixels and read a piece of any row of either.
//
// The reader's block rows, four pixel rows of 32 pixels, are written in one clock: four banks by row
// mod 4, a whole row a word. A row is read as a whole and shifted to the wanted column.
// Q formats:  8-bit pixels, leftmost in the low bits.
// Latency:    a clock from r_* to m_pixels. Throughput: one block row in and one row out a clock.
//             Pixels read beyond column 31 are 0.
// Memory:     4 x 16 x 256 bits of LUT RAM (a bank's 16 words hold both regions).
// Ports:      what is read in the clock in which it is written is the old row.
`default_nettype none

module klt_region #(
    parameter PIXELS = 18  // read at once, 1 .. 32
) (
    input wire clk,

    input wire          s_valid,
    input wire          s_slot,
    input wire [   2:0] s_row,    // block row of the region
    input wire [1023:0] s_pixels, // row 0 in the low 256 bits

    input  wire                r_slot,
    input  wire [         4:0] r_row,
    input  wire [         4:0] r_column,  // of the leftmost pixel
    output wire [8*PIXELS-1:0] m_pixels
);

  generate
    if (PIXELS < 1 || PIXELS > 32) begin : g_bad_size
      klt_region_PIXELS_must_be_1_to_32 bad_parameter ();
    end
  endgenerate

  wire [1023:0] words;

  genvar b;
  generate
    for (b = 0; b < 4; b = b + 1) begin : g_bank
      reg [255:0] rows_mem[0:15];
      always @(posedge clk) if (s_valid) rows_mem[{s_slot, s_row}] <= s_pixels[256*b+:256];
      assign words[256*b+:256] = rows_mem[{r_slot, r_row[4:2]}];
    end
  endgenerate

  wire [511:0] pair = r_row[1] ? words[1023:512] : words[511:0];
  wire [255:0] word = r_row[0] ? pair[511:256] : pair[255:0];
  wire [8*PIXELS-1:0] shifted;
  klt_shift #(
      .PIXELS(PIXELS)
  ) shift (
      .s_pixels(word),
      .s_column(r_column),
      .m_pixels(shifted)
  );
  reg [8*PIXELS-1:0] pixels_q;
  always @(posedge clk) pixels_q <= shifted;

  assign m_pixels = pixels_q;

endmodule

`default_nettype wire
