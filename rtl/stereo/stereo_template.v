// SPDX-License-Identifier: Apache-2.0
// Keep the left window of a search, with its sums, and hand it over eight pixels of a row at a time.
//
// Q formats:  rows of 4 pixels of 8 bits, word after word -> sum of 8 + $clog2(HEIGHT WIDTH) bits and sum
//             of squares of 16 + $clog2(HEIGHT WIDTH) bits, exact.
// Latency:    m_full 7 cycles after the last row. Throughput: a row of a word a cycle. Pixels: 0 cycles.
// Memory:     8 x 32 pixels of distributed RAM; two block RAM of squares.
`default_nettype none

module stereo_template #(
    parameter WIDTH  = 31,  // greatest window, pixels
    parameter HEIGHT = 7
) (
    input wire clk,
    input wire rst,

    input wire [4:0] cfg_reach_u,  // half the window
    input wire [2:0] cfg_reach_v,

    // Words of 4 columns from left to right, rows from the top down
    input wire                        s_valid,
    input wire                        s_end,   // last row of a word
    input wire                        s_last,  // of the last word
    input wire [$clog2(HEIGHT+1)-1:0] s_row,
    input wire [                 1:0] s_left,  // column of the window in its first word
    input wire [                31:0] s_quad,  // leftmost pixel in the low byte

    output wire                                m_full,  // until taken
    input  wire                                m_taken, // the pixels are not needed any more
    input  wire [            $clog2(HEIGHT+1)-1:0] m_row,
    input  wire [                         1:0] m_slot,
    output wire [                        63:0] m_pixels, // place n: 8 m_slot + n left of the last column
    output wire [                         7:0] m_on,     // those that the window has
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

  wire [5:0] width = {cfg_reach_u, 1'b1};
  wire [3:0] height = {cfg_reach_v, 1'b1};

  // ---- how far left of the window's last column a word's first column lies ----
  reg fresh_q;  // before the first word
  reg [6:0] back_q;
  wire [6:0] back = fresh_q ? {1'b0, width} - 7'd1 + {5'd0, s_left} : back_q;
  reg valid_q, end_q, first_q;
  reg [1:0] left_q;
  reg [6:0] at_q;
  reg [ROW_W-1:0] row_q;
  reg [31:0] quad_q;

  always @(posedge clk) begin
    if (rst) fresh_q <= 1'b1;
    else if (s_valid && s_end) fresh_q <= s_last;
    if (s_valid && s_end) back_q <= back - 7'd4;
    valid_q <= s_valid && !rst;
    at_q <= back;
    first_q <= fresh_q;
    left_q <= s_left;
    row_q <= s_row;
    quad_q <= s_quad;
    end_q <= s_end && s_last;
  end

  // ---- pixels: pixel b of a word lies back - b left of the last column ----
  // Place n takes the pixel with back - b = n modulo 8, if the word has it.
  wire [3:0] before = at_q[6:3] - 4'd1;
  wire [3:0] rest = {1'b0, cfg_reach_u[4:2]} - {2'b00, m_slot};
  wire [4:0] few = ~(5'b11110 << cfg_reach_u[1:0]);  // that are no more than the rest
  wire row_there = {{(4 - ROW_W) {1'b0}}, m_row} < height;
  genvar n;
  generate
    for (n = 0; n < 8; n = n + 1) begin : g_place
      localparam [2:0] PLACE = n;
      wire [2:0] pixel = at_q[2:0] - PLACE;
      wire unused = &{1'b0, pixel[1:0]};
      wire near = {1'b1, at_q[2:0]} >= {1'b1, PLACE};
      wire write = valid_q && !pixel[2] && (near ? at_q[6:5] == 2'd0 : before[3:2] == 2'd0);
      wire [1:0] slot = near ? at_q[4:3] : before[1:0];
      wire [1:0] turn = at_q[1:0] - PLACE[1:0];
      reg [7:0] pixel_mem[0:31];
      always @(posedge clk) if (write) pixel_mem[{row_q, slot}] <= quad_q[8*turn+:8];
      assign m_pixels[8*n+:8] = pixel_mem[{m_row, m_slot}];
      // 8 m_slot + n columns left of the last one, of 2 reach_u + 1: n / 2, rounded up, of the rest.
      localparam PAIRS = (n + 1) / 2;
      assign m_on[n] = row_there && !rest[3] && (rest[2:0] != 3'd0 || few[PAIRS]);
    end
  endgenerate

  // ---- sums: 1 the pixels that count, 2 squares, 3, 4 of the four, 5 of the window ----
  reg [31:0] counted_q, late_q;
  wire [63:0] squares;
  reg [SUM_W-1:0] sum_q;
  reg [SQUARE_W-1:0] square_q;
  reg [1:0] valid_pipe;
  reg [4:0] end_pipe;
  reg full_q;

  // Pixels of the first word from the window's first column on, of the last word up to its last one.
  wire [3:0] lead = 4'b1111 << left_q;
  wire [3:0] tail = ~(4'b1110 << at_q[1:0]);
  generate
    for (n = 0; n < 4; n = n + 1) begin : g_pixel
      wire counts = (!first_q || lead[n]) && (at_q[6:2] != 5'd0 || tail[n]);
      always @(posedge clk) counted_q[8*n+:8] <= counts ? quad_q[8*n+:8] : 8'd0;
    end
  endgenerate
  square_table squares_low (
      .clk(clk),
      .s_a(counted_q[7:0]),
      .s_b(counted_q[15:8]),
      .m_a(squares[15:0]),
      .m_b(squares[31:16])
  );
  square_table squares_high (
      .clk(clk),
      .s_a(counted_q[23:16]),
      .s_b(counted_q[31:24]),
      .m_a(squares[47:32]),
      .m_b(squares[63:48])
  );

  wire four_valid, unused_four;
  wire [9:0] sum4;
  wire [17:0] square4;
  adder_tree #(
      .COUNT(4),
      .WIDTH(8)
  ) pixel_tree (
      .clk(clk),
      .rst(rst),
      .s_valid(valid_pipe[1]),
      .s_data(late_q),
      .m_valid(four_valid),
      .m_data(sum4)
  );
  adder_tree #(
      .COUNT(4),
      .WIDTH(16)
  ) square_tree (
      .clk(clk),
      .rst(rst),
      .s_valid(valid_pipe[1]),
      .s_data(squares),
      .m_valid(unused_four),
      .m_data(square4)
  );

  always @(posedge clk) begin
    valid_pipe <= rst ? 2'd0 : {valid_pipe[0], valid_q};
    end_pipe <= rst ? 5'd0 : {end_pipe[3:0], valid_q && end_q};
    late_q <= counted_q;
    if (rst || m_taken) begin
      sum_q <= {SUM_W{1'b0}};
      square_q <= {SQUARE_W{1'b0}};
    end else if (four_valid) begin
      sum_q <= sum_q + {{(SUM_W - 10) {1'b0}}, sum4};
      square_q <= square_q + {{(SQUARE_W - 18) {1'b0}}, square4};
    end
    if (rst || m_taken) full_q <= 1'b0;
    else if (end_pipe[4]) full_q <= 1'b1;
  end

  assign m_full = full_q;
  assign m_sum = sum_q;
  assign m_square = square_q;

endmodule

`default_nettype wire
