// SPDX-License-Identifier: Apache-2.0
// Properties of frame_guard.v for any input of pixels, well formed or not: frames of the set size leave,
// whole or cut; the output is stable until taken; no pixel waits for longer than the rest of a
// line; a good frame passes whole and unmarked, whatever came before it.
//
// Assumed: sizes 2..5 x 1..3 and the enable stand while a frame is under way; it stops after 2
// cycles without a pixel. Nothing of the input: it may even withdraw what it offered.
`default_nettype none

module frame_guard_proof (
    input wire       clk,
    input wire       rst,
    input wire       cfg_enable,
    input wire [2:0] cfg_width,
    input wire [2:0] cfg_height,
    input wire       s_valid,
    input wire [7:0] s_data,
    input wire [1:0] s_user,
    input wire       s_last,
    input wire       m_ready
);

  localparam [1:0] STOP = 2'd2;
  wire s_ready, m_valid, m_user, m_last, m_end, m_bad, m_cut, m_inside;
  wire [7:0] m_data;
  wire error_short, error_long, error_start, error_cut, error_stop;
  frame_guard #(
      .SIZE_W(3),
      .STOP_W(2)
  ) dut (
      .clk(clk),
      .rst(rst),
      .cfg_enable(cfg_enable),
      .cfg_width(cfg_width),
      .cfg_height(cfg_height),
      .cfg_stop(STOP),
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
      .m_end(m_end),
      .m_bad(m_bad),
      .m_cut(m_cut),
      .m_inside(m_inside),
      .error_short(error_short),
      .error_long(error_long),
      .error_start(error_start),
      .error_cut(error_cut),
      .error_stop(error_stop)
  );

  localparam [2:0] OUTSIDE = 3'd0, PIXELS = 3'd1, FILL = 3'd2, EXCESS = 3'd3, CUT = 3'd4;
  (* hierconn *) wire [2:0] \dut.state_q ;
  (* hierconn *) wire [2:0] \dut.x_q ;
  (* hierconn *) wire [2:0] \dut.y_q ;
  (* hierconn *) wire [1:0] \dut.stop_q ;
  (* hierconn *) wire \dut.bad_q ;
  wire [2:0] state = \dut.state_q ;

  wire take = s_valid && s_ready;
  wire give = m_valid && m_ready;
  wire start = take && s_user == 2'b01 && cfg_enable;
  wire begins = start && (state == OUTSIDE || state == EXCESS);

  reg started_q = 1'b0;  // a reset was
  reg stalled_q;
  reg [13:0] word_q;
  reg [7:0] taken_q;
  reg [2:0] width_q, height_q, x_q, y_q;  // the sizes of the last cycle; what leaves next
  reg enable_q, inside_now_q;
  reg inside_q;  // of an output frame, behind its first pixel
  reg start_q;  // a start of frame was taken in the last cycle
  reg repaired_q;  // an error was said of the frame that leaves
  reg [3:0] waited_q;  // cycles that an offered pixel waits without a stall of the output
  // The input, from the last start that was taken: a good frame so far, and its next pixel
  reg good_q;
  reg [2:0] gx_q, gy_q;
  reg passed_q;  // a good frame has been taken to its end in the last cycle
  wire gx_end = gx_q == cfg_width - 3'd1;
  wire gy_end = gy_q == cfg_height - 3'd1;
  wire x_end = x_q == cfg_width - 3'd1;
  wire y_end = y_q == cfg_height - 3'd1;
  wire mark = error_short || error_long;
  always @(posedge clk) begin
    started_q <= 1'b1;
    stalled_q <= m_valid && !m_ready && !rst;
    word_q <= {m_data, m_user, m_last, m_end, m_bad};
    start_q <= start && !rst;
    if (take) taken_q <= s_data;
    {enable_q, width_q, height_q} <= {cfg_enable, cfg_width, cfg_height};
    inside_now_q <= m_inside && !rst;
    if (rst || m_cut) {inside_q, x_q, y_q} <= 7'd0;
    else if (give) begin
      inside_q <= !(x_end && y_end);
      x_q <= x_end ? 3'd0 : x_q + 3'd1;
      y_q <= !x_end ? y_q : y_end ? 3'd0 : y_q + 3'd1;
    end
    if (begins) repaired_q <= mark;
    else if (mark) repaired_q <= 1'b1;
    if (rst || !s_valid || s_ready) waited_q <= 4'd0;
    else if (m_ready) waited_q <= waited_q + 4'd1;

    passed_q <= 1'b0;
    if (rst) good_q <= 1'b0;
    else if (start) begin
      good_q <= s_last == (cfg_width == 3'd1);
      {gx_q, gy_q} <= {3'd1, 3'd0};
    end else if (good_q) begin
      if (take) begin
        good_q <= s_user == 2'b00 && s_last == gx_end && !(gx_end && gy_end);
        passed_q <= s_user == 2'b00 && s_last && gx_end && gy_end;
        gx_q <= gx_end ? 3'd0 : gx_q + 3'd1;
        gy_q <= gx_end ? gy_q + 3'd1 : gy_q;
      end else if ((s_valid && s_user[0]) || error_stop || \dut.stop_q == STOP) good_q <= 1'b0;
    end
  end

  // Where the block is, in its own words
  wire at_start = \dut.x_q == 3'd0 && \dut.y_q == 3'd0;
  wire [2:0] x_next = x_end ? 3'd0 : x_q + 3'd1;
  wire [2:0] y_next = !x_end ? y_q : y_end ? 3'd0 : y_q + 3'd1;
  wire [3:0] line_left = {1'b0, cfg_width} - {1'b0, \dut.x_q };

  always @* begin
    if (!started_q) assume (rst);
    assume (cfg_width >= 3'd2 && cfg_width <= 3'd5 && cfg_height >= 3'd1 && cfg_height <= 3'd3);
    if (started_q && inside_now_q) assume ({cfg_width, cfg_height} == {width_q, height_q});
    if (started_q) begin
      // The output's rules
      if (stalled_q) assert (m_valid && {m_data, m_user, m_last, m_end, m_bad} == word_q);
      if (m_valid) assert (m_user == !inside_q && m_last == x_end && m_end == (x_end && y_end));
      if (m_valid) assert (!m_bad || m_end);
      if (m_valid && m_end) assert (m_bad == repaired_q || start_q);
      if (m_valid && m_user) assert (m_data == taken_q);
      if (m_cut) assert (!m_valid && inside_q);  // never of a frame that is whole, or of none
      if (start_q) assert (m_valid && m_user);  // what was taken as a start is one
      if (!m_inside) assert (!m_valid && !inside_q);
      // No frame waits for another one: the rest of a line, and two cycles, are the most
      assert (waited_q <= 4'd6);
      // A good frame passes whole, without a repair, whatever came before
      if (good_q) assert (state == PIXELS && \dut.x_q == gx_q && \dut.y_q == gy_q && !\dut.bad_q );
      if (passed_q) assert (m_valid && m_end && !m_bad && !m_cut);

      // Why
      assert (state <= CUT);
      assert (\dut.stop_q <= STOP);
      if (state != CUT) begin
        if (!m_valid) assert (\dut.x_q == x_q && \dut.y_q == y_q);
        else assert (\dut.x_q == x_next && \dut.y_q == y_next);
      end else assert (at_start && inside_q);
      if (m_valid || inside_q) assert (x_q < cfg_width && y_q < cfg_height);
      if (!inside_q) assert (x_q == 3'd0 && y_q == 3'd0);
      if (inside_q) assert (x_q != 3'd0 || y_q != 3'd0);
      if (state == OUTSIDE) assert (at_start);
      if (state == PIXELS) assert (!at_start);
      if (state == PIXELS || state == FILL) assert (repaired_q == \dut.bad_q );
      if (state == EXCESS && !at_start) assert (repaired_q == \dut.bad_q );
      if (state == FILL) assert (\dut.x_q != 3'd0);
      if (state == EXCESS) assert (\dut.x_q == 3'd0);
      if (state == FILL) assert (waited_q + line_left <= 4'd4);
      else assert (waited_q <= (state == OUTSIDE ? 4'd6 : state == CUT ? 4'd5 : 4'd4));
      if (good_q) assert (gx_q < cfg_width && gy_q < cfg_height && !(gx_q == 3'd0 && gy_q == 3'd0));

      cover (m_cut && waited_q != 4'd0);
      cover (m_valid && m_end && m_bad && width_q == 3'd3 && height_q == 3'd2);
      cover (passed_q && height_q == 3'd2 && repaired_q == 1'b0);
      cover (error_stop);
      cover (error_long && y_q == 3'd1);
    end
  end

endmodule

`default_nettype wire
