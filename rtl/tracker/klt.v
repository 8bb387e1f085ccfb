// SPDX-License-Identifier: Apache-2.0
// Follow windows through the levels of the pyramid, or refine stereo matches along their curve: several at a
// time, each in a context, results in the order of the requests.
//
// Following (s_stereo 0): equals `track_windows` of vio/fixed/klt.py for each window; the template is cut
//             out of the key, the window out of the current frame.
// Refining (1): equals `refine` of vio/fixed/stereo.py from `cut_template` on; the template is cut out
//             of level 0 of the current frame at (u_key, v_key), the window out of the right image at
//             column u of the curve. TRACKED: m_u, m_v; any other status: no match. One match at a time.
// Reading:    r_* asks for block rows of a frame buffer (buffers 0 key, 1 current, 2 right), a_* answers in
//             order after any latency, its four quarters in four cycles, from the left to the right. A region of 32x32
//             pixels is fetched for a level's template and one for its window; a window that leaves its region
//             has it fetched anew. What was asked for before a reset must not be answered after it (the reader
//             is reset as well).
// Barrel:     contexts share the units, each of which works for one after the other: klt_place decides where a
//             context's window goes, klt_fetch fetches regions, the MAC array compares or forms a template, a job
//             after the other without a pause, klt_solve has the arithmetic between sums and steps, the sampler
//             warps a template. Where several contexts wait for a unit, the oldest goes first.
// Q formats:  pixels sQ10.8 (start one bit more), map sQ1.14, slopes sQ0.12.
// Overflow:   places saturate to sQ10.8 at the end of a level, as in the model.
// Latency:    an iteration is WINDOW + 55 cycles of a context (70 for a window of 15) if no unit is busy. Throughput: an
//             iteration is WINDOW + 1 cycles of the MAC array, a template 2 (WINDOW + 3), a track's warped template
//             (WINDOW + 2)^2 + 65 of the sampler. Multipliers: MAC array 77, sampler 2, scalar unit 8.
//             Block RAM: 7 of the regions, 14 of the bases and samples.
// Length:     it connects the units and holds what each context waits for, which all of them set and clear.
`default_nettype none

module klt #(
    parameter ITERATION_W = 4,  // ITERATION_BITS
    parameter KNOTS       = 5,  // STEREO_SEGMENTS + 1
    parameter CONTEXTS    = 4   // windows in flight, 2 .. 4
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

    // Result, in the order of the requests
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
    input  wire         a_valid,
    input  wire [   1:0] a_part,
    input  wire [ 255:0] a_pixels,

    // Accesses: a row of the basis read, written, a sample out of its region, a row out of a region
    output wire [3:0] count_accesses
);

  `include "vio_params.vh"

  generate
    if (ITERATION_W != ITERATION_BITS || KNOTS != STEREO_SEGMENTS + 1 || WARP_LEVELS != 1
        || MAX_LEVELS > 3 || WINDOW > 15) begin : g_bad_preset
      klt_does_not_fit_this_preset bad_parameter ();
    end
    if (CONTEXTS < 2 || CONTEXTS > 4) begin : g_bad_contexts
      klt_CONTEXTS_must_be_2_to_4 bad_parameter ();
    end
  endgenerate

  // As in vio/frontend/klt.py.
  localparam [2:0] TRACKED = 3'd0, BORDER = 3'd1, FLAT = 3'd2, RESIDUAL = 3'd4;
  localparam [1:0] FOR_KEY = 2'd1, FOR_SAMPLER = 2'd2;  // of klt_fetch.v
  localparam [1:0] NORMAL_OP = 2'd0, STEP_OP = 2'd1, STEREO_OP = 2'd2, ACCEPT_OP = 2'd3;
  localparam [1:0] LEVEL = 2'd0, STEP = 2'd1, ACCEPT = 2'd2, QUIT = 2'd3;  // of klt_place.v
  localparam CW = $clog2(CONTEXTS);
  localparam LAST_CONTEXT = CONTEXTS - 1;
  localparam [CONTEXTS-1:0] NONE = {CONTEXTS{1'b0}}, ONE = {{(CONTEXTS - 1) {1'b0}}, 1'b1};
  localparam IW = ITERATION_W;

  // ======== contexts: a ring; a request takes the next, the oldest gives its result ========
  reg [CW-1:0] newest_q, oldest_q;  // the next to be taken, the next to be done
  reg [CONTEXTS-1:0] from_q;  // from the oldest to the last
  reg [CONTEXTS*CONTEXTS-1:0] before_q;  // the one is older than the other, of klt_oldest.v
  reg [CONTEXTS-1:0] busy_q, stereo_q, done_q, sampled_q;
  reg match_q;  // a match is refined
  wire taken = s_valid && s_ready;
  wire given = m_valid && m_ready;
  wire [CONTEXTS-1:0] from_d = rst || (given && oldest_q == LAST_CONTEXT[CW-1:0]) ? {CONTEXTS{1'b1}}
      : given ? from_q << 1 : from_q;
  reg [CONTEXTS*CONTEXTS-1:0] before_d;
  integer j, k;
  always @*
    for (j = 0; j < CONTEXTS; j = j + 1)
      for (k = 0; k < CONTEXTS; k = k + 1) before_d[CONTEXTS*j+k] = j < k ? from_d[j] || !from_d[k] : from_d[j] && !from_d[k];
  always @(posedge clk) {from_q, before_q} <= {from_d, before_d};
  assign s_ready = !busy_q[newest_q] && !(s_stereo && match_q);
  assign m_valid = done_q[oldest_q] && sampled_q[oldest_q];

  // What each waits for: its template's region or samples, its window's region, its sums or a decision.
  reg [CONTEXTS-1:0] begins_q;  // a level is to be begun
  reg [CONTEXTS-1:0] template_q, compare_q, warped_q;
  reg [CONTEXTS-1:0] normal_q, step_q, accept_q;
  reg [CONTEXTS-1:0] samples_ok_q;
  wire [CONTEXTS-1:0] window_here, key_here;

  // ======== where windows go ========
  wire d_valid, d_again, d_accept, d_done, d_template, d_fetch, d_stereo, d_warped;
  wire [CW-1:0] d_context;
  wire [1:0] d_level;
  wire [8:0] d_column, d_row;
  wire [3:0] d_at_x;
  wire [4:0] d_at_y;
  wire [7:0] d_fraction_u, d_fraction_v, d_key_fraction_u, d_key_fraction_v;
  wire [10:0] d_key_x, d_key_y;
  wire [12:0] slope;
  wire [19:0] d_u, d_v;
  wire [2:0] d_status;
  wire [3*IW-1:0] d_iterations;

  // An event: the scalar unit's answer, else a context that begins a level or whose samples leave the image.
  wire solve_valid, solve_ok, solve_small, solve_flat;
  wire [1:0] solve_op;
  wire [2:0] solve_wide;
  wire [CW-1:0] solve_context = solve_wide[CW-1:0];
  wire signed [13:0] solve_u, solve_v;
  wire solved = solve_valid && !(solve_op == NORMAL_OP && solve_ok);
  wire [CONTEXTS-1:0] fails = template_q & warped_q & window_here & sampled_q & ~samples_ok_q;
  reg [CONTEXTS-1:0] fails_q;
  wire [CONTEXTS-1:0] waiting = begins_q | fails_q;
  wire [CONTEXTS-1:0] waiting_one;
  wire [CW-1:0] waiting_context;
  klt_oldest #(
      .CONTEXTS(CONTEXTS)
  ) first_event (
      .s_wanted (waiting),
      .s_before(before_q),
      .m_one    (waiting_one),
      .m_context(waiting_context)
  );
  wire event_waits = |waiting && !solved;
  wire [CONTEXTS-1:0] event_taken = event_waits ? waiting_one : NONE;
  reg e_valid_q, e_ok_q, e_small_q;
  reg [1:0] e_op_q;
  reg [CW-1:0] e_context_q;
  reg [2:0] e_status_q;
  reg signed [13:0] e_u_q, e_v_q;
  always @(posedge clk) begin
    fails_q <= rst ? NONE : fails & ~event_taken;
    e_valid_q <= (solved || |waiting) && !rst;
    e_context_q <= solved ? solve_context : waiting_context;
    e_op_q <= !solved ? (|(begins_q & waiting_one) ? LEVEL : QUIT)
        : solve_op == NORMAL_OP ? QUIT : solve_op == ACCEPT_OP ? ACCEPT : STEP;
    e_ok_q <= solve_ok;
    e_small_q <= solve_small;
    e_status_q <= !solved ? BORDER : solve_op == NORMAL_OP ? FLAT
        : solve_flat && !stereo_q[solve_context] ? FLAT : solve_ok ? TRACKED : RESIDUAL;
    {e_u_q, e_v_q} <= {solve_u, solve_v};
  end

  klt_place #(
      .CONTEXTS(CONTEXTS),
      .ITERATION_W(ITERATION_W),
      .KNOTS(KNOTS)
  ) decide (
      .clk(clk),
      .rst(rst),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .cfg_levels(cfg_levels),
      .cfg_max_iterations(cfg_max_iterations),
      .cfg_max_shift(cfg_max_shift),
      .cfg_stereo_iterations(cfg_stereo_iterations),
      .cfg_max_refine(cfg_max_refine),
      .t_valid(taken),
      .t_context(newest_q),
      .t_stereo(s_stereo),
      .t_u_key(s_u_key),
      .t_v_key(s_v_key),
      .t_u(s_u),
      .t_v(s_v),
      .t_pieces(s_pieces),
      .t_knots_u(s_knots_u),
      .t_knots_v(s_knots_v),
      .t_slopes(s_slopes),
      .s_valid(e_valid_q),
      .s_op(e_op_q),
      .s_context(e_context_q),
      .s_ok(e_ok_q),
      .s_small(e_small_q),
      .s_status(e_status_q),
      .s_u(e_u_q),
      .s_v(e_v_q),
      .m_valid(d_valid),
      .m_context(d_context),
      .m_again(d_again),
      .m_accept(d_accept),
      .m_done(d_done),
      .m_template(d_template),
      .m_fetch(d_fetch),
      .m_stereo(d_stereo),
      .m_warped(d_warped),
      .m_level(d_level),
      .m_column(d_column),
      .m_row(d_row),
      .m_at_x(d_at_x),
      .m_at_y(d_at_y),
      .m_fraction_u(d_fraction_u),
      .m_fraction_v(d_fraction_v),
      .m_key_x(d_key_x),
      .m_key_y(d_key_y),
      .m_key_fraction_u(d_key_fraction_u),
      .m_key_fraction_v(d_key_fraction_v),
      .m_slope(slope),
      .m_u(d_u),
      .m_v(d_v),
      .m_status(d_status),
      .m_iterations(d_iterations)
  );

  // ======== regions ========
  wire sampler_fetch, sampler_here;
  wire [8:0] sampler_column, sampler_row;
  wire [1:0] answer;
  wire [CW-1:0] answer_context;
  wire [2:0] answered;
  reg [CW-1:0] sampling_context_q;
  klt_fetch #(
      .CONTEXTS(CONTEXTS)
  ) fetch (
      .clk(clk),
      .rst(rst),
      .s_before(before_q),
      .p_valid(d_valid && d_fetch),
      .p_context(d_context),
      .p_stereo(d_stereo),
      .p_level(d_level),
      .p_column(d_column),
      .p_row(d_row),
      .p_key(d_template && !d_warped),
      .p_key_column(d_key_x[10:2]),
      .p_key_row(d_key_y[10:2]),
      .window_here(window_here),
      .key_here(key_here),
      .f_valid(sampler_fetch),
      .f_stereo(stereo_q[sampling_context_q]),
      .f_column(sampler_column),
      .f_row(sampler_row),
      .f_ready(sampler_here),
      .r_valid(r_valid),
      .r_ready(r_ready),
      .r_buffer(r_buffer),
      .r_level(r_level),
      .r_column(r_column),
      .r_row(r_row),
      .a_valid(a_valid),
      .a_part(a_part),
      .m_target(answer),
      .m_context(answer_context),
      .m_row(answered)
  );

  // ======== jobs of the MAC array: rows of a region or of samples ========
  wire job_row, job_first, job_template, job_sampled, job_key;
  wire [CW-1:0] job_context;
  wire [4:0] job_address;
  wire [3:0] job_column;
  wire [7:0] job_fraction_u, job_fraction_v;
  wire [CONTEXTS-1:0] job_taken;
  klt_jobs #(
      .CONTEXTS(CONTEXTS)
  ) jobs (
      .clk(clk),
      .rst(rst),
      .s_before(before_q),
      .p_valid(d_valid),
      .p_context(d_context),
      .p_window({d_at_y, d_at_x, d_fraction_v, d_fraction_u}),
      .p_template({d_key_y[1:0], d_key_x[1:0], d_key_fraction_v, d_key_fraction_u}),
      .s_templates(template_q & window_here & ((warped_q & sampled_q & samples_ok_q) | (~warped_q & key_here))),
      .s_windows(compare_q & window_here),
      .s_warped(warped_q),
      .s_taken(job_taken),
      .m_valid(job_row),
      .m_first(job_first),
      .m_template(job_template),
      .m_sampled(job_sampled),
      .m_context(job_context),
      .m_row(job_address),
      .m_column(job_column),
      .m_fraction_u(job_fraction_u),
      .m_fraction_v(job_fraction_v)
  );
  assign job_key = job_template;

  wire [8*(WINDOW+3)-1:0] pixels;
  klt_region #(
      .PIXELS (WINDOW + 3),
      .WIDTH  (28),
      .REGIONS(2 << CW)
  ) region (
      .clk(clk),
      .s_valid(a_valid && answer != FOR_SAMPLER),
      .s_part(a_part),
      .s_region({answer_context, answer == FOR_KEY}),
      .s_row(answered),
      .s_pixels(a_pixels),
      .r_region({job_context, job_key}),
      .r_row(job_address),
      .r_column(job_column),
      .m_pixels(pixels)
  );

  // ======== samples: of the contexts in their order ========
  reg [CW-1:0] sample_next_q;
  reg sampling_q;
  reg [101:0] sample_mem[0:CONTEXTS-1];
  wire [101:0] sample = sample_mem[sample_next_q];
  wire sample_done, sample_ok, count_sample;
  wire sample_now = !sampling_q && busy_q[sample_next_q] && !sampled_q[sample_next_q];
  wire sampled_now = sampling_q && sample_done;
  wire sample_row;
  wire [4:0] sample_index;
  wire [(WINDOW+2)*(PIXEL_FRAC+8)-1:0] values;
  always @(posedge clk) begin
    if (taken) sample_mem[newest_q] <= {s_u_key, s_v_key, s_warp};
    if (sample_now) sampling_context_q <= sample_next_q;
  end
  klt_sampler #(
      .SIDE(WINDOW),
      .FRAC(PIXEL_FRAC)
  ) sampler (
      .clk(clk),
      .rst(rst),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .s_valid(sample_now),
      .s_u(sample[101:83]),
      .s_v(sample[82:64]),
      .s_warp(sample[63:0]),
      .f_valid(sampler_fetch),
      .f_column(sampler_column),
      .f_row(sampler_row),
      .f_done(sampler_here),
      .a_valid(a_valid && answer == FOR_SAMPLER),
      .a_part(a_part),
      .a_row(answered),
      .a_pixels(a_pixels),
      .m_done(sample_done),
      .m_ok(sample_ok),
      .m_valid(sample_row),
      .m_row(sample_index),
      .m_values(values),
      .count_sample(count_sample)
  );

  // ======== MAC array: its control comes four cycles after a row's address, a cycle before its pixels ========
  localparam CONTROL_W = 4 + CW + 16;
  reg [CONTROL_W-1:0] control1_q, control2_q, control3_q, control4_q;
  reg read_q;
  wire row_valid, row_first, row_template, row_sampled;
  wire [CW-1:0] row_context, sums_context;
  wire [7:0] row_fraction_u, row_fraction_v;
  assign {row_valid, row_first, row_template, row_sampled, row_context, row_fraction_v, row_fraction_u} = control4_q;
  always @(posedge clk) begin
    control1_q <= {job_row && !rst, job_first, job_template, job_sampled, job_context, job_fraction_v, job_fraction_u};
    control2_q <= rst ? {CONTROL_W{1'b0}} : control1_q;
    control3_q <= rst ? {CONTROL_W{1'b0}} : control2_q;
    control4_q <= rst ? {CONTROL_W{1'b0}} : control3_q;
    read_q <= job_row && !job_sampled;
  end
  wire compared, formed;
  wire [1:0] count_basis;
  wire [27:0] x, y, g, one, square, xx, xy, yy, xg, yg, gg, sx, sy, sg;
  klt_mac_array #(
      .SIDE(WINDOW),
      .FRAC(PIXEL_FRAC),
      .CONTEXTS(CONTEXTS)
  ) rows (
      .clk(clk),
      .rst(rst),
      .s_valid(row_valid),
      .s_first(row_first),
      .s_template(row_template),
      .s_sampled(row_sampled),
      .s_context(row_context),
      .s_fraction_u(row_fraction_u),
      .s_fraction_v(row_fraction_v),
      .s_pixels(pixels),
      .w_valid(sample_row),
      .w_context(sampling_context_q),
      .w_row(sample_index),
      .w_values(values),
      .m_valid(compared),
      .m_context(sums_context),
      .m_x(x),
      .m_y(y),
      .m_g(g),
      .m_1(one),
      .m_square(square),
      .m_template(formed),
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

  // ======== scalar unit: sums wait until it is their turn ========
  // A template's sums of the second kind are those of a window: xg, yg, sy, gg, sg. Sums of the first order are short.
  reg [129:0] sums_mem[0:CONTEXTS-1];
  reg [101:0] template_sums_mem[0:CONTEXTS-1];
  reg [1:0] offer_op_q;
  reg [CW-1:0] offer_context_q;
  wire [129:0] sums = sums_mem[offer_context_q];
  wire [101:0] template_sums = template_sums_mem[offer_context_q];
  wire unused_sums = &{1'b0, xg, yg, sy, gg, sg, one[27:18], sx[27:18]};
  wire [CONTEXTS-1:0] solvable = normal_q | step_q | accept_q;
  wire [CONTEXTS-1:0] solve_one;
  wire [CW-1:0] first_solved;
  klt_oldest #(
      .CONTEXTS(CONTEXTS)
  ) first_solve (
      .s_wanted (solvable),
      .s_before(before_q),
      .m_one    (solve_one),
      .m_context(first_solved)
  );
  reg offered_q;  // the scalar unit is offered a context
  wire solve_ready;
  wire solve_pick = (!offered_q || solve_ready) && |solvable;
  wire [CONTEXTS-1:0] solve_taken = solve_pick ? solve_one : NONE;
  always @(posedge clk) begin
    if (compared || formed) sums_mem[sums_context] <= {x, y, g, square, one[17:0]};
    if (formed) template_sums_mem[sums_context] <= {xx, xy, yy, sx[17:0]};
    if (solve_pick) begin
      offer_context_q <= first_solved;
      offer_op_q <= |(normal_q & solve_one) ? NORMAL_OP : |(accept_q & solve_one) ? ACCEPT_OP
          : |(stereo_q & solve_one) ? STEREO_OP : STEP_OP;
    end
    offered_q <= (solve_pick || (offered_q && !solve_ready)) && !rst;
  end
  wire [27:0] sum_x, sum_y, sum_g, sum_square, sum_xx, sum_xy, sum_yy;
  wire [17:0] sum_1, sum_sx;
  assign {sum_x, sum_y, sum_g, sum_square, sum_1} = sums;
  assign {sum_xx, sum_xy, sum_yy, sum_sx} = template_sums;
  klt_solve #(
      .CONTEXTS(CONTEXTS)
  ) solve (
      .clk(clk),
      .rst(rst),
      .cfg_step(cfg_step),
      .cfg_flat_min(cfg_flat_min),
      .s_valid(offered_q),
      .s_ready(solve_ready),
      .s_op(offer_op_q),
      .s_context({{(3 - CW) {1'b0}}, offer_context_q}),
      .s_x(sum_x),
      .s_y(sum_y),
      .s_g(sum_g),
      .s_1({{10{sum_1[17]}}, sum_1}),
      .s_square(sum_square),
      .s_xx(sum_xx),
      .s_xy(sum_xy),
      .s_yy(sum_yy),
      .s_xg(sum_x),
      .s_yg(sum_y),
      .s_gg(sum_square),
      .s_sx({{10{sum_sx[17]}}, sum_sx}),
      .s_sy({{10{sum_g[17]}}, sum_g[17:0]}),
      .s_sg({{10{sum_1[17]}}, sum_1}),
      .s_slope(slope),
      .s_minimum(stereo_q[offer_context_q] ? cfg_stereo_correlation_min : cfg_correlation_min),
      .m_valid(solve_valid),
      .m_op(solve_op),
      .m_context(solve_wide),
      .m_ok(solve_ok),
      .m_small(solve_small),
      .m_flat(solve_flat),
      .m_u(solve_u),
      .m_v(solve_v)
  );

  // ======== what each context waits for ========
  wire [CONTEXTS-1:0] decided = d_valid ? ONE << d_context : NONE;
  wire [CONTEXTS-1:0] began = taken ? ONE << newest_q : NONE;
  wire [CONTEXTS-1:0] ended = given ? ONE << oldest_q : NONE;
  wire compares = d_valid && !d_again && !d_accept && !d_done && !d_template;
  wire trackable = solve_valid && solve_op == NORMAL_OP && solve_ok;
  always @(posedge clk)
    if (rst) begin
      {newest_q, oldest_q, sample_next_q} <= {(3 * CW) {1'b0}};
      {busy_q, done_q, sampled_q, begins_q, template_q, compare_q, normal_q, step_q, accept_q} <= {(9 * CONTEXTS) {1'b0}};
      match_q <= 1'b0;
      sampling_q <= 1'b0;
    end else begin
      if (taken) newest_q <= newest_q == LAST_CONTEXT[CW-1:0] ? {CW{1'b0}} : newest_q + {{(CW - 1) {1'b0}}, 1'b1};
      if (given) oldest_q <= oldest_q == LAST_CONTEXT[CW-1:0] ? {CW{1'b0}} : oldest_q + {{(CW - 1) {1'b0}}, 1'b1};
      if (sampled_now)
        sample_next_q <= sample_next_q == LAST_CONTEXT[CW-1:0] ? {CW{1'b0}} : sample_next_q + {{(CW - 1) {1'b0}}, 1'b1};
      busy_q <= (busy_q | began) & ~ended;
      match_q <= (match_q && !(given && stereo_q[oldest_q])) || (taken && s_stereo);
      done_q <= (done_q | (d_done ? decided : NONE)) & ~ended;
      sampling_q <= sample_now || (sampling_q && !sample_done);
      sampled_q <= (sampled_q | (sampled_now ? ONE << sample_next_q : NONE)) & ~began;
      begins_q <= (begins_q & ~event_taken) | began | (d_again ? decided : NONE);
      template_q <= (template_q & ~event_taken & ~job_taken) | (d_template ? decided : NONE);
      compare_q <= (compare_q & ~job_taken) | (compares ? decided : NONE)
          | (trackable ? ONE << solve_context : NONE);
      normal_q <= (normal_q & ~solve_taken) | (formed ? ONE << sums_context : NONE);
      step_q <= (step_q & ~solve_taken) | (compared ? ONE << sums_context : NONE);
      accept_q <= (accept_q & ~solve_taken) | (d_accept ? decided : NONE);
    end
  always @(posedge clk) begin
    if (taken) stereo_q[newest_q] <= s_stereo;
    if (sampled_now) samples_ok_q[sample_next_q] <= sample_ok;
    if (d_valid) warped_q[d_context] <= d_warped;
  end

  // ======== results ========
  reg [42+3*IW:0] result_mem[0:CONTEXTS-1];
  wire [42+3*IW:0] result = result_mem[oldest_q];
  always @(posedge clk) if (d_valid && d_done) result_mem[d_context] <= {d_iterations, d_status, d_v, d_u};
  wire [1:0] unused_saturated;
  wire unused = &{1'b0, unused_saturated, unused_sums, solve_wide};
  round_saturate #(
      .IN_W (20),
      .SHIFT(0),
      .OUT_W(19)
  ) narrow_u (
      .s_data(result[19:0]),
      .m_data(m_u),
      .m_saturated(unused_saturated[0])
  );
  round_saturate #(
      .IN_W (20),
      .SHIFT(0),
      .OUT_W(19)
  ) narrow_v (
      .s_data(result[39:20]),
      .m_data(m_v),
      .m_saturated(unused_saturated[1])
  );
  assign m_status = result[42:40];
  assign m_iterations = result[43+:3*IW];
  assign count_accesses = accesses_q;

endmodule

`default_nettype wire
