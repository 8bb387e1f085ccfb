// SPDX-License-Identifier: Apache-2.0
// Keep the greatest of many scores: the leaves of a tree whose nodes hold the winners beneath them.
//
// Ties go to the lower index. A leaf is set without a play (w_) or with one (s_), which plays the
// matches on its way up; after a play of every second leaf all nodes are right.
// Latency:    m_busy for INDEX_W cycles after s_valid; then m_score and m_index are the greatest.
// Throughput: a play in INDEX_W + 1 cycles; s_valid and w_valid only while m_busy is low.
// Memory:     2^INDEX_W scores and as many nodes, distributed RAM (read without a cycle).
`default_nettype none

module tournament #(
    parameter INDEX_W = 6,  // bits of a leaf's index, 2 or more
    parameter SCORE_W = 17  // bits of a score, unsigned
) (
    input wire clk,
    input wire rst,

    input  wire [INDEX_W-1:0] r_index,
    output wire [SCORE_W-1:0] r_score,  // of that leaf, in the same cycle, while m_busy is low

    input wire               w_valid,
    input wire [INDEX_W-1:0] w_index,
    input wire [SCORE_W-1:0] w_score,

    input wire               s_valid,
    input wire [INDEX_W-1:0] s_index,
    input wire [SCORE_W-1:0] s_score,

    output wire               m_busy,
    output wire [INDEX_W-1:0] m_index,
    output wire [SCORE_W-1:0] m_score
);

  generate
    if (INDEX_W < 2) begin : g_bad_size
      tournament_INDEX_W_must_be_at_least_2 bad_parameter ();
    end
  endgenerate

  localparam LEAVES = 1 << INDEX_W;
  localparam [INDEX_W-1:0] ROOT = {{(INDEX_W - 1) {1'b0}}, 1'b1};

  reg [SCORE_W-1:0] leaves_mem[0:LEAVES-1];
  reg [SCORE_W+INDEX_W-1:0] nodes_mem[0:LEAVES-1];  // {score, leaf}; children of n: 2 n, 2 n + 1
  reg busy_q, at_leaf_q;
  reg [INDEX_W-1:0] node_q;  // of the leaves or of the nodes
  reg [INDEX_W-1:0] index_q;
  reg [SCORE_W-1:0] score_q;

  wire [INDEX_W-1:0] other = node_q ^ ROOT;
  wire [INDEX_W-1:0] above = {at_leaf_q, node_q[INDEX_W-1:1]};
  assign r_score = leaves_mem[busy_q ? other : r_index];
  wire [SCORE_W+INDEX_W-1:0] node = nodes_mem[other];
  wire [SCORE_W-1:0] other_score = at_leaf_q ? r_score : node[SCORE_W+INDEX_W-1:INDEX_W];
  wire [INDEX_W-1:0] other_index = at_leaf_q ? other : node[INDEX_W-1:0];
  wire wins = node_q[0] ? score_q > other_score : score_q >= other_score;
  wire [SCORE_W-1:0] best_score = wins ? score_q : other_score;
  wire [INDEX_W-1:0] best_index = wins ? index_q : other_index;
  wire write = w_valid || (busy_q && at_leaf_q);
  wire [INDEX_W-1:0] write_index = busy_q ? node_q : w_index;

  always @(posedge clk) begin
    if (write) leaves_mem[write_index] <= busy_q ? score_q : w_score;
    if (busy_q) begin
      nodes_mem[above] <= {best_score, best_index};
      score_q <= best_score;
      index_q <= best_index;
      node_q <= above;
      at_leaf_q <= 1'b0;
    end else if (s_valid) begin
      score_q <= s_score;
      index_q <= s_index;
      node_q <= s_index;
      at_leaf_q <= 1'b1;
    end
    if (rst) busy_q <= 1'b0;
    else if (busy_q) busy_q <= above != ROOT;
    else busy_q <= s_valid;
  end

  assign m_busy = busy_q;
  assign m_index = index_q;
  assign m_score = score_q;

endmodule

`default_nettype wire
