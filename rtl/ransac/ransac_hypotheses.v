// SPDX-License-Identifier: Apache-2.0
// Draw hypotheses and make their translations, one ahead of the one that is being scored.
//
// Mono: two matches, the direction crosses their normals; the same match twice, or normals that are
// parallel, make none. Stereo: one point, the translation takes its turned place to its new one.
// Q formats:  words of `ransac`'s set; translations in three lanes of 22 bits (sQ15.0, or sQ11.10).
//             Equals the draws of `mono_ransac` and `stereo_ransac` of vio/fixed/ransac.py.
// Latency:    18 cycles a mono, 22 a stereo hypothesis, from m_ready to the next m_valid.
`default_nettype none

module ransac_hypotheses #(
    parameter TRACK_BITS       = 8,  // bits of an index
    parameter TRACK_COUNT_BITS = 8,  // bits of a number of matches
    parameter DRAW_BITS        = 6   // a number of draws has one bit more
) (
    input wire clk,
    input wire rst,

    input wire                        load,    // draws begin anew
    input wire [                31:0] seed,
    input wire [         DRAW_BITS:0] draws,
    input wire [TRACK_COUNT_BITS-1:0] count,
    input wire                        stereo,
    input wire                        active,

    output wire                  r_valid,  // read a match; it must come two cycles later
    output wire [TRACK_BITS-1:0] r_index,
    input  wire [          65:0] a_point,  // turned point
    input  wire [          53:0] a_normal,

    output wire               p_start,  // to the stereo projection unit: the match that comes now
    input  wire               p_valid,
    input  wire signed [21:0] p_x,
    input  wire signed [21:0] p_y,
    input  wire signed [21:0] p_z,

    output wire signed [18:0] p_a0,  // to a `product_pair`, and the products from it
    output wire signed [17:0] p_b0,
    output wire signed [18:0] p_a1,
    output wire signed [17:0] p_b1,
    input  wire signed [36:0] a_0,
    input  wire signed [36:0] a_1,

    output wire        m_valid,
    input  wire        m_ready,
    output wire [65:0] m_t,
    output wire        m_done    // all draws are made, and taken
);

  localparam [DRAW_BITS:0] ONE = {{DRAW_BITS{1'b0}}, 1'b1};

  // 0: draw i; 1: i is there, draw j; 2: read i; 3: read j; 4: i comes; 5: j comes.
  reg [5:0] step_q;
  reg working_q, full_q, same_q;
  reg [DRAW_BITS:0] drawn_q;
  reg [TRACK_COUNT_BITS-1:0] index_q, first_q;
  reg [65:0] turned_q, t_q;
  reg [53:0] normal_q;
  wire [TRACK_COUNT_BITS-1:0] index;
  wire left = drawn_q != draws;
  wire start = active && left && !working_q && !full_q;

  lfsr #(
      .COUNT_W(TRACK_COUNT_BITS)
  ) generator (
      .clk(clk),
      .rst(rst),
      .load(load),
      .seed(seed),
      .draw(step_q[0] || (step_q[1] && !stereo)),
      .count(count),
      .index(index)
  );

  assign r_valid = step_q[2] || (step_q[3] && !stereo);
  assign r_index = index_q[TRACK_BITS-1:0];
  assign p_start = step_q[4] && stereo;

  wire cross = step_q[5] && !stereo && !same_q;
  wire direction_valid, direction_ok;
  wire signed [15:0] t0, t1, t2;

  ransac_direction direction (
      .clk(clk),
      .rst(rst),
      .s_valid(cross),
      .s_a0(normal_q[17:0]),
      .s_a1(normal_q[35:18]),
      .s_a2(normal_q[53:36]),
      .s_b0(a_normal[17:0]),
      .s_b1(a_normal[35:18]),
      .s_b2(a_normal[53:36]),
      .p_a0(p_a0),
      .p_b0(p_b0),
      .p_a1(p_a1),
      .p_b1(p_b1),
      .a_0(a_0),
      .a_1(a_1),
      .m_valid(direction_valid),
      .m_ok(direction_ok),
      .m_t0(t0),
      .m_t1(t1),
      .m_t2(t2)
  );

  // ---- stereo: differences, saturated ----
  wire signed [22:0] x_apart = {p_x[21], p_x} - {turned_q[21], turned_q[21:0]};
  wire signed [22:0] y_apart = {p_y[21], p_y} - {turned_q[43], turned_q[43:22]};
  wire signed [22:0] z_apart = {p_z[21], p_z} - {turned_q[65], turned_q[65:44]};
  wire [65:0] apart;
  wire [2:0] saturated;
  wire unused_saturated = &{1'b0, saturated};

  round_saturate #(
      .IN_W (23),
      .SHIFT(0),
      .OUT_W(22)
  ) narrow_x (
      .s_data(x_apart),
      .m_data(apart[21:0]),
      .m_saturated(saturated[0])
  );
  round_saturate #(
      .IN_W (23),
      .SHIFT(0),
      .OUT_W(22)
  ) narrow_y (
      .s_data(y_apart),
      .m_data(apart[43:22]),
      .m_saturated(saturated[1])
  );
  round_saturate #(
      .IN_W (23),
      .SHIFT(0),
      .OUT_W(22)
  ) narrow_z (
      .s_data(z_apart),
      .m_data(apart[65:44]),
      .m_saturated(saturated[2])
  );

  wire made = stereo ? p_valid : direction_valid && direction_ok;
  wire none = !stereo && ((step_q[5] && same_q) || (direction_valid && !direction_ok));

  always @(posedge clk) begin
    index_q <= index;
    first_q <= index_q;
    if (step_q[3]) same_q <= first_q == index_q;
    if (step_q[4]) {turned_q, normal_q} <= {a_point, a_normal};
    if (working_q && made)
      t_q <= stereo ? apart : {{6{t2[15]}}, t2, {6{t1[15]}}, t1, {6{t0[15]}}, t0};
    if (load) drawn_q <= {(DRAW_BITS + 1) {1'b0}};
    else if (start) drawn_q <= drawn_q + ONE;
    if (rst || load) begin
      step_q <= 6'd0;
      working_q <= 1'b0;
      full_q <= 1'b0;
    end else begin
      step_q <= {step_q[4:0], start};
      if (start) working_q <= 1'b1;
      else if (made || none) working_q <= 1'b0;
      if (working_q && made) full_q <= 1'b1;
      else if (m_ready) full_q <= 1'b0;
    end
  end

  assign m_valid = full_q;
  assign m_t = t_q;
  assign m_done = !left && !working_q && !full_q;

endmodule

`default_nettype wire
