// SPDX-License-Identifier: Apache-2.0
// Give the tracker's MAC array the rows of one job after the other: windows, and templates of a region or of
// samples, of whichever context is ready, the oldest first.
//
// A window has WINDOW + 1 rows, a cycle each; a straight template WINDOW + 3, a sampled one WINDOW + 2, each
// followed by a cycle without a row, the last by two. The next job is chosen while one runs, and follows at once, a
// sampled template after three cycles.
// Words:      p_window is row (5) and column (4) of a window's corner in its region and its fractions down and
//             across (8 each), p_template row (2) and column (2) of a template's and its fractions; both are noted
//             at each p_valid.
// Latency:    3 cycles from a ready context to its first row. Throughput: a row a cycle.
`default_nettype none

module klt_jobs #(
    parameter CONTEXTS = 4  // 2 .. 16
) (
    input wire clk,
    input wire rst,

    input wire [CONTEXTS*CONTEXTS-1:0] s_before,  // of klt_oldest.v

    input wire                        p_valid,
    input wire [$clog2(CONTEXTS)-1:0] p_context,
    input wire [                24:0] p_window,
    input wire [                19:0] p_template,

    input  wire [CONTEXTS-1:0] s_templates,  // are ready
    input  wire [CONTEXTS-1:0] s_windows,
    input  wire [CONTEXTS-1:0] s_warped,     // their template is one of samples
    output wire [CONTEXTS-1:0] s_taken,      // one at most

    output wire                        m_valid,
    output wire                        m_first,
    output wire                        m_template,
    output wire                        m_sampled,
    output wire [$clog2(CONTEXTS)-1:0] m_context,   // till the next job
    output wire [                 4:0] m_row,       // in its region
    output wire [                 3:0] m_column,
    output wire [                 7:0] m_fraction_u,
    output wire [                 7:0] m_fraction_v
);

  `include "vio_params.vh"

  localparam CW = $clog2(CONTEXTS);
  localparam [CONTEXTS-1:0] NONE = {CONTEXTS{1'b0}};
  localparam [4:0] LAST_OF_WINDOW = WINDOW, LAST_OF_PIXELS = WINDOW + 2, LAST_OF_VALUES = WINDOW + 1;

  reg [24:0] window_mem[0:CONTEXTS-1];
  reg [19:0] template_mem[0:CONTEXTS-1];
  always @(posedge clk) begin
    if (p_valid) window_mem[p_context] <= p_window;
    if (p_valid) template_mem[p_context] <= p_template;
  end

  // ---- the next job ----
  reg next_q, next_template_q, next_sampled_q;
  reg [CW-1:0] next_context_q;
  // Known a cycle later: of the one that was chosen it is out of date in the next cycle, in which none is chosen.
  reg [CONTEXTS-1:0] templates_q, windows_q;
  wire [CONTEXTS-1:0] ready = templates_q | windows_q;
  wire [CW-1:0] first;
  wire [CONTEXTS-1:0] one;
  klt_oldest #(
      .CONTEXTS(CONTEXTS)
  ) choose (
      .s_wanted (ready),
      .s_before(s_before),
      .m_one    (one),
      .m_context(first)
  );
  wire pick = !next_q && |ready;
  assign s_taken = pick ? one : NONE;

  // ---- the one that runs ----
  reg running_q, pause_q, rest_q, template_q, sampled_q;
  reg [CW-1:0] context_q;
  reg [4:0] index_q, row_q;
  reg [3:0] column_q;
  reg [15:0] fractions_q;
  wire [24:0] window = window_mem[next_context_q];
  wire [19:0] template = template_mem[next_context_q];
  wire [4:0] last = !template_q ? LAST_OF_WINDOW : sampled_q ? LAST_OF_VALUES : LAST_OF_PIXELS;
  wire steps = !template_q || pause_q;  // to the next row
  wire ends = index_q == last && (!template_q || rest_q);
  reg [1:0] ran_q;
  wire rested = !running_q && ran_q == 2'd0;
  wire load = next_q && (next_template_q && next_sampled_q ? rested : !running_q || ends);

  always @(posedge clk) begin
    if (pick) begin
      next_context_q  <= first;
      next_template_q <= |(templates_q & one);
      next_sampled_q  <= |(s_warped & one);
    end
    if (load) begin
      context_q  <= next_context_q;
      template_q <= next_template_q;
      sampled_q  <= next_template_q && next_sampled_q;
      index_q <= 5'd0;
      if (next_template_q) {row_q, column_q, fractions_q} <= {3'd0, template[19:18], 2'd0, template[17:0]};
      else {row_q, column_q, fractions_q} <= window;
    end else if (steps && index_q != last) begin
      index_q <= index_q + 5'd1;
      row_q   <= row_q + 5'd1;
    end
    {templates_q, windows_q} <= rst ? {(2 * CONTEXTS) {1'b0}} : {s_templates, s_windows};
    if (rst) {next_q, running_q, pause_q, rest_q, ran_q} <= 6'd0;
    else begin
      ran_q <= {ran_q[0], running_q};
      next_q <= pick || (next_q && !load);
      running_q <= load || (running_q && !ends);
      pause_q <= !load && running_q && template_q && (!pause_q || (index_q == last && !rest_q));
      rest_q <= !load && pause_q && index_q == last && !rest_q;
    end
  end

  assign m_valid = running_q && !pause_q;
  assign m_first = index_q == 5'd0;
  assign m_template = template_q;
  assign m_sampled = sampled_q;
  assign m_context = context_q;
  assign m_row = row_q;
  assign m_column = column_q;
  assign {m_fraction_v, m_fraction_u} = fractions_q;

endmodule

`default_nettype wire
