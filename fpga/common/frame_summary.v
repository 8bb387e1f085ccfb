// SPDX-License-Identifier: Apache-2.0
// Sum up each pair of frames in a packet: what shows whether the cameras are wired and set up well.
//
// The packet, sent when the left frame's last pixel is known, has seven words: "SUM1", the number of the
// frame, the cycles since its last pixel (where a packet of tracks has them, for packet_stamp), then of the
// left and of the last whole right frame {lines, pixels of the last line} and the sum of its pixels.
// A frame ends where the next one begins or breaks off; the sums wrap.
// Latency:    3 cycles from the next frame's start. Throughput: a pixel a cycle on both streams, which
//             never wait; a packet that finds the last one unsent is left out.
`default_nettype none

module frame_summary (
    input wire clk,
    input wire rst,

    // tuser[0] start of frame, tlast end of line; tuser[1] the frame breaks off, no pixel
    input  wire       s_left_axis_tvalid,
    output wire       s_left_axis_tready,
    input  wire [7:0] s_left_axis_tdata,
    input  wire [1:0] s_left_axis_tuser,
    input  wire       s_left_axis_tlast,
    input  wire       s_right_axis_tvalid,
    output wire       s_right_axis_tready,
    input  wire [7:0] s_right_axis_tdata,
    input  wire [1:0] s_right_axis_tuser,
    input  wire       s_right_axis_tlast,

    output wire        m_axis_tvalid,
    input  wire        m_axis_tready,
    output wire [31:0] m_axis_tdata,
    output wire        m_axis_tuser,  // first word
    output wire        m_axis_tlast
);

  localparam [31:0] IDENTITY = 32'h53554D31;  // "SUM1"

  wire left_ends, right_ends;
  wire [63:0] left, right;
  reg [63:0] right_q;
  reg [31:0] number_q;
  reg [31:0] idle_q, since_q;  // cycles since the last left pixel, now and when its frame ended
  reg [223:0] packet_q;
  reg [2:0] words_q;

  frame_sum left_sum (
      .clk(clk),
      .rst(rst),
      .s_axis_tvalid(s_left_axis_tvalid),
      .s_axis_tdata(s_left_axis_tdata),
      .s_axis_tuser(s_left_axis_tuser),
      .s_axis_tlast(s_left_axis_tlast),
      .ends(left_ends),
      .sum(left)
  );
  frame_sum right_sum (
      .clk(clk),
      .rst(rst),
      .s_axis_tvalid(s_right_axis_tvalid),
      .s_axis_tdata(s_right_axis_tdata),
      .s_axis_tuser(s_right_axis_tuser),
      .s_axis_tlast(s_right_axis_tlast),
      .ends(right_ends),
      .sum(right)
  );

  wire give = m_axis_tvalid && m_axis_tready;
  wire begins = left_ends && words_q == 3'd0;

  always @(posedge clk) begin
    idle_q <= s_left_axis_tvalid && !s_left_axis_tuser[1] ? 32'd1 : idle_q + 32'd1;
    if (s_left_axis_tvalid && s_left_axis_tuser != 2'd0) since_q <= idle_q + 32'd2;  // when it is offered
    if (begins) packet_q <= {right_ends ? right : right_q, left, since_q, number_q, IDENTITY};
    else if (give) packet_q <= {32'd0, packet_q[223:32]};
    if (rst) begin
      words_q <= 3'd0;
      number_q <= 32'd0;
      right_q <= 64'd0;
    end else begin
      if (left_ends) number_q <= number_q + 32'd1;
      if (right_ends) right_q <= right;
      if (begins) words_q <= 3'd7;
      else if (give) words_q <= words_q - 3'd1;
    end
  end

  assign s_left_axis_tready = 1'b1;
  assign s_right_axis_tready = 1'b1;
  assign m_axis_tvalid = words_q != 3'd0;
  assign m_axis_tdata = packet_q[31:0];
  assign m_axis_tuser = words_q == 3'd7;
  assign m_axis_tlast = words_q == 3'd1;

endmodule

`default_nettype wire
