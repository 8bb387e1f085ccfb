// SPDX-License-Identifier: Apache-2.0
// Score every pixel of a stream: the smaller eigenvalue of the structure tensor.
//
// Q formats:  8-bit pixels -> SCORE_W-bit unsigned scores in units of 2^8 (Sobel gradients, not
//             divided, products summed over 5x5 pixels). Equals `corner_scores` of
//             vio/fixed/corners.py.
// Growth:     gradient 11 bits signed, product 20, sum of 25 products 25 bits (signed 26); rounded
//             to 18 bits; radicand 37 bits. Exact up to there; the score saturates.
// Latency:    3 rows, 3 pixels and 8 + ROOT_BITS cycles. Throughput: one pixel a cycle.
// Output:     no backpressure: the scores of (u, v) = (x - 3, y - 3), in raster order, for
//             3 <= u < width - 3 and 3 <= v < height - 3.
`default_nettype none

module corner_scores #(
    parameter MAX_WIDTH = 752,  // pixels of a line, 8 or more
    parameter SIZE_W    = 11,   // bits of a width, height or coordinate
    parameter SCORE_W   = 17    // bits of a score, 2 .. 18
) (
    input wire clk,
    input wire rst,

    input wire [SIZE_W-1:0] cfg_width,  // 8 .. MAX_WIDTH, stable during a frame

    input wire       s_valid,
    input wire [7:0] s_data,
    input wire       s_user,  // start of frame

    output wire               m_valid,
    output wire [SCORE_W-1:0] m_score,
    output wire [ SIZE_W-1:0] m_u,
    output wire [ SIZE_W-1:0] m_v
);

  generate
    if (MAX_WIDTH < 8 || SCORE_W < 2 || SCORE_W > 18) begin : g_bad_size
      corner_scores_MAX_WIDTH_or_SCORE_W_out_of_range bad_parameter ();
    end
  endgenerate

  localparam AW = $clog2(MAX_WIDTH);
  localparam ROOT_W = 18;  // bits of the root: the radicand is at most (2 x 101602)^2
  localparam STAGES = 7;  // pipeline stages before the root
  localparam DEPTH = STAGES + ROOT_W;
  localparam [SIZE_W-1:0] ONE = {{(SIZE_W - 1) {1'b0}}, 1'b1};
  localparam [SIZE_W-1:0] ZERO = {SIZE_W{1'b0}};
  localparam [SIZE_W-1:0] REACH = ONE + ONE + ONE;  // of gradient and window
  localparam [SIZE_W-1:0] SPAN = REACH + REACH;

  // ---- position, and the six rows above ----
  reg [SIZE_W-1:0] x_q, y_q;
  wire [SIZE_W-1:0] x = s_user ? ZERO : x_q;
  wire [SIZE_W-1:0] y = s_user ? ZERO : y_q;
  wire row_end = x == cfg_width - ONE;

  reg [47:0] rows_mem[0:MAX_WIDTH-1];
  reg [47:0] rows_q;  // row - 1 on top
  reg b_valid_q;
  reg [AW-1:0] b_address_q;
  reg [7:0] b_pixel_q;

  always @(posedge clk) begin
    if (s_valid) begin
      x_q <= row_end ? ZERO : x + ONE;
      y_q <= row_end ? y + ONE : y;
      rows_q <= rows_mem[x[AW-1:0]];
      b_address_q <= x[AW-1:0];
      b_pixel_q <= s_data;
    end
    if (b_valid_q) rows_mem[b_address_q] <= {b_pixel_q, rows_q[47:8]};
    b_valid_q <= s_valid && !rst;
    if (rst) begin
      x_q <= ZERO;
      y_q <= ZERO;
    end
  end

  // ---- stage 2: smoothed and differenced columns of the five gradient rows ----
  // Column c[0] is the newest row, c[6] the oldest.
  wire [55:0] column = {rows_q[7:0], rows_q[15:8], rows_q[23:16], rows_q[31:24], rows_q[39:32],
                        rows_q[47:40], b_pixel_q};
  reg c_valid_q, d_valid_q, e_valid_q, f_valid_q, g_valid_q, h_valid_q;
  wire [5*21-1:0] xx_all, xy_all, yy_all;

  genvar r;
  generate
    for (r = 0; r < 5; r = r + 1) begin : g_row
      wire [7:0] below = column[8*r+:8];
      wire [7:0] here = column[8*r+8+:8];
      wire [7:0] above = column[8*r+16+:8];
      reg [9:0] smooth_q, smooth1_q, smooth2_q;
      reg signed [8:0] slope_q, slope1_q, slope2_q;
      reg signed [10:0] gx_q, gy_q;
      reg signed [20:0] xx_q, xy_q, yy_q;
      wire signed [10:0] gx = $signed({1'b0, smooth_q}) - $signed({1'b0, smooth2_q});
      wire signed [10:0] gy = {{2{slope_q[8]}}, slope_q} + {{2{slope2_q[8]}}, slope2_q}
                              + {slope1_q[8], slope1_q, 1'b0};
      always @(posedge clk) begin
        if (b_valid_q) begin
          smooth_q <= {2'd0, below} + {2'd0, above} + {1'b0, here, 1'b0};
          slope_q <= $signed({1'b0, below}) - $signed({1'b0, above});
          smooth1_q <= smooth_q;
          smooth2_q <= smooth1_q;
          slope1_q <= slope_q;
          slope2_q <= slope1_q;
        end
        if (c_valid_q) begin
          gx_q <= gx;
          gy_q <= gy;
        end
        xx_q <= {{10{gx_q[10]}}, gx_q} * {{10{gx_q[10]}}, gx_q};
        xy_q <= {{10{gx_q[10]}}, gx_q} * {{10{gy_q[10]}}, gy_q};
        yy_q <= {{10{gy_q[10]}}, gy_q} * {{10{gy_q[10]}}, gy_q};
      end
      assign xx_all[21*r+:21] = xx_q;
      assign xy_all[21*r+:21] = xy_q;
      assign yy_all[21*r+:21] = yy_q;
    end
  endgenerate

  // ---- sums over the five rows, then over five columns ----
  reg signed [25:0] xx_q, xy_q, yy_q;  // of one column
  reg signed [25:0] xx1_q, xx2_q, xx3_q, xx4_q;
  reg signed [25:0] xy1_q, xy2_q, xy3_q, xy4_q;
  reg signed [25:0] yy1_q, yy2_q, yy3_q, yy4_q;
  reg signed [25:0] box_xx_q, box_xy_q, box_yy_q;

  // Sums over the five rows, of each of the three products.
  wire [314:0] all_products = {yy_all, xy_all, xx_all};
  wire [77:0] row_sums;
  genvar k;
  generate
    for (k = 0; k < 3; k = k + 1) begin : g_row_sum
      wire [104:0] all = all_products[105*k+:105];
      assign row_sums[26*k+:26] = {{5{all[20]}}, all[20:0]} + {{5{all[41]}}, all[41:21]}
                                  + {{5{all[62]}}, all[62:42]} + {{5{all[83]}}, all[83:63]}
                                  + {{5{all[104]}}, all[104:84]};
    end
  endgenerate

  localparam signed [25:0] HALF = 26'sd128;
  wire signed [25:0] round_xx = box_xx_q + HALF;
  wire signed [25:0] round_xy = box_xy_q + HALF;
  wire signed [25:0] round_yy = box_yy_q + HALF;
  wire unused_fraction = &{1'b0, round_xx[7:0], round_xy[7:0], round_yy[7:0]};

  reg signed [18:0] trace_q, trace1_q, gap_q, cross_q;
  wire signed [37:0] gap_wide = {{19{gap_q[18]}}, gap_q};
  wire signed [37:0] cross_wide = {{19{cross_q[18]}}, cross_q};
  wire signed [37:0] gap_square = gap_wide * gap_wide;
  wire signed [37:0] cross_square = cross_wide * cross_wide;
  reg [37:0] radicand_q;

  always @(posedge clk) begin
    if (e_valid_q) begin
      {yy_q, xy_q, xx_q} <= row_sums;
      {xx1_q, xx2_q, xx3_q, xx4_q} <= {xx_q, xx1_q, xx2_q, xx3_q};
      {xy1_q, xy2_q, xy3_q, xy4_q} <= {xy_q, xy1_q, xy2_q, xy3_q};
      {yy1_q, yy2_q, yy3_q, yy4_q} <= {yy_q, yy1_q, yy2_q, yy3_q};
    end
    if (f_valid_q) begin
      box_xx_q <= xx_q + xx1_q + xx2_q + xx3_q + xx4_q;
      box_xy_q <= xy_q + xy1_q + xy2_q + xy3_q + xy4_q;
      box_yy_q <= yy_q + yy1_q + yy2_q + yy3_q + yy4_q;
    end
    trace_q <= {round_xx[25], round_xx[25:8]} + {round_yy[25], round_yy[25:8]};
    gap_q <= {round_xx[25], round_xx[25:8]} - {round_yy[25], round_yy[25:8]};
    cross_q <= {round_xy[25:8], 1'b0};  // twice
    trace1_q <= trace_q;
    radicand_q <= gap_square + cross_square;
  end

  // ---- valid bits and positions travel along ----
  reg [SIZE_W-1:0] u_pipe[0:DEPTH];
  reg [SIZE_W-1:0] v_pipe[0:DEPTH];
  reg [DEPTH:0] wanted_q;
  integer i;

  always @(posedge clk) begin
    c_valid_q <= b_valid_q && !rst;
    d_valid_q <= c_valid_q && !rst;
    e_valid_q <= d_valid_q && !rst;
    f_valid_q <= e_valid_q && !rst;
    g_valid_q <= f_valid_q && !rst;
    h_valid_q <= g_valid_q && !rst;
    u_pipe[0] <= x - REACH;
    v_pipe[0] <= y - REACH;
    wanted_q[0] <= s_valid && x >= SPAN && y >= SPAN && !rst;
    for (i = 1; i <= DEPTH; i = i + 1) begin
      u_pipe[i] <= u_pipe[i-1];
      v_pipe[i] <= v_pipe[i-1];
      wanted_q[i] <= wanted_q[i-1] && !rst;
    end
  end
  wire unused_valid = h_valid_q;

  // ---- root: one bit a stage ----
  reg [37:0] rest_pipe[0:ROOT_W-1];
  reg [ROOT_W-1:0] root_pipe[0:ROOT_W-1];
  reg [18:0] trace_pipe[0:ROOT_W-1];
  genvar s;
  generate
    for (s = 0; s < ROOT_W; s = s + 1) begin : g_root
      localparam BIT = ROOT_W - 1 - s;
      wire [37:0] rest;
      wire [ROOT_W-1:0] root;
      wire [18:0] trace;
      if (s == 0) begin : g_first
        assign rest = radicand_q;
        assign root = {ROOT_W{1'b0}};
        assign trace = trace1_q;
      end else begin : g_next
        assign rest = rest_pipe[s-1];
        assign root = root_pipe[s-1];
        assign trace = trace_pipe[s-1];
      end
      // (root + 2^BIT)^2 - root^2 = (2 root + 2^BIT) 2^BIT
      wire [37:0] trial = ({19'd0, root, 1'b0} + (38'd1 << BIT)) << BIT;
      wire fits = rest >= trial;
      always @(posedge clk) begin
        rest_pipe[s] <= fits ? rest - trial : rest;
        root_pipe[s] <= fits ? root | ({{(ROOT_W - 1) {1'b0}}, 1'b1} << BIT) : root;
        trace_pipe[s] <= trace;
      end
    end
  endgenerate
  wire unused_rest = &{1'b0, rest_pipe[ROOT_W-1]};

  wire signed [19:0] twice = $signed({1'b0, trace_pipe[ROOT_W-1]}) -
                             $signed({2'b00, root_pipe[ROOT_W-1]});
  wire [18:0] score = twice[19:1];
  wire unused_half = twice[0];
  wire [18:0] top = {{(19 - SCORE_W) {1'b0}}, {SCORE_W{1'b1}}};

  assign m_score = twice[19] ? {SCORE_W{1'b0}} : score > top ? top[SCORE_W-1:0] : score[SCORE_W-1:0];
  assign m_valid = wanted_q[DEPTH];
  assign m_u = u_pipe[DEPTH];
  assign m_v = v_pipe[DEPTH];

endmodule

`default_nettype wire
