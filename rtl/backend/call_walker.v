// SPDX-License-Identifier: Apache-2.0
// Walk the rows and runs of a call of the vector engine: a call in, segments out.
//
// A segment is a number of words that follow one another by steps; `addresses` of
// vio/float32/execute.py has the same words in the same order. A straight call is one segment of
// elements. A product or outer product (forms 1, 3) gives, for each of its source rows, a segment to
// load for each run of columns, then for each row of the destination a segment for each run. A
// transfer (form 2) gives segments of elements; those below the diagonal go along a column.
//
// Latency: 1 cycle from start to a straight call's segment; else 7 and its runs of rows (a copy of
// both lists is kept for the call). Throughput: a segment a cycle, where none is empty and no row of a
// transfer goes down a column (4 cycles); 1 cycle for each run of rows. stop drops the call.
`default_nettype none

module call_walker (
    input wire clk,
    input wire rst,

    // the memory of runs: source 10, destination 10, length 10
    input wire        run_write,
    input wire [11:0] run_address,
    input wire [29:0] run_data,

    // descriptors of lane programs, between the walker's calls: a word comes a cycle after its address
    input  wire [11:0] d_address,
    output wire [29:0] d_word,

    // a call; the fields stay until done
    input  wire               start,
    input  wire               stop,
    output wire               busy,       // segments are still to come
    input  wire        [ 1:0] c_form,
    input  wire        [ 1:0] c_falls,
    input  wire               c_whole,    // of a straight call: see g_whole, g_once
    input  wire        [ 1:0] c_once,
    input  wire        [13:0] c_count,
    input  wire        [16:0] c_d,
    input  wire        [16:0] c_x,
    input  wire        [16:0] c_y,
    input  wire signed [12:0] c_d_step,
    input  wire signed [12:0] c_x_step,
    input  wire signed [12:0] c_y_step,   // or the source's pitch
    input  wire        [11:0] c_width,    // of the destination; a pitch where c_pitched
    input  wire               c_pitched,
    input  wire        [11:0] c_source_width,  // of a transfer; pitch of an outer product's x
    input  wire        [ 7:0] c_depth,
    input  wire        [11:0] c_rows,     // first run of the rows, and of the columns
    input  wire        [11:0] c_columns,
    input  wire        [ 4:0] c_row_runs,
    input  wire        [ 4:0] c_column_runs,

    output wire               g_valid,
    input  wire               g_ready,
    output wire        [ 1:0] g_kind,    // 0 elements, 1 load, 2 product, 3 outer product
    output wire               g_later,   // of a second or later source row
    output wire               g_first,   // the first of a row of an outer product
    output wire               g_whole,   // words of an operand follow one another: L in a vector
    output wire        [ 1:0] g_once,    // the operand is one word: bit 0 x, bit 1 y
    output wire        [13:0] g_count,
    output wire signed [23:0] g_d,
    output wire signed [23:0] g_x,
    output wire signed [23:0] g_y,       // of loads and products: the source row
    output wire        [11:0] g_place,   // of the first word in its source row, and of x
    output wire        [11:0] g_x_place,
    output wire signed [12:0] g_d_step,
    output wire signed [12:0] g_x_step,
    output wire signed [12:0] g_y_step,
    output wire        [ 1:0] g_falls
);

  localparam [1:0] STRAIGHT = 2'd0, TRANSFER = 2'd2, OUTER = 2'd3;
  localparam [1:0] ELEMENTS = 2'd0;
  localparam [1:0] IDLE = 2'd0, LOADS = 2'd1, ROWS = 2'd2, WALK = 2'd3;
  localparam [2:0] ROW_CYCLES = 3'd4;  // from a_q to row_at

  // Runs: the memory, and copies of the call's two lists.
  reg [29:0] runs_mem[0:4095];
  reg [29:0] row_runs_mem[0:31];
  reg [29:0] column_runs_mem[0:31];
  reg [29:0] run_q;

  reg [1:0] state_q;
  reg [5:0] asked_q;  // runs
  reg came_q, came_row_q, rows_came_q;  // a run comes; of the rows; the first of these has come
  reg [4:0] came_at_q;
  reg [5:0] columns_q;  // that have come
  reg [4:0] a_q, b_q;  // runs of rows and columns
  reg [2:0] aged_q;  // cycles since a_q changed
  reg [7:0] source_row_q;
  reg [10:0] row_q, source_q;
  reg [9:0] left_q;  // rows of the run after this one
  reg last_run_q;  // of the rows
  reg [29:0] row_run_q;
  reg signed [23:0] base_q, start_q, line_q;  // of the source row; of the rows of this word
  reg signed [12:0] start_step_q, line_step_q;  // to the next ones

  wire is_transfer = c_form == TRANSFER;
  wire is_outer = c_form == OUTER;
  wire begins = start && c_form != STRAIGHT && c_row_runs != 5'd0 && c_column_runs != 5'd0
      && (is_transfer || c_depth != 8'd0);  // a transfer has no depth
  wire [5:0] all_runs = {1'b0, c_row_runs} + {1'b0, c_column_runs};
  wire asks = state_q == IDLE ? begins : asked_q != all_runs;
  wire asks_row = asked_q < {1'b0, c_row_runs};
  wire [4:0] asked_column = asked_q[4:0] - c_row_runs;
  wire [11:0] run_read = state_q == IDLE && !start ? d_address
      : asks_row ? c_rows + {6'd0, asked_q} : c_columns + {7'd0, asked_column};

  always @(posedge clk) begin
    if (run_write) runs_mem[run_address] <= run_data;
    run_q <= runs_mem[run_read];
    came_q <= asks;
    came_row_q <= asks_row;
    came_at_q <= asks_row ? asked_q[4:0] : asked_column;
    if (came_q && came_row_q) row_runs_mem[came_at_q] <= run_q;
    if (came_q && !came_row_q) column_runs_mem[came_at_q] <= run_q;
    row_run_q <= came_q && came_row_q && came_at_q == a_q ? run_q : row_runs_mem[a_q];
  end

  wire [29:0] column_run = column_runs_mem[b_q];
  wire columns_came = columns_q == {1'b0, c_column_runs};
  wire last_column = b_q == c_column_runs - 5'd1;
  wire last_row = left_q == 10'd0;
  wire last_row_run = a_q == c_row_runs - 5'd1;
  wire last_source = source_row_q == c_depth - 8'd1;
  wire [1:0] next_state = is_transfer || last_source ? IDLE : LOADS;  // behind a source row

  // Where the rows of a run begin: of the destination; and the source row of a transfer, or the
  // word x of an outer product.
  wire signed [23:0] row_at, line_at;
  row_address dest_row (
      .clk(clk),
      .s_base($signed({7'd0, c_d})),
      .s_width(c_width),
      .s_pitched(c_pitched),
      .s_row({1'b0, row_run_q[19:10]}),
      .m_address(row_at)
  );
  row_address source_line (
      .clk(clk),
      .s_base($signed({7'd0, is_outer ? c_x : c_y})),
      .s_width(c_source_width),
      .s_pitched(is_outer),
      .s_row({1'b0, row_run_q[29:20]}),
      .m_address(line_at)
  );
  // width - row - 1 in a triangle
  wire [12:0] start_step = {1'b0, c_width} + (c_pitched ? 13'd0 : ~{3'd0, row_run_q[19:10]});
  wire [12:0] line_step = {1'b0, c_source_width} + (is_outer ? 13'd0 : ~{3'd0, row_run_q[29:20]});

  wire clip_ready, clip_busy, s_valid, s_ready;
  wire comes = {1'b0, b_q} < columns_q;
  wire gives = state_q == WALK || (state_q == LOADS && comes);
  wire moves = gives && clip_ready;
  wire leaves_run = state_q == WALK && moves && last_column && last_row;
  wire row_ready = aged_q == ROW_CYCLES && (columns_came || !is_transfer);
  wire empty_run = state_q == ROWS && row_ready && row_run_q[9:0] == 10'd0;
  wire leaves_source = empty_run ? last_row_run : leaves_run && last_run_q;

  always @(posedge clk) begin
    if (came_q && !came_row_q) columns_q <= columns_q + 6'd1;
    if (came_q && came_row_q) rows_came_q <= 1'b1;
    if (aged_q != ROW_CYCLES && rows_came_q) aged_q <= aged_q + 3'd1;
    if (asks) asked_q <= asked_q + 6'd1;
    case (state_q)
      IDLE: begin
        if (!begins) asked_q <= 6'd0;
        columns_q <= 6'd0;
        rows_came_q <= 1'b0;
        aged_q <= 3'd1;
        a_q <= 5'd0;
        b_q <= 5'd0;
        source_row_q <= 8'd0;
        base_q <= $signed({7'd0, c_y});
        if (begins) state_q <= is_transfer ? ROWS : LOADS;
      end
      LOADS:
      if (moves) begin
        b_q <= last_column ? 5'd0 : b_q + 5'd1;
        if (last_column) state_q <= ROWS;
      end
      ROWS:
      if (row_ready) begin
        row_q <= {1'b0, row_run_q[19:10]};
        source_q <= {1'b0, row_run_q[29:20]};
        left_q <= row_run_q[9:0] - 10'd1;
        start_q <= row_at;
        line_q <= line_at;
        start_step_q <= $signed(start_step);
        line_step_q <= $signed(line_step);
        last_run_q <= last_row_run;
        a_q <= last_row_run ? 5'd0 : a_q + 5'd1;  // the next one's rows are computed already
        if (c_row_runs != 5'd1) aged_q <= 3'd0;
        if (!empty_run) state_q <= WALK;
      end
      default:
      if (moves) begin
        b_q <= last_column ? 5'd0 : b_q + 5'd1;
        if (last_column) begin
          row_q <= row_q + 11'd1;
          source_q <= source_q + 11'd1;
          left_q <= left_q - 10'd1;
          start_q <= start_q + $signed({{11{start_step_q[12]}}, start_step_q});
          line_q <= line_q + $signed({{11{line_step_q[12]}}, line_step_q});
          start_step_q <= start_step_q - {12'd0, !c_pitched};
          line_step_q <= line_step_q - {12'd0, !is_outer};
          if (last_row) state_q <= ROWS;
        end
      end
    endcase
    if (leaves_source) begin
      source_row_q <= source_row_q + 8'd1;
      base_q <= base_q + $signed({{11{c_y_step[12]}}, c_y_step});
      state_q <= next_state;
    end
    if (rst || stop) state_q <= IDLE;
  end

  wire clipped, clip_later, clip_first, clip_whole, clip_falls;
  wire [1:0] clip_kind;
  wire [10:0] clip_count, clip_place, clip_x_place;
  wire signed [23:0] clip_d, clip_x, clip_y;
  wire signed [12:0] clip_step;
  segment_clip clip (
      .clk(clk),
      .rst(rst),
      .stop(stop),
      .c_transfer(is_transfer),
      .c_outer(is_outer),
      .c_d(c_d),
      .c_width(c_width),
      .c_pitched(c_pitched),
      .s_valid(gives),
      .s_ready(clip_ready),
      .s_load(state_q == LOADS),
      .s_later(source_row_q != 8'd0),
      .s_first(b_q == 5'd0),
      .s_run(column_run),
      .s_row(row_q),
      .s_source(source_q),
      .s_start(start_q),
      .s_line(line_q),
      .s_base(base_q),
      .busy(clip_busy),
      .m_valid(clipped),
      .m_ready(s_ready),
      .m_kind(clip_kind),
      .m_later(clip_later),
      .m_first(clip_first),
      .m_whole(clip_whole),
      .m_count(clip_count),
      .m_d(clip_d),
      .m_x(clip_x),
      .m_y(clip_y),
      .m_place(clip_place),
      .m_x_place(clip_x_place),
      .m_step(clip_step),
      .m_falls(clip_falls)
  );

  // A straight call is one segment, at once.
  wire straight = c_form == STRAIGHT;
  wire [13:0] count = straight ? c_count : {3'd0, clip_count};
  wire [71:0] addresses = straight ? {7'd0, c_d, 7'd0, c_x, 7'd0, c_y} : {clip_d, clip_x, clip_y};
  wire [38:0] steps = straight ? {c_d_step, c_x_step, c_y_step} : {clip_step, clip_step, 13'sd1};
  wire [1:0] falls = straight ? c_falls : {2{clip_falls}};
  wire [1:0] kind = straight ? ELEMENTS : clip_kind;
  wire whole = straight ? c_whole : clip_whole;
  wire [1:0] once = straight ? c_once : 2'd0;
  assign s_valid = clipped || (start && straight && c_count != 14'd0);
  skid #(
      .WIDTH(158)
  ) segments (
      .clk(clk),
      .rst(rst || stop),
      .s_valid(s_valid),
      .s_ready(s_ready),
      .s_data({
        kind, clip_later, clip_first, whole, once, falls, count, addresses, steps, 1'b0, clip_place,
        1'b0, clip_x_place
      }),
      .m_valid(g_valid),
      .m_ready(g_ready),
      .m_data({
        g_kind, g_later, g_first, g_whole, g_once, g_falls, g_count, g_d, g_x, g_y, g_d_step, g_x_step,
        g_y_step, g_place, g_x_place
      })
  );

  assign d_word = run_q;
  assign busy = state_q != IDLE || clip_busy || g_valid;

endmodule

`default_nettype wire
