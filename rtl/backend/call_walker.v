// SPDX-License-Identifier: Apache-2.0
// Walk the rows and runs of a call of the vector engine: a call in, segments out.
//
// A segment is a number of words that follow one another by steps; `addresses` of
// vio/float32/execute.py has the same words in the same order. A straight call is one segment of
// elements. A product or outer product (forms 1, 3) gives, for each of its source rows, a segment to
// load for each run of columns, then for each row of the destination a segment for each run. A
// transfer (form 2) gives segments of elements; those below the diagonal go along a column.
//
// Latency: 2 cycles from start to a straight call's segment; else 2 + its runs (a copy of both lists
// is kept for the call), and 3 for each run of rows. Throughput: a segment a cycle, where none is
// empty and no row of a transfer goes along a column (4 cycles). stop drops the call.
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
  localparam [1:0] ELEMENTS = 2'd0, LOAD = 2'd1;
  localparam [3:0] IDLE = 4'd0, RUNS = 4'd1, LOADS = 4'd2, ROWS = 4'd3, PLACE = 4'd4, BEGIN = 4'd5;
  localparam [3:0] WALK = 4'd6, ACROSS = 4'd7, CROSS = 4'd8, BEYOND = 4'd9;

  // Runs: the memory, and copies of the call's two lists.
  reg [29:0] runs_mem[0:4095];
  reg [29:0] row_runs_mem[0:31];
  reg [29:0] column_runs_mem[0:31];
  reg [29:0] run_q;

  reg [3:0] state_q;
  reg [5:0] copied_q;  // runs that were asked for
  reg [4:0] a_q, b_q;  // runs of rows and columns
  reg [7:0] source_row_q;
  reg [10:0] row_q, source_q;
  reg [9:0] left_q;  // rows of the run after this one
  reg new_row_q;
  reg signed [23:0] base_q, start_q, line_q;  // of the source row; of the rows of this word

  wire [5:0] all_runs = {1'b0, c_row_runs} + {1'b0, c_column_runs};
  wire [11:0] run_read = state_q == IDLE ? d_address
      : copied_q < {1'b0, c_row_runs} ? c_rows + {6'd0, copied_q}
      : c_columns + {6'd0, copied_q} - {7'd0, c_row_runs};
  wire [5:0] came = copied_q - 6'd1;
  wire [4:0] came_column = came[4:0] - c_row_runs;
  wire arrives = state_q == RUNS && copied_q != 6'd0;

  always @(posedge clk) begin
    if (run_write) runs_mem[run_address] <= run_data;
    run_q <= runs_mem[run_read];
    if (arrives && came < {1'b0, c_row_runs}) row_runs_mem[came[4:0]] <= run_q;
    if (arrives && came >= {1'b0, c_row_runs}) column_runs_mem[came_column] <= run_q;
  end

  wire [29:0] row_run = row_runs_mem[a_q];
  wire [29:0] column_run = column_runs_mem[b_q];
  wire [9:0] b_source = column_run[29:20];
  wire [9:0] b_dest = column_run[19:10];
  wire [9:0] b_length = column_run[9:0];

  // Where a run of columns begins on this row: behind the diagonal (of a transfer: the source's).
  wire is_transfer = c_form == TRANSFER;
  wire is_outer = c_form == OUTER;
  wire [10:0] diagonal = is_transfer ? source_q : row_q;
  wire [10:0] run_start = is_transfer ? {1'b0, b_source} : {1'b0, b_dest};
  wire [10:0] behind = diagonal - run_start;
  wire [10:0] skip = is_outer || diagonal <= run_start ? 11'd0 : behind;
  // Of a transfer, the words before `turn` belong below the destination's diagonal.
  wire [10:0] below = row_q - {1'b0, b_dest};
  wire [10:0] turn_at = below < {1'b0, b_length} ? below : {1'b0, b_length};
  wire [10:0] turn = row_q > {1'b0, b_dest} ? turn_at : 11'd0;
  wire crosses = is_transfer && skip < turn;
  wire [10:0] from = state_q == BEYOND ? turn : skip;
  wire some = from < {1'b0, b_length};
  wire [10:0] words = {1'b0, b_length} - from;
  wire [10:0] place = {1'b0, b_source} + from;
  wire [10:0] column = {1'b0, b_dest} + from;
  wire [10:0] cross_column = {1'b0, b_dest} + skip;
  wire [10:0] cross_place = {1'b0, b_source} + skip;

  wire last_column = b_q == c_column_runs - 5'd1;
  wire last_row = left_q == 10'd0;
  wire last_row_run = a_q == c_row_runs - 5'd1;
  wire last_source = source_row_q == c_depth - 8'd1;

  // Addresses of rows: of a run's first, and of the row that a word goes to across the diagonal.
  // Beside the destination's row goes a transfer's source row, or an outer product's word x.
  wire signed [23:0] row_at, line_at;
  wire [10:0] asked = state_q == ACROSS || state_q == CROSS ? cross_column : {1'b0, row_run[19:10]};
  row_address dest_row (
      .clk(clk),
      .s_base($signed({7'd0, c_d})),
      .s_width(c_width),
      .s_pitched(c_pitched),
      .s_row(asked),
      .m_address(row_at)
  );
  row_address source_line (
      .clk(clk),
      .s_base($signed({7'd0, is_outer ? c_x : c_y})),
      .s_width(c_source_width),
      .s_pitched(is_outer),
      .s_row({1'b0, row_run[29:20]}),
      .m_address(line_at)
  );
  wire signed [23:0] to_next_row =
      $signed({12'd0, c_width}) - (c_pitched ? 24'sd0 : $signed({13'd0, row_q}) + 24'sd1);
  wire signed [23:0] to_next_line =
      $signed({12'd0, c_source_width}) - (is_outer ? 24'sd0 : $signed({13'd0, source_q}) + 24'sd1);
  wire signed [23:0] next_base = base_q + $signed({{11{c_y_step[12]}}, c_y_step});
  wire [12:0] cross_step = {1'b0, c_width} - (c_pitched ? 13'd0 : {2'd0, cross_column} + 13'd1);

  // The segment at the output.
  reg valid_q, later_q, first_q;
  reg [1:0] kind_q, falls_q;
  reg [13:0] count_q;
  reg signed [23:0] d_q, x_q, y_q;
  reg [11:0] place_q, x_place_q;
  reg signed [12:0] d_step_q, x_step_q, y_step_q;
  wire room = !valid_q || g_ready;

  wire crossed = state_q == CROSS && copied_q == 6'd2;  // here: cycles waited

  always @(posedge clk) begin
    if (rst || stop) begin
      state_q <= IDLE;
      valid_q <= 1'b0;
    end else begin
      if (g_ready) valid_q <= 1'b0;
      case (state_q)
        IDLE: begin
          copied_q <= 6'd0;
          a_q <= 5'd0;
          b_q <= 5'd0;
          source_row_q <= 8'd0;
          base_q <= $signed({7'd0, c_y});
          if (start && c_form != STRAIGHT) begin
            // a transfer has no depth
            if (c_row_runs != 5'd0 && c_column_runs != 5'd0 && (is_transfer || c_depth != 8'd0))
              state_q <= RUNS;
          end else if (start && c_count != 14'd0) begin
            valid_q <= 1'b1;
            kind_q <= ELEMENTS;
            later_q <= 1'b0;
            first_q <= 1'b0;
            count_q <= c_count;
            d_q <= $signed({7'd0, c_d});
            x_q <= $signed({7'd0, c_x});
            y_q <= $signed({7'd0, c_y});
            d_step_q <= c_d_step;
            x_step_q <= c_x_step;
            y_step_q <= c_y_step;
            falls_q <= c_falls;
          end
        end
        RUNS: begin
          copied_q <= copied_q + 6'd1;
          if (copied_q == all_runs) state_q <= is_transfer ? ROWS : LOADS;
        end
        LOADS:
        if (room) begin
          valid_q <= b_length != 10'd0;
          kind_q <= LOAD;
          later_q <= 1'b0;
          first_q <= 1'b0;
          count_q <= {4'd0, b_length};
          y_q <= base_q;
          place_q <= {2'd0, b_source};
          b_q <= last_column ? 5'd0 : b_q + 5'd1;
          if (last_column) state_q <= ROWS;
        end
        ROWS: begin  // row_address reads this run
          row_q <= {1'b0, row_run[19:10]};
          source_q <= {1'b0, row_run[29:20]};
          left_q <= row_run[9:0] - 10'd1;
          state_q <= PLACE;
        end
        PLACE: state_q <= BEGIN;
        BEGIN: begin
          start_q <= row_at;
          line_q <= line_at;
          new_row_q <= 1'b1;
          b_q <= 5'd0;
          state_q <= WALK;
          if (left_q == 10'd1023) begin  // an empty run
            a_q <= a_q + 5'd1;
            state_q <= ROWS;
            if (last_row_run) begin
              a_q <= 5'd0;
              source_row_q <= source_row_q + 8'd1;
              base_q <= next_base;
              state_q <= is_transfer || last_source ? IDLE : LOADS;
            end
          end
        end
        ACROSS: begin  // the column's row is being computed
          copied_q <= 6'd0;
          state_q  <= CROSS;
        end
        CROSS: begin
          if (copied_q != 6'd2) copied_q <= copied_q + 6'd1;
          if (crossed && room) begin
            valid_q <= 1'b1;
            kind_q <= ELEMENTS;
            later_q <= 1'b0;
            first_q <= 1'b0;
            count_q <= {3'd0, turn - skip};
            d_q <= row_at + $signed({13'd0, row_q});
            x_q <= row_at + $signed({13'd0, row_q});
            y_q <= line_q + $signed({13'd0, cross_place});
            d_step_q <= $signed(cross_step);
            x_step_q <= $signed(cross_step);
            y_step_q <= 13'sd1;
            falls_q <= c_pitched ? 2'd0 : 2'd3;
            state_q <= BEYOND;
          end
        end
        default: begin  // WALK, BEYOND
          if (state_q == WALK && crosses) state_q <= ACROSS;
          else if (room) begin
            valid_q <= some;
            kind_q <= is_transfer ? ELEMENTS : c_form == OUTER ? 2'd3 : 2'd2;
            later_q <= source_row_q != 8'd0;
            first_q <= new_row_q;
            count_q <= {3'd0, words};
            d_q <= start_q + $signed({13'd0, column});
            x_q <= is_transfer ? start_q + $signed({13'd0, column}) : line_q;
            y_q <= is_transfer ? line_q + $signed({13'd0, place}) : base_q;
            d_step_q <= 13'sd1;
            x_step_q <= 13'sd1;
            y_step_q <= 13'sd1;
            falls_q <= 2'd0;
            place_q <= {1'b0, place};
            x_place_q <= {1'b0, source_q};
            b_q <= b_q + 5'd1;
            state_q <= WALK;
            if (some) new_row_q <= 1'b0;
            if (last_column) begin
              b_q <= 5'd0;
              new_row_q <= 1'b1;
              row_q <= row_q + 11'd1;
              source_q <= source_q + 11'd1;
              left_q <= left_q - 10'd1;
              start_q <= start_q + to_next_row;
              line_q <= line_q + to_next_line;
              if (last_row) begin
                a_q <= a_q + 5'd1;
                state_q <= ROWS;
                if (last_row_run) begin
                  a_q <= 5'd0;
                  source_row_q <= source_row_q + 8'd1;
                  base_q <= next_base;
                  state_q <= is_transfer || last_source ? IDLE : LOADS;
                end
              end
            end
          end
        end
      endcase
    end
  end

  assign d_word = run_q;
  assign busy = state_q != IDLE || valid_q;
  assign g_valid = valid_q;
  assign g_kind = kind_q;
  assign g_later = later_q;
  assign g_first = first_q;
  assign g_count = count_q;
  assign g_d = d_q;
  assign g_x = x_q;
  assign g_y = y_q;
  assign g_place = place_q;
  assign g_x_place = x_place_q;
  assign g_d_step = d_step_q;
  assign g_x_step = x_step_q;
  assign g_y_step = y_step_q;
  assign g_falls = falls_q;

endmodule

`default_nettype wire
