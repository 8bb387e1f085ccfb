// SPDX-License-Identifier: Apache-2.0
// Search along the epipolar curve for the right column that looks most like the window around a left
// point. Equals `search` of vio/fixed/stereo_search.py.
//
// Three searches are under way at a time: blocks are fetched for one (stereo_fetch), a second is
// scored (stereo_template, stereo_columns, stereo_cross, stereo_score), the last one is decided (stereo_decision).
// Q formats:  point in whole pixels, breakpoints sQ10.8, slopes sQ0.12 -> whole column; formats of the sums
//             in the modules. The sums are formed of the pixels as they are: that they are
//             not centred first changes no bit (see stereo_score.v).
// Latency:    about 350 + 4.5 a column to m_valid. Throughput: one in 9 cycles for two columns, those before
//             the first whole window included, and 12 more (9 (15 + columns / 2) + 12), if the reader
//             serves 3 blocks in 12 cycles. Loading the tables takes 16 MAX_STEREO_HEIGHT cycles meanwhile.
// Multipliers: 5. Memory: tables of the template in distributed RAM; 5 block RAM.
// Reader:     blocks of four rows; of an answer's eight only the first is used. An answer comes a fixed
//             number of cycles after its request.
`default_nettype none

module stereo_search (
    input wire clk,
    input wire rst,

    input wire [10:0] cfg_width,
    input wire [10:0] cfg_height,
    input wire [ 3:0] cfg_reach_u,     // half the window, pixels
    input wire [ 2:0] cfg_reach_v,
    input wire [16:0] cfg_search_min,  // least squared correlation
    input wire [16:0] cfg_uniqueness,

    input  wire               s_valid,
    output wire               s_ready,
    input  wire signed [11:0] s_u,        // left point, rounded to pixels
    input  wire signed [11:0] s_v,
    input  wire        [ 2:0] s_pieces,   // number of breakpoints, 2 or more
    input  wire        [94:0] s_knots_u,  // 5 x 19 bits, the rightmost first
    input  wire        [94:0] s_knots_v,
    input  wire        [51:0] s_slopes,   // 4 x 13 bits

    output wire               m_valid,
    input  wire               m_ready,
    output wire               m_found,
    output wire signed [11:0] m_match,   // right column, pixels
    output wire        [ 7:0] m_columns, // searched

    output wire          r_valid,
    input  wire          r_ready,
    output wire [   1:0] r_buffer,
    output wire [   1:0] r_level,
    output wire [   8:0] r_column,
    output wire [   8:0] r_row,
    input  wire          a_valid,
    input  wire [1023:0] a_pixels
);

  `include "vio_params.vh"

  generate
    if (STEREO_SEGMENTS > 4 || UV_BITS != 19 || STRIP_SLOPE_BITS != 13 || SEARCH_COLUMNS > 255
        || STEREO_POWER_BITS != 22 || STEREO_SUM_BITS != 23 || STEREO_POWER_SHIFT != 8
        || STEREO_BLOCK_COLUMNS != 4 || MAX_STEREO_WIDTH > 31 || MAX_STEREO_HEIGHT > 7) begin : g_bad_preset
      stereo_search_is_made_for_4_segments_and_255_columns_at_most bad_parameter ();
    end
  endgenerate

  localparam W = MAX_STEREO_WIDTH;
  localparam H = MAX_STEREO_HEIGHT;
  localparam ROW_W = $clog2(H + 1);
  localparam L = $clog2(H * W);
  localparam COUNT_W = $clog2(SEARCH_COLUMNS + 1);
  localparam [COUNT_W-1:0] ONE = {{(COUNT_W - 1) {1'b0}}, 1'b1};
  localparam [ROW_W-1:0] LAST_ROW = H[ROW_W-1:0] - {{(ROW_W - 1) {1'b0}}, 1'b1};

  // ---- blocks ----
  wire j_valid, j_ready, free, popped, word_valid, word_strip, word_end, word_last;
  wire [COUNT_W-1:0] j_columns;
  wire signed [12:0] j_first;
  wire [1:0] j_left, j_start;
  wire [ROW_W-1:0] word_row;
  wire [31:0] quad;
  stereo_fetch #(
      .WIDTH(W),
      .HEIGHT(H),
      .COLUMNS(SEARCH_COLUMNS),
      .PIECES(4),
      .UV_W(19),
      .FRAC(COORD_FRAC),
      .SLOPE_W(13),
      .SLOPE_FRAC(STRIP_SLOPE_FRAC)
  ) fetch (
      .clk(clk),
      .rst(rst),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .cfg_reach_u({1'b0, cfg_reach_u}),
      .cfg_reach_v(cfg_reach_v),
      .s_valid(s_valid),
      .s_ready(s_ready),
      .s_u(s_u),
      .s_v(s_v),
      .s_pieces(s_pieces),
      .s_knots_u(s_knots_u),
      .s_knots_v(s_knots_v),
      .s_slopes(s_slopes),
      .j_valid(j_valid),
      .j_ready(j_ready),
      .j_columns(j_columns),
      .j_first(j_first),
      .j_left(j_left),
      .j_start(j_start),
      .r_ready(r_ready),
      .r_valid(r_valid),
      .r_buffer(r_buffer),
      .r_level(r_level),
      .r_column(r_column),
      .r_row(r_row),
      .a_valid(a_valid),
      .a_pixels(a_pixels),
      .free(free),
      .popped(popped),
      .m_valid(word_valid),
      .m_strip(word_strip),
      .m_end(word_end),
      .m_last(word_last),
      .m_row(word_row),
      .m_quad(quad)
  );

  // ---- front: a template is loaded when the last strip has passed it ----
  localparam [1:0] WAIT = 2'd0, LOAD = 2'd1, SETTLE = 2'd2, START = 2'd3;
  reg [1:0] front_q;
  reg [ROW_W-1:0] row_q;
  reg [3:0] step_q;
  reg go_q;
  reg [COUNT_W-1:0] count_q;
  reg signed [12:0] first_q;
  // ---- back: scores that are still to come ----
  reg active_q;
  reg [COUNT_W-1:0] remain_q, columns_q;
  reg signed [12:0] base_q;
  reg [21:0] power_q;

  wire full, columns_done;
  wire empty = j_columns == {COUNT_W{1'b0}};
  wire skip = front_q == WAIT && j_valid && empty && !active_q && columns_done;
  wire load = front_q == WAIT && j_valid && !empty && full && columns_done;
  wire start = front_q == START && !active_q;
  assign j_ready = skip || load;
  assign free = !full;

  always @(posedge clk) begin
    if (load) begin
      row_q <= {ROW_W{1'b0}};
      step_q <= 4'd0;
      count_q <= j_columns;
      first_q <= j_first;
    end else if (front_q == LOAD) begin
      step_q <= step_q + 4'd1;
      if (step_q == 4'd15) row_q <= row_q + {{(ROW_W - 1) {1'b0}}, 1'b1};
    end
    if (rst) front_q <= WAIT;
    else
      case (front_q)
        WAIT: front_q <= load ? LOAD : WAIT;
        LOAD: front_q <= step_q == 4'd15 && row_q == LAST_ROW ? SETTLE : LOAD;
        SETTLE: front_q <= START;
        default: front_q <= start ? WAIT : START;
      endcase
    go_q <= !rst && !load && (start || go_q);
  end

  // ---- template ----
  wire [1:0] slot;
  wire [63:0] pixels;
  wire [7:0] pixels_on;
  wire [7+L:0] template_sum;
  wire [15+L:0] template_square;
  stereo_template #(
      .WIDTH (W),
      .HEIGHT(H)
  ) window (
      .clk(clk),
      .rst(rst),
      .cfg_reach_u({1'b0, cfg_reach_u}),
      .cfg_reach_v(cfg_reach_v),
      .s_valid(word_valid && !word_strip),
      .s_end(word_end),
      .s_last(word_last),
      .s_row(word_row),
      .s_left(j_left),
      .s_quad(quad),
      .m_full(full),
      .m_taken(start),
      .m_row(row_q),
      .m_slot(slot),
      .m_pixels(pixels),
      .m_on(pixels_on),
      .m_sum(template_sum),
      .m_square(template_square)
  );

  // ---- columns, cross sums ----
  wire bits_valid, bits_first, bits_last, even_wanted, odd_wanted, cross_valid, sums_valid;
  wire [H-1:0] even_bits, odd_bits;
  wire [7+L:0] sum;
  wire [15+L:0] square, cross;
  stereo_columns #(
      .WIDTH  (W),
      .HEIGHT (H),
      .COUNT_W(COUNT_W)
  ) columns (
      .clk(clk),
      .rst(rst),
      .cfg_reach_u({1'b0, cfg_reach_u}),
      .cfg_reach_v(cfg_reach_v),
      .s_valid(word_valid && word_strip),
      .s_end(word_end),
      .s_row(word_row),
      .s_quad(quad),
      .s_popped(popped),
      .begin_valid(load),
      .begin_start(j_start),
      .begin_count(j_columns),
      .go(go_q),
      .done(columns_done),
      .m_valid(bits_valid),
      .m_first(bits_first),
      .m_last(bits_last),
      .m_even_wanted(even_wanted),
      .m_odd_wanted(odd_wanted),
      .m_even(even_bits),
      .m_odd(odd_bits),
      .sums_valid(sums_valid),
      .sums_ready(cross_valid),
      .sums_sum(sum),
      .sums_square(square)
  );
  wire unused_sums = sums_valid;  // always there before its cross sum

  stereo_cross #(
      .WIDTH (W),
      .HEIGHT(H),
      .APART (4)
  ) correlate (
      .clk(clk),
      .rst(rst),
      .load_valid(front_q == LOAD),
      .load_step(step_q),
      .load_row(row_q),
      .load_slot(slot),
      .load_pixels(pixels),
      .load_on(pixels_on),
      .s_valid(bits_valid),
      .s_first(bits_first),
      .s_last(bits_last),
      .s_even_wanted(even_wanted),
      .s_odd_wanted(odd_wanted),
      .s_even(even_bits),
      .s_odd(odd_bits),
      .m_valid(cross_valid),
      .m_sum(cross)
  );

  // ---- scores ----
  wire signed [10:0] size;
  soft_multiply #(
      .A_W(7),
      .B_W(4)
  ) area (
      .s_a({2'b00, cfg_reach_u, 1'b1}),
      .s_b({cfg_reach_v, 1'b1}),
      .m_product(size)
  );
  reg [7:0] size_q;
  wire unused_size = &{1'b0, size[10:8]};
  reg [7+L:0] template_sum_q;
  wire power_valid, score_valid, unused_top;
  wire [21:0] power;
  wire [22:0] score;
  stereo_score #(
      .PIXELS(H * W)
  ) scores (
      .clk(clk),
      .rst(rst),
      .cfg_pixels(size_q),
      .s_valid(start || cross_valid),
      .s_template(start),
      .s_cross(cross),
      .s_sum(start ? template_sum : sum),
      .s_square(start ? template_square : square),
      .s_template_sum(template_sum_q),
      .power_valid(power_valid),
      .power(power),
      .m_valid(score_valid),
      .m_score({unused_top, score})
  );

  wire end_ready;
  wire ended = active_q && remain_q == {COUNT_W{1'b0}};
  always @(posedge clk) begin
    size_q <= size[7:0];
    if (start) template_sum_q <= template_sum;
    if (start) begin
      base_q <= first_q;
      columns_q <= count_q;
      remain_q <= count_q;
    end else if (skip) begin
      columns_q <= {COUNT_W{1'b0}};
      remain_q  <= {COUNT_W{1'b0}};
    end else if (score_valid) remain_q <= remain_q - ONE;
    if (skip) power_q <= 22'd0;
    else if (power_valid) power_q <= power;
    if (rst) active_q <= 1'b0;
    else active_q <= start || skip || (active_q && !(ended && end_ready));
  end

  // ---- decision ----
  wire [COUNT_W-1:0] best;
  reg signed [12:0] decision_base_q;
  reg [COUNT_W-1:0] decision_columns_q;
  stereo_decision #(
      .COUNT_W(COUNT_W)
  ) decision (
      .clk(clk),
      .rst(rst),
      .cfg_search_min(cfg_search_min),
      .cfg_uniqueness(cfg_uniqueness),
      .s_valid(score_valid),
      .s_score(score),
      .end_valid(ended),
      .end_ready(end_ready),
      .end_power(power_q),
      .m_valid(m_valid),
      .m_ready(m_ready),
      .m_found(m_found),
      .m_best(best)
  );
  always @(posedge clk)
    if (ended && end_ready) begin
      decision_base_q <= base_q;
      decision_columns_q <= power_q == 22'd0 ? {COUNT_W{1'b0}} : columns_q;
    end

  wire signed [12:0] match = decision_base_q + {{(13 - COUNT_W) {1'b0}}, best};
  wire unused_match = match[12];
  assign m_match = match[11:0];
  assign m_columns = {{(8 - COUNT_W) {1'b0}}, decision_columns_q};

endmodule

`default_nettype wire
