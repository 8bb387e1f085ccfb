// SPDX-License-Identifier: Apache-2.0
// Score windows: squared correlation with the template times the template's power.
//
// With n pixels, sums l, r, squares rr and products lr of template and window:
//   power = (n rr - r r) / 256,  z = (n lr - l r) / 256,  score = z z / power, 0 unless z > 0.
// Q formats:  exact sums of 8-bit pixels -> power uQ22.0 and z sQ22.0 with one rounding each, score
//             rounded down, 24 bits. Equals `search` of vio/fixed/stereo_search.py, which takes 128 (and the
//             template's mean) off the pixels first: that changes neither difference.
// Growth:     windows of at most 256 pixels: power and z never saturate, the score stays below 2^23.
// Latency:    16 cycles; a power 4. Throughput: one in 4 cycles. Multipliers: 5, the products of a
//             window in two cycles.
`default_nettype none

module stereo_score #(
    parameter PIXELS = 217  // of the greatest window
) (
    input wire clk,
    input wire rst,

    input wire [7:0] cfg_pixels,

    input wire                            s_valid,
    input wire                            s_template,  // only its power is wanted
    input wire [15+$clog2(PIXELS):0] s_cross,
    input wire [ 7+$clog2(PIXELS):0] s_sum,
    input wire [15+$clog2(PIXELS):0] s_square,
    input wire [ 7+$clog2(PIXELS):0] s_template_sum,  // held

    output wire        power_valid,  // of a template
    output wire [21:0] power,
    output wire        m_valid,
    output wire [23:0] m_score
);

  generate
    if (PIXELS < 4 || PIXELS > 255) begin : g_bad_size
      stereo_score_PIXELS_must_be_4_to_255 bad_parameter ();
    end
  endgenerate

  localparam L = $clog2(PIXELS);

  // ---- 0: operands, held for two cycles ----
  reg [6:0] valid_q, template_q;  // stages
  reg [23:0] cross_q, square_q;
  reg [15:0] sum_q;

  // ---- 1: products of the power; 2: of z ----
  reg [31:0] straight_q;
  reg [19:0] low_q, high_q;
  wire for_z = valid_q[1];
  wire [15:0] by = for_z ? {{(8 - L) {1'b0}}, s_template_sum} : sum_q;
  wire [23:0] times = for_z ? cross_q : square_q;

  // ---- 2, 3: differences; 3, 4: rounded ----
  reg signed [33:0] difference_q;
  wire signed [33:0] rounded = difference_q + 34'sd128;
  wire unused_rounded = &{1'b0, rounded[32:30], rounded[7:0]};
  reg [21:0] power_q, power_late_q, z_q;

  // ---- 5: squares of the halves of z; 6: their product; 7: sum ----
  reg [21:0] outer_q, inner_q, outer_late_q, inner_late_q;
  wire [10:0] z_other = valid_q[5] ? z_q[10:0] : z_q[21:11];
  wire [43:0] z2 = {outer_late_q, inner_late_q} + {10'd0, outer_q, 12'd0};

  always @(posedge clk) begin
    valid_q <= rst ? 7'd0 : {valid_q[5:0], s_valid};
    template_q <= {template_q[5:0], s_template};
    if (s_valid) begin
      cross_q <= {{(8 - L) {1'b0}}, s_cross};
      square_q <= {{(8 - L) {1'b0}}, s_square};
      sum_q <= {{(8 - L) {1'b0}}, s_sum};
    end
    if (valid_q[0] || valid_q[1]) begin
      straight_q <= {16'd0, sum_q} * {16'd0, by};
      low_q <= {12'd0, cfg_pixels} * {8'd0, times[11:0]};
      high_q <= {12'd0, cfg_pixels} * {8'd0, times[23:12]};
    end
    if (valid_q[1] || valid_q[2])
      difference_q <= {2'd0, high_q, 12'd0} + {14'd0, low_q} - {2'd0, straight_q};
    if (valid_q[2]) power_q <= rounded[29:8];
    if (valid_q[3]) z_q <= rounded[33] ? 22'd0 : rounded[29:8];
    if (valid_q[4]) begin
      power_late_q <= power_q;
      inner_q <= {11'd0, z_q[10:0]} * {11'd0, z_q[10:0]};
    end
    if (valid_q[4] || valid_q[5]) outer_q <= {11'd0, z_q[21:11]} * {11'd0, z_other};
    if (valid_q[5]) begin
      outer_late_q <= outer_q;
      inner_late_q <= inner_q;
    end
  end

  assign power_valid = valid_q[3] && template_q[3];
  assign power = power_q;

  stream_divider #(
      .NUM_W (44),
      .DEN_W (22),
      .QUOT_W(24),
      .BITS  (3),
      .CYCLES(4)
  ) divide (
      .clk(clk),
      .rst(rst),
      .s_valid(valid_q[6] && !template_q[6]),
      .s_numerator(z2),
      .s_denominator(power_late_q),
      .m_valid(m_valid),
      .m_quotient(m_score)
  );

endmodule

`default_nettype wire
