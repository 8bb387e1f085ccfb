// SPDX-License-Identifier: Apache-2.0
// Find the best score of a search and decide whether it is good enough and unique.
//
// The next best peak, more than 2 columns from the best, is kept as the scores come: when a new best
// appears, it is the greatest peak up to 3 columns before; later peaks follow.
// Q formats:  scores uQ22.0 (never 2^23 or more), power uQ22.0; least share 16 fraction bits of the
//             squared correlation, uniqueness 16 of the correlation. Roots have 4 fraction bits. Equals
//             the end of `search` of vio/fixed/stereo_search.py.
// Latency:    about 92 cycles after end_valid. Throughput: a score a cycle; the next search's scores may
//             come while this one is decided.
`default_nettype none

module stereo_decision #(
    parameter COUNT_W = 8  // bits of a number of scores
) (
    input wire clk,
    input wire rst,

    input wire [16:0] cfg_search_min,
    input wire [16:0] cfg_uniqueness,

    input wire        s_valid,
    input wire [22:0] s_score,

    input  wire               end_valid,  // all scores have come (none: nothing was searched)
    output wire               end_ready,
    input  wire [       21:0] end_power,  // of the template

    output wire               m_valid,
    input  wire               m_ready,
    output wire               m_found,
    output wire [COUNT_W-1:0] m_best
);

  localparam [COUNT_W-1:0] ONE = {{(COUNT_W - 1) {1'b0}}, 1'b1};
  localparam [COUNT_W-1:0] ZERO = {COUNT_W{1'b0}};

  // ---- while scores come ----
  reg [COUNT_W-1:0] index_q, best_q;
  reg [22:0] best_score_q, second_q;
  reg [22:0] last_q, before_q;  // the two scores before
  reg [22:0] peak_q, peak_early_q;  // greatest peak up to 2 and 3 columns before the next score
  wire taken = end_valid && end_ready;
  // The last score is a peak when it lies between two others and neither exceeds it.
  wire is_peak = index_q > ONE && last_q >= before_q && last_q >= s_score;
  wire better = s_score > best_score_q;
  wire [COUNT_W:0] near = {1'b0, best_q} + {{(COUNT_W - 1) {1'b0}}, 2'd3};
  wire far = {1'b0, index_q} > near;  // the last score, by more than 2

  always @(posedge clk) begin
    if (s_valid) begin
      {last_q, before_q} <= {s_score, last_q};
      index_q <= index_q + ONE;
      peak_early_q <= peak_q;
      if (is_peak && last_q > peak_q) peak_q <= last_q;
      if (better) begin
        best_q <= index_q;
        best_score_q <= s_score;
        second_q <= peak_early_q;
      end else if (is_peak && far && last_q > second_q) second_q <= last_q;
    end
    if (rst || taken) begin
      index_q <= ZERO;
      best_q <= ZERO;
      best_score_q <= 23'd0;
      second_q <= 23'd0;
      peak_q <= 23'd0;
      peak_early_q <= 23'd0;
    end
  end

  // ---- afterwards: three roots and two products, one after the other ----
  localparam [2:0] IDLE = 3'd0, ROOT = 3'd1, TIMES_SHARE = 3'd2, COMPARE_SHARE = 3'd3,
      TIMES_UNIQUE = 3'd4, COMPARE_UNIQUE = 3'd5, DONE = 3'd6;
  reg [2:0] state_q;
  reg [1:0] turn_q;  // root of: 0 best, 1 second, 2 power
  reg started_q;
  reg [COUNT_W-1:0] winner_q;
  reg [22:0] top_q, next_q;
  reg [21:0] power_q;
  reg [15:0] gap_q;  // root of the best, then less that of the second
  reg [15:0] root_q;
  reg found_q;

  wire [31:0] radicand = turn_q == 2'd0 ? {1'b0, top_q, 8'd0}
                         : turn_q == 2'd1 ? {1'b0, next_q, 8'd0} : {2'b00, power_q, 8'd0};
  wire root_ready, root_valid;
  wire [15:0] root;
  square_root #(
      .IN_W(32)
  ) roots (
      .clk(clk),
      .rst(rst),
      .s_valid(state_q == ROOT && !started_q),
      .s_ready(root_ready),
      .s_data(radicand),
      .m_valid(root_valid),
      .m_ready(1'b1),
      .m_data(root)
  );

  reg [16:0] factor_q;  // its bits leave at the top
  reg [38:0] product_q;
  reg [4:0] bit_q;
  wire [21:0] multiplicand = state_q == TIMES_SHARE ? power_q : {6'd0, root_q};
  wire last_bit = bit_q == 5'd16;
  // The product in steps of 2^16, rounded up to a half: what it is compared with is a whole number.
  wire [23:0] least = {product_q[38:16], product_q[15:0] != 16'd0};

  assign end_ready = state_q == IDLE;

  always @(posedge clk) begin
    started_q <= state_q == ROOT && !root_valid && (started_q || root_ready);
    case (state_q)
      IDLE:
      if (taken) begin
        winner_q <= best_q;
        top_q <= best_score_q;
        next_q <= second_q;
        power_q <= end_power;
        factor_q <= cfg_search_min;
        product_q <= 39'd0;
        bit_q <= 5'd0;
        turn_q <= 2'd0;
      end
      TIMES_SHARE, TIMES_UNIQUE: begin
        product_q <= {product_q[37:0], 1'b0} + (factor_q[16] ? {17'd0, multiplicand} : 39'd0);
        factor_q <= {factor_q[15:0], 1'b0};
        bit_q <= bit_q + 5'd1;
      end
      COMPARE_SHARE: begin
        found_q <= {top_q, 1'b0} >= least && top_q != 23'd0 && power_q != 22'd0;
        factor_q <= cfg_uniqueness;
        product_q <= 39'd0;
        bit_q <= 5'd0;
      end
      ROOT:
      if (root_valid) begin
        turn_q <= turn_q + 2'd1;
        root_q <= root;
        gap_q  <= turn_q == 2'd0 ? root : turn_q == 2'd1 ? gap_q - root : gap_q;
      end
      COMPARE_UNIQUE: found_q <= found_q && {7'd0, gap_q, 1'b0} >= least;
      default: ;
    endcase
    if (rst) state_q <= IDLE;
    else
      case (state_q)
        IDLE: state_q <= taken ? TIMES_SHARE : IDLE;
        TIMES_SHARE: state_q <= last_bit ? COMPARE_SHARE : TIMES_SHARE;
        COMPARE_SHARE: state_q <= ROOT;
        ROOT: state_q <= root_valid && turn_q == 2'd2 ? TIMES_UNIQUE : ROOT;
        TIMES_UNIQUE: state_q <= last_bit ? COMPARE_UNIQUE : TIMES_UNIQUE;
        COMPARE_UNIQUE: state_q <= DONE;
        default: state_q <= m_ready ? IDLE : DONE;
      endcase
  end

  assign m_valid = state_q == DONE;
  assign m_found = found_q;
  assign m_best = winner_q;

endmodule

`default_nettype wire
