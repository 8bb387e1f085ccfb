// SPDX-License-Identifier: Apache-2.0
// Clip the runs of a call's rows at the diagonals: runs of call_walker.v in, segments out.
//
// Of a packed triangle a row has the words from its diagonal on. A transfer's run may begin below the
// destination's diagonal: those words are a segment of their own, down the column that mirrors them.
// Empty segments are dropped.
//
// Latency: 3 cycles, and 3 for a segment down a column. Throughput: a run a cycle. stop drops all.
`default_nettype none

module segment_clip (
    input wire clk,
    input wire rst,
    input wire stop,

    // the call, until not busy
    input wire        c_transfer,
    input wire        c_outer,
    input wire [16:0] c_d,
    input wire [11:0] c_width,
    input wire        c_pitched,

    // a run of columns on a row
    input  wire               s_valid,
    output wire               s_ready,
    input  wire               s_load,    // of a source row; not clipped
    input  wire               s_later,   // of a second or later source row
    input  wire               s_first,   // of the row
    input  wire        [29:0] s_run,
    input  wire        [10:0] s_row,     // of the destination, and of the source
    input  wire        [10:0] s_source,
    input  wire signed [23:0] s_start,   // where column 0 of each lies
    input  wire signed [23:0] s_line,
    input  wire signed [23:0] s_base,    // the source row

    output wire busy,

    output wire               m_valid,
    input  wire               m_ready,
    output wire        [ 1:0] m_kind,     // 0 elements, 1 load, 2 product, 3 outer product
    output wire               m_later,
    output wire               m_first,    // the first of its row
    output wire               m_whole,    // vectors of it have all lanes
    output wire        [10:0] m_count,
    output wire signed [23:0] m_d,
    output wire signed [23:0] m_x,
    output wire signed [23:0] m_y,
    output wire        [10:0] m_place,
    output wire        [10:0] m_x_place,
    output wire signed [12:0] m_step,     // of d and x
    output wire               m_falls     // the step, by one a word
);

  localparam [1:0] ELEMENTS = 2'd0, LOAD = 2'd1, PRODUCT = 2'd2, OUTER = 2'd3;
  localparam [1:0] ROW_CYCLES = 2'd3;  // of row_address

  // What goes along: row 11, source 11, start 24, line 24, base 24, load, later.
  localparam ALONG_W = 11 + 11 + 24 + 24 + 24 + 1 + 1;

  // Cycle 1: how far the run reaches below the source's diagonal, and the destination's.
  reg e1_valid_q, e1_first_q;
  reg [29:0] e1_run_q;
  reg [ALONG_W-1:0] e1_along_q;
  wire e1_load = e1_along_q[1];
  wire [10:0] e1_row, e1_source;
  assign {e1_row, e1_source} = e1_along_q[ALONG_W-1-:22];
  wire [9:0] e1_length = e1_run_q[9:0];
  wire [11:0] behind = c_transfer ? {1'b0, e1_source} - {2'd0, e1_run_q[29:20]}
      : {1'b0, e1_row} - {2'd0, e1_run_q[19:10]};
  wire [11:0] below = {1'b0, e1_row} - {2'd0, e1_run_q[19:10]};
  wire [10:0] below_here = below[10:0] < {1'b0, e1_length} ? below[10:0] : {1'b0, e1_length};

  // Cycle 2: the words from `skip` to `turn` lie across the diagonal, those behind it along the row.
  reg e2_valid_q, e2_first_q;
  reg [29:0] e2_run_q;
  reg [10:0] skip_q, turn_q;
  reg [ALONG_W-1:0] e2_along_q;
  wire crosses = skip_q < turn_q;
  wire [10:0] to = crosses ? turn_q : {1'b0, e2_run_q[9:0]};
  wire some = skip_q < to;
  reg fresh_q;  // no segment of the row has been
  wire fresh = e2_first_q || fresh_q;

  // Cycle 3: addresses.
  reg e3_valid_q, cross_q, e3_first_q;
  reg [10:0] words_q, place_q, column_q;
  reg [ALONG_W-1:0] e3_along_q;
  reg [1:0] waited_q;
  wire e3_load, e3_later;
  wire [10:0] row, source;
  wire signed [23:0] start, line, base;
  assign {row, source, start, line, base, e3_load, e3_later} = e3_along_q;

  wire e3_out = e3_valid_q && (!cross_q || waited_q == ROW_CYCLES);
  wire e3_ready = !e3_valid_q || (e3_out && m_ready);
  wire e2_leaves = e2_valid_q && e3_ready;
  wire e2_ready = e3_ready && !(e2_valid_q && crosses);

  always @(posedge clk) begin
    if (e2_ready) begin
      e1_valid_q <= s_valid;
      e1_first_q <= s_first;
      e1_run_q   <= s_run;
      e1_along_q <= {s_row, s_source, s_start, s_line, s_base, s_load, s_later};
      e2_valid_q <= e1_valid_q;
      e2_first_q <= e1_first_q;
      e2_run_q <= e1_run_q;
      e2_along_q <= e1_along_q;
      skip_q <= c_outer || e1_load || behind[11] ? 11'd0 : behind[10:0];
      turn_q <= !c_transfer || below[11] ? 11'd0 : below_here;
    end else if (e2_leaves) begin
      skip_q <= turn_q;
      e2_first_q <= 1'b0;
    end
    waited_q <= waited_q == ROW_CYCLES ? ROW_CYCLES : waited_q + 2'd1;
    if (e3_ready) begin
      e3_valid_q <= e2_valid_q && some;
      cross_q <= crosses;
      e3_first_q <= fresh;
      words_q <= to - skip_q;
      place_q <= {1'b0, e2_run_q[29:20]} + skip_q;
      column_q <= {1'b0, e2_run_q[19:10]} + skip_q;
      e3_along_q <= e2_along_q;
      waited_q <= 2'd0;
    end
    if (e2_leaves) fresh_q <= fresh && !some;
    if (rst || stop) begin
      e1_valid_q <= 1'b0;
      e2_valid_q <= 1'b0;
      e3_valid_q <= 1'b0;
    end
  end

  wire signed [23:0] row_at;
  row_address across (
      .clk(clk),
      .s_base($signed({7'd0, c_d})),
      .s_width(c_width),
      .s_pitched(c_pitched),
      .s_row(column_q),
      .m_address(row_at)
  );
  wire signed [23:0] from = cross_q ? row_at : start;
  wire [10:0] further = cross_q ? row : column_q;
  wire [12:0] down = {1'b0, c_width} + (c_pitched ? 13'd0 : ~{2'd0, column_q});  // width - column - 1

  assign s_ready = e2_ready;
  assign busy = e1_valid_q || e2_valid_q || e3_valid_q;
  assign m_valid = e3_out;
  assign m_kind = e3_load ? LOAD : c_transfer ? ELEMENTS : c_outer ? OUTER : PRODUCT;
  assign m_later = e3_later;
  assign m_first = e3_first_q && !e3_load;
  assign m_whole = !cross_q || words_q == 11'd1;
  assign m_count = words_q;
  assign m_d = from + $signed({13'd0, further});
  assign m_x = c_transfer ? m_d : line;
  assign m_y = c_transfer ? line + $signed({13'd0, place_q}) : base;
  assign m_place = place_q;
  assign m_x_place = source;
  assign m_step = cross_q ? $signed(down) : 13'sd1;
  assign m_falls = cross_q && !c_pitched;

endmodule

`default_nettype wire
