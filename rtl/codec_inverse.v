// SPDX-License-Identifier: Apache-2.0
// Turn the amplitudes of a block's coefficients back into its 4x4 pixels: one block a clock.
//
// Q formats:  sixteen amplitudes of 16 bits signed, 6 fraction bits, index 4 u + v where u changes
//             down and v across -> sixteen 8-bit pixels, row by row, the first in the low byte.
//             18-bit sums, exact. Equals `inverse` of vio/fixed/codecs/transform.py and the cut.
// Overflow:   pixels are clipped to 0 .. 255.
// Latency:    3 clocks. Throughput: one block a clock, never a wait.
`default_nettype none

module codec_inverse (
    input wire clk,

    input  wire [255:0] s_amplitudes,
    output wire [127:0] m_pixels
);

  reg [255:0] amplitudes_q;
  wire [287:0] columns;  // 18 bits each, index 4 row + v
  reg [287:0] columns_q;
  wire [127:0] pixels;
  reg [127:0] pixels_q;

  genvar i;
  generate
    for (i = 0; i < 4; i = i + 1) begin : g_line
      wire signed [17:0] a = {{2{amplitudes_q[16*i+15]}}, amplitudes_q[16*i+:16]};
      wire signed [17:0] b = {{2{amplitudes_q[16*i+79]}}, amplitudes_q[16*i+64+:16]};
      wire signed [17:0] c = {{2{amplitudes_q[16*i+143]}}, amplitudes_q[16*i+128+:16]};
      wire signed [17:0] d = {{2{amplitudes_q[16*i+207]}}, amplitudes_q[16*i+192+:16]};
      codec_lift down (
          .s_a(a),
          .s_b(b),
          .s_c(c),
          .s_d(d),
          .m_0(columns[18*i+:18]),
          .m_1(columns[18*i+72+:18]),
          .m_2(columns[18*i+144+:18]),
          .m_3(columns[18*i+216+:18])
      );
      wire signed [17:0] p0, p1, p2, p3;
      codec_lift across (
          .s_a(columns_q[72*i+:18]),
          .s_b(columns_q[72*i+18+:18]),
          .s_c(columns_q[72*i+36+:18]),
          .s_d(columns_q[72*i+54+:18]),
          .m_0(p0),
          .m_1(p1),
          .m_2(p2),
          .m_3(p3)
      );
      assign pixels[32*i+:8] = p0[17] ? 8'd0 : |p0[16:14] ? 8'd255 : p0[13:6];
      assign pixels[32*i+8+:8] = p1[17] ? 8'd0 : |p1[16:14] ? 8'd255 : p1[13:6];
      assign pixels[32*i+16+:8] = p2[17] ? 8'd0 : |p2[16:14] ? 8'd255 : p2[13:6];
      assign pixels[32*i+24+:8] = p3[17] ? 8'd0 : |p3[16:14] ? 8'd255 : p3[13:6];
      wire unused_fraction = &{1'b0, p0[5:0], p1[5:0], p2[5:0], p3[5:0]};
    end
  endgenerate

  always @(posedge clk) begin
    amplitudes_q <= s_amplitudes;
    columns_q <= columns;
    pixels_q <= pixels;
  end

  assign m_pixels = pixels_q;

endmodule

`default_nettype wire
