// SPDX-License-Identifier: Apache-2.0
// Blend two pixels: (256 - f) left + f right.
//
// A bit of f adds right or left at its place, and left is added once more: no difference is formed, and the
// parts are added as a tree.
// Q formats:  8-bit pixels, fraction uQ0.8 -> uQ8.8, exact.
// Latency:    0 clocks (combinational; four adders in a row).
`default_nettype none

module klt_blend (
    input  wire [ 7:0] s_left,
    input  wire [ 7:0] s_right,
    input  wire [ 7:0] s_fraction,
    output wire [15:0] m_blend
);

  wire [39:0] pairs;  // 10 bits each: of two bits of the fraction
  wire [23:0] fours;

  genvar k;
  generate
    for (k = 0; k < 4; k = k + 1) begin : g_pair
      wire [7:0] low = s_fraction[2*k] ? s_right : s_left;
      wire [7:0] high = s_fraction[2*k+1] ? s_right : s_left;
      assign pairs[10*k+:10] = {1'b0, high, 1'b0} + {2'b00, low};
    end
    for (k = 0; k < 2; k = k + 1) begin : g_four
      assign fours[12*k+:12] = {pairs[20*k+10+:10], 2'b00} + {2'b00, pairs[20*k+:10]};
    end
  endgenerate

  wire [15:0] all = {fours[23:12], 4'd0} + {4'd0, fours[11:0]};
  assign m_blend = all + {8'd0, s_left};

endmodule

`default_nettype wire
