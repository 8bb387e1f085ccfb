// SPDX-License-Identifier: Apache-2.0
// Decode a word of the frame buffer to its 4x4 pixels: one block a clock.
//
// Q formats:  BITS-bit word (vio/fixed/codecs/transform.py) -> sixteen 8-bit pixels, row by row, the
//             first in the low byte. Amplitudes carry 6 fraction bits; 18-bit sums, exact.
// Overflow:   pixels are clipped to 0 .. 255.
// Latency:    3 clocks. Throughput: one block a clock, never a wait.
`default_nettype none

module codec_decoder #(
    parameter BITS = 27  // bits of a word: 18 (dct18) or 27 (dct27)
) (
    input wire clk,
    input wire rst,

    input wire            s_valid,
    input wire [BITS-1:0] s_word,

    output wire         m_valid,
    output wire [127:0] m_pixels
);

  // Amplitude of each coefficient: index 4 u + v, u changes down, v changes across.
  wire [255:0] amplitudes;

  generate
    if (BITS == 27) begin : g_dct27
      wire [111:0] list;
      codec_dct27_expand expand (
          .s_word(s_word),
          .m_amplitudes(list),
          .m_mean(amplitudes[15:0])
      );
      assign amplitudes[255:16] = {80'd0, 16'd0, list[111:96], list[79:64], 16'd0, list[95:80],
                                   list[47:32], list[31:16], 16'd0, list[63:48], list[15:0]};
    end else if (BITS == 18) begin : g_dct18
      wire [79:0] list;
      codec_dct18_expand expand (
          .s_word(s_word),
          .m_amplitudes(list),
          .m_mean(amplitudes[15:0])
      );
      assign amplitudes[255:16] = {80'd0, 32'd0, list[79:64], 32'd0, list[47:32], list[31:16], 16'd0,
                                   list[63:48], list[15:0]};
    end else begin : g_bad_bits
      codec_decoder_BITS_must_be_18_or_27 bad_parameter ();
      assign amplitudes = 256'd0;
    end
  endgenerate

  codec_inverse inverse (
      .clk(clk),
      .s_amplitudes(amplitudes),
      .m_pixels(m_pixels)
  );

  reg [2:0] valid_q;
  always @(posedge clk) valid_q <= rst ? 3'd0 : {valid_q[1:0], s_valid};
  assign m_valid = valid_q[2];

endmodule

`default_nettype wire
