// SPDX-License-Identifier: Apache-2.0
// Cross two normals to the direction of translation, normalised to 15 bits.
//
// Q formats:  normals sQ1.16 -> direction sQ15.0, as `translation_direction` of vio/fixed/ransac.py: the
//             component with the largest magnitude has 15 bits, each is rounded once.
// Growth:     products 36 bits, components 37; shifted up to 36 bits of magnitude, then down by 21.
// Overflow:   saturates (a rounding up to 2^15). m_ok low: the cross product vanishes.
// Latency:    10 cycles from s_valid to m_valid, a pulse. Throughput: one in 10; s_valid while one is
//             under way is not allowed.
`default_nettype none

module ransac_direction (
    input wire clk,
    input wire rst,

    input wire               s_valid,
    input wire signed [17:0] s_a0,
    input wire signed [17:0] s_a1,
    input wire signed [17:0] s_a2,
    input wire signed [17:0] s_b0,
    input wire signed [17:0] s_b1,
    input wire signed [17:0] s_b2,

    output wire signed [18:0] p_a0,  // to a `product_pair`, and the products from it
    output wire signed [17:0] p_b0,
    output wire signed [18:0] p_a1,
    output wire signed [17:0] p_b1,
    input  wire signed [36:0] a_0,
    input  wire signed [36:0] a_1,

    output wire               m_valid,
    output wire               m_ok,
    output wire signed [15:0] m_t0,
    output wire signed [15:0] m_t1,
    output wire signed [15:0] m_t2
);

  // 0 .. 2: products; 1 .. 3: differences; 2 .. 4: magnitudes; 5: bit length; 6 .. 8: shift.
  reg [8:0] step_q;
  reg signed [17:0] a0_q, a1_q, a2_q, b0_q, b1_q, b2_q;

  // The normals move around, so that each cycle has the same operands.
  wire multiply = |step_q[2:0];
  assign p_a0 = multiply ? {a1_q[17], a1_q} : 19'sd0;
  assign p_b0 = multiply ? b2_q : 18'sd0;
  assign p_a1 = multiply ? {a2_q[17], a2_q} : 19'sd0;
  assign p_b1 = multiply ? b1_q : 18'sd0;

  // Components move around as well: the newest enters at the top.
  reg signed [36:0] t0_q, t1_q, t2_q;
  wire [36:0] magnitude = t2_q[36] ? ~t2_q + 37'd1 : t2_q;
  wire unused_magnitude = &{1'b0, magnitude[36]};
  reg [35:0] all_q;  // bits of all magnitudes

  reg [5:0] length_d;
  integer i;
  always @* begin
    length_d = 6'd0;
    for (i = 0; i < 36; i = i + 1) if (all_q[i]) length_d = i[5:0] + 6'd1;
  end

  reg ok_q, done_q;
  reg [5:0] shift_q;
  wire signed [36:0] shifted = t0_q <<< shift_q;
  wire signed [15:0] rounded;
  wire saturated;
  wire unused_saturated = &{1'b0, saturated};
  reg signed [15:0] m0_q, m1_q, m2_q;

  round_saturate #(
      .IN_W (37),
      .SHIFT(21),
      .OUT_W(16)
  ) round (
      .s_data(shifted),
      .m_data(rounded),
      .m_saturated(saturated)
  );

  always @(posedge clk) begin
    if (s_valid) begin
      {a0_q, a1_q, a2_q} <= {s_a0, s_a1, s_a2};
      {b0_q, b1_q, b2_q} <= {s_b0, s_b1, s_b2};
    end else begin
      {a0_q, a1_q, a2_q} <= {a1_q, a2_q, a0_q};
      {b0_q, b1_q, b2_q} <= {b1_q, b2_q, b0_q};
    end
    if (|step_q[3:1]) {t0_q, t1_q, t2_q} <= {t1_q, t2_q, a_0 - a_1};
    else if (|step_q[8:6]) {t0_q, t1_q, t2_q} <= {t1_q, t2_q, t0_q};
    if (s_valid) all_q <= 36'd0;
    else if (|step_q[4:2]) all_q <= all_q | magnitude[35:0];
    if (step_q[5]) begin
      shift_q <= 6'd36 - length_d;
      ok_q <= all_q != 36'd0;
    end
    if (|step_q[8:6]) {m0_q, m1_q, m2_q} <= {m1_q, m2_q, rounded};
    step_q <= rst ? 9'd0 : {step_q[7:0], s_valid};
    done_q <= !rst && step_q[8];
  end

  assign m_valid = done_q;
  assign m_ok = ok_q;
  assign {m_t0, m_t1, m_t2} = {m0_q, m1_q, m2_q};

endmodule

`default_nettype wire
