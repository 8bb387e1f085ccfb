// SPDX-License-Identifier: Apache-2.0
// Take points through the lens and back and through rotations: the point unit, one operation a time.
//
// Operations (equal to the functions of vio/fixed/rectify.py):
//   0 UNPROJECT  pixel -> ray                    1 PROJECT    ray -> pixel; ok: it has one
//   2 TURN       ray by the matrix; ok: ahead    3 TURN_BACK  by its transpose
//   4 COMPOSE    matrix[s_x] = matrix[s_matrix] matrix[s_y], the latter transposed with s_camera
//   5 COPY       matrix[s_x] = matrix[s_matrix]  6 IDENTITY   matrix[s_x] = 1
// Matrices: 0 rotation (host), 1 pending, 2 camera from last, 3 camera from key, 4 last from key,
// 5 and 6 rectifying left and right, 7 stereo.
// Q formats:  pixels sQ10.8, rays sQ1.16. A pixel to unproject and a ray to turn may have 20 bits; a
//             ray to project has 18. Results have 18 bits, pixels 19; a ray behind is (0, 0).
// Overflow:   saturates where the model narrows.
// Latency:    clocks from s_valid && s_ready to m_valid (a pulse; the result stays until the next
//             request): 29 unproject, 12 project, 14 turn, 45 compose, 5 copy.
// Throughput: the next request with the pulse.
// Writes:     tables and matrices are written while no operation that uses them is at work; matrices
//             while w_hold is 0, or a clock after (it writes matrices itself while it is 1).
//             w_select 0, 1: lens values of the left, right camera in the model's order; 2, 3: its
//             inverse table; 4, 5: its forward table; 6: matrix, address {matrix, entry (4 bits)}.
// Memory:     one block RAM of tables; values and matrices in LUT RAM. Multipliers: 2.
`default_nettype none

module rectify (
    input wire clk,
    input wire rst,

    output wire       w_hold,
    input wire        w_valid,
    input wire [ 2:0] w_select,
    input wire [ 8:0] w_address,
    input wire [23:0] w_data,

    input  wire               s_valid,
    output wire               s_ready,
    input  wire        [ 2:0] s_op,
    input  wire               s_camera,  // 0 left, 1 right
    input  wire        [ 2:0] s_matrix,
    input  wire signed [19:0] s_x,
    input  wire signed [19:0] s_y,

    output wire               m_valid,
    output wire signed [18:0] m_x,
    output wire signed [18:0] m_y,
    output wire               m_ok,

    output wire [161:0] m_cam_key,  // entries row by row, the first in the low bits
    output wire [161:0] m_stereo_rotation
);

  `include "vio_params.vh"

  localparam [2:0] UNPROJECT = 3'd0, PROJECT = 3'd1, TURN = 3'd2, TURN_BACK = 3'd3;
  localparam [2:0] COMPOSE = 3'd4, COPY = 3'd5, IDENTITY = 3'd6;
  localparam [3:0] SPARE = 4'd8;
  // What the multipliers do: 1/f, squares, x y, between knots, times the radial factor, tangential
  // parts, times f, a row of a matrix, by the depth, two products of an entry and the third.
  localparam [3:0] NONE = 4'd0, INVERSE = 4'd1, SQUARES = 4'd2, CROSS = 4'd3, BETWEEN = 4'd4;
  localparam [3:0] FACTOR = 4'd5, BEND_X = 4'd6, BEND_Y = 4'd7, FOCAL = 4'd8, ROW = 4'd9;
  localparam [3:0] DEPTH = 4'd10, TWO = 4'd11, THIRD = 4'd12;
  localparam [18:0] NEAREST = LEAST_DEPTH[18:0];
  // Pairs of lens values, and what they are wanted for.
  localparam [2:0] INVERSES = 3'd0, FOCALS = 3'd1, CENTRES = 3'd2, TANGENTIALS = 3'd3;
  localparam [2:0] SHIFTS = 3'd4;

  // ---- the program: what happens in each step of an operation ----
  reg busy_q, done_q, ok_q;
  reg [2:0] op_q, matrix_q;
  reg camera_q;
  reg [4:0] step_q;
  reg [1:0] i_q, j_q;  // entry being composed
  reg [2:0] to_q, by_q;

  // The program is decoded a clock ahead, so that what it selects comes from registers.
  reg [3:0] kind_d, kind_q;
  reg centre_d, index_d, knots_d, fix_d, estimate_d, reciprocal_d, wait_d, row_d, entry_d, copy_d;
  reg centre_q, index_q, knots_q, fix_q, estimate_q, reciprocal_q, wait_q, row_q, entry_q, copy_q;
  reg behind_d, end_d, behind_q, end_q;
  reg [1:0] component_d, component_q;
  reg busy_d;
  reg [4:0] step_d;
  reg [1:0] i_d, j_d;
  wire behind, reciprocal_valid, reciprocal_ready;
  wire unused_ready = reciprocal_ready;
  wire [2:0] op_d = s_ready ? s_op : op_q;

  assign s_ready = !busy_q;

  always @* begin
    {step_d, i_d, j_d} = {step_q, i_q, j_q};
    if (s_ready) {step_d, i_d, j_d} = 9'd0;
    else if (reciprocal_q && behind) step_d = 5'd6;
    else if (entry_q) begin
      j_d = j_q == 2'd2 ? 2'd0 : j_q + 2'd1;
      if (j_q == 2'd2) i_d = i_q + 2'd1;
      step_d = j_q != 2'd2 ? 5'd1 : i_q != 2'd2 ? 5'd0 : 5'd5;
    end else if (!wait_q || reciprocal_valid) step_d = step_q + 5'd1;
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
  // The matrix that is read in the next clock
  wire [3:0] read_d = compose_d && copy_d ? SPARE :
                      {1'b0, compose_d && !row_d ? by_q : s_ready ? s_matrix : matrix_q};
  wire column_d = op_d == TURN_BACK || (compose_d && !row_d && !copy_d && !camera_q);
  reg [2:0] factor_pair_q, offset_pair_q;

  always @(posedge clk) begin
    if (s_ready) begin
      op_q <= s_op;
      camera_q <= s_camera;
      matrix_q <= s_matrix;
      to_q <= s_x[2:0];
      by_q <= s_y[2:0];
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

  // ---- lens values in pairs, one for each coordinate ----
  reg [18:0] factors_0_mem[0:15];
  reg [18:0] factors_1_mem[0:15];
  reg [17:0] offsets_0_mem[0:15];
  reg [17:0] offsets_1_mem[0:15];
  wire [3:0] w_pair = {w_select[0], w_address[3:1]};
  wire w_values = w_valid && w_select[2:1] == 2'd0;
  wire unused_write = &{1'b0, w_data[23:19], w_address[8:7]};

  always @(posedge clk) begin
    if (w_values && !w_address[0]) factors_0_mem[w_pair] <= w_data[18:0];
    if (w_values && w_address[0]) factors_1_mem[w_pair] <= w_data[18:0];
    if (w_values && !w_address[0]) offsets_0_mem[w_pair] <= w_data[17:0];
    if (w_values && w_address[0]) offsets_1_mem[w_pair] <= w_data[17:0];
  end

  wire signed [18:0] factor_0 = factors_0_mem[{camera_q, factor_pair_q}];
  wire signed [18:0] factor_1 = factors_1_mem[{camera_q, factor_pair_q}];
  wire [17:0] offset_0 = offsets_0_mem[{camera_q, offset_pair_q}];
  wire [17:0] offset_1 = offsets_1_mem[{camera_q, offset_pair_q}];

  // ---- radial tables ----
  wire forward = op_q == PROJECT;
  reg [17:0] radius2_q;
  reg [4:0] finer_q;  // of the step before: never one that wants the centres
  always @(posedge clk) finer_q <= 5'd18 - (forward ? offset_1[4:0] : offset_0[4:0]);
  wire beyond;
  wire [17:0] knot_0, knot_1;
  wire [18:0] part;

  rectify_table #(
      .KNOTS  (LENS_TABLE + 1),
      .INDEX_W(LENS_BITS)
  ) tables (
      .clk(clk),
      .w_valid(w_valid && (w_select[2] ^ w_select[1])),
      .w_table({w_select[2], w_select[0]}),
      .w_index(w_address[LENS_BITS-1:0]),
      .w_data(w_data[17:0]),
      .s_valid(index_q),
      .s_table({forward, camera_q}),
      .s_finer(finer_q),
      .s_radius2(radius2_q),
      .m_beyond(beyond),
      .m_knot_0(knot_0),
      .m_knot_1(knot_1),
      .m_part(part)
  );

  // ---- matrices ----
  wire signed [17:0] entry_0, entry_1, entry_2, result_0, result_1;
  wire w_entry = w_valid && w_select == 3'd6;
  assign w_hold = (busy_q && (op_q == COMPOSE || op_q == COPY || op_q == IDENTITY)) || composed_q;
  // A composed entry is written a clock later, so that its sum need not get there in one clock.
  reg composed_q;
  reg [3:0] composed_place_q;
  reg [17:0] composed_data_q;
  wire [3:0] place = w_entry ? w_address[3:0] : composed_place_q;

  always @(posedge clk) begin
    composed_q <= entry_q;
    composed_place_q <= {2'd0, i_q} + {1'b0, i_q, 1'b0} + {2'd0, j_q};
    composed_data_q <= result_0;
  end

  rectify_matrices matrices (
      .clk(clk),
      .r_matrix(read_d),
      .r_index(component_d),
      .r_column(column_d),
      .r_0(entry_0),
      .r_1(entry_1),
      .r_2(entry_2),
      .w_valid(w_entry || composed_q),
      .w_matrix(copy_q ? {1'b0, to_q} : w_entry ? {1'b0, w_address[6:4]} : SPARE),
      .w_place(place),
      .w_row(copy_q),
      .w_identity(op_q == IDENTITY),
      .w_data(w_entry ? w_data[17:0] : composed_data_q),
      .m_cam_key(m_cam_key),
      .m_stereo_rotation(m_stereo_rotation)
  );

  // ---- operands ----
  reg signed [19:0] x_q, y_q;  // the point that is worked on
  reg signed [18:0] ex_q, ey_q;  // an estimate of the result, at last the result
  reg signed [18:0] depth_q;
  reg [17:0] g0_q, g1_q;  // knots, the factor between them, or the reciprocal
  reg [18:0] rest_q;  // 2^18 - part
  reg [18:0] xx_q, yy_q;
  reg yy_half_q;  // yy is rounded where it is used
  reg signed [19:0] xy_q;
  reg [19:0] bend_x_q, bend_y_q;  // r^2 + 2 x^2, r^2 + 2 y^2
  reg signed [15:0] dx_q, dy_q;  // tangential distortion
  reg signed [39:0] sum_q;
  reg [5:0] bits_q;

  wire signed [19:0] px = estimate_q ? {ex_q[18], ex_q} : x_q;
  wire signed [19:0] py = estimate_q ? {ey_q[18], ey_q} : y_q;
  wire signed [20:0] twice_xy = {xy_q, 1'b0};

  reg signed [18:0] a0_d, a1_d;
  reg signed [20:0] b0_d, b1_d;
  reg signed [39:0] add0_d, add1_d;
  reg [2:0] shift_d;  // less 14
  wire short_a = kind_q == ROW || kind_q == TWO || kind_q == THIRD;
  wire short_b = kind_q == INVERSE || kind_q == FOCAL || (kind_q == FACTOR && forward);

  always @* begin
    a0_d = factor_0;
    a1_d = factor_1;
    b0_d = {x_q[19], x_q};
    b1_d = {y_q[19], y_q};
    add0_d = 40'h8000;
    add1_d = 40'h8000;
    shift_d = 3'd2;
    case (kind_q)
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
        a0_d = {1'b0, g0_q};
        a1_d = {1'b0, g1_q};
        b0_d = {2'd0, rest_q};
        b1_d = {2'd0, part};
        add0_d = 40'h20000;
        add1_d = 40'd0;
        shift_d = 3'd4;
      end
      FACTOR: begin
        a0_d = {1'b0, g0_q};
        a1_d = {1'b0, g1_q};
        if (forward) begin
          add0_d = {{8{dx_q[15]}}, dx_q, 16'h8000};
          add1_d = {{8{dy_q[15]}}, dy_q, 16'h8000};
        end
      end
      BEND_X, BEND_Y: begin
        b0_d   = kind_q == BEND_X ? twice_xy : {1'b0, bend_y_q};
        b1_d   = kind_q == BEND_X ? {1'b0, bend_x_q} : twice_xy;
        add0_d = 40'd0;
        add1_d = 40'd0;
      end
      FOCAL: begin
        b0_d   = {{2{ex_q[18]}}, ex_q};
        b1_d   = {{2{ey_q[18]}}, ey_q};
        add0_d = {6'd0, offset_0, 16'h8000};
        add1_d = {6'd0, offset_1, 16'h8000};
      end
      ROW, TWO: begin
        a0_d   = {entry_0[17], entry_0};
        a1_d   = {entry_1[17], entry_1};
        add0_d = kind_q == TWO ? 40'h8000 : {{6{entry_2[17]}}, entry_2, 16'h8000};
        add1_d = 40'd0;
      end
      DEPTH: begin
        a0_d = {1'b0, g0_q};
        a1_d = {1'b0, g1_q};
        b0_d = {{2{ex_q[18]}}, ex_q};
        b1_d = {{2{ey_q[18]}}, ey_q};
        // Half of 2^(bits + 1); for 18 bits it is the carry.
        add0_d = {22'd0, bits_q == 6'd17, bits_q == 6'd16, bits_q == 6'd15, bits_q == 6'd14,
                  bits_q == 6'd13, 13'd0};
        add1_d = add0_d;
        shift_d = bits_q[2:0] - 3'd5;
      end
      THIRD: begin
        a0_d   = {entry_2[17], entry_2};
        b0_d   = {{2{ex_q[18]}}, ex_q};
        add0_d = sum_q;
      end
      default: ;
    endcase
  end

  // ---- products, sums, roundings ----
  wire signed [39:0] sum_0, sum_1;
  wire carry = kind_q == DEPTH && bits_q == 6'd18;

  rectify_product product_0 (
      .clk(clk),
      .s_a(a0_d),
      .s_b(b0_d),
      .s_addend(add0_d),
      .s_short_a(short_a),
      .s_short_b(short_b),
      .s_carry(carry),
      .m_sum(sum_0)
  );
  rectify_product product_1 (
      .clk(clk),
      .s_a(a1_d),
      .s_b(b1_d),
      .s_addend(add1_d),
      .s_short_a(short_a),
      .s_short_b(short_b),
      .s_carry(carry),
      .m_sum(sum_1)
  );

  reg [3:0] done_kind_q;
  reg [1:0] done_component_q;
  reg [2:0] shift_q;
  wire signed [39:0] pair = sum_0 + sum_1;
  wire both = done_kind_q == SQUARES || done_kind_q == BETWEEN || done_kind_q == ROW;
  wire signed [39:0] chosen = both ? pair : sum_0;
  wire signed [25:0] wide_0, wide_1;
  wire signed [18:0] long_0, long_1;
  wire [15:0] bend = pair[39:24] + {15'd0, pair[23]};

  rectify_narrow narrow_0 (
      .s_sum(chosen),
      .s_shift(shift_q),
      .m_wide(wide_0),
      .m_19(long_0),
      .m_18(result_0)
  );
  rectify_narrow narrow_1 (
      .s_sum(sum_1),
      .s_shift(shift_q),
      .m_wide(wide_1),
      .m_19(long_1),
      .m_18(result_1)
  );
  wire unused_wide = &{1'b0, wide_1};

  // ---- results ----
  assign behind = depth_q < $signed(NEAREST);
  wire signed [20:0] du = {x_q[19], x_q} - {3'd0, offset_0};
  wire signed [20:0] dv = {y_q[19], y_q} - {3'd0, offset_1};
  wire signed [17:0] centred_u, centred_v;
  wire [1:0] saturated;
  wire unused_saturated = &{1'b0, saturated};

  round_saturate #(
      .IN_W (21),
      .SHIFT(0),
      .OUT_W(18)
  ) centre_u (
      .s_data(du),
      .m_data(centred_u),
      .m_saturated(saturated[0])
  );
  round_saturate #(
      .IN_W (21),
      .SHIFT(0),
      .OUT_W(18)
  ) centre_v (
      .s_data(dv),
      .m_data(centred_v),
      .m_saturated(saturated[1])
  );

  wire [17:0] mantissa;
  wire [5:0] mantissa_bits;

  fast_reciprocal #(
      .IN_W(18)
  ) invert (
      .clk(clk),
      .rst(rst),
      .s_valid(reciprocal_q && !behind),
      .s_ready(reciprocal_ready),
      .s_data(depth_q[17:0]),
      .m_valid(reciprocal_valid),
      .m_ready(1'b1),
      .m_mantissa(mantissa),
      .m_bits(mantissa_bits)
  );

  always @(posedge clk) begin
    done_kind_q <= kind_q;
    done_component_q <= component_q;
    shift_q <= shift_d;
    bend_x_q <= {2'd0, radius2_q} + {xx_q, 1'b0};
    bend_y_q <= {2'd0, radius2_q} + {yy_q, yy_half_q} + {19'd0, yy_half_q};
    rest_q <= 19'h40000 - part;
    case (done_kind_q)
      INVERSE: {x_q, y_q} <= {{2{result_0[17]}}, result_0, {2{result_1[17]}}, result_1};
      SQUARES: begin
        radius2_q <= (|wide_0[25:18]) ? 18'h3FFFF : wide_0[17:0];
        xx_q <= sum_0[34:16];
        yy_q <= sum_1[34:16];
        yy_half_q <= sum_1[15];
      end
      CROSS: xy_q <= wide_0[19:0];
      BETWEEN: {g0_q, g1_q} <= {2{wide_0[17:0]}};
      BEND_X: dx_q <= bend;
      BEND_Y: dy_q <= bend;
      FACTOR, DEPTH: {ex_q, ey_q} <= {result_0[17], result_0, result_1[17], result_1};
      FOCAL: {ex_q, ey_q} <= {long_0, long_1};
      TWO: sum_q <= pair;
      ROW:
      case (done_component_q)
        2'd0: ex_q <= long_0;
        2'd1: ey_q <= long_0;
        default: depth_q <= long_0;
      endcase
      default: ;
    endcase
    if (s_ready) {x_q, y_q} <= {s_x, s_y};
    if (centre_q) {x_q, y_q} <= {{2{centred_u[17]}}, centred_u, {2{centred_v[17]}}, centred_v};
    if (fix_q) begin
      x_q <= x_q - {{4{dx_q[15]}}, dx_q};
      y_q <= y_q - {{4{dy_q[15]}}, dy_q};
    end
    if (row_q) begin
      x_q  <= {{2{entry_0[17]}}, entry_0};
      y_q  <= {{2{entry_1[17]}}, entry_1};
      ex_q <= {entry_2[17], entry_2};
    end
    if (knots_q) {g0_q, g1_q} <= {knot_0, knot_1};
    if (wait_q && reciprocal_valid) begin
      {g0_q, g1_q} <= {2{mantissa}};
      bits_q <= mantissa_bits;
    end
    if (index_q && forward) ok_q <= !beyond && radius2_q != 18'h3FFFF;
    else if (busy_q && !forward) ok_q <= !behind_q;
    if (behind_q) {ex_q, ey_q} <= 38'd0;
  end

  assign m_valid = done_q;
  assign m_x = ex_q;
  assign m_y = ey_q;
  assign m_ok = ok_q;

endmodule

`default_nettype wire
