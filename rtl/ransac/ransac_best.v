// SPDX-License-Identifier: Apache-2.0
// Add up the scores of a hypothesis and keep the best one; tell when one cannot win any more.
//
// A hypothesis must beat the best so far; equal ones lose, as in vio/fixed/ransac.py. So it is
// hopeless as soon as even full scores for the rest would not do: leaving it out changes nothing.
// Q formats:  scores 0 .. 4, their sum within MSAC_SCORE: COUNT_W + 2 bits.
// Overflow:   none up to 1023 matches, where the golden model would begin to saturate.
// Latency:    1 cycle. Throughput: a match a cycle.
`default_nettype none

module ransac_best #(
    parameter COUNT_W = 8,  // bits of a number of matches, 2 .. 10
    parameter T_W     = 66  // bits of a translation
) (
    input wire clk,
    input wire rst,

    input wire               clear,    // no hypothesis yet
    input wire [    T_W-1:0] first_t,
    input wire [COUNT_W-1:0] count,    // matches of a hypothesis

    input wire           s_valid,
    input wire           s_first,
    input wire           s_last,
    input wire           s_parity,
    input wire [    2:0] s_score,
    input wire [T_W-1:0] s_t,      // translation that the match was rated against

    output wire           m_found,
    output wire [T_W-1:0] m_t,
    output wire           m_hopeless,  // pulse, for the hypothesis of this parity
    output wire           m_parity
);

  generate
    if (COUNT_W < 2 || COUNT_W > 10 || T_W < 2) begin : g_bad_width
      ransac_best_COUNT_W_must_be_2_to_10 bad_parameter ();
    end
  endgenerate

  // What the hypothesis reaches if all that are to come score 4.
  reg [COUNT_W+1:0] reach_q, best_q;
  reg found_q, hopeless_q, parity_q;
  reg [T_W-1:0] best_t_q;
  wire [2:0] lost = 3'd4 - s_score;
  wire [COUNT_W+1:0] reach = (s_first ? {count, 2'b00} : reach_q) - {{(COUNT_W - 1) {1'b0}}, lost};
  wire worse = found_q && reach <= best_q;

  always @(posedge clk) begin
    if (s_valid) reach_q <= reach;
    if (s_valid && s_last && !worse) best_q <= reach;
    if (clear) best_t_q <= first_t;
    else if (s_valid && s_last && !worse) best_t_q <= s_t;
    parity_q <= s_parity;
    if (rst || clear) begin
      found_q <= 1'b0;
      hopeless_q <= 1'b0;
    end else begin
      if (s_valid && s_last) found_q <= 1'b1;
      hopeless_q <= s_valid && worse;
    end
  end

  assign m_found = found_q;
  assign m_t = best_t_q;
  assign m_hopeless = hopeless_q;
  assign m_parity = parity_q;

endmodule

`default_nettype wire
