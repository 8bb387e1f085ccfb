// SPDX-License-Identifier: Apache-2.0
// Score a match against a translation: MSAC score and decision, without a division.
//
// Q formats:  direction t sQ15.0 (3), turned ray q sQ2.16 (3), normal n = q x f sQ1.16 (3), squared
//             limit with 30 fraction bits -> score 0 .. 4 (quarters of the limit that the squared
//             error stays within) and whether it is within the limit at all. Equals the loops over
//             `epipolar_error` of vio/fixed/ransac.py: the first with the loose limit
//             (its score), the last with the tight one (its decision).
// Overflow:   numerator and line saturate to 18 bits (outliers only).
// Latency:    5 cycles. Throughput: one match a cycle, never a wait. Multipliers: 12.
`default_nettype none

module epipolar_error #(
    parameter LIMIT_W = 18,  // bits of a squared limit
    parameter TAG_W   = 1    // bits that travel with a match
) (
    input wire clk,
    input wire rst,

    input wire [LIMIT_W-1:0] cfg_limit2,  // held while matches are under way

    input wire                    s_valid,
    input wire        [TAG_W-1:0] s_tag,
    input wire signed [     15:0] s_tx,
    input wire signed [     15:0] s_ty,
    input wire signed [     15:0] s_tz,
    input wire signed [     18:0] s_qx,
    input wire signed [     18:0] s_qy,
    input wire signed [     18:0] s_qz,
    input wire signed [     17:0] s_nx,
    input wire signed [     17:0] s_ny,
    input wire signed [     17:0] s_nz,

    output wire             m_valid,
    output wire [TAG_W-1:0] m_tag,
    output wire [      2:0] m_score,
    output wire             m_inlier
);

  generate
    if (LIMIT_W < 2 || LIMIT_W > 18 || TAG_W < 1) begin : g_bad_width
      epipolar_error_LIMIT_W_or_TAG_W_out_of_range bad_parameter ();
    end
  endgenerate

  // ---- 1: products (sign-extended operands make them exact) ----
  reg signed [35:0] yz_q, zy_q, zx_q, xz_q, nx_q, ny_q, nz_q;
  wire signed [35:0] tx = {{20{s_tx[15]}}, s_tx};
  wire signed [35:0] ty = {{20{s_ty[15]}}, s_ty};
  wire signed [35:0] tz = {{20{s_tz[15]}}, s_tz};
  wire signed [35:0] qx = {{17{s_qx[18]}}, s_qx};
  wire signed [35:0] qy = {{17{s_qy[18]}}, s_qy};
  wire signed [35:0] qz = {{17{s_qz[18]}}, s_qz};

  // ---- 2: sums, rounded and saturated ----
  wire signed [35:0] line_x = yz_q - zy_q;
  wire signed [35:0] line_y = zx_q - xz_q;
  wire signed [35:0] product = nx_q + ny_q + nz_q;
  wire signed [17:0] lx, ly, error;
  wire [2:0] saturated;
  wire unused_saturated = &{1'b0, saturated};

  round_saturate #(
      .IN_W (36),
      .SHIFT(16),
      .OUT_W(18)
  ) round_x (
      .s_data(line_x),
      .m_data(lx),
      .m_saturated(saturated[0])
  );
  round_saturate #(
      .IN_W (36),
      .SHIFT(16),
      .OUT_W(18)
  ) round_y (
      .s_data(line_y),
      .m_data(ly),
      .m_saturated(saturated[1])
  );
  round_saturate #(
      .IN_W (36),
      .SHIFT(12),
      .OUT_W(18)
  ) round_error (
      .s_data(product),
      .m_data(error),
      .m_saturated(saturated[2])
  );

  reg signed [17:0] lx_q, ly_q, error_q;

  // ---- 3: squares, at most 2^34 each; 4: limit; 5: decision ----
  wire signed [35:0] lx_wide = {{18{lx_q[17]}}, lx_q};
  wire signed [35:0] ly_wide = {{18{ly_q[17]}}, ly_q};
  wire signed [35:0] error_wide = {{18{error_q[17]}}, error_q};
  reg [35:0] line2_q, error2_q, error2_late_q;
  wire [LIMIT_W+35:0] limit = {{LIMIT_W{1'b0}}, line2_q} * {36'd0, cfg_limit2};
  wire unused_fraction = &{1'b0, limit[21:0]};
  reg [LIMIT_W+13:0] limit_q;
  wire [37:0] error_4 = {error2_late_q, 2'b00};
  wire [37:0] limit_1 = {{(24 - LIMIT_W) {1'b0}}, limit_q};
  wire [37:0] limit_2 = limit_1 << 1;
  wire [37:0] limit_4 = limit_1 << 2;
  wire within = error_4 <= limit_4;
  reg [2:0] score_q;
  reg inlier_q;
  reg [4:0] valid_q;
  reg [5*TAG_W-1:0] tags_q;

  always @(posedge clk) begin
    yz_q <= ty * qz;
    zy_q <= tz * qy;
    zx_q <= tz * qx;
    xz_q <= tx * qz;
    nx_q <= tx * {{18{s_nx[17]}}, s_nx};
    ny_q <= ty * {{18{s_ny[17]}}, s_ny};
    nz_q <= tz * {{18{s_nz[17]}}, s_nz};
    lx_q <= lx;
    ly_q <= ly;
    error_q <= error;
    line2_q <= lx_wide * lx_wide + ly_wide * ly_wide;
    error2_q <= error_wide * error_wide;
    error2_late_q <= error2_q;
    limit_q <= limit[LIMIT_W+35:22];
    score_q <= {2'd0, error_4 <= limit_1} + {2'd0, error_4 <= limit_2}
               + {2'd0, error_4 <= limit_2 + limit_1} + {2'd0, within};
    inlier_q <= within;
    valid_q <= rst ? 5'd0 : {valid_q[3:0], s_valid};
    tags_q <= {tags_q[4*TAG_W-1:0], s_tag};
  end

  assign m_valid = valid_q[4];
  assign m_tag = tags_q[5*TAG_W-1:4*TAG_W];
  assign m_score = score_q;
  assign m_inlier = inlier_q;

endmodule

`default_nettype wire
