// SPDX-License-Identifier: Apache-2.0
// Cut a warped window out of an image: a sample a cycle, out of a region of its own.
//
// A request (s_valid, taken at any time; it ends the one before) is answered by m_done, a level, with
// m_ok; equals `sample_warped` of vio/fixed/klt.py with a reach of WINDOW / 2 + 1. It asks for its region by
// f_valid (one cycle) with the block it begins at; the eight block rows come on a_* by quarters, and at the latest in the
// second cycle of f_done the last one.
// Q formats:  pixels sQ10.8, map sQ1.14; positions cut to 8 fraction bits; values sQ7.PIXEL_FRAC, less
//             128, one rounding.
// Growth:     positions of samples are kept modulo 32 px, the region's side, where they all lie.
// Latency:    9 cycles to f_valid, up to 9 to a refusal; then (WINDOW + 2)^2 + 12 cycles from f_done to m_done.
//             Throughput: a sample a cycle. The last row of samples comes a cycle before m_done.
// Memory:     16 x 16 x 32 bits of LUT RAM. Multipliers: 2.
// Area:       the four pixels of a sample are taken out of 512 bits by clearing the registers of all others
//             and uniting them: a LUT4 for four, where a multiplexer takes three.
`default_nettype none

module klt_sampler #(
    parameter SIDE = 15,  // WINDOW
    parameter FRAC = 2    // PIXEL_FRAC
) (
    input wire clk,
    input wire rst,

    input wire [10:0] cfg_width,  // of the image
    input wire [10:0] cfg_height,

    input wire                               s_valid,
    input wire signed [                18:0] s_u,
    input wire signed [                18:0] s_v,
    input wire        [                63:0] s_warp,     // w11, w10, w01, w00 (low)

    output wire       f_valid,
    output wire [8:0] f_column,
    output wire [8:0] f_row,
    input  wire       f_done,    // all block rows are here (level; low at the end of f_valid's cycle)

    input wire         a_valid,
    input wire [  1:0] a_part,    // quarter of its rows
    input wire [  2:0] a_row,
    input wire [255:0] a_pixels,

    output wire m_done,
    output wire m_ok,

    output wire                         m_valid,   // a row of samples
    output wire [                  4:0] m_row,
    output wire [(SIDE+2)*(FRAC+8)-1:0] m_values,  // signed, less 128

    output wire count_sample  // two pixels of two rows are read
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
  localparam REGION_PX = 29;  // as in vio/fixed/klt.py
  localparam V_W = FRAC + 8;
  localparam DROP = 16 - FRAC;
  localparam [23:0] HALF = 24'd1 << (DROP - 1);
  localparam P_W = 27;  // of a position in the image: sQ12.14
  localparam [4:0] LAST = ROWS[4:0] - 5'd1;

  // ---- setting up: the columns, then the rows, in the same four steps ----
  localparam [3:0] IDLE = 4'd0, REACHES = 4'd1, BOUNDS = 4'd2, FITS = 4'd3, JUDGE = 4'd4, ASK = 4'd5, FETCH = 4'd6,
      SAMPLE = 4'd7, DRAIN = 4'd8;
  reg [3:0] state_q;
  reg down_q;  // rows
  reg signed [18:0] u_q, v_q;
  reg signed [15:0] w00_q, w01_q, w10_q, w11_q;
  reg ok_q, done_q;

  function [16:0] magnitude;
    input [15:0] w;
    magnitude = w[15] ? {1'b0, ~w} + 17'd1 : {1'b0, w};
  endfunction

  wire [15:0] across = down_q ? w10_q : w00_q;
  wire [15:0] along = down_q ? w11_q : w01_q;
  wire signed [18:0] place = down_q ? v_q : u_q;
  wire signed [18:0] size = {2'd0, magnitude(across)} + {2'd0, magnitude(along)};
  wire signed [18:0] sum = {{3{across[15]}}, across} + {{3{along[15]}}, along};
  wire signed [22:0] reach, corner;
  soft_multiply #(.A_W(19), .B_W(4)) times (.s_a(size), .s_b(REACH[3:0]), .m_product(reach));
  soft_multiply #(.A_W(19), .B_W(4)) corners (.s_a(sum), .s_b(REACH[3:0]), .m_product(corner));

  wire signed [P_W-1:0] at = {{2{place[18]}}, place, 6'd0};
  reg signed [22:0] reach_q;
  reg [18:0] corner_q;
  wire signed [P_W-1:0] wide = {{(P_W - 23) {reach_q[22]}}, reach_q};
  wire signed [P_W-1:0] least = at - wide;
  wire signed [P_W-1:0] most = at + wide;
  wire unused_bits = &{1'b0, least[13:0], most[13:0], corner[22:19]};
  reg signed [12:0] least_q, most_q;  // pixels
  reg [8:0] column_q, row_begin_q;  // of the region, blocks
  wire signed [12:0] room = $signed({2'd0, down_q ? cfg_height : cfg_width}) - 13'sd1;
  wire signed [12:0] extent = most_q - least_q + 13'sd2;
  reg fits_q;
  wire fits = least_q >= 13'sd0 && most_q < room && extent <= $signed(REGION_PX[12:0]);

  // ---- 1: walking: positions within the region, uQ5.14; a row's first is a row ahead ----
  reg [18:0] row_x_q, row_y_q, at_x_q, at_y_q;
  reg [4:0] row_q, column_s_q;
  wire [18:0] step_x = {{3{w00_q[15]}}, w00_q};
  wire [18:0] step_y = {{3{w10_q[15]}}, w10_q};
  wire [18:0] down_x = {{3{w01_q[15]}}, w01_q};
  wire [18:0] down_y = {{3{w11_q[15]}}, w11_q};
  wire [18:0] first = at[18:0] - corner_q - {least_q[4:2], 16'd0};
  wire ends = column_s_q == LAST;
  wire begins = state_q == SAMPLE ? ends : state_q == FETCH && f_done;

  always @(posedge clk) begin
    reach_q <= reach;
    corner_q <= corner[18:0];
    least_q <= least[P_W-1:14];
    most_q <= most[P_W-1:14];
    fits_q <= fits;
    if (s_valid) begin
      u_q <= s_u;
      v_q <= s_v;
      {w11_q, w10_q, w01_q, w00_q} <= s_warp;
    end
    if (state_q == JUDGE && !down_q) column_q <= least_q[10:2];
    if (state_q == JUDGE && down_q) row_begin_q <= least_q[10:2];
    if (state_q == JUDGE && !down_q) row_x_q <= first;
    else if (begins) row_x_q <= row_x_q + down_x;
    if (state_q == JUDGE && down_q) row_y_q <= first;
    else if (begins) row_y_q <= row_y_q + down_y;
    at_x_q <= begins ? row_x_q : at_x_q + step_x;
    at_y_q <= begins ? row_y_q : at_y_q + step_y;
    column_s_q <= begins ? 5'd0 : column_s_q + 5'd1;
    if (state_q == FETCH) row_q <= 5'd0;
    else if (begins) row_q <= row_q + 5'd1;
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
        BOUNDS: state_q <= FITS;
        FITS: state_q <= JUDGE;
        JUDGE: begin
          ok_q <= fits_q;
          done_q <= !fits_q;
          state_q <= !fits_q ? IDLE : down_q ? ASK : REACHES;
        end
        ASK: state_q <= FETCH;
        FETCH: if (f_done) state_q <= SAMPLE;
        SAMPLE: if (ends && row_q == LAST) state_q <= DRAIN;
        DRAIN:
        if (stored_last) begin
          done_q <= 1'b1;
          state_q <= IDLE;
        end
        default: ;
      endcase
    end
    if (s_valid) down_q <= 1'b0;
    else if (state_q == JUDGE) down_q <= 1'b1;
  end

  assign f_valid = state_q == ASK;
  assign f_column = column_q;
  assign f_row = row_begin_q;
  assign m_done = done_q;
  assign m_ok = ok_q;

  // ---- 2: which row of each bank (bank b holds the rows that are b mod 4), which blocks of it ----
  wire [4:0] x = at_x_q[18:14];
  wire [4:0] y = at_y_q[18:14];
  wire [3:0] even = x[4:1] + {3'd0, x[0]};  // half of the even column of x and x + 1
  wire [1:0] y_next = y[1:0] + 2'd1;
  wire unused_position = &{1'b0, at_x_q[5:0], at_y_q[5:0]};
  reg [8*6-1:0] fractions_x_q;  // of stages 2 to 7
  reg [8*9-1:0] fractions_y_q;  // of stages 2 to 10
  wire [7:0] fraction_x5 = fractions_x_q[31:24];
  wire [7:0] fraction_x7 = fractions_x_q[47:40];
  wire [7:0] fraction_y10 = fractions_y_q[71:64];
  reg [1:0] odd2_q;  // of the pair of columns, the odd one: its block's parity, its half of the block
  reg [1:0] even2_q;  // the even one
  reg [3:0] odd_x_q, odd_y_q;  // of stages 2 to 5
  reg [10:0] valid_q, ends_q, last_q;  // of stages 2 to 12

  // ---- 3: the blocks; all others are 0; 4: of even and odd blocks the wanted columns ----
  // A memory for each block of four of a bank: of two neighbouring blocks one is even and one odd, each in either half of
  // the region.
  reg [3:0] takes_even_q, takes_odd_q;  // columns 0 and 2 of the even block and of the odd; 1 and 3
  reg even_half_q, odd_half_q;
  wire [4*128-1:0] words;  // blocks 0 to 3 of a half, those that are not wanted 0

  genvar b, i;
  generate
    for (b = 0; b < 4; b = b + 1) begin : g_bank
      localparam [1:0] SELF = b;
      // Rows from y on: those that lie in an earlier bank are in the next block row.
      wire [1:0] unused_row;
      wire [2:0] index;
      assign {index, unused_row} = y + 5'd3 - {3'd0, SELF};
      wire unused = &{1'b0, unused_row};
      reg [2:0] index_q;
      always @(posedge clk) index_q <= index;
      reg [127:0] word_q;
      for (i = 0; i < 4; i = i + 1) begin : g_block
        localparam [1:0] BLOCK = i;  // of a half
        reg [31:0] block_mem[0:15];
        reg wanted_q;
        wire half = BLOCK[0] ? odd_half_q : even_half_q;
        always @(posedge clk) begin
          if (a_valid && a_part[0] == BLOCK[1]) block_mem[{a_part[1], a_row}] <= a_pixels[64*b+32*(i%2)+:32];
          wanted_q <= (y[1:0] == SELF || y_next == SELF) && (x[3:2] == BLOCK || even[2:1] == BLOCK);
          if (!wanted_q) word_q[32*i+:32] <= 32'd0;
          else word_q[32*i+:32] <= block_mem[{half, index_q}];
        end
      end
      assign words[128*b+:128] = word_q;
    end
  endgenerate

  // ---- 5: the pixel of the even and of the odd column, in the even and in the odd row ----
  reg [15:0] even5_q, odd5_q;  // even row in the low byte
  generate
    for (i = 0; i < 2; i = i + 1) begin : g_row
      wire [31:0] in_even = words[128*i+:32] | words[128*i+64+:32] | words[128*(i+2)+:32] | words[128*(i+2)+64+:32];
      wire [31:0] in_odd = words[128*i+32+:32] | words[128*i+96+:32] | words[128*(i+2)+32+:32]
          | words[128*(i+2)+96+:32];
      reg [31:0] even_q, odd_q;  // four candidates for the even and for the odd column of the pair
      always @(posedge clk) begin
        if (!takes_even_q[0]) even_q[7:0] <= 8'd0;
        else even_q[7:0] <= in_even[7:0];
        if (!takes_even_q[1]) even_q[15:8] <= 8'd0;
        else even_q[15:8] <= in_even[23:16];
        if (!takes_even_q[2]) even_q[23:16] <= 8'd0;
        else even_q[23:16] <= in_odd[7:0];
        if (!takes_even_q[3]) even_q[31:24] <= 8'd0;
        else even_q[31:24] <= in_odd[23:16];
        if (!takes_odd_q[0]) odd_q[7:0] <= 8'd0;
        else odd_q[7:0] <= in_even[15:8];
        if (!takes_odd_q[1]) odd_q[15:8] <= 8'd0;
        else odd_q[15:8] <= in_even[31:24];
        if (!takes_odd_q[2]) odd_q[23:16] <= 8'd0;
        else odd_q[23:16] <= in_odd[15:8];
        if (!takes_odd_q[3]) odd_q[31:24] <= 8'd0;
        else odd_q[31:24] <= in_odd[31:24];
        even5_q[8*i+:8] <= even_q[7:0] | even_q[15:8] | even_q[23:16] | even_q[31:24];
        odd5_q[8*i+:8]  <= odd_q[7:0] | odd_q[15:8] | odd_q[23:16] | odd_q[31:24];
      end
    end
  endgenerate

  // ---- 6: in order; 7, 8: across; 9: lines; 10: rise; 11: down, one rounding ----
  wire [15:0] lefts = odd_x_q[3] ? odd5_q : even5_q;
  wire [15:0] rights = odd_x_q[3] ? even5_q : odd5_q;
  reg [15:0] upper_q, lower_q;
  reg [8:0] digits_q;
  wire [15:0] upper_line;
  klt_interpolate across_upper (
      .clk(clk),
      .s_left(upper_q[7:0]),
      .s_right(upper_q[15:8]),
      .s_digits(digits_q),
      .m_blend(upper_line)
  );
  reg signed [8:0] slope_q;
  wire signed [17:0] run = {{9{slope_q[8]}}, slope_q} * $signed({10'd0, fraction_x7});
  reg [7:0] lower7_q, lower8_q;
  reg [15:0] run_q;
  wire [15:0] lower_line = {lower8_q, 8'd0} + run_q;
  reg [15:0] upper_line_q, upper_line9_q, lower_line_q;
  // The upper line with half of what is rounded away, and the rise to the lower.
  reg [23:0] base_q;
  reg signed [16:0] rise_q;
  wire signed [25:0] risen = {{9{rise_q[16]}}, rise_q} * $signed({18'd0, fraction_y10});
  reg [23:0] base11_q, risen_q;
  wire [23:0] down = base11_q + risen_q;
  wire unused = &{1'b0, risen[25:24], down[DROP-1:0], run[17:16]};
  always @(posedge clk) begin
    upper_q <= odd_y_q[3] ? {rights[15:8], lefts[15:8]} : {rights[7:0], lefts[7:0]};
    lower_q <= odd_y_q[3] ? {rights[7:0], lefts[7:0]} : {rights[15:8], lefts[15:8]};
    digits_q <= {1'b0, fraction_x5} + 9'h055;
    slope_q <= $signed({1'b0, lower_q[15:8]}) - $signed({1'b0, lower_q[7:0]});
    lower7_q <= lower_q[7:0];
    run_q <= run[15:0];
    lower8_q <= lower7_q;
    upper_line_q <= upper_line;
    upper_line9_q <= upper_line_q;
    lower_line_q <= lower_line;
    base_q <= {upper_line9_q, 8'd0} + HALF;
    rise_q <= $signed({1'b0, lower_line_q}) - $signed({1'b0, upper_line9_q});
    base11_q <= base_q;
    risen_q <= risen[23:0];
  end

  // ---- 11: a row of samples; 12: stored ----
  reg [ROWS*V_W-1:0] line_q;
  reg [4:0] store_q;
  wire store = valid_q[10] && ends_q[10];
  assign stored_last = store && last_q[10];

  always @(posedge clk) begin
    fractions_x_q <= {fractions_x_q[39:0], at_x_q[13:6]};
    fractions_y_q <= {fractions_y_q[63:0], at_y_q[13:6]};
    even_half_q <= x[2] ? even[3] : x[4];
    odd_half_q <= x[2] ? x[4] : even[3];
    odd2_q <= x[2:1];
    even2_q <= even[1:0];
    takes_even_q <= 4'd1 << even2_q;
    takes_odd_q <= 4'd1 << odd2_q;
    odd_x_q <= {odd_x_q[2:0], x[0]};
    odd_y_q <= {odd_y_q[2:0], y[0]};
    ends_q <= {ends_q[9:0], ends};
    last_q <= {last_q[9:0], row_q == LAST};
    if (valid_q[9]) line_q <= {~down[23], down[22:DROP], line_q[ROWS*V_W-1:V_W]};
    if (state_q == FETCH) store_q <= 5'd0;
    else if (store) store_q <= store_q + 5'd1;
    if (rst || s_valid) valid_q <= 11'd0;
    else valid_q <= {valid_q[9:0], state_q == SAMPLE};
  end

  assign m_valid = store;
  assign m_row = store_q;
  assign m_values = line_q;
  assign count_sample = state_q == SAMPLE;

endmodule

`default_nettype wire
