// SPDX-License-Identifier: Apache-2.0
// Properties of track_output.v: a packet of 3 + 6 count words for each start, its first word marked
// and its last; stable until taken; done once, after the last word; no word waits for ever. A packet
// that is stopped ends too, with a word of ones behind a header or a track, or as it would have.
//
// Assumed: a start only when no packet is under way but one that was stopped, and one at a time,
// of at most 3 tracks, whose values stand until it is done; the table answers a read once, within 2
// cycles, unless a stop comes.
`default_nettype none

module track_output_proof (
    input wire         clk,
    input wire         rst,
    input wire         start,
    input wire         stop,
    input wire [  1:0] count,
    input wire [ 31:0] frame_number,
    input wire [ 31:0] cycles,
    input wire         keyframe,
    input wire         lost,
    input wire         right,
    input wire         repaired,
    input wire         a_valid,
    input wire [407:0] a_row,
    input wire         m_ready
);

  `include "vio_params.vh"

  wire r_valid, m_valid, m_user, m_last, done, sent;
  wire [TRACK_COUNT_BITS-1:0] r_index;
  wire [31:0] m_data;
  track_output dut (
      .clk(clk),
      .rst(rst),
      .stop(stop),
      .start(start),
      .count({{(TRACK_COUNT_BITS - 2) {1'b0}}, count}),
      .frame_number(frame_number),
      .cycles(cycles),
      .keyframe(keyframe),
      .lost(lost),
      .right(right),
      .repaired(repaired),
      .done(done),
      .sent(sent),
      .r_valid(r_valid),
      .r_index(r_index),
      .a_valid(a_valid),
      .a_row(a_row),
      .m_axis_tvalid(m_valid),
      .m_axis_tready(m_ready),
      .m_axis_tdata(m_data),
      .m_axis_tuser(m_user),
      .m_axis_tlast(m_last)
  );

  wire give = m_valid && m_ready;
  reg started_q = 1'b0;  // a reset was
  reg busy_q;  // a packet is under way
  reg [1:0] tracks_q, track_q;  // of the packet; those given
  reg [4:0] total_q, given_q;  // words
  reg [2:0] word_q;  // of the header or the track
  reg head_q;
  reg read_q;  // a read has no answer yet
  reg [1:0] read_cycles_q;
  reg [2:0] waited_q;  // cycles without a word
  reg stalled_q, user_q, last_q, over_q;
  reg stopped_q;  // the packet under way
  reg asked_q;  // a start waits for the end of a packet that was stopped
  reg [1:0] count_q;
  reg lost_q;
  wire go = (start || asked_q) && !busy_q && !stop;
  wire closing = m_valid && stopped_q && m_data == 32'hFFFFFFFF && \dut.state_q == 3'd4;
  reg [31:0] data_q, id_q;
  always @(posedge clk) begin
    started_q <= 1'b1;
    stalled_q <= m_valid && !m_ready && !rst;
    {data_q, user_q, last_q} <= {m_data, m_user, m_last};
    over_q <= give && m_last && !rst && !stop && !stopped_q;
    stopped_q <= !rst && busy_q && (stop || stopped_q) && !(give && m_last);
    asked_q <= !rst && !stop && (start || asked_q) && busy_q;
    {count_q, lost_q} <= {count, lost};
    if (rst) busy_q <= 1'b0;
    else if (go) busy_q <= 1'b1;
    else if (give && m_last) busy_q <= 1'b0;
    if (go) begin
      tracks_q <= lost ? 2'd0 : count;
      total_q <= 5'd3 + (lost ? 5'd0 : {3'd0, count} * 5'd6);
      {given_q, track_q, word_q, head_q} <= {5'd0, 2'd0, 3'd0, 1'b1};
    end else if (give) begin
      given_q <= given_q + 5'd1;
      word_q <= word_q == (head_q ? 3'd2 : 3'd5) ? 3'd0 : word_q + 3'd1;
      if (word_q == (head_q ? 3'd2 : 3'd5)) head_q <= 1'b0;
      if (!head_q && word_q == 3'd5) track_q <= track_q + 2'd1;
    end
    read_q <= !rst && !(stop || stopped_q) && (r_valid || (read_q && !a_valid));
    read_cycles_q <= rst || stop || stopped_q || r_valid || !read_q ? 2'd0 : read_cycles_q + 2'd1;
    if (a_valid) id_q <= a_row[31:0];
    waited_q <= rst || !busy_q || m_valid ? 3'd0 : waited_q + 3'd1;
  end

  localparam [2:0] IDLE = 3'd0, HEAD = 3'd1, READ = 3'd2, TRACK = 3'd3, CLOSE = 3'd4;
  (* hierconn *) wire [2:0] \dut.state_q ;
  (* hierconn *) wire \dut.stopped_q ;
  (* hierconn *) wire \dut.waiting_q ;
  (* hierconn *) wire [2:0] \dut.word_q ;
  (* hierconn *) wire \dut.asked_q ;
  (* hierconn *) wire [TRACK_COUNT_BITS-1:0] \dut.index_q ;
  (* hierconn *) wire [TRACK_COUNT_BITS-1:0] \dut.count_q ;
  (* hierconn *) wire [191:0] \dut.words_q ;
  wire [2:0] state = \dut.state_q ;

  always @* begin
    if (!started_q) assume (rst);
    if (started_q) begin
      if (start) assume ((!busy_q || stopped_q) && !asked_q && !rst);
      if (asked_q) assume ({count, lost} == {count_q, lost_q});
      if (a_valid) assume (read_q);
      if (read_q && read_cycles_q == 2'd1) assume (a_valid);

      // The stream's rules
      if (stalled_q) assert (m_valid && {m_data, m_user, m_last} == {data_q, user_q, last_q});
      if (m_valid) assert (busy_q && given_q < total_q);
      if (m_valid) assert (m_user == (given_q == 5'd0));
      if (m_valid) assert (m_last == (given_q == total_q - 5'd1 || closing));
      if (state == CLOSE) assert (closing && word_q == 3'd0 && given_q != 5'd0);
      assert (sent == (give && m_last && !stop && !stopped_q));
      assert (done == over_q);
      // A read a track, of that track; its identity comes first
      if (r_valid) assert (busy_q && !read_q && r_index == {{(TRACK_COUNT_BITS - 2) {1'b0}}, track_q});
      if (m_valid && !head_q && word_q == 3'd0 && !closing) assert (m_data == id_q);
      // No deadlock
      assert (waited_q <= 3'd4);

      // Why
      assert ((state != IDLE) == busy_q);
      assert (state <= CLOSE);
      assert (\dut.stopped_q == stopped_q && \dut.waiting_q == asked_q);
      if (asked_q) assert (!stopped_q || busy_q);
      if (busy_q) begin
        assert (head_q == (state == HEAD));
        assert (total_q == 5'd3 + {3'd0, tracks_q} * 5'd6);
        assert (given_q == (head_q ? {2'd0, word_q} : 5'd3 + {3'd0, track_q} * 5'd6 + {2'd0, word_q}));
        assert (\dut.index_q == {{(TRACK_COUNT_BITS - 2) {1'b0}}, track_q});
        assert (\dut.count_q == {{(TRACK_COUNT_BITS - 2) {1'b0}}, tracks_q});
        assert (head_q ? track_q == 2'd0 && word_q <= 3'd2 : track_q < tracks_q && word_q <= 3'd5);
        if (state == HEAD || state == TRACK) assert (\dut.word_q == word_q);
        if (state == READ && !stopped_q) assert (word_q == 3'd0 && \dut.asked_q == read_q);
        if (state == READ || state == CLOSE) assert (word_q == 3'd0);
        if (state == READ && !stopped_q) assert (waited_q == {1'b0, read_q ? read_cycles_q + 2'd1 : 2'd0});
        else if (state != READ) assert (waited_q <= 3'd4 && !read_q);
        else assert (waited_q <= 3'd3);
        if (state == TRACK && word_q == 3'd0) assert (\dut.words_q [31:0] == id_q);
      end else assert (!read_q);

      cover (give && m_last && tracks_q == 2'd2 && id_q == 32'd5);
      cover (give && closing && given_q == 5'd9);
      cover (asked_q && give && m_last);
      cover (give && m_last && tracks_q == 2'd0 && user_q == 1'b0);
    end
  end

endmodule

`default_nettype wire
