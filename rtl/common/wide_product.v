// SPDX-License-Identifier: Apache-2.0
// Multiply 18 by 35 bits with two 18x18 multipliers, a product a cycle.
//
// Q formats:  s_a 18 bits, s_b 35 bits signed -> exact products, 54 bits signed: m_signed takes s_a
//             as signed or, when s_unsigned, without its highest bit; m_unsigned as unsigned, only
//             when s_unsigned. s_half, below 2^17, is added to both: what rounds them.
// Overflow:   none.
// Latency:    2 cycles: the parts' products, their sum; what makes it unsigned follows the registers. Throughput:
//             one a cycle. Multipliers: 2.
`default_nettype none

module wide_product (
    input wire clk,

    input wire               s_unsigned,
    input wire        [17:0] s_a,
    input wire signed [34:0] s_b,
    input wire        [16:0] s_half,

    output wire signed [53:0] m_signed,
    output wire signed [53:0] m_unsigned
);

  // Bit 17 of an unsigned factor is a further s_b << 17.
  wire signed [17:0] a = {s_a[17] && !s_unsigned, s_a[16:0]};
  wire signed [17:0] low = {1'b0, s_b[16:0]};
  wire signed [17:0] high = s_b[34:17];

  reg signed [35:0] low_q, high_q;
  reg signed [34:0] further_q, further2_q;
  reg [16:0] half_q;
  reg signed [53:0] sum_q;

  // Where the high product has no bits there is room for the half.
  wire signed [53:0] upper = {{high_q[35]}, high_q, half_q};

  always @(posedge clk) begin
    low_q <= a * low;
    high_q <= a * high;
    half_q <= s_half;
    further_q <= s_a[17] ? s_b : 35'sd0;
    sum_q <= upper + {{18{low_q[35]}}, low_q};
    further2_q <= further_q;
  end

  assign m_signed   = sum_q;
  assign m_unsigned = sum_q + {{2{further2_q[34]}}, further2_q, 17'd0};

endmodule

`default_nettype wire
