// SPDX-License-Identifier: Apache-2.0
// Form the products of klt_solve.v: in each round up to four, of what its registers hold.
//
// Q formats:  integers: 18 x 35 bits; in the round SCALE the 18 bits are unsigned. Half of the last place
//             that is kept of a product is added to it (see klt_solve.v), else it is exact: 2^11 to
//             means and to what the slope gives, 2^3 to means by sums and the offset's part, 2^13 to the
//             grey value's part, 2^7 to the first of the two products of a difference (SOLVE).
// Latency:    s_round comes a cycle ahead of its round, the products three cycles after it: factors, parts, sums.
//             Throughput: a round a cycle. Multipliers: 8.
// Each multiplier has its own few choices of factors, so that their selection is shallow, and registers behind it.
`default_nettype none

module klt_solve_products (
    input wire clk,

    input wire [3:0] s_round,  // of the next cycle

    input wire signed [17:0] s_first_x,  // sums of the first order
    input wire signed [17:0] s_first_y,
    input wire signed [17:0] s_first_g,
    input wire signed [14:0] s_mean_x,
    input wire signed [14:0] s_mean_y,
    input wire signed [14:0] s_mean_g,
    input wire signed [29:0] s_xg,  // covariances with the grey value
    input wire signed [29:0] s_yg,
    input wire signed [17:0] s_share_x,
    input wire signed [17:0] s_share_y,
    input wire signed [17:0] s_normal_xx,
    input wire signed [17:0] s_normal_xy,
    input wire signed [17:0] s_normal_yy,
    input wire signed [25:0] s_error_u,  // mismatch
    input wire signed [25:0] s_error_v,
    input wire signed [34:0] s_scaled_u,
    input wire signed [34:0] s_scaled_v,
    input wire        [17:0] s_factor,  // reciprocal or minimum
    input wire signed [12:0] s_slope,

    output wire signed [53:0] m_0,
    output wire signed [53:0] m_1,
    output wire signed [53:0] m_2,
    output wire signed [53:0] m_3,
    output wire signed [53:0] m_scaled_0,  // of the round SCALE
    output wire signed [53:0] m_scaled_1
);

  `include "vio_params.vh"

  // Rounds, as in klt_solve.v.
  localparam [3:0] MEANS = 4'd1;  // of the first-order sums
  localparam [3:0] MOMENTS = 4'd2;  // means by sums
  localparam [3:0] MOMENTS_Y = 4'd3;
  localparam [3:0] SCALE = 4'd4;  // by a reciprocal or the minimum
  localparam [3:0] EXPLAIN = 4'd5;  // what the grey value explains; STEREO: power
  localparam [3:0] SQUARES = 4'd6;  // two products of the normal matrix
  localparam [3:0] OFFSET = 4'd7;  // what the offset explains; STEREO: slope by normal matrix
  localparam [3:0] SOLVE = 4'd8;  // adjugate by mismatch
  localparam [3:0] ALONG = 4'd9;  // the curve's slope by the mismatch down

  localparam [17:0] MEAN_FACTOR = WEIGHT_RECIPROCAL[17:0];
  wire [17:0] mean_x = {{3{s_mean_x[14]}}, s_mean_x};
  wire [17:0] mean_y = {{3{s_mean_y[14]}}, s_mean_y};
  wire [17:0] mean_g = {{3{s_mean_g[14]}}, s_mean_g};
  wire [17:0] slope = {{5{s_slope[12]}}, s_slope};
  wire signed [34:0] first_x = {{17{s_first_x[17]}}, s_first_x};
  wire signed [34:0] first_y = {{17{s_first_y[17]}}, s_first_y};
  wire signed [34:0] first_g = {{17{s_first_g[17]}}, s_first_g};
  wire signed [34:0] xg = {{5{s_xg[29]}}, s_xg};
  wire signed [34:0] yg = {{5{s_yg[29]}}, s_yg};
  wire signed [34:0] normal_xy = {{17{s_normal_xy[17]}}, s_normal_xy};
  wire signed [34:0] normal_yy = {{17{s_normal_yy[17]}}, s_normal_yy};
  wire signed [34:0] error_u = {{9{s_error_u[25]}}, s_error_u};
  wire signed [34:0] error_v = {{9{s_error_v[25]}}, s_error_v};

  // ---- which factors each multiplier takes, and what rounds its product ----
  localparam [16:0] PLACE_3 = 17'd1 << 3;
  localparam [16:0] PLACE_7 = 17'd1 << 7;
  localparam [16:0] PLACE_11 = 17'd1 << 11;
  localparam [16:0] PLACE_13 = 17'd1 << 13;
  // A bit for each choice.
  reg [5:0] select_0_q;
  reg [6:0] select_1_q;
  reg [5:0] select_2_q;
  reg [4:0] select_3_q;
  reg scales_q, scales2_q;
  reg [16:0] half_0_q, half_1_q, half_2_q, half_3_q;
  reg [16:0] half2_0_q, half2_1_q, half2_2_q, half2_3_q;

  always @(posedge clk) begin
    scales_q <= s_round == SCALE;
    case (s_round)
      MOMENTS, MOMENTS_Y, OFFSET: {half_0_q, half_1_q, half_2_q} <= {3{PLACE_3}};
      EXPLAIN: {half_0_q, half_1_q, half_2_q} <= {3{PLACE_13}};
      SOLVE: {half_0_q, half_1_q, half_2_q} <= {PLACE_7, 17'd0, PLACE_7};
      SCALE, SQUARES: {half_0_q, half_1_q, half_2_q} <= {3{17'd0}};
      default: {half_0_q, half_1_q, half_2_q} <= {3{PLACE_11}};
    endcase
    case (s_round)
      MOMENTS, MOMENTS_Y: half_3_q <= PLACE_3;
      SOLVE: half_3_q <= 17'd0;
      default: half_3_q <= PLACE_11;
    endcase
    select_0_q <= {s_round == MEANS, s_round == MOMENTS || s_round == OFFSET, s_round == SCALE, s_round == EXPLAIN,
                   s_round == SQUARES, s_round == SOLVE};
    select_1_q <= {s_round == MEANS, s_round == MOMENTS, s_round == MOMENTS_Y || s_round == OFFSET,
                   s_round == SCALE, s_round == EXPLAIN, s_round == SQUARES, s_round == SOLVE};
    select_2_q <= {s_round == MEANS, s_round == MOMENTS, s_round == MOMENTS_Y, s_round == OFFSET,
                   s_round == EXPLAIN, s_round == SOLVE};
    select_3_q <= {s_round == MOMENTS || s_round == MOMENTS_Y, s_round == EXPLAIN, s_round == ALONG,
                   s_round == SOLVE, s_round == OFFSET};
  end

  // ---- factors: those that are not chosen are 0 ----
  reg [17:0] a0_q, a1_q, a2_q, a3_q;
  reg signed [34:0] b0_q, b1_q, b2_q, b3_q;
  wire [52:0] factors_0 = ({53{select_0_q[5]}} & {MEAN_FACTOR, first_x}) | ({53{select_0_q[4]}} & {mean_x, first_x})
      | ({53{select_0_q[3]}} & {s_factor, s_scaled_u}) | ({53{select_0_q[2]}} & {s_share_x, xg})
      | ({53{select_0_q[1]}} & {s_normal_xx, normal_yy}) | ({53{select_0_q[0]}} & {s_normal_yy, error_u});
  wire [52:0] factors_1 = ({53{select_1_q[6]}} & {MEAN_FACTOR, first_y}) | ({53{select_1_q[5]}} & {mean_x, first_y})
      | ({53{select_1_q[4]}} & {mean_y, first_y}) | ({53{select_1_q[3]}} & {s_factor, s_scaled_v})
      | ({53{select_1_q[2]}} & {s_share_x, yg}) | ({53{select_1_q[1]}} & {s_normal_xy, normal_xy})
      | ({53{select_1_q[0]}} & {s_normal_xy, error_v});
  wire [52:0] factors_2 = ({53{select_2_q[5]}} & {MEAN_FACTOR, first_g}) | ({53{select_2_q[4]}} & {mean_x, first_g})
      | ({53{select_2_q[3]}} & {mean_y, first_g}) | ({53{select_2_q[2]}} & {mean_g, first_g})
      | ({53{select_2_q[1]}} & {s_share_y, yg}) | ({53{select_2_q[0]}} & {s_normal_xx, error_v});
  wire [52:0] factors_3 = ({53{select_3_q[4]}} & {mean_g, first_g}) | ({53{select_3_q[3]}} & {slope, s_scaled_u})
      | ({53{select_3_q[2]}} & {slope, error_v}) | ({53{select_3_q[1]}} & {s_normal_xy, error_u})
      | ({53{select_3_q[0]}} & {slope, normal_yy});

  always @(posedge clk) begin
    {a0_q, b0_q} <= factors_0;
    {a1_q, b1_q} <= factors_1;
    {a2_q, b2_q} <= factors_2;
    {a3_q, b3_q} <= factors_3;
    {half2_0_q, half2_1_q, half2_2_q, half2_3_q} <= {half_0_q, half_1_q, half_2_q, half_3_q};
    scales2_q <= scales_q;
  end

  wide_product product_0 (
      .clk(clk),
      .s_unsigned(scales2_q),
      .s_a(a0_q),
      .s_b(b0_q),
      .s_half(half2_0_q),
      .m_signed(m_0),
      .m_unsigned(m_scaled_0)
  );
  wide_product product_1 (
      .clk(clk),
      .s_unsigned(scales2_q),
      .s_a(a1_q),
      .s_b(b1_q),
      .s_half(half2_1_q),
      .m_signed(m_1),
      .m_unsigned(m_scaled_1)
  );
  wire [53:0] unused_unsigned_2, unused_unsigned_3;
  wire unused = &{1'b0, unused_unsigned_2, unused_unsigned_3};

  wide_product product_2 (
      .clk(clk),
      .s_unsigned(1'b0),
      .s_a(a2_q),
      .s_b(b2_q),
      .s_half(half2_2_q),
      .m_signed(m_2),
      .m_unsigned(unused_unsigned_2)
  );
  wide_product product_3 (
      .clk(clk),
      .s_unsigned(1'b0),
      .s_a(a3_q),
      .s_b(b3_q),
      .s_half(half2_3_q),
      .m_signed(m_3),
      .m_unsigned(unused_unsigned_3)
  );

endmodule

`default_nettype wire
