// SPDX-License-Identifier: Apache-2.0
// Give the row of the epipolar curve, a chain of straight segments, at a column: a bit of the product a cycle.
//
// Q formats:  breakpoints (u, v) UV_W bits with f fraction bits, falling in u; slopes sQ0.12; column U_W
//             bits with f -> v ROW_W bits with f. Equals `row_at` of vio/fixed/stereo_curve.py, as
//             curve_row.v does: the end segments are prolonged.
// Growth:     v is not narrowed: |v| <= |breakpoint v| + |u - breakpoint u|, one bit more than the larger.
// Latency:    17 cycles, and one for each piece passed. Throughput: one row at a time; column, breakpoints,
//             slopes and their number are held until the result is out.
`default_nettype none

module stereo_row #(
    parameter KNOTS = 5,  // greatest number of breakpoints, 3 .. 5
    parameter UV_W  = 19, // bits of a breakpoint's coordinate
    parameter U_W   = 20, // bits of a column, UV_W or more
    parameter ROW_W = 22  // bits of the row: U_W + 2
) (
    input wire clk,
    input wire rst,

    input wire                         s_valid,
    input wire signed [       U_W-1:0] s_u,
    input wire        [           2:0] s_pieces,   // number of breakpoints, 2 .. KNOTS
    input wire        [KNOTS*UV_W-1:0] s_knots_u,  // first breakpoint, the rightmost, in the low bits
    input wire        [KNOTS*UV_W-1:0] s_knots_v,
    input wire     [(KNOTS-1)*13-1:0] s_slopes,   // slope k between breakpoints k and k + 1

    output wire                    m_valid,
    output wire signed [ROW_W-1:0] m_v
);

  generate
    if (KNOTS < 3 || KNOTS > 5 || U_W < UV_W || ROW_W != U_W + 2) begin : g_bad_size
      stereo_row_KNOTS_or_widths_are_out_of_range bad_parameter ();
    end
  endgenerate

  localparam RUN_W = U_W + 1;
  localparam [2:0] IDLE = 3'd0, FIRST = 3'd1, NEXT = 3'd2, MULTIPLY = 3'd3, ADD = 3'd4, DONE = 3'd5;

  reg [2:0] state_q;
  reg [1:0] piece_q;
  reg [3:0] bit_q;
  reg [12:0] slope_q;  // its bits leave at the bottom
  reg signed [RUN_W-1:0] run_q;
  reg signed [RUN_W:0] rise_q;  // slope * run, the bits that are done dropped
  reg half_q;  // the last bit that was dropped
  reg signed [ROW_W-1:0] v_q;

  // ---- the piece: one further for each inner breakpoint that the column is left of ----
  wire [1:0] look = piece_q + {1'b0, state_q == NEXT};
  wire [4*UV_W-1:0] some_u = s_knots_u[0+:UV_W*(KNOTS-1)];
  wire [4*UV_W-1:0] some_v = s_knots_v[0+:UV_W*(KNOTS-1)];
  wire [51:0] some_slopes = s_slopes;
  wire [UV_W-1:0] knot_u = some_u[UV_W*look+:UV_W];
  wire [UV_W-1:0] knot_v = some_v[UV_W*piece_q+:UV_W];
  wire signed [RUN_W-1:0] run = {s_u[U_W-1], s_u} - {{(RUN_W - UV_W) {knot_u[UV_W-1]}}, knot_u};
  wire further = {1'b0, piece_q} + 3'd2 < s_pieces && run[RUN_W-1];
  wire unused = &{1'b0, s_knots_u[UV_W*KNOTS-1:UV_W*(KNOTS-1)], s_knots_v[UV_W*KNOTS-1:UV_W*(KNOTS-1)]};

  // ---- product from the low bits up: the slope's sign bit, which comes last, stands for -1 ----
  wire sign_bit = bit_q == 4'd12;
  wire [RUN_W:0] part = (slope_q[0] ? {run_q[RUN_W-1], run_q} : {(RUN_W + 1) {1'b0}}) ^ {(RUN_W + 1) {sign_bit}};
  wire [RUN_W+1:0] sum = {rise_q, 1'b1} + {part, sign_bit};
  wire unused_sum = sum[0];
  wire [ROW_W:0] v_sum = {rise_q, 1'b1} + {{(ROW_W - UV_W) {knot_v[UV_W-1]}}, knot_v, half_q};
  wire unused_v = v_sum[0];

  always @(posedge clk) begin
    case (state_q)
      FIRST: begin
        run_q <= run;
        rise_q <= {(RUN_W + 1) {1'b0}};
        bit_q <= 4'd0;
      end
      NEXT: begin
        if (further) begin
          run_q   <= run;
          piece_q <= look;
        end
        slope_q <= some_slopes[13*piece_q+:13];
      end
      MULTIPLY: begin
        if (sign_bit) rise_q <= sum[RUN_W+1:1];
        else {rise_q, half_q} <= {sum[RUN_W+1], sum[RUN_W+1:1]};
        bit_q   <= bit_q + 4'd1;
        slope_q <= {1'b0, slope_q[12:1]};
      end
      ADD: v_q <= v_sum[ROW_W:1];
      default: if (s_valid) piece_q <= 2'd0;
    endcase
    if (rst) state_q <= IDLE;
    else
      case (state_q)
        FIRST: state_q <= NEXT;
        NEXT: state_q <= further ? NEXT : MULTIPLY;
        MULTIPLY: state_q <= sign_bit ? ADD : MULTIPLY;
        ADD: state_q <= DONE;
        default: state_q <= s_valid ? FIRST : IDLE;
      endcase
  end

  assign m_valid = state_q == DONE;
  assign m_v = v_q;

endmodule

`default_nettype wire
