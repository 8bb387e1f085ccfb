// SPDX-License-Identifier: Apache-2.0
// Take the words of a strip apart into pixel columns, halves of pixels first, and form the sums of each
// window of columns.
//
// Q formats:  words of 4 columns x HEIGHT rows of 8-bit pixels -> halves of pixels for stereo_cross.v,
//             and for each column that completes a wanted window the window's sum and sum of squares.
// Latency:    2 clocks to a column's low halves, 4 + $clog2(HEIGHT) more to its sums. Throughput: a column
//             in 2 clocks.
// Memory:     16 words, a window of column sums, 16 sums: distributed RAM.
`default_nettype none

module stereo_columns #(
    parameter WIDTH  = 31,  // greatest window, pixels
    parameter HEIGHT = 7,
    parameter COUNT_W = 8   // bits of a number of windows
) (
    input wire clk,
    input wire rst,

    input wire [4:0] cfg_reach_u,  // half the window
    input wire [2:0] cfg_reach_v,

    input  wire                 s_valid,  // never more than 16 words that are not popped
    input  wire [32*HEIGHT-1:0] s_word,
    output wire                 s_popped,

    input  wire               begin_valid,  // a strip; not before the last one's columns are done
    input  wire [        1:0] begin_start,  // its first column in its first word
    input  wire [COUNT_W-1:0] begin_count,  // windows, 1 or more
    input  wire               go,           // the template's tables are there: windows may be formed
    output wire               done,         // no columns left

    output wire                m_valid,   // halves
    output wire                m_wanted,  // of a column that completes a window
    output wire [4*HEIGHT-1:0] m_halves,

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

  localparam SUM_W = 8 + $clog2(HEIGHT * WIDTH);
  localparam SQUARE_W = SUM_W + 8;
  localparam LEVELS = $clog2(HEIGHT);
  localparam PIXELS_W = 8 + LEVELS;  // sum of a column
  localparam SQUARES_W = 16 + LEVELS;
  localparam [COUNT_W-1:0] ONE = {{(COUNT_W - 1) {1'b0}}, 1'b1};

  wire [3:0] height = {cfg_reach_v, 1'b1};
  wire [5:0] width = {cfg_reach_u, 1'b1};

  // ---- words ----
  wire word_valid, word_ready, queue_ready;
  wire [32*HEIGHT-1:0] word;
  wire [4:0] level;
  fifo #(
      .WIDTH(32 * HEIGHT),
      .DEPTH(16)
  ) words (
      .clk(clk),
      .rst(rst),
      .s_valid(s_valid),
      .s_ready(queue_ready),
      .s_data(s_word),
      .m_valid(word_valid),
      .m_ready(word_ready),
      .m_data(word),
      .level(level)
  );
  wire unused_queue = &{1'b0, queue_ready, level};

  // ---- columns: a column every second clock, low halves, high halves ----
  reg busy_q, low_q, high_q, first_q, wanted_q;
  reg [1:0] place_q;
  reg [5:0] fill_q;  // columns before the first window is complete
  reg [COUNT_W-1:0] left_q;  // windows
  reg [8*HEIGHT-1:0] column_q;
  wire full = fill_q == 6'd0;
  wire take = busy_q && word_valid && !low_q && (!full || go);
  wire ends = full && left_q == ONE;
  assign word_ready = take && (place_q == 2'd3 || ends);
  assign s_popped = word_ready;
  assign done = !busy_q && !low_q && !high_q;

  always @(posedge clk) begin
    if (begin_valid) begin
      place_q <= begin_start;
      fill_q  <= width - 6'd1;
      left_q  <= begin_count;
      first_q <= 1'b1;
    end else if (take) begin
      place_q <= place_q + 2'd1;
      if (full) left_q <= left_q - ONE;
      else fill_q <= fill_q - 6'd1;
    end
    if (low_q) first_q <= 1'b0;
    if (take) wanted_q <= full;
    if (rst) begin
      busy_q <= 1'b0;
      low_q  <= 1'b0;
      high_q <= 1'b0;
    end else begin
      busy_q <= begin_valid || (busy_q && !(take && ends));
      low_q  <= take;
      high_q <= low_q;
    end
  end

  wire [16*HEIGHT-1:0] squares;
  reg [16*HEIGHT-1:0] squares_q;
  reg [8*HEIGHT-1:0] late_q;
  genvar j;
  generate
    for (j = 0; j < HEIGHT; j = j + 1) begin : g_row
      localparam [3:0] ROW = j;
      always @(posedge clk)
        if (take) column_q[8*j+:8] <= ROW < height ? word[32*j+8*place_q+:8] : 8'd0;
      assign m_halves[4*j+:4] = low_q ? column_q[8*j+:4] : column_q[8*j+4+:4];
      soft_square square (
          .s_data(column_q[8*j+:8]),
          .m_data(squares[16*j+:16])
      );
    end
  endgenerate
  assign m_valid = low_q || high_q;
  assign m_wanted = wanted_q;

  // ---- sums of a column: 1 squares, then trees ----
  reg squared_q;
  reg [LEVELS:0] first_pipe, wanted_pipe;
  always @(posedge clk) begin
    squared_q <= low_q && !rst;
    if (low_q) begin
      squares_q <= squares;
      late_q <= column_q;
    end
    first_pipe  <= {first_pipe[LEVELS-1:0], first_q};
    wanted_pipe <= {wanted_pipe[LEVELS-1:0], wanted_q};
  end

  wire tree_valid, unused_tree;
  wire [PIXELS_W-1:0] pixels;
  wire [SQUARES_W-1:0] squared;
  adder_tree #(
      .COUNT(HEIGHT),
      .WIDTH(8)
  ) pixel_tree (
      .clk(clk),
      .rst(rst),
      .s_valid(squared_q),
      .s_data(late_q),
      .m_valid(tree_valid),
      .m_data(pixels)
  );
  adder_tree #(
      .COUNT(HEIGHT),
      .WIDTH(16)
  ) square_tree (
      .clk(clk),
      .rst(rst),
      .s_valid(squared_q),
      .s_data(squares_q),
      .m_valid(unused_tree),
      .m_data(squared)
  );

  // ---- sums of the window: the column that enters less the one that leaves ----
  reg [PIXELS_W+SQUARES_W-1:0] window_mem[0:31];
  reg [4:0] write_q;
  reg [5:0] age_q;  // columns in the window
  reg window_q, complete_q;
  reg [SUM_W-1:0] sum_q;
  reg [SQUARE_W-1:0] square_q;
  wire first = first_pipe[LEVELS];
  wire [4:0] oldest = write_q - width[4:0];
  wire [PIXELS_W+SQUARES_W-1:0] leaving = window_mem[oldest];
  wire leaves = !first && age_q == width;
  wire [SUM_W-1:0] old_sum = leaves ? {{(SUM_W - PIXELS_W) {1'b0}}, leaving[SQUARES_W+:PIXELS_W]} : {SUM_W{1'b0}};
  wire [SQUARE_W-1:0] old_square = leaves ? {{(SQUARE_W - SQUARES_W) {1'b0}}, leaving[SQUARES_W-1:0]}
                                          : {SQUARE_W{1'b0}};
  reg [SUM_W-1:0] sum_change_q;
  reg [SQUARE_W-1:0] square_change_q;
  reg restart_q, wanted_late_q;

  always @(posedge clk) begin
    if (tree_valid) begin
      window_mem[write_q] <= {pixels, squared};
      write_q <= write_q + 5'd1;
      age_q <= first ? 6'd1 : leaves ? age_q : age_q + 6'd1;
      // Differences, as words that wrap: the sums never do.
      sum_change_q <= {{(SUM_W - PIXELS_W) {1'b0}}, pixels} - old_sum;
      square_change_q <= {{(SQUARE_W - SQUARES_W) {1'b0}}, squared} - old_square;
      restart_q <= first;
      wanted_late_q <= wanted_pipe[LEVELS];
    end
    window_q <= tree_valid && !rst;
    if (window_q) begin
      sum_q <= (restart_q ? {SUM_W{1'b0}} : sum_q) + sum_change_q;
      square_q <= (restart_q ? {SQUARE_W{1'b0}} : square_q) + square_change_q;
    end
    complete_q <= window_q && wanted_late_q && !rst;
    if (rst) write_q <= 5'd0;
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
