// SPDX-License-Identifier: Apache-2.0
// Stand in for the memories and decoders in frame_buffer's proof: their contents do not matter there.
`default_nettype none

module frame_bank #(
    parameter WORDS = 2,
    parameter BITS  = 27
) (
    input wire clk,
    input wire rst,
    input wire s_valid,
    input wire [$clog2(WORDS)-1:0] s_address,
    input wire [BITS-1:0] s_word,
    input wire r_valid,
    input wire [$clog2(WORDS)-1:0] r_address,
    output wire [BITS-1:0] m_word
);

  assign m_word = {BITS{1'b0}};
  wire unused = rst;

  reg [2:0] started_q = 3'd0;  // cycles since the reset, up to 4
  always @(posedge clk) if (started_q != 3'd4) started_q <= started_q + 3'd1;
  always @* begin
    // What all of this is about
    if (started_q == 3'd4) assert (!(s_valid && r_valid && s_address == r_address));
    if (started_q == 3'd4 && s_valid) assert (s_address < WORDS);
    if (started_q == 3'd4 && r_valid) assert (r_address < WORDS);
  end

endmodule

module codec_decoder_either (
    input wire clk,
    input wire s_short,
    input wire [26:0] s_word,
    output wire [127:0] m_pixels
);

  assign m_pixels = 128'd0;

endmodule

`default_nettype wire
