// SPDX-License-Identifier: Apache-2.0
// Predict where the gyroscope's rotation takes a track, and how it maps its window to the keyframe.
//
// A client of the projection unit (rectify.v): m_u, m_v equal `predict_pixel` with camera-from-last, and
// with s_map m_warp equals `window_map` with camera-from-key (vio/fixed/predict.py), left lens.
// Q formats:  rays sQ1.16, s_scale uQ1.10 -> pixel sQ10.8 (OUTSIDE where it has none), map sQ1.14 as
//             {w11, w10, w01, w00}.
// Overflow:   the map's entries saturate.
// Latency:    about 30 cycles without the map, 305 with it, if nobody else uses the projection unit.
//             Throughput: one track at a time; m_valid until m_ready.
`default_nettype none

module predict (
    input wire clk,
    input wire rst,

    input  wire               s_valid,
    output wire               s_ready,
    input  wire               s_map,
    input  wire signed [17:0] s_x,  // ray in the last frame
    input  wire signed [17:0] s_y,
    input  wire signed [17:0] s_x_key,
    input  wire signed [17:0] s_y_key,
    input  wire        [10:0] s_scale,

    output wire               m_valid,
    input  wire               m_ready,
    output wire signed [18:0] m_u,
    output wire signed [18:0] m_v,
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
  localparam [2:0] CAM_LAST = 3'd2, CAM_KEY = 3'd3;
  localparam signed [18:0] NOWHERE = OUTSIDE;
  localparam STEP = WARP_STEP_PX << COORD_FRAC;
  localparam [15:0] UNIT = 16'd1 << WARP_FRAC;
  localparam SHIFT = COORD_FRAC + 3 + SCALE_FRAC - WARP_FRAC;  // 8 pixels apart

  // The start: turn and project; the window's centre: the same from the keyframe; each of four
  // points around it: unproject, turn back, project; last the map's second column is scaled.
  localparam [3:0] IDLE = 4'd0, START = 4'd1, START_PIXEL = 4'd2, CENTRE = 4'd3;
  localparam [3:0] CENTRE_PIXEL = 4'd4, POINT = 4'd5, POINT_BACK = 4'd6, POINT_PIXEL = 4'd7;
  localparam [3:0] SCALING = 4'd8, DONE = 4'd9;

  reg [3:0] state_q;
  reg asked_q;  // the projection unit has the request
  reg map_q;
  reg [1:0] point_q;  // right, left, below, above
  reg signed [17:0] x_key_q, y_key_q;
  reg [10:0] scale_q;
  reg signed [19:0] x_q, y_q;  // of the request
  reg signed [18:0] u_q, v_q, centre_u_q, centre_v_q, first_u_q, first_v_q;
  reg signed [19:0] rise_u_q, rise_v_q;
  reg [3:0] scaling_q;  // cycles of the scaling of one column of the map
  reg column_q;
  reg [15:0] w00_q, w01_q, w10_q, w11_q;

  wire signed [25:0] low;
  wire signed [24:0] high;
  reg signed [25:0] low_q;
  reg signed [24:0] high_q;
  reg signed [31:0] product_q;
  wire [15:0] word;
  wire saturated;
  wire unused_saturated = saturated;

  wire asking = state_q != IDLE && state_q != SCALING && state_q != DONE;
  wire pixel = a_ok && a_x != NOWHERE;  // a saturated pixel counts as none, as in the model
  // The end of the way back: a pixel, or the zero of a ray that has none.
  wire arrived = a_valid && (state_q == POINT_PIXEL || (state_q == POINT_BACK && !a_ok));
  wire [1:0] next = point_q + 2'd1;

  function [19:0] off;
    input [18:0] centre;
    input minus;
    input plus;
    off = {centre[18], centre} + (minus ? -STEP[19:0] : plus ? STEP[19:0] : 20'd0);
  endfunction

  assign s_ready = state_q == IDLE;
  assign p_valid = asking && !asked_q;
  assign p_camera = 1'b0;
  assign p_matrix = state_q == START ? CAM_LAST : CAM_KEY;
  assign {p_x, p_y} = {x_q, y_q};

  reg [2:0] op_d;
  assign p_op = op_d;

  always @* begin
    case (state_q)
      START, CENTRE: op_d = TURN;
      POINT: op_d = UNPROJECT;
      POINT_BACK: op_d = TURN_BACK;
      default: op_d = PROJECT;
    endcase
  end

  always @(posedge clk) begin
    if (s_valid && s_ready) begin
      map_q <= s_map;
      {x_key_q, y_key_q, scale_q} <= {s_x_key, s_y_key, s_scale};
      {x_q, y_q} <= {{2{s_x[17]}}, s_x, {2{s_y[17]}}, s_y};
      point_q <= 2'd0;
      state_q <= START;
    end
    if (p_valid && p_ready) asked_q <= 1'b1;
    if (a_valid) begin
      asked_q <= 1'b0;
      {x_q, y_q} <= {a_x[18], a_x, a_y[18], a_y};
    end
    if (a_valid)
      case (state_q)
        START, START_PIXEL:
        if (state_q == START && a_ok) state_q <= START_PIXEL;
        else begin
          {u_q, v_q} <= (state_q == START_PIXEL && a_ok) ? {a_x, a_y} : {NOWHERE, NOWHERE};
          {x_q, y_q} <= {{2{x_key_q[17]}}, x_key_q, {2{y_key_q[17]}}, y_key_q};
          state_q <= map_q ? CENTRE : DONE;
        end
        CENTRE, CENTRE_PIXEL:
        if (state_q == CENTRE && a_ok) state_q <= CENTRE_PIXEL;
        else begin
          {centre_u_q, centre_v_q} <= {a_x, a_y};
          {x_q, y_q} <= {off(a_x, 1'b0, 1'b1), a_y[18], a_y};
          {w11_q, w10_q, w01_q, w00_q} <= {UNIT, 32'd0, UNIT};
          state_q <= state_q == CENTRE_PIXEL && pixel ? POINT : DONE;
        end
        POINT: state_q <= POINT_BACK;
        default:
        if (arrived) begin
          point_q <= next;
          x_q <= off(centre_u_q, next == 2'd1, next == 2'd0);
          y_q <= off(centre_v_q, next == 2'd3, next == 2'd2);
          if (point_q[0]) begin
            rise_u_q <= {first_u_q[18], first_u_q} - {a_x[18], a_x};
            rise_v_q <= {first_v_q[18], first_v_q} - {a_y[18], a_y};
            column_q <= point_q[1];
          end else {first_u_q, first_v_q} <= {a_x, a_y};
          state_q <= point_q == 2'd3 ? SCALING : POINT;
        end else state_q <= POINT_PIXEL;
      endcase
    if (state_q == SCALING && scaling_q == 4'd0) state_q <= DONE;
    if (m_valid && m_ready) state_q <= IDLE;
    if (rst) begin
      state_q <= IDLE;
      asked_q <= 1'b0;
    end

    // ---- a column of the map: both rises times the scale, in the shadow of the next points ----
    scaling_q <= {scaling_q[2:0], arrived && point_q[0]};
    {low_q, high_q} <= {low, high};
    product_q <= {{6{low_q[25]}}, low_q} + {high_q[24], high_q, 6'd0};
    if (scaling_q[2] && !column_q) w00_q <= word;
    if (scaling_q[2] && column_q) w01_q <= word;
    if (scaling_q[3] && !column_q) w10_q <= word;
    if (scaling_q[3] && column_q) w11_q <= word;
    if (rst) scaling_q <= 4'd0;
  end

  wire signed [19:0] rise = scaling_q[0] ? rise_u_q : rise_v_q;

  soft_multiply #(
      .A_W(20),
      .B_W(6)
  ) multiply_low (
      .s_a(rise),
      .s_b(scale_q[5:0]),
      .m_product(low)
  );
  soft_multiply #(
      .A_W(20),
      .B_W(5)
  ) multiply_high (
      .s_a(rise),
      .s_b(scale_q[10:6]),
      .m_product(high)
  );
  round_saturate #(
      .IN_W (32),
      .SHIFT(SHIFT),
      .OUT_W(16)
  ) narrow (
      .s_data(product_q),
      .m_data(word),
      .m_saturated(saturated)
  );

  assign m_valid = state_q == DONE;
  assign m_u = u_q;
  assign m_v = v_q;
  assign m_warp = {w11_q, w10_q, w01_q, w00_q};

endmodule

`default_nettype wire
