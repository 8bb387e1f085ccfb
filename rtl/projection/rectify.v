// SPDX-License-Identifier: Apache-2.0
// Take points through the lens and back and through rotations: the projection unit, one operation a time.
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
// Latency:    cycles from s_valid && s_ready to m_valid (a pulse; the result stays until the next
//             request): 29 unproject, 12 project, 14 turn, 45 compose, 5 copy.
// Throughput: the next request with the pulse.
// Writes:     tables and matrices are written while no operation that uses them is at work; matrices
//             while w_hold is 0, or a cycle after (it writes matrices itself while it is 1).
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

  localparam [2:0] PROJECT = 3'd1, COMPOSE = 3'd4, COPY = 3'd5, IDENTITY = 3'd6;
  localparam [3:0] SPARE = 4'd8;
  // What the multipliers do: 1/f, squares, x y, between breakpoints, times the radial factor, tangential
  // parts, times f, a row of a matrix, by the depth, two products of an entry and the third.
  localparam [3:0] INVERSE = 4'd1, SQUARES = 4'd2, CROSS = 4'd3, BETWEEN = 4'd4;
  localparam [3:0] FACTOR = 4'd5, BEND_X = 4'd6, BEND_Y = 4'd7, FOCAL = 4'd8, ROW = 4'd9;
  localparam [3:0] DEPTH = 4'd10, TWO = 4'd11;  // 0 none, 12 third
  localparam [18:0] NEAREST = LEAST_DEPTH[18:0];

  // ---- the program: what happens in each step of an operation ----
  wire [2:0] op, to, factor_pair, offset_pair;
  wire camera, busy, done, estimate, centre, look_up, knots, fix, start_invert, waits, read_column;
  wire take_row, take_entry, copy, is_behind, behind, reciprocal_valid, unused_ready;
  wire [1:0] i, j, component, read_index;
  wire [3:0] kind, read_matrix;
  reg ok_q;

  rectify_program steps (
      .clk(clk),
      .rst(rst),
      .s_valid(s_valid),
      .s_ready(s_ready),
      .s_op(s_op),
      .s_camera(s_camera),
      .s_matrix(s_matrix),
      .s_to(s_x[2:0]),
      .s_by(s_y[2:0]),
      .s_behind(behind),
      .s_reciprocal(reciprocal_valid),
      .m_op(op),
      .m_camera(camera),
      .m_to(to),
      .m_i(i),
      .m_j(j),
      .m_busy(busy),
      .m_done(done),
      .m_kind(kind),
      .m_component(component),
      .m_estimate(estimate),
      .m_factor_pair(factor_pair),
      .m_offset_pair(offset_pair),
      .m_centre(centre),
      .m_look_up(look_up),
      .m_knots(knots),
      .m_fix(fix),
      .m_invert(start_invert),
      .m_waits(waits),
      .m_row(take_row),
      .m_entry(take_entry),
      .m_copy(copy),
      .m_behind(is_behind),
      .m_r_matrix(read_matrix),
      .m_r_index(read_index),
      .m_r_column(read_column)
  );

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

  wire signed [18:0] factor_0 = factors_0_mem[{camera, factor_pair}];
  wire signed [18:0] factor_1 = factors_1_mem[{camera, factor_pair}];
  wire [17:0] offset_0 = offsets_0_mem[{camera, offset_pair}];
  wire [17:0] offset_1 = offsets_1_mem[{camera, offset_pair}];

  // ---- radial tables ----
  wire forward = op == PROJECT;
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
      .s_valid(look_up),
      .s_table({forward, camera}),
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
  // A composed entry is written a cycle later, so that its sum need not get there in one cycle.
  reg composed_q;
  assign w_hold = (busy && (op == COMPOSE || op == COPY || op == IDENTITY)) || composed_q;
  reg [3:0] composed_place_q;
  reg [17:0] composed_data_q;
  wire [3:0] place = w_entry ? w_address[3:0] : composed_place_q;

  always @(posedge clk) begin
    composed_q <= take_entry;
    composed_place_q <= {2'd0, i} + {1'b0, i, 1'b0} + {2'd0, j};
    composed_data_q <= result_0;
  end

  rectify_matrices matrices (
      .clk(clk),
      .r_matrix(read_matrix),
      .r_index(read_index),
      .r_column(read_column),
      .r_0(entry_0),
      .r_1(entry_1),
      .r_2(entry_2),
      .w_valid(w_entry || composed_q),
      .w_matrix(copy ? {1'b0, to} : w_entry ? {1'b0, w_address[6:4]} : SPARE),
      .w_place(place),
      .w_row(copy),
      .w_identity(op == IDENTITY),
      .w_data(w_entry ? w_data[17:0] : composed_data_q),
      .m_cam_key(m_cam_key),
      .m_stereo_rotation(m_stereo_rotation)
  );

  // ---- operands ----
  reg signed [19:0] x_q, y_q;  // the point that is worked on
  reg signed [18:0] ex_q, ey_q;  // an estimate of the result, at last the result
  reg signed [18:0] depth_q;
  reg [17:0] g0_q, g1_q;  // breakpoints, the factor between them, or the reciprocal
  reg [18:0] rest_q;  // 2^18 - part
  reg [18:0] xx_q, yy_q;
  reg yy_half_q;  // yy is rounded where it is used
  reg signed [19:0] xy_q;
  reg [19:0] bend_x_q, bend_y_q;  // r^2 + 2 x^2, r^2 + 2 y^2
  reg signed [15:0] dx_q, dy_q;  // tangential distortion
  reg signed [39:0] sum_q;
  reg [5:0] bits_q;

  wire signed [18:0] a0, a1;
  wire signed [20:0] b0, b1;
  wire signed [39:0] add0, add1;
  wire [2:0] shift;
  wire short_a, short_b, carry;

  rectify_operands operands (
      .s_kind(kind),
      .s_forward(forward),
      .s_estimate(estimate),
      .s_bits(bits_q),
      .s_x(x_q),
      .s_y(y_q),
      .s_ex(ex_q),
      .s_ey(ey_q),
      .s_xy(xy_q),
      .s_bend_x(bend_x_q),
      .s_bend_y(bend_y_q),
      .s_dx(dx_q),
      .s_dy(dy_q),
      .s_sum(sum_q),
      .s_g0(g0_q),
      .s_g1(g1_q),
      .s_rest(rest_q),
      .s_part(part),
      .s_factor_0(factor_0),
      .s_factor_1(factor_1),
      .s_offset_0(offset_0),
      .s_offset_1(offset_1),
      .s_entry_0(entry_0),
      .s_entry_1(entry_1),
      .s_entry_2(entry_2),
      .m_a0(a0),
      .m_a1(a1),
      .m_b0(b0),
      .m_b1(b1),
      .m_add0(add0),
      .m_add1(add1),
      .m_shift(shift),
      .m_short_a(short_a),
      .m_short_b(short_b),
      .m_carry(carry)
  );

  // ---- products, sums, roundings ----
  wire signed [39:0] sum_0, sum_1;

  rectify_product product_0 (
      .clk(clk),
      .s_a(a0),
      .s_b(b0),
      .s_addend(add0),
      .s_short_a(short_a),
      .s_short_b(short_b),
      .s_carry(carry),
      .m_sum(sum_0)
  );
  rectify_product product_1 (
      .clk(clk),
      .s_a(a1),
      .s_b(b1),
      .s_addend(add1),
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

  // ---- results ----
  assign behind = depth_q < $signed(NEAREST);
  wire signed [20:0] du = {x_q[19], x_q} - {3'd0, offset_0};
  wire signed [20:0] dv = {y_q[19], y_q} - {3'd0, offset_1};
  wire signed [17:0] centred_u, centred_v;
  wire [1:0] saturated;
  wire unused = &{1'b0, saturated, wide_1};

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
      .s_valid(start_invert && !behind),
      .s_ready(unused_ready),
      .s_data(depth_q[17:0]),
      .m_valid(reciprocal_valid),
      .m_ready(1'b1),
      .m_mantissa(mantissa),
      .m_bits(mantissa_bits)
  );

  always @(posedge clk) begin
    done_kind_q <= kind;
    done_component_q <= component;
    shift_q <= shift;
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
    if (centre) {x_q, y_q} <= {{2{centred_u[17]}}, centred_u, {2{centred_v[17]}}, centred_v};
    if (fix) begin
      x_q <= x_q - {{4{dx_q[15]}}, dx_q};
      y_q <= y_q - {{4{dy_q[15]}}, dy_q};
    end
    if (take_row) begin
      x_q  <= {{2{entry_0[17]}}, entry_0};
      y_q  <= {{2{entry_1[17]}}, entry_1};
      ex_q <= {entry_2[17], entry_2};
    end
    if (knots) {g0_q, g1_q} <= {knot_0, knot_1};
    if (waits && reciprocal_valid) begin
      {g0_q, g1_q} <= {2{mantissa}};
      bits_q <= mantissa_bits;
    end
    if (look_up && forward) ok_q <= !beyond && radius2_q != 18'h3FFFF;
    else if (busy && !forward) ok_q <= !is_behind;
    if (is_behind) {ex_q, ey_q} <= 38'd0;
  end

  assign m_valid = done;
  assign m_x = ex_q;
  assign m_y = ey_q;
  assign m_ok = ok_q;

endmodule

`default_nettype wire
