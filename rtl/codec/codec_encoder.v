// SPDX-License-Identifier: Apache-2.0
// Compress a pixel stream into words of 4x4 blocks, as the lines come.
//
// Q formats:  8-bit pixels -> BITS-bit words (vio/fixed/codecs/transform.py, `encode_block`).
// Growth:     columns 11 bits, coefficients 14 bits signed: additions and shifts, exact.
// Memory:     three lines of pixels.
// Latency:    11 cycles from a block's last pixel. Throughput: one pixel a cycle, never a wait; on
//             every fourth line a word every fourth cycle.
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
  wire [32:0] down;  // three values of 11 bits signed
  codec_fold #(
      .IN_W(9),
      .OUT_W(11)
  ) columns (
      .s_a({1'b0, rows_q[7:0]}),
      .s_b({1'b0, rows_q[15:8]}),
      .s_c({1'b0, rows_q[23:16]}),
      .s_d({1'b0, b_pixel_q}),
      .m_0(down[10:0]),
      .m_1(down[21:11]),
      .m_2(down[32:22])
  );

  reg [98:0] columns_q;  // the last three, the newest low
  reg [131:0] block_q;  // the four of a whole block
  reg [9:2] at_q;  // a block's last pixel came 2 .. 9 cycles ago
  reg [SIZE_W-3:0] c_column_q, c_row_q, d_column_q, d_row_q, e_column_q, e_row_q;

  // ---- stage 3: changes across, a row a cycle ----
  wire [43:0] row = at_q[2] ? {block_q[109:99], block_q[76:66], block_q[43:33], block_q[10:0]}
      : at_q[3] ? {block_q[120:110], block_q[87:77], block_q[54:44], block_q[21:11]}
      : {block_q[131:121], block_q[98:88], block_q[65:55], block_q[32:22]};
  wire [41:0] F;
  codec_fold #(
      .IN_W(11),
      .OUT_W(14)
  ) rows (
      .s_a(row[43:33]),
      .s_b(row[32:22]),
      .s_c(row[21:11]),
      .s_d(row[10:0]),
      .m_0(F[13:0]),
      .m_1(F[27:14]),
      .m_2(F[41:28])
  );
  reg [41:0] F_q;

  // ---- the word ----
  codec_quantiser #(
      .BITS(BITS)
  ) quantiser (
      .clk(clk),
      .rst(rst),
      .s_first(at_q[3]),
      .s_0(F_q[13:0]),
      .s_1(F_q[27:14]),
      .s_2(F_q[41:28]),
      .m_valid(m_valid),
      .m_word(m_word)
  );

  always @(posedge clk) begin
    if (b_use_q) columns_q <= {columns_q[65:0], down};
    if (b_end_q) block_q <= {columns_q, down};
    at_q <= rst ? 8'd0 : {at_q[8:2], b_end_q};
    F_q <= F;
    // A block's place follows it in steps of four cycles, the least between two blocks.
    if (b_end_q) {c_column_q, c_row_q} <= {b_column_q, b_row_q};
    if (at_q[5]) {d_column_q, d_row_q} <= {c_column_q, c_row_q};
    if (at_q[9]) {e_column_q, e_row_q} <= {d_column_q, d_row_q};
  end

  assign m_column = e_column_q;
  assign m_row = e_row_q;

endmodule

`default_nettype wire
