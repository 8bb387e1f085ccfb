// SPDX-License-Identifier: Apache-2.0
// Properties of pyramid.v's output: for each frame of W x H that goes in, one of ceil(W/2) x
// ceil(H/2) comes out, with one start and the end of each line marked; stable until taken; neither
// side waits for ever.
//
// Assumed: whole frames go in (frame_guard's proof), back to back or with any pauses; sizes 8 or 9.
// Pixels do not matter here, so they are 0: their bits are equal to the golden model in simulation.
`default_nettype none

module pyramid_proof (
    input wire clk,
    input wire rst,
    input wire s_valid,
    input wire m_ready
);

  wire odd_width, odd_height;
  assign odd_width = $anyconst;
  assign odd_height = $anyconst;
  wire [4:0] width = odd_width ? 5'd9 : 5'd8;
  wire [4:0] height = odd_height ? 5'd9 : 5'd8;
  wire [4:0] columns = odd_width ? 5'd5 : 5'd4;
  wire [4:0] rows = odd_height ? 5'd5 : 5'd4;

  reg [4:0] in_x_q, in_y_q;  // the pixel that the input gives
  wire s_ready, m_valid, m_user, m_last;
  wire [7:0] m_data;
  pyramid #(
      .MAX_WIDTH(16),
      .SIZE_W(5)
  ) dut (
      .clk(clk),
      .rst(rst),
      .cfg_width(width),
      .cfg_height(height),
      .s_axis_tvalid(s_valid),
      .s_axis_tready(s_ready),
      .s_axis_tdata(8'd0),
      .s_axis_tuser(in_x_q == 5'd0 && in_y_q == 5'd0),
      .s_axis_tlast(in_x_q == width - 5'd1),
      .m_axis_tvalid(m_valid),
      .m_axis_tready(m_ready),
      .m_axis_tdata(m_data),
      .m_axis_tuser(m_user),
      .m_axis_tlast(m_last)
  );

  wire take = s_valid && s_ready;
  wire give = m_valid && m_ready;
  wire in_end = in_x_q == width - 5'd1;
  wire out_end = out_x_q == columns - 5'd1;
  reg started_q = 1'b0;  // a reset was
  reg [4:0] out_x_q, out_y_q;  // what leaves next
  reg stalled_q, user_q, last_q;
  reg [7:0] data_q;
  reg [4:0] waited_q;  // cycles of an input that waits, without a stall of the output
  always @(posedge clk) begin
    started_q <= 1'b1;
    stalled_q <= m_valid && !m_ready && !rst;
    {data_q, user_q, last_q} <= {m_data, m_user, m_last};
    if (rst) {in_x_q, in_y_q, out_x_q, out_y_q} <= 20'd0;
    else begin
      if (take) begin
        in_x_q <= in_end ? 5'd0 : in_x_q + 5'd1;
        in_y_q <= !in_end ? in_y_q : in_y_q == height - 5'd1 ? 5'd0 : in_y_q + 5'd1;
      end
      if (give) begin
        out_x_q <= out_end ? 5'd0 : out_x_q + 5'd1;
        out_y_q <= !out_end ? out_y_q : out_y_q == rows - 5'd1 ? 5'd0 : out_y_q + 5'd1;
      end
    end
    if (rst || !s_valid || s_ready) waited_q <= 5'd0;
    else if (m_ready) waited_q <= waited_q + 5'd1;
  end

  // Where the pixels are: in stages B, taps and C, across, and at the output
  (* hierconn *) wire [4:0] \dut.x_q ;
  (* hierconn *) wire [4:0] \dut.y_q ;
  (* hierconn *) wire \dut.flush_q ;
  (* hierconn *) wire [4:0] \dut.flush_x_q ;
  (* hierconn *) wire \dut.b_emit_q ;
  (* hierconn *) wire \dut.b_first_q ;
  (* hierconn *) wire [4:0] \dut.b_x_q ;
  (* hierconn *) wire \dut.taps_emit_q ;
  (* hierconn *) wire \dut.taps_first_q ;
  (* hierconn *) wire [4:0] \dut.taps_x_q ;
  (* hierconn *) wire \dut.c_valid_q ;
  (* hierconn *) wire \dut.c_first_q ;
  (* hierconn *) wire [4:0] \dut.c_x_q ;
  (* hierconn *) wire \dut.tail_q ;
  (* hierconn *) wire \dut.start_q ;

  // A column sum that is under way (its column and row in the output's rows), or the next to come.
  // Sums come in order: in row r (from 0) columns 0 .. width - 1.
  reg [4:0] sum_x_q, sum_y_q;  // of the next sum that enters stage B
  wire enable = !m_valid || m_ready;
  wire emit = \dut.flush_q || (take && !in_y_q[0] && in_y_q != 5'd0);
  always @(posedge clk) begin
    if (rst) {sum_x_q, sum_y_q} <= 10'd0;
    else if (enable && emit) begin
      sum_x_q <= sum_x_q == width - 5'd1 ? 5'd0 : sum_x_q + 5'd1;
      sum_y_q <= sum_x_q != width - 5'd1 ? sum_y_q : sum_y_q == rows - 5'd1 ? 5'd0 : sum_y_q + 5'd1;
    end
  end

  // The sum after the one in a stage; what follows from the sums that have passed stage C.
  function [9:0] before(input [9:0] place, input there);  // {y, x} one sum back
    before = !there ? place
        : place[4:0] != 5'd0 ? {place[9:5], place[4:0] - 5'd1}
        : {place[9:5] == 5'd0 ? rows - 5'd1 : place[9:5] - 5'd1, width - 5'd1};
  endfunction
  wire [9:0] at_b = before({sum_y_q, sum_x_q}, \dut.b_emit_q );  // what B holds, or gets next
  wire [9:0] at_taps = before(at_b, \dut.taps_emit_q );
  wire [9:0] at_c = before(at_taps, \dut.c_valid_q );
  // Outputs given or at the output register: sums 2, 4, ... of a row give one, and its tail one more.
  wire [9:0] next_out = {out_y_q, out_x_q};
  wire [4:0] tail_columns = \dut.tail_q ? columns - 5'd1 : at_c[4:0] == 5'd0 ? 5'd0 : (at_c[4:0] - 5'd1) >> 1;
  wire [4:0] tail_row = !\dut.tail_q ? at_c[9:5] : at_c[9:5] == 5'd0 ? rows - 5'd1 : at_c[9:5] - 5'd1;
  wire [4:0] made_x = m_valid ? (out_end ? 5'd0 : out_x_q + 5'd1) : out_x_q;
  wire [4:0] made_y = !(m_valid && out_end) ? out_y_q : out_y_q == rows - 5'd1 ? 5'd0 : out_y_q + 5'd1;

  always @* begin
    if (!started_q) assume (rst);
    if (started_q) begin
      // The stream's rules
      if (stalled_q) assert (m_valid && {m_data, m_user, m_last} == {data_q, user_q, last_q});
      if (m_valid) assert (m_user == (out_x_q == 5'd0 && out_y_q == 5'd0));
      if (m_valid) assert (m_last == out_end);
      assert (out_x_q < columns && out_y_q < rows);
      // No deadlock: the last row of the frame before is read once more
      assert (waited_q <= 5'd9);

      // Why: inputs
      assert (in_x_q < width && in_y_q < height);
      assert (\dut.x_q == in_x_q && \dut.y_q == in_y_q);
      if (\dut.flush_q ) assert (\dut.flush_x_q < width && in_y_q <= 5'd1);
      if (\dut.flush_q ) assert (in_y_q == 5'd0 ? in_x_q <= \dut.flush_x_q : in_x_q == 5'd0);
      if (\dut.flush_q ) assert (sum_x_q == \dut.flush_x_q && sum_y_q == rows - 5'd1);
      else if (in_y_q == 5'd0 || in_y_q == 5'd1) assert (sum_x_q == 5'd0 && sum_y_q == 5'd0);
      else if (in_y_q[0]) assert (sum_x_q == 5'd0 && sum_y_q == in_y_q >> 1);
      else assert (sum_x_q == in_x_q && sum_y_q == (in_y_q >> 1) - 5'd1);
      if (\dut.flush_q ) assert (waited_q <= \dut.flush_x_q );
      // sums
      if (\dut.b_emit_q ) assert (\dut.b_x_q == at_b[4:0]);
      if (\dut.taps_emit_q ) assert (\dut.taps_x_q == at_taps[4:0]);
      if (\dut.c_valid_q ) assert (\dut.c_x_q == at_c[4:0]);
      if (\dut.b_emit_q ) assert (\dut.b_first_q == (at_b == 10'd0));
      if (\dut.taps_emit_q ) assert (\dut.taps_first_q == (at_taps == 10'd0));
      if (\dut.c_valid_q ) assert (\dut.c_first_q == (at_c == 10'd0));
      // outputs
      assert (!\dut.tail_q || at_c[4:0] == 5'd0);
      assert (made_x == tail_columns && made_y == tail_row);
      if (\dut.start_q ) assert (made_x == 5'd0 && made_y == 5'd0);
      if (made_x == 5'd0 && made_y == 5'd0) assert (\dut.start_q == (at_c[4:0] != 5'd0));

      cover (give && m_last && out_y_q == 5'd0);
    end
  end

endmodule

`default_nettype wire
