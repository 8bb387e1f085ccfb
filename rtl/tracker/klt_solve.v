// SPDX-License-Identifier: Apache-2.0
// The tracker's scalar unit: all arithmetic between a window's sums and the next step, two requests
// in turn, the scalars of a template kept inside.
//
// Equals, of vio/fixed/klt.py and stereo.py:
//   NORMAL   (0): `form_normal` after its sums and `invert_normal`. Keeps the scalars of s_context;
//                 m_ok: the template can be tracked.
//   STEP     (1): `mismatch` and `solve_step`: m_u, m_v, to be taken off the place; m_small: both within
//                 cfg_step. m_ok is 1.
//   STEREO   (2): `mismatch` and the step along a curve of slope s_slope in `refine`: m_u is the
//                 move, to be taken off the column; m_ok: the power is positive; m_small: m_u within
//                 cfg_step. m_v is 0.
//   ACCEPT   (3): decisions on the sums of the last STEP or STEREO, which come with it again: m_flat is
//                 `is_flat`, m_ok is `correlates` with s_minimum.
// STEP, STEREO and ACCEPT are only for contexts whose last NORMAL gave m_ok; STEP and STEREO of a context 13 cycles
// after its NORMAL's m_valid or later, 25 where the other request divides. One request of a context at a time.
// Protocol:   taken when s_valid && s_ready; inputs are for that cycle only. m_valid and all that goes with it are
//             there for one cycle; answers of two requests may come in another order.
// Q formats:  sums WINDOW_SUM (s_sx, s_sy, s_sg, s_1 of a window fit 18 bits and only these are used:
//             at most 2^(9 + PIXEL_FRAC) times the sum of the weights), s_slope sQ0.12, s_minimum
//             uQ0.16 -> steps sQ5.8. Roundings and saturations are the golden model's.
// Latency:    from s_valid && s_ready to m_valid: NORMAL 42, STEP 22, STEREO 28, ACCEPT 24 cycles, up to 12 more
//             where both requests divide. Throughput: two in these times; a NORMAL keeps its turn 14 cycles longer
//             (its second reciprocal, in the shadow of the first window). Multipliers: 8. No block RAM.
// Length:     one file of working registers: nearly each step reads and writes most of them, so parts would exchange
//             all of it. The steps are in klt_solve_steps.v, the products in klt_solve_products.v.
// Registers:  of each request in the first cycle of a step x_q, in the second x2_q. The first forms what takes
//             time (factors, sums of products, shifted values, lengths), the second makes use of it.
`default_nettype none

module klt_solve #(
    parameter CONTEXTS = 1  // templates kept, 1 .. 8
) (
    input wire clk,
    input wire rst,

    input wire [13:0] cfg_step,      // a step within it is small
    input wire [19:0] cfg_flat_min,  // least eigenvalue of a template that is not flat

    input  wire       s_valid,
    output wire       s_ready,
    input  wire [1:0] s_op,
    input  wire [2:0] s_context, // 0 .. CONTEXTS - 1

    // STEP, STEREO: klt_mac_array.v's sums of the window; ACCEPT: s_g, s_1 and s_square of the last
    input wire signed [27:0] s_x,
    input wire signed [27:0] s_y,
    input wire signed [27:0] s_g,
    input wire signed [27:0] s_1,
    input wire signed [27:0] s_square,

    // NORMAL: sums of basis times gradient or grey value, and of the basis
    input wire signed [27:0] s_xx,
    input wire signed [27:0] s_xy,
    input wire signed [27:0] s_yy,
    input wire signed [27:0] s_xg,
    input wire signed [27:0] s_yg,
    input wire signed [27:0] s_gg,
    input wire signed [27:0] s_sx,
    input wire signed [27:0] s_sy,
    input wire signed [27:0] s_sg,

    input wire signed [12:0] s_slope,   // STEREO
    input wire        [16:0] s_minimum, // ACCEPT: least squared correlation

    output wire               m_valid,
    output wire        [ 1:0] m_op,
    output wire        [ 2:0] m_context,
    output wire               m_ok,
    output wire               m_small,
    output wire               m_flat,
    output wire signed [13:0] m_u,
    output wire signed [13:0] m_v
);

  `include "vio_params.vh"

  generate
    if (CONTEXTS < 1 || CONTEXTS > 8) begin : g_bad_contexts
      klt_solve_CONTEXTS_must_be_1_to_8 bad_parameter ();
    end
    if (PIXEL_FRAC != 2 || COORD_FRAC != 8 || WEIGHT_RECIPROCAL > 131071) begin : g_bad_preset
      klt_solve_is_made_for_2_and_8_fraction_bits bad_parameter ();
    end
  endgenerate

  localparam [1:0] NORMAL = 2'd0;
  localparam [1:0] STEP = 2'd1;
  localparam [1:0] STEREO = 2'd2;
  localparam [1:0] ACCEPT = 2'd3;

  localparam [1:0] TO_STEP = 2'd0, TO_NORMAL = 2'd1, TO_MISMATCH = 2'd2;  // widths of the shifter
  localparam [3:0] MEANS = 4'd1, MOMENTS = 4'd2, MOMENTS_Y = 4'd3, SCALE = 4'd4, EXPLAIN = 4'd5, SQUARES = 4'd6,
      OFFSET = 4'd7, SOLVE = 4'd8, ALONG = 4'd9;  // rounds of products

  // ======== control ========
  wire [1:0] op;
  wire [4:0] step;
  wire [3:0] post, next_round;
  wire divides, divider_ready, divided, used;
  wire taken = s_valid && s_ready;
  wire is_normal, is_step, is_stereo, is_accept;
  wire is_window = is_step || is_stereo;
  klt_solve_steps steps (
      .clk(clk),
      .rst(rst),
      .s_valid(s_valid),
      .s_ready(s_ready),
      .s_op(s_op),
      .m_op(op),
      .m_kind({is_accept, is_stereo, is_step, is_normal}),
      .m_step(step),
      .m_post(post),
      .m_answers(m_valid),
      .d_valid(divides),
      .d_ready(divider_ready),
      .m_round(next_round),
      .d_done(divided),
      .d_used(used)
  );

  // What the second cycle of a step does.
  reg load_window_q, load_accept_q;
  reg means_q, means_all_q, moments_q, moments_offset_q, moments_y_offset_q, scale_q, explain_q, explain_window_q, squares_q,
      squares_normal_q, offset_q, solve_q, along_q;
  reg normal_6_q, normal_14_q, normal_16_q, normal_19_q, normal_20_q, normal_21_q, normal_23_q, normal_26_q;
  reg window_5_q, stereo_5_q, step_9_q, stereo_9_q, window_11_q, step_11_q;
  reg accept_1_q, accept_2_q, accept_5_q, accept_6_q, accept_7_q, accept_11_q;
  always @(posedge clk) begin
    load_window_q <= taken && (s_op == STEP || s_op == STEREO);
    load_accept_q <= taken && s_op == ACCEPT;
    means_q <= post == MEANS;
    means_all_q <= post == MEANS && is_normal;
    moments_q <= post == MOMENTS;
    moments_offset_q <= post == MOMENTS || post == OFFSET;
    moments_y_offset_q <= post == MOMENTS_Y || post == OFFSET;
    scale_q <= post == SCALE;
    explain_q <= post == EXPLAIN;
    explain_window_q <= post == EXPLAIN && !is_normal;
    squares_q <= post == SQUARES;
    squares_normal_q <= post == SQUARES && is_normal;
    offset_q <= post == OFFSET;
    solve_q <= post == SOLVE;
    along_q <= post == ALONG;
    normal_6_q <= is_normal && step == 5'd6;
    normal_14_q <= is_normal && step == 5'd14;
    normal_16_q <= is_normal && step == 5'd16;
    normal_19_q <= is_normal && step == 5'd19;
    normal_20_q <= is_normal && step == 5'd20;
    normal_21_q <= is_normal && step == 5'd21;
    normal_23_q <= is_normal && step == 5'd23;
    normal_26_q <= is_normal && step == 5'd26;
    window_5_q <= is_window && step == 5'd5;
    stereo_5_q <= is_stereo && step == 5'd5;
    step_9_q <= is_step && step == 5'd9;
    stereo_9_q <= is_stereo && step == 5'd9;
    window_11_q <= is_window && step == 5'd11;
    step_11_q <= is_step && step == 5'd11;
    accept_1_q <= is_accept && step == 5'd1;
    accept_2_q <= is_accept && step == 5'd2;
    accept_5_q <= is_accept && step == 5'd5;
    accept_6_q <= is_accept && step == 5'd6;
    accept_7_q <= is_accept && step == 5'd7;
    accept_11_q <= is_accept && step == 5'd11;
  end

  // ======== what is kept of each context ========
  localparam ROW_W = (CONTEXTS > 4) ? 3 : (CONTEXTS > 2) ? 2 : 1;
  wire [ROW_W-1:0] s_row = (CONTEXTS == 1) ? {ROW_W{1'b0}} : s_context[ROW_W-1:0];
  reg [2:0] context_q, context2_q;
  wire [ROW_W-1:0] row = (CONTEXTS == 1) ? {ROW_W{1'b0}} : context_q[ROW_W-1:0];
  wire [ROW_W-1:0] row2 = (CONTEXTS == 1) ? {ROW_W{1'b0}} : context2_q[ROW_W-1:0];
  reg [101:0] self_mem[0:CONTEXTS-1];
  reg [169:0] scalars_mem[0:CONTEXTS-1];
  reg [23:0] inverse_mem[0:CONTEXTS-1];

  // ======== working registers ========
  reg signed [14:0] mean_x_q, mean_y_q, mean_g_q, mean_x2_q, mean_y2_q, mean_g2_q;
  reg signed [17:0] share_x_q, share_y_q, share_x2_q, share_y2_q;
  reg signed [17:0] normal_xx_q, normal_xy_q, normal_yy_q, normal_xx2_q, normal_xy2_q, normal_yy2_q;
  reg [4:0] exponent_q, exponent2_q;
  reg [29:0] power_g_q, power_g2_q;
  reg signed [17:0] first_x_q, first_y_q, first_g_q, first_x2_q, first_y2_q, first_g2_q;  // sums of the basis, or
  reg signed [34:0] xx_q, xy_q, yy_q, xx2_q, xy2_q, yy2_q;  // differences of means
  reg signed [29:0] xg_q, yg_q, gg_q, xg2_q, yg2_q, gg2_q;
  reg signed [34:0] scaled_u_q, scaled_v_q, scaled_u2_q, scaled_v2_q;  // factors of the SCALE round, among others
  reg [17:0] factor_q, factor2_q;  // reciprocal or minimum
  reg [5:0] bits_q, bits2_q;  // of what the reciprocal was taken of
  reg signed [12:0] slope_q, slope2_q;
  reg signed [25:0] error_u_q, error_v_q, error_u2_q, error_v2_q;
  reg signed [53:0] shift_u_q, shift_v_q, shift_u2_q, shift_v2_q;
  reg [5:0] amount_q, amount2_q;
  reg [1:0] width_q, width2_q;
  reg [6:0] limit_q, limit2_q;  // amount and the width, less 1
  reg ok_q, flat_q, positive_q, ok2_q, flat2_q, positive2_q;
  reg signed [13:0] u_q, v_q, u2_q, v2_q;

  // ======== first cycle: a request is loaded; factors of products and their sums, shifts, lengths ========
  reg signed [27:0] self_x2_q, self_y2_q, self_g2_q;
  reg signed [17:0] self_12_q;
  always @(posedge clk) begin
    {self_x2_q, self_y2_q, self_g2_q, self_12_q} <= self_mem[s_row];
    {context2_q, slope2_q} <= taken ? {s_context, s_slope} : {context_q, slope_q};
    {mean_x2_q, mean_y2_q, mean_g2_q, share_x2_q, share_y2_q, normal_xx2_q, normal_xy2_q, normal_yy2_q, exponent2_q,
     power_g2_q} <= taken ? scalars_mem[s_row] : {mean_x_q, mean_y_q, mean_g_q, share_x_q, share_y_q, normal_xx_q,
                                                  normal_xy_q, normal_yy_q, exponent_q, power_g_q};
    {factor2_q, bits2_q} <= !taken ? {factor_q, bits_q} : s_op == ACCEPT ? {1'b0, s_minimum, 6'd0} : inverse_mem[s_row];
    {first_x2_q, first_y2_q, first_g2_q} <= !taken ? {first_x_q, first_y_q, first_g_q}
        : s_op == NORMAL ? {s_sx[17:0], s_sy[17:0], s_sg[17:0]} : {3{s_1[17:0]}};
    xx2_q <= !taken ? xx_q : s_op == NORMAL ? {{7{s_xx[27]}}, s_xx}
        : s_op == ACCEPT ? {{7{s_square[27]}}, s_square} : {{7{s_x[27]}}, s_x};
    xy2_q <= !taken ? xy_q : {{7{s_xy[27]}}, s_xy};
    yy2_q <= !taken ? yy_q : s_op == NORMAL ? {{7{s_yy[27]}}, s_yy} : {{7{s_y[27]}}, s_y};
    xg2_q <= !taken ? xg_q : s_op == NORMAL ? {{2{s_xg[27]}}, s_xg} : {{2{s_g[27]}}, s_g};
    yg2_q <= !taken ? yg_q : s_op == NORMAL ? {{2{s_yg[27]}}, s_yg} : {{2{s_g[27]}}, s_g};
    gg2_q <= !taken ? gg_q : s_op == NORMAL ? {{2{s_gg[27]}}, s_gg} : {{2{s_g[27]}}, s_g};
    {ok2_q, flat2_q, v2_q} <= taken ? {1'b1, 1'b0, 14'd0} : {ok_q, flat_q, v_q};
    {scaled_u2_q, scaled_v2_q} <= {scaled_u_q, scaled_v_q};
    {error_u2_q, error_v2_q} <= {error_u_q, error_v_q};
    {shift_u2_q, shift_v2_q} <= {shift_u_q, shift_v_q};
    {amount2_q, width2_q, limit2_q} <= {amount_q, width_q, limit_q};
    {positive2_q, u2_q} <= {positive_q, u_q};
    if (taken && s_op == NORMAL) self_mem[s_row] <= {s_xg, s_yg, s_gg, s_sg[17:0]};
    if (m_valid && is_normal)
      scalars_mem[row] <= {mean_x_q, mean_y_q, mean_g_q, share_x_q, share_y_q, normal_xx_q, normal_xy_q, normal_yy_q,
                           exponent_q, gg_q};
  end

  wire signed [53:0] p0, p1, p2, p3, scaled_0, scaled_1;
  klt_solve_products products (
      .clk(clk),
      .s_round(next_round),
      .s_first_x(first_x_q),
      .s_first_y(first_y_q),
      .s_first_g(first_g_q),
      .s_mean_x(mean_x_q),
      .s_mean_y(mean_y_q),
      .s_mean_g(mean_g_q),
      .s_xg(xg_q),
      .s_yg(yg_q),
      .s_share_x(share_x_q),
      .s_share_y(share_y_q),
      .s_normal_xx(normal_xx_q),
      .s_normal_xy(normal_xy_q),
      .s_normal_yy(normal_yy_q),
      .s_error_u(error_u_q),
      .s_error_v(error_v_q),
      .s_scaled_u(scaled_u_q),
      .s_scaled_v(scaled_v_q),
      .s_factor(factor_q),
      .s_slope(slope_q),
      .m_0(p0),
      .m_1(p1),
      .m_2(p2),
      .m_3(p3),
      .m_scaled_0(scaled_0),
      .m_scaled_1(scaled_1)
  );

  wire signed [25:0] shifted_u, shifted_v;
  shift_saturate shift_u (
      .clk     (clk),
      .s_data  (shift_u_q),
      .s_amount(amount_q),
      .s_width (width_q),
      .s_limit (limit_q),
      .m_data  (shifted_u)
  );
  shift_saturate shift_v (
      .clk     (clk),
      .s_data  (shift_v_q),
      .s_amount(amount_q),
      .s_width (width_q),
      .s_limit (limit_q),
      .m_data  (shifted_v)
  );

  // Bits above 17 of the largest of what is to be shifted; their OR has the same length.
  wire [34:0] largest = is_accept ? {5'd0, power_g_q | gg_q} | xx_q
                                  : ({35{!xx_q[34]}} & xx_q) | ({35{!yy_q[34]}} & yy_q);
  wire unused_largest = &{1'b0, largest[16:0]};
  // The highest of the groups of four bits, and the highest bit of each.
  wire [3:0] groups = {|largest[34:32], |largest[31:28], |largest[27:24], |largest[23:20]};
  wire [1:0] low_0 = {|largest[19:18], largest[19] || (largest[17] && !largest[18])};
  wire [1:0] low_1 = {|largest[23:22], largest[23] || (largest[21] && !largest[22])};
  wire [1:0] low_2 = {|largest[27:26], largest[27] || (largest[25] && !largest[26])};
  wire [1:0] low_3 = {|largest[31:30], largest[31] || (largest[29] && !largest[30])};
  wire [1:0] low_4 = {largest[34], largest[33] && !largest[34]};
  wire [4:0] length_d = groups[3] ? {3'd4, low_4} : groups[2] ? {3'd3, low_3} : groups[1] ? {3'd2, low_2}
      : groups[0] ? {3'd1, low_1} : {3'd0, low_0};
  reg [4:0] length_q;
  reg xx_positive_q, yy_positive_q, gg_positive_q, scaled_positive_q;
  always @(posedge clk) begin
    length_q <= length_d;
    xx_positive_q <= !xx_q[34] && |xx_q[33:0];
    yy_positive_q <= !yy_q[34] && |yy_q[33:0];
    gg_positive_q <= !gg_q[29] && |gg_q[28:0];
    scaled_positive_q <= !scaled_u_q[34] && |scaled_u_q[33:0];
  end

  // A request that divides may take the divider up to its second cycle of use; the other then waits.
  wire [17:0] mantissa;
  wire [5:0] bits;
  fast_reciprocal #(
      .IN_W(34),
      .BITS(2)
  ) invert (
      .clk(clk),
      .rst(rst),
      .s_valid(divides),
      .s_ready(divider_ready),
      .s_data(scaled_u_q[33:0]),
      .m_valid(divided),
      .m_ready(used),
      .m_mantissa(mantissa),
      .m_bits(bits)
  );

  // ======== second cycle: products rounded, and what each step leaves ========
  wire signed [14:0] mean_x, mean_y, mean_g;
  wire signed [34:0] solved_u, solved_v;
  wire [4:0] saturated;
  wire signed [53:0] adjugate_u = p0 - p1;
  wire signed [53:0] adjugate_v = p2 - p3;
  // Rounded products (the half is in them) without the bits that go, saturated.
  round_saturate #(
      .IN_W (24),
      .SHIFT(0),
      .OUT_W(15)
  ) saturate_mean_x (
      .s_data(p0[35:12]),
      .m_data(mean_x),
      .m_saturated(saturated[0])
  );
  round_saturate #(
      .IN_W (24),
      .SHIFT(0),
      .OUT_W(15)
  ) saturate_mean_y (
      .s_data(p1[35:12]),
      .m_data(mean_y),
      .m_saturated(saturated[1])
  );
  round_saturate #(
      .IN_W (24),
      .SHIFT(0),
      .OUT_W(15)
  ) saturate_mean_g (
      .s_data(p2[35:12]),
      .m_data(mean_g),
      .m_saturated(saturated[2])
  );
  // A step of 2^34 and more saturates whatever the determinant is, so 35 bits are enough.
  round_saturate #(
      .IN_W (39),
      .SHIFT(0),
      .OUT_W(35)
  ) saturate_solved_u (
      .s_data(adjugate_u[46:8]),
      .m_data(solved_u),
      .m_saturated(saturated[3])
  );
  round_saturate #(
      .IN_W (39),
      .SHIFT(0),
      .OUT_W(35)
  ) saturate_solved_v (
      .s_data(adjugate_v[46:8]),
      .m_data(solved_v),
      .m_saturated(saturated[4])
  );

  // Less the rounded product without its last 4 bits, 14 of what the grey value explains, or a template's own sums; in
  // other steps less 0.
  wire [34:0] less_xx = ({35{load_window_q}} & {{7{self_x2_q[27]}}, self_x2_q}) | ({35{explain_q}} & p0[48:14])
      | ({35{moments_offset_q}} & p0[38:4]);
  wire [34:0] less_xy = ({35{explain_q}} & p1[48:14]) | ({35{moments_q}} & p1[38:4]);
  wire [34:0] less_yy = ({35{load_window_q}} & {{7{self_y2_q[27]}}, self_y2_q}) | ({35{explain_q}} & p2[48:14])
      | ({35{moments_y_offset_q}} & p1[38:4]);
  wire [29:0] self_g = {30{load_window_q}} & {{2{self_g2_q[27]}}, self_g2_q};
  wire [29:0] less_xg = self_g | ({30{moments_offset_q}} & p2[33:4]);
  wire [29:0] less_yg = self_g | ({30{moments_y_offset_q}} & p2[33:4]);
  wire [17:0] self_1 = {18{load_window_q}} & self_12_q;
  wire signed [34:0] xx_less = xx2_q - $signed(less_xx);
  wire signed [34:0] xy_less = xy2_q - $signed(less_xy);
  wire signed [34:0] yy_less = yy2_q - $signed(less_yy);
  wire signed [29:0] gg_less = gg2_q - $signed({30{moments_q}} & p3[33:4]);
  wire [17:0] less_normal = {18{accept_2_q}} & scaled_v2_q[17:0];  // the least eigenvalue, shifted

  // Along the curve: a sum and a rounded product without its last 12 bits.
  wire signed [34:0] twice_xy = {{16{normal_xy2_q[17]}}, normal_xy2_q, 1'b0};
  wire signed [34:0] normal_xx = {{17{normal_xx2_q[17]}}, normal_xx2_q};
  wire signed [34:0] error_u = {{9{error_u2_q[25]}}, error_u2_q};
  wire signed [34:0] along = offset_q ? twice_xy : along_q ? error_u : normal_xx;
  wire signed [34:0] along_more = along + p3[46:12];

  // Signs; of a difference of products of 18 by 18 bits.
  wire normal_xx_positive = !normal_xx2_q[17] && |normal_xx2_q[16:0];
  wire normal_yy_positive = !normal_yy2_q[17] && |normal_yy2_q[16:0];
  wire negative = adjugate_u[37];
  wire positive = $signed(p0[37:0]) > $signed(p1[37:0]);

  always @(posedge clk) begin
    {context_q, slope_q} <= {context2_q, slope2_q};
    {mean_x_q, mean_y_q, mean_g_q} <= {mean_x2_q, mean_y2_q, mean_g2_q};
    if (means_q) mean_x_q <= mean_x;
    if (means_all_q) {mean_y_q, mean_g_q} <= {mean_y, mean_g};
    {share_x_q, share_y_q} <= normal_16_q ? {shifted_u[17:0], shifted_v[17:0]} : {share_x2_q, share_y2_q};
    normal_xx_q <= normal_20_q || accept_6_q ? shifted_u[17:0] : normal_xx2_q - $signed(less_normal);
    normal_xy_q <= normal_20_q || accept_6_q ? shifted_v[17:0] : normal_xy2_q;
    normal_yy_q <= normal_21_q || accept_7_q ? shifted_u[17:0] : normal_yy2_q - $signed(less_normal);
    exponent_q <= normal_19_q ? length_q : exponent2_q;
    power_g_q <= power_g2_q;
    first_x_q <= first_x2_q - $signed(self_1);
    first_y_q <= first_y2_q - $signed(self_1);
    first_g_q <= first_g2_q - $signed(self_1);
    xx_q <= xx_less;
    xy_q <= xy_less;
    yy_q <= yy_less;
    xg_q <= xg2_q - $signed(less_xg);
    yg_q <= yg2_q - $signed(less_yg);
    gg_q <= gg_less;
    scaled_u_q <= moments_q ? {{5{gg_less[29]}}, gg_less} : scaled_u2_q;  // of a template, for its first reciprocal
    if (normal_6_q) scaled_u_q <= {{5{xg2_q[29]}}, xg2_q};
    if (squares_q) scaled_u_q <= squares_normal_q ? adjugate_u[34:0] : p0[34:0];
    if (solve_q) scaled_u_q <= solved_u;
    if (explain_window_q || offset_q || along_q) scaled_u_q <= along_more;
    scaled_v_q <= scaled_v2_q;
    if (normal_6_q) scaled_v_q <= {{5{yg2_q[29]}}, yg2_q};
    if (squares_q) scaled_v_q <= p1[34:0];
    if (solve_q) scaled_v_q <= solved_v;
    if (accept_1_q) scaled_v_q <= {{9{shifted_u[25]}}, shifted_u};
    {factor_q, bits_q} <= used ? {mantissa, bits} : {factor2_q, bits2_q};
    {error_u_q, error_v_q} <= window_5_q ? {shifted_u, shifted_v} : {error_u2_q, error_v2_q};

    shift_u_q <= shift_u2_q;
    if (load_accept_q) shift_u_q <= {34'd0, cfg_flat_min};
    if (scale_q) shift_u_q <= scaled_0;
    if (explain_window_q) shift_u_q <= {{15{xx_less[34]}}, xx_less, 4'd0};
    if (normal_19_q || accept_5_q) shift_u_q <= {{19{xx2_q[34]}}, xx2_q};
    if (normal_20_q) shift_u_q <= {{19{yy2_q[34]}}, yy2_q};
    if (accept_6_q) shift_u_q <= {24'd0, power_g2_q};
    shift_v_q <= shift_v2_q;
    if (scale_q) shift_v_q <= scaled_1;
    if (explain_window_q) shift_v_q <= {{15{yy_less[34]}}, yy_less, 4'd0};
    if (normal_19_q) shift_v_q <= {{19{xy2_q[34]}}, xy2_q};
    if (accept_5_q) shift_v_q <= {{24{gg2_q[29]}}, gg2_q};
    {amount_q, limit_q, width_q} <= {amount2_q, limit2_q, width2_q};
    if (load_accept_q) {amount_q, limit_q, width_q} <= {1'b0, exponent2_q, {2'd0, exponent2_q} + 7'd17, TO_NORMAL};
    if (explain_window_q) {amount_q, limit_q, width_q} <= {1'b0, exponent2_q, {2'd0, exponent2_q} + 7'd25, TO_MISMATCH};
    if (normal_14_q) {amount_q, limit_q, width_q} <= {bits2_q + 6'd3, {1'b0, bits2_q} + 7'd20, TO_NORMAL};
    if (normal_19_q || accept_5_q) {amount_q, limit_q} <= {1'b0, length_q, {2'd0, length_q} + 7'd17};
    if (step_9_q) {amount_q, limit_q, width_q} <= {bits2_q + 6'd4, {1'b0, bits2_q} + 7'd17, TO_STEP};
    if (stereo_9_q) {amount_q, limit_q, width_q} <= {bits2_q + 6'd12, {1'b0, bits2_q} + 7'd25, TO_STEP};

    u_q <= window_11_q ? shifted_u[13:0] : u2_q;
    v_q <= step_11_q ? shifted_v[13:0] : v2_q;
    ok_q <= ok2_q;
    if (normal_6_q) ok_q <= gg_positive_q && xx_positive_q && yy_positive_q;
    if (normal_23_q) ok_q <= ok2_q && normal_xx_positive && normal_yy_positive && positive;
    if (stereo_5_q) ok_q <= scaled_positive_q;
    if (accept_11_q) ok_q <= positive2_q && ({3'd0, scaled_v2_q, 16'd0} >= p0);
    flat_q <= accept_5_q ? !normal_xx_positive || !normal_yy_positive || negative : flat2_q;
    positive_q <= accept_5_q ? gg_positive_q && xx_positive_q : positive2_q;
    if (used && normal_26_q) inverse_mem[row2] <= {mantissa, bits};
  end

  // ======== answer ========
  reg signed [14:0] opposite_q;
  always @(posedge clk) opposite_q <= -$signed({1'b0, cfg_step});
  wire signed [14:0] step_u = {u_q[13], u_q};
  wire signed [14:0] step_v = {v_q[13], v_q};
  wire signed [14:0] most = {1'b0, cfg_step};

  assign m_op = op;
  assign m_context = context_q;
  assign m_ok = ok_q;
  assign m_small = step_u <= most && step_u >= opposite_q && step_v <= most && step_v >= opposite_q;
  assign m_flat = flat_q;
  assign m_u = u_q;
  assign m_v = v_q;

  // Sums of the first order are short (see above).
  wire unused = &{1'b0, s_sx[27:18], s_sy[27:18], s_sg[27:18], s_1[27:18], saturated, adjugate_u[53:47],
                  adjugate_v[53:47], adjugate_v[7:0], p3[53:47], p2[53:49]};

endmodule

`default_nettype wire
