// SPDX-License-Identifier: Apache-2.0
// Make the word of a block out of its coefficients, which come a row a cycle.
//
// The scale is found while the rows come; then the coefficients, delayed until it is known, are
// quantised two at a time: F01 and F02, F10 and F11, F20.
// Q formats:  14 bits signed -> BITS-bit word (vio/fixed/codecs/transform.py). |F01|, |F10| <= 3060 (12
//             bits), |F11| <= 4590, |F02|, |F20| <= 2040 (13 bits); shifted by 7 less the scale they
//             need no more.
// Latency:    8 cycles from the first row to the word. Throughput: a block in 4 cycles.
`default_nettype none

module codec_quantiser #(
    parameter BITS = 27  // of a word: 18 (dct18) or 27 (dct27)
) (
    input wire clk,
    input wire rst,

    input wire        s_first,  // rows 0, 1, 2 come in this cycle and the two next
    input wire [13:0] s_0,      // F[row][0], F[row][1], F[row][2]
    input wire [13:0] s_1,
    input wire [13:0] s_2,

    output wire            m_valid,
    output wire [BITS-1:0] m_word
);

  reg [8:1] at_q;  // a block's first row came 1 .. 8 cycles ago

  // ---- 0: sizes; a: F01 F10, b: F02 F11 F20 ----
  wire [12:0] a = s_first ? s_1[12:0] : s_0[12:0];
  wire [13:0] b = s_first ? s_2 : at_q[1] ? s_1 : s_0;
  wire [11:0] a_size = (a[11:0] ^ {12{a[12]}}) + {11'd0, a[12]};
  wire [12:0] b_size = (b[12:0] ^ {13{b[13]}}) + {12'd0, b[13]};
  reg [11:0] a_1_q, a_2_q, a_3_q, a_4_q;
  reg [12:0] b_1_q, b_2_q, b_3_q, b_4_q;
  reg [5:0] a_minus_q;  // of cycles 1 to 6
  reg [4:0] b_minus_q;
  reg [7:0] mean_q, mean_4_q;
  reg f12_q, f12_4_q, f21_q, f21_4_q;

  // ---- 1, 2, 3: the scales that overload, which are the lowest ones: limits 28, 24 and 8 << k ----
  wire second = !at_q[2];  // b is F02 or F20
  wire [6:0] a_over, b_over;
  genvar k;
  generate
    for (k = 0; k < 7; k = k + 1) begin : g_scale
      wire a_rest = |a_1_q[k+1:0];
      wire b_rest = |b_1_q[k+2:0];
      wire a_high = |a_1_q[11:k+5];
      wire b_high = |b_1_q[12:k+5];
      assign a_over[k] = a_high || (&a_1_q[k+2+:3] && a_rest);
      assign b_over[k] = b_high || (second && b_1_q[k+4])
          || ((second || b_1_q[k+4]) && b_1_q[k+3] && b_rest);
    end
  endgenerate
  reg [6:0] over_q;
  wire [6:0] over = over_q | b_over;
  reg [2:0] scale_q;

  // ---- 4, 5, 6: relative to the scale ----
  wire [11:0] a_shifted = a_4_q << ~scale_q;
  wire [12:0] b_shifted = b_4_q << ~scale_q;
  reg [11:0] a_scaled_q;
  reg [12:0] b_scaled_q;

  // ---- 5 to 7: magnitudes, and the word ----
  wire [2:0] low;  // the mean's low bits, or what takes their place
  reg [BITS-1:0] word_q;
  generate
    if (BITS == 27) begin : g_dct27
      wire [3:0] a_code;
      wire [1:0] b_code;
      codec_dct27_quantise quantise (
          .clk(clk),
          .s_first(a_scaled_q),
          .s_first_more(scale_q == 3'd7 || (at_q[5] && scale_q == 3'd6)),
          .m_first(a_code),
          .s_other(b_scaled_q),
          .s_other_second(!at_q[6]),
          .s_other_more(scale_q >= 3'd5),
          .m_other(b_code)
      );
      reg [4:0] f01_q;
      reg [2:0] f11_q;
      reg [1:0] f02_q;
      assign low[0] = scale_q >= 3'd5 ? f11_q[0] : mean_4_q[0];
      assign low[1] = scale_q >= 3'd6 ? f01_q[0] : mean_4_q[1];
      assign low[2] = scale_q == 3'd7 ? a_code[0] : mean_4_q[2];
      always @(posedge clk) begin
        if (at_q[5]) f02_q <= {b_minus_q[4], b_code[1]};
        if (at_q[6]) f11_q <= {b_minus_q[4], b_code};
        if (at_q[6]) f01_q <= {a_minus_q[5], a_code};
        if (at_q[7])
          word_q <= {
            mean_4_q[7:3], low, f21_4_q, f12_4_q, b_minus_q[4], b_code[1], f02_q, f11_q[2:1],
            a_minus_q[5], a_code[3:1], f01_q[4:1], scale_q
          };
      end
    end else if (BITS == 18) begin : g_dct18
      wire [1:0] a_code;
      wire b_code;
      codec_dct18_quantise quantise (
          .clk(clk),
          .s_first(a_scaled_q),
          .m_first(a_code),
          .s_other(b_scaled_q),
          .m_other(b_code)
      );
      reg [2:0] f01_q;
      reg [1:0] f11_q;
      reg f02_q;
      assign low[0] = scale_q >= 3'd3 ? b_minus_q[4] : mean_4_q[0];
      assign low[1] = scale_q >= 3'd5 ? f02_q : mean_4_q[1];
      assign low[2] = scale_q >= 3'd6 ? f11_q[0] : mean_4_q[2];
      always @(posedge clk) begin
        if (at_q[5]) f02_q <= b_minus_q[4];
        if (at_q[6]) f11_q <= {b_minus_q[4], b_code};
        if (at_q[6]) f01_q <= {a_minus_q[5], a_code};
        if (at_q[7])
          word_q <= {mean_4_q[7:3], low, f11_q[1], a_minus_q[5], a_code, f01_q, scale_q};
      end
      wire unused_mixed = &{1'b0, f12_4_q, f21_4_q};
    end else begin : g_bad_bits
      codec_quantiser_BITS_must_be_18_or_27 bad_parameter ();
      assign low = 3'd0;
    end
  endgenerate

  always @(posedge clk) begin
    at_q <= rst ? 8'd0 : {at_q[7:1], s_first};
    {a_4_q, a_3_q, a_2_q, a_1_q} <= {a_3_q, a_2_q, a_1_q, a_size};
    {b_4_q, b_3_q, b_2_q, b_1_q} <= {b_3_q, b_2_q, b_1_q, b_size};
    a_minus_q <= {a_minus_q[4:0], a[12]};
    b_minus_q <= {b_minus_q[3:0], b[13]};
    if (s_first) mean_q <= s_0[11:4];
    if (at_q[1]) f12_q <= s_2[13];
    if (at_q[2]) f21_q <= s_1[13];
    if (at_q[1]) over_q <= a_over | b_over;
    if (at_q[2]) over_q <= over_q | a_over | b_over;
    if (at_q[3]) begin
      scale_q <= {
        over[3],
        over[5] || (over[1] && !over[3]),
        over[6] || (over[4] && !over[5]) || (over[2] && !over[3]) || (over[0] && !over[1])
      };
      {mean_4_q, f12_4_q, f21_4_q} <= {mean_q, f12_q, f21_q};
    end
    a_scaled_q <= a_shifted;
    b_scaled_q <= b_shifted;
  end

  assign m_valid = at_q[8];
  assign m_word = word_q;

endmodule

`default_nettype wire
