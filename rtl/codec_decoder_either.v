// SPDX-License-Identifier: Apache-2.0
// Decode a word of either codec, dct18 or dct27, to its 4x4 pixels: one block a clock.
//
// One inverse transform serves both codecs: only the tables before it differ.
// Q formats:  27-bit word, or 18-bit word in the low bits (vio/fixed/codecs/transform.py) -> sixteen
//             8-bit pixels, row by row, the first in the low byte.
// Latency:    3 clocks. Throughput: one block a clock, never a wait.
`default_nettype none

module codec_decoder_either (
    input wire clk,

    input wire        s_short,  // the word is of dct18
    input wire [26:0] s_word,

    output wire [127:0] m_pixels
);

  wire [111:0] long;
  wire [15:0] long_mean;
  codec_dct27_expand expand_27 (
      .s_word(s_word),
      .m_amplitudes(long),
      .m_mean(long_mean)
  );
  wire [79:0] short;
  wire [15:0] short_mean;
  codec_dct18_expand expand_18 (
      .s_word(s_word[17:0]),
      .m_amplitudes(short),
      .m_mean(short_mean)
  );

  // In the order of the tables: F01 F10 F11 F02 F20 and, in dct27 only, F12 F21.
  wire [111:0] list = s_short ? {32'd0, short} : long;
  wire [15:0] mean = s_short ? short_mean : long_mean;

  // Index 4 u + v, u changes down, v changes across.
  codec_inverse inverse (
      .clk(clk),
      .s_amplitudes({
        96'd0, list[111:96], list[79:64], 16'd0, list[95:80], list[47:32], list[31:16], 16'd0,
        list[63:48], list[15:0], mean
      }),
      .m_pixels(m_pixels)
  );

endmodule

`default_nettype wire
