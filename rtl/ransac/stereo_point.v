// SPDX-License-Identifier: Apache-2.0
// Make a point in baselines of a rectified ray and its disparity.
//
// Q formats:  ray sQ1.16, disparity uQ0.16 -> point sQ11.10 (its depth uQ10.10), as `stereo_point` of
//             vio/fixed/ransac.py: z = 2^26 / max(d, 65) rounded down, x z and y z rounded once.
// Overflow:   x and y saturate to 22 bits.
// Latency:    15 cycles: 10 of division (20 quotient bits, two a cycle), 5 of products. Throughput:
//             one in 16; the point is held until taken.
`default_nettype none

module stereo_point (
    input wire clk,
    input wire rst,

    input  wire               s_valid,
    output wire               s_ready,
    input  wire signed [17:0] s_x,
    input  wire signed [17:0] s_y,
    input  wire        [15:0] s_disparity,

    output wire signed [18:0] p_a0,  // to a `product_pair`, and the products from it
    output wire signed [17:0] p_b0,
    output wire signed [18:0] p_a1,
    output wire signed [17:0] p_b1,
    input  wire signed [36:0] a_0,
    input  wire signed [36:0] a_1,

    output wire               m_valid,
    input  wire               m_ready,
    output wire signed [21:0] m_x,
    output wire signed [21:0] m_y,
    output wire signed [21:0] m_z
);

  localparam [15:0] LEAST = 16'd65;  // so the quotient's upper bits are known to be 0

  // ---- z: restoring division, the remainder starts with the upper bits of 2^26 ----
  reg divide_q, full_q;
  reg [3:0] count_q;
  reg signed [17:0] x_q, y_q;
  reg [15:0] d_q, remainder_q;
  reg [19:0] z_q;

  wire [16:0] trial_1 = {remainder_q, 1'b0};
  wire fits_1 = trial_1 >= {1'b0, d_q};
  wire [16:0] left_1 = fits_1 ? trial_1 - {1'b0, d_q} : trial_1;
  wire [16:0] trial_2 = {left_1[15:0], 1'b0};
  wire fits_2 = trial_2 >= {1'b0, d_q};
  wire [16:0] left_2 = fits_2 ? trial_2 - {1'b0, d_q} : trial_2;
  wire unused_left = &{1'b0, left_1[16], left_2[16]};  // smaller than the divisor

  // ---- x z and y z, each from both multipliers; z split, its low half signed ----
  reg [3:0] step_q;  // products of x, sum of x and products of y, rounding and sum of y, rounding
  wire multiply = step_q[0] || step_q[1];
  wire signed [17:0] factor = step_q[0] ? x_q : y_q;
  wire [2:0] high = {1'b0, z_q[19:18]} + {2'd0, z_q[17]};
  assign p_a0 = multiply ? {factor[17], factor} : 19'sd0;
  assign p_a1 = multiply ? {factor[17], factor} : 19'sd0;
  assign p_b0 = multiply ? z_q[17:0] : 18'sd0;
  assign p_b1 = multiply ? {15'd0, high} : 18'sd0;

  reg signed [39:0] sum_q;
  reg signed [21:0] mx_q, my_q;
  wire signed [39:0] product_0 = {{3{a_0[36]}}, a_0};
  wire signed [39:0] product_1 = {{3{a_1[36]}}, a_1};
  wire signed [21:0] rounded;
  wire saturated;
  wire unused_saturated = &{1'b0, saturated};

  round_saturate #(
      .IN_W (40),
      .SHIFT(16),
      .OUT_W(22)
  ) round (
      .s_data(sum_q),
      .m_data(rounded),
      .m_saturated(saturated)
  );

  assign s_ready = !divide_q && step_q == 4'd0 && !full_q;

  always @(posedge clk) begin
    if (s_valid && s_ready) begin
      {x_q, y_q} <= {s_x, s_y};
      d_q <= s_disparity < LEAST ? LEAST : s_disparity;
      remainder_q <= 16'd64;
      count_q <= 4'd10;
    end else if (divide_q) begin
      remainder_q <= left_2[15:0];
      z_q <= {z_q[17:0], fits_1, fits_2};
      count_q <= count_q - 4'd1;
    end
    sum_q <= product_0 + (product_1 <<< 18);
    if (step_q[2]) mx_q <= rounded;
    if (step_q[3]) my_q <= rounded;
    if (rst) begin
      divide_q <= 1'b0;
      step_q <= 4'd0;
      full_q <= 1'b0;
    end else begin
      if (s_valid && s_ready) divide_q <= 1'b1;
      else if (count_q == 4'd1) divide_q <= 1'b0;
      step_q <= {step_q[2:0], divide_q && count_q == 4'd1};
      if (step_q[3]) full_q <= 1'b1;
      else if (m_ready) full_q <= 1'b0;
    end
  end

  assign m_valid = full_q;
  assign m_x = mx_q;
  assign m_y = my_q;
  assign m_z = {2'd0, z_q};

endmodule

`default_nettype wire
