// SPDX-License-Identifier: Apache-2.0
// The tracker's scalar unit: all arithmetic between a window's sums and the next step, one request
// at a time, the scalars of a template kept inside.
//
// Equals, of vio/fixed/klt.py and stereo.py:
//   NORMAL   (0): `form_normal` after its sums and `invert_normal`. Keeps the scalars of s_context;
//                 m_ok: the template can be tracked.
//   STEP     (1): `mismatch` and `solve_step`: m_u, m_v, to be taken off the place; m_small: both within
//                 cfg_step. m_ok is 1. Keeps the sums for ACCEPT.
//   STEREO   (2): `mismatch` and the step along a curve of slope s_slope in `refine`: m_u is the
//                 move, to be taken off the column; m_ok: the power is positive; m_small: m_u within
//                 cfg_step. m_v is 0. Keeps the sums for ACCEPT.
//   ACCEPT   (3): decisions on the last STEP's or STEREO's sums: m_flat is `is_flat`, m_ok is
//                 `correlates` with s_minimum.
// STEP, STEREO and ACCEPT are only for contexts whose last NORMAL gave m_ok.
// Protocol:   taken when s_valid && s_ready; inputs are for that cycle only. m_valid is there for one
//             cycle; the other outputs are held until the next request is taken.
// Q formats:  sums WINDOW_SUM (s_sx, s_sy, s_sg, s_1 of a window fit 18 bits and only these are used:
//             at most 2^(9 + PIXEL_FRAC) times the sum of the weights), s_slope sQ0.12, s_minimum
//             uQ0.16 -> steps sQ5.8. Roundings and saturations are the golden model's.
// Latency:    from s_valid && s_ready to m_valid: NORMAL 24, STEP 11, STEREO 17, ACCEPT 12 cycles.
//             s_ready comes back a cycle after m_valid, of NORMAL nine (its second reciprocal, in
//             the shadow of the first window). Multipliers: 8. No block RAM.
// Length:     one step program over one file of working registers: nearly each step reads and writes most
//             of them, so parts would exchange all of it. What is apart is in klt_solve_products.v,
//             shift_saturate.v, round_saturate.v and fast_reciprocal.v.
`default_nettype none

module klt_solve #(
    parameter CONTEXTS = 1  // templates kept, 1 .. 4
) (
    input wire clk,
    input wire rst,

    input wire [13:0] cfg_step,      // a step within it is small
    input wire [19:0] cfg_flat_min,  // least eigenvalue of a template that is not flat

    input  wire       s_valid,
    output wire       s_ready,
    input  wire [1:0] s_op,
    input  wire [1:0] s_context, // 0 .. CONTEXTS - 1

    // STEP, STEREO: klt_mac_array.v's sums of the window
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
    output wire               m_ok,
    output wire               m_small,
    output wire               m_flat,
    output wire signed [13:0] m_u,
    output wire signed [13:0] m_v
);

  `include "vio_params.vh"

  generate
    if (CONTEXTS < 1 || CONTEXTS > 4) begin : g_bad_contexts
      klt_solve_CONTEXTS_must_be_1_to_4 bad_parameter ();
    end
    if (PIXEL_FRAC != 2 || COORD_FRAC != 8 || WEIGHT_RECIPROCAL > 131071) begin : g_bad_preset
      klt_solve_is_made_for_2_and_8_fraction_bits bad_parameter ();
    end
  endgenerate

  localparam [1:0] NORMAL = 2'd0;
  localparam [1:0] STEP = 2'd1;
  localparam [1:0] STEREO = 2'd2;
  localparam [1:0] ACCEPT = 2'd3;

  // Rounds of products (klt_solve_products.v); each is worked off in the cycle after it.
  localparam [3:0] NONE = 4'd0;
  localparam [3:0] MEANS = 4'd1;
  localparam [3:0] MOMENTS = 4'd2;
  localparam [3:0] MOMENTS_Y = 4'd3;
  localparam [3:0] SCALE = 4'd4;
  localparam [3:0] EXPLAIN = 4'd5;
  localparam [3:0] SQUARES = 4'd6;
  localparam [3:0] OFFSET = 4'd7;
  localparam [3:0] SOLVE = 4'd8;
  localparam [3:0] ALONG = 4'd9;

  // ---- control: a step a cycle, some wait for the reciprocal ----
  reg [1:0] op_q;
  reg [4:0] step_q;  // 0: idle
  reg [4:0] step_d;
  reg [3:0] round_q, post_q;
  reg [3:0] round_d;
  wire taken = s_valid && s_ready;
  wire [1:0] op_d = taken ? s_op : op_q;
  wire divided;
  wire is_normal = op_q == NORMAL;
  wire is_stereo = op_q == STEREO;
  wire is_accept = op_q == ACCEPT;

  // Steps of a template that wait, and that answer; of the others.
  localparam [4:0] T_WAIT = 5'd13;
  localparam [4:0] T_ANSWER = 5'd24;
  localparam [4:0] T_LAST = 5'd25;
  localparam [4:0] S_JUMP = 5'd7;
  localparam [4:0] S_WAIT = 5'd8;
  localparam [4:0] S_ANSWER = 5'd12;
  wire waits = is_normal ? (step_q == T_WAIT || step_q == T_LAST)
                           : (is_stereo && step_q == S_WAIT);
  wire last = step_q == (is_normal ? T_LAST : S_ANSWER);

  always @* begin
    step_d = step_q + 5'd1;
    if (taken) step_d = 5'd1;
    else if (step_q == 5'd0) step_d = 5'd0;
    else if (waits && !divided) step_d = step_q;
    else if (last) step_d = 5'd0;
    else if (op_q == STEP && step_q == S_JUMP) step_d = 5'd9;

    round_d = NONE;
    case ({op_d, step_d})
      {NORMAL, 5'd1}, {ACCEPT, 5'd1}: round_d = MEANS;
      {NORMAL, 5'd3}, {ACCEPT, 5'd3}: round_d = MOMENTS;
      {NORMAL, 5'd4}: round_d = MOMENTS_Y;
      {NORMAL, 5'd14}, {STEP, 5'd9}, {STEREO, 5'd9}, {ACCEPT, 5'd10}: round_d = SCALE;
      {NORMAL, 5'd17}, {STEP, 5'd3}, {STEREO, 5'd3}: round_d = EXPLAIN;
      {NORMAL, 5'd22}, {ACCEPT, 5'd4}, {ACCEPT, 5'd8}: round_d = SQUARES;
      {STEP, 5'd1}, {STEREO, 5'd1}: round_d = OFFSET;
      {STEP, 5'd6}: round_d = SOLVE;
      {STEREO, 5'd6}: round_d = ALONG;
      default: round_d = NONE;
    endcase
  end

  always @(posedge clk) begin
    if (rst) begin
      step_q  <= 5'd0;
      round_q <= NONE;
      post_q  <= NONE;
    end else begin
      step_q  <= step_d;
      round_q <= round_d;
      post_q  <= round_q;
    end
    if (taken) op_q <= s_op;
  end

  // ---- what is kept of each context ----
  localparam ROW_W = (CONTEXTS > 2) ? 2 : 1;
  wire [ROW_W-1:0] s_row = (CONTEXTS == 1) ? {ROW_W{1'b0}} : s_context[ROW_W-1:0];
  wire unused_context = &{1'b0, s_context};
  reg [ROW_W-1:0] row_q;
  reg [101:0] self_mem[0:CONTEXTS-1];
  reg [169:0] scalars_mem[0:CONTEXTS-1];
  reg [23:0] inverse_mem[0:CONTEXTS-1];
  reg [73:0] sums_mem[0:CONTEXTS-1];
  wire signed [27:0] self_x, self_y, self_g, last_g, last_square;
  wire signed [17:0] self_1, last_1;
  wire [169:0] scalars = scalars_mem[s_row];
  wire [23:0] inverse = inverse_mem[s_row];
  assign {self_x, self_y, self_g, self_1} = self_mem[s_row];
  assign {last_g, last_square, last_1} = sums_mem[s_row];

  // ---- working registers ----
  reg signed [14:0] mean_x_q, mean_y_q, mean_g_q;
  reg signed [17:0] share_x_q, share_y_q;
  reg signed [17:0] normal_xx_q, normal_xy_q, normal_yy_q;
  reg [4:0] exponent_q;
  reg [29:0] power_g_q;
  reg signed [17:0] first_x_q, first_y_q, first_g_q;  // sums of the basis, or differences of means
  reg signed [34:0] xx_q, xy_q, yy_q;
  reg signed [29:0] xg_q, yg_q, gg_q;
  reg signed [34:0] scaled_u_q, scaled_v_q;  // factors of the SCALE round, among others
  reg [17:0] factor_q;  // reciprocal or minimum
  reg [5:0] bits_q;  // of what the reciprocal was taken of
  reg signed [12:0] slope_q;
  reg signed [25:0] error_u_q, error_v_q;
  reg ok_q, flat_q, positive_q;
  reg signed [13:0] u_q, v_q;

  // ---- products ----
  wire signed [53:0] p0, p1, p2, p3;
  wire signed [53:0] scaled_0, scaled_1;

  klt_solve_products products (
      .clk(clk),
      .s_round(round_d),
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

  // ---- products rounded ----
  wire signed [14:0] mean_x, mean_y, mean_g;
  wire signed [34:0] solved_u, solved_v;
  wire [4:0] saturated;
  wire unused_saturated = &{1'b0, saturated};
  wire signed [53:0] adjugate_u = p0 - p1;
  wire signed [53:0] adjugate_v = p2 - p3;
  wire unused_adjugate = &{1'b0, adjugate_u[53:47], adjugate_v[53:47], adjugate_v[7:0]};

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

  // Less the rounded product without its last 4 bits, or 14 of what the grey value explains.
  wire explains = post_q == EXPLAIN;
  wire signed [34:0] less_xx = explains ? p0[48:14] : p0[38:4];
  wire signed [34:0] less_xy = explains ? p1[48:14] : p1[38:4];
  wire signed [34:0] less_yy = explains ? p2[48:14] : p1[38:4];
  wire signed [34:0] xx_less = xx_q - less_xx;
  wire signed [34:0] xy_less = xy_q - less_xy;
  wire signed [34:0] yy_less = yy_q - less_yy;
  wire signed [29:0] xg_less = xg_q - p2[33:4];
  wire signed [29:0] yg_less = yg_q - p2[33:4];
  wire signed [29:0] gg_less = gg_q - p3[33:4];

  // Along the curve: a sum and a rounded product without its last 12 bits.
  wire signed [34:0] twice_xy = {{16{normal_xy_q[17]}}, normal_xy_q, 1'b0};
  wire signed [34:0] normal_xx = {{17{normal_xx_q[17]}}, normal_xx_q};
  wire signed [34:0] error_u = {{9{error_u_q[25]}}, error_u_q};
  wire signed [34:0] along = (post_q == OFFSET) ? twice_xy : (post_q == ALONG) ? error_u : normal_xx;
  wire signed [34:0] along_more = along + p3[46:12];
  wire unused_p3 = &{1'b0, p3[53:47], p2[53:49]};

  // ---- shifter ----
  localparam [1:0] TO_STEP = 2'd0;
  localparam [1:0] TO_NORMAL = 2'd1;
  localparam [1:0] TO_MISMATCH = 2'd2;
  reg signed [53:0] shift_u_q, shift_v_q;
  reg [5:0] amount_q;
  reg [1:0] width_q;
  reg [6:0] limit_q;  // amount_q and the width, less 1
  wire signed [25:0] shifted_u, shifted_v;

  shift_saturate shift_u (
      .s_data  (shift_u_q),
      .s_amount(amount_q),
      .s_width (width_q),
      .s_limit (limit_q),
      .m_data  (shifted_u)
  );
  shift_saturate shift_v (
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
  reg [4:0] exponent_d;
  integer i;
  always @* begin
    exponent_d = 5'd0;
    for (i = 17; i < 35; i = i + 1) if (largest[i]) exponent_d = i[4:0] - 5'd16;
  end

  // ---- reciprocal ----
  wire divides = is_normal ? (step_q == 5'd5 || step_q == T_ANSWER)
                             : (is_stereo && step_q == 5'd5);
  wire [33:0] divisor = (is_normal && step_q == 5'd5) ? {{4{gg_q[29]}}, gg_q} : scaled_u_q[33:0];
  wire [17:0] mantissa;
  wire [5:0] bits;
  wire unused_ready;

  fast_reciprocal #(
      .IN_W(34),
      .BITS(3)
  ) invert (
      .clk(clk),
      .rst(rst),
      .s_valid(divides),
      .s_ready(unused_ready),
      .s_data(divisor),
      .m_valid(divided),
      .m_ready(1'b1),
      .m_mantissa(mantissa),
      .m_bits(bits)
  );

  // ---- signs ----
  wire gg_positive = !gg_q[29] && |gg_q[28:0];
  wire xx_positive = !xx_q[34] && |xx_q[33:0];
  wire yy_positive = !yy_q[34] && |yy_q[33:0];
  wire normal_xx_positive = !normal_xx_q[17] && |normal_xx_q[16:0];
  wire normal_yy_positive = !normal_yy_q[17] && |normal_yy_q[16:0];
  // Of a difference of products of 18 by 18 bits.
  wire negative = adjugate_u[37];
  wire positive = !adjugate_u[37] && |adjugate_u[36:0];

  // ---- what each step leaves ----
  always @(posedge clk) begin
    if (taken) begin
      row_q <= s_row;
      slope_q <= s_slope;
      {mean_x_q, mean_y_q, mean_g_q, share_x_q, share_y_q, normal_xx_q, normal_xy_q, normal_yy_q,
       exponent_q, power_g_q} <= scalars;
      {factor_q, bits_q} <= (s_op == ACCEPT) ? {1'b0, s_minimum, 6'd0} : inverse;
      ok_q <= 1'b1;
      flat_q <= 1'b0;
      v_q <= 14'd0;
      case (s_op)
        NORMAL: begin
          first_x_q <= s_sx[17:0];
          first_y_q <= s_sy[17:0];
          first_g_q <= s_sg[17:0];
          xx_q <= {{7{s_xx[27]}}, s_xx};
          xy_q <= {{7{s_xy[27]}}, s_xy};
          yy_q <= {{7{s_yy[27]}}, s_yy};
          xg_q <= {{2{s_xg[27]}}, s_xg};
          yg_q <= {{2{s_yg[27]}}, s_yg};
          gg_q <= {{2{s_gg[27]}}, s_gg};
        end
        ACCEPT: begin
          first_x_q <= last_1;
          first_g_q <= last_1;
          xx_q <= {{7{last_square[27]}}, last_square};
          gg_q <= {{2{last_g[27]}}, last_g};
          shift_u_q <= {34'd0, cfg_flat_min};
          amount_q <= {1'b0, scalars[34:30]};
          limit_q <= {2'd0, scalars[34:30]} + 7'd17;
          width_q <= TO_NORMAL;
        end
        default: begin
          first_x_q <= s_1[17:0] - self_1;
          first_y_q <= s_1[17:0] - self_1;
          first_g_q <= s_1[17:0] - self_1;
          xx_q <= {{7{s_x[27]}}, s_x} - {{7{self_x[27]}}, self_x};
          yy_q <= {{7{s_y[27]}}, s_y} - {{7{self_y[27]}}, self_y};
          xg_q <= {{2{s_g[27]}}, s_g} - {{2{self_g[27]}}, self_g};
          yg_q <= {{2{s_g[27]}}, s_g} - {{2{self_g[27]}}, self_g};
        end
      endcase
    end

    case (post_q)
      MEANS: begin
        mean_x_q <= mean_x;
        if (is_normal) begin
          mean_y_q <= mean_y;
          mean_g_q <= mean_g;
        end
      end
      MOMENTS: begin
        xx_q <= xx_less;
        xy_q <= xy_less;
        xg_q <= xg_less;
        gg_q <= gg_less;
      end
      MOMENTS_Y: begin
        yy_q <= yy_less;
        yg_q <= yg_less;
      end
      SCALE: begin
        shift_u_q <= scaled_0;
        shift_v_q <= scaled_1;
      end
      EXPLAIN: begin
        xx_q <= xx_less;
        xy_q <= xy_less;
        yy_q <= yy_less;
        if (!is_normal) begin
          shift_u_q <= {{15{xx_less[34]}}, xx_less, 4'd0};
          shift_v_q <= {{15{yy_less[34]}}, yy_less, 4'd0};
          amount_q <= {1'b0, exponent_q};
          limit_q <= {2'd0, exponent_q} + 7'd25;
          width_q <= TO_MISMATCH;
          scaled_u_q <= along_more;
        end
      end
      SQUARES: begin
        if (is_normal) scaled_u_q <= adjugate_u[34:0];
        else scaled_u_q <= p0[34:0];
        scaled_v_q <= p1[34:0];
      end
      OFFSET: begin
        xx_q <= xx_less;
        yy_q <= yy_less;
        xg_q <= xg_less;
        yg_q <= yg_less;
        scaled_u_q <= along_more;
      end
      SOLVE: begin
        scaled_u_q <= solved_u;
        scaled_v_q <= solved_v;
      end
      ALONG: scaled_u_q <= along_more;
      default: ;
    endcase

    if (divided) begin
      factor_q <= mantissa;
      bits_q   <= bits;
    end
    case ({op_q, step_q})
      {NORMAL, 5'd6}: begin
        ok_q <= gg_positive && xx_positive && yy_positive;
        scaled_u_q <= {{5{xg_q[29]}}, xg_q};
        scaled_v_q <= {{5{yg_q[29]}}, yg_q};
      end
      {NORMAL, 5'd14}: begin
        amount_q <= bits_q + 6'd3;
        limit_q  <= {1'b0, bits_q} + 7'd20;
        width_q  <= TO_NORMAL;
      end
      {NORMAL, 5'd16}: begin
        share_x_q <= shifted_u[17:0];
        share_y_q <= shifted_v[17:0];
      end
      {NORMAL, 5'd19}: begin
        exponent_q <= exponent_d;
        amount_q   <= {1'b0, exponent_d};
        limit_q    <= {2'd0, exponent_d} + 7'd17;
        shift_u_q  <= {{19{xx_q[34]}}, xx_q};
        shift_v_q  <= {{19{xy_q[34]}}, xy_q};
      end
      {NORMAL, 5'd20}: begin
        normal_xx_q <= shifted_u[17:0];
        normal_xy_q <= shifted_v[17:0];
        shift_u_q   <= {{19{yy_q[34]}}, yy_q};
      end
      {NORMAL, 5'd21}: normal_yy_q <= shifted_u[17:0];
      {NORMAL, 5'd23}:
      ok_q <= ok_q && normal_xx_positive && normal_yy_positive && positive;

      {STEP, 5'd5}: begin
        error_u_q <= shifted_u;
        error_v_q <= shifted_v;
      end
      {STEP, 5'd9}: begin
        amount_q <= bits_q + 6'd4;
        limit_q  <= {1'b0, bits_q} + 7'd17;
        width_q  <= TO_STEP;
      end
      {STEP, 5'd11}: begin
        u_q <= shifted_u[13:0];
        v_q <= shifted_v[13:0];
      end

      {STEREO, 5'd5}: begin
        error_u_q <= shifted_u;
        error_v_q <= shifted_v;
        ok_q <= !scaled_u_q[34] && |scaled_u_q[33:0];
      end
      {STEREO, 5'd9}: begin
        amount_q <= bits_q + 6'd12;
        limit_q  <= {1'b0, bits_q} + 7'd25;
        width_q  <= TO_STEP;
      end
      {STEREO, 5'd11}: u_q <= shifted_u[13:0];

      {ACCEPT, 5'd1}: scaled_v_q <= {{9{shifted_u[25]}}, shifted_u};
      {ACCEPT, 5'd2}: begin
        normal_xx_q <= normal_xx_q - scaled_v_q[17:0];
        normal_yy_q <= normal_yy_q - scaled_v_q[17:0];
      end
      {ACCEPT, 5'd5}: begin
        flat_q <= !normal_xx_positive || !normal_yy_positive || negative;
        positive_q <= gg_positive && xx_positive;
        amount_q   <= {1'b0, exponent_d};
        limit_q    <= {2'd0, exponent_d} + 7'd17;
        shift_u_q  <= {{24{gg_q[29]}}, gg_q};
        shift_v_q  <= {{19{xx_q[34]}}, xx_q};
      end
      {ACCEPT, 5'd6}: begin
        normal_xy_q <= shifted_u[17:0];
        normal_xx_q <= shifted_v[17:0];
        shift_u_q   <= {24'd0, power_g_q};
      end
      {ACCEPT, 5'd7}: normal_yy_q <= shifted_u[17:0];
      {ACCEPT, 5'd11}: ok_q <= positive_q && ({3'd0, scaled_v_q, 16'd0} >= p0);
      default: ;
    endcase

    if (taken && s_op == NORMAL) self_mem[s_row] <= {s_xg, s_yg, s_gg, s_sg[17:0]};
    if (taken && (s_op == STEP || s_op == STEREO)) sums_mem[s_row] <= {s_g, s_square, s_1[17:0]};
    if (is_normal && step_q == T_ANSWER)
      scalars_mem[row_q] <= {
        mean_x_q,
        mean_y_q,
        mean_g_q,
        share_x_q,
        share_y_q,
        normal_xx_q,
        normal_xy_q,
        normal_yy_q,
        exponent_q,
        gg_q
      };
    if (is_normal && step_q == T_LAST && divided) inverse_mem[row_q] <= {mantissa, bits};
  end

  // Sums of the first order are short (see above).
  wire unused_high = &{1'b0, s_sx[27:18], s_sy[27:18], s_sg[27:18], s_1[27:18]};

  wire [13:0] size_u = u_q[13] ? -u_q : u_q;
  wire [13:0] size_v = v_q[13] ? -v_q : v_q;

  assign s_ready = step_q == 5'd0;
  assign m_valid = step_q == (is_normal ? T_ANSWER : S_ANSWER);
  assign m_ok = ok_q;
  assign m_small = (size_u <= cfg_step) && (size_v <= cfg_step);
  assign m_flat = flat_q;
  assign m_u = u_q;
  assign m_v = v_q;

endmodule

`default_nettype wire
