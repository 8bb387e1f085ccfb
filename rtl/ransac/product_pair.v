// SPDX-License-Identifier: Apache-2.0
// Form two products a cycle: the multipliers that the small units of RANSAC share.
//
// Each unit (a client) drives operands, zero while it has nothing to multiply; the owner joins the
// clients by OR. A client that must multiply by more than 18 bits takes both products for one:
// a x b = a x low + (a x high << 18), b split into a signed low half of 18 bits and the rest.
// Q formats:  signed 19 x signed 18 bits -> 37 bits, exact; the fraction bits are the client's.
// Latency:    1 cycle. Throughput: two products a cycle. Multipliers: 2.
`default_nettype none

module product_pair (
    input wire clk,

    input wire signed [18:0] s_a0,
    input wire signed [17:0] s_b0,
    input wire signed [18:0] s_a1,
    input wire signed [17:0] s_b1,

    output wire signed [36:0] m_0,
    output wire signed [36:0] m_1
);

  // The 19th bit would put an adder behind the multiplier: what it is worth is added after the
  // register, to the product with the lower 18 bits as a signed number.
  reg signed [35:0] product_0_q, product_1_q;
  reg signed [18:0] rest_0_q, rest_1_q;
  // Sign-extended operands make the products exact.
  wire signed [35:0] a0 = {{18{s_a0[17]}}, s_a0[17:0]};
  wire signed [35:0] a1 = {{18{s_a1[17]}}, s_a1[17:0]};
  wire signed [35:0] b0 = {{18{s_b0[17]}}, s_b0};
  wire signed [35:0] b1 = {{18{s_b1[17]}}, s_b1};

  always @(posedge clk) begin
    product_0_q <= a0 * b0;
    product_1_q <= a1 * b1;
    rest_0_q <= s_a0[18] == s_a0[17] ? 19'sd0 : s_a0[18] ? -b0[18:0] : b0[18:0];
    rest_1_q <= s_a1[18] == s_a1[17] ? 19'sd0 : s_a1[18] ? -b1[18:0] : b1[18:0];
  end

  wire signed [18:0] top_0 = {product_0_q[35], product_0_q[35:18]} + rest_0_q;
  wire signed [18:0] top_1 = {product_1_q[35], product_1_q[35:18]} + rest_1_q;

  assign m_0 = {top_0, product_0_q[17:0]};
  assign m_1 = {top_1, product_1_q[17:0]};

endmodule

`default_nettype wire
