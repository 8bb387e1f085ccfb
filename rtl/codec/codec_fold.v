// SPDX-License-Identifier: Apache-2.0
// Transform a line of four values: the three lines of the codec's forward transform that codes use.
//
// Q formats:  IN_W bits signed -> OUT_W bits signed, exact: IN_W + 3 suffice (the largest row sum of C
//             is 6), IN_W + 2 for values that are not negative. Equals one step of `forward` of
//             vio/fixed/codecs/transform.py.
// Latency:    0 cycles (combinational).
`default_nettype none

module codec_fold #(
    parameter IN_W  = 9,  // bits of a value
    parameter OUT_W = 11  // bits of a coefficient
) (
    input  wire signed [ IN_W-1:0] s_a,
    input  wire signed [ IN_W-1:0] s_b,
    input  wire signed [ IN_W-1:0] s_c,
    input  wire signed [ IN_W-1:0] s_d,
    output wire signed [OUT_W-1:0] m_0,
    output wire signed [OUT_W-1:0] m_1,
    output wire signed [OUT_W-1:0] m_2
);

  generate
    if (OUT_W < IN_W + 2) begin : g_bad_width
      codec_fold_OUT_W_must_be_IN_W_plus_2_or_more bad_parameter ();
    end
  endgenerate

  localparam MORE = OUT_W - IN_W;
  wire signed [OUT_W-1:0] a = {{MORE{s_a[IN_W-1]}}, s_a};
  wire signed [OUT_W-1:0] b = {{MORE{s_b[IN_W-1]}}, s_b};
  wire signed [OUT_W-1:0] c = {{MORE{s_c[IN_W-1]}}, s_c};
  wire signed [OUT_W-1:0] d = {{MORE{s_d[IN_W-1]}}, s_d};
  wire signed [OUT_W-1:0] p = a + d;
  wire signed [OUT_W-1:0] q = b + c;
  wire signed [OUT_W-1:0] r = a - d;
  wire signed [OUT_W-1:0] t = b - c;

  // The second row of C is 2 1 -1 -2: twice the outer difference and the inner one.
  assign m_0 = p + q;
  assign m_1 = (r <<< 1) + t;
  assign m_2 = p - q;

endmodule

`default_nettype wire
