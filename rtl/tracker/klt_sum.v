// SPDX-License-Identifier: Apache-2.0
// Add the lanes of a row, and rows to one of two sums.
//
// Q formats:  signed IN_W bits a lane -> signed SUM_W bits, exact while it fits.
// Latency:    3 cycles from s_data to the sums: four lanes each, the rest, the sum.
//             Throughput: a row a cycle. s_add_* and s_begins come two cycles after their s_data.
//             A row belongs to one of the sums.
`default_nettype none

module klt_sum #(
    parameter LANES = 15,  // 1 .. 16
    parameter IN_W  = 22,  // bits of a lane
    parameter SUM_W = 28   // bits of a sum, IN_W + 4 or more
) (
    input wire clk,

    input wire [LANES*IN_W-1:0] s_data,

    input wire s_add_0,   // this row belongs to sum 0
    input wire s_add_1,   // or to sum 1
    input wire s_begins,  // it is the first of its sum

    output wire [SUM_W-1:0] m_0,
    output wire [SUM_W-1:0] m_1
);

  generate
    if (LANES < 1 || LANES > 16 || SUM_W < IN_W + 4) begin : g_bad_size
      klt_sum_LANES_or_SUM_W_out_of_range bad_parameter ();
    end
  endgenerate

  localparam TWO_W = IN_W + 1;
  localparam FOUR_W = IN_W + 2;
  localparam EIGHT_W = IN_W + 3;
  localparam ROW_W = IN_W + 4;

  // A tree of adders of two, each as wide as its sum needs: a carry chain adds a bit in a LUT site.
  // Yosys would make one sum of four out of two levels, with compressors of two LUTs a bit. An adder of
  // sums takes both or either of the lowest bits, which is the same, instead of one and the other: then
  // the levels stay apart.
  wire [16*IN_W-1:0] lanes;
  wire [8*TWO_W-1:0] twos;
  wire [4*FOUR_W-1:0] fours;
  wire [2*EIGHT_W-1:0] eights;

  assign lanes[LANES*IN_W-1:0] = s_data;

  genvar i;
  generate
    if (LANES < 16) begin : g_none
      assign lanes[16*IN_W-1:LANES*IN_W] = {(16 - LANES) * IN_W{1'b0}};
    end
    for (i = 0; i < 8; i = i + 1) begin : g_two
      wire [IN_W-1:0] a = lanes[IN_W*2*i+:IN_W];
      wire [IN_W-1:0] b = lanes[IN_W*(2*i+1)+:IN_W];
      assign twos[TWO_W*i+:TWO_W] = {a[IN_W-1], a} + {b[IN_W-1], b};
    end
    for (i = 0; i < 4; i = i + 1) begin : g_four
      wire [TWO_W-1:0] a = twos[TWO_W*2*i+:TWO_W];
      wire [TWO_W-1:0] b = twos[TWO_W*(2*i+1)+:TWO_W];
      reg [FOUR_W-1:0] four_q;
      always @(posedge clk) four_q <= {a[TWO_W-1], a[TWO_W-1:1], a[0] && b[0]} + {b[TWO_W-1], b[TWO_W-1:1], a[0] || b[0]};
      assign fours[FOUR_W*i+:FOUR_W] = four_q;
    end
    for (i = 0; i < 2; i = i + 1) begin : g_eight
      wire [FOUR_W-1:0] a = fours[FOUR_W*2*i+:FOUR_W];
      wire [FOUR_W-1:0] b = fours[FOUR_W*(2*i+1)+:FOUR_W];
      assign eights[EIGHT_W*i+:EIGHT_W] = {a[FOUR_W-1], a} + {b[FOUR_W-1], b};
    end
  endgenerate

  wire [EIGHT_W-1:0] low = eights[0+:EIGHT_W];
  wire [EIGHT_W-1:0] high = eights[EIGHT_W+:EIGHT_W];
  wire [ROW_W-1:0] row = {low[EIGHT_W-1], low[EIGHT_W-1:1], low[0] && high[0]}
      + {high[EIGHT_W-1], high[EIGHT_W-1:1], low[0] || high[0]};
  reg [ROW_W-1:0] row_q;
  always @(posedge clk) row_q <= row;
  wire [SUM_W-1:0] row_wide;
  assign row_wide[ROW_W-1:0] = row_q;
  generate
    if (SUM_W > ROW_W) begin : g_wide
      assign row_wide[SUM_W-1:ROW_W] = {(SUM_W - ROW_W) {row_q[ROW_W-1]}};
    end
  endgenerate

  // One adder for both sums.
  reg [SUM_W-1:0] sum_0_q, sum_1_q;
  wire [SUM_W-1:0] before = s_begins ? {SUM_W{1'b0}} : s_add_1 ? sum_1_q : sum_0_q;
  wire [SUM_W-1:0] sum = before + row_wide;

  always @(posedge clk) begin
    if (s_add_0) sum_0_q <= sum;
    if (s_add_1) sum_1_q <= sum;
  end

  assign m_0 = sum_0_q;
  assign m_1 = sum_1_q;

endmodule

`default_nettype wire
