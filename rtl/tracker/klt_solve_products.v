// SPDX-License-Identifier: Apache-2.0
// Form the products of klt_solve.v: in each round up to four, of what its registers hold.
//
// Q formats:  integers: 18 x 35 bits; in the round SCALE the 18 bits are unsigned. Half of the last place
//             that is kept of a product is added to it (see klt_solve.v), else it is exact: 2^11 to
//             means and to what the slope gives, 2^3 to means by sums and the offset's part, 2^13 to the
//             grey value's part, 2^7 to the first of the two products of a difference (SOLVE).
// Latency:    s_round comes a cycle ahead of its round, the products a cycle after it. Throughput: a
//             round a cycle. Multipliers: 8.
// Each multiplier has its own few choices of factors, so that their selection is shallow.
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

  // Rounds, as in klt_solve.v; any other forms the means of the first-order sums.
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
  reg [2:0] select_0_q, select_1_q, select_2_q, select_3_q;
  reg scales_q;
  reg [16:0] half_0_q, half_1_q, half_2_q, half_3_q;

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
    case (s_round)
      MOMENTS, OFFSET: select_0_q <= 3'd1;
      SCALE: select_0_q <= 3'd2;
      EXPLAIN: select_0_q <= 3'd3;
      SQUARES: select_0_q <= 3'd4;
      SOLVE: select_0_q <= 3'd5;
      default: select_0_q <= 3'd0;
    endcase
    case (s_round)
      MOMENTS: select_1_q <= 3'd1;
      MOMENTS_Y, OFFSET: select_1_q <= 3'd2;
      SCALE: select_1_q <= 3'd3;
      EXPLAIN: select_1_q <= 3'd4;
      SQUARES: select_1_q <= 3'd5;
      SOLVE: select_1_q <= 3'd6;
      default: select_1_q <= 3'd0;
    endcase
    case (s_round)
      MOMENTS: select_2_q <= 3'd1;
      MOMENTS_Y: select_2_q <= 3'd2;
      OFFSET: select_2_q <= 3'd3;
      EXPLAIN: select_2_q <= 3'd4;
      SOLVE: select_2_q <= 3'd5;
      default: select_2_q <= 3'd0;
    endcase
    case (s_round)
      EXPLAIN: select_3_q <= 3'd1;
      ALONG: select_3_q <= 3'd2;
      SOLVE: select_3_q <= 3'd3;
      OFFSET: select_3_q <= 3'd4;
      default: select_3_q <= 3'd0;
    endcase
  end

  // ---- factors ----
  reg [17:0] a0_d, a1_d, a2_d, a3_d;
  reg signed [34:0] b0_d, b1_d, b2_d, b3_d;

  always @* begin
    case (select_0_q)
      3'd1: {a0_d, b0_d} = {mean_x, first_x};
      3'd2: {a0_d, b0_d} = {s_factor, s_scaled_u};
      3'd3: {a0_d, b0_d} = {s_share_x, xg};
      3'd4: {a0_d, b0_d} = {s_normal_xx, normal_yy};
      3'd5: {a0_d, b0_d} = {s_normal_yy, error_u};
      default: {a0_d, b0_d} = {MEAN_FACTOR, first_x};
    endcase
    case (select_1_q)
      3'd1: {a1_d, b1_d} = {mean_x, first_y};
      3'd2: {a1_d, b1_d} = {mean_y, first_y};
      3'd3: {a1_d, b1_d} = {s_factor, s_scaled_v};
      3'd4: {a1_d, b1_d} = {s_share_x, yg};
      3'd5: {a1_d, b1_d} = {s_normal_xy, normal_xy};
      3'd6: {a1_d, b1_d} = {s_normal_xy, error_v};
      default: {a1_d, b1_d} = {MEAN_FACTOR, first_y};
    endcase
    case (select_2_q)
      3'd1: {a2_d, b2_d} = {mean_x, first_g};
      3'd2: {a2_d, b2_d} = {mean_y, first_g};
      3'd3: {a2_d, b2_d} = {mean_g, first_g};
      3'd4: {a2_d, b2_d} = {s_share_y, yg};
      3'd5: {a2_d, b2_d} = {s_normal_xx, error_v};
      default: {a2_d, b2_d} = {MEAN_FACTOR, first_g};
    endcase
    case (select_3_q)
      3'd1: {a3_d, b3_d} = {slope, s_scaled_u};
      3'd2: {a3_d, b3_d} = {slope, error_v};
      3'd3: {a3_d, b3_d} = {s_normal_xy, error_u};
      3'd4: {a3_d, b3_d} = {slope, normal_yy};
      default: {a3_d, b3_d} = {mean_g, first_g};
    endcase
  end

  wide_product product_0 (
      .clk(clk),
      .s_unsigned(scales_q),
      .s_a(a0_d),
      .s_b(b0_d),
      .s_half(half_0_q),
      .m_signed(m_0),
      .m_unsigned(m_scaled_0)
  );
  wide_product product_1 (
      .clk(clk),
      .s_unsigned(scales_q),
      .s_a(a1_d),
      .s_b(b1_d),
      .s_half(half_1_q),
      .m_signed(m_1),
      .m_unsigned(m_scaled_1)
  );
  wire [53:0] unused_unsigned_2, unused_unsigned_3;
  wire unused = &{1'b0, unused_unsigned_2, unused_unsigned_3};

  wide_product product_2 (
      .clk(clk),
      .s_unsigned(1'b0),
      .s_a(a2_d),
      .s_b(b2_d),
      .s_half(half_2_q),
      .m_signed(m_2),
      .m_unsigned(unused_unsigned_2)
  );
  wide_product product_3 (
      .clk(clk),
      .s_unsigned(1'b0),
      .s_a(a3_d),
      .s_b(b3_d),
      .s_half(half_3_q),
      .m_signed(m_3),
      .m_unsigned(unused_unsigned_3)
  );

endmodule

`default_nettype wire
