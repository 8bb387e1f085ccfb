// SPDX-License-Identifier: Apache-2.0
// Compare the window at a sub-pixel place with a template: a row a clock, sixteen lanes wide.
//
// Interpolates the window from its WINDOW + 1 pixel rows, weighs it, and sums its products with the
// template's basis: across, down, grey; its weighted sum; its weighted square. Equals `compare` on
// what `cut_window` cuts (vio/fixed/klt.py).
// Q formats:  8-bit pixels, 8-bit fractions, basis sQ8.PIXEL_FRAC -> window uQ8.PIXEL_FRAC with one
//             rounding; sums SUM_W bits signed.
// Growth:     the sums of a window do not overflow SUM_W bits (28 for 2 fraction bits, 15x15).
// Latency:    6 clocks after the last row. Throughput: a row a clock; windows may follow each other
//             at once. Multipliers: 6 a lane, 90 in all.
// Input:      s_first with a window's first pixel row, which only primes the interpolation; the
//             basis row that belongs to it comes with each later one. Fractions are held meanwhile.
`default_nettype none

module klt_compare #(
    parameter WINDOW     = 15,  // side of the window, pixels
    parameter PIXEL_FRAC = 2,   // fraction bits of an interpolated pixel, 1 .. 8
    parameter SUM_W      = 28   // bits of a sum
) (
    input wire clk,
    input wire rst,

    input wire                              s_valid,
    input wire                              s_first,
    input wire [          8*(WINDOW+1)-1:0] s_pixels,  // leftmost in the low byte
    input wire [                       7:0] s_fraction_u,
    input wire [                       7:0] s_fraction_v,
    input wire [WINDOW*(PIXEL_FRAC+9)-1:0] s_basis_x,  // leftmost in the low bits
    input wire [WINDOW*(PIXEL_FRAC+9)-1:0] s_basis_y,
    input wire [WINDOW*(PIXEL_FRAC+9)-1:0] s_basis_g,
    input wire [              WINDOW*5-1:0] s_weights,

    output wire             m_valid,
    output wire [SUM_W-1:0] m_x,
    output wire [SUM_W-1:0] m_y,
    output wire [SUM_W-1:0] m_g,
    output wire [SUM_W-1:0] m_1,
    output wire [SUM_W-1:0] m_square
);

  generate
    if (PIXEL_FRAC < 1 || PIXEL_FRAC > 8 || WINDOW < 3 || SUM_W < 20) begin : g_bad_size
      klt_compare_PIXEL_FRAC_WINDOW_or_SUM_W_out_of_range bad_parameter ();
    end
  endgenerate

  localparam BASIS_W = PIXEL_FRAC + 9;  // signed
  localparam VALUE_W = PIXEL_FRAC + 8;  // the pixel less half of the range, signed
  localparam DROP = 16 - PIXEL_FRAC;  // fraction bits of the products that are rounded away
  localparam COUNT_W = $clog2(WINDOW + 1);
  localparam [COUNT_W-1:0] LAST = WINDOW[COUNT_W-1:0] - {{(COUNT_W - 1) {1'b0}}, 1'b1};
  localparam [25:0] HALF = 26'd1 << (DROP - 1);

  // ---- rows: 1 across, 2 down, 3 weighed, 4 products, 5 row sums, 6 sums ----
  reg [5:0] valid_q;  // a row of the window is in this stage
  reg primed_q;
  reg [COUNT_W-1:0] row_q;  // of the row that leaves stage 5
  reg [WINDOW*BASIS_W-1:0] x1_q, x2_q, x3_q, y1_q, y2_q, y3_q, g1_q, g2_q, g3_q;
  reg [WINDOW*5-1:0] w1_q, w2_q;
  reg [7:0] v1_q;

  always @(posedge clk) begin
    {x1_q, x2_q, x3_q} <= {s_basis_x, x1_q, x2_q};
    {y1_q, y2_q, y3_q} <= {s_basis_y, y1_q, y2_q};
    {g1_q, g2_q, g3_q} <= {s_basis_g, g1_q, g2_q};
    {w1_q, w2_q} <= {s_weights, w1_q};
    v1_q <= s_fraction_v;
    if (rst) valid_q <= 6'd0;
    else valid_q <= {valid_q[4:0], s_valid && !s_first};
    primed_q <= s_valid;
  end

  wire [WINDOW*SUM_W-1:0] x_products, y_products, g_products, w_products, s_products;

  genvar i;
  generate
    for (i = 0; i < WINDOW; i = i + 1) begin : g_lane
      // 1: across, 16 bits exact.
      wire signed [8:0] step = $signed({1'b0, s_pixels[8*i+8+:8]}) - $signed({1'b0, s_pixels[8*i+:8]});
      wire signed [17:0] across = $signed({2'b00, s_pixels[8*i+:8], 8'd0})
                                  + {{9{step[8]}}, step} * $signed({10'd0, s_fraction_u});
      reg [15:0] row_above_q, row_here_q;
      // 2: down, one rounding.
      wire signed [16:0] rise = $signed({1'b0, row_here_q}) - $signed({1'b0, row_above_q});
      wire signed [25:0] down = $signed({2'b00, row_above_q, 8'd0})
                                + {{9{rise[16]}}, rise} * $signed({18'd0, v1_q}) + $signed(HALF);
      wire unused_down = &{1'b0, down[25:24], down[DROP-1:0], across[17:16]};
      reg signed [VALUE_W-1:0] value2_q, value3_q;
      // 3: weighed, one rounding.
      wire signed [VALUE_W+5:0] weighed = {{6{value2_q[VALUE_W-1]}}, value2_q}
                                          * $signed({{(VALUE_W + 1) {1'b0}}, w2_q[5*i+:5]})
                                          + $signed({{(VALUE_W + 1) {1'b0}}, 5'd16});
      wire unused_weighed = &{1'b0, weighed[VALUE_W+5], weighed[4:0]};
      reg signed [VALUE_W-1:0] weighed3_q;
      // 4: products.
      wire signed [SUM_W-1:0] value = {{(SUM_W - VALUE_W) {value3_q[VALUE_W-1]}}, value3_q};
      wire signed [BASIS_W-1:0] bx = x3_q[BASIS_W*i+:BASIS_W];
      wire signed [BASIS_W-1:0] by = y3_q[BASIS_W*i+:BASIS_W];
      wire signed [BASIS_W-1:0] bg = g3_q[BASIS_W*i+:BASIS_W];
      reg signed [SUM_W-1:0] px_q, py_q, pg_q, pw_q, ps_q;

      always @(posedge clk) begin
        if (s_valid) begin
          row_here_q <= across[15:0];
          row_above_q <= row_here_q;
        end
        // Less half of the range: the top bit is turned.
        value2_q <= {~down[23], down[22:DROP]};
        value3_q <= value2_q;
        weighed3_q <= weighed[VALUE_W+4:5];
        px_q <= value * {{(SUM_W - BASIS_W) {bx[BASIS_W-1]}}, bx};
        py_q <= value * {{(SUM_W - BASIS_W) {by[BASIS_W-1]}}, by};
        pg_q <= value * {{(SUM_W - BASIS_W) {bg[BASIS_W-1]}}, bg};
        ps_q <= value * {{(SUM_W - VALUE_W) {weighed3_q[VALUE_W-1]}}, weighed3_q};
        pw_q <= {{(SUM_W - VALUE_W) {weighed3_q[VALUE_W-1]}}, weighed3_q};
      end
      assign x_products[SUM_W*i+:SUM_W] = px_q;
      assign y_products[SUM_W*i+:SUM_W] = py_q;
      assign g_products[SUM_W*i+:SUM_W] = pg_q;
      assign s_products[SUM_W*i+:SUM_W] = ps_q;
      assign w_products[SUM_W*i+:SUM_W] = pw_q;
    end
  endgenerate
  wire unused_primed = primed_q;

  // ---- 5: sums of a row; 6: sums of the window ----
  wire [SUM_W-1:0] x_row, y_row, g_row, w_row, s_row;
  lane_sum #(.LANES(WINDOW), .WIDTH(SUM_W)) sum_x (.s_data(x_products), .m_data(x_row));
  lane_sum #(.LANES(WINDOW), .WIDTH(SUM_W)) sum_y (.s_data(y_products), .m_data(y_row));
  lane_sum #(.LANES(WINDOW), .WIDTH(SUM_W)) sum_g (.s_data(g_products), .m_data(g_row));
  lane_sum #(.LANES(WINDOW), .WIDTH(SUM_W)) sum_w (.s_data(w_products), .m_data(w_row));
  lane_sum #(.LANES(WINDOW), .WIDTH(SUM_W)) sum_s (.s_data(s_products), .m_data(s_row));

  reg [SUM_W-1:0] x5_q, y5_q, g5_q, w5_q, s5_q;
  reg [SUM_W-1:0] x_q, y_q, g_q, w_q, s_q;
  reg done_q;
  wire begins = row_q == {COUNT_W{1'b0}};

  always @(posedge clk) begin
    x5_q <= x_row;
    y5_q <= y_row;
    g5_q <= g_row;
    w5_q <= w_row;
    s5_q <= s_row;
    if (valid_q[4]) begin
      x_q <= (begins ? {SUM_W{1'b0}} : x_q) + x5_q;
      y_q <= (begins ? {SUM_W{1'b0}} : y_q) + y5_q;
      g_q <= (begins ? {SUM_W{1'b0}} : g_q) + g5_q;
      w_q <= (begins ? {SUM_W{1'b0}} : w_q) + w5_q;
      s_q <= (begins ? {SUM_W{1'b0}} : s_q) + s5_q;
    end
    if (rst) begin
      row_q <= {COUNT_W{1'b0}};
      done_q <= 1'b0;
    end else begin
      if (valid_q[4]) row_q <= row_q == LAST ? {COUNT_W{1'b0}} : row_q + {{(COUNT_W - 1) {1'b0}}, 1'b1};
      done_q <= valid_q[4] && row_q == LAST;
    end
  end
  wire unused_valid = valid_q[5];

  assign m_valid = done_q;
  assign m_x = x_q;
  assign m_y = y_q;
  assign m_g = g_q;
  assign m_1 = w_q;
  assign m_square = s_q;

endmodule

`default_nettype wire
