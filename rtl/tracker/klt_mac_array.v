// SPDX-License-Identifier: Apache-2.0
// The tracker's rows: interpolate a row of a window a cycle, and either form a template of it or compare
// it with the template, sixteen lanes wide.
//
// Compare (s_template 0): WINDOW + 1 pixel rows of WINDOW + 1 pixels give the window; its products with
//             the basis, its weighted sum and square: `window_sums` of what `sample_window` samples.
// Template (1): WINDOW + 3 pixel rows of WINDOW + 3 pixels (straight), or WINDOW + 2 rows of values that
//             the sampler left (p_*), give the basis, kept inside, and the loops' sums of
//             `form_basis` and `form_normal` (vio/fixed/klt.py). A row takes two cycles: six products, four multipliers.
// Q formats:  8-bit pixels, 8-bit fractions -> values less 128, sQ7.PIXEL_FRAC, one rounding; basis
//             WEIGHTED; sums WINDOW_SUM.
// Growth:     the sums of a window do not overflow WINDOW_SUM (28 bits for 2 fraction bits, 15x15).
// Latency:    7 cycles from the last pixel row to m_valid (compare), 9 to m_template; 7 from the last row
//             of values. Sums are held till the next row of their kind. Throughput: a row a cycle
//             (compare), a row in two cycles (template). A template may follow a window at once; the first
//             row of a window comes two cycles or more after the last of a template's pixel rows.
// Input:      s_first (p_first) with the first row of a window or template.
// Multipliers: 1 for each of WINDOW + 2 values, 4 a lane: 77. Memory: 16 x 33 WINDOW bits of LUT RAM.
`default_nettype none

module klt_mac_array #(
    parameter SIDE = 15,  // WINDOW
    parameter FRAC = 2    // PIXEL_FRAC
) (
    input wire clk,
    input wire rst,

    input wire                  s_valid,
    input wire                  s_first,
    input wire                  s_template,
    input wire [8*(SIDE+3)-1:0] s_pixels,      // leftmost in the low byte
    input wire [           7:0] s_fraction_u,
    input wire [           7:0] s_fraction_v,

    input wire                         p_valid,
    input wire                         p_first,
    input wire [(SIDE+2)*(FRAC+8)-1:0] p_values,  // signed, less 128

    output wire        m_valid,   // pulse: the sums of a compared window are there
    output wire [27:0] m_x,
    output wire [27:0] m_y,
    output wire [27:0] m_g,
    output wire [27:0] m_1,
    output wire [27:0] m_square,

    output wire        m_template,  // pulse: the sums of a template are there
    output wire [27:0] m_xx,
    output wire [27:0] m_xy,
    output wire [27:0] m_yy,
    output wire [27:0] m_xg,
    output wire [27:0] m_yg,
    output wire [27:0] m_gg,
    output wire [27:0] m_sx,
    output wire [27:0] m_sy,
    output wire [27:0] m_sg,

    output wire [1:0] count_basis  // a row of the basis is read, is written
);

  `include "vio_params.vh"

  generate
    if (SIDE != WINDOW || FRAC != PIXEL_FRAC || WINDOW_SUM_BITS != 28 || WINDOW > LANES
        || WEIGHTED_BITS != PIXEL_FRAC + 9 || COORD_FRAC != 8 || WINDOW < 3 || WEIGHT_BITS != 5) begin : g_bad_preset
      klt_mac_array_does_not_fit_these_formats bad_parameter ();
    end
  endgenerate

  localparam N = WINDOW;
  localparam V_W = FRAC + 8;  // a value
  localparam B_W = FRAC + 9;  // a gradient, a basis
  localparam P_W = 2 * B_W - 1;  // a product: a basis is at most 31/32 of the most negative gradient
  localparam DROP = 16 - FRAC;  // fraction bits of the interpolation that are rounded away
  localparam HALF = 1 << (DROP - 9);  // of what is rounded away, in units of a line
  localparam LAST_ROW = WINDOW - 1;

  // ---- control: 2 across, 3 rise, 4 values, 5 basis and operands, 6 products, 7 fours, 8 sums ----
  reg valid2_q, first2_q, template2_q;
  reg valid3_q, first3_q, template3_q, fresh_q;
  reg [7:0] fraction2_q, fraction3_q;
  reg valid4_q, template4_q;
  reg [4:0] row_q;  // of what is in stage 4
  reg [3:0] row5_q;  // of the window, of what is in stage 5
  // From stage 5 on: a template's first cycle, its second, and a comparison.
  reg [4:0] a_q;
  reg [3:0] b_q;
  reg [2:0] c_q;
  reg begins6_q, begins7_q, begins8_q, begins9_q, last6_q, last7_q, last8_q, valid_q, made_q;

  wire loads = (valid3_q && !first3_q) || p_valid;
  wire [4:0] row_d = (p_valid ? p_first : fresh_q) ? 5'd0 : row_q + 5'd1;
  wire template_d = p_valid || template3_q;
  wire [3:0] window_row_d = template_d ? row_d[3:0] - 4'd2 : row_d[3:0];
  wire [3:0] window_row = template4_q ? row_q[3:0] - 4'd2 : row_q[3:0];
  wire takes_a = valid4_q && template4_q && row_q > 5'd1;
  wire takes_c = valid4_q && !template4_q;
  wire takes_b = a_q[0];

  always @(posedge clk) begin
    first2_q <= s_first;
    template2_q <= s_template;
    fraction2_q <= s_fraction_v;
    first3_q <= first2_q;
    template3_q <= template2_q;
    fraction3_q <= fraction2_q;
    if (valid3_q && first3_q) fresh_q <= 1'b1;
    else if (loads) fresh_q <= 1'b0;
    if (loads) begin
      row_q <= row_d;
      template4_q <= template_d;
    end
    if (takes_a || takes_c) row5_q <= window_row;
    begins6_q <= row5_q == 4'd0;
    last6_q <= row5_q == LAST_ROW[3:0];
    begins7_q <= begins6_q;
    begins8_q <= begins7_q;
    begins9_q <= begins8_q;
    last7_q <= last6_q;
    last8_q <= last7_q;
    if (rst) begin
      valid2_q <= 1'b0;
      valid3_q <= 1'b0;
      valid4_q <= 1'b0;
      {a_q, b_q, c_q} <= 12'd0;
      {valid_q, made_q} <= 2'd0;
    end else begin
      valid2_q <= s_valid;
      valid3_q <= valid2_q;
      valid4_q <= loads;
      a_q <= {a_q[3:0], takes_a};
      b_q <= {b_q[2:0], takes_b};
      c_q <= {c_q[1:0], takes_c};
      valid_q <= c_q[2] && last7_q;
      made_q <= b_q[3] && last8_q;
    end
  end

  // ---- the weights of the row in stage 4, for klt_weight and as they are ----
  localparam CODE_W = WEIGHT_BITS + 2;
  reg [N*WEIGHT_BITS-1:0] weights_d, weights_q;
  reg [N*CODE_W-1:0] codes_d, codes_q;
  reg [WEIGHT_BITS-1:0] weight_d;
  reg [CODE_W-2:0] code_d;
  integer k, lane;
  always @* begin
    weights_d = {N * WEIGHT_BITS{1'b0}};
    codes_d = {N * CODE_W{1'b0}};
    weight_d = {WEIGHT_BITS{1'b0}};
    code_d = {CODE_W - 1{1'b0}};
    for (k = 0; k < N; k = k + 1)
      for (lane = 0; lane < N; lane = lane + 1) begin
        weight_d = WEIGHTS[WEIGHT_BITS*(LANES*k+lane)+:WEIGHT_BITS];
        code_d = {1'b0, weight_d} + 6'd5;
        if (window_row_d == k[3:0]) begin
          weights_d[WEIGHT_BITS*lane+:WEIGHT_BITS] = weight_d;
          codes_d[CODE_W*lane+:CODE_W] = {code_d[3:0] == 4'd0, code_d};
        end
      end
  end
  always @(posedge clk) if (loads) {weights_q, codes_q} <= {weights_d, codes_d};

  // ---- 2 to 4: values, and for a template the two rows above ----
  wire [(N+2)*V_W-1:0] values, above, top;

  genvar i;
  generate
    for (i = 0; i < N + 2; i = i + 1) begin : g_value
      wire [15:0] line;
      klt_interpolate #(
          .BIAS(HALF)
      ) across (
          .s_left(s_pixels[8*i+:8]),
          .s_right(s_pixels[8*i+8+:8]),
          .s_fraction(s_fraction_u),
          .m_blend(line)
      );
      // The lines, each with half of what is rounded away, and the rise from the upper to the lower.
      reg [15:0] line_q, before_q, upper_q;
      reg signed [16:0] rise_q;
      wire signed [25:0] risen = {{9{rise_q[16]}}, rise_q} * $signed({18'd0, fraction3_q});
      wire [15:0] down = upper_q + risen[23:8];
      wire unused = &{1'b0, risen[25:24], risen[7:0], down[DROP-9:0]};
      reg [V_W-1:0] value_q, above_q, top_q;
      always @(posedge clk) begin
        if (s_valid) line_q <= line;
        if (valid2_q) begin
          rise_q <= $signed({1'b0, line_q}) - $signed({1'b0, before_q});
          upper_q <= before_q;
          before_q <= line_q;
        end
        if (loads) begin
          // Less half of the range: the top bit is turned.
          value_q <= p_valid ? p_values[V_W*i+:V_W] : {~down[15], down[14:DROP-8]};
          above_q <= value_q;
          top_q <= above_q;
        end
      end
      assign values[V_W*i+:V_W] = value_q;
      assign above[V_W*i+:V_W] = above_q;
      assign top[V_W*i+:V_W] = top_q;
    end
  endgenerate

  // ---- 5: weighted, one rounding; 6: products; a template's gradient down is weighted in 6 by the multiplier of
  // the squares, which its first cycle leaves free, and squared two cycles later ----
  reg [N*3*B_W-1:0] basis_mem[0:15];
  wire [N*3*B_W-1:0] basis = basis_mem[row_q[3:0]];
  wire [N*3*B_W-1:0] made;
  always @(posedge clk) if (b_q[0]) basis_mem[row5_q] <= made;

  wire [N*P_W-1:0] x_products, y_products, g_products, s_products;
  wire [N*B_W-1:0] weighed;

  generate
    for (i = 0; i < N; i = i + 1) begin : g_lane
      wire signed [B_W-1:0] here = {values[V_W*i+V_W-1], values[V_W*i+:V_W]};
      wire signed [B_W-1:0] grey = {above[V_W*(i+1)+V_W-1], above[V_W*(i+1)+:V_W]};
      wire signed [B_W-1:0] right = {values[V_W*(i+2)+V_W-1], values[V_W*(i+2)+:V_W]};
      wire signed [B_W-1:0] left = {values[V_W*i+V_W-1], values[V_W*i+:V_W]};
      wire signed [B_W-1:0] under = {values[V_W*(i+1)+V_W-1], values[V_W*(i+1)+:V_W]};
      wire signed [B_W-1:0] over = {top[V_W*(i+1)+V_W-1], top[V_W*(i+1)+:V_W]};
      reg signed [B_W-1:0] gradient_x_q;  // of the row above
      always @(posedge clk) if (loads) gradient_x_q <= right - left;
      wire signed [B_W-1:0] gradient_y = under - over;

      // A template's second cycle works on its grey values, a comparison on the window.
      wire takes_gradients = template4_q && !takes_b;
      wire signed [B_W-1:0] value = takes_b ? grey : here;
      wire signed [B_W-1:0] first = takes_gradients ? gradient_x_q : value;
      wire signed [B_W-1:0] second = takes_gradients ? gradient_y : value;
      wire [B_W-1:0] first_weighted;
      klt_weight #(
          .W(B_W)
      ) weigh (
          .s_value(first),
          .s_code (codes_q[CODE_W*i+:CODE_W-1]),
          .s_both (codes_q[CODE_W*i+CODE_W-1]),
          .m_value(first_weighted)
      );

      // Operands. A template: bx gx, bx gy, weight gy, sum of bx; then bx g, by g, sum of by, bg g, sum of bg;
      // then by gy.
      reg signed [B_W-1:0] bx_q, by_q, bg_q, weighed_q, weighed6_q;
      reg signed [B_W-1:0] vx_q, vy_q, vg_q, vs_q, ws_q, gradient_q;
      reg signed [P_W-1:0] px_q, py_q, pg_q, ps_q;
      wire signed [P_W-1:0] square = {{(P_W - B_W) {ws_q[B_W-1]}}, ws_q}
          * {{(P_W - B_W) {vs_q[B_W-1]}}, vs_q};
      wire [B_W-1:0] gradient_weighted = square[WEIGHT_BITS+:B_W]
          + {{(B_W - 1) {1'b0}}, square[WEIGHT_BITS-1]};
      always @(posedge clk) begin
        weighed_q <= first_weighted;
        vx_q <= first;
        vy_q <= b_q[0] ? gradient_q : value;
        vs_q <= second;
        ws_q <= takes_gradients ? {{(B_W - WEIGHT_BITS) {1'b0}}, weights_q[WEIGHT_BITS*i+:WEIGHT_BITS]} : first_weighted;
        if (takes_b) vg_q <= {{(B_W - 1) {1'b0}}, 1'b1};
        else vg_q <= second;
        bg_q <= takes_b ? gradient_weighted : template4_q ? first_weighted : basis[B_W*(3*i+2)+:B_W];
        if (!takes_b) bx_q <= template4_q ? first_weighted : basis[B_W*3*i+:B_W];
        if (!b_q[0]) by_q <= a_q[0] ? gradient_weighted : basis[B_W*(3*i+1)+:B_W];
        if (takes_a) gradient_q <= gradient_y;
        px_q <= {{(P_W - B_W) {bx_q[B_W-1]}}, bx_q} * {{(P_W - B_W) {vx_q[B_W-1]}}, vx_q};
        py_q <= {{(P_W - B_W) {by_q[B_W-1]}}, by_q} * {{(P_W - B_W) {vy_q[B_W-1]}}, vy_q};
        pg_q <= {{(P_W - B_W) {bg_q[B_W-1]}}, bg_q} * {{(P_W - B_W) {vg_q[B_W-1]}}, vg_q};
        ps_q <= square;
        weighed6_q <= weighed_q;
      end
      assign made[B_W*3*i+:3*B_W] = {weighed_q, by_q, bx_q};
      assign x_products[P_W*i+:P_W] = px_q;
      assign y_products[P_W*i+:P_W] = py_q;
      assign g_products[P_W*i+:P_W] = pg_q;
      assign s_products[P_W*i+:P_W] = ps_q;
      assign weighed[B_W*i+:B_W] = weighed6_q;
    end
  endgenerate

  // ---- 7, 8: sums: of a template's first cycles, and of its second or of a comparison; 9, 10: of the gradients
  // down squared ----
  wire add_0 = a_q[2];
  wire add_1 = b_q[2] || c_q[2];
  wire [27:0] unused_0;

  klt_sum #(
      .LANES(N),
      .IN_W (P_W)
  ) sum_x (
      .clk(clk),
      .s_data(x_products),
      .s_add_0(add_0),
      .s_add_1(add_1),
      .s_begins(begins7_q),
      .m_0(m_xx),
      .m_1(m_x)
  );
  klt_sum #(
      .LANES(N),
      .IN_W (P_W)
  ) sum_y (
      .clk(clk),
      .s_data(y_products),
      .s_add_0(a_q[4]),
      .s_add_1(add_1),
      .s_begins(a_q[4] ? begins9_q : begins7_q),
      .m_0(m_yy),
      .m_1(m_y)
  );
  klt_sum #(
      .LANES(N),
      .IN_W (P_W)
  ) sum_g (
      .clk(clk),
      .s_data(g_products),
      .s_add_0(add_0),
      .s_add_1(add_1),
      .s_begins(begins7_q),
      .m_0(m_xy),
      .m_1(m_g)
  );
  klt_sum #(
      .LANES(N),
      .IN_W (P_W)
  ) sum_square (
      .clk(clk),
      .s_data(s_products),
      .s_add_0(1'b0),
      .s_add_1(add_1),
      .s_begins(begins7_q),
      .m_0(unused_0),
      .m_1(m_square)
  );
  klt_sum #(
      .LANES(N),
      .IN_W (B_W)
  ) sum_1 (
      .clk(clk),
      .s_data(weighed),
      .s_add_0(add_0),
      .s_add_1(add_1),
      .s_begins(begins7_q),
      .m_0(m_sx),
      .m_1(m_1)
  );
  wire unused_sum = &{1'b0, unused_0};

  assign m_valid = valid_q;
  assign m_template = made_q;
  assign {m_xg, m_yg, m_sy, m_gg, m_sg} = {m_x, m_y, m_g, m_square, m_1};
  assign count_basis = {takes_c, b_q[0]};

endmodule

`default_nettype wire
