// SPDX-License-Identifier: Apache-2.0
// Sum three basis lines of the codec's transform: one line of the inverse, C^T applied.
//
// The second and the third value may be 1 short, as an inverted value is of its negative: that 1 is
// the carry into the sums. The codecs use no fourth line.
// Q formats:  W bits signed in and out, additions and shifts only; W is to hold the sums. Equals one
//             step of `inverse` of vio/fixed/codecs/transform.py.
// Latency:    0 cycles (combinational).
`default_nettype none

module codec_lift #(
    parameter W = 17  // 3 or more
) (
    input  wire [W-1:0] s_a,
    input  wire [W-1:0] s_b,
    input  wire         s_b_short,  // b is 1 more
    input  wire [W-1:0] s_c,
    input  wire         s_c_short,
    output wire [W-1:0] m_0,        // a + 2 b + c
    output wire [W-1:0] m_1,        // a + b - c
    output wire [W-1:0] m_2,        // a - b - c
    output wire [W-1:0] m_3         // a - 2 b + c
);

  // A lowest bit more makes the carry: 1 + 1, or 0 - 1.
  wire [W:0] p = {s_a, 1'b1} + {s_c, s_c_short};
  wire [W:0] q = {s_a, 1'b0} - {s_c, s_c_short};
  wire [W-1:0] sum_0 = {p[W:2], 1'b1} + {s_b[W-2:0], s_b_short};
  wire [W:0] sum_1 = {q[W:1], 1'b1} + {s_b, s_b_short};
  wire [W:0] sum_2 = {q[W:1], 1'b0} - {s_b, s_b_short};
  wire [W-1:0] sum_3 = {p[W:2], 1'b0} - {s_b[W-2:0], s_b_short};

  assign m_0 = {sum_0[W-1:1], p[1]};
  assign m_1 = sum_1[W:1];
  assign m_2 = sum_2[W:1];
  assign m_3 = {sum_3[W-1:1], p[1]};

  wire unused = &{1'b0, p[0], q[0], sum_0[0], sum_1[0], sum_2[0], sum_3[0]};

endmodule

`default_nettype wire
