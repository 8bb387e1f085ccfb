// SPDX-License-Identifier: Apache-2.0
// Keep the left window of a search, with its sums, and hand it over a row at a time.
//
// Q formats:  words of 4 columns x HEIGHT rows of 8-bit pixels -> rows of WIDTH pixels, the window's last
//             column in the last place; sum of 8 + $clog2(HEIGHT WIDTH) bits and sum of squares of
//             16 + $clog2(HEIGHT WIDTH) bits, exact.
// Latency:    a word HEIGHT clocks, m_full 5 clocks after the last row. Throughput: one word in HEIGHT
//             clocks, held meanwhile. A row: 0 clocks.
// Memory:     WIDTH x HEIGHT pixels of distributed RAM.
`default_nettype none

module stereo_template #(
    parameter WIDTH  = 31,  // greatest window, pixels
    parameter HEIGHT = 7
) (
    input wire clk,
    input wire rst,

    input wire [4:0] cfg_reach_u,  // half the window
    input wire [2:0] cfg_reach_v,

    input wire                 s_valid,
    input wire                 s_first,
    input wire                 s_last,
    input wire [          1:0] s_left,   // column of the window in its first word
    input wire [32*HEIGHT-1:0] s_word,   // held for HEIGHT clocks

    output wire                                m_full,  // until taken
    input  wire                                m_taken, // the rows are not needed any more
    input  wire [            $clog2(HEIGHT+1)-1:0] m_row,
    output wire [               8*WIDTH-1:0] m_pixels,
    output wire [                 WIDTH-1:0] m_lanes, // that the window has, in this row
    output wire [ 7+$clog2(HEIGHT*WIDTH):0] m_sum,
    output wire [15+$clog2(HEIGHT*WIDTH):0] m_square
);

  generate
    if (WIDTH < 3 || WIDTH > 31 || HEIGHT < 2 || HEIGHT > 7) begin : g_bad_size
      stereo_template_WIDTH_or_HEIGHT_out_of_range bad_parameter ();
    end
  endgenerate

  localparam ROW_W = $clog2(HEIGHT + 1);
  localparam SUM_W = 8 + $clog2(HEIGHT * WIDTH);
  localparam SQUARE_W = SUM_W + 8;
  localparam [ROW_W-1:0] LAST_ROW = HEIGHT[ROW_W-1:0] - {{(ROW_W - 1) {1'b0}}, 1'b1};
  localparam [5:0] LAST_LANE = WIDTH[5:0] - 6'd1;

  wire [5:0] width = {cfg_reach_u, 1'b1};
  wire [3:0] height = {cfg_reach_v, 1'b1};

  // ---- a row of the word a clock ----
  reg work_q, last_q, full_q;
  reg [ROW_W-1:0] row_q;
  reg [3:0] block_q;  // of the window, from its left
  wire [1:0] left = s_left;
  wire [31:0] quad = s_word[32*row_q+:32];
  wire ends = row_q == LAST_ROW;

  always @(posedge clk) begin
    if (s_valid) begin
      row_q   <= {ROW_W{1'b0}};
      block_q <= s_first ? 4'd0 : block_q + 4'd1;
      last_q  <= s_last;
    end else if (work_q) row_q <= row_q + {{(ROW_W - 1) {1'b0}}, 1'b1};
    if (rst) work_q <= 1'b0;
    else work_q <= s_valid || (work_q && !ends);
  end

  // ---- lanes: lane i has the column that lies LAST_LANE - i left of the window's last ----
  wire [5:0] move = {4'd0, left} + width - 6'd1 - LAST_LANE;  // lane i: column i + move of the blocks
  wire [63:0] twice = {quad, quad};
  wire [31:0] turned = twice[8*move[1:0]+:32];
  genvar i;
  generate
    for (i = 0; i < WIDTH; i = i + 1) begin : g_lane
      localparam [5:0] LANE = i;
      reg [7:0] lane_mem[0:HEIGHT-1];
      wire [5:0] column = LANE + move;
      wire write = work_q && column[5:2] == block_q;
      wire unused_column = &{1'b0, column[1:0]};
      always @(posedge clk) if (write) lane_mem[row_q] <= turned[8*(i%4)+:8];
      assign m_pixels[8*i+:8] = lane_mem[m_row];
      assign m_lanes[i] = LANE + width > LAST_LANE && {{(4 - ROW_W) {1'b0}}, m_row} < height;
    end
  endgenerate

  // ---- sums: 1 the pixels that count, 2 squares, 3 of the four, 4 of the window ----
  reg [31:0] counted_q, late_q;
  reg [63:0] squares_q;
  reg [9:0] sum4_q;
  reg [17:0] square4_q;
  reg [SUM_W-1:0] sum_q;
  reg [SQUARE_W-1:0] square_q;
  reg [3:0] valid_q, end_q;
  reg [2:0] begin_q;
  wire [63:0] squares;
  wire row_counts = {{(4 - ROW_W) {1'b0}}, row_q} < height;
  wire [5:0] from = {4'd0, left};

  generate
    for (i = 0; i < 4; i = i + 1) begin : g_pixel
      localparam [1:0] PLACE = i;
      wire [5:0] column = {block_q, PLACE};
      wire counts = row_counts && column >= from && column < from + width;
      always @(posedge clk) if (work_q) counted_q[8*i+:8] <= counts ? quad[8*i+:8] : 8'd0;
      soft_square square (
          .s_data(counted_q[8*i+:8]),
          .m_data(squares[16*i+:16])
      );
    end
  endgenerate

  wire [9:0] sum4 = {2'd0, late_q[7:0]} + {2'd0, late_q[15:8]} + {2'd0, late_q[23:16]}
                    + {2'd0, late_q[31:24]};
  wire [17:0] square4 = {2'd0, squares_q[15:0]} + {2'd0, squares_q[31:16]}
                        + {2'd0, squares_q[47:32]} + {2'd0, squares_q[63:48]};

  always @(posedge clk) begin
    valid_q <= rst ? 4'd0 : {valid_q[2:0], work_q};
    begin_q <= {begin_q[1:0], block_q == 4'd0 && row_q == {ROW_W{1'b0}}};
    end_q   <= {end_q[2:0], last_q && ends};
    if (valid_q[0]) begin
      late_q <= counted_q;
      squares_q <= squares;
    end
    if (valid_q[1]) begin
      sum4_q <= sum4;
      square4_q <= square4;
    end
    if (valid_q[2]) begin
      sum_q <= (begin_q[2] ? {SUM_W{1'b0}} : sum_q) + {{(SUM_W - 10) {1'b0}}, sum4_q};
      square_q <= (begin_q[2] ? {SQUARE_W{1'b0}} : square_q) + {{(SQUARE_W - 18) {1'b0}}, square4_q};
    end
    if (rst || m_taken) full_q <= 1'b0;
    else if (valid_q[3] && end_q[3]) full_q <= 1'b1;
  end

  assign m_full = full_q;
  assign m_sum = sum_q;
  assign m_square = square_q;

endmodule

`default_nettype wire
