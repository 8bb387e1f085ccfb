// SPDX-License-Identifier: Apache-2.0
// Form the normal q x (x, y, 1) of the plane that holds the translation of a match.
//
// Q formats:  turned ray q sQ2.16, ray sQ1.16 -> normal sQ1.16, as `epipolar_normals` of
//             vio/fixed/ransac.py; each product is rounded once.
// Overflow:   saturates to 18 bits.
// Latency:    4 cycles. Throughput: one in 5; q, ray and result are held until taken.
`default_nettype none

module ransac_normal (
    input wire clk,
    input wire rst,

    input  wire               s_valid,
    output wire               s_ready,
    input  wire signed [18:0] s_q0,
    input  wire signed [18:0] s_q1,
    input  wire signed [18:0] s_q2,
    input  wire signed [17:0] s_x,
    input  wire signed [17:0] s_y,

    output wire signed [18:0] p_a0,  // to a `product_pair`, and the products from it
    output wire signed [17:0] p_b0,
    output wire signed [18:0] p_a1,
    output wire signed [17:0] p_b1,
    input  wire signed [36:0] a_0,
    input  wire signed [36:0] a_1,

    output wire               m_valid,
    input  wire               m_ready,
    output wire signed [18:0] m_q0,
    output wire signed [18:0] m_q1,
    output wire signed [18:0] m_q2,
    output wire signed [17:0] m_x,
    output wire signed [17:0] m_y,
    output wire signed [17:0] m_n0,
    output wire signed [17:0] m_n1,
    output wire signed [17:0] m_n2
);

  reg [2:0] step_q;  // 1: q2 y, q2 x; 2: q0 y, q1 x; 3: their difference; then held
  reg full_q;
  reg signed [18:0] q0_q, q1_q, q2_q;
  reg signed [17:0] x_q, y_q, n0_q, n1_q, n2_q;

  wire multiply = step_q[0] || step_q[1];
  assign p_a0 = !multiply ? 19'sd0 : step_q[0] ? q2_q : q0_q;
  assign p_a1 = !multiply ? 19'sd0 : step_q[0] ? q2_q : q1_q;
  assign p_b0 = multiply ? y_q : 18'sd0;
  assign p_b1 = multiply ? x_q : 18'sd0;

  // Half to even out the fraction, then down: what `round_shift` does.
  wire signed [36:0] rounded_y = (a_0 + 37'sd32768) >>> 16;
  wire signed [36:0] rounded_x = (a_1 + 37'sd32768) >>> 16;
  wire unused_high = &{1'b0, rounded_y[36:22], rounded_x[36:22]};
  wire signed [21:0] first = {{3{q1_q[18]}}, q1_q} - rounded_y[21:0];
  wire signed [21:0] second = rounded_x[21:0] - {{3{q0_q[18]}}, q0_q};
  wire signed [37:0] cross = {a_0[36], a_0} - {a_1[36], a_1};
  wire signed [17:0] n0, n1, n2;
  wire [2:0] saturated;
  wire unused_saturated = &{1'b0, saturated};

  round_saturate #(
      .IN_W (22),
      .SHIFT(0),
      .OUT_W(18)
  ) narrow_0 (
      .s_data(first),
      .m_data(n0),
      .m_saturated(saturated[0])
  );
  round_saturate #(
      .IN_W (22),
      .SHIFT(0),
      .OUT_W(18)
  ) narrow_1 (
      .s_data(second),
      .m_data(n1),
      .m_saturated(saturated[1])
  );
  round_saturate #(
      .IN_W (38),
      .SHIFT(16),
      .OUT_W(18)
  ) narrow_2 (
      .s_data(cross),
      .m_data(n2),
      .m_saturated(saturated[2])
  );

  assign s_ready = !full_q && step_q == 3'd0;

  always @(posedge clk) begin
    if (s_valid && s_ready) begin
      {q0_q, q1_q, q2_q} <= {s_q0, s_q1, s_q2};
      {x_q, y_q} <= {s_x, s_y};
    end
    if (step_q[1]) {n0_q, n1_q} <= {n0, n1};
    if (step_q[2]) n2_q <= n2;
    if (rst) begin
      step_q <= 3'd0;
      full_q <= 1'b0;
    end else begin
      step_q <= {step_q[1:0], s_valid && s_ready};
      if (step_q[2]) full_q <= 1'b1;
      else if (m_ready) full_q <= 1'b0;
    end
  end

  assign m_valid = full_q;
  assign {m_q0, m_q1, m_q2} = {q0_q, q1_q, q2_q};
  assign {m_x, m_y} = {x_q, y_q};
  assign {m_n0, m_n1, m_n2} = {n0_q, n1_q, n2_q};

endmodule

`default_nettype wire
