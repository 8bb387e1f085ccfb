// SPDX-License-Identifier: Apache-2.0
// Map the window around a right pixel to the left image, and take right pixels to rectified rays.
//
// A client of the projection unit (rectify.v). Operations (`refine`, `left_pixel`, `rectified_ray` of
// vio/fixed/stereo.py): 0 MAP: the pixel's disparity against the left ray's s_x, and the map of
// window offsets, right image to left, at that disparity; 1 RAY: the pixel's rectified ray.
// Q formats:  pixels sQ10.8, rays and disparity sQ1.16 (the latter 19 bits) -> map sQ1.14 as
//             {w11, w10, w01, w00}. m_ok: the pixel has a rectified ray; without, the rest is void.
// Overflow:   the map's entries saturate.
// Latency:    about 45 cycles for a ray, 345 for a map, if nobody else uses the projection unit.
//             Throughput: one pixel at a time; m_valid until m_ready.
`default_nettype none

module stereo_map (
    input wire clk,
    input wire rst,

    input  wire               s_valid,
    output wire               s_ready,
    input  wire               s_op,  // 0 map, 1 ray
    input  wire signed [18:0] s_u,
    input  wire signed [18:0] s_v,
    input  wire signed [17:0] s_x,   // rectified left ray, of a map

    output wire               m_valid,
    input  wire               m_ready,
    output wire               m_ok,
    output wire signed [17:0] m_x,  // rectified right ray
    output wire signed [18:0] m_disparity,  // of a map
    output wire        [63:0] m_warp,

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

  localparam [2:0] UNPROJECT = 3'd0, PROJECT = 3'd1, TURN = 3'd2, TURN_BACK = 3'd3;
  localparam [2:0] RECT_LEFT = 3'd5, RECT_RIGHT = 3'd6;
  localparam STEP = WARP_STEP_PX << COORD_FRAC;
  localparam SHIFT = WARP_FRAC - COORD_FRAC - 3;  // to the left, 8 pixels apart

  generate
    if (SHIFT < 1) begin : g_bad_shift
      stereo_map_WARP_FRAC_must_be_12_or_more bad_parameter ();
    end
  endgenerate

  // The pixel itself: unproject, turn; then each of four points around it: unproject, turn, turn
  // back into the left camera at the disparity, project.
  localparam [2:0] IDLE = 3'd0, PIXEL = 3'd1, RAY = 3'd2, POINT = 3'd3, POINT_TURN = 3'd4;
  localparam [2:0] POINT_BACK = 3'd5, POINT_PIXEL = 3'd6, DONE = 3'd7;

  reg [2:0] state_q;
  reg asked_q;  // the projection unit has the request
  reg op_q, ok_q;
  reg [1:0] point_q;  // right, left, below, above
  reg signed [18:0] u_q, v_q, first_u_q, first_v_q, disparity_q;
  reg signed [17:0] left_x_q, right_x_q;
  reg signed [19:0] x_q, y_q;  // of the request
  reg [15:0] w00_q, w01_q, w10_q, w11_q;

  // The end of the way: a pixel, or the zero of a ray that has none.
  wire back = state_q == POINT_TURN || state_q == POINT_BACK;
  wire arrived = a_valid && (state_q == POINT_PIXEL || (back && !a_ok));
  wire [1:0] next = point_q + 2'd1;
  wire signed [18:0] disparity = {left_x_q[17], left_x_q} - a_x;
  wire signed [19:0] rise_u = {first_u_q[18], first_u_q} - {a_x[18], a_x};
  wire signed [19:0] rise_v = {first_v_q[18], first_v_q} - {a_y[18], a_y};
  wire [15:0] word_u, word_v;
  wire [1:0] saturated;
  wire unused_saturated = &{1'b0, saturated};

  round_saturate #(
      .IN_W (20 + SHIFT),
      .SHIFT(0),
      .OUT_W(16)
  ) narrow_u (
      .s_data({rise_u, {SHIFT{1'b0}}}),
      .m_data(word_u),
      .m_saturated(saturated[0])
  );
  round_saturate #(
      .IN_W (20 + SHIFT),
      .SHIFT(0),
      .OUT_W(16)
  ) narrow_v (
      .s_data({rise_v, {SHIFT{1'b0}}}),
      .m_data(word_v),
      .m_saturated(saturated[1])
  );

  function [19:0] off;
    input [18:0] centre;
    input minus;
    input plus;
    off = {centre[18], centre} + (minus ? -STEP[19:0] : plus ? STEP[19:0] : 20'd0);
  endfunction

  assign s_ready = state_q == IDLE;
  assign p_valid = state_q != IDLE && state_q != DONE && !asked_q;
  assign p_camera = state_q != POINT_PIXEL;
  assign p_matrix = state_q == POINT_BACK ? RECT_LEFT : RECT_RIGHT;
  assign {p_x, p_y} = {x_q, y_q};

  reg [2:0] op_d;
  assign p_op = op_d;

  always @* begin
    case (state_q)
      PIXEL, POINT: op_d = UNPROJECT;
      RAY, POINT_TURN: op_d = TURN;
      POINT_BACK: op_d = TURN_BACK;
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
        {op_q, u_q, v_q, left_x_q} <= {s_op, s_u, s_v, s_x};
        {x_q, y_q} <= {s_u[18], s_u, s_v[18], s_v};
        point_q <= 2'd0;
        if (s_valid) state_q <= PIXEL;
      end
      PIXEL: if (a_valid) state_q <= RAY;
      RAY:
      if (a_valid) begin
        ok_q <= a_ok;
        right_x_q <= a_x[17:0];
        disparity_q <= disparity;
        {x_q, y_q} <= {off(u_q, 1'b0, 1'b1), v_q[18], v_q};
        state_q <= a_ok && !op_q ? POINT : DONE;
      end
      POINT: if (a_valid) state_q <= POINT_TURN;
      DONE: if (m_ready) state_q <= IDLE;
      default: begin
        if (a_valid && a_ok && state_q == POINT_TURN) begin
          x_q <= {a_x[18], a_x} + {disparity_q[18], disparity_q};
          state_q <= POINT_BACK;
        end
        if (a_valid && a_ok && state_q == POINT_BACK) state_q <= POINT_PIXEL;
        if (arrived) begin
          point_q <= next;
          x_q <= off(u_q, next == 2'd1, next == 2'd0);
          y_q <= off(v_q, next == 2'd3, next == 2'd2);
          if (!point_q[0]) {first_u_q, first_v_q} <= {a_x, a_y};
          state_q <= point_q == 2'd3 ? DONE : POINT;
        end
        if (arrived && point_q == 2'd1) {w10_q, w00_q} <= {word_v, word_u};
        if (arrived && point_q == 2'd3) {w11_q, w01_q} <= {word_v, word_u};
      end
    endcase
    if (rst) begin
      state_q <= IDLE;
      asked_q <= 1'b0;
    end
  end

  assign m_valid = state_q == DONE;
  assign m_ok = ok_q;
  assign m_x = right_x_q;
  assign m_disparity = disparity_q;
  assign m_warp = {w11_q, w10_q, w01_q, w00_q};

endmodule

`default_nettype wire
