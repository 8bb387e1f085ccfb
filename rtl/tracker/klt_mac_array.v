// SPDX-License-Identifier: Apache-2.0
// The tracker's rows: interpolate a row of a window a cycle, and either form a template of it or compare
// it with the template, sixteen lanes wide.
//
// Compare (s_template 0): WINDOW + 1 pixel rows of WINDOW + 1 pixels give the window; its products with
//             the basis of its context, its weighted sum and square: `window_sums` of what `sample_window` samples.
// Template (1): WINDOW + 3 pixel rows of WINDOW + 3 pixels (straight), or WINDOW + 2 rows of values that
//             the sampler left (s_sampled) by w_*, give the basis, kept inside, and the loops' sums of
//             `form_basis` and `form_normal` (vio/fixed/klt.py). A row takes two cycles, three apart: six products,
//             four multipliers.
// Q formats:  8-bit pixels, 8-bit fractions -> values less 128, sQ7.PIXEL_FRAC, one rounding; basis
//             WEIGHTED; sums WINDOW_SUM.
// Growth:     the sums of a window do not overflow WINDOW_SUM (28 bits for 2 fraction bits, 15x15).
// Input:      s_first with the first row of a window or template. s_pixels come a cycle after their s_valid.
//             A template's rows come an even number of cycles apart. Between a window and a sampled template
//             are three cycles without a row. Rows of samples come two cycles apart or more, and are read three
//             cycles later or more.
// Latency:    13 cycles from the last row's s_valid to m_valid (compare), 16 to m_template; the sums are there
//             for that cycle. Throughput: a row a cycle (compare), a row in two cycles (template). A window or
//             template may follow another at once, after a template's last row in three cycles.
// Multipliers: 1 for each of WINDOW + 2 values, 4 a lane: 77. Memory: 32 CONTEXTS x 33 WINDOW bits of block RAM, for
//             WINDOW rows of each basis and behind them WINDOW + 2 of samples.
`default_nettype none

module klt_mac_array #(
    parameter SIDE     = 15,  // WINDOW
    parameter FRAC     = 2,   // PIXEL_FRAC
    parameter CONTEXTS = 4    // bases kept, 2 .. 16
) (
    input wire clk,
    input wire rst,

    input wire                        s_valid,
    input wire                        s_first,
    input wire                        s_template,
    input wire                        s_sampled,
    input wire [$clog2(CONTEXTS)-1:0] s_context,
    input wire [                 7:0] s_fraction_u,
    input wire [                 7:0] s_fraction_v,
    input wire [      8*(SIDE+3)-1:0] s_pixels,      // leftmost in the low byte

    // A row of samples is kept for its context
    input wire                         w_valid,
    input wire [ $clog2(CONTEXTS)-1:0] w_context,
    input wire [                  4:0] w_row,
    input wire [(SIDE+2)*(FRAC+8)-1:0] w_values,  // signed, less 128

    output wire        m_valid,     // pulse: the sums of a compared window are there
    output wire [$clog2(CONTEXTS)-1:0] m_context,  // of either pulse
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

  localparam CW = $clog2(CONTEXTS);

  // ---- control: 1 across, 2 line, 3 rise, 4 down, 5 values are loaded; 6 values, 7 and 8 weighted; then a, b, c,
  // begins, last of 0 operands, 1 products, 2 fours, 3 rows, 4 sums ----
  reg [5:1] valid_q, first_q, template_q, sampled_q;
  reg [8:0] digits_q;
  reg [7:0] fraction1_q, fraction2_q, fraction3_q, fraction4_q;
  reg [6*CW-1:0] contexts_q;  // of stages 1 to 6
  reg [7*CW-1:0] contexts7_q;  // of stages 7 to 13
  reg fresh_q;  // the next row that is loaded is the first
  reg valid6_q, template6_q;
  reg [4:0] row_q;  // of what is in stage 6
  reg [3:0] row7_q, row8_q, row9_q;  // of the window
  // From stage 7 on: a template's first cycle, its second, and a comparison.
  reg a7_q, a8_q, b7_q, b8_q, c7_q, c8_q;
  reg [5:0] a_q, begins_q;
  reg [3:0] b_q, c_q, last_q;
  reg summed_q, made_q;

  wire loads = valid_q[5] && (sampled_q[5] || !first_q[5]);
  wire [4:0] row_d = (sampled_q[5] ? first_q[5] : fresh_q) ? 5'd0 : row_q + 5'd1;
  wire [3:0] window_row = template6_q ? row_q[3:0] - 4'd2 : row_q[3:0];
  wire takes_a = valid6_q && template6_q && row_q > 5'd1;
  wire takes_c = valid6_q && !template6_q;
  wire takes_b = a_q[0];  // the row's second cycle enters three after the first
  wire [3:0] row6 = takes_b ? row9_q : window_row;

  always @(posedge clk) begin
    first_q <= {first_q[4:1], s_first};
    template_q <= {template_q[4:1], s_template};
    sampled_q <= {sampled_q[4:1], s_sampled};
    contexts_q <= {contexts_q[5*CW-1:0], s_context};
    contexts7_q <= {contexts7_q[6*CW-1:0], takes_b ? contexts7_q[2*CW+:CW] : contexts_q[5*CW+:CW]};
    digits_q <= {1'b0, s_fraction_u} + 9'h055;
    fraction1_q <= s_fraction_v;
    fraction2_q <= fraction1_q;
    fraction3_q <= fraction2_q;
    fraction4_q <= fraction3_q;
    if (valid_q[5]) fresh_q <= first_q[5] && !sampled_q[5];
    if (loads) begin
      row_q <= row_d;
      template6_q <= template_q[5];
    end
    row7_q <= row6;
    row8_q <= row7_q;
    row9_q <= row8_q;
    begins_q <= {begins_q[4:0], row8_q == 4'd0};
    last_q <= {last_q[2:0], row8_q == LAST_ROW[3:0]};
    if (rst) begin
      valid_q <= 5'd0;
      valid6_q <= 1'b0;
      {a7_q, a8_q, b7_q, b8_q, c7_q, c8_q} <= 6'd0;
      {a_q, b_q, c_q} <= 14'd0;
      {summed_q, made_q} <= 2'd0;
    end else begin
      valid_q <= {valid_q[4:1], s_valid};
      valid6_q <= loads;
      {a8_q, a7_q} <= {a7_q, takes_a};
      {b8_q, b7_q} <= {b7_q, takes_b};
      {c8_q, c7_q} <= {c7_q, takes_c};
      a_q <= {a_q[4:0], a8_q};
      b_q <= {b_q[2:0], b8_q};
      c_q <= {c_q[2:0], c8_q};
      summed_q <= c_q[3] && last_q[3];
      made_q <= b_q[3] && last_q[3];
    end
  end

  // ---- the weights: of stage 7 for klt_weight, of stage 8 as they are ----
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
        if (row7_q == k[3:0]) weights_d[WEIGHT_BITS*lane+:WEIGHT_BITS] = weight_d;
        if (row6 == k[3:0]) codes_d[CODE_W*lane+:CODE_W] = {code_d[3:0] == 4'd0, code_d};
      end
  end
  always @(posedge clk) {weights_q, codes_q} <= {weights_d, codes_d};

  // ---- memory: bases, read in stage 6 and here in 8; behind them the samples, read in 3 and here in 5 ----
  localparam W_W = N * 3 * B_W;
  localparam S_W = (N + 2) * V_W;
  (* no_rw_check *) (* ram_style = "block" *) reg [W_W-1:0] rows_mem[0:(32<<CW)-1];
  reg [W_W-1:0] word_q, basis_q;  // 0 but for a comparison, so that operands are united, not selected
  reg [S_W-1:0] samples_q;
  wire [W_W-1:0] made;
  reg pending_q;  // a row of samples waits for a cycle in which no basis is written
  reg [CW+4:0] kept_address_q;
  reg [S_W-1:0] kept_q;
  reg [4:0] sample_row_q;  // of what is in stage 3
  wire [CW+4:0] write_address = b_q[0] ? {contexts7_q[2*CW+:CW], 1'b0, row9_q} : kept_address_q;
  wire [CW+4:0] read_address = valid_q[3] && sampled_q[3] ? {contexts_q[2*CW+:CW], sample_row_q}
      : {contexts_q[5*CW+:CW], 1'b0, row_q[3:0]};
  always @(posedge clk) begin
    if (w_valid) {kept_address_q, kept_q} <= {w_context, w_row + N[4:0], w_values};
    pending_q <= (w_valid || (pending_q && b_q[0])) && !rst;
    if (valid_q[2]) sample_row_q <= first_q[2] ? N[4:0] : sample_row_q + 5'd1;
    if (b_q[0] || pending_q) rows_mem[write_address] <= {made[W_W-1:S_W], b_q[0] ? made[S_W-1:0] : kept_q};
    word_q <= rows_mem[read_address];
    basis_q <= c7_q ? word_q : {W_W{1'b0}};
    samples_q <= word_q[S_W-1:0];
  end

  // ---- 1 to 6: values, and for a template the two rows above ----
  wire [(N+2)*V_W-1:0] values, above, top;

  genvar i;
  generate
    for (i = 0; i < N + 2; i = i + 1) begin : g_value
      wire [15:0] line;
      klt_interpolate #(
          .BIAS(HALF)
      ) across (
          .clk(clk),
          .s_left(s_pixels[8*i+:8]),
          .s_right(s_pixels[8*i+8+:8]),
          .s_digits(digits_q),
          .m_blend(line)
      );
      // The lines, each with half of what is rounded away, and the rise from the upper to the lower.
      reg [15:0] line_q, before_q, upper_q, upper5_q, run_q;
      reg signed [16:0] rise_q;
      wire signed [25:0] run = {{9{rise_q[16]}}, rise_q} * $signed({18'd0, fraction4_q});
      wire [15:0] down = upper5_q + run_q;
      wire unused = &{1'b0, run[25:24], run[7:0], down[DROP-9:0]};
      reg [V_W-1:0] value_q, above_q, top_q;
      always @(posedge clk) begin
        line_q <= line;
        rise_q <= $signed({1'b0, line_q}) - $signed({1'b0, before_q});
        upper_q <= before_q;
        if (valid_q[3]) before_q <= line_q;
        upper5_q <= upper_q;
        run_q <= run[23:8];
        if (loads) begin
          // Less half of the range: the top bit is turned.
          value_q <= sampled_q[5] ? samples_q[V_W*i+:V_W] : {~down[15], down[14:DROP-8]};
          above_q <= value_q;
          top_q <= above_q;
        end
      end
      assign values[V_W*i+:V_W] = value_q;
      assign above[V_W*i+:V_W] = above_q;
      assign top[V_W*i+:V_W] = top_q;
    end
  endgenerate

  // ---- 6 to 8: weighted, one rounding; then products; a template's gradient down is weighted among the products by
  // the multiplier of the squares, which its first cycle leaves free, and squared two cycles later ----
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
      reg signed [B_W-1:0] grey1_q, grey2_q;
      wire takes_gradients = template6_q && !takes_b;
      wire signed [B_W-1:0] value = takes_b ? grey2_q : here;
      reg signed [B_W-1:0] first7_q, second7_q, first8_q, second8_q;
      always @(posedge clk) begin
        first7_q  <= takes_gradients ? gradient_x_q : value;
        second7_q <= takes_gradients ? gradient_y : value;
        first8_q  <= first7_q;
        second8_q <= second7_q;
        if (takes_a) grey1_q <= grey;
        grey2_q <= grey1_q;
      end
      wire [B_W-1:0] weighted;
      klt_weight #(
          .W(B_W)
      ) weigh (
          .clk(clk),
          .s_value(first7_q),
          .s_code (codes_q[CODE_W*i+:CODE_W-1]),
          .s_both (codes_q[CODE_W*i+CODE_W-1]),
          .m_value(weighted)
      );

      // Operands. A template: bx gx, bx gy, weight gy, sum of bx; two cycles later by gy; in the cycle after that
      // bx g, by g, sum of by, bg g, sum of bg.
      reg signed [B_W-1:0] bx_q, by_q, bg_q, weighed_q, weighed1_q;
      reg [B_W-1:0] bx1_q, bx2_q, by2_q;  // bx2_q and by2_q: 0 but for the second cycle's operands
      reg signed [B_W-1:0] vx_q, vy_q, vg_q, vs_q, ws_q, gradient_q;
      reg signed [P_W-1:0] px_q, py_q, pg_q, ps_q;
      wire signed [P_W-1:0] square = {{(P_W - B_W) {ws_q[B_W-1]}}, ws_q}
          * {{(P_W - B_W) {vs_q[B_W-1]}}, vs_q};
      wire [B_W-1:0] gradient_weighted = ps_q[WEIGHT_BITS+:B_W]
          + {{(B_W - 1) {1'b0}}, ps_q[WEIGHT_BITS-1]};
      always @(posedge clk) begin
        weighed_q <= weighted;
        vx_q <= first8_q;
        vy_q <= a_q[1] ? gradient_q : first8_q;
        vs_q <= second8_q;
        ws_q <= a8_q ? {{(B_W - WEIGHT_BITS) {1'b0}}, weights_q[WEIGHT_BITS*i+:WEIGHT_BITS]} : weighted;
        if (b8_q) vg_q <= {{(B_W - 1) {1'b0}}, 1'b1};
        else vg_q <= second8_q;
        bg_q <= by2_q | ({B_W{a8_q}} & weighted) | basis_q[B_W*(3*i+2)+:B_W];
        bx_q <= bx2_q | ({B_W{a8_q}} & weighted) | basis_q[B_W*3*i+:B_W];
        if (a_q[0]) bx1_q <= bx_q;
        bx2_q <= b7_q ? bx1_q : {B_W{1'b0}};
        by2_q <= a_q[1] ? gradient_weighted : {B_W{1'b0}};
        if (!a_q[2]) by_q <= a_q[1] ? gradient_weighted : basis_q[B_W*(3*i+1)+:B_W];
        if (a8_q) gradient_q <= second8_q;
        px_q <= {{(P_W - B_W) {bx_q[B_W-1]}}, bx_q} * {{(P_W - B_W) {vx_q[B_W-1]}}, vx_q};
        py_q <= {{(P_W - B_W) {by_q[B_W-1]}}, by_q} * {{(P_W - B_W) {vy_q[B_W-1]}}, vy_q};
        pg_q <= {{(P_W - B_W) {bg_q[B_W-1]}}, bg_q} * {{(P_W - B_W) {vg_q[B_W-1]}}, vg_q};
        ps_q <= square;
        weighed1_q <= weighed_q;
      end
      assign made[B_W*3*i+:3*B_W] = {weighed_q, by_q, bx_q};
      assign x_products[P_W*i+:P_W] = px_q;
      assign y_products[P_W*i+:P_W] = py_q;
      assign g_products[P_W*i+:P_W] = pg_q;
      assign s_products[P_W*i+:P_W] = ps_q;
      assign weighed[B_W*i+:B_W] = weighed1_q;
    end
  endgenerate

  // ---- sums: of a template's first cycles, and of its second or of a comparison; of the gradients down squared ----
  wire add_0 = a_q[3];
  wire add_1 = b_q[3] || c_q[3];
  wire [27:0] unused_0;

  klt_sum #(
      .LANES(N),
      .IN_W (P_W)
  ) sum_x (
      .clk(clk),
      .s_data(x_products),
      .s_add_0(add_0),
      .s_add_1(add_1),
      .s_begins(begins_q[3]),
      .m_0(m_xx),
      .m_1(m_x)
  );
  klt_sum #(
      .LANES(N),
      .IN_W (P_W)
  ) sum_y (
      .clk(clk),
      .s_data(y_products),
      .s_add_0(a_q[5]),
      .s_add_1(add_1),
      .s_begins(a_q[5] ? begins_q[5] : begins_q[3]),
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
      .s_begins(begins_q[3]),
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
      .s_begins(begins_q[3]),
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
      .s_begins(begins_q[3]),
      .m_0(m_sx),
      .m_1(m_1)
  );
  wire unused_sum = &{1'b0, unused_0};

  assign m_valid = summed_q;
  assign m_context = contexts7_q[6*CW+:CW];
  assign m_template = made_q;
  assign {m_xg, m_yg, m_sy, m_gg, m_sg} = {m_x, m_y, m_g, m_square, m_1};
  assign count_basis = {takes_c, b_q[0]};

endmodule

`default_nettype wire
