// SPDX-License-Identifier: Apache-2.0
// Add many unsigned words in pairs, a register after each level of the tree.
//
// Q formats:  COUNT unsigned words of WIDTH bits -> their sum, WIDTH + $clog2(COUNT) bits, exact.
// Latency:    $clog2(COUNT) cycles. Throughput: one sum a cycle; a level only works when it has one.
// Area:       a carry chain for each pair; nothing else (chains without a register between them
//             would be turned into carry-save adders, twice as large).
`default_nettype none

module adder_tree #(
    parameter COUNT = 8,  // words, 2 or more
    parameter WIDTH = 8   // bits of a word
) (
    input wire clk,
    input wire rst,

    input wire                   s_valid,
    input wire [COUNT*WIDTH-1:0] s_data,

    output wire                           m_valid,
    output wire [WIDTH+$clog2(COUNT)-1:0] m_data
);

  generate
    if (COUNT < 2 || WIDTH < 1) begin : g_bad_size
      adder_tree_COUNT_must_be_at_least_2 bad_parameter ();
    end
  endgenerate

  localparam LEVELS = COUNT < 2 ? 1 : $clog2(COUNT);

  reg [LEVELS-1:0] valid_q;
  wire [LEVELS:0] valid = {valid_q, s_valid};

  always @(posedge clk) begin
    if (rst) valid_q <= {LEVELS{1'b0}};
    else valid_q <= valid[LEVELS-1:0];
  end

  genvar l, i;
  generate
    for (l = 0; l < LEVELS; l = l + 1) begin : g_level
      localparam FROM = (COUNT + (1 << l) - 1) >> l;  // words before and after this level
      localparam TO = (FROM + 1) >> 1;
      localparam W = WIDTH + l;  // bits before
      wire [FROM*W-1:0] words;
      reg [TO*(W+1)-1:0] sums_q;
      if (l == 0) begin : g_in
        assign words = s_data;
      end else begin : g_above
        assign words = g_level[l-1].sums_q;
      end
      for (i = 0; i < TO; i = i + 1) begin : g_pair
        if (2 * i + 1 < FROM) begin : g_add
          always @(posedge clk)
            if (valid[l])
              sums_q[(W+1)*i+:W+1] <= {1'b0, words[2*W*i+:W]} + {1'b0, words[2*W*i+W+:W]};
        end else begin : g_pass
          always @(posedge clk) if (valid[l]) sums_q[(W+1)*i+:W+1] <= {1'b0, words[2*W*i+:W]};
        end
      end
    end
  endgenerate

  assign m_valid = valid[LEVELS];
  assign m_data = g_level[LEVELS-1].sums_q;

endmodule

`default_nettype wire
