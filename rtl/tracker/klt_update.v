// SPDX-License-Identifier: Apache-2.0
// The tracker's update: how far a window has moved on a level, whether too far, and its place on level 0.
//
// Q formats:  pixels sQ10.8 (s_u, s_v one bit more); on a level POS_W bits with 8 fraction bits.
// Overflow:   the new place saturates to sQ10.8, as in vio/fixed/klt.py.
// Latency:    m_too_far 1 cycle after a change of the start or the limit, else 0 cycles (combinational).
//             Throughput: a place a cycle.
`default_nettype none

module klt_update #(
    parameter POS_W = 22  // bits of a place on a level
) (
    input wire clk,

    input wire               s_stereo,  // only along u
    input wire        [ 1:0] s_level,
    input wire        [13:0] s_limit,   // of the distance from the start
    input wire signed [19:0] s_u,       // place on level 0 before this level
    input wire signed [19:0] s_v,

    input wire signed [POS_W-1:0] s_u_start,  // of this level
    input wire signed [POS_W-1:0] s_v_start,
    input wire signed [POS_W-1:0] s_u_here,
    input wire signed [POS_W-1:0] s_v_here,

    output wire               m_too_far,
    output wire signed [18:0] m_u_moved,  // place on level 0 after this level
    output wire signed [18:0] m_v_moved,
    output wire signed [18:0] m_u,        // s_u, s_v, saturated
    output wire signed [18:0] m_v
);

  wire signed [POS_W-1:0] moved_u = s_u_here - s_u_start;
  wire signed [POS_W-1:0] moved_v = s_v_here - s_v_start;
  // How far it may be from the start is known long before: bounds, so that one comparison is left.
  wire signed [POS_W:0] limit = {{(POS_W - 13) {1'b0}}, s_limit};
  wire signed [POS_W:0] u_here = {s_u_here[POS_W-1], s_u_here};
  wire signed [POS_W:0] v_here = {s_v_here[POS_W-1], s_v_here};
  wire signed [POS_W:0] u_start = {s_u_start[POS_W-1], s_u_start};
  wire signed [POS_W:0] v_start = {s_v_start[POS_W-1], s_v_start};
  reg signed [POS_W:0] least_u_q, most_u_q, least_v_q, most_v_q;
  always @(posedge clk) begin
    least_u_q <= u_start - limit;
    most_u_q  <= u_start + limit;
    least_v_q <= v_start - limit;
    most_v_q  <= v_start + limit;
  end
  wire too_far_u = u_here < least_u_q || u_here > most_u_q;
  wire too_far_v = v_here < least_v_q || v_here > most_v_q;
  assign m_too_far = too_far_u || (!s_stereo && too_far_v);

  // By the difference, so that the start keeps the bits that a coarse level does not have.
  wire [1:0] unused_saturated;
  wire signed [POS_W-1:0] shift_u = moved_u <<< s_level;
  wire signed [POS_W-1:0] shift_v = moved_v <<< s_level;
  round_saturate #(
      .IN_W (POS_W),
      .SHIFT(0),
      .OUT_W(19)
  ) narrow_u (
      .s_data({{(POS_W - 20) {s_u[19]}}, s_u} + shift_u),
      .m_data(m_u_moved),
      .m_saturated(unused_saturated[0])
  );
  round_saturate #(
      .IN_W (POS_W),
      .SHIFT(0),
      .OUT_W(19)
  ) narrow_v (
      .s_data({{(POS_W - 20) {s_v[19]}}, s_v} + shift_v),
      .m_data(m_v_moved),
      .m_saturated(unused_saturated[1])
  );
  wire [1:0] unused_results;
  round_saturate #(
      .IN_W (20),
      .SHIFT(0),
      .OUT_W(19)
  ) narrow_u_result (
      .s_data(s_u),
      .m_data(m_u),
      .m_saturated(unused_results[0])
  );
  round_saturate #(
      .IN_W (20),
      .SHIFT(0),
      .OUT_W(19)
  ) narrow_v_result (
      .s_data(s_v),
      .m_data(m_v),
      .m_saturated(unused_results[1])
  );
  wire unused = &{1'b0, unused_saturated, unused_results};

endmodule

`default_nettype wire
