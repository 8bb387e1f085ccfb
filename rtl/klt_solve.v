// SPDX-License-Identifier: Apache-2.0
// Do all of the tracker's arithmetic between a window's sums and the next step: one request at a
// time, the scalars of a template kept inside.
//
// Equals, of vio/fixed/klt.py and stereo.py:
//   TEMPLATE (0): `make_template` after its loops. Keeps the scalars of s_context; m_ok is its bool.
//   STEP     (1): `mismatch` and `solve_step`: m_u, m_v, to be taken off the place; m_small: both within
//                 cfg_step. m_ok is 1. Keeps the sums for FINISH.
//   STEREO   (2): `mismatch` and the step along a curve of slope s_slope in `_refine`: m_u is the
//                 move, to be taken off the column; m_ok: the power is positive; m_small: m_u within
//                 cfg_step. m_v is 0. Keeps the sums for FINISH.
//   FINISH   (3): verdicts on the last STEP's or STEREO's sums: m_flat is `is_flat`, m_ok is
//                 `correlates` with s_minimum.
// STEP, STEREO and FINISH are only for contexts whose last TEMPLATE gave m_ok.
// Protocol:   taken when s_valid && s_ready; inputs are for that clock only. m_valid is there for one
//             clock; the other outputs are held until the next request is taken.
// Q formats:  sums WINDOW_SUM (s_sx, s_sy, s_sg, s_1 of a window fit 18 bits and only these are used:
//             at most 2^(9 + PIXEL_FRAC) times the sum of the weights), s_slope sQ0.12, s_minimum
//             uQ0.16 -> steps sQ5.8. Roundings and saturations are the golden model's.
// Latency:    from s_valid && s_ready to m_valid: TEMPLATE 23, STEP 11, STEREO 16, FINISH 12 clocks.
//             s_ready comes back with m_valid, of TEMPLATE 9 clocks later (its second reciprocal,
//             in the shadow of the first window). Multipliers: 8. No block RAM.
`default_nettype none

module klt_solve #(
    parameter CONTEXTS = 1  // templates kept, 1 .. 4
) (
    input wire clk,
    input wire rst,

    input wire [13:0] cfg_step,      // a step within it is small
    input wire [19:0] cfg_flat_min,  // least eigenvalue of a template that is not flat

    input  wire       s_valid,
    output wire       s_ready,
    input  wire [1:0] s_op,
    input  wire [1:0] s_context, // 0 .. CONTEXTS - 1

    // STEP, STEREO: rtl/klt_rows.v's sums of the window
    input wire signed [27:0] s_x,
    input wire signed [27:0] s_y,
    input wire signed [27:0] s_g,
    input wire signed [27:0] s_1,
    input wire signed [27:0] s_square,

    // TEMPLATE: sums of basis times slope or grey value, and of the basis
    input wire signed [27:0] s_xx,
    input wire signed [27:0] s_xy,
    input wire signed [27:0] s_yy,
    input wire signed [27:0] s_xg,
    input wire signed [27:0] s_yg,
    input wire signed [27:0] s_gg,
    input wire signed [27:0] s_sx,
    input wire signed [27:0] s_sy,
    input wire signed [27:0] s_sg,

    input wire signed [12:0] s_slope,   // STEREO
    input wire        [16:0] s_minimum, // FINISH: least squared correlation

    output wire               m_valid,
    output wire               m_ok,
    output wire               m_small,
    output wire               m_flat,
    output wire signed [13:0] m_u,
    output wire signed [13:0] m_v
);

  // Body follows.
  assign s_ready = 1'b0;
  assign m_valid = 1'b0;
  assign {m_ok, m_small, m_flat, m_u, m_v} = 31'd0;

endmodule

`default_nettype wire
