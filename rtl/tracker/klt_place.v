// SPDX-License-Identifier: Apache-2.0
// Decide where the windows of the tracker's contexts go: an event in, what its context does next out.
//
// Events (s_op), one at a time of a context:
//   LEVEL  (0): it begins a level: places of window and template, both regions are to be fetched.
//   STEP   (1): klt_solve's step of the last window, s_ok 0: there is none. The next place, if there is one: its
//               region is fetched where the held one does not hold it; or the level ends.
//   ACCEPT (2): the last window is decided on, s_status is the result; a match is moved to its curve.
//   QUIT   (3): the level is passed over because of s_status; at the finest this ends the track.
// The steps are those of `track_span` (vio/fixed/klt.py) and of `refine` (vio/fixed/stereo.py) under their names.
// Q formats:  pixels sQ10.8 (start one bit more); on a level POS_W bits with 8 fraction bits.
// Overflow:   places saturate to sQ10.8 at the end of a level, as in the model.
// Latency:    9 cycles from s_valid to m_valid. Throughput: an event a cycle, of different contexts. One context
//             at a time may refine a match.
// Memory:     per context about 240 bits of LUT RAM.
// Length:     nine stages of one pipeline, each a list of what passes through it; parts would repeat the lists.
`default_nettype none

module klt_place #(
    parameter CONTEXTS    = 4,  // 2 .. 16
    parameter ITERATION_W = 4,  // ITERATION_BITS
    parameter KNOTS       = 5   // STEREO_SEGMENTS + 1
) (
    input wire clk,
    input wire rst,

    input wire [           10:0] cfg_width,
    input wire [           10:0] cfg_height,
    input wire [            1:0] cfg_levels,
    input wire [ITERATION_W-1:0] cfg_max_iterations,
    input wire [           13:0] cfg_max_shift,
    input wire [ITERATION_W-1:0] cfg_stereo_iterations,
    input wire [           13:0] cfg_max_refine,

    // A new request; its first event is a LEVEL, a cycle later or more
    input wire                               t_valid,
    input wire        [$clog2(CONTEXTS)-1:0] t_context,
    input wire                               t_stereo,
    input wire signed [                18:0] t_u_key,
    input wire signed [                18:0] t_v_key,
    input wire signed [                19:0] t_u,
    input wire signed [                19:0] t_v,
    input wire        [                 2:0] t_pieces,   // the curve of the one that refines
    input wire        [        KNOTS*19-1:0] t_knots_u,
    input wire        [        KNOTS*19-1:0] t_knots_v,
    input wire        [    (KNOTS-1)*13-1:0] t_slopes,

    // Event
    input wire                               s_valid,
    input wire        [                 1:0] s_op,
    input wire        [$clog2(CONTEXTS)-1:0] s_context,
    input wire                               s_ok,
    input wire                               s_small,
    input wire        [                 2:0] s_status,
    input wire signed [                13:0] s_u,
    input wire signed [                13:0] s_v,

    // Decision: one of again (a LEVEL), accept, done, or else a window is compared, at first with a template
    output wire                         m_valid,
    output wire [ $clog2(CONTEXTS)-1:0] m_context,
    output wire                         m_again,
    output wire                         m_accept,
    output wire                         m_done,
    output wire                         m_template,
    output wire                         m_fetch,        // the window's region is to be fetched
    output wire                         m_stereo,
    output wire                         m_warped,       // the template is the sampler's
    output wire [                  1:0] m_level,
    output wire [                  8:0] m_column,       // region of the window, blocks
    output wire [                  8:0] m_row,
    output wire [                  3:0] m_at_x,         // the window in it, pixels
    output wire [                  4:0] m_at_y,
    output wire [                  7:0] m_fraction_u,
    output wire [                  7:0] m_fraction_v,
    output wire [                 10:0] m_key_x,        // corner of the template, pixels
    output wire [                 10:0] m_key_y,
    output wire [                  7:0] m_key_fraction_u,
    output wire [                  7:0] m_key_fraction_v,
    output wire [                 12:0] m_slope,        // of the curve at the window, till the next match's
    output wire [                 19:0] m_u,            // result
    output wire [                 19:0] m_v,
    output wire [                  2:0] m_status,
    output wire [    3*ITERATION_W-1:0] m_iterations    // level 0 in the low bits
);

  `include "vio_params.vh"

  localparam [1:0] LEVEL = 2'd0, STEP = 2'd1, ACCEPT = 2'd2, QUIT = 2'd3;
  localparam [2:0] TRACKED = 3'd0, BORDER = 3'd1, DIVERGED = 3'd3;  // as in vio/frontend/klt.py
  localparam CW = $clog2(CONTEXTS);
  localparam IW = ITERATION_W;
  localparam HALF_WINDOW = WINDOW / 2;
  localparam WIDTH = 28;  // what is kept of a region's 32 columns
  // Of a window in its region, at its left and top.
  localparam MARGIN_X = (WIDTH - WINDOW - 1) / 2 - 2;
  localparam MARGIN_Y = (32 - WINDOW - 1) / 2 - 2;
  localparam [10:0] LAST_X = WIDTH - WINDOW - 1 > 15 ? 15 : WIDTH - WINDOW - 1;
  localparam [10:0] LAST_Y = 31 - WINDOW;
  localparam POS_W = 22;
  localparam PX_W = POS_W - 8;
  localparam [4:0] VALUE_ROWS = WINDOW[4:0] + 5'd2;

  // ---- what goes with an event from stage to stage ----
  localparam PASS_W = 1 + CW + 2 + 1 + 1 + 1 + 3 + 2 + 1;
  reg [PASS_W-1:0] pass1_q, pass2_q, pass3_q, pass4_q, pass5_q, pass6_q, pass7_q, pass8_q;
  wire valid1, stereo1, ok1, small1, fresh1;
  wire [CW-1:0] context1, context2, context4, context6, context8;
  wire [1:0] op1, level1;
  wire [2:0] status1;
  assign {valid1, context1, op1, stereo1, ok1, small1, status1, level1, fresh1} = pass1_q;

  // ---- 0: what is known of the context ----
  reg [78:0] request_mem[0:CONTEXTS-1];  // stereo, u_key, v_key, u, v
  reg [2*POS_W+IW+1:0] place_mem[0:CONTEXTS-1];  // level, count, place on it
  reg [39:0] origin_mem[0:CONTEXTS-1];  // place on level 0
  reg [CONTEXTS-1:0] fresh_q;
  wire [78:0] request = request_mem[s_context];
  wire [2*POS_W+IW+1:0] place = place_mem[s_context];
  wire fresh = fresh_q[s_context] && s_op == LEVEL;
  wire stereo = request[78];
  reg signed [18:0] u_key1_q, v_key1_q;
  reg signed [19:0] u1_q, v1_q;
  reg signed [POS_W-1:0] ul1_q, vl1_q;
  reg signed [13:0] step_u1_q, step_v1_q;
  reg [IW-1:0] count1_q;
  always @(posedge clk) begin
    if (t_valid) request_mem[t_context] <= {t_stereo, t_u_key, t_v_key, t_u, t_v};
    pass1_q <= {s_valid && !rst, s_context, s_op, stereo, s_ok, s_small, s_status,
                !fresh ? place[2*POS_W+IW+:2] : stereo ? 2'd0 : cfg_levels - 2'd1, fresh};
    {u_key1_q, v_key1_q} <= request[77:40];
    {u1_q, v1_q} <= fresh ? request[39:0] : origin_mem[s_context];
    {count1_q, ul1_q, vl1_q} <= place[2*POS_W+IW-1:0];
    step_u1_q <= s_u;
    step_v1_q <= stereo ? 14'd0 : s_v;
    if (rst) fresh_q <= {CONTEXTS{1'b0}};
    else begin
      if (s_valid && s_op == LEVEL) fresh_q[s_context] <= 1'b0;
      if (t_valid) fresh_q[t_context] <= 1'b1;
    end
  end

  // ---- 1: halves of a pixel of the level, steps ----
  wire begins1 = op1 == LEVEL;
  wire [POS_W-1:0] half1 = {{(POS_W - 2) {1'b0}}, level1};  // of a pixel: 0, 1, 2
  wire [POS_W-1:0] less_u1 = op1 == STEP ? ~{{(POS_W - 14) {step_u1_q[13]}}, step_u1_q} : {POS_W{1'b1}};
  wire [POS_W-1:0] less_v1 = op1 == STEP ? ~{{(POS_W - 14) {step_v1_q[13]}}, step_v1_q} : {POS_W{1'b1}};
  reg signed [POS_W-1:0] ul2_q, vl2_q;
  reg signed [18:0] uk2_q, vk2_q;
  reg signed [19:0] u2_q, v2_q;
  reg [IW-1:0] count2_q;
  always @(posedge clk) begin
    pass2_q <= pass1_q;
    if (rst) pass2_q[PASS_W-1] <= 1'b0;
    ul2_q <= (begins1 ? {{(POS_W - 20) {u1_q[19]}}, u1_q} : ul1_q) + (begins1 ? half1 : less_u1)
        + {{(POS_W - 1) {1'b0}}, !begins1};
    vl2_q <= (begins1 ? {{(POS_W - 20) {v1_q[19]}}, v1_q} : vl1_q) + (begins1 ? half1 : less_v1)
        + {{(POS_W - 1) {1'b0}}, !begins1};
    uk2_q <= u_key1_q + $signed({17'd0, level1});
    vk2_q <= v_key1_q + $signed({17'd0, level1});
    {u2_q, v2_q} <= {u1_q, v1_q};
    count2_q <= begins1 ? {IW{1'b0}} : count1_q + {{(IW - 1) {1'b0}}, op1 == STEP};
  end

  // ---- 2: places on the level; where it began ----
  wire [1:0] level2 = pass2_q[2:1];
  wire begins2 = pass2_q[PASS_W-CW-2-:2] == LEVEL;
  assign context2 = pass2_q[PASS_W-2-:CW];
  wire signed [POS_W-1:0] ul2 = !begins2 ? ul2_q : level2[1] ? ul2_q >>> 2 : level2[0] ? ul2_q >>> 1 : ul2_q;
  wire signed [POS_W-1:0] vl2 = !begins2 ? vl2_q : level2[1] ? vl2_q >>> 2 : level2[0] ? vl2_q >>> 1 : vl2_q;
  // The curve's answer is there in 6; a match is on level 0, where the column is known here.
  wire stereo2 = pass2_q[PASS_W-CW-4];
  reg [2:0] pieces_q;
  reg [KNOTS*19-1:0] knots_u_q, knots_v_q;
  reg [(KNOTS-1)*13-1:0] slopes_q;
  always @(posedge clk)
    if (t_valid && t_stereo) {pieces_q, knots_u_q, knots_v_q, slopes_q} <= {t_pieces, t_knots_u, t_knots_v, t_slopes};
  wire unused_curve;
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
      .s_valid(pass2_q[PASS_W-1] && stereo2),
      .s_u(ul2_q[19:0]),
      .s_pieces(pieces_q),
      .s_knots_u(knots_u_q),
      .s_knots_v(knots_v_q),
      .s_slopes(slopes_q),
      .m_valid(unused_curve),
      .m_v(curve_v),
      .m_slope(curve_slope)
  );

  reg [2*POS_W-1:0] start_mem[0:CONTEXTS-1];
  reg signed [POS_W-1:0] ul3_q, vl3_q, u_start3_q, v_start3_q;
  reg signed [18:0] uk3_q, vk3_q;
  reg signed [19:0] u3_q, v3_q;
  reg [IW-1:0] count3_q;
  always @(posedge clk) begin
    pass3_q <= pass2_q;
    if (rst) pass3_q[PASS_W-1] <= 1'b0;
    if (pass2_q[PASS_W-1] && begins2) start_mem[context2] <= {ul2, vl2};
    {u_start3_q, v_start3_q} <= start_mem[context2];
    {ul3_q, vl3_q} <= {ul2, vl2};
    uk3_q <= level2[1] ? uk2_q >>> 2 : level2[0] ? uk2_q >>> 1 : uk2_q;
    vk3_q <= level2[1] ? vk2_q >>> 2 : level2[0] ? vk2_q >>> 1 : vk2_q;
    {u3_q, v3_q} <= {u2_q, v2_q};
    count3_q <= count2_q;
  end

  // ---- 3: how far it has moved; corners of window and template; how far it may ----
  wire stereo3 = pass3_q[PASS_W-CW-4];
  reg signed [POS_W-1:0] ul4_q, vl4_q, moved_u4_q, moved_v4_q;
  reg signed [19:0] u4_q, v4_q;
  reg signed [PX_W-1:0] x4_q;
  reg signed [10:0] key_x4_q, key_y4_q;
  reg [15:0] key_fractions4_q;
  reg [IW-1:0] count4_q;
  reg all_done4_q;
  wire [13:0] limit3 = stereo3 ? cfg_max_refine : cfg_max_shift;
  reg [13:0] limit4_q;
  reg [14:0] opposite4_q;
  always @(posedge clk) begin
    pass4_q <= pass3_q;
    if (rst) pass4_q[PASS_W-1] <= 1'b0;
    {ul4_q, vl4_q} <= {ul3_q, vl3_q};
    {u4_q, v4_q} <= {u3_q, v3_q};
    moved_u4_q <= ul3_q - u_start3_q;
    moved_v4_q <= vl3_q - v_start3_q;
    x4_q <= $signed(ul3_q[POS_W-1:8]) - $signed(HALF_WINDOW[PX_W-1:0]);
    key_x4_q <= $signed(uk3_q[18:8]) - HALF_WINDOW[10:0] - 11'sd1;
    key_y4_q <= $signed(vk3_q[18:8]) - HALF_WINDOW[10:0] - 11'sd1;
    key_fractions4_q <= {vk3_q[7:0], uk3_q[7:0]};
    count4_q <= count3_q;
    limit4_q <= limit3;
    opposite4_q <= -{1'b0, limit3};
    all_done4_q <= count3_q == (stereo3 ? cfg_stereo_iterations : cfg_max_iterations);
  end

  // ---- 4: too far from the start; place on level 0; does the window fit across, the template ----
  wire [1:0] level4 = pass4_q[2:1];
  assign context4 = pass4_q[PASS_W-2-:CW];
  wire signed [POS_W-1:0] limit4 = {{(POS_W - 14) {1'b0}}, limit4_q};
  wire signed [POS_W-1:0] opposite4 = {{(POS_W - 15) {opposite4_q[14]}}, opposite4_q};
  wire [10:0] width4 = cfg_width >> level4;
  wire [10:0] height4 = cfg_height >> level4;
  reg [17:0] regions_mem[0:CONTEXTS-1];  // column, row of the region that is held
  reg signed [POS_W-1:0] ul5_q, vl5_q, u_moved5_q, v_moved5_q;
  reg signed [19:0] u5_q, v5_q;
  reg too_far_u5_q, too_far_v5_q, inside_x5_q, key_inside5_q, all_done5_q;
  reg [10:0] x5_q, begin_x5_q, key_x5_q, key_y5_q;
  reg [8:0] column5_q, row5_q;
  reg [15:0] key_fractions5_q;
  reg [IW-1:0] count5_q;
  always @(posedge clk) begin
    pass5_q <= pass4_q;
    if (rst) pass5_q[PASS_W-1] <= 1'b0;
    {ul5_q, vl5_q} <= {ul4_q, vl4_q};
    {u5_q, v5_q} <= {u4_q, v4_q};
    // By the difference, so that the start keeps the bits that a coarse level does not have.
    u_moved5_q <= {{(POS_W - 20) {u4_q[19]}}, u4_q} + (moved_u4_q <<< level4);
    v_moved5_q <= {{(POS_W - 20) {v4_q[19]}}, v4_q} + (moved_v4_q <<< level4);
    too_far_u5_q <= moved_u4_q > limit4 || moved_u4_q < opposite4;
    too_far_v5_q <= moved_v4_q > limit4 || moved_v4_q < opposite4;
    inside_x5_q <= !x4_q[PX_W-1]
        && {1'b0, x4_q[PX_W-2:0]} + WINDOW[PX_W-1:0] < {{(PX_W - 11) {1'b0}}, width4};
    x5_q <= x4_q[10:0];
    // The region begins at a block, the window somewhat right and below of that.
    begin_x5_q <= {1'b0, x4_q[9:0]} < MARGIN_X[10:0] ? 11'd0 : {1'b0, x4_q[9:0]} - MARGIN_X[10:0];
    key_inside5_q <= !key_x4_q[10] && !key_y4_q[10]
        && {1'b0, key_x4_q[9:0]} + {6'd0, VALUE_ROWS} < width4
        && {1'b0, key_y4_q[9:0]} + {6'd0, VALUE_ROWS} < height4;
    {key_x5_q, key_y5_q} <= {key_x4_q, key_y4_q};
    key_fractions5_q <= key_fractions4_q;
    {column5_q, row5_q} <= regions_mem[context4];
    count5_q <= count4_q;
    all_done5_q <= all_done4_q;
  end

  // ---- 5: saturated; where the window lies in the region ----
  wire [18:0] u_moved5, v_moved5;
  wire [1:0] unused_saturated;
  round_saturate #(.IN_W(POS_W), .SHIFT(0), .OUT_W(19)) narrow_u (
      .s_data(u_moved5_q), .m_data(u_moved5), .m_saturated(unused_saturated[0])
  );
  round_saturate #(.IN_W(POS_W), .SHIFT(0), .OUT_W(19)) narrow_v (
      .s_data(v_moved5_q), .m_data(v_moved5), .m_saturated(unused_saturated[1])
  );
  // op is STEP: the level may end; whether it does is known here but for what quits
  reg signed [POS_W-1:0] ul6_q, vl6_q;
  reg signed [19:0] u6_q, v6_q;
  reg [18:0] u_moved6_q, v_moved6_q;
  reg too_far6_q, inside_x6_q, key_inside6_q, all_done6_q;
  reg [10:0] x6_q, begin_x6_q, at_x6_q, key_x6_q, key_y6_q;
  reg [8:0] column6_q, row6_q;
  reg [15:0] key_fractions6_q;
  reg [IW-1:0] count6_q;
  wire stereo5 = pass5_q[PASS_W-CW-4];
  always @(posedge clk) begin
    pass6_q <= pass5_q;
    if (rst) pass6_q[PASS_W-1] <= 1'b0;
    {ul6_q, vl6_q} <= {ul5_q, vl5_q};
    {u6_q, v6_q} <= {u5_q, v5_q};
    {u_moved6_q, v_moved6_q} <= {u_moved5, v_moved5};
    too_far6_q <= too_far_u5_q || (!stereo5 && too_far_v5_q);
    inside_x6_q <= inside_x5_q;
    key_inside6_q <= key_inside5_q;
    all_done6_q <= all_done5_q;
    {x6_q, begin_x6_q} <= {x5_q, begin_x5_q};
    at_x6_q <= x5_q - {column5_q, 2'd0};
    {column6_q, row6_q} <= {column5_q, row5_q};
    {key_x6_q, key_y6_q} <= {key_x5_q, key_y5_q};
    key_fractions6_q <= key_fractions5_q;
    count6_q <= count5_q;
  end

  // ---- 6: the row, of a match that of the curve ----
  wire stereo6 = pass6_q[PASS_W-CW-4];
  assign context6 = pass6_q[PASS_W-2-:CW];
  wire signed [POS_W-1:0] vl6 = stereo6 ? curve_v : vl6_q;
  reg [3*IW-1:0] counts_mem[0:CONTEXTS-1];
  reg signed [POS_W-1:0] ul7_q, vl7_q;
  reg signed [19:0] u7_q, v7_q;
  reg [18:0] u_moved7_q, v_moved7_q;
  reg too_far7_q, inside_x7_q, key_inside7_q, all_done7_q, held_x7_q;
  reg [10:0] x7_q, begin_x7_q, at_x7_q, key_x7_q, key_y7_q;
  reg signed [PX_W-1:0] y7_q;
  reg [8:0] column7_q, row7_q;
  reg [15:0] key_fractions7_q;
  reg [IW-1:0] count7_q;
  reg [3*IW-1:0] counts7_q;
  reg [12:0] slope_q;
  always @(posedge clk) begin
    pass7_q <= pass6_q;
    if (rst) pass7_q[PASS_W-1] <= 1'b0;
    {ul7_q, vl7_q} <= {ul6_q, vl6};
    {u7_q, v7_q} <= {u6_q, v6_q};
    {u_moved7_q, v_moved7_q} <= {u_moved6_q, v_moved6_q};
    too_far7_q <= too_far6_q;
    inside_x7_q <= inside_x6_q;
    key_inside7_q <= key_inside6_q;
    all_done7_q <= all_done6_q;
    y7_q <= $signed(vl6[POS_W-1:8]) - $signed(HALF_WINDOW[PX_W-1:0]);
    {x7_q, begin_x7_q, at_x7_q} <= {x6_q, begin_x6_q, at_x6_q};
    held_x7_q <= at_x6_q <= LAST_X;
    {column7_q, row7_q} <= {column6_q, row6_q};
    {key_x7_q, key_y7_q} <= {key_x6_q, key_y6_q};
    key_fractions7_q <= key_fractions6_q;
    count7_q <= count6_q;
    counts7_q <= pass6_q[0] ? {3 * IW{1'b0}} : counts_mem[context6];
    if (pass6_q[PASS_W-1] && stereo6) slope_q <= curve_slope;
  end

  // ---- 7: does it fit down ----
  wire [1:0] level7 = pass7_q[2:1];
  wire [10:0] height7 = cfg_height >> level7;
  wire [10:0] at_y7 = y7_q[10:0] - {row7_q, 2'd0};
  reg signed [POS_W-1:0] ul8_q, vl8_q;
  reg signed [19:0] u8_q, v8_q;
  reg [18:0] u_moved8_q, v_moved8_q;
  reg too_far8_q, inside8_q, key_inside8_q, all_done8_q, held8_q;
  reg [10:0] x8_q, begin_x8_q, key_x8_q, key_y8_q, y8_q, begin_y8_q;
  reg [3:0] at_x8_q;
  reg [4:0] at_y8_q;
  reg [8:0] column8_q, row8_q;
  reg [15:0] key_fractions8_q;
  reg [IW-1:0] count8_q;
  reg [3*IW-1:0] counts8_q;
  always @(posedge clk) begin
    pass8_q <= pass7_q;
    if (rst) pass8_q[PASS_W-1] <= 1'b0;
    {ul8_q, vl8_q} <= {ul7_q, vl7_q};
    {u8_q, v8_q} <= {u7_q, v7_q};
    {u_moved8_q, v_moved8_q} <= {u_moved7_q, v_moved7_q};
    too_far8_q <= too_far7_q;
    inside8_q <= inside_x7_q && !y7_q[PX_W-1]
        && {1'b0, y7_q[PX_W-2:0]} + WINDOW[PX_W-1:0] < {{(PX_W - 11) {1'b0}}, height7};
    key_inside8_q <= key_inside7_q;
    all_done8_q <= all_done7_q;
    held8_q <= held_x7_q && at_y7 <= LAST_Y;
    {x8_q, begin_x8_q} <= {x7_q, begin_x7_q};
    y8_q <= y7_q[10:0];
    begin_y8_q <= {1'b0, y7_q[9:0]} < MARGIN_Y[10:0] ? 11'd0 : {1'b0, y7_q[9:0]} - MARGIN_Y[10:0];
    {at_y8_q, at_x8_q} <= {at_y7[4:0], at_x7_q[3:0]};
    {column8_q, row8_q} <= {column7_q, row7_q};
    {key_x8_q, key_y8_q} <= {key_x7_q, key_y7_q};
    key_fractions8_q <= key_fractions7_q;
    count8_q <= count7_q;
    counts8_q <= counts7_q;
    if (level7 == 2'd0) counts8_q[0+:IW] <= count7_q;
    if (level7 == 2'd1) counts8_q[IW+:IW] <= count7_q;
    if (level7 == 2'd2) counts8_q[2*IW+:IW] <= count7_q;
  end

  // ---- 8: the decision ----
  wire valid8, stereo8, ok8, small8, unused_fresh8;
  wire [1:0] op8, level8;
  wire [2:0] status8;
  assign {valid8, context8, op8, stereo8, ok8, small8, status8, level8, unused_fresh8} = pass8_q;
  wire warped8 = level8 == 2'd0;
  wire ends8 = op8 == STEP && (small8 || all_done8_q);  // of the level, unless it is given up
  reg quits_d;
  reg [2:0] why_d;
  always @* begin
    quits_d = 1'b0;
    why_d = BORDER;
    case (op8)
      LEVEL: quits_d = !inside8_q || (!warped8 && !key_inside8_q);
      STEP: begin
        quits_d = !ok8 || (too_far8_q && (stereo8 || !small8)) || (!inside8_q && (!ends8 || (warped8 && !stereo8)));
        why_d = !ok8 || (too_far8_q && (stereo8 || !small8)) ? DIVERGED : BORDER;
      end
      QUIT: begin
        quits_d = 1'b1;
        why_d = status8;
      end
      default: why_d = status8;
    endcase
  end
  wire moves8 = ends8 && !(!ok8 || (too_far8_q && (stereo8 || !small8)));
  wire fetches8 = op8 == LEVEL || !held8_q;
  wire matched8 = op8 == ACCEPT && stereo8 && status8 == TRACKED;
  wire [10:0] fresh_x8 = x8_q - {begin_x8_q[10:2], 2'd0};
  wire [10:0] fresh_y8 = y8_q - {begin_y8_q[10:2], 2'd0};

  reg valid9_q, again9_q, accept9_q, done9_q, fetch9_q, template9_q, stereo9_q, warped9_q;
  reg [CW-1:0] context9_q;
  reg [1:0] level9_q, next9_q;
  reg [2:0] status9_q;
  reg [19:0] u9_q, v9_q;
  reg [POS_W-1:0] ul9_q, vl9_q;
  reg [8:0] column9_q, row9_q;
  reg [3:0] at_x9_q;
  reg [4:0] at_y9_q;
  reg [10:0] key_x9_q, key_y9_q;
  reg [15:0] key_fractions9_q;
  reg [IW-1:0] count9_q;
  reg [3*IW-1:0] counts9_q;
  always @(posedge clk) begin
    valid9_q <= valid8 && !rst;
    context9_q <= context8;
    again9_q <= !warped8 && (quits_d || ends8);
    accept9_q <= warped8 && ends8 && !quits_d;
    done9_q <= op8 == ACCEPT || (warped8 && quits_d);
    template9_q <= op8 == LEVEL && !quits_d;
    fetch9_q <= fetches8 && !quits_d && (op8 == LEVEL || (op8 == STEP && !ends8));
    stereo9_q <= stereo8;
    warped9_q <= warped8;
    level9_q <= level8;
    next9_q <= !warped8 && (quits_d || ends8) ? level8 - 2'd1 : level8;
    status9_q <= why_d;
    u9_q <= matched8 ? ul8_q[19:0] : moves8 ? {u_moved8_q[18], u_moved8_q} : u8_q;
    v9_q <= matched8 ? vl8_q[19:0] : moves8 ? {v_moved8_q[18], v_moved8_q} : v8_q;
    {ul9_q, vl9_q} <= {ul8_q, vl8_q};
    {column9_q, row9_q} <= fetches8 ? {begin_x8_q[10:2], begin_y8_q[10:2]} : {column8_q, row8_q};
    {at_x9_q, at_y9_q} <= fetches8 ? {fresh_x8[3:0], fresh_y8[4:0]} : {at_x8_q, at_y8_q};
    {key_x9_q, key_y9_q} <= {key_x8_q, key_y8_q};
    key_fractions9_q <= key_fractions8_q;
    count9_q <= count8_q;
    counts9_q <= counts8_q;
    if (valid9_q) begin
      place_mem[context9_q] <= {next9_q, count9_q, ul9_q, vl9_q};
      origin_mem[context9_q] <= {u9_q, v9_q};
      counts_mem[context9_q] <= counts9_q;
    end
    if (valid9_q && fetch9_q) regions_mem[context9_q] <= {column9_q, row9_q};
  end

  wire unused = &{1'b0, unused_curve, unused_saturated, begin_x8_q[1:0], begin_y8_q[1:0], fresh_x8[10:4],
                  fresh_y8[10:5], valid1, context1, stereo1, ok1, small1, status1, fresh1,
                  at_x7_q[10:4], x4_q[PX_W-2:11], y7_q[PX_W-2:11]};

  assign m_valid = valid9_q;
  assign m_context = context9_q;
  assign m_again = again9_q;
  assign m_accept = accept9_q;
  assign m_done = done9_q;
  assign m_template = template9_q;
  assign m_fetch = fetch9_q;
  assign m_stereo = stereo9_q;
  assign m_warped = warped9_q;
  assign m_level = level9_q;
  assign m_column = column9_q;
  assign m_row = row9_q;
  assign m_at_x = at_x9_q;
  assign m_at_y = at_y9_q;
  assign m_fraction_u = ul9_q[7:0];
  assign m_fraction_v = vl9_q[7:0];
  assign m_key_x = key_x9_q;
  assign m_key_y = key_y9_q;
  assign {m_key_fraction_v, m_key_fraction_u} = key_fractions9_q;
  assign m_slope = slope_q;
  assign m_u = u9_q;
  assign m_v = v9_q;
  assign m_status = status9_q;
  assign m_iterations = counts9_q;

endmodule

`default_nettype wire
