// SPDX-License-Identifier: Apache-2.0
// One bank of a frame buffer: a memory with one write port and one read port.
//
// Memory:     WORDS x BITS block RAM. A DP16KD is 2048 deep 9 bits wide or 1024 deep 18 bits wide,
//             so what is beyond a multiple of 2048 words, if it is 1024 or less, has a memory of
//             its own: 3055 words of 27 bits take 3 + 2 instead of 6.
// Latency:    1 cycle; 0 comes out a cycle after one without a read, so that the words of several
//             banks need no choice but an OR. Throughput: a word a cycle each way.
// Input:      an address is never read and written in one cycle; if it were, what is read would be
//             undefined (see frame_buffer.v for why it is not).
`default_nettype none

module frame_bank #(
    parameter WORDS = 3055,  // 2 or more
    parameter BITS  = 27     // of a word
) (
    input wire clk,
    input wire rst,  // a cycle later 0 comes out

    input wire                     s_valid,
    input wire [$clog2(WORDS)-1:0] s_address,
    input wire [         BITS-1:0] s_word,

    input  wire                     r_valid,
    input  wire [$clog2(WORDS)-1:0] r_address,
    output wire [         BITS-1:0] m_word
);

  localparam AW = $clog2(WORDS);
  localparam REST = WORDS % 2048;
  localparam LOW = WORDS - REST;  // words of the deep part

  generate
    if (WORDS < 2) begin : g_bad_words
      frame_bank_WORDS_must_be_2_or_more bad_parameter ();
    end
    if (LOW > 0 && REST > 0 && REST <= 1024) begin : g_split
      // LOW is a multiple of 2048: the part shows in the upper bits of an address.
      localparam RW = REST > 1 ? $clog2(REST) : 1;
      localparam TOP = LOW / 2048;
      wire s_high = s_address[AW-1:11] == TOP[AW-12:0];
      wire r_high = r_address[AW-1:11] == TOP[AW-12:0];
      (* no_rw_check *)
      reg [BITS-1:0] low_mem[0:LOW-1];
      (* no_rw_check *)
      reg [BITS-1:0] high_mem[0:REST-1];
      reg [BITS-1:0] low_q, high_q;
      reg low_read_q, high_read_q;
      wire low_read = r_valid && !r_high;
      wire high_read = r_valid && r_high;

      // Enabled for a read and once more for its 0, so that an idle memory does not work.
      always @(posedge clk) begin
        if (s_valid && !s_high) low_mem[s_address[$clog2(LOW)-1:0]] <= s_word;
        if (s_valid && s_high) high_mem[s_address[RW-1:0]] <= s_word;
        low_read_q  <= low_read || rst;
        high_read_q <= high_read || rst;
        if (low_read || low_read_q) begin
          if (low_read) low_q <= low_mem[r_address[$clog2(LOW)-1:0]];
          else low_q <= {BITS{1'b0}};
        end
        if (high_read || high_read_q) begin
          if (high_read) high_q <= high_mem[r_address[RW-1:0]];
          else high_q <= {BITS{1'b0}};
        end
      end
      assign m_word = low_q | high_q;
    end else begin : g_one
      (* no_rw_check *)
      reg [BITS-1:0] words_mem[0:WORDS-1];
      reg [BITS-1:0] word_q;
      reg read_q;

      always @(posedge clk) begin
        if (s_valid) words_mem[s_address] <= s_word;
        read_q <= r_valid || rst;
        if (r_valid || read_q) begin
          if (r_valid) word_q <= words_mem[r_address];
          else word_q <= {BITS{1'b0}};
        end
      end
      assign m_word = word_q;
    end
  endgenerate

endmodule

`default_nettype wire
