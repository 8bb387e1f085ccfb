// SPDX-License-Identifier: Apache-2.0
// Follow the epipolar curve from block column to block column: the rows that are read there.
//
// The curve is a chain of straight segments, breakpoints from right to left; columns come from left to right, so
// segments are passed in order. A piece's first product slope * run is formed bit by bit, then four
// columns are added at a time, which is exact.
// Q formats:  breakpoints sQ10.FRAC, slopes SLOPE_W bits with SLOPE_FRAC fraction bits, columns whole pixels
//             -> top row of the window there, held within the image. Equals the use of `row_at` in
//             `search` of vio/fixed/stereo_search.py.
// Latency:    4 cycles a column, 13 more for the first of a piece, 1 more for each piece passed.
`default_nettype none

module stereo_path #(
    parameter PIECES     = 4,   // most straight segments
    parameter UV_W       = 19,  // bits of a breakpoint's coordinate
    parameter FRAC       = 8,   // its fraction bits
    parameter SLOPE_W    = 13,  // bits of a slope, rows a column
    parameter SLOPE_FRAC = 12
) (
    input wire clk,
    input wire rst,

    input wire [10:0] cfg_last_top,  // last top row of a window, image height less window height

    input wire                            s_valid,    // start: at the chain's left end
    input wire signed [             11:0] s_column,   // whose row is wanted
    input wire signed [             12:0] s_shift,    // from the curve's row to the top row
    input wire        [              2:0] s_pieces,   // breakpoints, 2 or more; all of these held
    input wire        [(PIECES+1)*UV_W-1:0] s_knots_u,
    input wire        [(PIECES+1)*UV_W-1:0] s_knots_v,
    input wire        [ PIECES*SLOPE_W-1:0] s_slopes,

    output wire        m_valid,
    input  wire        m_next,  // to the next block column, four columns on
    output wire [10:0] m_top
);

  generate
    if (PIECES < 1 || PIECES > 6 || UV_W < 12 || SLOPE_FRAC < 2) begin : g_bad_size
      stereo_path_PIECES_or_widths_out_of_range bad_parameter ();
    end
  endgenerate

  localparam RUN_W = UV_W + 2;  // column less breakpoint
  localparam ACC_W = RUN_W + SLOPE_W;
  localparam V_W = ACC_W - SLOPE_FRAC + 1;  // row with fraction
  localparam [2:0] IDLE = 3'd0, FIND = 3'd1, MULTIPLY = 3'd2, ADD = 3'd3, CLAMP = 3'd4, HOLD = 3'd5;
  localparam [4:0] FIRST_BIT = SLOPE_W[4:0] - 5'd1;

  reg [2:0] state_q;
  reg [2:0] piece_q;
  reg [4:0] bit_q;
  reg signed [RUN_W-1:0] column_q;  // with fraction
  reg signed [RUN_W-1:0] run_q;
  reg signed [ACC_W-1:0] acc_q;  // slope * run
  reg signed [V_W-1:0] v_q;
  reg [10:0] top_q;

  // ---- the piece's values; breakpoint `piece_q` is its right end ----
  wire [UV_W*8-1:0] all_u = {{(UV_W * (7 - PIECES)) {1'b0}}, s_knots_u};
  wire [UV_W*8-1:0] all_v = {{(UV_W * (7 - PIECES)) {1'b0}}, s_knots_v};
  wire [SLOPE_W*8-1:0] all_slopes = {{(SLOPE_W * (8 - PIECES)) {1'b0}}, s_slopes};
  wire signed [UV_W-1:0] knot_u = all_u[UV_W*piece_q+:UV_W];
  wire signed [UV_W-1:0] knot_v = all_v[UV_W*piece_q+:UV_W];
  wire signed [SLOPE_W-1:0] slope = all_slopes[SLOPE_W*piece_q+:SLOPE_W];
  wire signed [RUN_W-1:0] knot = {{(RUN_W - UV_W) {knot_u[UV_W-1]}}, knot_u};
  wire signed [RUN_W-1:0] run = column_q - knot;
  wire beyond = !run[RUN_W-1] && piece_q != 3'd0;  // right of the piece's right end

  // ---- product, from the slope's sign down ----
  wire signed [ACC_W-1:0] run_wide = {{SLOPE_W{run_q[RUN_W-1]}}, run_q};
  wire signed [ACC_W-1:0] part = slope[bit_q[3:0]] ? run_wide : {ACC_W{1'b0}};
  wire sign_bit = bit_q == FIRST_BIT;
  // Less: the complement and 1, in the place of the bit that comes in as 0.
  wire less = sign_bit && slope[SLOPE_W-1];
  wire signed [ACC_W-1:0] product = {acc_q[ACC_W-2:0], less} + (part ^ {ACC_W{less}});
  wire signed [ACC_W-1:0] four = {{(RUN_W - FRAC - 2) {slope[SLOPE_W-1]}}, slope, {(FRAC + 2) {1'b0}}};

  // ---- row ----
  // Rounding: the highest bit that is dropped is added below the lowest bit that stays.
  wire signed [V_W:0] v_sum = {acc_q[ACC_W-1], acc_q[ACC_W-1:SLOPE_FRAC], 1'b1}
                              + {{(V_W - UV_W) {knot_v[UV_W-1]}}, knot_v, acc_q[SLOPE_FRAC-1]};
  wire signed [V_W-FRAC+1:0] row_sum = {v_q[V_W-1], v_q[V_W-1:FRAC], 1'b1}
                                       + {{(V_W - FRAC - 12) {s_shift[12]}}, s_shift, v_q[FRAC-1]};
  wire signed [V_W-FRAC:0] row = row_sum[V_W-FRAC+1:1];
  wire unused_sums = &{1'b0, v_sum[0], row_sum[0]};
  wire signed [V_W-FRAC:0] last_top = {{(V_W - FRAC - 10) {1'b0}}, cfg_last_top};

  reg fresh_q;  // a column in the same piece as the one before needs no new product
  always @(posedge clk) begin
    case (state_q)
      FIND: begin
        run_q <= run;
        bit_q <= FIRST_BIT;
        if (fresh_q || beyond) acc_q <= {ACC_W{1'b0}};
        if (beyond) piece_q <= piece_q - 3'd1;
      end
      MULTIPLY: begin
        acc_q <= product;
        bit_q <= bit_q - 5'd1;
      end
      ADD: v_q <= v_sum[V_W:1];
      CLAMP: top_q <= row[V_W-FRAC] ? 11'd0 : row > last_top ? cfg_last_top : row[10:0];
      HOLD:
      if (m_next) begin
        column_q <= column_q + {{(RUN_W - FRAC - 3) {1'b0}}, 3'd4, {FRAC{1'b0}}};
        acc_q <= acc_q + four;
      end
      default: ;
    endcase
    if (s_valid) begin
      piece_q  <= s_pieces - 3'd2;
      column_q <= {{(RUN_W - FRAC - 12) {s_column[11]}}, s_column, {FRAC{1'b0}}};
    end
  end

  always @(posedge clk) begin
    if (rst) state_q <= IDLE;
    else if (s_valid) state_q <= FIND;
    else
      case (state_q)
        FIND:     state_q <= beyond ? FIND : fresh_q ? MULTIPLY : ADD;
        MULTIPLY: state_q <= bit_q == 5'd0 ? ADD : MULTIPLY;
        ADD:      state_q <= CLAMP;
        CLAMP:    state_q <= HOLD;
        HOLD:     state_q <= m_next ? FIND : HOLD;
        default:  state_q <= state_q;
      endcase
    fresh_q <= s_valid || (state_q == FIND && beyond) || (fresh_q && state_q != ADD);
  end

  assign m_valid = state_q == HOLD;
  assign m_top = top_q;

endmodule

`default_nettype wire
