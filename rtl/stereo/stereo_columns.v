// SPDX-License-Identifier: Apache-2.0
// Take the words of a strip apart into pairs of pixel columns, a bit of each pixel a cycle, and form the
// sums of each window of columns.
//
// A pair is half a word: a strip that starts at an odd column gets the column before it, too, which then
// belongs to no window. Two pairs are under way: rows are read and summed of one, bits leave of the other.
// Q formats:  words of 4 columns x HEIGHT rows of 8-bit pixels, a row a cycle -> bits for stereo_cross.v,
//             low ones first, and for each column that completes a wanted window the window's sum and
//             sum of squares.
// Latency:    10 cycles to a pair's first bits, 13 to the even column's sums, a cycle more to the odd one's.
//             Throughput: a pair in 9 cycles.
// Memory:     16 words (128 x 32 bits), a window of column sums (32 x 35 bits), squares of pixels: a block
//             RAM each; 16 sums in distributed RAM.
`default_nettype none

module stereo_columns #(
    parameter WIDTH  = 31,  // greatest window, pixels
    parameter HEIGHT = 7,
    parameter COUNT_W = 8   // bits of a number of windows
) (
    input wire clk,
    input wire rst,

    input wire [4:0] cfg_reach_u,  // half the window, 1 or more
    input wire [2:0] cfg_reach_v,

    input  wire                        s_valid,  // never more than 16 words that are not popped
    input  wire                        s_end,    // last row of a word
    input  wire [$clog2(HEIGHT+1)-1:0] s_row,
    input  wire [                31:0] s_quad,   // leftmost pixel in the low byte
    output wire                        s_popped,

    input  wire               begin_valid,  // a strip; not before the last one's columns are done
    input  wire [        1:0] begin_start,  // its first column in its first word
    input  wire [COUNT_W-1:0] begin_count,  // windows, 1 or more
    input  wire               go,           // the template's tables are there: windows may be formed
    output wire               done,         // no columns left

    output wire              m_valid,  // bits: 9 cycles a pair, zeros in the last
    output wire              m_first,
    output wire              m_last,
    output wire              m_even_wanted,  // columns that complete a window
    output wire              m_odd_wanted,
    output wire [HEIGHT-1:0] m_even,  // top row in the low bits
    output wire [HEIGHT-1:0] m_odd,

    output wire                               sums_valid,
    input  wire                               sums_ready,
    output wire [ 7+$clog2(HEIGHT*WIDTH):0] sums_sum,
    output wire [15+$clog2(HEIGHT*WIDTH):0] sums_square
);

  generate
    if (WIDTH < 3 || WIDTH > 31 || HEIGHT < 2 || HEIGHT > 7) begin : g_bad_size
      stereo_columns_WIDTH_or_HEIGHT_out_of_range bad_parameter ();
    end
  endgenerate

  localparam ROW_W = $clog2(HEIGHT + 1);
  localparam SUM_W = 8 + $clog2(HEIGHT * WIDTH);
  localparam SQUARE_W = SUM_W + 8;
  localparam PIXELS_W = 8 + ROW_W;  // sum of a column
  localparam SQUARES_W = 16 + ROW_W;
  localparam [COUNT_W-1:0] ONE = {{(COUNT_W - 1) {1'b0}}, 1'b1};
  localparam [3:0] LAST = 4'd8;  // cycle of a pair
  localparam [3:0] ROWS = HEIGHT;

  wire [3:0] height = {cfg_reach_v, 1'b1};
  wire [5:0] width = {cfg_reach_u, 1'b1};

  // ---- pairs: half a word each ----
  reg busy_q, run_q, half_q, odd_q;
  reg [3:0] phase_q;
  reg [4:0] fill_q;  // pairs before the first one that completes a window
  reg [COUNT_W-1:0] left_q;  // windows
  reg [4:0] write_q, read_q;  // words; a bit more than the address tells none from 16
  // of the pair that is read
  reg [3:0] word_q;
  reg high_q, even_wanted_q, odd_wanted_q, pop_q;

  wire pair_end = run_q && phase_q == LAST;
  wire full = fill_q == 5'd0;
  // The sum of a window needs the tables a pair before its last column.
  wire take = busy_q && write_q != read_q && (!run_q || pair_end) && (fill_q > 5'd1 || go);
  wire even_wanted = full && !odd_q;
  wire odd_wanted = full && (odd_q || left_q != ONE);
  wire [COUNT_W-1:0] left = left_q - {{(COUNT_W - 1) {1'b0}}, even_wanted}
                            - {{(COUNT_W - 1) {1'b0}}, odd_wanted};
  wire ends = full && left == {COUNT_W{1'b0}};
  assign s_popped = pair_end && pop_q;

  always @(posedge clk) begin
    if (begin_valid) begin
      half_q  <= begin_start[1];
      odd_q   <= begin_start[0];
      fill_q  <= cfg_reach_u;
      left_q  <= begin_count;
    end else if (take) begin
      half_q <= !half_q;
      left_q <= left;
      if (full) odd_q <= 1'b0;
      else fill_q <= fill_q - 5'd1;
    end
    if (take) begin
      word_q <= read_q[3:0];
      high_q <= half_q;
      even_wanted_q <= even_wanted;
      odd_wanted_q <= odd_wanted;
      pop_q <= half_q || ends;
    end
    phase_q <= take ? 4'd0 : phase_q + 4'd1;
    if (rst) begin
      busy_q  <= 1'b0;
      run_q   <= 1'b0;
      write_q <= 5'd0;
      read_q  <= 5'd0;
    end else begin
      busy_q <= begin_valid || (busy_q && !(take && ends));
      run_q  <= take || (run_q && !pair_end);
      if (s_valid && s_end) write_q <= write_q + 5'd1;
      if (take && (half_q || ends)) read_q <= read_q + 5'd1;
    end
  end

  // ---- rows of the pair: read, then squared ----
  (* no_rw_check *) reg [31:0] strip_mem[0:127];
  reg [31:0] quad_q;
  wire [2:0] row = s_row;
  always @(posedge clk) begin
    if (s_valid) strip_mem[{write_q[3:0], row}] <= s_quad;
    quad_q <= strip_mem[{word_q, phase_q[2:0]}];
  end
  wire counts = phase_q <= height;  // the row read a cycle before
  wire [7:0] even_pixel = !counts ? 8'd0 : high_q ? quad_q[23:16] : quad_q[7:0];
  wire [7:0] odd_pixel = !counts ? 8'd0 : high_q ? quad_q[31:24] : quad_q[15:8];
  wire [15:0] even_square, odd_square;
  square_table squares (
      .clk(clk),
      .s_a(even_pixel),
      .s_b(odd_pixel),
      .m_a(even_square),
      .m_b(odd_square)
  );

  reg [8*HEIGHT-1:0] even_hold_q, odd_hold_q, even_late_q, odd_late_q;
  reg [7:0] even_pixel_q, odd_pixel_q;
  reg [PIXELS_W-1:0] even_sum_q, odd_sum_q;
  reg [SQUARES_W-1:0] even_squares_q, odd_squares_q;
  always @(posedge clk) begin
    even_pixel_q <= even_pixel;
    odd_pixel_q  <= odd_pixel;
    if (phase_q == 4'd1) begin
      even_sum_q <= {PIXELS_W{1'b0}};
      odd_sum_q <= {PIXELS_W{1'b0}};
      even_squares_q <= {SQUARES_W{1'b0}};
      odd_squares_q <= {SQUARES_W{1'b0}};
    end else if (phase_q != 4'd0 && phase_q <= ROWS + 4'd1) begin
      even_sum_q <= even_sum_q + {{ROW_W{1'b0}}, even_pixel_q};
      odd_sum_q <= odd_sum_q + {{ROW_W{1'b0}}, odd_pixel_q};
      even_squares_q <= even_squares_q + {{ROW_W{1'b0}}, even_square};
      odd_squares_q <= odd_squares_q + {{ROW_W{1'b0}}, odd_square};
    end
  end

  // ---- bits of the pair before ----
  reg shift_q, shift_even_wanted_q, shift_odd_wanted_q;
  reg [3:0] plane_q;
  always @(posedge clk) begin
    if (pair_end) begin
      even_late_q <= even_hold_q;
      odd_late_q <= odd_hold_q;
      shift_even_wanted_q <= even_wanted_q;
      shift_odd_wanted_q <= odd_wanted_q;
    end
    plane_q <= pair_end ? 4'd0 : plane_q + 4'd1;
    shift_q <= !rst && (pair_end || (shift_q && plane_q != LAST));
  end
  assign m_valid = shift_q;
  assign m_first = plane_q == 4'd0;
  assign m_last = plane_q == LAST;
  assign m_even_wanted = shift_even_wanted_q;
  assign m_odd_wanted = shift_odd_wanted_q;
  assign done = !busy_q && !run_q && !shift_q;

  genvar j;
  generate
    for (j = 0; j < HEIGHT; j = j + 1) begin : g_row
      localparam [3:0] PHASE = j + 1;
      always @(posedge clk)
        if (phase_q == PHASE) begin
          even_hold_q[8*j+:8] <= even_pixel;
          odd_hold_q[8*j+:8]  <= odd_pixel;
        end
      assign m_even[j] = !plane_q[3] && even_late_q[{3'd0, plane_q[2:0]}+8*j];
      assign m_odd[j]  = !plane_q[3] && odd_late_q[{3'd0, plane_q[2:0]}+8*j];
    end
  endgenerate

  // ---- sums of the window, even column first: the column that enters less the one that leaves ----
  (* no_rw_check *) (* ram_style = "block" *)
  reg [PIXELS_W+SQUARES_W-1:0] window_mem[0:31];
  reg [PIXELS_W+SQUARES_W-1:0] leaving_q;
  reg [4:0] column_q;  // place of the next column
  reg [5:0] age_q;  // columns in the window
  reg even_q, second_q, window_q, complete_q;
  reg [SUM_W-1:0] sum_q;
  reg [SQUARE_W-1:0] square_q;
  wire enters = even_q || second_q;
  wire [4:0] place = column_q + {4'd0, enters};
  wire [4:0] oldest = place - width[4:0];
  wire [PIXELS_W-1:0] pixels = even_q ? even_sum_q : odd_sum_q;
  wire [SQUARES_W-1:0] squared = even_q ? even_squares_q : odd_squares_q;
  wire leaves = age_q == width;
  wire [SUM_W-1:0] old_sum = leaves ? {{(SUM_W - PIXELS_W) {1'b0}}, leaving_q[SQUARES_W+:PIXELS_W]} : {SUM_W{1'b0}};
  wire [SQUARE_W-1:0] old_square = leaves ? {{(SQUARE_W - SQUARES_W) {1'b0}}, leaving_q[SQUARES_W-1:0]}
                                          : {SQUARE_W{1'b0}};
  reg [SUM_W-1:0] sum_change_q;
  reg [SQUARE_W-1:0] square_change_q;
  reg wanted_q;

  always @(posedge clk) begin
    even_q <= pair_end && !rst;
    second_q <= even_q && !rst;
    leaving_q <= window_mem[oldest];
    if (begin_valid) age_q <= 6'd0;
    else if (enters && !leaves) age_q <= age_q + 6'd1;
    if (enters) begin
      window_mem[column_q] <= {pixels, squared};
      // Differences, as words that wrap: the sums never do.
      sum_change_q <= {{(SUM_W - PIXELS_W) {1'b0}}, pixels} - old_sum;
      square_change_q <= {{(SQUARE_W - SQUARES_W) {1'b0}}, squared} - old_square;
      wanted_q <= even_q ? shift_even_wanted_q : shift_odd_wanted_q;
    end
    window_q <= enters && !rst;
    if (begin_valid) begin
      sum_q <= {SUM_W{1'b0}};
      square_q <= {SQUARE_W{1'b0}};
    end else if (window_q) begin
      sum_q <= sum_q + sum_change_q;
      square_q <= square_q + square_change_q;
    end
    complete_q <= window_q && wanted_q && !rst;
    if (rst) column_q <= 5'd0;
    else column_q <= place;
  end

  wire sums_space;
  wire [4:0] sums_level;
  fifo #(
      .WIDTH(SUM_W + SQUARE_W),
      .DEPTH(16)
  ) sums (
      .clk(clk),
      .rst(rst),
      .s_valid(complete_q),
      .s_ready(sums_space),
      .s_data({square_q, sum_q}),
      .m_valid(sums_valid),
      .m_ready(sums_ready),
      .m_data({sums_square, sums_sum}),
      .level(sums_level)
  );
  wire unused_sums = &{1'b0, sums_space, sums_level};

endmodule

`default_nettype wire
