// SPDX-License-Identifier: Apache-2.0
// The program of the projection unit (rectify.v): what its data path does in each step of an operation.
//
// Operations and matrices as in rectify.v. The program is decoded a cycle ahead, so that what it
// selects comes from registers; a step that waits for the reciprocal stays until it is there.
// Latency:    from s_valid && s_ready to m_done: 29 cycles to unproject, 12 to project, 14 to rotate, 45
//             to compose, 5 to copy. Throughput: the next request with m_done.
`default_nettype none

module rectify_program (
    input wire clk,
    input wire rst,

    // Request
    input  wire       s_valid,
    output wire       s_ready,
    input  wire [2:0] s_op,
    input  wire       s_camera,
    input  wire [2:0] s_matrix,
    input  wire [2:0] s_to,
    input  wire [2:0] s_by,

    // From the data path
    input wire s_behind,      // with m_invert: the depth is too small
    input wire s_reciprocal,  // the reciprocal is there

    // To the data path
    output wire [2:0] m_op,  // operation under way
    output wire       m_camera,
    output wire [2:0] m_to,  // matrix that is written
    output wire [1:0] m_i,  // entry being composed
    output wire [1:0] m_j,
    output wire       m_busy,
    output wire       m_done,  // pulse: the result is there
    output wire [3:0] m_kind,  // what the multipliers do
    output wire [1:0] m_component,  // row of a matrix, with kind ROW
    output wire       m_estimate,  // they take the estimate instead of the point
    output wire [2:0] m_factor_pair,  // pairs of lens values
    output wire [2:0] m_offset_pair,
    output wire       m_centre,  // take the centre off the point
    output wire       m_look_up,  // look the radius up in the table
    output wire       m_knots,  // take what the table gave
    output wire       m_fix,  // take the tangential distortion off
    output wire       m_invert,  // start the reciprocal of the depth
    output wire       m_waits,  // wait for it
    output wire       m_row,  // take a row of the first matrix as the point
    output wire       m_entry,  // an entry of the product is ready
    output wire       m_copy,  // write a row
    output wire       m_behind,  // the ray is behind
    output wire [3:0] m_r_matrix,  // matrix that is read for the next cycle
    output wire [1:0] m_r_index,
    output wire       m_r_column
);

  localparam [2:0] UNPROJECT = 3'd0, PROJECT = 3'd1, TURN = 3'd2, TURN_BACK = 3'd3;
  localparam [2:0] COMPOSE = 3'd4, COPY = 3'd5, IDENTITY = 3'd6;
  localparam [3:0] SPARE = 4'd8;
  // Of m_kind, as in rectify.v.
  localparam [3:0] NONE = 4'd0, INVERSE = 4'd1, SQUARES = 4'd2, CROSS = 4'd3, BETWEEN = 4'd4;
  localparam [3:0] FACTOR = 4'd5, BEND_X = 4'd6, BEND_Y = 4'd7, FOCAL = 4'd8, ROW = 4'd9;
  localparam [3:0] DEPTH = 4'd10, TWO = 4'd11, THIRD = 4'd12;
  // Pairs of lens values, and what they are wanted for.
  localparam [2:0] INVERSES = 3'd0, FOCALS = 3'd1, CENTRES = 3'd2, TANGENTIALS = 3'd3;
  localparam [2:0] SHIFTS = 3'd4;

  reg busy_q, done_q;
  reg [2:0] op_q, matrix_q;
  reg camera_q;
  reg [4:0] step_q;
  reg [1:0] i_q, j_q;  // entry being composed
  reg [2:0] to_q, by_q;

  // The program is decoded a cycle ahead, so that what it selects comes from registers.
  reg [3:0] kind_d, kind_q;
  reg centre_d, index_d, knots_d, fix_d, estimate_d, reciprocal_d, wait_d, row_d, entry_d, copy_d;
  reg centre_q, index_q, knots_q, fix_q, estimate_q, reciprocal_q, wait_q, row_q, entry_q, copy_q;
  reg behind_d, end_d, behind_q, end_q;
  reg [1:0] component_d, component_q;
  reg busy_d;
  reg [4:0] step_d;
  reg [1:0] i_d, j_d;
  wire [2:0] op_d = s_ready ? s_op : op_q;

  assign s_ready = !busy_q;

  always @* begin
    {step_d, i_d, j_d} = {step_q, i_q, j_q};
    if (s_ready) {step_d, i_d, j_d} = 9'd0;
    else if (reciprocal_q && s_behind) step_d = 5'd6;
    else if (entry_q) begin
      j_d = j_q == 2'd2 ? 2'd0 : j_q + 2'd1;
      if (j_q == 2'd2) i_d = i_q + 2'd1;
      step_d = j_q != 2'd2 ? 5'd1 : i_q != 2'd2 ? 5'd0 : 5'd5;
    end else if (!wait_q || s_reciprocal) step_d = step_q + 5'd1;
    busy_d = s_ready ? s_valid : !end_q;
  end

  always @* begin
    kind_d = NONE;
    component_d = 2'd0;
    {centre_d, index_d, knots_d, fix_d, estimate_d, reciprocal_d, wait_d} = 7'd0;
    {row_d, entry_d, copy_d, behind_d, end_d} = 5'd0;
    case (op_d)
      UNPROJECT:
      case (step_d)
        5'd0: centre_d = 1'b1;
        5'd1: kind_d = INVERSE;
        5'd3: kind_d = SQUARES;
        5'd5: index_d = 1'b1;
        5'd7: knots_d = 1'b1;
        5'd8: kind_d = BETWEEN;
        5'd10: kind_d = FACTOR;
        5'd12: {kind_d, estimate_d} = {SQUARES, 1'b1};
        5'd13: {kind_d, estimate_d} = {CROSS, 1'b1};
        5'd15: kind_d = BEND_X;
        5'd16: kind_d = BEND_Y;
        5'd18: fix_d = 1'b1;
        5'd19: kind_d = SQUARES;
        5'd21: index_d = 1'b1;
        5'd23: knots_d = 1'b1;
        5'd24: kind_d = BETWEEN;
        5'd26: kind_d = FACTOR;
        5'd27: end_d = 1'b1;
        default: ;
      endcase
      PROJECT:
      case (step_d)
        5'd0: kind_d = SQUARES;
        5'd1: kind_d = CROSS;
        5'd2: index_d = 1'b1;
        5'd3: kind_d = BEND_X;
        5'd4: {kind_d, knots_d} = {BEND_Y, 1'b1};
        5'd5: kind_d = BETWEEN;
        5'd7: kind_d = FACTOR;
        5'd9: kind_d = FOCAL;
        5'd10: end_d = 1'b1;
        default: ;
      endcase
      TURN, TURN_BACK:
      case (step_d)
        5'd0: {kind_d, component_d} = {ROW, 2'd2};
        5'd1: {kind_d, component_d} = {ROW, 2'd0};
        5'd2: {kind_d, component_d, reciprocal_d} = {ROW, 2'd1, 1'b1};
        5'd3: wait_d = 1'b1;
        5'd4: kind_d = DEPTH;
        5'd5: end_d = 1'b1;
        default: {behind_d, end_d} = 2'b11;
      endcase
      COMPOSE:
      case (step_d)
        5'd0: {row_d, component_d} = {1'b1, i_d};
        5'd1: {kind_d, component_d} = {TWO, j_d};
        5'd3: {kind_d, component_d} = {THIRD, j_d};
        5'd4: entry_d = 1'b1;
        5'd6: {copy_d, component_d} = {1'b1, 2'd0};
        5'd7: {copy_d, component_d} = {1'b1, 2'd1};
        5'd8: {copy_d, component_d, end_d} = {1'b1, 2'd2, 1'b1};
        default: ;
      endcase
      COPY, IDENTITY:
      case (step_d)
        5'd1: {copy_d, component_d} = {1'b1, 2'd0};
        5'd2: {copy_d, component_d} = {1'b1, 2'd1};
        5'd3: {copy_d, component_d, end_d} = {1'b1, 2'd2, 1'b1};
        default: ;
      endcase
      default: end_d = 1'b1;
    endcase
  end

  wire compose_d = op_d == COMPOSE;
  // The matrix that is read in the next cycle
  wire [3:0] read_d = compose_d && copy_d ? SPARE :
                      {1'b0, compose_d && !row_d ? by_q : s_ready ? s_matrix : matrix_q};
  wire column_d = op_d == TURN_BACK || (compose_d && !row_d && !copy_d && !camera_q);
  reg [2:0] factor_pair_q, offset_pair_q;

  always @(posedge clk) begin
    if (s_ready) begin
      op_q <= s_op;
      camera_q <= s_camera;
      matrix_q <= s_matrix;
      to_q <= s_to;
      by_q <= s_by;
    end
    {step_q, i_q, j_q} <= {step_d, i_d, j_d};
    {kind_q, component_q, estimate_q} <= {kind_d, component_d, estimate_d};
    factor_pair_q <= kind_d == INVERSE ? INVERSES : kind_d == FOCAL ? FOCALS : TANGENTIALS;
    offset_pair_q <= centre_d || kind_d == FOCAL ? CENTRES : SHIFTS;
    busy_q <= busy_d && !rst;
    done_q <= end_q && !rst;
    // What happens only while an operation is under way.
    {centre_q, index_q, knots_q, fix_q, reciprocal_q, wait_q, row_q, entry_q, copy_q, behind_q, end_q}
        <= {11{busy_d && !rst}} & {centre_d, index_d, knots_d, fix_d, reciprocal_d, wait_d, row_d,
                                   entry_d, copy_d, behind_d, end_d};
  end

  assign m_op = op_q;
  assign m_camera = camera_q;
  assign m_to = to_q;
  assign m_i = i_q;
  assign m_j = j_q;
  assign m_busy = busy_q;
  assign m_done = done_q;
  assign m_kind = kind_q;
  assign m_component = component_q;
  assign m_estimate = estimate_q;
  assign m_factor_pair = factor_pair_q;
  assign m_offset_pair = offset_pair_q;
  assign m_centre = centre_q;
  assign m_look_up = index_q;
  assign m_knots = knots_q;
  assign m_fix = fix_q;
  assign m_invert = reciprocal_q;
  assign m_waits = wait_q;
  assign m_row = row_q;
  assign m_entry = entry_q;
  assign m_copy = copy_q;
  assign m_behind = behind_q;
  assign m_r_matrix = read_d;
  assign m_r_index = component_d;
  assign m_r_column = column_d;

endmodule

`default_nettype wire
