// SPDX-License-Identifier: Apache-2.0
// Compute how much smaller a point looked in the keyframe, from the direction of translation.
//
// Q formats:  direction sQ15.0 (3), ray sQ1.16, q_z sQ2.16, n_x and n_y sQ1.16 -> scale uQ1.SCALE_FRAC
//             within [2/3, 3/2], as `inverse_scale_change` of vio/fixed/ransac.py. A point near the epipole,
//             or not in front, has scale 1; so has one that is not kept (its scale is never used).
// Growth:     n 35 bits, denominator 37, numerator 35, times the reciprocal 53; clamped at the end.
// Latency:    20 cycles (one that is not kept: 11). Throughput: one in 13, of which 8 for the
//             reciprocal, while the next one's quotient is prepared; the result is held until taken.
`default_nettype none

module ransac_scale #(
    parameter SCALE_FRAC    = 10,     // fraction bits of the scale, 4 .. 14
    parameter EPIPOLE_GUARD = 107374  // least a^2 + b^2, 30 fraction bits
) (
    input wire clk,
    input wire rst,

    input wire signed [15:0] cfg_t0,  // held while points are under way
    input wire signed [15:0] cfg_t1,
    input wire signed [15:0] cfg_t2,

    input  wire               s_valid,
    output wire               s_ready,
    input  wire               s_keep,
    input  wire signed [17:0] s_x,
    input  wire signed [17:0] s_y,
    input  wire signed [18:0] s_qz,
    input  wire signed [17:0] s_nx,
    input  wire signed [17:0] s_ny,

    output wire signed [18:0] p_a0,  // to a `product_pair`, and the products from it
    output wire signed [17:0] p_b0,
    output wire signed [18:0] p_a1,
    output wire signed [17:0] p_b1,
    input  wire signed [36:0] a_0,
    input  wire signed [36:0] a_1,

    output wire signed [18:0] pr_a0,  // to another pair: the product with the reciprocal
    output wire signed [17:0] pr_b0,
    output wire signed [18:0] pr_a1,
    output wire signed [17:0] pr_b1,
    input  wire signed [36:0] ar_0,
    input  wire signed [36:0] ar_1,

    output wire                m_valid,
    input  wire                m_ready,
    output wire                m_keep,
    output wire [SCALE_FRAC:0] m_scale
);

  generate
    if (SCALE_FRAC < 4 || SCALE_FRAC > 14 || EPIPOLE_GUARD < 65536) begin : g_bad_size
      ransac_scale_SCALE_FRAC_or_EPIPOLE_GUARD_out_of_range bad_parameter ();
    end
  endgenerate

  // ---- front: numerator and denominator, one slot of the pair after the other ----
  reg [6:0] step_q;  // x t_z, y t_z; a^2, b^2 (2); a n_y, b n_x (3); n q_z (4); c t_z (5); rounding
  reg full_q, keep_q;
  reg signed [17:0] x_q, y_q, nx_q, ny_q, a_q, b_q;
  reg signed [18:0] qz_q;
  reg [34:0] n_q;
  reg signed [35:0] c_q;
  reg [36:0] denominator_q;
  reg signed [34:0] numerator_q;

  // Wide factors are split, the low half signed.
  wire [17:0] n_high = {1'b0, n_q[34:18]} + {17'd0, n_q[17]};
  wire signed [17:0] c_high = c_q[35:18] + {17'd0, c_q[17]};
  assign p_a0 = step_q[0] ? {{3{cfg_t2[15]}}, cfg_t2} : step_q[2] ? {a_q[17], a_q} :
                step_q[3] ? {a_q[17], a_q} : step_q[4] ? qz_q :
                step_q[5] ? {{3{cfg_t2[15]}}, cfg_t2} : 19'sd0;
  assign p_a1 = step_q[0] ? {{3{cfg_t2[15]}}, cfg_t2} : step_q[2] ? {b_q[17], b_q} :
                step_q[3] ? {b_q[17], b_q} : step_q[4] ? qz_q :
                step_q[5] ? {{3{cfg_t2[15]}}, cfg_t2} : 19'sd0;
  assign p_b0 = step_q[0] ? x_q : step_q[2] ? a_q : step_q[3] ? ny_q :
                step_q[4] ? n_q[17:0] : step_q[5] ? c_q[17:0] : 18'sd0;
  assign p_b1 = step_q[0] ? y_q : step_q[2] ? b_q : step_q[3] ? nx_q :
                step_q[4] ? n_high : step_q[5] ? c_high : 18'sd0;

  wire signed [36:0] x_moved = (a_0 + 37'sd32768) >>> 16;
  wire signed [36:0] y_moved = (a_1 + 37'sd32768) >>> 16;
  wire unused_moved = &{1'b0, x_moved[36:18], y_moved[36:18]};
  wire signed [54:0] wide = {{18{a_0[36]}}, a_0} + {a_1, 18'd0} + 55'sd32768;
  wire unused_wide = &{1'b0, wide[54:53], wide[15:0]};
  localparam [31:0] GUARD = EPIPOLE_GUARD;

  wire back_ready;
  wire hand = full_q && back_ready;
  assign s_ready = step_q == 7'd0 && !full_q;

  always @(posedge clk) begin
    if (s_valid && s_ready) begin
      keep_q <= s_keep;
      {x_q, y_q, qz_q, nx_q, ny_q} <= {s_x, s_y, s_qz, s_nx, s_ny};
    end
    if (step_q[1]) begin
      a_q <= {{2{cfg_t0[15]}}, cfg_t0} - x_moved[17:0];
      b_q <= {{2{cfg_t1[15]}}, cfg_t1} - y_moved[17:0];
    end
    if (step_q[3]) n_q <= a_0[34:0] + a_1[34:0];
    if (step_q[4]) c_q <= a_0[35:0] - a_1[35:0];
    if (step_q[5]) denominator_q <= wide[52:16];
    if (step_q[6]) numerator_q <= wide[50:16];
    if (rst) begin
      step_q <= 7'd0;
      full_q <= 1'b0;
    end else begin
      step_q <= {step_q[5:0], s_valid && s_ready};
      if (step_q[6]) full_q <= 1'b1;
      else if (hand) full_q <= 1'b0;
    end
  end

  // ---- back: reciprocal, product, shift, clamp ----
  localparam [SCALE_FRAC:0] ONE = {1'b1, {SCALE_FRAC{1'b0}}};
  localparam integer UNIT = 1 << SCALE_FRAC;
  localparam integer LOW_CHANGE = (UNIT * 2) / 3 - UNIT;
  localparam integer HIGH_CHANGE = (UNIT * 3) / 2 - UNIT;
  localparam CHANGE_W = SCALE_FRAC + 2;  // of a change that is twice as large as the largest that counts
  localparam signed [CHANGE_W-1:0] LOW = LOW_CHANGE[CHANGE_W-1:0];
  localparam signed [CHANGE_W-1:0] HIGH = HIGH_CHANGE[CHANGE_W-1:0];
  localparam integer LEAST_SHIFT = 17 - SCALE_FRAC;  // before the length
  localparam integer LEAST_LIMIT = LEAST_SHIFT + CHANGE_W - 1;

  wire real_size = keep_q && n_q >= {3'd0, GUARD} && qz_q > 19'sd0;
  wire divider_ready, quotient_valid;
  wire [17:0] mantissa;
  wire [5:0] bits;
  reg waiting_q, done_q, kept_q, sized_q;
  reg [2:0] late_q;  // product, shift, clamp
  reg signed [34:0] top_q;
  reg [5:0] shift_q;
  reg [6:0] limit_q;
  reg signed [53:0] product_q;
  reg [SCALE_FRAC:0] scale_q;

  assign back_ready = !waiting_q && late_q == 3'd0 && !done_q && divider_ready;

  fast_reciprocal #(
      .IN_W(37)
  ) invert (
      .clk(clk),
      .rst(rst),
      .s_valid(hand && real_size),
      .s_ready(divider_ready),
      .s_data(denominator_q),
      .m_valid(quotient_valid),
      .m_ready(1'b1),
      .m_mantissa(mantissa),
      .m_bits(bits)
  );

  wire signed [17:0] top_high = {top_q[34], top_q[34:18]} + {17'd0, top_q[17]};
  assign pr_a0 = quotient_valid ? {1'b0, mantissa} : 19'sd0;
  assign pr_a1 = quotient_valid ? {1'b0, mantissa} : 19'sd0;
  assign pr_b0 = quotient_valid ? top_q[17:0] : 18'sd0;
  assign pr_b1 = quotient_valid ? top_high : 18'sd0;

  wire signed [CHANGE_W-1:0] change;
  shift_saturate #(
      .NARROW_W(SCALE_FRAC),
      .MIDDLE_W(SCALE_FRAC + 1),
      .WIDE_W(CHANGE_W)
  ) narrow (
      .clk(clk),
      .s_data(product_q),
      .s_amount(shift_q),
      .s_width(2'd2),
      .s_limit(limit_q),
      .m_data(change)
  );
  wire [SCALE_FRAC:0] inside = ONE + change[SCALE_FRAC:0];

  always @(posedge clk) begin
    if (hand) begin
      kept_q <= keep_q;
      sized_q <= real_size;
      top_q <= numerator_q;
    end
    if (quotient_valid) {shift_q, limit_q} <= {bits + LEAST_SHIFT[5:0], {1'b0, bits} + LEAST_LIMIT[6:0]};
    product_q <= {{17{ar_0[36]}}, ar_0} + {ar_1[35:0], 18'd0};
    if (late_q[2])
      scale_q <= !sized_q ? ONE : change < LOW ? ONE + LOW[SCALE_FRAC:0] :
                 change > HIGH ? ONE + HIGH[SCALE_FRAC:0] : inside;
    if (rst) begin
      waiting_q <= 1'b0;
      late_q <= 3'd0;
      done_q <= 1'b0;
    end else begin
      if (hand && real_size) waiting_q <= 1'b1;
      else if (quotient_valid) waiting_q <= 1'b0;
      late_q <= {late_q[1], late_q[0] || (hand && !real_size), quotient_valid};
      if (late_q[2]) done_q <= 1'b1;
      else if (m_ready) done_q <= 1'b0;
    end
  end
  wire unused_top = ar_1[36];

  assign m_valid = done_q;
  assign m_keep = kept_q;
  assign m_scale = scale_q;

endmodule

`default_nettype wire
