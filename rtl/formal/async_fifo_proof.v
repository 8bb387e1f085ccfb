// SPDX-License-Identifier: Apache-2.0
// Properties of async_fifo.v with two clocks that tick whenever the solver likes: nothing lost,
// nothing twice, order kept, never written when full nor read when empty; stable until taken.
//
// The solver marks one word (`pick`) when it goes in; `ahead` counts the words in front of it.
// Time is a sequence of instants; in each, either clock, both or none has an edge: the clocks are
// enables of one clock (clock_enables.v).
// Assumed: both sides are reset together first. Not modelled: a register that is metastable for
// longer than its clock; the Gray code is proven to change one bit at a time instead.
`default_nettype none

module async_fifo_proof (
    input wire       clk,
    input wire       rst,
    input wire       s_edge,
    input wire       m_edge,
    input wire       s_valid,
    input wire [1:0] s_data,
    input wire       m_ready,
    input wire       pick
);

  wire s_ready, m_valid;
  wire [1:0] m_data;
  async_fifo #(
      .WIDTH(2),
      .DEPTH(4)
  ) dut (
      .s_clk(s_edge),
      .s_rst(rst),
      .s_valid(s_valid),
      .s_ready(s_ready),
      .s_data(s_data),
      .m_clk(m_edge),
      .m_rst(rst),
      .m_valid(m_valid),
      .m_ready(m_ready),
      .m_data(m_data)
  );

  wire push = s_edge && s_valid && s_ready;
  wire pop = m_edge && m_valid && m_ready;

  reg started_q = 1'b0;  // a reset was
  reg marked_q, stalled_q;
  reg [1:0] marked_data_q, stalled_data_q;
  reg [2:0] held_q, ahead_q;  // with the word in the output register: at most 5
  reg [2:0] write_gray_q, read_gray_q;
  always @(posedge clk) begin
    started_q <= 1'b1;
    stalled_q <= m_valid && !(m_edge && m_ready) && !rst;
    stalled_data_q <= m_data;
    held_q <= rst ? 3'd0 : held_q + {2'd0, push} - {2'd0, pop};
    if (rst || (marked_q && pop && ahead_q == 3'd0)) marked_q <= 1'b0;
    else if (marked_q) ahead_q <= ahead_q - {2'd0, pop};
    else if (push && pick) begin
      marked_q <= 1'b1;
      marked_data_q <= s_data;
      ahead_q <= held_q - {2'd0, pop};
    end
    write_gray_q <= rst ? 3'd0 : \dut.write_gray_q ;
    read_gray_q <= rst ? 3'd0 : \dut.read_gray_q ;
  end

  // Pointers in order of time: read <= what the writer saw of it <= ... <= write
  (* hierconn *) wire [2:0] \dut.write_q ;
  (* hierconn *) wire [2:0] \dut.write_gray_q ;
  (* hierconn *) wire [2:0] \dut.write_cross_q ;
  (* hierconn *) wire [2:0] \dut.write_seen_q ;
  (* hierconn *) wire [2:0] \dut.read_q ;
  (* hierconn *) wire [2:0] \dut.read_gray_q ;
  (* hierconn *) wire [2:0] \dut.read_cross_q ;
  (* hierconn *) wire [2:0] \dut.read_seen_q ;
  (* hierconn *) wire [1:0] \dut.word_mem[0] ;
  (* hierconn *) wire [1:0] \dut.word_mem[1] ;
  (* hierconn *) wire [1:0] \dut.word_mem[2] ;
  (* hierconn *) wire [1:0] \dut.word_mem[3] ;

  function [2:0] binary(input [2:0] gray);
    binary = {gray[2], gray[2] ^ gray[1], gray[2] ^ gray[1] ^ gray[0]};
  endfunction
  wire [2:0] write = \dut.write_q ;
  wire [2:0] read = \dut.read_q ;
  wire [2:0] in_memory = write - read;
  wire [2:0] write_cross = write - binary(\dut.write_cross_q );  // how far behind it is
  wire [2:0] write_seen = write - binary(\dut.write_seen_q );
  wire [2:0] read_cross = write - binary(\dut.read_cross_q );  // words, as it sees them
  wire [2:0] read_seen = write - binary(\dut.read_seen_q );
  wire [2:0] write_change = \dut.write_gray_q ^ write_gray_q;
  wire [2:0] read_change = \dut.read_gray_q ^ read_gray_q;

  wire [2:0] behind = ahead_q - {2'd0, m_valid};  // its place in the memory
  wire [1:0] place = read[1:0] + behind[1:0];
  wire [1:0] stored = place[1] ? (place[0] ? \dut.word_mem[3] : \dut.word_mem[2] )
                               : (place[0] ? \dut.word_mem[1] : \dut.word_mem[0] );

  always @* begin
    if (!started_q) assume (rst);
    if (rst) assume (s_edge && m_edge);
    if (started_q) begin
      assert (held_q == in_memory + {2'd0, m_valid} && held_q <= 3'd5);
      assert (in_memory <= 3'd4);
      if (in_memory == 3'd4) assert (!s_ready);  // never written when full
      assert (!(marked_q && ahead_q >= held_q));
      if (marked_q && ahead_q == 3'd0 && m_valid) assert (m_data == marked_data_q);
      if (held_q == 3'd0) assert (!m_valid);  // never read when empty
      if (stalled_q) assert (m_valid && m_data == stalled_data_q);
      assert ((write_change & (write_change - 3'd1)) == 3'd0);
      assert ((read_change & (read_change - 3'd1)) == 3'd0);

      // Why
      assert (binary(\dut.write_gray_q ) == write && binary(\dut.read_gray_q ) == read);
      assert (write_cross <= write_seen && write_seen <= in_memory);
      assert (read_cross <= read_seen && in_memory <= read_cross && read_seen <= 3'd4);
      if (marked_q && !(m_valid && ahead_q == 3'd0)) assert (stored == marked_data_q);

      cover (marked_q && ahead_q == 3'd4 && marked_data_q == 2'd2);
      cover (marked_q && ahead_q == 3'd0 && pop && held_q == 3'd5 && !s_ready);
    end
  end

endmodule

`default_nettype wire
