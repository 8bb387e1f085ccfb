// SPDX-License-Identifier: Apache-2.0
// Cut a sum of the projection unit to a word: drop 14 to 19 bits, then saturate to 18 and to 19 bits.
//
// Q formats:  40 bits signed, its rounding already added -> 26 bits, 19 and 18 bits signed.
// Overflow:   m_19 and m_18 saturate; m_wide holds sums below 2^(25 + shift) in magnitude.
// Latency:    0 cycles (combinational). Throughput: one value a cycle.
`default_nettype none

module rectify_narrow (
    input  wire signed [39:0] s_sum,
    input  wire        [ 2:0] s_shift,  // less 14, 0 .. 5
    output wire signed [25:0] m_wide,
    output wire signed [18:0] m_19,
    output wire signed [17:0] m_18
);

  reg [25:0] wide_d;

  always @* begin
    case (s_shift)
      3'd0: wide_d = s_sum[39:14];
      3'd1: wide_d = {s_sum[39], s_sum[39:15]};
      3'd2: wide_d = {{2{s_sum[39]}}, s_sum[39:16]};
      3'd3: wide_d = {{3{s_sum[39]}}, s_sum[39:17]};
      3'd4: wide_d = {{4{s_sum[39]}}, s_sum[39:18]};
      default: wide_d = {{5{s_sum[39]}}, s_sum[39:19]};
    endcase
  end
  assign m_wide = wide_d;
  wire unused = &{1'b0, s_sum[13:0]};

  wire fits_19 = (&m_wide[25:18]) || !(|m_wide[25:18]);
  wire fits_18 = fits_19 && m_wide[18] == m_wide[17];
  assign m_19 = fits_19 ? m_wide[18:0] : {m_wide[25], {18{!m_wide[25]}}};
  assign m_18 = fits_18 ? m_wide[17:0] : {m_wide[25], {17{!m_wide[25]}}};

endmodule

`default_nettype wire
