// SPDX-License-Identifier: Apache-2.0
// Cut a warped window out of an image: two samples a clock, out of a region of its own.
//
// A request (s_valid, taken at any time; it ends the one before) is answered by m_done, a level, with
// m_ok; equals `cut_warped` of vio/fixed/klt.py with a reach of WINDOW / 2 + 1. It asks for its region by
// f_valid (one clock) with the block it begins at; the eight block rows come on a_*, then f_done.
// Q formats:  pixels sQ10.8, map sQ1.14; positions cut to 8 fraction bits; values sQ7.PIXEL_FRAC, less
//             128, one rounding.
// Growth:     positions of samples are kept modulo 32 px, the region's side, where they all lie.
// Latency:    4 clocks to f_valid or a refusal; then 9 + 9 (WINDOW + 2) clocks from f_done to m_done for a
//             window of 15 (a row of WINDOW + 2 samples in WINDOW / 2 + 2 clocks). Throughput: 2 samples
//             a clock. Rows of samples are read with r_row, a clock later.
// Memory:     4 x 8 x 256 bits and WINDOW + 2 rows of samples in LUT RAM. Multipliers: 2.
`default_nettype none

module klt_sampler #(
    parameter SIDE = 15,  // WINDOW
    parameter FRAC = 2    // PIXEL_FRAC
) (
    input wire clk,
    input wire rst,

    input wire [10:0] cfg_width,  // of the image
    input wire [10:0] cfg_height,

    input wire               s_valid,
    input wire signed [18:0] s_u,
    input wire signed [18:0] s_v,
    input wire        [63:0] s_warp,  // w11, w10, w01, w00 (low)

    output wire       f_valid,
    output wire [8:0] f_column,
    output wire [8:0] f_row,
    input  wire       f_done,    // all block rows are here (level; low with f_valid's clock's end)

    input wire          a_valid,
    input wire [   2:0] a_row,
    input wire [1023:0] a_pixels,

    output wire m_done,
    output wire m_ok,

    input  wire [                   4:0] r_row,
    output wire [(SIDE+2)*(FRAC+8)-1:0] m_values
);

  `include "vio_params.vh"

  generate
    if (SIDE != WINDOW || FRAC != PIXEL_FRAC || WARP_BITS != 16 || WARP_FRAC != 14 || COORD_FRAC != 8
        || UV_BITS != 19 || WINDOW > 15) begin : g_bad_preset
      klt_sampler_does_not_fit_these_formats bad_parameter ();
    end
  endgenerate

  localparam REACH = WINDOW / 2 + 1;
  localparam ROWS = WINDOW + 2;
  localparam PAIRS = WINDOW / 2 + 2;  // the last of a row's is single
  localparam REGION_PX = 29;  // as in vio/fixed/klt.py
  localparam V_W = FRAC + 8;
  localparam DROP = 16 - FRAC;
  localparam [23:0] HALF = 24'd1 << (DROP - 1);
  localparam P_W = 27;  // of a position in the image: sQ12.14
  localparam [4:0] LAST_ROW = ROWS[4:0] - 5'd1;
  localparam [3:0] LAST_PAIR = PAIRS[3:0] - 4'd1;

  // ---- setting up ----
  localparam [2:0] IDLE = 3'd0, REACHES = 3'd1, BOUNDS = 3'd2, JUDGE = 3'd3, ASK = 3'd4, FETCH = 3'd5,
      SAMPLE = 3'd6, DRAIN = 3'd7;
  reg [2:0] state_q;
  reg signed [18:0] u_q, v_q;
  reg signed [15:0] w00_q, w01_q, w10_q, w11_q;
  reg ok_q, done_q;

  function [16:0] magnitude;
    input [15:0] w;
    magnitude = w[15] ? {1'b0, ~w} + 17'd1 : {1'b0, w};
  endfunction

  wire signed [18:0] size_x = {2'd0, magnitude(w00_q)} + {2'd0, magnitude(w01_q)};
  wire signed [18:0] size_y = {2'd0, magnitude(w10_q)} + {2'd0, magnitude(w11_q)};
  wire signed [18:0] sum_x = {{3{w00_q[15]}}, w00_q} + {{3{w01_q[15]}}, w01_q};
  wire signed [18:0] sum_y = {{3{w10_q[15]}}, w10_q} + {{3{w11_q[15]}}, w11_q};
  wire signed [22:0] reach_x, reach_y, corner_x, corner_y;
  soft_multiply #(.A_W(19), .B_W(4)) times_x (.s_a(size_x), .s_b(REACH[3:0]), .m_product(reach_x));
  soft_multiply #(.A_W(19), .B_W(4)) times_y (.s_a(size_y), .s_b(REACH[3:0]), .m_product(reach_y));
  soft_multiply #(.A_W(19), .B_W(4)) corner_u (.s_a(sum_x), .s_b(REACH[3:0]), .m_product(corner_x));
  soft_multiply #(.A_W(19), .B_W(4)) corner_v (.s_a(sum_y), .s_b(REACH[3:0]), .m_product(corner_y));

  wire signed [P_W-1:0] x = {{2{u_q[18]}}, u_q, 6'd0};
  wire signed [P_W-1:0] y = {{2{v_q[18]}}, v_q, 6'd0};
  reg signed [22:0] reach_x_q, reach_y_q;
  reg [18:0] corner_x_q, corner_y_q;
  wire signed [P_W-1:0] wide_x = {{(P_W - 23) {reach_x_q[22]}}, reach_x_q};
  wire signed [P_W-1:0] wide_y = {{(P_W - 23) {reach_y_q[22]}}, reach_y_q};
  wire signed [P_W-1:0] left = x - wide_x;
  wire signed [P_W-1:0] right = x + wide_x;
  wire signed [P_W-1:0] top = y - wide_y;
  wire signed [P_W-1:0] bottom = y + wide_y;
  wire unused_bits = &{1'b0, left[13:0], right[13:0], top[13:0], bottom[13:0], corner_x[22:19], corner_y[22:19]};
  reg signed [12:0] left_q, right_q, top_q, bottom_q;  // pixels
  wire signed [12:0] room_x = $signed({2'd0, cfg_width}) - 13'sd1;
  wire signed [12:0] room_y = $signed({2'd0, cfg_height}) - 13'sd1;
  wire signed [12:0] extent_x = right_q - left_q + 13'sd2;
  wire signed [12:0] extent_y = bottom_q - top_q + 13'sd2;
  wire fits = left_q >= 13'sd0 && top_q >= 13'sd0 && right_q < room_x && bottom_q < room_y
      && extent_x <= $signed(REGION_PX[12:0]) && extent_y <= $signed(REGION_PX[12:0]);

  // ---- walking: positions within the region, uQ5.14 ----
  reg [18:0] row_x_q, row_y_q, at_x_q, at_y_q;
  reg [4:0] row_q;
  reg [3:0] pair_q;
  wire [18:0] step_x = {{3{w00_q[15]}}, w00_q};
  wire [18:0] step_y = {{3{w10_q[15]}}, w10_q};
  wire [18:0] down_x = {{3{w01_q[15]}}, w01_q};
  wire [18:0] down_y = {{3{w11_q[15]}}, w11_q};
  wire [18:0] first_x = x[18:0] - corner_x_q - {left_q[4:2], 16'd0};
  wire [18:0] first_y = y[18:0] - corner_y_q - {top_q[4:2], 16'd0};
  wire single = pair_q == LAST_PAIR;

  always @(posedge clk) begin
    reach_x_q <= reach_x;
    reach_y_q <= reach_y;
    corner_x_q <= corner_x[18:0];
    corner_y_q <= corner_y[18:0];
    left_q <= left[P_W-1:14];
    right_q <= right[P_W-1:14];
    top_q <= top[P_W-1:14];
    bottom_q <= bottom[P_W-1:14];
    if (s_valid) begin
      u_q <= s_u;
      v_q <= s_v;
      {w11_q, w10_q, w01_q, w00_q} <= s_warp;
    end
    if (state_q != SAMPLE) begin
      {row_x_q, row_y_q} <= {first_x, first_y};
      {at_x_q, at_y_q} <= {first_x, first_y};
      row_q <= 5'd0;
      pair_q <= 4'd0;
    end else if (single) begin
      {row_x_q, row_y_q} <= {row_x_q + down_x, row_y_q + down_y};
      {at_x_q, at_y_q} <= {row_x_q + down_x, row_y_q + down_y};
      row_q <= row_q + 5'd1;
      pair_q <= 4'd0;
    end else begin
      {at_x_q, at_y_q} <= {at_x_q + {step_x[17:0], 1'b0}, at_y_q + {step_y[17:0], 1'b0}};
      pair_q <= pair_q + 4'd1;
    end
  end

  wire stored_last;
  always @(posedge clk) begin
    if (rst) begin
      state_q <= IDLE;
      done_q <= 1'b0;
    end else if (s_valid) begin
      state_q <= REACHES;
      done_q <= 1'b0;
    end else begin
      case (state_q)
        REACHES: state_q <= BOUNDS;
        BOUNDS: state_q <= JUDGE;
        JUDGE: begin
          ok_q <= fits;
          done_q <= !fits;
          state_q <= fits ? ASK : IDLE;
        end
        ASK: state_q <= FETCH;
        FETCH: if (f_done) state_q <= SAMPLE;
        SAMPLE: if (single && row_q == LAST_ROW) state_q <= DRAIN;
        DRAIN:
        if (stored_last) begin
          done_q <= 1'b1;
          state_q <= IDLE;
        end
        default: ;
      endcase
    end
  end

  assign f_valid = state_q == ASK;
  assign f_column = left_q[10:2];
  assign f_row = top_q[10:2];
  assign m_done = done_q;
  assign m_ok = ok_q;

  // ---- 1: both positions; 2: the corner of the 4x4 pixels that hold both ----
  wire [18:0] next_x = single ? at_x_q : at_x_q + step_x;
  wire [18:0] next_y = single ? at_y_q : at_y_q + step_y;
  wire unused_next = &{1'b0, next_x[5:0], next_y[5:0]};
  reg [12:0] x0_q, y0_q, x1_q, y1_q;  // uQ5.8
  reg [9:0] x0_2_q, x1_2_q, y0_2_q, y1_2_q;
  reg [4:0] base_x_q, base_y_q;
  reg [5:0] valid_q, ends_q, last_q;  // of stages 1 to 6

  // ---- 3: four pixels of each bank; bank b holds the rows that are b mod 4 ----
  reg [127:0] block_q;
  reg [9:0] x0_3_q, x1_3_q, y0_3_q, y1_3_q;
  reg [1:0] base_3_q;

  genvar b, i;
  generate
    for (b = 0; b < 4; b = b + 1) begin : g_bank
      localparam [1:0] SELF = b;
      reg [255:0] rows_mem[0:7];
      always @(posedge clk) if (a_valid) rows_mem[a_row] <= a_pixels[256*b+:256];
      // Rows from base_y on: those that lie in an earlier bank are in the next block row.
      wire [1:0] unused_row;
      wire [2:0] index;
      assign {index, unused_row} = base_y_q + 5'd3 - {3'd0, SELF};
      wire unused = &{1'b0, unused_row};
      wire [255:0] word = rows_mem[index];
      wire [31:0] shifted;
      klt_shift #(
          .PIXELS(4)
      ) shift (
          .s_pixels(word),
          .s_column(base_x_q),
          .m_pixels(shifted)
      );
      always @(posedge clk) block_q[32*b+:32] <= shifted;
    end
  endgenerate

  // ---- 4: the four pixels of each sample; 5: across; 6: down, one rounding ----
  wire [2*V_W-1:0] samples;
  generate
    for (i = 0; i < 2; i = i + 1) begin : g_sample
      wire [9:0] xs = i == 0 ? x0_3_q : x1_3_q;
      wire [9:0] ys = i == 0 ? y0_3_q : y1_3_q;
      wire [1:0] column = xs[9:8] - base_3_q;
      wire [1:0] row = ys[9:8];
      wire [1:0] row_below = row + 2'd1;
      wire [31:0] upper = block_q[32*row+:32] >> {column, 3'd0};
      wire [31:0] lower = block_q[32*row_below+:32] >> {column, 3'd0};
      wire unused_rows = &{1'b0, upper[31:16], lower[31:16]};
      reg [15:0] upper_q, lower_q;
      reg [7:0] a_q, b_q, b4_q;
      wire [15:0] upper_line, lower_line;
      klt_blend across_upper (
          .s_left(upper_q[7:0]),
          .s_right(upper_q[15:8]),
          .s_fraction(a_q),
          .m_blend(upper_line)
      );
      klt_blend across_lower (
          .s_left(lower_q[7:0]),
          .s_right(lower_q[15:8]),
          .s_fraction(a_q),
          .m_blend(lower_line)
      );
      // The upper line with half of what is rounded away, and the rise to the lower.
      reg [23:0] base_q;
      reg signed [16:0] rise_q;
      wire signed [25:0] risen = {{9{rise_q[16]}}, rise_q} * $signed({18'd0, b4_q});
      wire [23:0] down = base_q + risen[23:0];
      wire unused = &{1'b0, risen[25:24], down[DROP-1:0]};
      always @(posedge clk) begin
        upper_q <= upper[15:0];
        lower_q <= lower[15:0];
        a_q <= xs[7:0];
        b_q <= ys[7:0];
        base_q <= {upper_line, 8'd0} + HALF;
        rise_q <= $signed({1'b0, lower_line}) - $signed({1'b0, upper_line});
        b4_q <= b_q;
      end
      assign samples[V_W*i+:V_W] = {~down[23], down[22:DROP]};
    end
  endgenerate

  // ---- 6: a row of samples; 7: stored ----
  reg [2*PAIRS*V_W-1:0] line_q;
  reg [4:0] store_q;
  reg [ROWS*V_W-1:0] samples_mem[0:31];
  reg [ROWS*V_W-1:0] values_q;
  wire unused_line = &{1'b0, line_q[2*PAIRS*V_W-1:ROWS*V_W]};
  wire store = valid_q[5] && ends_q[5];
  assign stored_last = store && last_q[5];

  always @(posedge clk) begin
    x0_q <= at_x_q[18:6];
    y0_q <= at_y_q[18:6];
    x1_q <= next_x[18:6];
    y1_q <= next_y[18:6];
    {x0_2_q, x1_2_q, y0_2_q, y1_2_q} <= {x0_q[9:0], x1_q[9:0], y0_q[9:0], y1_q[9:0]};
    base_x_q <= x0_q[12:8] < x1_q[12:8] ? x0_q[12:8] : x1_q[12:8];
    base_y_q <= y0_q[12:8] < y1_q[12:8] ? y0_q[12:8] : y1_q[12:8];
    {x0_3_q, x1_3_q, y0_3_q, y1_3_q} <= {x0_2_q, x1_2_q, y0_2_q, y1_2_q};
    base_3_q <= base_x_q[1:0];
    ends_q <= {ends_q[4:0], single};
    last_q <= {last_q[4:0], row_q == LAST_ROW};
    if (valid_q[4]) line_q <= {samples, line_q[2*PAIRS*V_W-1:2*V_W]};
    if (store) samples_mem[store_q] <= line_q[ROWS*V_W-1:0];
    values_q <= samples_mem[r_row];
    if (state_q == FETCH) store_q <= 5'd0;
    else if (store) store_q <= store_q + 5'd1;
    if (rst || s_valid) valid_q <= 6'd0;
    else valid_q <= {valid_q[4:0], state_q == SAMPLE};
  end

  assign m_values = values_q;

endmodule

`default_nettype wire
