// SPDX-License-Identifier: Apache-2.0
// Weight a signed value: times a weight of 0 to 31, over 32, rounded to nearest (ties up).
//
// The weight is d0 + 4 d1 + 16 d2, with d0 and d1 of -1, 0, 1 and 2 and d2 of 0, 1 and 2. s_code is weight + 5,
// of which bits 1:0 are d0 + 1, 3:2 d1 + 1 and 5:4 d2; s_both says that d0 and d1 are -1 (11, 27).
// Q formats:  sQ8.f x uQ0.5 -> sQ8.f, `round_shift(w * x, 5)` of vio/fixed/klt.py; no overflow.
// Latency:    1 cycle: an adder before the register, two behind it. Throughput: one a cycle.
`default_nettype none

module klt_weight #(
    parameter W = 11  // bits of the value, 6 or more
) (
    input  wire         clk,
    input  wire [W-1:0] s_value,  // signed
    input  wire [  5:0] s_code,
    input  wire         s_both,
    output wire [W-1:0] m_value
);

  generate
    if (W < 6) begin : g_bad_width
      klt_weight_W_must_be_6_or_more bad_parameter ();
    end
  endgenerate

  wire [W:0] once = {s_value[W-1], s_value};
  wire [W:0] twice = {s_value, 1'b0};
  wire [W:0] first = s_code[1] ? (s_code[0] ? twice : once) : (s_code[0] ? {W + 1{1'b0}} : ~once);
  wire [W:0] second = s_code[3] ? (s_code[2] ? twice : once) : (s_code[2] ? {W + 1{1'b0}} : ~once);
  wire [W:0] third = s_code[5] ? twice : s_code[4] ? once : {W + 1{1'b0}};

  // A complement lacks 1 of the negative: d0 1, d1 4 units, which come in below, one of both later.
  wire minus_0 = s_code[1:0] == 2'd0;
  wire minus_1 = s_code[3:2] == 2'd0;
  wire [W+4:0] pair = {second[W], second, {2{minus_1}}, 1'b1}
      + {{3{first[W]}}, first, minus_0 || minus_1};

  reg [W+3:0] pair_q;
  reg [W:0] third_q;
  reg both_q;
  always @(posedge clk) begin
    pair_q  <= pair[W+4:1];
    third_q <= third;
    both_q  <= s_both;
  end

  wire [W-1:0] sixteenths = pair_q[W+3:4] + {{W - 1{1'b0}}, both_q && pair_q[3:0] == 4'd15};
  // Half of the result's unit comes in as a carry.
  wire [W+1:0] sum = {sixteenths[W-1], sixteenths, 1'b1} + {third_q, 1'b1};
  assign m_value = sum[W+1:2];
  wire unused = &{1'b0, sum[1:0], pair[0]};

endmodule

`default_nettype wire
