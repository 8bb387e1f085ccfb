// SPDX-License-Identifier: Apache-2.0
// Give the row and the slope of the epipolar curve, a chain of straight pieces, at a column.
//
// Q formats:  knots (u, v) UV_W bits with f fraction bits, falling in u; slopes sQ0.12; column U_W
//             bits with f -> v ROW_W bits with f, slope sQ0.12. Equals `_row_at` of
//             vio/fixed/stereo.py: the end pieces are prolonged.
// Growth:     v is not narrowed: |v| <= |knot v| + |u - knot u|, one bit more than the larger.
// Latency:    3 clocks. Throughput: one a clock. No multiplier: the slope's 12 bits are summed.
//             Knots, slopes and their number are held until the result is out.
`default_nettype none

module curve_row #(
    parameter KNOTS = 5,  // greatest number of knots, 3 .. 7
    parameter UV_W  = 19, // bits of a knot's coordinate
    parameter U_W   = 20, // bits of a column, UV_W or more
    parameter ROW_W = 22  // bits of the row: U_W + 2
) (
    input wire clk,
    input wire rst,

    input wire                         s_valid,
    input wire signed [       U_W-1:0] s_u,
    input wire        [           2:0] s_pieces,   // number of knots, 2 .. KNOTS
    input wire        [KNOTS*UV_W-1:0] s_knots_u,  // first knot, the rightmost, in the low bits
    input wire        [KNOTS*UV_W-1:0] s_knots_v,
    input wire [     (KNOTS-1)*13-1:0] s_slopes,   // slope k between knots k and k + 1

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

  // ---- 1: the piece: one further for each inner knot that the column is left of ----
  reg [UV_W-1:0] knot_u_d, knot_v_d;
  reg [12:0] slope_d;
  reg left_d;
  reg signed [U_W:0] knot_d;
  integer k;
  always @* begin
    knot_u_d = s_knots_u[UV_W-1:0];
    knot_v_d = s_knots_v[UV_W-1:0];
    slope_d = s_slopes[12:0];
    left_d = 1'b1;
    knot_d = {(U_W + 1) {1'b0}};
    for (k = 1; k < KNOTS - 1; k = k + 1) begin
      knot_d = {{(U_W + 1 - UV_W) {s_knots_u[UV_W*k+UV_W-1]}}, s_knots_u[UV_W*k+:UV_W]};
      left_d = left_d && (k[2:0] + 3'd1 < s_pieces) && ($signed({s_u[U_W-1], s_u}) < knot_d);
      if (left_d) begin
        knot_u_d = s_knots_u[UV_W*k+:UV_W];
        knot_v_d = s_knots_v[UV_W*k+:UV_W];
        slope_d  = s_slopes[13*k+:13];
      end
    end
  end

  reg [2:0] valid_q;
  reg signed [U_W-1:0] u_q;
  reg signed [UV_W-1:0] knot_u_q, knot_v_q, base_q;
  reg [12:0] slope_q, slope_2_q, slope_3_q;

  // ---- 2: the product with the slope's low 12 bits; its sign bit stands for -1 ----
  wire signed [RUN_W-1:0] run = {u_q[U_W-1], u_q} - {{(RUN_W - UV_W) {knot_u_q[UV_W-1]}}, knot_u_q};
  wire signed [RUN_W+11:0] product;
  reg signed [RUN_W+11:0] product_q;
  reg signed [RUN_W-1:0] run_q;
  reg signed [ROW_W-1:0] v_q;

  // A tree: of two, four, eight bits of the slope.
  wire [6*(RUN_W+2)-1:0] twos;
  wire [3*(RUN_W+4)-1:0] fours;
  genvar i;
  generate
    for (i = 0; i < 6; i = i + 1) begin : g_two
      wire [RUN_W-1:0] low = slope_q[2*i] ? run : {RUN_W{1'b0}};
      wire [RUN_W-1:0] high = slope_q[2*i+1] ? run : {RUN_W{1'b0}};
      assign twos[(RUN_W+2)*i+:RUN_W+2] = {high[RUN_W-1], high, 1'b0} + {{2{low[RUN_W-1]}}, low};
    end
    for (i = 0; i < 3; i = i + 1) begin : g_four
      wire [RUN_W+1:0] low = twos[(RUN_W+2)*2*i+:RUN_W+2];
      wire [RUN_W+1:0] high = twos[(RUN_W+2)*(2*i+1)+:RUN_W+2];
      assign fours[(RUN_W+4)*i+:RUN_W+4] = {high, 2'b00} + {{2{low[RUN_W+1]}}, low};
    end
  endgenerate
  wire [RUN_W+3:0] four_0 = fours[0+:RUN_W+4];
  wire [RUN_W+7:0] eight = {fours[RUN_W+4+:RUN_W+4], 4'd0} + {{4{four_0[RUN_W+3]}}, four_0};
  assign product = {fours[2*(RUN_W+4)+:RUN_W+4], 8'd0} + {{4{eight[RUN_W+7]}}, eight};

  // ---- 3: v of the knot + rounded rise ----
  localparam SUM_W = RUN_W + 12;
  wire signed [SUM_W-1:0] minus = slope_2_q[12] ? {run_q, 12'd0} : {SUM_W{1'b0}};
  wire signed [SUM_W-1:0] difference = product_q - minus;
  wire [ROW_W-1:0] base = {{(ROW_W - UV_W) {base_q[UV_W-1]}}, base_q};
  wire [ROW_W-1:0] risen = {difference[SUM_W-1], difference[SUM_W-1:12]};
  wire unused = &{1'b0, difference[10:0]};

  always @(posedge clk) begin
    u_q <= s_u;
    knot_u_q <= knot_u_d;
    knot_v_q <= knot_v_d;
    slope_q <= slope_d;

    product_q <= product;
    run_q <= run;
    base_q <= knot_v_q;
    slope_2_q <= slope_q;

    v_q <= base + risen + {{(ROW_W - 1) {1'b0}}, difference[11]};
    slope_3_q <= slope_2_q;
    valid_q <= rst ? 3'd0 : {valid_q[1:0], s_valid};
  end

  assign m_valid = valid_q[2];
  assign m_v = v_q;
  assign m_slope = slope_3_q;

endmodule

`default_nettype wire
