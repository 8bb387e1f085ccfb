// SPDX-License-Identifier: Apache-2.0
// Multiply 18 by 35 bits with two 18x18 multipliers, a product a clock.
//
// Q formats:  s_a 18 bits signed, or unsigned when s_unsigned; s_b 35 bits signed -> exact product,
//             54 bits signed.
// Overflow:   none.
// Latency:    1 clock; the sum of the two parts follows the register. Throughput: one a clock.
//             Multipliers: 2.
`default_nettype none

module wide_product (
    input wire clk,

    input wire               s_unsigned,
    input wire        [17:0] s_a,
    input wire signed [34:0] s_b,

    output wire signed [53:0] m_product
);

  // Bit 17 of an unsigned factor is a further s_b << 17, added to the upper part.
  wire signed [17:0] a = {s_a[17] && !s_unsigned, s_a[16:0]};
  wire signed [17:0] low = {1'b0, s_b[16:0]};
  wire signed [17:0] high = s_b[34:17];
  wire signed [35:0] low_product = a * low;
  wire signed [35:0] high_product = a * high;
  wire signed [35:0] further = (s_unsigned && s_a[17]) ? {s_b[34], s_b} : 36'sd0;

  reg signed [35:0] low_q, high_q;

  always @(posedge clk) begin
    low_q  <= low_product;
    high_q <= high_product + further;
  end

  assign m_product = {{high_q[35]}, high_q, 17'd0} + {{18{low_q[35]}}, low_q};

endmodule

`default_nettype wire
