// SPDX-License-Identifier: Apache-2.0
// Decode a word of either codec, dct18 or dct27, to its 4x4 pixels: one block a cycle.
//
// One table and one inverse transform serve both codecs.
// Q formats:  27-bit word, or 18-bit word in the low bits (vio/fixed/codecs/transform.py) -> sixteen
//             8-bit pixels, row by row, the first in the low byte.
// Latency:    3 cycles. Throughput: one block a cycle, never a wait.
`default_nettype none

module codec_decoder_either (
    input wire clk,

    input wire        s_short,  // the word is of dct18
    input wire [26:0] s_word,

    output wire [127:0] m_pixels
);

  wire [90:0] amplitudes;
  wire [ 6:0] negative;
  wire [13:0] mean;
  codec_expand expand (
      .s_short(s_short),
      .s_word(s_word),
      .m_amplitudes(amplitudes),
      .m_negative(negative),
      .m_mean(mean)
  );

  codec_inverse inverse (
      .clk(clk),
      .s_mean(mean),
      .s_amplitudes(amplitudes),
      .s_negative(negative),
      .m_pixels(m_pixels)
  );

endmodule

`default_nettype wire
