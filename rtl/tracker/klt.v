// SPDX-License-Identifier: Apache-2.0
// Follow one window through the levels of the pyramid, or refine one stereo match along its curve.
//
// Following (s_stereo 0): equals `track_windows` of vio/fixed/klt.py for one window; the template is cut
//             out of the key, the window out of the current frame.
// Refining (1): equals `refine` of vio/fixed/stereo.py from `cut_template` on; the template is cut out
//             of level 0 of the current frame at (u_key, v_key), the window out of the right image at
//             column u of the curve. TRACKED: m_u, m_v; any other status: no match.
// Reading:    r_* asks for block rows of a frame buffer (buffers 0 key, 1 current, 2 right), a_* answers in
//             order after any latency. A region of 32x32 pixels is fetched for a level's template and one
//             for its window; a window that leaves its region has it fetched anew. What was asked for
//             before a reset must not be answered after it (the reader is reset as well).
// Q formats:  pixels sQ10.8 (start one bit more), map sQ1.14, slopes sQ0.12.
// Overflow:   places saturate to sQ10.8 at the end of a level, as in the model.
// Latency:    an iteration is WINDOW + 21 cycles (36 for a window of 15), 3 more along a curve; a template
//             2 (WINDOW + 3) and 26 of arithmetic, partly under its first window. Throughput: one
//             window at a time. Multipliers: MAC array 77, sampler 2, scalar unit 8. Block RAM: 5 in the sampler.
// Length:     this is the sequence of steps over one set of registers (place, level, counts), which each
//             step reads and writes in its cycle; what has a boundary of its own is in klt_*.v.
`default_nettype none

module klt #(
    parameter ITERATION_W = 4,  // ITERATION_BITS
    parameter KNOTS       = 5   // STEREO_SEGMENTS + 1
) (
    input wire clk,
    input wire rst,

    // Settings, stable while a frame is worked on
    input wire [           10:0] cfg_width,
    input wire [           10:0] cfg_height,
    input wire [            1:0] cfg_levels,
    input wire [ITERATION_W-1:0] cfg_max_iterations,
    input wire [           13:0] cfg_step,
    input wire [           13:0] cfg_max_shift,
    input wire [           19:0] cfg_flat_min,
    input wire [           16:0] cfg_correlation_min,
    input wire [           16:0] cfg_stereo_correlation_min,
    input wire [ITERATION_W-1:0] cfg_stereo_iterations,
    input wire [           13:0] cfg_max_refine,

    // Request
    input  wire                         s_valid,
    output wire                         s_ready,
    input  wire                         s_stereo,
    input  wire signed [          18:0] s_u_key,
    input  wire signed [          18:0] s_v_key,
    input  wire signed [          19:0] s_u,
    input  wire signed [          19:0] s_v,
    input  wire        [          63:0] s_warp,     // w11, w10, w01, w00 (low)
    input  wire        [           2:0] s_pieces,   // number of breakpoints
    input  wire        [  KNOTS*19-1:0] s_knots_u,
    input  wire        [  KNOTS*19-1:0] s_knots_v,
    input  wire        [(KNOTS-1)*13-1:0] s_slopes,

    // Result
    output wire                            m_valid,
    input  wire                            m_ready,
    output wire signed [             18:0] m_u,
    output wire signed [             18:0] m_v,
    output wire        [              2:0] m_status,
    output wire        [3*ITERATION_W-1:0] m_iterations,  // level 0 in the low bits

    // Reader
    output wire          r_valid,
    input  wire          r_ready,
    output wire [   1:0] r_buffer,
    output wire [   1:0] r_level,
    output wire [   8:0] r_column,
    output wire [   8:0] r_row,
    input  wire          a_valid,
    input  wire [1023:0] a_pixels,

    // Accesses: a row of the basis read, written, a sample out of its region, a row out of a region
    output wire [3:0] count_accesses
);

  `include "vio_params.vh"

  generate
    if (ITERATION_W != ITERATION_BITS || KNOTS != STEREO_SEGMENTS + 1 || WARP_LEVELS != 1
        || MAX_LEVELS > 3 || WINDOW > 15) begin : g_bad_preset
      klt_does_not_fit_this_preset bad_parameter ();
    end
  endgenerate

  // As in vio/frontend/klt.py.
  localparam [2:0] TRACKED = 3'd0, BORDER = 3'd1, FLAT = 3'd2, DIVERGED = 3'd3, RESIDUAL = 3'd4;
  localparam [1:0] FOR_SAMPLER = 2'd2;  // of klt_fetch.v
  localparam [1:0] NORMAL_OP = 2'd0, STEP_OP = 2'd1, STEREO_OP = 2'd2, ACCEPT_OP = 2'd3;
  localparam HALF_WINDOW = WINDOW / 2;
  localparam WIDTH = 28;  // what is kept of a region's 32 columns
  // Of a window in its region, at its left and top.
  localparam MARGIN_X = (WIDTH - WINDOW - 1) / 2 - 2;
  localparam MARGIN_Y = (32 - WINDOW - 1) / 2 - 2;
  localparam POS_W = 22;
  localparam PX_W = POS_W - 8;
  localparam [4:0] PIXEL_ROWS = WINDOW[4:0] + 5'd3, VALUE_ROWS = WINDOW[4:0] + 5'd2;

  // The steps of vio/fixed/klt.py under their names; form_normal and invert_normal run in klt_solve
  // while the first window is sampled.
  localparam [3:0] IDLE = 4'd0, LEVEL = 4'd1, CURVE = 4'd2, INSIDE = 4'd3, CUT_TEMPLATE = 4'd4;
  localparam [3:0] SAMPLE_WINDOW = 4'd5, MISMATCH = 4'd6, SOLVE_STEP = 4'd7, UPDATE = 4'd8;
  localparam [3:0] PLACE_WINDOW = 4'd9, END_LEVEL = 4'd10, ACCEPT = 4'd11, ACCEPTED = 4'd12;
  localparam [3:0] RESULT = 4'd13;

  reg [3:0] state_q;
  reg stereo_q, ends_q;  // ends: the curve is asked for the row of the result
  reg [1:0] level_q;
  reg signed [18:0] u_key_q, v_key_q;
  reg signed [19:0] u_q, v_q;
  reg signed [POS_W-1:0] ul_q, vl_q, u0_q, v0_q;
  reg [2:0] status_q;
  reg [ITERATION_W-1:0] count_q, count_0_q, count_1_q, count_2_q;
  reg [2:0] pieces_q;
  reg [KNOTS*19-1:0] knots_u_q, knots_v_q;
  reg [(KNOTS-1)*13-1:0] slopes_q;
  reg signed [12:0] slope_q;
  wire taken = s_valid && s_ready;
  wire warped = level_q == 2'd0;
  wire [1:0] level_below = warped ? 2'd0 : level_q - 2'd1;

  // ---- the curve ----
  reg curve_asked_q;
  wire curve_valid;
  wire signed [21:0] curve_v;
  wire signed [12:0] curve_slope;
  curve_row #(
      .KNOTS(KNOTS),
      .UV_W(19),
      .U_W(20),
      .ROW_W(22)
  ) curve (
      .clk(clk),
      .rst(rst),
      .s_valid(state_q == CURVE && !curve_asked_q),
      .s_u(ul_q[19:0]),
      .s_pieces(pieces_q),
      .s_knots_u(knots_u_q),
      .s_knots_v(knots_v_q),
      .s_slopes(slopes_q),
      .m_valid(curve_valid),
      .m_v(curve_v),
      .m_slope(curve_slope)
  );

  // ---- the key's side of a straight level: its place two cycles after key_level ----
  reg [1:0] key_level_q;
  reg key_changed_q, key_settling_q;
  reg signed [18:0] uk_q, vk_q;
  reg signed [10:0] key_x_q, key_y_q;  // the template's corner
  reg key_inside_q;
  wire [18:0] key_half = {17'd0, key_level_q};  // of a pixel of the level: 0, 1, 2
  wire signed [18:0] uk_sum = u_key_q + $signed(key_half);
  wire signed [18:0] vk_sum = v_key_q + $signed(key_half);
  wire signed [10:0] key_x = $signed(uk_q[18:8]) - HALF_WINDOW[10:0] - 11'sd1;
  wire signed [10:0] key_y = $signed(vk_q[18:8]) - HALF_WINDOW[10:0] - 11'sd1;
  wire [10:0] key_width = cfg_width >> key_level_q;
  wire [10:0] key_height = cfg_height >> key_level_q;
  wire key_inside = !key_x[10] && !key_y[10] && {1'b0, key_x[9:0]} + {6'd0, VALUE_ROWS} < key_width
      && {1'b0, key_y[9:0]} + {6'd0, VALUE_ROWS} < key_height;
  wire key_settled = !key_changed_q && !key_settling_q;

  always @(posedge clk) begin
    uk_q <= uk_sum >>> key_level_q;
    vk_q <= vk_sum >>> key_level_q;
    key_x_q <= key_x;
    key_y_q <= key_y;
    key_inside_q <= key_inside;
  end

  // ---- the window's side ----
  wire signed [PX_W-1:0] x0 = $signed(ul_q[POS_W-1:8]) - $signed(HALF_WINDOW[PX_W-1:0]);
  wire signed [PX_W-1:0] y0 = $signed(vl_q[POS_W-1:8]) - $signed(HALF_WINDOW[PX_W-1:0]);
  wire [10:0] width = cfg_width >> level_q;
  wire [10:0] height = cfg_height >> level_q;
  wire inside = !x0[PX_W-1] && !y0[PX_W-1]
      && {1'b0, x0[PX_W-2:0]} + WINDOW[PX_W-1:0] < {{(PX_W - 11) {1'b0}}, width}
      && {1'b0, y0[PX_W-2:0]} + WINDOW[PX_W-1:0] < {{(PX_W - 11) {1'b0}}, height};
  // The region begins at a block, the window somewhat right and below of that.
  wire [10:0] begin_x = {1'b0, x0[9:0]} < MARGIN_X[10:0] ? 11'd0 : {1'b0, x0[9:0]} - MARGIN_X[10:0];
  wire [10:0] begin_y = {1'b0, y0[9:0]} < MARGIN_Y[10:0] ? 11'd0 : {1'b0, y0[9:0]} - MARGIN_Y[10:0];
  reg [8:0] column_q, row_q;  // of the region
  wire [10:0] at_x = x0[10:0] - {column_q, 2'd0};
  wire [10:0] at_y = y0[10:0] - {row_q, 2'd0};
  localparam [10:0] LAST_X = WIDTH - WINDOW - 1 > 15 ? 15 : WIDTH - WINDOW - 1;
  wire held = at_x <= LAST_X && at_y <= 11'd31 - WINDOW[10:0];

  // ---- fetches ----
  wire sets_region, changes_key, places;  // see control
  reg gives_up_d;
  wire [1:0] answer;
  wire [2:0] answered;
  wire window_ready, key_ready, sampler_ready, sampler_fetch;
  wire [8:0] sampler_column, sampler_row;
  klt_fetch fetch (
      .clk(clk),
      .rst(rst),
      .s_stereo(stereo_q),
      .window_valid(sets_region),
      .window_drop(gives_up_d),
      .window_level(level_q),
      .window_column(column_q),
      .window_row(row_q),
      .window_ready(window_ready),
      .key_valid(changes_key),
      .key_settled(key_settled),
      .key_level(key_level_q),
      .key_column(key_x_q[10:2]),
      .key_row(key_y_q[10:2]),
      .key_ready(key_ready),
      .sampler_valid(sampler_fetch),
      .sampler_column(sampler_column),
      .sampler_row(sampler_row),
      .sampler_ready(sampler_ready),
      .r_valid(r_valid),
      .r_ready(r_ready),
      .r_buffer(r_buffer),
      .r_level(r_level),
      .r_column(r_column),
      .r_row(r_row),
      .a_valid(a_valid),
      .m_target(answer),
      .m_row(answered)
  );

  // ---- regions, sampler, MAC array, scalar unit ----
  // A window that is in its region is begun in the cycle in which its place is judged.
  reg [4:0] issue_q;  // row that is issued
  reg pause_q;  // a template's rows come every second cycle, the first of its window after a cycle
  reg [4:0] address_q;  // of that row in the region
  wire sampler_done, sampler_ok, count_sample;
  wire cut_now = state_q == CUT_TEMPLATE && (warped ? sampler_done && sampler_ok : key_ready) && !pause_q;
  wire begins_now = places && !gives_up_d && held && window_ready;
  wire rows_now = (state_q == SAMPLE_WINDOW && window_ready && !pause_q) || begins_now;
  wire cut_last = cut_now && issue_q == (warped ? VALUE_ROWS : PIXEL_ROWS) - 5'd1;
  wire rows_last = rows_now && issue_q == WINDOW[4:0];
  wire [8*(WINDOW+3)-1:0] pixels;
  klt_region #(
      .PIXELS(WINDOW + 3),
      .WIDTH (WIDTH)
  ) region (
      .clk(clk),
      .s_valid(a_valid && answer != FOR_SAMPLER),
      .s_slot(answer[0]),
      .s_row(answered),
      .s_pixels(a_pixels),
      .r_slot(state_q == CUT_TEMPLATE),
      .r_row(places ? at_y[4:0] : address_q),
      .r_column(state_q == CUT_TEMPLATE ? {2'd0, key_x_q[1:0]} : at_x[3:0]),
      .m_pixels(pixels)
  );

  wire [(WINDOW+2)*(PIXEL_FRAC+8)-1:0] values;
  klt_sampler #(
      .SIDE(WINDOW),
      .FRAC(PIXEL_FRAC)
  ) sampler (
      .clk(clk),
      .rst(rst),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .s_valid(taken),
      .s_u(s_u_key),
      .s_v(s_v_key),
      .s_warp(s_warp),
      .f_valid(sampler_fetch),
      .f_column(sampler_column),
      .f_row(sampler_row),
      .f_done(sampler_ready),
      .a_valid(a_valid && answer == FOR_SAMPLER),
      .a_row(answered),
      .a_pixels(a_pixels),
      .m_done(sampler_done),
      .m_ok(sampler_ok),
      .r_row(issue_q),
      .m_values(values),
      .count_sample(count_sample)
  );

  // What is read of the regions, and what they or the sampler give now.
  reg read_q, read_template_q, pixels_q, values_q, first_q, pixels_first_q, template_q;
  reg [7:0] fraction_u_q, fraction_v_q;
  wire rows_valid, rows_template;
  wire [1:0] count_basis;
  wire [27:0] x, y, g, one, square, xx, xy, yy, xg, yg, gg, sx, sy, sg;
  always @(posedge clk) begin
    read_q <= !rst && (rows_now || (cut_now && !warped));
    values_q <= !rst && cut_now && warped;
    first_q <= issue_q == 5'd0;
    read_template_q <= state_q == CUT_TEMPLATE;
    pixels_q <= !rst && read_q;
    pixels_first_q <= first_q;
    template_q <= read_template_q;
    fraction_u_q <= read_template_q ? uk_q[7:0] : ul_q[7:0];
    fraction_v_q <= read_template_q ? vk_q[7:0] : vl_q[7:0];
  end

  klt_mac_array #(
      .SIDE(WINDOW),
      .FRAC(PIXEL_FRAC)
  ) rows (
      .clk(clk),
      .rst(rst),
      .s_valid(pixels_q),
      .s_first(pixels_first_q),
      .s_template(template_q),
      .s_pixels(pixels),
      .s_fraction_u(fraction_u_q),
      .s_fraction_v(fraction_v_q),
      .p_valid(values_q),
      .p_first(first_q),
      .p_values(values),
      .m_valid(rows_valid),
      .m_x(x),
      .m_y(y),
      .m_g(g),
      .m_1(one),
      .m_square(square),
      .m_template(rows_template),
      .m_xx(xx),
      .m_xy(xy),
      .m_yy(yy),
      .m_xg(xg),
      .m_yg(yg),
      .m_gg(gg),
      .m_sx(sx),
      .m_sy(sy),
      .m_sg(sg),
      .count_basis(count_basis)
  );
  reg [3:0] accesses_q;
  always @(posedge clk) accesses_q <= {count_basis, count_sample, read_q};

  reg sums_q;  // sums of a window wait
  reg normal_busy_q, normal_ok_q;  // the template's scalars are not known yet; they are good
  wire solve_ready, solve_valid, solve_ok, solve_small, solve_flat;
  wire signed [13:0] solve_u, solve_v;
  wire sums_here = state_q == MISMATCH && (rows_valid || sums_q) && !normal_busy_q;
  wire step_now = sums_here && normal_ok_q && solve_ready;
  klt_solve #(
      .CONTEXTS(1)
  ) solve (
      .clk(clk),
      .rst(rst),
      .cfg_step(cfg_step),
      .cfg_flat_min(cfg_flat_min),
      .s_valid(rows_template || (sums_here && normal_ok_q) || state_q == ACCEPT),
      .s_ready(solve_ready),
      .s_op(rows_template ? NORMAL_OP : state_q == ACCEPT ? ACCEPT_OP : stereo_q ? STEREO_OP : STEP_OP),
      .s_context(2'd0),
      .s_x(x),
      .s_y(y),
      .s_g(g),
      .s_1(one),
      .s_square(square),
      .s_xx(xx),
      .s_xy(xy),
      .s_yy(yy),
      .s_xg(xg),
      .s_yg(yg),
      .s_gg(gg),
      .s_sx(sx),
      .s_sy(sy),
      .s_sg(sg),
      .s_slope(slope_q),
      .s_minimum(stereo_q ? cfg_stereo_correlation_min : cfg_correlation_min),
      .m_valid(solve_valid),
      .m_ok(solve_ok),
      .m_small(solve_small),
      .m_flat(solve_flat),
      .m_u(solve_u),
      .m_v(solve_v)
  );

  // ---- update: shift, stop rule, too far from the start ----
  wire too_far;
  wire signed [18:0] u_moved, v_moved;
  klt_update #(
      .POS_W(POS_W)
  ) update (
      .clk(clk),
      .s_stereo(stereo_q),
      .s_level(level_q),
      .s_limit(stereo_q ? cfg_max_refine : cfg_max_shift),
      .s_u(u_q),
      .s_v(v_q),
      .s_u_start(u0_q),
      .s_v_start(v0_q),
      .s_u_here(ul_q),
      .s_v_here(vl_q),
      .m_too_far(too_far),
      .m_u_moved(u_moved),
      .m_v_moved(v_moved),
      .m_u(m_u),
      .m_v(m_v)
  );
  wire all_done = count_q == (stereo_q ? cfg_stereo_iterations : cfg_max_iterations);
  reg small_q;

  // ---- control ----
  wire signed [POS_W-1:0] u_wide = {{(POS_W - 20) {u_q[19]}}, u_q};
  wire signed [POS_W-1:0] v_wide = {{(POS_W - 20) {v_q[19]}}, v_q};
  wire signed [POS_W-1:0] half = {{(POS_W - 2) {1'b0}}, level_q};  // of a pixel: 0, 1, 2
  wire signed [POS_W-1:0] ul = (u_wide + half) >>> level_q;
  wire signed [POS_W-1:0] vl = (v_wide + half) >>> level_q;
  // The next window's place is judged, in the cycle of the judgement of the step but for a curve.
  assign places = state_q == PLACE_WINDOW || (state_q == UPDATE && !stereo_q && !small_q && !all_done);
  // gives_up: the level is passed over; at the finest this ends the track.
  reg [2:0] why_d;
  always @* begin
    gives_up_d = 1'b0;
    why_d = BORDER;
    case (state_q)
      INSIDE: gives_up_d = !inside || (!warped && key_settled && !key_inside_q);
      CUT_TEMPLATE: gives_up_d = warped && sampler_done && !sampler_ok;
      MISMATCH: begin
        gives_up_d = sums_here && !normal_ok_q;
        why_d = FLAT;
      end
      UPDATE: begin
        gives_up_d = too_far ? stereo_q || !small_q : places && !inside;
        why_d = too_far ? DIVERGED : BORDER;
      end
      PLACE_WINDOW: gives_up_d = !inside;
      END_LEVEL: gives_up_d = warped && !stereo_q && !inside;
      default: ;
    endcase
  end
  assign sets_region = (state_q == INSIDE && !gives_up_d && (warped || key_settled))
      || (places && !gives_up_d && !held);
  wire next_key = cut_last && level_q == 2'd2;
  wire wrong_key = state_q == LEVEL && level_q != 2'd0 && key_level_q != level_q;
  wire first_key = taken && !s_stereo && cfg_levels > 2'd1;
  assign changes_key = next_key || wrong_key || first_key;

  always @(posedge clk) begin
    if (taken) begin
      stereo_q <= s_stereo;
      u_key_q <= s_u_key;
      v_key_q <= s_v_key;
      u_q <= s_u;
      v_q <= s_v;
      pieces_q <= s_pieces;
      knots_u_q <= s_knots_u;
      knots_v_q <= s_knots_v;
      slopes_q <= s_slopes;
      count_0_q <= {ITERATION_W{1'b0}};
      count_1_q <= {ITERATION_W{1'b0}};
      count_2_q <= {ITERATION_W{1'b0}};
      ends_q <= 1'b0;
    end
    if (first_key) key_level_q <= cfg_levels - 2'd1;
    else if (next_key) key_level_q <= 2'd1;
    else if (wrong_key) key_level_q <= level_q;
    key_changed_q <= changes_key;
    key_settling_q <= key_changed_q;

    if (state_q == LEVEL) begin
      {ul_q, vl_q} <= {ul, vl};
      {u0_q, v0_q} <= {ul, vl};
      count_q <= {ITERATION_W{1'b0}};
    end
    curve_asked_q <= state_q == CURVE;
    if (state_q == CURVE && curve_valid) begin
      vl_q <= curve_v;
      slope_q <= curve_slope;
    end
    if (sets_region) {column_q, row_q} <= {begin_x[10:2], begin_y[10:2]};
    if (state_q == SOLVE_STEP && solve_valid) begin
      ul_q <= ul_q - {{(POS_W - 14) {solve_u[13]}}, solve_u};
      if (!stereo_q) vl_q <= vl_q - {{(POS_W - 14) {solve_v[13]}}, solve_v};
      small_q <= solve_small;
    end
    if (step_now) count_q <= count_q + {{(ITERATION_W - 1) {1'b0}}, 1'b1};
    if (state_q == SOLVE_STEP)
      case (level_q)
        2'd0: count_0_q <= count_q;
        2'd1: count_1_q <= count_q;
        default: count_2_q <= count_q;
      endcase
    if (state_q == END_LEVEL) begin
      u_q <= {u_moved[18], u_moved};
      v_q <= {v_moved[18], v_moved};
    end
    if (state_q == CURVE && curve_valid && ends_q) begin
      u_q <= ul_q[19:0];
      v_q <= curve_v[19:0];
    end

    if (cut_now || rows_now) issue_q <= cut_last || rows_last ? 5'd0 : issue_q + 5'd1;
    pause_q <= cut_now && !(cut_last && warped);
    if (cut_last) address_q <= at_y[4:0];
    else if (places) address_q <= at_y[4:0] + {4'd0, window_ready};  // if at all, it begins now
    else if (cut_now || rows_now) address_q <= address_q + 5'd1;
    else if (state_q == CUT_TEMPLATE || state_q == INSIDE) begin
      if (!pause_q) address_q <= {3'd0, key_y_q[1:0]};
    end else address_q <= at_y[4:0];
    if (rows_valid) sums_q <= 1'b1;
    if (rows_template) normal_busy_q <= 1'b1;
    else if (solve_valid) normal_busy_q <= 1'b0;
    if (normal_busy_q && solve_valid) normal_ok_q <= solve_ok;
    if (cut_last) normal_busy_q <= 1'b1;

    if (rst) begin
      state_q <= IDLE;
      issue_q <= 5'd0;
      pause_q <= 1'b0;
      sums_q <= 1'b0;
      key_changed_q <= 1'b0;
      key_settling_q <= 1'b0;
    end else if (gives_up_d) begin
      sums_q <= 1'b0;
      status_q <= why_d;
      level_q <= level_below;
      state_q <= warped ? RESULT : LEVEL;
    end else begin
      case (state_q)
        IDLE:
        if (s_valid) begin
          level_q <= s_stereo ? 2'd0 : cfg_levels - 2'd1;
          state_q <= LEVEL;
        end
        LEVEL: state_q <= stereo_q ? CURVE : INSIDE;
        CURVE:
        if (curve_valid) state_q <= ends_q ? RESULT : count_q == {ITERATION_W{1'b0}} ? INSIDE : PLACE_WINDOW;
        INSIDE: if (warped || key_settled) state_q <= CUT_TEMPLATE;
        CUT_TEMPLATE: if (cut_last) state_q <= SAMPLE_WINDOW;
        SAMPLE_WINDOW: if (rows_last) state_q <= MISMATCH;
        MISMATCH:
        if (step_now) begin
          sums_q <= 1'b0;
          state_q <= SOLVE_STEP;
        end
        SOLVE_STEP:
        if (solve_valid) begin
          status_q <= DIVERGED;
          state_q <= stereo_q && !solve_ok ? RESULT : UPDATE;
        end
        UPDATE: state_q <= small_q || all_done ? END_LEVEL : stereo_q ? CURVE : SAMPLE_WINDOW;
        PLACE_WINDOW: state_q <= SAMPLE_WINDOW;
        END_LEVEL: begin
          level_q <= level_below;
          state_q <= warped ? ACCEPT : LEVEL;
        end
        ACCEPT: if (solve_ready) state_q <= ACCEPTED;
        ACCEPTED:
        if (solve_valid) begin
          ends_q <= 1'b1;
          status_q <= solve_flat && !stereo_q ? FLAT : solve_ok ? TRACKED : RESIDUAL;
          state_q <= stereo_q && solve_ok ? CURVE : RESULT;
        end
        RESULT: if (m_ready) state_q <= IDLE;
        default: state_q <= IDLE;
      endcase
    end
  end

  wire unused = &{1'b0, begin_x[1:0], begin_y[1:0], at_x[10:5],
      at_y[10:5], x0[PX_W-2:11], y0[PX_W-2:11]};

  assign s_ready = state_q == IDLE;
  assign m_valid = state_q == RESULT;
  assign m_status = status_q;
  assign m_iterations = {count_2_q, count_1_q, count_0_q};
  assign count_accesses = accesses_q;

endmodule

`default_nettype wire
