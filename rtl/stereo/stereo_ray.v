// SPDX-License-Identifier: Apache-2.0
// End a stereo match: whether the right pixel lies within the image, and its disparity.
//
// A client of the projection unit (rectify.v). Equals the end of `match_rows` of vio/fixed/stereo.py.
// Q formats:  pixels sQ10.8, rectified rays sQ1.16 -> disparity uQ0.16.
// Overflow:   the disparity saturates; a negative one is 0.
// Latency:    2 cycles outside of the image, else about 47. Throughput: one match at a time.
`default_nettype none

module stereo_ray (
    input wire clk,
    input wire rst,

    input wire [10:0] cfg_width,
    input wire [10:0] cfg_height,

    input  wire               s_valid,
    output wire               s_ready,
    input  wire               s_found,  // else there is no match
    input  wire signed [18:0] s_u,
    input  wire signed [18:0] s_v,
    input  wire signed [17:0] s_x,      // rectified left ray

    output wire               m_valid,
    input  wire               m_ready,
    output wire               m_matched,
    output wire signed [18:0] m_u,
    output wire signed [18:0] m_v,
    output wire        [15:0] m_disparity,

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

  localparam [2:0] UNPROJECT = 3'd0, TURN = 3'd2, RECT_RIGHT = 3'd6;
  localparam [11:0] BORDER = WINDOW / 2;
  localparam [2:0] IDLE = 3'd0, INSIDE = 3'd1, PIXEL = 3'd2, RAY = 3'd3, DONE = 3'd4;

  reg [2:0] state_q;
  reg asked_q, matched_q;
  reg signed [18:0] u_q, v_q;
  reg signed [17:0] left_x_q;
  reg signed [18:0] x_q, y_q;
  reg [15:0] disparity_q;

  wire signed [11:0] right_most = {1'b0, cfg_width} - 12'd1 - BORDER;
  wire signed [11:0] lowest = {1'b0, cfg_height} - 12'd1 - BORDER;
  wire signed [11:0] column = {u_q[18], u_q[18:8]};
  wire signed [11:0] row = {v_q[18], v_q[18:8]};
  wire inside = column >= $signed(BORDER) && column < right_most && row >= $signed(BORDER)
      && row < lowest;
  wire signed [19:0] disparity = {{2{left_x_q[17]}}, left_x_q} - {a_x[18], a_x};

  assign s_ready = state_q == IDLE;
  assign p_valid = (state_q == PIXEL || state_q == RAY) && !asked_q;
  assign p_op = state_q == PIXEL ? UNPROJECT : TURN;
  assign p_camera = 1'b1;
  assign p_matrix = RECT_RIGHT;
  assign p_x = {x_q[18], x_q};
  assign p_y = {y_q[18], y_q};

  always @(posedge clk) begin
    case (state_q)
      IDLE: begin
        {u_q, v_q, left_x_q} <= {s_u, s_v, s_x};
        {x_q, y_q} <= {s_u, s_v};
        matched_q <= s_found;
        if (s_valid) state_q <= s_found ? INSIDE : DONE;
      end
      INSIDE: begin
        matched_q <= inside;
        state_q   <= inside ? PIXEL : DONE;
      end
      PIXEL:
      if (a_valid) begin
        {x_q, y_q} <= {a_x, a_y};
        state_q <= RAY;
      end
      RAY:
      if (a_valid) begin
        matched_q <= a_ok;
        disparity_q <= disparity[19] ? 16'd0 : |disparity[18:16] ? 16'hFFFF : disparity[15:0];
        state_q <= DONE;
      end
      default: if (m_ready) state_q <= IDLE;
    endcase
    if (p_valid && p_ready) asked_q <= 1'b1;
    if (a_valid) asked_q <= 1'b0;
    if (rst) begin
      state_q <= IDLE;
      asked_q <= 1'b0;
    end
  end

  assign m_valid = state_q == DONE;
  assign m_matched = matched_q;
  assign m_u = u_q;
  assign m_v = v_q;
  assign m_disparity = disparity_q;

endmodule

`default_nettype wire
