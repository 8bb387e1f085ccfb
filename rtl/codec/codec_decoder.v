// SPDX-License-Identifier: Apache-2.0
// Decode a word of the frame buffer to its 4x4 pixels: one block a clock.
//
// Q formats:  BITS-bit word (vio/fixed/codecs/transform.py) -> sixteen 8-bit pixels, row by row, the
//             first in the low byte.
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

  generate
    if (BITS != 18 && BITS != 27) begin : g_bad_bits
      codec_decoder_BITS_must_be_18_or_27 bad_parameter ();
    end
  endgenerate

  localparam [26:0] NOTHING = 27'd0;
  wire [BITS+26:0] padded = {NOTHING, s_word};
  codec_decoder_either decoder (
      .clk(clk),
      .s_short(BITS == 18),
      .s_word(padded[26:0]),
      .m_pixels(m_pixels)
  );

  reg [2:0] valid_q;
  always @(posedge clk) valid_q <= rst ? 3'd0 : {valid_q[1:0], s_valid};
  assign m_valid = valid_q[2];

  wire unused = &{1'b0, padded[BITS+26:27]};

endmodule

`default_nettype wire
