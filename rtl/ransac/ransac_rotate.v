// SPDX-License-Identifier: Apache-2.0
// Turn a ray or a stereo point by a rotation, with the products of a `product_pair`.
//
// Q formats:  rotation sQ1.16, row by row, first entry low; ray (x, y, 1) sQ1.16 -> sQ2.16, as
//             `rotate_rays` of vio/fixed/ransac.py; point sQ11.10 -> sQ11.10, as in `stereo_ransac`.
// Growth:     sums of three 18 x 22 bit products: 42 bits, rounded once.
// Overflow:   saturates to 19 bits (ray) or 22 (point).
// Latency:    7 cycles (ray), 13 (point). Throughput: one in 8 or 14; the result is held.
`default_nettype none

module ransac_rotate (
    input wire clk,
    input wire rst,

    input wire [161:0] cfg_rotation,

    input  wire               s_valid,
    output wire               s_ready,
    input  wire               s_point,  // a point instead of a ray; then also s_2
    input  wire signed [21:0] s_0,
    input  wire signed [21:0] s_1,
    input  wire signed [21:0] s_2,

    output wire signed [18:0] p_a0,  // to the pair, and the products from it
    output wire signed [17:0] p_b0,
    output wire signed [18:0] p_a1,
    output wire signed [17:0] p_b1,
    input  wire signed [36:0] a_0,
    input  wire signed [36:0] a_1,

    output wire               m_valid,
    input  wire               m_ready,
    output wire signed [21:0] m_0,
    output wire signed [21:0] m_1,
    output wire signed [21:0] m_2
);

  // ---- steps: a ray's row takes one (x and y), a point's row three (low and high half) ----
  reg busy_q, done_q, point_q;
  reg [1:0] stage_q;  // a step's products, a row's sum
  reg [1:0] row_q, column_q;
  reg signed [21:0] p0_q, p1_q, p2_q;
  wire last_column = !point_q || column_q == 2'd2;
  wire last = last_column && row_q == 2'd2;


  wire [53:0] row = row_q == 2'd0 ? cfg_rotation[53:0] :
                    row_q == 2'd1 ? cfg_rotation[107:54] : cfg_rotation[161:108];
  wire signed [17:0] entry = column_q == 2'd0 ? row[17:0] :
                             column_q == 2'd1 ? row[35:18] : row[53:36];
  wire signed [21:0] part = column_q == 2'd0 ? p0_q : column_q == 2'd1 ? p1_q : p2_q;
  // The low half is signed, so the high half takes up its sign.
  wire [4:0] high = {part[21], part[21:18]} + {4'd0, part[17]};
  wire signed [17:0] factor_1 = point_q ? entry : row[35:18];

  // Operands are registered: choosing them takes as long as multiplying.
  reg signed [17:0] a0_q, a1_q, b0_q, b1_q, constant_q;
  reg step_q, step_first_q, step_end_q, step_last_q;
  reg [1:0] step_row_q;
  always @(posedge clk) begin
    a0_q <= busy_q ? entry : 18'sd0;
    a1_q <= busy_q ? factor_1 : 18'sd0;
    b0_q <= !busy_q ? 18'sd0 : point_q ? part[17:0] : p0_q[17:0];
    b1_q <= !busy_q ? 18'sd0 : point_q ? {{13{high[4]}}, high} : p1_q[17:0];
    constant_q <= row[53:36];
    step_q <= !rst && busy_q;
    step_first_q <= column_q == 2'd0;
    step_end_q <= last_column;
    step_last_q <= last;
    step_row_q <= row_q;
  end
  assign p_a0 = {a0_q[17], a0_q};
  assign p_a1 = {a1_q[17], a1_q};
  assign p_b0 = b0_q;
  assign p_b1 = b1_q;

  // ---- sums, a cycle behind; rounded, another behind ----
  reg first_q, end_q, last_q, all_q;
  reg [1:0] sum_row_q, round_row_q;
  reg signed [17:0] third_q;
  reg signed [41:0] sum_q;
  wire signed [41:0] product_0 = {{5{a_0[36]}}, a_0};
  wire signed [41:0] product_1 = {{5{a_1[36]}}, a_1};
  wire signed [41:0] second = point_q ? (product_1 <<< 18) : product_1;
  wire signed [41:0] start = point_q ? 42'sd0 : {{8{third_q[17]}}, third_q, 16'd0};
  wire signed [21:0] rounded;
  wire signed [18:0] ray;
  wire [1:0] saturated;
  wire unused_saturated = &{1'b0, saturated};

  round_saturate #(
      .IN_W (42),
      .SHIFT(16),
      .OUT_W(22)
  ) round (
      .s_data(sum_q),
      .m_data(rounded),
      .m_saturated(saturated[0])
  );
  round_saturate #(
      .IN_W (22),
      .SHIFT(0),
      .OUT_W(19)
  ) narrow_ray (
      .s_data(rounded),
      .m_data(ray),
      .m_saturated(saturated[1])
  );

  wire signed [21:0] value = point_q ? rounded : {{3{ray[18]}}, ray};
  reg signed [21:0] m0_q, m1_q, m2_q;

  always @(posedge clk) begin
    if (s_valid && s_ready) begin
      {p0_q, p1_q, p2_q} <= {s_0, s_1, s_2};
      point_q <= s_point;
      row_q <= 2'd0;
      column_q <= 2'd0;
    end else if (busy_q) begin
      column_q <= last_column ? 2'd0 : column_q + 2'd1;
      if (last_column) row_q <= row_q + 2'd1;
    end
    first_q <= step_first_q;
    end_q <= step_end_q;
    last_q <= step_last_q;
    sum_row_q <= step_row_q;
    third_q <= constant_q;
    sum_q <= (first_q ? start : sum_q) + product_0 + second;
    round_row_q <= sum_row_q;
    all_q <= last_q;
    if (stage_q[1] && round_row_q == 2'd0) m0_q <= value;
    if (stage_q[1] && round_row_q == 2'd1) m1_q <= value;
    if (stage_q[1] && round_row_q == 2'd2) m2_q <= value;
    if (rst) begin
      busy_q <= 1'b0;
      done_q <= 1'b0;
      stage_q <= 2'd0;
    end else begin
      if (s_valid && s_ready) busy_q <= 1'b1;
      else if (last) busy_q <= 1'b0;
      stage_q <= {stage_q[0] && end_q, step_q};
      if (stage_q[1] && all_q) done_q <= 1'b1;
      else if (m_ready) done_q <= 1'b0;
    end
  end

  assign s_ready = !busy_q && !step_q && stage_q == 2'd0 && !done_q;
  assign m_valid = done_q;
  assign m_0 = m0_q;
  assign m_1 = m1_q;
  assign m_2 = m2_q;

endmodule

`default_nettype wire
