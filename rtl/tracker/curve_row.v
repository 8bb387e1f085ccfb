// SPDX-License-Identifier: Apache-2.0
// Give the row and the slope of the epipolar curve, a chain of straight segments, at a column.
//
// Q formats:  breakpoints (u, v) UV_W bits with f fraction bits, falling in u; slopes sQ0.12; column U_W
//             bits with f -> v ROW_W bits with f, slope sQ0.12. Equals `row_at` of
//             vio/fixed/stereo.py: the end segments are prolonged.
// Growth:     v is not narrowed: |v| <= |breakpoint v| + |u - breakpoint u|, one bit more than the larger.
// Latency:    4 cycles. Throughput: one a cycle. No multiplier: the slope's low 12 bits are written in six digits
//             of -1, 0, 1 and 2, a LUT4 each for a bit of the product.
//             Knots, slopes and their number are held until the result is out.
`default_nettype none

module curve_row #(
    parameter KNOTS = 5,  // greatest number of breakpoints, 3 .. 7
    parameter UV_W  = 19, // bits of a breakpoint's coordinate
    parameter U_W   = 20, // bits of a column, UV_W or more
    parameter ROW_W = 22  // bits of the row: U_W + 2
) (
    input wire clk,
    input wire rst,

    input wire                         s_valid,
    input wire signed [       U_W-1:0] s_u,
    input wire        [           2:0] s_pieces,   // number of breakpoints, 2 .. KNOTS
    input wire        [KNOTS*UV_W-1:0] s_knots_u,  // first breakpoint, the rightmost, in the low bits
    input wire        [KNOTS*UV_W-1:0] s_knots_v,
    input wire [     (KNOTS-1)*13-1:0] s_slopes,   // slope k between breakpoints k and k + 1

    output wire                    m_valid,
    output wire signed [ROW_W-1:0] m_v,
    output wire signed [     12:0] m_slope
);

  generate
    if (KNOTS < 3 || KNOTS > 7 || U_W < UV_W || ROW_W != U_W + 2) begin : g_bad_size
      curve_row_KNOTS_or_widths_are_out_of_range bad_parameter ();
    end
  endgenerate

  localparam RUN_W = U_W + 1;

  // ---- 1: which breakpoints it is left of ----
  reg [KNOTS-1:0] less_d, less_q;
  reg signed [U_W:0] knot_d;
  reg signed [U_W-1:0] u1_q;
  integer k;
  always @* begin
    less_d = {KNOTS{1'b0}};
    less_d[0] = 1'b1;  // of the first anyway, of the last never
    knot_d = {(U_W + 1) {1'b0}};
    for (k = 1; k < KNOTS - 1; k = k + 1) begin
      knot_d = {{(U_W + 1 - UV_W) {s_knots_u[UV_W*k+UV_W-1]}}, s_knots_u[UV_W*k+:UV_W]};
      less_d[k] = (k[2:0] + 3'd1 < s_pieces) && ($signed({s_u[U_W-1], s_u}) < knot_d);
    end
  end

  // ---- 2: the piece: one further for each inner breakpoint that the column is left of; the others are 0 ----
  reg [UV_W-1:0] knot_u_d, knot_v_d;
  reg [12:0] slope_d;
  reg here_d;
  integer piece;
  always @* begin
    knot_u_d = {UV_W{1'b0}};
    knot_v_d = {UV_W{1'b0}};
    slope_d = 13'd0;
    for (piece = 0; piece < KNOTS - 1; piece = piece + 1) begin
      here_d = &(less_q | ({KNOTS{1'b1}} << (piece + 1))) && !less_q[piece+1];
      knot_u_d = knot_u_d | (s_knots_u[UV_W*piece+:UV_W] & {UV_W{here_d}});
      knot_v_d = knot_v_d | (s_knots_v[UV_W*piece+:UV_W] & {UV_W{here_d}});
      slope_d = slope_d | (s_slopes[13*piece+:13] & {13{here_d}});
    end
  end

  reg [3:0] valid_q;
  reg signed [U_W-1:0] u_q;
  reg signed [UV_W-1:0] knot_u_q, knot_v_q, base_q;
  reg [12:0] slope_q, slope_2_q, slope_3_q;

  // ---- 3: the slope's digits, and the products with two of them each ----
  localparam PAIR_W = RUN_W + 4;
  localparam SUM_W = ROW_W + 12;
  wire signed [RUN_W-1:0] run = {u_q[U_W-1], u_q} - {{(RUN_W - UV_W) {knot_u_q[UV_W-1]}}, knot_u_q};
  // One more in each digit: 0 .. 3, and the carry; the sign stands for -1 of its place.
  wire [12:0] digits = {1'b0, slope_q[11:0]} + 13'h0555;
  wire [RUN_W:0] once = {run[RUN_W-1], run};
  wire [RUN_W:0] twice = {run, 1'b0};
  wire [6*(RUN_W+1)-1:0] parts;
  wire [11:0] lacking;  // -1 is the complement, which lacks a unit of its digit
  wire [3*PAIR_W-1:0] pairs;
  genvar i;
  generate
    for (i = 0; i < 6; i = i + 1) begin : g_digit
      wire [1:0] digit = digits[2*i+:2];
      assign lacking[2*i+:2] = {1'b0, digit == 2'd0};
      assign parts[(RUN_W+1)*i+:RUN_W+1] = digit[1] ? (digit[0] ? twice : once)
                                                    : (digit[0] ? {(RUN_W + 1) {1'b0}} : ~once);
    end
    for (i = 0; i < 3; i = i + 1) begin : g_pair
      wire [RUN_W:0] low = parts[(RUN_W+1)*2*i+:RUN_W+1];
      wire [RUN_W:0] high = parts[(RUN_W+1)*(2*i+1)+:RUN_W+1];
      assign pairs[PAIR_W*i+:PAIR_W] = {
        {high[RUN_W], high} + {{3{low[RUN_W]}}, low[RUN_W:2]}, low[1:0]
      };
    end
  endgenerate

  // ---- 4: v of the breakpoint + rounded rise: half of its unit and what the digits lack stand below v ----
  reg [PAIR_W-1:0] pair_0_q, pair_1_q, pair_2_q;
  reg signed [RUN_W-1:0] run_q;
  reg plus_q, minus_q;  // the run itself is added, subtracted
  reg [10:0] lacking_q;
  reg signed [ROW_W-1:0] v_q;
  wire [ROW_W-1:0] run_wide = {run_q[RUN_W-1], run_q};
  wire [ROW_W-1:0] whole = plus_q ? run_wide : minus_q ? ~run_wide : {ROW_W{1'b0}};
  wire [ROW_W:0] start = {{(ROW_W - UV_W) {base_q[UV_W-1]}}, base_q, 1'b1} + {whole, minus_q};
  wire [PAIR_W+4:0] eight = {
    {pair_1_q[PAIR_W-1], pair_1_q} + {{5{pair_0_q[PAIR_W-1]}}, pair_0_q[PAIR_W-1:4]}, pair_0_q[3:0]
  };
  wire [SUM_W-1:0] rest = {
    {start[ROW_W:1], 1'b1, lacking_q[10:8]}
        + {{(ROW_W + 4 - PAIR_W) {pair_2_q[PAIR_W-1]}}, pair_2_q},
    lacking_q[7:0]
  };
  wire [SUM_W-1:0] risen = rest + {{(SUM_W - PAIR_W - 5) {eight[PAIR_W+4]}}, eight};
  wire unused = &{1'b0, lacking[11], start[0], risen[11:0]};

  always @(posedge clk) begin
    less_q <= less_d;
    u1_q <= s_u;

    u_q <= u1_q;
    knot_u_q <= knot_u_d;
    knot_v_q <= knot_v_d;
    slope_q <= slope_d;

    {pair_2_q, pair_1_q, pair_0_q} <= pairs;
    run_q <= run;
    plus_q <= digits[12] && !slope_q[12];
    minus_q <= !digits[12] && slope_q[12];
    lacking_q <= lacking[10:0];
    base_q <= knot_v_q;
    slope_2_q <= slope_q;

    v_q <= risen[SUM_W-1:12];
    slope_3_q <= slope_2_q;
    valid_q <= rst ? 4'd0 : {valid_q[2:0], s_valid};
  end

  assign m_valid = valid_q[3];
  assign m_v = v_q;
  assign m_slope = slope_3_q;

endmodule

`default_nettype wire
