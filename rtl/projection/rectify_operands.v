// SPDX-License-Identifier: Apache-2.0
// Choose the operands of the projection unit's two multipliers (rectify.v), and what is added.
//
// Q formats:  of the point and the ray as in rectify.v; the addend holds the half that rounds, at the
//             place that m_shift (less 14) names.
// Latency:    0 cycles (combinational).
`default_nettype none

module rectify_operands (
    input wire        [ 3:0] s_kind,      // as in rectify.v
    input wire               s_forward,   // PROJECT
    input wire               s_estimate,  // multiply the estimate instead of the point
    input wire        [ 5:0] s_bits,      // of the depth

    input wire signed [19:0] s_x,
    input wire signed [19:0] s_y,
    input wire signed [18:0] s_ex,
    input wire signed [18:0] s_ey,
    input wire signed [19:0] s_xy,
    input wire        [19:0] s_bend_x,
    input wire        [19:0] s_bend_y,
    input wire signed [15:0] s_dx,
    input wire signed [15:0] s_dy,
    input wire signed [39:0] s_sum,
    input wire        [17:0] s_g0,
    input wire        [17:0] s_g1,
    input wire        [18:0] s_rest,
    input wire        [18:0] s_part,
    input wire signed [18:0] s_factor_0,
    input wire signed [18:0] s_factor_1,
    input wire        [17:0] s_offset_0,
    input wire        [17:0] s_offset_1,
    input wire signed [17:0] s_entry_0,
    input wire signed [17:0] s_entry_1,
    input wire signed [17:0] s_entry_2,

    output wire signed [18:0] m_a0,
    output wire signed [18:0] m_a1,
    output wire signed [20:0] m_b0,
    output wire signed [20:0] m_b1,
    output wire signed [39:0] m_add0,
    output wire signed [39:0] m_add1,
    output wire        [ 2:0] m_shift,
    output wire               m_short_a,  // of the factors as in rectify_product.v
    output wire               m_short_b,
    output wire               m_carry
);

  localparam [3:0] INVERSE = 4'd1, SQUARES = 4'd2, CROSS = 4'd3, BETWEEN = 4'd4, FACTOR = 4'd5;
  localparam [3:0] BEND_X = 4'd6, BEND_Y = 4'd7, FOCAL = 4'd8, ROW = 4'd9, DEPTH = 4'd10;
  localparam [3:0] TWO = 4'd11, THIRD = 4'd12;

  wire signed [19:0] px = s_estimate ? {s_ex[18], s_ex} : s_x;
  wire signed [19:0] py = s_estimate ? {s_ey[18], s_ey} : s_y;
  wire signed [20:0] twice_xy = {s_xy, 1'b0};

  reg signed [18:0] a0_d, a1_d;
  reg signed [20:0] b0_d, b1_d;
  reg signed [39:0] add0_d, add1_d;
  reg [2:0] shift_d;  // less 14
  assign m_short_a = s_kind == ROW || s_kind == TWO || s_kind == THIRD;
  assign m_short_b = s_kind == INVERSE || s_kind == FOCAL || (s_kind == FACTOR && s_forward);

  always @* begin
    a0_d = s_factor_0;
    a1_d = s_factor_1;
    b0_d = {s_x[19], s_x};
    b1_d = {s_y[19], s_y};
    add0_d = 40'h8000;
    add1_d = 40'h8000;
    shift_d = 3'd2;
    case (s_kind)
      INVERSE: begin
        add0_d  = 40'h10000;
        add1_d  = 40'h10000;
        shift_d = 3'd3;
      end
      SQUARES: begin
        a0_d   = px[18:0];
        a1_d   = py[18:0];
        b0_d   = {px[19], px};
        b1_d   = {py[19], py};
        add1_d = 40'd0;  // their sum is rounded once
      end
      CROSS: begin
        a0_d = px[18:0];
        b0_d = {py[19], py};
      end
      BETWEEN: begin
        a0_d = {1'b0, s_g0};
        a1_d = {1'b0, s_g1};
        b0_d = {2'd0, s_rest};
        b1_d = {2'd0, s_part};
        add0_d = 40'h20000;
        add1_d = 40'd0;
        shift_d = 3'd4;
      end
      FACTOR: begin
        a0_d = {1'b0, s_g0};
        a1_d = {1'b0, s_g1};
        if (s_forward) begin
          add0_d = {{8{s_dx[15]}}, s_dx, 16'h8000};
          add1_d = {{8{s_dy[15]}}, s_dy, 16'h8000};
        end
      end
      BEND_X, BEND_Y: begin
        b0_d   = s_kind == BEND_X ? twice_xy : {1'b0, s_bend_y};
        b1_d   = s_kind == BEND_X ? {1'b0, s_bend_x} : twice_xy;
        add0_d = 40'd0;
        add1_d = 40'd0;
      end
      FOCAL: begin
        b0_d   = {{2{s_ex[18]}}, s_ex};
        b1_d   = {{2{s_ey[18]}}, s_ey};
        add0_d = {6'd0, s_offset_0, 16'h8000};
        add1_d = {6'd0, s_offset_1, 16'h8000};
      end
      ROW, TWO: begin
        a0_d   = {s_entry_0[17], s_entry_0};
        a1_d   = {s_entry_1[17], s_entry_1};
        add0_d = s_kind == TWO ? 40'h8000 : {{6{s_entry_2[17]}}, s_entry_2, 16'h8000};
        add1_d = 40'd0;
      end
      DEPTH: begin
        a0_d = {1'b0, s_g0};
        a1_d = {1'b0, s_g1};
        b0_d = {{2{s_ex[18]}}, s_ex};
        b1_d = {{2{s_ey[18]}}, s_ey};
        // Half of 2^(bits + 1); for 18 bits it is the carry.
        add0_d = {22'd0, s_bits == 6'd17, s_bits == 6'd16, s_bits == 6'd15, s_bits == 6'd14,
                  s_bits == 6'd13, 13'd0};
        add1_d = add0_d;
        shift_d = s_bits[2:0] - 3'd5;
      end
      THIRD: begin
        a0_d   = {s_entry_2[17], s_entry_2};
        b0_d   = {{2{s_ex[18]}}, s_ex};
        add0_d = s_sum;
      end
      default: ;
    endcase
  end

  assign m_a0 = a0_d;
  assign m_a1 = a1_d;
  assign m_b0 = b0_d;
  assign m_b1 = b1_d;
  assign m_add0 = add0_d;
  assign m_add1 = add1_d;
  assign m_shift = shift_d;
  assign m_carry = s_kind == DEPTH && s_bits == 6'd18;

endmodule

`default_nettype wire
