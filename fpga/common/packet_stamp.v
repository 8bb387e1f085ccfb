// SPDX-License-Identifier: Apache-2.0
// Append to each packet of tracks the time at which its frame began: two words, low and high.
//
// The packet's word 2 is the number of cycles since the frame's last pixel (docs/chip/streams.md). The
// last start of frame before that pixel is the frame's own. A frame that was lost has the time of that
// start or, where the next one cut it, of the next one's.
// Latency:    1 cycle. Throughput: a word a cycle, and two more a packet.
`default_nettype none

module packet_stamp (
    input wire clk,
    input wire rst,

    input wire [63:0] now,
    input wire        start,  // pulse: the first pixel of a frame

    input  wire        s_axis_tvalid,
    output wire        s_axis_tready,
    input  wire [31:0] s_axis_tdata,
    input  wire        s_axis_tuser,  // first word
    input  wire        s_axis_tlast,

    output wire        m_axis_tvalid,
    input  wire        m_axis_tready,
    output wire [31:0] m_axis_tdata,
    output wire        m_axis_tlast
);

  // The last starts, youngest first: while a packet is sent, two frames may begin behind its own.
  reg [63:0] start0_q, start1_q, start2_q, start3_q;
  reg [31:0] seen_q;  // when the first word was offered
  reg [31:0] end_q;  // the last pixel
  reg [1:0] word_q;  // of the header: 3 behind it
  reg first_q;  // the first word has been offered
  reg [1:0] tail_q;  // words to append
  reg [63:0] time_q;
  reg choose_q;  // takes a cycle: a packet may end with word 2

  // Of two times less than 2^31 cycles apart, the sign of the difference says which is later.
  wire [31:0] after0 = end_q - start0_q[31:0];
  wire [31:0] after1 = end_q - start1_q[31:0];
  wire [31:0] after2 = end_q - start2_q[31:0];
  wire unused = &{1'b0, after0[30:0], after1[30:0], after2[30:0]};
  wire give = s_axis_tvalid && s_axis_tready;

  always @(posedge clk) begin
    if (start) begin
      start0_q <= now;
      start1_q <= start0_q;
      start2_q <= start1_q;
      start3_q <= start2_q;
    end
    if (s_axis_tvalid && s_axis_tuser && !first_q) seen_q <= now[31:0];
    if (give && word_q == 2'd2) end_q <= seen_q - s_axis_tdata;
    if (tail_q != 2'd0 && m_axis_tvalid && m_axis_tready) time_q <= {32'd0, time_q[63:32]};
    if (choose_q) time_q <= !after0[31] ? start0_q : !after1[31] ? start1_q : !after2[31] ? start2_q : start3_q;
    if (rst) begin
      word_q <= 2'd0;
      first_q <= 1'b0;
      tail_q <= 2'd0;
      choose_q <= 1'b0;
    end else begin
      choose_q <= give && word_q == 2'd2;
      if (s_axis_tvalid && s_axis_tuser) first_q <= !give;
      if (give) word_q <= s_axis_tlast ? 2'd0 : word_q == 2'd3 ? 2'd3 : word_q + 2'd1;
      if (give && s_axis_tlast) tail_q <= 2'd2;
      else if (tail_q != 2'd0 && m_axis_tvalid && m_axis_tready) tail_q <= tail_q - 2'd1;
    end
  end

  assign s_axis_tready = m_axis_tready && tail_q == 2'd0;
  assign m_axis_tvalid = tail_q == 2'd0 ? s_axis_tvalid : !choose_q;
  assign m_axis_tdata = tail_q == 2'd0 ? s_axis_tdata : time_q[31:0];
  assign m_axis_tlast = tail_q == 2'd1;

endmodule

`default_nettype wire
