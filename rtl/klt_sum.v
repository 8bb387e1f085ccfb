// SPDX-License-Identifier: Apache-2.0
// Add the lanes of a row, and rows to one of two sums.
//
// Q formats:  signed IN_W bits a lane -> signed SUM_W bits, exact while it fits.
// Latency:    2 clocks from s_data to the sums: four lanes each, then the rest and the sum.
//             Throughput: a row a clock. s_add_* and s_begins come a clock after their s_data.
`default_nettype none

module klt_sum #(
    parameter LANES = 15,  // 1 .. 16
    parameter IN_W  = 22,  // bits of a lane
    parameter SUM_W = 28   // bits of a sum, IN_W + 4 or more
) (
    input wire clk,

    input wire [LANES*IN_W-1:0] s_data,

    input wire s_add_0,   // this row belongs to sum 0
    input wire s_add_1,
    input wire s_begins,  // it is the first of its sum

    output wire [SUM_W-1:0] m_0,
    output wire [SUM_W-1:0] m_1
);

  generate
    if (LANES < 1 || LANES > 16 || SUM_W < IN_W + 4) begin : g_bad_size
      klt_sum_LANES_or_SUM_W_out_of_range bad_parameter ();
    end
  endgenerate

  localparam FOUR_W = IN_W + 2;

  wire [16*FOUR_W-1:0] lanes;
  wire [SUM_W*4-1:0] fours;

  genvar i;
  generate
    for (i = 0; i < 16; i = i + 1) begin : g_lane
      if (i < LANES) begin : g_used
        assign lanes[FOUR_W*i+:FOUR_W] = {{2{s_data[IN_W*i+IN_W-1]}}, s_data[IN_W*i+:IN_W]};
      end else begin : g_none
        assign lanes[FOUR_W*i+:FOUR_W] = {FOUR_W{1'b0}};
      end
    end
    for (i = 0; i < 4; i = i + 1) begin : g_four
      reg [FOUR_W-1:0] four_q;
      always @(posedge clk)
        four_q <= (lanes[FOUR_W*(4*i)+:FOUR_W] + lanes[FOUR_W*(4*i+1)+:FOUR_W])
                  + (lanes[FOUR_W*(4*i+2)+:FOUR_W] + lanes[FOUR_W*(4*i+3)+:FOUR_W]);
      assign fours[SUM_W*i+:SUM_W] = {{(SUM_W - FOUR_W) {four_q[FOUR_W-1]}}, four_q};
    end
  endgenerate

  wire [SUM_W-1:0] row = (fours[0+:SUM_W] + fours[SUM_W+:SUM_W])
                         + (fours[2*SUM_W+:SUM_W] + fours[3*SUM_W+:SUM_W]);
  reg [SUM_W-1:0] sum_0_q, sum_1_q;

  always @(posedge clk) begin
    if (s_add_0) sum_0_q <= (s_begins ? {SUM_W{1'b0}} : sum_0_q) + row;
    if (s_add_1) sum_1_q <= (s_begins ? {SUM_W{1'b0}} : sum_1_q) + row;
  end

  assign m_0 = sum_0_q;
  assign m_1 = sum_1_q;

endmodule

`default_nettype wire
