// SPDX-License-Identifier: Apache-2.0
// Interpolate two pixels: (256 - f) left + f right + BIAS.
//
// f is written in four digits of -1, 0, 1 and 2 times a power of 4, and one of 256 more where they fall
// short: then the interpolate starts from right instead of left. A digit's part of the difference is one
// LUT4 a bit; -1 is the complement, and what it lacks is below the pixel that the interpolate starts from.
// s_digits is f + 8'h55: one more in each digit, 0 .. 3, and the carry.
// Q formats:  8-bit pixels, fraction uQ0.8 -> uQ8.8, exact; BIAS in units of 2^-8. No overflow.
// Latency:    1 cycle: two adders in a row on either side of the register. Throughput: one a cycle.
// Area:       about 110 LUT sites, and 8 for what the digits lack, which interpolates of one fraction share.
`default_nettype none

module klt_interpolate #(
    parameter BIAS = 0  // added: 0 .. 128
) (
    input  wire        clk,
    input  wire [ 7:0] s_left,
    input  wire [ 7:0] s_right,
    input  wire [ 8:0] s_digits,
    output wire [15:0] m_blend
);

  generate
    if (BIAS > 128) begin : g_bad_bias
      klt_interpolate_BIAS_must_be_0_to_128 bad_parameter ();
    end
  endgenerate

  wire [8:0] difference = {1'b0, s_right} - {1'b0, s_left};
  wire [7:0] lacking;
  wire [39:0] parts;  // signed, 10 bits each
  wire [25:0] pairs;  // signed, 13 bits each

  genvar k;
  generate
    for (k = 0; k < 4; k = k + 1) begin : g_digit
      wire [1:0] digit = s_digits[2*k+:2];
      assign lacking[2*k+:2] = {1'b0, digit == 2'd0};
      assign parts[10*k+:10] = digit[1] ? (digit[0] ? {difference, 1'b0} : {difference[8], difference})
                                        : (digit[0] ? 10'd0 : ~{difference[8], difference});
    end
    for (k = 0; k < 2; k = k + 1) begin : g_pair
      wire [9:0] low = parts[20*k+:10];
      wire [9:0] high = parts[20*k+10+:10];
      assign pairs[13*k+:13] = {{high[9], high} + {{3{low[9]}}, low[9:2]}, low[1:0]};
    end
  endgenerate

  reg [24:0] pairs_q;
  reg [7:0] from_q, below_q;
  always @(posedge clk) begin
    pairs_q <= pairs[24:0];
    from_q  <= s_digits[8] ? s_right : s_left;
    below_q <= lacking + BIAS[7:0];
  end

  wire [12:0] low_pair = pairs_q[12:0];
  wire [15:0] all = {pairs_q[24:13] + {{3{low_pair[12]}}, low_pair[12:4]}, low_pair[3:0]};
  assign m_blend = {from_q, below_q} + all;
  wire unused = &{1'b0, pairs[25]};

endmodule

`default_nettype wire
