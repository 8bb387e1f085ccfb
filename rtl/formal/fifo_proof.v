// SPDX-License-Identifier: Apache-2.0
// Properties of fifo.v: nothing lost, nothing twice, order kept; it is full and empty as it says.
//
// The solver marks one word (`pick`) when it goes in; `ahead` counts the words in front of it.
`default_nettype none

module fifo_proof (
    input wire       clk,
    input wire       rst,
    input wire       s_valid,
    input wire [1:0] s_data,
    input wire       m_ready,
    input wire       pick
);

  wire s_ready, m_valid;
  wire [1:0] m_data;
  wire [2:0] level;
  fifo #(
      .WIDTH(2),
      .DEPTH(4)
  ) dut (
      .clk(clk),
      .rst(rst),
      .s_valid(s_valid),
      .s_ready(s_ready),
      .s_data(s_data),
      .m_valid(m_valid),
      .m_ready(m_ready),
      .m_data(m_data),
      .level(level)
  );

  wire push = s_valid && s_ready;
  wire pop = m_valid && m_ready;

  reg started_q = 1'b0;  // a reset was
  reg marked_q, stalled_q;
  reg [1:0] marked_data_q, stalled_data_q;
  reg [2:0] held_q, ahead_q;
  always @(posedge clk) begin
    started_q <= 1'b1;
    stalled_q <= m_valid && !m_ready && !rst;
    stalled_data_q <= m_data;
    held_q <= rst ? 3'd0 : held_q + {2'd0, push} - {2'd0, pop};
    if (rst || (marked_q && pop && ahead_q == 3'd0)) marked_q <= 1'b0;
    else if (marked_q) ahead_q <= ahead_q - {2'd0, pop};
    else if (push && pick) begin
      marked_q <= 1'b1;
      marked_data_q <= s_data;
      ahead_q <= held_q - {2'd0, pop};
    end
  end

  // What the memory holds (connected by name when the hierarchy is flattened).
  (* hierconn *) wire [2:0] \dut.read_q ;
  (* hierconn *) wire [1:0] \dut.memory[0] ;
  (* hierconn *) wire [1:0] \dut.memory[1] ;
  (* hierconn *) wire [1:0] \dut.memory[2] ;
  (* hierconn *) wire [1:0] \dut.memory[3] ;
  wire [1:0] place = \dut.read_q [1:0] + ahead_q[1:0];
  wire [1:0] stored = place[1] ? (place[0] ? \dut.memory[3] : \dut.memory[2] )
                               : (place[0] ? \dut.memory[1] : \dut.memory[0] );

  always @* begin
    if (!started_q) assume (rst);
    if (started_q) begin
      assert (level == held_q && held_q <= 3'd4);
      assert (s_ready == (held_q != 3'd4));
      assert (m_valid == (held_q != 3'd0));
      if (marked_q) assert (ahead_q < held_q && stored == marked_data_q);
      if (marked_q && ahead_q == 3'd0) assert (m_valid && m_data == marked_data_q);
      if (stalled_q) assert (m_valid && m_data == stalled_data_q);
      cover (marked_q && ahead_q == 3'd3 && marked_data_q == 2'd2 && stalled_q);
      cover (marked_q && pop && ahead_q == 3'd0 && held_q == 3'd4);
    end
  end

endmodule

`default_nettype wire
