// SPDX-License-Identifier: Apache-2.0
// Weigh a signed value: times a weight of 5 bits, over 32, rounded to nearest (ties up).
//
// Q formats:  sQ8.f x uQ0.5 -> sQ8.f, `round_shift(w * x, 5)` of vio/fixed/klt.py; no overflow.
// Latency:    0 clocks (combinational; three adders in a row).
`default_nettype none

module klt_weigh #(
    parameter W = 11  // bits of the value, 2 or more
) (
    input  wire [W-1:0] s_value,  // signed
    input  wire [  4:0] s_weight,
    output wire [W-1:0] m_value
);

  generate
    if (W < 2) begin : g_bad_width
      klt_weigh_W_must_be_2_or_more bad_parameter ();
    end
  endgenerate

  wire [W+2:0] parts[0:1];  // of two bits of the weight each
  genvar k;
  generate
    for (k = 0; k < 2; k = k + 1) begin : g_pair
      wire [W-1:0] low = s_weight[2*k] ? s_value : {W{1'b0}};
      wire [W-1:0] high = s_weight[2*k+1] ? s_value : {W{1'b0}};
      assign parts[k] = {{2{high[W-1]}}, high, 1'b0} + {{3{low[W-1]}}, low};
    end
  endgenerate

  wire [W+4:0] four = {parts[1], 2'b00} + {{2{parts[0][W+2]}}, parts[0]};
  // The highest bit's part and half of the result's unit, which comes in as a carry.
  wire [W-1:0] top = s_weight[4] ? s_value : {W{1'b0}};
  wire [W+2:0] sum = {four[W+4], four[W+4:4], 1'b1} + {top[W-1], top[W-1], top, 1'b1};
  assign m_value = sum[W+1:2];
  wire unused = &{1'b0, sum[W+2], sum[1:0], four[3:0]};

endmodule

`default_nettype wire
