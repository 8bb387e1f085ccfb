// SPDX-License-Identifier: Apache-2.0
// Turn the amplitudes of a block's coefficients back into its 4x4 pixels: one block a cycle.
//
// Q formats:  mean of 14 bits unsigned and amplitudes of 13 bits and a sign (codec_expand), 6 fraction
//             bits -> sixteen 8-bit pixels, row by row, the first in the low byte. Equals `inverse` of
//             vio/fixed/codecs/transform.py and the cut.
// Growth:     down the columns 16, 15 and 13 bits, across 17, exact: |F01|, |F10| <= 5504, |F11| <= 1472,
//             |F02|, |F20| <= 2432, |F12|, |F21| <= 352.
// Overflow:   pixels are clipped to 0 .. 255.
// Latency:    3 cycles. Throughput: one block a cycle, never a wait.
`default_nettype none

module codec_inverse (
    input wire clk,

    input  wire [ 13:0] s_mean,
    input  wire [ 90:0] s_amplitudes,  // F01 F10 F11 F02 F20 F12 F21, each without its
    input  wire [  6:0] s_negative,    // sign, which is to be added to it, too
    output wire [127:0] m_pixels
);

  // ---- 1 ----
  reg [13:0] mean_q;
  reg [90:0] amplitudes_q;
  reg [6:0] negative_q;

  // ---- 2: down the columns ----
  wire [13:0] f01 = {negative_q[0], amplitudes_q[12:0]};
  wire [13:0] f10 = {negative_q[1], amplitudes_q[25:13]};
  wire [11:0] f11 = {negative_q[2], amplitudes_q[36:26]};
  wire [12:0] f02 = {negative_q[3], amplitudes_q[50:39]};
  wire [12:0] f20 = {negative_q[4], amplitudes_q[63:52]};
  wire [9:0] f12 = {negative_q[5], amplitudes_q[73:65]};
  wire [9:0] f21 = {negative_q[6], amplitudes_q[86:78]};
  wire unused = &{1'b0, amplitudes_q[38:37], amplitudes_q[51], amplitudes_q[64], amplitudes_q[77:74],
                  amplitudes_q[90:87]};

  wire [63:0] column0;
  wire [59:0] column1;
  wire [51:0] column2;
  codec_lift #(
      .W(16)
  ) down0 (
      .s_a({2'b00, mean_q}),
      .s_b({{2{f10[13]}}, f10}),
      .s_b_short(f10[13]),
      .s_c({{3{f20[12]}}, f20}),
      .s_c_short(f20[12]),
      .m_0(column0[15:0]),
      .m_1(column0[31:16]),
      .m_2(column0[47:32]),
      .m_3(column0[63:48])
  );
  codec_lift #(
      .W(15)
  ) down1 (
      .s_a({f01[13], f01}),
      .s_b({{3{f11[11]}}, f11}),
      .s_b_short(f11[11]),
      .s_c({{5{f21[9]}}, f21}),
      .s_c_short(f21[9]),
      .m_0(column1[14:0]),
      .m_1(column1[29:15]),
      .m_2(column1[44:30]),
      .m_3(column1[59:45])
  );
  codec_lift #(
      .W(13)
  ) down2 (
      .s_a(f02),
      .s_b({{3{f12[9]}}, f12}),
      .s_b_short(f12[9]),
      .s_c(13'd0),
      .s_c_short(1'b0),
      .m_0(column2[12:0]),
      .m_1(column2[25:13]),
      .m_2(column2[38:26]),
      .m_3(column2[51:39])
  );
  reg [63:0] column0_q;
  reg [59:0] column1_q;
  reg [51:0] column2_q;
  reg short1_q, short2_q;  // F01 and F02 are 1 short, and with them each of these

  // ---- 3: across the rows, and the cut ----
  reg [127:0] pixels_q;
  wire [127:0] pixels;
  genvar i, k;
  generate
    for (i = 0; i < 4; i = i + 1) begin : g_row
      wire [67:0] sums;
      codec_lift #(
          .W(17)
      ) across (
          .s_a({column0_q[16*i+15], column0_q[16*i+:16]}),
          .s_b({{2{column1_q[15*i+14]}}, column1_q[15*i+:15]}),
          .s_b_short(short1_q),
          .s_c({{4{column2_q[13*i+12]}}, column2_q[13*i+:13]}),
          .s_c_short(short2_q),
          .m_0(sums[16:0]),
          .m_1(sums[33:17]),
          .m_2(sums[50:34]),
          .m_3(sums[67:51])
      );
      for (k = 0; k < 4; k = k + 1) begin : g_pixel
        wire [16:0] sum = sums[17*k+:17];
        wire over = |sum[15:14];
        assign pixels[32*i+8*k+:8] = sum[16] ? 8'd0 : over ? 8'd255 : sum[13:6];
        wire unused_fraction = &{1'b0, sum[5:0]};
      end
    end
  endgenerate

  always @(posedge clk) begin
    mean_q <= s_mean;
    amplitudes_q <= s_amplitudes;
    negative_q <= s_negative;
    column0_q <= column0;
    column1_q <= column1;
    column2_q <= column2;
    short1_q <= f01[13];
    short2_q <= f02[12];
    pixels_q <= pixels;
  end

  assign m_pixels = pixels_q;

endmodule

`default_nettype wire
