// SPDX-License-Identifier: Apache-2.0
// Halve an image stream: [1 4 6 4 1] / 16 down and across, sampled at even pixels.
//
// Q formats:  8-bit pixels in and out; 16-bit sums, one rounding (+128, >> 8). Equals `halve` of
//             vio/fixed/pyramid.py, mirrored borders included.
// Growth:     column sum 12 bits (16 x 255), window sum 16 bits (256 x 255): exact, no overflow.
// Latency:    two input rows and 5 cycles; the last output row follows the last input pixel by
//             itself, while the next frame's first row may stream in.
// Throughput: 1 pixel a cycle in. Input waits only for the output, or when the next frame's second
//             row comes before the last output row has left.
// Input:      whole frames of cfg_width x cfg_height (see frame_guard), start of frame in tuser[0].
`default_nettype none

module pyramid #(
    parameter MAX_WIDTH = 752,  // pixels of a line, 8 or more
    parameter SIZE_W    = 11    // bits of a width, height or coordinate
) (
    input wire clk,
    input wire rst,

    input wire [SIZE_W-1:0] cfg_width,   // 8 .. MAX_WIDTH, stable during a frame
    input wire [SIZE_W-1:0] cfg_height,  // 8 or more

    input  wire       s_axis_tvalid,
    output wire       s_axis_tready,
    input  wire [7:0] s_axis_tdata,
    input  wire       s_axis_tuser,
    input  wire       s_axis_tlast,

    output wire       m_axis_tvalid,
    input  wire       m_axis_tready,
    output wire [7:0] m_axis_tdata,
    output wire       m_axis_tuser,
    output wire       m_axis_tlast
);

  generate
    if (MAX_WIDTH < 8 || MAX_WIDTH > (1 << SIZE_W)) begin : g_bad_width
      pyramid_MAX_WIDTH_must_be_8_or_more_and_fit_SIZE_W bad_parameter ();
    end
  endgenerate

  localparam AW = $clog2(MAX_WIDTH);
  localparam [SIZE_W-1:0] ONE = {{(SIZE_W - 1) {1'b0}}, 1'b1};
  localparam [SIZE_W-1:0] TWO = ONE + ONE;
  localparam [SIZE_W-1:0] ZERO = {SIZE_W{1'b0}};

  wire unused = s_axis_tlast;  // lines are counted

  // ---- input: position of the pixel, and the row that is added after the last one ----
  reg [SIZE_W-1:0] x_q, y_q;  // of the pixel that comes next
  reg flush_q;  // the last row's columns are read once more
  reg [SIZE_W-1:0] flush_x_q;

  wire enable = !m_axis_tvalid || m_axis_tready;
  wire [SIZE_W-1:0] x = s_axis_tuser ? ZERO : x_q;
  wire [SIZE_W-1:0] y = s_axis_tuser ? ZERO : y_q;
  wire row_end = x == cfg_width - ONE;
  wire frame_end = row_end && (y == cfg_height - ONE);
  wire take = s_axis_tvalid && s_axis_tready;

  // Row 0 needs no older rows, so the flush may read while it is written.
  assign s_axis_tready = enable && !(flush_q && y != ZERO);

  always @(posedge clk) begin
    if (rst) begin
      x_q <= ZERO;
      y_q <= ZERO;
      flush_q <= 1'b0;
      flush_x_q <= ZERO;
    end else if (enable) begin
      if (take) begin
        x_q <= row_end ? ZERO : x + ONE;
        y_q <= !row_end ? y : frame_end ? ZERO : y + ONE;
      end
      if (take && frame_end) begin
        flush_q <= 1'b1;
        flush_x_q <= ZERO;
      end else if (flush_q) begin
        flush_q <= flush_x_q != cfg_width - ONE;
        flush_x_q <= flush_x_q + ONE;
      end
    end
  end

  // ---- the last four rows, one word a column ----
  reg [31:0] rows_mem[0:MAX_WIDTH-1];
  reg [31:0] rows_q;  // {row - 1, row - 2, row - 3, row - 4} of the column in stage B
  wire [SIZE_W-1:0] read_x = flush_q ? flush_x_q : x;

  reg b_write_q, b_emit_q, b_flush_q, b_top_q, b_first_q;
  reg [SIZE_W-1:0] b_x_q;
  reg [AW-1:0] b_address_q;
  reg [7:0] b_pixel_q;

  always @(posedge clk) begin
    if (enable) begin
      rows_q <= rows_mem[read_x[AW-1:0]];
      if (b_write_q) rows_mem[b_address_q] <= {b_pixel_q, rows_q[31:8]};
      b_address_q <= x[AW-1:0];
      b_x_q <= read_x;
      b_pixel_q <= s_axis_tdata;
      b_top_q <= y == TWO;
      b_flush_q <= flush_q;
      b_first_q <= !flush_q && y == TWO && x == ZERO;
    end
    if (rst) begin
      b_write_q <= 1'b0;
      b_emit_q <= 1'b0;
    end else if (enable) begin
      b_write_q <= take;
      b_emit_q <= flush_q || (take && y[0] == 1'b0 && y != ZERO);
    end
  end

  // ---- column sums ----
  wire [7:0] r1 = rows_q[31:24];
  wire [7:0] r2 = rows_q[23:16];
  wire [7:0] r3 = rows_q[15:8];
  wire [7:0] r4 = rows_q[7:0];
  wire odd = cfg_height[0];
  wire [7:0] tap_a = b_flush_q ? (odd ? r3 : r4) : b_top_q ? b_pixel_q : r4;
  wire [7:0] tap_b = b_flush_q ? (odd ? r2 : r3) : b_top_q ? r1 : r3;
  wire [7:0] tap_c = b_flush_q && odd ? r1 : r2;
  wire [7:0] tap_d = b_flush_q && odd ? r2 : r1;
  wire [7:0] tap_e = b_flush_q ? (odd ? r3 : r2) : b_pixel_q;
  wire [8:0] outer = {1'b0, tap_a} + {1'b0, tap_e};
  wire [8:0] inner = {1'b0, tap_b} + {1'b0, tap_d};

  // Taps of equal weight first: the block RAM leaves no time for more in its cycle.
  reg [8:0] outer_q, inner_q;
  reg [7:0] centre_q;
  reg taps_emit_q, taps_first_q;
  reg [SIZE_W-1:0] taps_x_q;
  wire [11:0] sum = {3'd0, outer_q} + {1'b0, inner_q, 2'd0} + {2'd0, centre_q, 2'd0}
                    + {3'd0, centre_q, 1'b0};

  reg c_valid_q, c_first_q;
  reg [SIZE_W-1:0] c_x_q;
  reg [11:0] c_sum_q;

  always @(posedge clk) begin
    if (enable) begin
      outer_q <= outer;
      inner_q <= inner;
      centre_q <= tap_c;
      taps_x_q <= b_x_q;
      taps_first_q <= b_first_q;
      c_sum_q <= sum;
      c_x_q <= taps_x_q;
      c_first_q <= taps_first_q;
    end
    if (rst) begin
      taps_emit_q <= 1'b0;
      c_valid_q <= 1'b0;
    end else if (enable) begin
      taps_emit_q <= b_emit_q;
      c_valid_q <= taps_emit_q;
    end
  end

  // ---- across: the column sums h1 .. h4 before the one in stage C ----
  reg [11:0] h1_q, h2_q, h3_q, h4_q;
  reg tail_q;  // the row's last output is still to come
  reg start_q;  // so is the frame's first
  wire left = c_x_q == TWO;
  wire wide = cfg_width[0];
  wire [11:0] t_a = tail_q ? (wide ? h3_q : h4_q) : left ? c_sum_q : h4_q;
  wire [11:0] t_b = tail_q ? (wide ? h2_q : h3_q) : left ? h1_q : h3_q;
  wire [11:0] t_c = tail_q && wide ? h1_q : h2_q;
  wire [11:0] t_d = tail_q && wide ? h2_q : h1_q;
  wire [11:0] t_e = tail_q ? (wide ? h3_q : h2_q) : c_sum_q;
  wire [12:0] h_outer = {1'b0, t_a} + {1'b0, t_e};
  wire [12:0] h_inner = {1'b0, t_b} + {1'b0, t_d};
  wire [15:0] total = {3'd0, h_outer} + {1'b0, h_inner, 2'd0} + {2'd0, t_c, 2'd0} + {3'd0, t_c, 1'b0}
                      + 16'd128;
  wire unused_fraction = &{1'b0, total[7:0]};
  wire give = tail_q || (c_valid_q && c_x_q[0] == 1'b0 && c_x_q != ZERO);

  reg valid_q, user_q, last_q;
  reg [7:0] data_q;

  always @(posedge clk) begin
    if (enable) begin
      if (c_valid_q) begin
        h1_q <= c_sum_q;
        h2_q <= h1_q;
        h3_q <= h2_q;
        h4_q <= h3_q;
      end
      data_q <= total[15:8];
      last_q <= tail_q;
      user_q <= start_q;
    end
    if (rst) begin
      valid_q <= 1'b0;
      tail_q <= 1'b0;
      start_q <= 1'b0;
    end else if (enable) begin
      valid_q <= give;
      tail_q <= c_valid_q && c_x_q == cfg_width - ONE;
      if (c_valid_q && c_first_q) start_q <= 1'b1;
      else if (give) start_q <= 1'b0;
    end
  end

  assign m_axis_tvalid = valid_q;
  assign m_axis_tdata = data_q;
  assign m_axis_tuser = user_q;
  assign m_axis_tlast = last_q;

endmodule

`default_nettype wire
