// SPDX-License-Identifier: Apache-2.0
// Compress a pixel stream into words of 4x4 blocks, as the lines come.
//
// Q formats:  8-bit pixels -> BITS-bit words (vio/fixed/codecs/transform.py, `encode_block`).
// Growth:     columns 12 bits, coefficients 15 bits signed: additions and shifts, exact.
// Memory:     three lines of pixels.
// Latency:    5 clocks from a block's last pixel. Throughput: one pixel a clock, never a wait; on
//             every fourth line a word every fourth clock.
// Input:      whole frames, sides multiples of 4 (see frame_guard), start of frame in s_user.
`default_nettype none

module codec_encoder #(
    parameter BITS      = 27,   // bits of a word: 18 (dct18) or 27 (dct27)
    parameter MAX_WIDTH = 752,  // pixels of a line, a multiple of 4
    parameter SIZE_W    = 11    // bits of a width or coordinate
) (
    input wire clk,
    input wire rst,

    input wire [SIZE_W-1:0] cfg_width,  // a multiple of 4, stable during a frame

    input wire       s_valid,
    input wire [7:0] s_data,
    input wire       s_user,  // start of frame

    output wire              m_valid,
    output wire [  BITS-1:0] m_word,
    output wire [SIZE_W-3:0] m_column,  // block coordinates
    output wire [SIZE_W-3:0] m_row
);

  generate
    if (MAX_WIDTH < 8 || (MAX_WIDTH % 4) != 0) begin : g_bad_width
      codec_encoder_MAX_WIDTH_must_be_a_multiple_of_4 bad_parameter ();
    end
  endgenerate

  localparam AW = $clog2(MAX_WIDTH);
  localparam [SIZE_W-1:0] ONE = {{(SIZE_W - 1) {1'b0}}, 1'b1};
  localparam [SIZE_W-1:0] ZERO = {SIZE_W{1'b0}};

  // ---- stage 1: the column of four pixels ----
  reg [SIZE_W-1:0] x_q, y_q;
  wire [SIZE_W-1:0] x = s_user ? ZERO : x_q;
  wire [SIZE_W-1:0] y = s_user ? ZERO : y_q;
  wire row_end = x == cfg_width - ONE;

  reg [23:0] rows_mem[0:MAX_WIDTH-1];
  reg [23:0] rows_q;  // the row above on top
  reg [AW-1:0] b_address_q;
  reg [7:0] b_pixel_q;
  reg b_valid_q, b_use_q, b_end_q;
  reg [SIZE_W-3:0] b_column_q, b_row_q;

  always @(posedge clk) begin
    if (s_valid) begin
      x_q <= row_end ? ZERO : x + ONE;
      y_q <= row_end ? y + ONE : y;
      rows_q <= rows_mem[x[AW-1:0]];
      b_address_q <= x[AW-1:0];
      b_pixel_q <= s_data;
      b_column_q <= x[SIZE_W-1:2];
      b_row_q <= y[SIZE_W-1:2];
    end
    if (b_valid_q) rows_mem[b_address_q] <= {b_pixel_q, rows_q[23:8]};
    b_valid_q <= s_valid && !rst;
    b_use_q <= s_valid && y[1:0] == 2'd3 && !rst;
    b_end_q <= s_valid && y[1:0] == 2'd3 && x[1:0] == 2'd3 && !rst;
    if (rst) begin
      x_q <= ZERO;
      y_q <= ZERO;
    end
  end

  // ---- stage 2: changes down the column ----
  wire [47:0] down;  // four values of 12 bits signed
  codec_fold #(
      .IN_W(9),
      .OUT_W(12)
  ) columns (
      .s_a({1'b0, rows_q[7:0]}),
      .s_b({1'b0, rows_q[15:8]}),
      .s_c({1'b0, rows_q[23:16]}),
      .s_d({1'b0, b_pixel_q}),
      .m_0(down[11:0]),
      .m_1(down[23:12]),
      .m_2(down[35:24]),
      .m_3(down[47:36])
  );

  reg [47:0] d0_q, d1_q, d2_q, d3_q;  // newest first
  reg c_end_q, d_end_q, e_end_q;
  reg [SIZE_W-3:0] c_column_q, c_row_q, d_column_q, d_row_q, e_column_q, e_row_q;
  reg [SIZE_W-3:0] f_column_q, f_row_q;

  // ---- stage 3: changes across ----
  wire [239:0] F;  // 15 bits signed, index 4 u + v
  genvar u;
  generate
    for (u = 0; u < 4; u = u + 1) begin : g_across
      codec_fold #(
          .IN_W(12),
          .OUT_W(15)
      ) rows (
          .s_a(d3_q[12*u+:12]),
          .s_b(d2_q[12*u+:12]),
          .s_c(d1_q[12*u+:12]),
          .s_d(d0_q[12*u+:12]),
          .m_0(F[60*u+:15]),
          .m_1(F[60*u+15+:15]),
          .m_2(F[60*u+30+:15]),
          .m_3(F[60*u+45+:15])
      );
    end
  endgenerate
  reg [239:0] F_q, G_q;

  // ---- stage 4: the least scale at which nothing overloads ----
  wire [14:0] f01 = F_q[29] ? -F_q[29:15] : F_q[29:15];
  wire [14:0] f10 = F_q[74] ? -F_q[74:60] : F_q[74:60];
  wire [14:0] f11 = F_q[89] ? -F_q[89:75] : F_q[89:75];
  wire [14:0] f02 = F_q[44] ? -F_q[44:30] : F_q[44:30];
  wire [14:0] f20 = F_q[134] ? -F_q[134:120] : F_q[134:120];
  wire [14:0] first = f01 > f10 ? f01 : f10;
  wire [14:0] second = f02 > f20 ? f02 : f20;
  wire [6:0] overloads;
  genvar k;
  generate
    for (k = 0; k < 7; k = k + 1) begin : g_scale
      assign overloads[k] = first > (15'd28 << k) || f11 > (15'd24 << k) || second > (15'd8 << k);
    end
  endgenerate
  // Limits grow with the scale, so the scales that overload are the lowest ones.
  wire [2:0] scale = {2'd0, overloads[0]} + {2'd0, overloads[1]} + {2'd0, overloads[2]}
                     + {2'd0, overloads[3]} + {2'd0, overloads[4]} + {2'd0, overloads[5]}
                     + {2'd0, overloads[6]};
  reg [2:0] scale_q;

  // ---- stage 5: the word ----
  wire [BITS-1:0] word;
  generate
    if (BITS == 27) begin : g_dct27
      codec_dct27_quantise quantise (
          .s_scale(scale_q),
          .s_sum(G_q[11:0]),
          .s_coefficients({G_q[149:135], G_q[104:90], G_q[134:120], G_q[44:30], G_q[89:75],
                           G_q[74:60], G_q[29:15]}),
          .m_word(word)
      );
      wire unused = &{1'b0, G_q[14:12], G_q[59:45], G_q[119:105], G_q[239:150]};
    end else if (BITS == 18) begin : g_dct18
      codec_dct18_quantise quantise (
          .s_scale(scale_q),
          .s_sum(G_q[11:0]),
          .s_coefficients({G_q[134:120], G_q[44:30], G_q[89:75], G_q[74:60], G_q[29:15]}),
          .m_word(word)
      );
      wire unused = &{1'b0, G_q[14:12], G_q[59:45], G_q[119:90], G_q[239:135]};
    end else begin : g_bad_bits
      codec_encoder_BITS_must_be_18_or_27 bad_parameter ();
      assign word = {BITS{1'b0}};
    end
  endgenerate
  reg [BITS-1:0] word_q;
  reg valid_q;

  always @(posedge clk) begin
    if (b_use_q) begin
      d0_q <= down;
      d1_q <= d0_q;
      d2_q <= d1_q;
      d3_q <= d2_q;
    end
    F_q <= F;
    G_q <= F_q;
    scale_q <= scale;
    word_q <= word;
    {c_column_q, c_row_q} <= {b_column_q, b_row_q};
    {d_column_q, d_row_q} <= {c_column_q, c_row_q};
    {e_column_q, e_row_q} <= {d_column_q, d_row_q};
    {f_column_q, f_row_q} <= {e_column_q, e_row_q};
    c_end_q <= b_end_q && !rst;
    d_end_q <= c_end_q && !rst;
    e_end_q <= d_end_q && !rst;
    valid_q <= e_end_q && !rst;
  end

  assign m_valid = valid_q;
  assign m_word = word_q;
  assign m_column = f_column_q;
  assign m_row = f_row_q;

endmodule

`default_nettype wire
