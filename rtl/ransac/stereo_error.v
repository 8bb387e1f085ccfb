// SPDX-License-Identifier: Apache-2.0
// Rate a stereo point against a translation: MSAC score and decision, without a division.
//
// Q formats:  translation and turned point sQ11.10 (3), ray sQ1.16 (2), disparity uQ0.16, limit
//             uQ2.16 -> score 0 .. 4 (quarters of the squared limit that the squared error stays
//             within) and whether it is within the limit at all. Equals the inner loop of
//             `stereo_ransac` of vio/fixed/ransac.py; points nearer than LEAST_Z score 0.
// Growth:     products of 18 x 22 bits: the lower 17 of the depth, and its upper 5 a cycle later.
// Latency:    7 cycles. Throughput: one point in 2 cycles; s_valid in two cycles that follow each
//             other is not allowed. Multipliers: 4.
`default_nettype none

module stereo_error #(
    parameter LEAST_Z = 465,  // least depth of a moved point, 1/1024 baseline
    parameter TAG_W   = 1     // bits that travel with a point
) (
    input wire clk,
    input wire rst,

    input wire [17:0] cfg_threshold,

    input wire                    s_valid,
    input wire        [TAG_W-1:0] s_tag,
    input wire signed [     21:0] s_tx,
    input wire signed [     21:0] s_ty,
    input wire signed [     21:0] s_tz,
    input wire signed [     21:0] s_px,
    input wire signed [     21:0] s_py,
    input wire signed [     21:0] s_pz,
    input wire signed [     17:0] s_x,
    input wire signed [     17:0] s_y,
    input wire        [     15:0] s_disparity,

    output wire             m_valid,
    output wire [TAG_W-1:0] m_tag,
    output wire [      2:0] m_score,
    output wire             m_inlier
);

  generate
    if (LEAST_Z < 1 || LEAST_Z > 65535 || TAG_W < 1) begin : g_bad_size
      stereo_error_LEAST_Z_or_TAG_W_out_of_range bad_parameter ();
    end
  endgenerate

  reg [6:0] valid_q;
  reg [7*TAG_W-1:0] tags_q;
  always @(posedge clk) begin
    valid_q <= rst ? 7'd0 : {valid_q[5:0], s_valid};
    tags_q <= {tags_q[6*TAG_W-1:0], s_tag};
  end

  // ---- 1, 2: the moved point, for two cycles ----
  reg signed [22:0] u1_q, v1_q, z1_q;
  reg signed [17:0] x1_q, y1_q;
  reg [15:0] d1_q;
  always @(posedge clk) begin
    if (s_valid) begin
      u1_q <= {s_px[21], s_px} + {s_tx[21], s_tx};
      v1_q <= {s_py[21], s_py} + {s_ty[21], s_ty};
      z1_q <= {s_pz[21], s_pz} + {s_tz[21], s_tz};
      {x1_q, y1_q, d1_q} <= {s_x, s_y, s_disparity};
    end
  end

  // ---- products with the depth, low and high; behind the camera they don't matter ----
  localparam [22:0] LEAST = LEAST_Z[22:0];
  wire [16:0] part = valid_q[0] ? z1_q[16:0] : {12'd0, z1_q[21:17]};
  wire signed [34:0] depth = {18'd0, part};
  reg far2_q, far3_q;
  reg signed [22:0] u2_q, v2_q, u3_q, v3_q;
  reg signed [34:0] x2_q, y2_q;
  reg [34:0] d2_q, l2_q;
  wire signed [34:0] x1_wide = {{17{x1_q[17]}}, x1_q};
  wire signed [34:0] y1_wide = {{17{y1_q[17]}}, y1_q};

  // ---- 3: the high products are there, the low ones are kept: their sums, rounded by 16 bits ----
  // The half that is added is the carry of the lowest bit.
  reg [19:0] xl_q, yl_q, dl_q, ll_q;
  wire unused_low = &{1'b0, x2_q[14:0], y2_q[14:0], d2_q[14:0], l2_q[14:0]};
  wire [25:0] x_sum = {{6{xl_q[19]}}, xl_q[19:1], 1'b1} + {x2_q[23:0], 1'b0, xl_q[0]};
  wire [25:0] y_sum = {{6{yl_q[19]}}, yl_q[19:1], 1'b1} + {y2_q[23:0], 1'b0, yl_q[0]};
  wire [25:0] d_sum = {6'd0, dl_q[19:1], 1'b1} + {d2_q[23:0], 1'b0, dl_q[0]};
  wire [25:0] l_sum = {6'd0, ll_q[19:1], 1'b1} + {l2_q[23:0], 1'b0, ll_q[0]};
  wire unused_carry = &{1'b0, x_sum[0], y_sum[0], d_sum[0], l_sum[0]};
  reg signed [24:0] x3_q, y3_q;
  reg [24:0] d3_q, l3_q;

  always @(posedge clk) begin
    far2_q <= !z1_q[22] && z1_q >= $signed(LEAST);
    far3_q <= far2_q;
    {u2_q, v2_q} <= {u1_q, v1_q};
    {u3_q, v3_q} <= {u2_q, v2_q};
    x2_q <= x1_wide * depth;
    y2_q <= y1_wide * depth;
    d2_q <= {19'd0, d1_q} * {18'd0, part};
    l2_q <= {17'd0, cfg_threshold} * {18'd0, part};
    {xl_q, yl_q, dl_q, ll_q} <= {x2_q[34:15], y2_q[34:15], d2_q[34:15], l2_q[34:15]};
    {x3_q, y3_q, d3_q, l3_q} <= {x_sum[25:1], y_sum[25:1], d_sum[25:1], l_sum[25:1]};
  end

  // ---- 4: differences; 5: the worst of their magnitudes, parts of the limit; 6: score ----
  reg far4_q, far5_q;
  reg signed [25:0] eu4_q, ev4_q, ed4_q;
  reg [24:0] l4_q, l5_q;
  reg [25:0] worst5_q;
  reg [34:0] three5_q, two5_q;  // square roots of 3/4 and 2/4, times 1024
  wire [25:0] eu = eu4_q[25] ? ~eu4_q + 26'd1 : eu4_q;
  wire [25:0] ev = ev4_q[25] ? ~ev4_q + 26'd1 : ev4_q;
  wire [25:0] ed = ed4_q[25] ? ~ed4_q + 26'd1 : ed4_q;
  wire [25:0] uv = eu > ev ? eu : ev;
  // Both factors, 887 = 1024 - 137 and 724 = 4 x 181, are sums of few terms of 9 l.
  wire [34:0] l4 = {10'd0, l4_q};
  wire [34:0] nine = l4 + (l4 << 3);
  wire [30:0] quarter = (nine[30:0] << 2) + nine[30:0] + {8'd0, l4_q[24:2]};
  wire [35:0] worst = {worst5_q, 10'd0};
  reg [2:0] score_q;
  reg inlier_q;
  wire one = far5_q && worst5_q <= {1'b0, l5_q};
  always @(posedge clk) begin
    eu4_q <= {{3{u3_q[22]}}, u3_q} - {x3_q[24], x3_q};
    ev4_q <= {{3{v3_q[22]}}, v3_q} - {y3_q[24], y3_q};
    ed4_q <= 26'sd1024 - $signed({1'b0, d3_q});
    {far4_q, far5_q} <= {far3_q, far4_q};
    {l4_q, l5_q} <= {l3_q, l4_q};
    worst5_q <= uv > ed ? uv : ed;
    three5_q <= (l4 << 10) - ((l4 << 7) + nine);  // 887
    two5_q <= {quarter, l4_q[1:0], 2'd0};  // 724: 16 (5 x 9 + 1 / 4)
    score_q <= !one ? 3'd0 : 3'd1 + {2'd0, worst <= {2'd0, l5_q, 9'd0}}
               + {2'd0, worst <= {1'b0, two5_q}} + {2'd0, worst <= {1'b0, three5_q}};
    inlier_q <= one;
  end

  assign m_valid = valid_q[6];
  assign m_tag = tags_q[7*TAG_W-1:6*TAG_W];
  assign m_score = score_q;
  assign m_inlier = inlier_q;

endmodule

`default_nettype wire
