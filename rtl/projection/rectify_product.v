// SPDX-License-Identifier: Apache-2.0
// Multiply a 19-bit word by a 21-bit one with a single 18x18 multiplier, and add.
//
// Either operand is the signed value of its low 18 bits and a small multiple of 2^18; the multiples'
// products are sums of the other operand, added above bit 18. Where an operand needs no such sum,
// its adder takes the upper part of an addend instead.
// Q formats:  m_sum = s_a * s_b + s_addend (+ 2^18 with s_carry), 40 bits signed.
//             s_a -2^18 .. 2^18 - 1; s_b -2^19 .. 3 * 2^18 - 1.
// Contract:   s_addend beyond its low 18 bits only with s_short_a or s_short_b, which promise that
//             s_a, s_b are 18 bits signed; s_carry not with a negative s_a.
// Overflow:   wraps at 40 bits; the caller's sums stay within.
// Latency:    1 cycle. Throughput: one product a cycle. Multipliers: 1.
`default_nettype none

module rectify_product (
    input wire clk,

    input wire signed [18:0] s_a,
    input wire signed [20:0] s_b,
    input wire signed [39:0] s_addend,
    input wire               s_short_a,
    input wire               s_short_b,
    input wire               s_carry,

    output wire signed [39:0] m_sum
);

  wire signed [35:0] a = {{18{s_a[17]}}, s_a[17:0]};
  wire signed [35:0] b = {{18{s_b[17]}}, s_b[17:0]};
  wire [21:0] a_wide = {{4{s_a[17]}}, s_a[17:0]};
  wire [21:0] b_wide = {s_b[20], s_b};
  wire [21:0] added = s_addend[39:18];

  // What s_a is beyond its low 18 bits, times s_b.
  wire up = s_a[18:17] == 2'b01;
  wire down = s_a[18:17] == 2'b10;
  wire [21:0] over_a = s_short_a ? added : up ? b_wide : down ? ~b_wide : 22'd0;
  wire carry_a = s_carry || (down && !s_short_a);

  // What s_b is beyond its low 18 bits, times s_a: the upper three bits, and the sign of the rest.
  wire [2:0] high = s_b[20:18];
  wire twice = high == 3'b010 || high == 3'b110;
  wire once = high == 3'b001 || high == 3'b111;
  wire negative = s_b[20] && !s_short_b;
  wire [21:0] multiple = twice ? {a_wide[20:0], 1'b0} : once ? a_wide : 22'd0;
  wire [21:0] over_b = s_short_b ? added : negative ? ~multiple : multiple;
  wire [21:0] sign_b = (s_b[17] && !s_short_b) ? a_wide : 22'd0;

  reg signed [35:0] product_q;
  reg [39:0] rest_q;

  always @(posedge clk) begin
    product_q <= a * b;
    rest_q <= {
      (over_b + sign_b + {21'd0, negative}) + over_a + {21'd0, carry_a}, s_addend[17:0]
    };
  end

  assign m_sum = {{4{product_q[35]}}, product_q} + rest_q;

endmodule

`default_nettype wire
