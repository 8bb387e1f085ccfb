// SPDX-License-Identifier: Apache-2.0
// Verify the tracks against one rigid motion: mono and stereo RANSAC, sizes, stereo points.
//
// `begin_valid` (only when not busy) starts a task with begin_count matches:
//   mono (0)    ray of the key and of this frame -> m_keep, and m_scale with the winning direction
//   stereo (1)  point of the key, stereo ray of this frame -> m_keep
//   points (2)  stereo ray -> m_point
// Matches are rotated and kept in order; then each hypothesis is scored, a match a cycle (stereo: in
// two), while the next one is made; one that cannot win is given up. Results in order. Equals
// `mono_ransac` and `inverse_scale_change` (a dropped match has scale 1), `stereo_ransac`, `stereo_point`
// of vio/fixed/ransac.py.
// Q formats:  rays sQ1.16, points sQ11.10, disparity uQ0.16, rotations sQ1.16 row by row, first low;
//             scale uQ1.SCALE_FRAC; limits as in `epipolar_error` and `stereo_error`.
// Overflow:   as in the units; scores up to 1023 matches are exact.
// Latency:    from the last of n matches taken to the last result, with d draws: mono 40 + d (n + 1)
//             + 13 n cycles, stereo 40 + d (2 n + 3) + 11 n, at least 18 d (mono) or 22 d (stereo) for
//             the draws, less where hypotheses are given up; points 15.
// Throughput: a match is taken in 8 cycles (mono), 14 (stereo) or 16 (points).
// Memory:     4 block RAMs: 2 x 2^TRACK_BITS words of 118 bits. Multipliers: 20.
`default_nettype none

module ransac #(
`define PORT_WIDTHS
`include "vio_params.vh"
`undef PORT_WIDTHS
) (
    input wire clk,
    input wire rst,

    // Registers, held while a task is under way
    input wire [ 17:0] cfg_mono_tight2,
    input wire [ 17:0] cfg_mono_loose2,
    input wire [ 17:0] cfg_stereo_threshold,
    input wire [W_DRAW:0] cfg_draws,
    input wire [ 31:0] cfg_seed,
    input wire [161:0] r_cam_key,  // rotations: mono, stereo
    input wire [161:0] r_stereo,

    // A task
    input  wire                        begin_valid,
    input  wire [                 1:0] begin_mode,
    input  wire [W_TRACK_COUNT-1:0] begin_count,
    output wire                        busy,

    // Matches
    input  wire               s_valid,
    output wire               s_ready,
    input  wire signed [17:0] s_x_key,
    input  wire signed [17:0] s_y_key,
    input  wire        [65:0] s_point_key,
    input  wire signed [17:0] s_x,
    input  wire signed [17:0] s_y,
    input  wire        [15:0] s_disparity,

    // Results
    output wire                  m_valid,
    input  wire                  m_ready,
    output wire                  m_keep,
    output wire [W_SCALE-1:0] m_scale,
    output wire [          65:0] m_point,

    output wire [1:0] count_accesses  // of the set of matches, in this cycle
);

`include "vio_params.vh"
  generate
    if (MAX_TRACKS > 1023 || RAY_BITS != 18 || RAY_FRAC != 16 || POINT_BITS != 22
        || POINT_FRAC != 10) begin : g_bad_preset
      ransac_needs_at_most_1023_tracks_and_other_formats bad_parameter ();
    end
  endgenerate

  localparam IW = TRACK_BITS, CW = TRACK_COUNT_BITS;
  localparam [CW-1:0] NONE = {CW{1'b0}}, ONE = {{(CW - 1) {1'b0}}, 1'b1};
  localparam [CW-1:0] ENOUGH_MONO = LEAST_FOR_MONO[CW-1:0], ENOUGH_STEREO = LEAST_FOR_STEREO[CW-1:0];
  localparam [1:0] MONO = 2'd0, POINTS = 2'd2;  // 1: stereo
  localparam [1:0] IDLE = 2'd0, LOAD = 2'd1, SCORE = 2'd2, GIVE = 2'd3;
  reg [1:0] state_q, mode_q;
  reg [CW-1:0] count_q, taken_q, given_q;
  wire [CW-1:0] written;
  reg all_q;  // nothing could be verified: all are kept
  wire mono = mode_q == MONO;
  wire points = mode_q == POINTS;
  wire begin_task = begin_valid && state_q == IDLE;
  wire enough = mono ? count_q >= ENOUGH_MONO : count_q >= ENOUGH_STEREO;
  wire loaded = state_q == LOAD && !points && written == count_q;
  wire rated, found;
  wire last_given = m_valid && m_ready && given_q == count_q - ONE;
  wire enter_give = (loaded && !enough) || (state_q == SCORE && rated);

  always @(posedge clk) begin
    if (begin_task) begin
      mode_q <= begin_mode;
      count_q <= begin_count;
      taken_q <= NONE;
      given_q <= NONE;
    end else begin
      if (s_valid && s_ready) taken_q <= taken_q + ONE;
      if (m_valid && m_ready) given_q <= given_q + ONE;
    end
    if (loaded) all_q <= !enough;
    else if (state_q == SCORE && rated) all_q <= !mono && !found;
    if (rst) state_q <= IDLE;
    else if (begin_task) state_q <= begin_count == NONE ? IDLE : LOAD;
    else if (enter_give) state_q <= GIVE;
    else if (loaded) state_q <= SCORE;
    else if (last_given) state_q <= IDLE;
  end

  // ---- two pairs of multipliers ----
  wire signed [18:0] turn_a0, turn_a1, point_a0, point_a1, back_a0, back_a1;
  wire signed [17:0] turn_b0, turn_b1, point_b0, point_b1, back_b0, back_b1;
  wire signed [18:0] normal_a0, normal_a1, draw_a0, draw_a1, size_a0, size_a1;
  wire signed [17:0] normal_b0, normal_b1, draw_b0, draw_b1, size_b0, size_b1;
  wire signed [36:0] one_0, one_1, two_0, two_1;

  // Only one client of each multiplies at a time.
  product_pair pair_1 (
      .clk(clk),
      .s_a0(turn_a0 | point_a0 | back_a0),
      .s_b0(turn_b0 | point_b0 | back_b0),
      .s_a1(turn_a1 | point_a1 | back_a1),
      .s_b1(turn_b1 | point_b1 | back_b1),
      .m_0(one_0),
      .m_1(one_1)
  );
  product_pair pair_2 (
      .clk(clk),
      .s_a0(normal_a0 | draw_a0 | size_a0),
      .s_b0(normal_b0 | draw_b0 | size_b0),
      .s_a1(normal_a1 | draw_a1 | size_a1),
      .s_b1(normal_b1 | draw_b1 | size_b1),
      .m_0(two_0),
      .m_1(two_1)
  );

  // ---- matches are turned ----
  wire wanted = state_q == LOAD && taken_q != count_q;
  wire turn_ready, turned_valid, turned_ready, point_ready;
  wire signed [21:0] turned_0, turned_1, turned_2;
  reg signed [17:0] x_q, y_q;
  reg [15:0] disparity_q;
  assign s_ready = wanted && (points ? point_ready : turn_ready);

  always @(posedge clk) if (s_valid && s_ready) {x_q, y_q, disparity_q} <= {s_x, s_y, s_disparity};

  ransac_rotate turn (
      .clk(clk),
      .rst(rst),
      .cfg_rotation(mono ? r_cam_key : r_stereo),
      .s_valid(s_valid && wanted && !points),
      .s_ready(turn_ready),
      .s_point(!mono),
      .s_0(mono ? {{4{s_x_key[17]}}, s_x_key} : s_point_key[21:0]),
      .s_1(mono ? {{4{s_y_key[17]}}, s_y_key} : s_point_key[43:22]),
      .s_2(s_point_key[65:44]),
      .p_a0(turn_a0),
      .p_b0(turn_b0),
      .p_a1(turn_a1),
      .p_b1(turn_b1),
      .a_0(one_0),
      .a_1(one_1),
      .m_valid(turned_valid),
      .m_ready(turned_ready),
      .m_0(turned_0),
      .m_1(turned_1),
      .m_2(turned_2)
  );

  // ---- and get their normals ----
  wire normal_ready, plane_valid, plane_ready;
  wire signed [18:0] q0, q1, q2;
  wire signed [17:0] x, y, n0, n1, n2;
  assign turned_ready = !mono || normal_ready;

  ransac_normal normal (
      .clk(clk),
      .rst(rst),
      .s_valid(turned_valid && mono),
      .s_ready(normal_ready),
      .s_q0(turned_0[18:0]),
      .s_q1(turned_1[18:0]),
      .s_q2(turned_2[18:0]),
      .s_x(x_q),
      .s_y(y_q),
      .p_a0(normal_a0),
      .p_b0(normal_b0),
      .p_a1(normal_a1),
      .p_b1(normal_b1),
      .a_0(two_0),
      .a_1(two_1),
      .m_valid(plane_valid),
      .m_ready(plane_ready),
      .m_q0(q0),
      .m_q1(q1),
      .m_q2(q2),
      .m_x(x),
      .m_y(y),
      .m_n0(n0),
      .m_n1(n1),
      .m_n2(n2)
  );

  // ---- the set of matches ----
  wire [117:0] word;
  wire read;
  wire [IW:0] read_address;
  wire write = mono ? plane_valid : turned_valid;
  ransac_set set (
      .clk(clk),
      .rst(rst),
      .clear(begin_task),
      .mono(mono),
      .s_valid(write),
      .s_ready(plane_ready),
      .s_plane({7'd0, n2, n1, n0, q2, q1, q0}),
      .s_ray({y, x}),
      .s_stereo({disparity_q, y_q, x_q, turned_2, turned_1, turned_0}),
      .m_count(written),
      .r_address(read_address),
      .m_word(word)
  );
  assign count_accesses = {1'b0, write} + {1'b0, read};

  // ---- hypotheses ----
  wire draw_read, next_valid, next, no_more, made_valid, draw_point;
  wire [IW-1:0] draw_index;
  wire [65:0] next_t;
  wire signed [21:0] made_x, made_y, made_z;

  ransac_hypotheses #(
      .TRACK_BITS(TRACK_BITS),
      .TRACK_COUNT_BITS(TRACK_COUNT_BITS),
      .DRAW_BITS(DRAW_BITS)
  ) drawer (
      .clk(clk),
      .rst(rst),
      .load(begin_task),
      .seed(cfg_seed),
      .draws(cfg_draws),
      .count(count_q),
      .stereo(!mono),
      .active(state_q == SCORE),
      .r_valid(draw_read),
      .r_index(draw_index),
      .a_point(word[65:0]),
      .a_normal(word[110:57]),
      .p_start(draw_point),
      .p_valid(made_valid),
      .p_x(made_x),
      .p_y(made_y),
      .p_z(made_z),
      .p_a0(draw_a0),
      .p_b0(draw_b0),
      .p_a1(draw_a1),
      .p_b1(draw_b1),
      .a_0(two_0),
      .a_1(two_1),
      .m_valid(next_valid),
      .m_ready(next),
      .m_t(next_t),
      .m_done(no_more)
  );

  stereo_point point (
      .clk(clk),
      .rst(rst),
      .s_valid(points ? s_valid && wanted : draw_point),
      .s_ready(point_ready),
      .s_x(points ? s_x : word[83:66]),
      .s_y(points ? s_y : word[101:84]),
      .s_disparity(points ? s_disparity : word[117:102]),
      .p_a0(point_a0),
      .p_b0(point_b0),
      .p_a1(point_a1),
      .p_b1(point_b1),
      .a_0(one_0),
      .a_1(one_1),
      .m_valid(made_valid),
      .m_ready(!points || m_ready),
      .m_x(made_x),
      .m_y(made_y),
      .m_z(made_z)
  );

  // ---- a match a cycle (stereo: in two) is scored; draws read in between ----
  reg scan_q, pace_q;  // pace: stereo, a match in two cycles
  reg [CW-1:0] index_q;
  reg [3:0] drain_q;
  wire scored, inlier;  // a match is
  wire hopeless, give_next;
  wire [65:0] best_t;
  reg [3:0] give_q;  // read n and q; read the ray; n and q come; wait, give
  wire scan_read = state_q == SCORE && scan_q && !draw_read && (mono || pace_q);
  wire last = index_q == count_q - ONE;
  wire give_up = scan_q && hopeless;
  assign next = state_q == SCORE && next_valid && (!scan_q || give_up || (scan_read && last));
  assign rated = no_more && !scan_q && drain_q == 4'd0;
  assign read = draw_read || scan_read || give_q[0] || (give_q[1] && mono);
  assign read_address = draw_read ? {1'b0, draw_index} :
                        {state_q == GIVE && !give_q[0], index_q[IW-1:0]};

  always @(posedge clk) begin
    if (next || enter_give) index_q <= NONE;
    else if (scan_read || give_next) index_q <= index_q + ONE;
    pace_q <= !scan_read;
    if (rst) begin
      scan_q <= 1'b0;
      drain_q <= 4'd0;
    end else begin
      if (next) scan_q <= 1'b1;
      else if (give_up || (scan_read && last)) scan_q <= 1'b0;
      if (scan_q) drain_q <= 4'd15;
      else if (drain_q != 4'd0) drain_q <= drain_q - 4'd1;
    end
  end

  ransac_score score (
      .clk(clk),
      .rst(rst),
      .cfg_mono_limit2(state_q == GIVE ? cfg_mono_tight2 : cfg_mono_loose2),
      .cfg_stereo_threshold(cfg_stereo_threshold),
      .clear(begin_task),
      .count(count_q),
      .mono(mono),
      .keep(state_q == SCORE),
      .load(next || enter_give),
      .load_t(enter_give ? best_t : next_t),
      .s_valid(scan_read || give_q[0]),
      .s_last(last),
      .s_first(index_q == NONE),
      .s_word(word),
      .m_valid(scored),
      .m_inlier(inlier),
      .m_found(found),
      .m_t(best_t),
      .m_hopeless(hopeless)
  );

  // ---- results: each match is scored once more, then sized ----
  reg keep_q, judged_q;
  reg signed [18:0] qz_q;
  reg signed [17:0] nx_q, ny_q;
  wire size_ready, sized_valid, sized_keep;
  wire ready_to_give = give_q[3] && judged_q;
  assign give_next = ready_to_give && (mono ? size_ready : m_ready);

  always @(posedge clk) begin
    if (scored) keep_q <= inlier || all_q;
    judged_q <= state_q == GIVE && (scored || (judged_q && !give_next));
    if (give_q[2]) {qz_q, nx_q, ny_q} <= {word[56:38], word[74:57], word[92:75]};
    if (rst) give_q <= 4'd0;
    else if (enter_give || (give_next && !last)) give_q <= 4'd1;
    else if (give_next) give_q <= 4'd0;
    else if (!give_q[3]) give_q <= {give_q[2:0], 1'b0};
  end

  ransac_scale #(
      .SCALE_FRAC(SCALE_FRAC),
      .EPIPOLE_GUARD(EPIPOLE_GUARD)
  ) size (
      .clk(clk),
      .rst(rst),
      .cfg_t0(best_t[15:0]),
      .cfg_t1(best_t[37:22]),
      .cfg_t2(best_t[59:44]),
      .s_valid(ready_to_give && mono),
      .s_ready(size_ready),
      .s_keep(keep_q),
      .s_x(word[17:0]),
      .s_y(word[35:18]),
      .s_qz(qz_q),
      .s_nx(nx_q),
      .s_ny(ny_q),
      .p_a0(size_a0),
      .p_b0(size_b0),
      .p_a1(size_a1),
      .p_b1(size_b1),
      .a_0(two_0),
      .a_1(two_1),
      .pr_a0(back_a0),
      .pr_b0(back_b0),
      .pr_a1(back_a1),
      .pr_b1(back_b1),
      .ar_0(one_0),
      .ar_1(one_1),
      .m_valid(sized_valid),
      .m_ready(m_ready),
      .m_keep(sized_keep),
      .m_scale(m_scale)
  );

  assign busy = state_q != IDLE;
  assign m_valid = points ? made_valid : mono ? sized_valid : ready_to_give;
  assign m_keep = mono ? sized_keep : keep_q;
  assign m_point = {made_z, made_y, made_x};

endmodule

`default_nettype wire
