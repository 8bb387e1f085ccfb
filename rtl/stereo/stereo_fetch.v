// SPDX-License-Identifier: Apache-2.0
// Fetch what a search compares: the blocks of the left window, then those along the epipolar curve.
//
// A word is a block column: 4 columns of as many rows as the window has, cut out of the two or three
// blocks that they lie in, a row a cycle. The caller is ready for all words: those of the left window
// come when it is `free`, of the others at most 16 are on their way or not `popped`. The reader answers
// a fixed number of cycles after a request.
// Q formats:  whole pixels; breakpoints and slopes as in stereo_path.v.
// Latency:    4 cycles from s_valid && s_ready to the job, an answer's rows 1 to 4 cycles after it.
// Throughput: a word in 12 cycles (3 blocks; 8 if its rows lie in 2).
`default_nettype none

module stereo_fetch #(
    parameter WIDTH  = 31,  // greatest window, pixels
    parameter HEIGHT = 7,
    parameter COLUMNS = 152, // most columns of a search
    parameter PIECES = 4,
    parameter UV_W   = 19,
    parameter FRAC   = 8,
    parameter SLOPE_W = 13,
    parameter SLOPE_FRAC = 12
) (
    input wire clk,
    input wire rst,

    input wire [10:0] cfg_width,
    input wire [10:0] cfg_height,
    input wire [ 4:0] cfg_reach_u,  // half the window
    input wire [ 2:0] cfg_reach_v,

    input  wire                               s_valid,
    output wire                               s_ready,
    input  wire signed [                11:0] s_u,       // of the left point, pixels
    input  wire signed [                11:0] s_v,
    input  wire        [                 2:0] s_pieces,  // breakpoints
    input  wire        [(PIECES+1)*UV_W-1:0] s_knots_u,
    input  wire        [(PIECES+1)*UV_W-1:0] s_knots_v,
    input  wire        [ PIECES*SLOPE_W-1:0] s_slopes,

    // What is to be searched: held until taken, before and while the words come.
    output wire                             j_valid,
    input  wire                             j_ready,
    output wire        [$clog2(COLUMNS+1)-1:0] j_columns,  // 0: nothing to search, no words come
    output wire signed [               12:0] j_first,    // right column that the first score belongs to
    output wire        [                1:0] j_left,     // column of the template in its first word
    output wire        [                1:0] j_start,    // column of the strip in its first word

    input  wire        r_ready,
    output wire        r_valid,
    output wire [ 1:0] r_buffer,
    output wire [ 1:0] r_level,
    output wire [ 8:0] r_column,
    output wire [ 8:0] r_row,
    input  wire        a_valid,
    input  wire [1023:0] a_pixels,

    input  wire                 free,      // the last template is not needed any more
    input  wire                 popped,    // a word of the strip was used up
    output wire                        m_valid,
    output wire                        m_strip,  // else of the template
    output wire                        m_end,    // last row of a word
    output wire                        m_last,   // of the last word of its kind
    output wire [$clog2(HEIGHT+1)-1:0] m_row,
    output wire [                31:0] m_quad    // leftmost pixel in the low byte
);

  generate
    if (HEIGHT < 2 || HEIGHT > 15 || WIDTH > 63) begin : g_bad_size
      stereo_fetch_HEIGHT_or_WIDTH_out_of_range bad_parameter ();
    end
  endgenerate

  localparam COUNT_W = $clog2(COLUMNS + 1);
  localparam ROW_W = $clog2(HEIGHT + 1);
  localparam [2:0] IDLE = 3'd0, PLACE = 3'd1, BOUND = 3'd2, COUNT = 3'd3, LEFT = 3'd4, CURVE = 3'd5,
      STRIP = 3'd6, DONE = 3'd7;

  reg [2:0] state_q;
  reg signed [11:0] u_q, v_q;
  reg [2:0] pieces_q;
  reg [(PIECES+1)*UV_W-1:0] knots_u_q, knots_v_q;
  reg [PIECES*SLOPE_W-1:0] slopes_q;
  reg taken_q;

  // ---- the window moved inwards; the columns to search ----
  reg signed [12:0] tu_q, tv_q, first_q, last_q;
  reg [COUNT_W-1:0] count_q;
  wire signed [12:0] reach_u = {8'd0, cfg_reach_u};
  wire signed [12:0] reach_v = {10'd0, cfg_reach_v};
  wire signed [12:0] right_most = {2'd0, cfg_width} - 13'sd1 - reach_u;
  wire signed [12:0] lowest = {2'd0, cfg_height} - 13'sd1 - reach_v;
  wire signed [13:0] reach_wide = {1'b0, reach_u};
  wire signed [13:0] most_wide = {right_most[12], right_most};
  wire signed [12:0] u = {u_q[11], u_q};
  wire signed [12:0] v = {v_q[11], v_q};
  wire signed [12:0] offset = u - tu_q;

  wire [UV_W*8-1:0] all_u = {{(UV_W * (7 - PIECES)) {1'b0}}, knots_u_q};
  wire [2:0] last_knot = pieces_q - 3'd1;
  wire signed [UV_W-1:0] knot_left = all_u[UV_W*last_knot+:UV_W];
  wire signed [UV_W-1:0] knot_right = knots_u_q[UV_W-1:0];
  localparam signed [UV_W:0] HALF = {{(UV_W - FRAC + 1) {1'b0}}, 1'b1, {(FRAC - 1) {1'b0}}};
  wire signed [UV_W:0] left_sum = {knot_left[UV_W-1], knot_left} + HALF;
  wire signed [UV_W:0] right_sum = {knot_right[UV_W-1], knot_right} + HALF;
  wire unused_sums = &{1'b0, left_sum[FRAC-1:0], right_sum[FRAC-1:0]};
  wire signed [13:0] left_end = {{(13 - UV_W + FRAC) {left_sum[UV_W]}}, left_sum[UV_W:FRAC]}
                                - {offset[12], offset};
  wire signed [13:0] right_end = {{(13 - UV_W + FRAC) {right_sum[UV_W]}}, right_sum[UV_W:FRAC]}
                                 - {offset[12], offset};
  wire signed [13:0] columns = {last_q[12], last_q} - {first_q[12], first_q} + 14'sd1;
  localparam signed [13:0] MOST = COLUMNS;
  wire [12:0] size_u = {7'd0, cfg_reach_u, 1'b0};

  // ---- block columns ----
  reg [8:0] block_q, end_q;
  reg [1:0] part_q;  // block of the column, downwards
  reg [1:0] gap_q;
  wire [12:0] left = tu_q - reach_u;  // not negative
  wire [12:0] right = tu_q + reach_u;
  wire [12:0] top = tv_q - reach_v;
  wire [12:0] strip_left = first_q - reach_u;
  wire [12:0] strip_right = strip_left + {{(13 - COUNT_W) {1'b0}}, count_q} - 13'd1 + size_u;
  wire unused_high = &{1'b0, left[12:11], right[12:11], right[1:0], top[12:11], strip_left[12:11],
                       strip_right[12:11], strip_right[1:0]};

  wire path_valid;
  wire [10:0] path_top;
  wire [10:0] y = state_q == LEFT ? top[10:0] : path_top;
  wire [3:0] rows = {cfg_reach_v, 1'b0} + 4'd1;
  wire [4:0] last_row = {3'd0, y[1:0]} + {1'b0, rows} - 5'd1;
  wire unused_row = &{1'b0, last_row[1:0]};
  wire part_last = {1'b0, part_q} == last_row[4:2];
  wire block_last = block_q == end_q;

  reg [4:0] waiting_q;  // words of the strip on their way or not used up
  wire queue_ready;
  wire gap = gap_q != 2'd0;
  assign r_valid = queue_ready && !gap && (state_q == LEFT ? free
                   : state_q == STRIP && path_valid && (!waiting_q[4] || part_q != 2'd0));
  assign r_buffer = state_q == LEFT ? 2'd1 : 2'd2;
  assign r_level = 2'd0;
  assign r_column = block_q;
  assign r_row = y[10:2] + {7'd0, part_q};
  wire accepted = r_valid && r_ready;
  wire word_asked = accepted && part_last;
  wire path_next = word_asked && state_q == STRIP && !block_last;

  assign s_ready = state_q == IDLE;
  assign j_valid = state_q > COUNT && !taken_q;
  assign j_columns = count_q;
  assign j_first = first_q + offset;
  assign j_left = left[1:0];
  assign j_start = strip_left[1:0];

  always @(posedge clk) begin
    case (state_q)
      IDLE:
      if (s_valid) begin
        u_q <= s_u;
        v_q <= s_v;
        pieces_q <= s_pieces;
        knots_u_q <= s_knots_u;
        knots_v_q <= s_knots_v;
        slopes_q <= s_slopes;
      end
      PLACE: begin
        tu_q <= u < reach_u ? reach_u : u > right_most ? right_most : u;
        tv_q <= v < reach_v ? reach_v : v > lowest ? lowest : v;
      end
      BOUND: begin
        first_q <= left_end < reach_wide ? reach_u : left_end[12:0];
        last_q  <= right_end > most_wide ? right_most : right_end[12:0];
      end
      COUNT: begin
        count_q <= columns < 14'sd1 ? {COUNT_W{1'b0}}
                   : columns > MOST ? MOST[COUNT_W-1:0] : columns[COUNT_W-1:0];
        block_q <= left[10:2];
        end_q <= right[10:2];
      end
      CURVE: begin
        block_q <= strip_left[10:2];
        end_q   <= strip_right[10:2];
      end
      default: if (word_asked) block_q <= block_q + 9'd1;
    endcase

    if (rst || state_q == COUNT) part_q <= 2'd0;
    else if (accepted) part_q <= part_last ? 2'd0 : part_q + 2'd1;

    // The rows of an answer take four cycles.
    if (rst) gap_q <= 2'd0;
    else if (accepted) gap_q <= 2'd3;
    else if (gap) gap_q <= gap_q - 2'd1;

    if (rst) waiting_q <= 5'd0;
    else
      waiting_q <= waiting_q + {4'd0, word_asked && state_q == STRIP} - {4'd0, popped};

    if (rst) state_q <= IDLE;
    else
      case (state_q)
        IDLE:    state_q <= s_valid ? PLACE : IDLE;
        PLACE:   state_q <= BOUND;
        BOUND:   state_q <= COUNT;
        COUNT:   state_q <= columns < 14'sd1 ? DONE : LEFT;
        LEFT:    state_q <= word_asked && block_last ? CURVE : LEFT;
        CURVE:   state_q <= STRIP;
        STRIP:   state_q <= word_asked && block_last ? DONE : STRIP;
        default: state_q <= taken_q || j_ready ? IDLE : DONE;
      endcase
    taken_q <= !rst && state_q != IDLE && (taken_q || (j_valid && j_ready));
  end

  wire signed [11:0] middle = {1'b0, strip_left[10:2], 2'b10} + offset[11:0];
  wire signed [12:0] shift = tv_q - v - reach_v;
  wire [10:0] last_top = lowest[10:0] - {8'd0, cfg_reach_v};
  stereo_path #(
      .PIECES(PIECES),
      .UV_W(UV_W),
      .FRAC(FRAC),
      .SLOPE_W(SLOPE_W),
      .SLOPE_FRAC(SLOPE_FRAC)
  ) path (
      .clk(clk),
      .rst(rst),
      .cfg_last_top(last_top),
      .s_valid(state_q == CURVE),
      .s_column(middle),
      .s_shift(shift),
      .s_pieces(pieces_q),
      .s_knots_u(knots_u_q),
      .s_knots_v(knots_v_q),
      .s_slopes(slopes_q),
      .m_valid(path_valid),
      .m_next(path_next),
      .m_top(path_top)
  );

  // ---- answers come in order; what they are is queued ----
  wire [5:0] asked = {state_q == STRIP, block_last, part_q, y[1:0]};
  wire [5:0] what;
  wire what_valid;
  wire [4:0] what_level;
  wire unused_what = &{1'b0, what_valid, what_level};
  fifo #(
      .WIDTH(6),
      .DEPTH(16)
  ) questions (
      .clk(clk),
      .rst(rst),
      .s_valid(accepted),
      .s_ready(queue_ready),
      .s_data(asked),
      .m_valid(what_valid),
      .m_ready(a_valid),
      .m_data(what),
      .level(what_level)
  );
  // ---- an answer's four rows, a cycle each: only the first block of each row ----
  reg [127:0] rows_q;
  reg work_q, strip_q, word_last_q;
  reg [1:0] line_q;
  reg signed [5:0] at_q;  // row of the word
  wire unused_pixels = &{1'b0, a_pixels[1023:800], a_pixels[767:544], a_pixels[511:288],
                         a_pixels[255:32]};

  always @(posedge clk) begin
    if (a_valid) begin
      rows_q <= {a_pixels[768+:32], a_pixels[512+:32], a_pixels[256+:32], a_pixels[0+:32]};
      {strip_q, word_last_q} <= what[5:4];
      at_q   <= {2'd0, what[3:2], 2'd0} - {4'd0, what[1:0]};
      line_q <= 2'd0;
    end else if (work_q) begin
      at_q   <= at_q + 6'sd1;
      line_q <= line_q + 2'd1;
    end
    if (rst) work_q <= 1'b0;
    else work_q <= a_valid || (work_q && line_q != 2'd3);
  end

  wire [4:0] past = {1'b0, rows} - 5'd1;  // the last row
  wire unused_at = &{1'b0, at_q[4]};
  assign m_valid = work_q && !at_q[5] && at_q[4:0] <= past;
  assign m_strip = strip_q;
  assign m_end = at_q[4:0] == past;
  assign m_last = word_last_q;
  assign m_row = at_q[ROW_W-1:0];
  assign m_quad = rows_q[32*line_q+:32];

endmodule

`default_nettype wire
