// SPDX-License-Identifier: Apache-2.0
// Sum the four basis lines of the codec's transform: one line of the inverse, C^T applied.
//
// Q formats:  18-bit signed in and out, additions and shifts only; the codec's amplitudes never
//             overflow them. Equals one step of `inverse` of vio/fixed/codecs/transform.py.
// Latency:    0 clocks (combinational).
`default_nettype none

module codec_lift (
    input  wire signed [17:0] s_a,
    input  wire signed [17:0] s_b,
    input  wire signed [17:0] s_c,
    input  wire signed [17:0] s_d,
    output wire signed [17:0] m_0,
    output wire signed [17:0] m_1,
    output wire signed [17:0] m_2,
    output wire signed [17:0] m_3
);

  wire signed [17:0] p = s_a + s_c;
  wire signed [17:0] q = s_a - s_c;
  wire signed [17:0] r = (s_b <<< 1) + s_d;
  wire signed [17:0] t = s_b - (s_d <<< 1);

  assign m_0 = p + r;
  assign m_1 = q + t;
  assign m_2 = q - t;
  assign m_3 = p - r;

endmodule

`default_nettype wire
