// SPDX-License-Identifier: Apache-2.0
// Fetch regions of 32x32 pixels for the tracker's contexts: windows, templates (key) and the sampler's.
//
// A request is noted and begun when the reader is free: the sampler before windows, windows before keys, the
// oldest context first. Its eight block rows are asked for one after the other; window_here and key_here of a
// context are low until the last of them begins to come: its rows are read later than they are written. What was asked
// for before a reset must not be answered after it.
// Protocol:   p_*: a window's region and, with p_key, its template's; none of that context may be under way.
//             f_*: the place stays until f_ready, which is low from the cycle after f_valid on.
//             a_*: a block row by its four quarters, in four cycles without a pause.
// Latency:    3 cycles from a request to the first r_valid. Throughput: a block row in four cycles, as klt_region
//             writes it; a region in two cycles more.
`default_nettype none

module klt_fetch #(
    parameter CONTEXTS = 4  // 2 .. 4
) (
    input wire clk,
    input wire rst,

    input wire [CONTEXTS*CONTEXTS-1:0] s_before,  // of klt_oldest.v

    input wire                        p_valid,
    input wire [$clog2(CONTEXTS)-1:0] p_context,
    input wire                        p_stereo,   // window out of the right image
    input wire [                 1:0] p_level,
    input wire [                 8:0] p_column,
    input wire [                 8:0] p_row,
    input wire                        p_key,
    input wire [                 8:0] p_key_column,
    input wire [                 8:0] p_key_row,

    output wire [CONTEXTS-1:0] window_here,
    output wire [CONTEXTS-1:0] key_here,

    input  wire       f_valid,
    input  wire       f_stereo,  // out of the current frame
    input  wire [8:0] f_column,
    input  wire [8:0] f_row,
    output wire       f_ready,

    // Reader
    output wire                        r_valid,
    input  wire                        r_ready,
    output wire [                 1:0] r_buffer,
    output wire [                 1:0] r_level,
    output wire [                 8:0] r_column,
    output wire [                 8:0] r_row,
    input  wire                        a_valid,
    input  wire [                 1:0] a_part,
    output wire [                 1:0] m_target,   // whose block row the next answer is: 0 window, 1 key, 2 sampler
    output wire [$clog2(CONTEXTS)-1:0] m_context,
    output wire [                 2:0] m_row       // which of its eight
);

  `include "vio_params.vh"

  localparam [1:0] KEY = 2'd0, CURRENT = 2'd1, RIGHT = 2'd2;
  localparam [1:0] FOR_WINDOW = 2'd0, FOR_KEY = 2'd1, FOR_SAMPLER = 2'd2;
  localparam CW = $clog2(CONTEXTS);
  localparam [CONTEXTS-1:0] ONE = {{(CONTEXTS - 1) {1'b0}}, 1'b1};

  // ---- what is wanted ----
  reg [CONTEXTS-1:0] window_wanted_q, key_wanted_q, window_here_q, key_here_q;
  reg sampler_wanted_q, sampler_busy_q;
  reg [20:0] window_mem[0:CONTEXTS-1];  // right image, level, column, row
  reg [19:0] key_mem[0:CONTEXTS-1];
  always @(posedge clk) begin
    if (p_valid) window_mem[p_context] <= {p_stereo, p_level, p_column, p_row};
    if (p_valid) key_mem[p_context] <= {p_level, p_key_column, p_key_row};
  end

  // ---- which is next ----
  reg picked_q, fetching_q;
  reg [1:0] target_q;
  reg [CW-1:0] context_q;
  wire any_window = |window_wanted_q;
  wire any_key = |key_wanted_q;
  wire [CW-1:0] first;
  wire [CONTEXTS-1:0] one;
  klt_oldest #(
      .CONTEXTS(CONTEXTS)
  ) choose (
      .s_wanted(any_window ? window_wanted_q : key_wanted_q),
      .s_before(s_before),
      .m_one(one),
      .m_context(first)
  );
  wire pick = !picked_q && !fetching_q && (sampler_wanted_q || any_window || any_key);
  wire pick_window = pick && !sampler_wanted_q && any_window;
  wire pick_key = pick && !sampler_wanted_q && !any_window;

  // ---- its block rows, and the answers in their order ----
  reg [1:0] buffer_q, level_q;
  reg [2:0] asked_q, answered_q;
  reg [2:0] pace_q;  // cycles until the next block row may be asked for, one hot
  reg [8:0] column_q, row_q;
  reg [CW+1:0] order_mem[0:7];
  reg [2:0] order_in_q, order_out_q;
  wire [20:0] window = window_mem[context_q];
  wire [19:0] key = key_mem[context_q];
  wire [1:0] answer;
  wire [CW-1:0] answer_context;
  assign {answer, answer_context} = order_mem[order_out_q];
  // Of the last block row: its first quarter, its second, its last. A window's job reads the first pixel row of it
  // WINDOW cycles after its first quarter or later, and it is written in seven. The sampler's first row is read three
  // cycles after the second quarter.
  localparam [1:0] EARLY = WINDOW < 8 ? 2'd3 : 2'd0;
  wire comes = a_valid && answered_q == 3'd7;
  wire readable = comes && a_part == EARLY;
  wire sampled = comes && a_part == 2'd1;
  wire whole = comes && a_part == 2'd3;
  wire asks = r_valid && r_ready;

  always @(posedge clk) begin
    if (pick) begin
      target_q  <= sampler_wanted_q ? FOR_SAMPLER : any_window ? FOR_WINDOW : FOR_KEY;
      context_q <= first;
    end
    if (picked_q)
      case (target_q)
        FOR_WINDOW: {buffer_q, level_q, column_q, row_q} <= {window[20] ? RIGHT : CURRENT, window[19:0]};
        FOR_KEY: {buffer_q, level_q, column_q, row_q} <= {KEY, key};
        default: {buffer_q, level_q, column_q, row_q} <= {f_stereo ? CURRENT : KEY, 2'd0, f_column, f_row};
      endcase
    else if (asks) row_q <= row_q + 9'd1;
    if (picked_q) order_mem[order_in_q] <= {target_q, context_q};

    if (rst) begin
      {picked_q, fetching_q} <= 2'd0;
      {window_wanted_q, key_wanted_q, window_here_q, key_here_q} <= {(4 * CONTEXTS) {1'b0}};
      {sampler_wanted_q, sampler_busy_q} <= 2'd0;
      {asked_q, answered_q, pace_q, order_in_q, order_out_q} <= 15'd0;
    end else begin
      picked_q <= pick;
      fetching_q <= picked_q || (fetching_q && !(asks && asked_q == 3'd7));
      pace_q <= {asks, pace_q[2:1]};
      if (asks) asked_q <= asked_q + 3'd1;
      if (picked_q) order_in_q <= order_in_q + 3'd1;
      if (a_valid && a_part == 2'd3) answered_q <= answered_q + 3'd1;
      if (whole) order_out_q <= order_out_q + 3'd1;
      window_wanted_q <= (window_wanted_q & ~(pick_window ? one : {CONTEXTS{1'b0}}))
          | (p_valid ? ONE << p_context : {CONTEXTS{1'b0}});
      key_wanted_q <= (key_wanted_q & ~(pick_key ? one : {CONTEXTS{1'b0}}))
          | (p_valid && p_key ? ONE << p_context : {CONTEXTS{1'b0}});
      window_here_q <= (window_here_q & ~(p_valid ? ONE << p_context : {CONTEXTS{1'b0}}))
          | (readable && answer == FOR_WINDOW ? ONE << answer_context : {CONTEXTS{1'b0}});
      key_here_q <= (key_here_q & ~(p_valid ? ONE << p_context : {CONTEXTS{1'b0}}))
          | (readable && answer == FOR_KEY ? ONE << answer_context : {CONTEXTS{1'b0}});
      sampler_wanted_q <= f_valid || (sampler_wanted_q && !pick);
      sampler_busy_q <= f_valid || (sampler_busy_q && !(sampled && answer == FOR_SAMPLER));
    end
  end

  assign window_here = window_here_q;
  assign key_here = key_here_q;
  assign f_ready = !sampler_busy_q;
  assign r_valid = fetching_q && pace_q == 3'd0;
  assign r_buffer = buffer_q;
  assign r_level = level_q;
  assign r_column = column_q;
  assign r_row = row_q;
  assign m_target = answer;
  assign m_context = answer_context;
  assign m_row = answered_q;

endmodule

`default_nettype wire
