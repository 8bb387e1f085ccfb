// SPDX-License-Identifier: Apache-2.0
// Properties of camera_pair.v between its queues and its outputs: frames pass whole or not at all,
// each with its start; stable until taken; starts leave together, or one alone after SKEW clocks;
// a start that is offered leaves or is left out within a bound; a mark counts its frames once, and
// leaves with the frame that it breaks off.
//
// Assumed: the queues' outputs are stable until taken (camera_input_stub.v); frames of any length.
`default_nettype none

module camera_pair_proof (
    input wire       clk,
    input wire       rst,
    input wire       left_valid,
    input wire       left_inside,
    input wire [7:0] left_pixel,
    input wire       left_ready,
    input wire       right_valid,
    input wire       right_inside,
    input wire [7:0] right_pixel,
    input wire       right_ready
);

  localparam SKEW = 3;

  wire m_left, m_left_last, m_right, m_right_last, unused_left_ready, unused_right_ready;
  wire [1:0] m_left_word, m_right_word;
  wire m_left_user = m_left_word[0];
  wire m_right_user = m_right_word[0];
  wire [7:0] m_left_data, m_right_data;
  wire left_missing, right_missing, late;
  wire [8:0] lost;
  camera_pair #(
      .SKEW (SKEW),
      .DEPTH(64)
  ) dut (
      .clk(clk),
      .rst(rst),
      .left_pixel_clk(clk),
      .left_vsync(left_valid),
      .left_hsync(left_inside),
      .left_pixel(left_pixel),
      .left_pixel_ready(unused_left_ready),
      .right_pixel_clk(clk),
      .right_vsync(right_valid),
      .right_hsync(right_inside),
      .right_pixel(right_pixel),
      .right_pixel_ready(unused_right_ready),
      .m_left_axis_tvalid(m_left),
      .m_left_axis_tready(left_ready),
      .m_left_axis_tdata(m_left_data),
      .m_left_axis_tuser(m_left_word),
      .m_left_axis_tlast(m_left_last),
      .m_right_axis_tvalid(m_right),
      .m_right_axis_tready(right_ready),
      .m_right_axis_tdata(m_right_data),
      .m_right_axis_tuser(m_right_word),
      .m_right_axis_tlast(m_right_last),
      .event_left_missing(left_missing),
      .event_right_missing(right_missing),
      .event_late(late),
      .count_lost(lost)
  );

  (* hierconn *) wire \dut.left_ready ;
  (* hierconn *) wire \dut.right_ready ;
  (* hierconn *) wire \dut.left_pass_q ;
  (* hierconn *) wire \dut.right_pass_q ;
  (* hierconn *) wire \dut.left_open_q ;
  (* hierconn *) wire \dut.right_open_q ;
  (* hierconn *) wire [1:0] \dut.timer_q ;
  wire left_take = left_valid && \dut.left_ready ;
  wire right_take = right_valid && \dut.right_ready ;
  wire left_mark = left_pixel[2];
  wire right_mark = right_pixel[2];
  wire left_start = left_valid && left_pixel[0] && !left_mark;
  wire right_start = right_valid && right_pixel[0] && !right_mark;

  reg started_q = 1'b0;  // a reset was
  reg left_in_q, right_in_q;  // the frame whose pixels come is one that leaves
  reg left_stalled_q, right_stalled_q;
  reg [7:0] left_data_q, right_data_q;
  reg left_first_q, right_first_q;  // a start leaves since the last clock
  reg [2:0] left_cycles_q, right_cycles_q;  // clocks of a start that is not offered
  reg left_said_q, right_said_q;  // this frame's partner was declared missing
  reg both_q;  // both starts were waiting in the last clock
  always @(posedge clk) begin
    started_q <= 1'b1;
    left_stalled_q <= m_left && !left_ready && !rst;
    right_stalled_q <= m_right && !right_ready && !rst;
    left_data_q <= m_left_data;
    right_data_q <= m_right_data;
    left_first_q <= m_left && m_left_user && !left_ready && !rst;
    right_first_q <= m_right && m_right_user && !right_ready && !rst;
    if (rst) left_in_q <= 1'b0;
    else if (left_take && left_start) left_in_q <= m_left;
    if (rst) right_in_q <= 1'b0;
    else if (right_take && right_start) right_in_q <= m_right;
    left_cycles_q <= rst || !left_start || m_left || left_take ? 3'd0 : left_cycles_q + 3'd1;
    right_cycles_q <= rst || !right_start || m_right || right_take ? 3'd0 : right_cycles_q + 3'd1;
    left_said_q <= right_missing;
    right_said_q <= left_missing;
    both_q <= left_start && !m_left && !left_take && right_start && !m_right && !right_take && !rst;
  end

  always @* begin
    if (!started_q) assume (rst);
    if (started_q && !rst) begin
      // Stable, and what the camera gave
      if (left_stalled_q) assert (m_left && m_left_data == left_data_q);
      if (right_stalled_q) assert (m_right && m_right_data == right_data_q);
      if (m_left) assert (left_valid && m_left_data == left_pixel && m_left_word == {left_mark, left_start}
                          && m_left_last == left_pixel[1]);
      if (m_right) assert (right_valid && m_right_data == right_pixel && m_right_word == {right_mark, right_start}
                           && m_right_last == right_pixel[1]);
      // Whole frames: pixels follow the start that left, all of them or none
      if (left_take && !left_start) assert (m_left == left_in_q);
      if (right_take && !right_start) assert (m_right == right_in_q);
      if (left_take && left_start && !m_left) assert (late);
      if (right_take && right_start && !m_right) assert (late);
      assert (lost == {1'b0, left_take && left_mark ? left_pixel : 8'd0}
                      + {1'b0, right_take && right_mark ? right_pixel : 8'd0});
      if (m_left) assert (left_take == left_ready);
      if (m_right) assert (right_take == right_ready);
      // A start leaves with the other one, or the other one is declared missing
      if (m_left && m_left_user && !left_first_q) assert (left_said_q || both_q);
      if (m_right && m_right_user && !right_first_q) assert (right_said_q || both_q);
      if (both_q) assert (m_left && m_left_user && m_right && m_right_user);
      assert (!(left_missing && right_missing));
      // No deadlock: SKEW + 1 clocks
      assert (left_cycles_q <= SKEW + 1 && right_cycles_q <= SKEW + 1);

      cover (both_q && m_left && left_ready && !right_ready);
      cover (left_missing && left_valid && left_in_q);
      cover (late && left_take && right_in_q);
      cover (left_take && !left_start && !m_left);
      cover (left_take && left_mark && m_left);
    end
    if (started_q) begin
      // Why
      assert (\dut.timer_q <= SKEW);
      assert (!\dut.left_open_q || left_start);
      assert (!\dut.right_open_q || right_start);
      assert (\dut.left_open_q || \dut.left_pass_q == left_in_q);
      assert (\dut.right_open_q || \dut.right_pass_q == right_in_q);
      assert (!\dut.left_open_q || \dut.left_pass_q );
      assert (!\dut.right_open_q || \dut.right_pass_q );
      assert (left_first_q == (\dut.left_open_q && left_first_q));
    end
  end

endmodule

`default_nettype wire
