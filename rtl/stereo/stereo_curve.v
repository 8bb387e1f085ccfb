// SPDX-License-Identifier: Apache-2.0
// Trace the epipolar curve of a left pixel through the raw right image: breakpoints and slopes.
//
// A client of the projection unit (rectify.v). Equals `rectified_ray`, `trace_curve` and `segment_slopes` of
// vio/fixed/stereo.py: the pixel's rectified ray is shifted by one piece of disparity at a time and
// projected, until the curve has no pixel any more or turns back.
// Q formats:  pixels sQ10.8, rays sQ1.16, registers in ray units -> slopes sQ0.12. The first breakpoint,
//             the first slope in the low bits; beyond m_pieces breakpoints they hold anything.
// Overflow:   slopes saturate. The shifted ray has 20 bits: 4 segments of up to 2^16 fit.
// Latency:    about 140 cycles for two breakpoints, 35 for each more, with a projection unit of its own.
//             Throughput: one pixel at a time; m_valid until m_ready.
`default_nettype none

module stereo_curve (
    input wire clk,
    input wire rst,

    input wire [17:0] cfg_first,           // of the disparity -1
    input wire [17:0] cfg_disparity_step,
    input wire [ 2:0] cfg_segments,        // 1 .. STEREO_SEGMENTS

    input  wire               s_valid,
    output wire               s_ready,
    input  wire signed [18:0] s_u,
    input  wire signed [18:0] s_v,

    output wire               m_valid,
    input  wire               m_ready,
    output wire               m_ok,      // a ray, and two breakpoints or more
    output wire signed [17:0] m_x,       // rectified left ray
    output wire signed [17:0] m_y,
    output wire        [ 2:0] m_pieces,  // number of breakpoints
    output wire        [94:0] m_knots_u,
    output wire        [94:0] m_knots_v,
    output wire        [51:0] m_slopes,

    // The projection unit.
    output wire               p_valid,
    input  wire               p_ready,
    output wire        [ 2:0] p_op,
    output wire               p_camera,
    output wire        [ 2:0] p_matrix,
    output wire signed [19:0] p_x,
    output wire signed [19:0] p_y,
    input  wire               a_valid,
    input  wire signed [18:0] a_x,
    input  wire signed [18:0] a_y,
    input  wire               a_ok
);

  `include "vio_params.vh"

  generate
    if (STEREO_SEGMENTS > 4) begin : g_bad_segments
      stereo_curve_STEREO_SEGMENTS_must_be_4_or_less bad_parameter ();
    end
  endgenerate

  localparam [2:0] UNPROJECT = 3'd0, PROJECT = 3'd1, TURN = 3'd2, TURN_BACK = 3'd3;
  localparam [2:0] RECT_LEFT = 3'd5, RECT_RIGHT = 3'd6;
  localparam QUOTIENT_W = 19 + STRIP_SLOPE_FRAC;

  localparam [2:0] IDLE = 3'd0, PIXEL = 3'd1, RAY = 3'd2, SHIFTED = 3'd3, KNOT = 3'd4;
  localparam [2:0] LAST = 3'd5, DONE = 3'd6;

  reg [2:0] state_q;
  reg asked_q;  // the projection unit has the request
  reg ahead_q;
  reg signed [17:0] ray_x_q, ray_y_q;
  reg signed [19:0] x_q, y_q;  // of the request
  reg signed [19:0] shifted_q;
  reg [2:0] count_q;
  reg signed [18:0] u_q, v_q;  // the last breakpoint

  // The chain goes on to smaller columns only.
  wire knot = state_q == KNOT && a_valid && a_ok && (count_q == 3'd0 || a_x < u_q);
  wire more = count_q != cfg_segments;
  wire asking = state_q == PIXEL || state_q == RAY || state_q == SHIFTED || state_q == KNOT;
  wire signed [19:0] first = {a_x[18], a_x} + $signed({2'd0, cfg_first});
  wire signed [19:0] next = shifted_q - $signed({2'd0, cfg_disparity_step});

  // ---- slopes: a division takes about as long as the next breakpoint, so that one waits at most ----
  reg pending_q, falling_q, negative_q;
  reg [2:0] slopes_q;  // number of slopes that are there
  reg [18:0] rise_q, run_q;
  wire divider_ready, divided;
  wire [QUOTIENT_W-1:0] quotient;
  wire steep = |quotient[QUOTIENT_W-1:STRIP_SLOPE_FRAC];
  wire [12:0] size = {1'b0, quotient[STRIP_SLOPE_FRAC-1:0]};
  wire [12:0] slope = steep ? {negative_q, {12{!negative_q}}} : negative_q ? -size : size;
  wire signed [19:0] rise = {v_q[18], v_q} - {a_y[18], a_y};
  wire signed [19:0] fall = -rise;
  wire signed [19:0] run = {u_q[18], u_q} - {a_x[18], a_x};
  wire unused_sign = &{1'b0, run[19], fall[19]};

  divider #(
      .NUM_W(QUOTIENT_W),
      .DEN_W(19)
  ) divide (
      .clk(clk),
      .rst(rst),
      .s_valid(pending_q),
      .s_ready(divider_ready),
      .s_numerator({rise_q, {STRIP_SLOPE_FRAC{1'b0}}}),
      .s_denominator(run_q),
      .m_valid(divided),
      .m_ready(1'b1),
      .m_quotient(quotient)
  );

  genvar g;
  generate
    for (g = 0; g < 5; g = g + 1) begin : g_knot
      reg [18:0] at_u_q, at_v_q;
      always @(posedge clk) if (knot && count_q == g) {at_u_q, at_v_q} <= {a_x, a_y};
      assign m_knots_u[19*g+:19] = at_u_q;
      assign m_knots_v[19*g+:19] = at_v_q;
    end
    for (g = 0; g < 4; g = g + 1) begin : g_slope
      reg [12:0] slope_q;
      always @(posedge clk) if (divided && slopes_q == g) slope_q <= slope;
      assign m_slopes[13*g+:13] = slope_q;
    end
  endgenerate

  always @(posedge clk) begin
    if (knot && count_q != 3'd0) begin
      rise_q <= rise[19] ? fall[18:0] : rise[18:0];
      falling_q <= rise[19];
      run_q <= run[18:0];
    end
    if (pending_q && divider_ready) negative_q <= falling_q;
    if (rst) pending_q <= 1'b0;
    else if (knot && count_q != 3'd0) pending_q <= 1'b1;
    else if (divider_ready) pending_q <= 1'b0;
    if (s_ready) slopes_q <= 3'd0;
    else if (divided) slopes_q <= slopes_q + 3'd1;
  end

  // ---- the chain ----
  assign s_ready = state_q == IDLE;
  // A breakpoint is asked for when the rise of the last one is being divided.
  assign p_valid = asking && !asked_q && !(state_q == KNOT && pending_q);
  assign p_camera = state_q == KNOT;
  assign p_matrix = state_q == RAY ? RECT_LEFT : RECT_RIGHT;
  assign {p_x, p_y} = {x_q, y_q};

  reg [2:0] op_d;
  assign p_op = op_d;

  always @* begin
    case (state_q)
      PIXEL: op_d = UNPROJECT;
      RAY: op_d = TURN;
      SHIFTED: op_d = TURN_BACK;
      default: op_d = PROJECT;
    endcase
  end

  always @(posedge clk) begin
    if (p_valid && p_ready) asked_q <= 1'b1;
    if (a_valid) begin
      asked_q <= 1'b0;
      {x_q, y_q} <= {a_x[18], a_x, a_y[18], a_y};
    end
    case (state_q)
      IDLE: begin
        {x_q, y_q} <= {s_u[18], s_u, s_v[18], s_v};
        ahead_q <= 1'b0;
        count_q <= 3'd0;
        if (s_valid) state_q <= PIXEL;
      end
      PIXEL: if (a_valid) state_q <= RAY;
      RAY:
      if (a_valid) begin
        ahead_q <= a_ok;
        {ray_x_q, ray_y_q} <= {a_x[17:0], a_y[17:0]};
        x_q <= first;
        shifted_q <= first;
        state_q <= a_ok ? SHIFTED : DONE;
      end
      SHIFTED: if (a_valid) state_q <= a_ok ? KNOT : LAST;
      KNOT:
      if (a_valid) begin
        if (knot) {count_q, u_q, v_q} <= {count_q + 3'd1, a_x, a_y};
        shifted_q <= next;
        x_q <= next;
        y_q <= {{2{ray_y_q[17]}}, ray_y_q};
        state_q <= knot && more ? SHIFTED : LAST;
      end
      LAST: if (count_q == 3'd0 || slopes_q + 3'd1 == count_q) state_q <= DONE;
      default: if (m_ready) state_q <= IDLE;
    endcase
    if (rst) begin
      state_q <= IDLE;
      asked_q <= 1'b0;
    end
  end

  assign m_valid = state_q == DONE;
  assign m_ok = ahead_q && count_q[2:1] != 2'd0;
  assign m_x = ray_x_q;
  assign m_y = ray_y_q;
  assign m_pieces = count_q;

endmodule

`default_nettype wire
