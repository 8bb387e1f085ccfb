// SPDX-License-Identifier: Apache-2.0
// Give all tracks to the stereo matcher, and write what it finds into the table.
//
// The first half of `_match_verified` of vio/fixed/frontend.py. Without a right image no track has
// a match.
// Latency:    the matcher's. Throughput: one pass a keyframe.
`default_nettype none

module track_match #(
`define PORT_WIDTHS
`include "vio_params.vh"
    ,
`include "track_row.vh"
`undef PORT_WIDTHS
) (
    input wire clk,
    input wire rst,

    input  wire                        start,
    input  wire                        right,  // there is a right image
    input  wire [W_TRACK_COUNT-1:0] count,
    output wire                        done,

    // Track table
    output wire                        r_valid,
    output wire [W_TRACK_COUNT-1:0] r_index,
    input  wire                        a_valid,
    input  wire [           W_ROW-1:0] a_row,
    output wire                        w_valid,
    input  wire                        w_ready,
    output wire [W_TRACK_COUNT-1:0] w_index,
    output wire [           W_ROW-1:0] w_row,
    output wire [          W_MASK-1:0] w_mask,

    // Stereo matcher
    output wire        item_valid,
    input  wire        item_ready,
    output wire [18:0] item_u,
    output wire [18:0] item_v,
    input  wire        match_valid,
    output wire        match_ready,
    input  wire        match_found,
    input  wire [18:0] match_u,
    input  wire [18:0] match_v,
    input  wire [17:0] match_x,
    input  wire [17:0] match_y,
    input  wire [15:0] match_disparity
);

`include "vio_params.vh"
`include "track_row.vh"

  localparam CW = TRACK_COUNT_BITS;
  localparam [CW-1:0] ONE = {{(CW - 1) {1'b0}}, 1'b1};
  localparam [CW-1:0] NONE = {CW{1'b0}};

  localparam [1:0] IDLE = 2'd0, READ = 2'd1, ROW = 2'd2, ITEM = 2'd3;
  reg [1:0] state_q;
  reg [CW-1:0] hand_q, index_q, last_q;
  reg [17:0] u_q, v_q;
  reg active_q, right_q, done_q, full_q, found_q;
  reg [18:0] right_u_q, right_v_q;
  reg [17:0] ray_x_q, ray_y_q;
  reg [15:0] disparity_q;

  wire write = active_q && (full_q || !right_q);
  wire ends = index_q == last_q;

  always @(posedge clk) begin
    done_q <= 1'b0;
    if (rst) begin
      state_q <= IDLE;
      active_q <= 1'b0;
      full_q <= 1'b0;
    end else begin
      case (state_q)
        IDLE: if (start && right) state_q <= READ;
        READ: state_q <= ROW;
        ROW: if (a_valid) state_q <= ITEM;
        default:
        if (item_ready) begin
          hand_q  <= hand_q + ONE;
          state_q <= hand_q == last_q ? IDLE : READ;
        end
      endcase
      if (start) begin
        hand_q <= NONE;
        index_q <= NONE;
        last_q <= count - ONE;
        right_q <= right;
        active_q <= 1'b1;
      end
      if (match_valid && match_ready) full_q <= 1'b1;
      else if (write && w_ready) begin
        full_q  <= 1'b0;
        index_q <= index_q + ONE;
        if (ends) active_q <= 1'b0;
        done_q <= ends;
      end
    end
    if (state_q == ROW && a_valid) begin
      u_q <= a_row[ROW_U+:18];
      v_q <= a_row[ROW_V+:18];
    end
    if (match_valid && match_ready) begin
      found_q <= match_found;
      right_u_q <= match_u;
      right_v_q <= match_v;
      ray_x_q <= match_x;
      ray_y_q <= match_y;
      disparity_q <= match_disparity;
    end
  end
  wire unused = &{1'b0, a_row[ROW_W-1:ROW_X], a_row[ROW_U-1:0]};

  assign r_valid = state_q == READ;
  assign r_index = hand_q;
  assign item_valid = state_q == ITEM;
  assign item_u = {1'b0, u_q};
  assign item_v = {1'b0, v_q};
  assign match_ready = active_q && right_q && !full_q;

  assign w_valid = write;
  assign w_index = index_q;
  assign w_mask = 6'b100000;
  assign w_row = {disparity_q, ray_y_q, ray_x_q, found_q && right_q, right_v_q, right_u_q, {ROW_U_RIGHT{1'b0}}};
  assign done = done_q;

endmodule

`default_nettype wire
