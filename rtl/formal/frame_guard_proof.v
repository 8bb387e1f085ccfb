// SPDX-License-Identifier: Apache-2.0
// Properties of frame_guard.v for any input of pixels, well formed or not: whole frames leave, of
// the size that was set at their start; the output is stable until taken; no pixel waits for ever.
//
// Assumed: sizes 2..5 x 1..3 (they may change at any time). Nothing of the input: it may even
// withdraw what it offered.
`default_nettype none

module frame_guard_proof (
    input wire       clk,
    input wire       rst,
    input wire [2:0] cfg_width,
    input wire [2:0] cfg_height,
    input wire       s_valid,
    input wire [7:0] s_data,
    input wire       s_user,
    input wire       s_last,
    input wire       m_ready
);

  wire s_ready, m_valid, m_user, m_last, m_bad;
  wire [7:0] m_data;
  wire error_short, error_long, error_start, error_cut;
  frame_guard #(
      .SIZE_W(3)
  ) dut (
      .clk(clk),
      .rst(rst),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .s_axis_tvalid(s_valid),
      .s_axis_tready(s_ready),
      .s_axis_tdata(s_data),
      .s_axis_tuser(s_user),
      .s_axis_tlast(s_last),
      .m_axis_tvalid(m_valid),
      .m_axis_tready(m_ready),
      .m_axis_tdata(m_data),
      .m_axis_tuser(m_user),
      .m_axis_tlast(m_last),
      .m_bad(m_bad),
      .error_short(error_short),
      .error_long(error_long),
      .error_start(error_start),
      .error_cut(error_cut)
  );

  wire take = s_valid && s_ready;
  wire give = m_valid && m_ready;

  reg started_q = 1'b0;  // a reset was
  reg stalled_q, user_q, last_q, bad_q;
  reg [7:0] data_q, taken_q;
  reg [2:0] width_q, height_q, x_q, y_q;  // the size, and what leaves next
  reg inside_q;  // of an output frame, behind its first pixel
  reg start_q;  // a start of frame was taken in the last cycle
  reg repaired_q;  // an error was said of the frame that leaves
  reg [5:0] waited_q;  // cycles that an offered pixel waits without a stall of the output
  wire x_end = x_q == width_q - 3'd1;
  wire y_end = y_q == height_q - 3'd1;
  wire mark = error_short || error_long || error_cut;
  always @(posedge clk) begin
    started_q <= 1'b1;
    stalled_q <= m_valid && !m_ready && !rst;
    {data_q, user_q, last_q, bad_q} <= {m_data, m_user, m_last, m_bad};
    start_q <= take && s_user && !rst;
    if (take) taken_q <= s_data;
    if (take && s_user) {width_q, height_q} <= {cfg_width, cfg_height};
    if (rst) {inside_q, x_q, y_q} <= 7'd0;
    else if (give) begin
      inside_q <= !(x_end && y_end);
      x_q <= x_end ? 3'd0 : x_q + 3'd1;
      y_q <= !x_end ? y_q : y_end ? 3'd0 : y_q + 3'd1;
    end
    if (take && s_user) repaired_q <= mark;
    else if (mark) repaired_q <= 1'b1;
    if (rst || !s_valid || s_ready) waited_q <= 6'd0;
    else if (m_ready) waited_q <= waited_q + 6'd1;
  end

  // Where the block is, in its own words
  localparam [2:0] OUTSIDE = 3'd0, PIXELS = 3'd1, FILL = 3'd2, EXCESS = 3'd3, CUT = 3'd4;
  (* hierconn *) wire [2:0] \dut.state_q ;
  (* hierconn *) wire [2:0] \dut.x_q ;
  (* hierconn *) wire [2:0] \dut.y_q ;
  (* hierconn *) wire [2:0] \dut.width_q ;
  (* hierconn *) wire [2:0] \dut.height_q ;
  wire [2:0] state = \dut.state_q ;
  wire at_start = \dut.x_q == 3'd0 && \dut.y_q == 3'd0;
  wire [2:0] x_next = x_end ? 3'd0 : x_q + 3'd1;
  wire [2:0] y_next = !x_end ? y_q : y_end ? 3'd0 : y_q + 3'd1;
  wire [4:0] left = {2'd0, \dut.height_q } * {2'd0, \dut.width_q }
      - {2'd0, \dut.y_q } * {2'd0, \dut.width_q } - {2'd0, \dut.x_q };
  wire [4:0] line_left = {2'd0, \dut.width_q } - {2'd0, \dut.x_q };

  always @* begin
    if (!started_q) assume (rst);
    assume (cfg_width >= 3'd2 && cfg_width <= 3'd5 && cfg_height >= 3'd1 && cfg_height <= 3'd3);
    if (started_q) begin
      // The output's rules
      if (stalled_q) assert (m_valid && {m_data, m_user, m_last, m_bad} == {data_q, user_q, last_q, bad_q});
      if (m_valid) assert (m_user == !inside_q);
      if (m_valid) assert (m_last == x_end);
      if (m_valid) assert (!m_bad || (x_end && y_end));
      if (m_valid && m_user) assert (m_data == taken_q);
      if (start_q) assert (m_valid && m_user);  // what was taken as a start is one
      // No deadlock: a line and a frame, of at most 15 pixels together, are filled up first
      assert (waited_q <= 6'd19);

      // Why
      assert (state <= CUT);
      if (!m_valid) assert (\dut.x_q == x_q && \dut.y_q == y_q);
      else assert (\dut.x_q == x_next && \dut.y_q == y_next);
      if (m_valid || inside_q) assert (\dut.width_q == width_q && \dut.height_q == height_q);
      if (m_valid || inside_q)
        assert (width_q >= 3'd2 && width_q <= 3'd5 && height_q >= 3'd1 && height_q <= 3'd3);
      if (m_valid || inside_q) assert (x_q < width_q && y_q < height_q);
      if (!inside_q) assert (x_q == 3'd0 && y_q == 3'd0);
      if (inside_q) assert (x_q != 3'd0 || y_q != 3'd0);
      if (state == OUTSIDE) assert (at_start);
      if (state == PIXELS || state == CUT) assert (!at_start);
      if (state == FILL) assert (\dut.x_q != 3'd0);
      if (state == EXCESS) assert (\dut.x_q == 3'd0);
      if (state == CUT) assert (waited_q + {1'b0, left} <= 6'd19);
      else if (state == FILL) assert (waited_q + {1'b0, line_left} <= 6'd4);
      else if (state != OUTSIDE) assert (waited_q <= 6'd4);

      cover (m_valid && m_last && m_bad && y_q == 3'd1 && width_q == 3'd3);
      cover (m_valid && m_last && y_end && !m_bad && height_q == 3'd2);
      cover (waited_q == 6'd5);
      cover (error_long && y_q == 3'd1);
    end
  end

endmodule

`default_nettype wire
