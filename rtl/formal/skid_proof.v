// SPDX-License-Identifier: Apache-2.0
// Properties of skid.v: nothing lost, nothing twice, order kept; an output is stable until taken.
//
// The solver marks one word (`pick`) when it goes in; `ahead` counts the words in front of it.
`default_nettype none

module skid_proof (
    input wire       clk,
    input wire       rst,
    input wire       s_valid,
    input wire [1:0] s_data,
    input wire       m_ready,
    input wire       pick
);

  wire s_ready, m_valid;
  wire [1:0] m_data;
  skid #(
      .WIDTH(2)
  ) dut (
      .clk(clk),
      .rst(rst),
      .s_valid(s_valid),
      .s_ready(s_ready),
      .s_data(s_data),
      .m_valid(m_valid),
      .m_ready(m_ready),
      .m_data(m_data)
  );

  wire push = s_valid && s_ready;
  wire pop = m_valid && m_ready;

  reg started_q = 1'b0;  // a reset was
  reg marked_q, stalled_q;
  reg [1:0] marked_data_q, stalled_data_q;
  reg [1:0] held_q, ahead_q;
  always @(posedge clk) begin
    started_q <= 1'b1;
    stalled_q <= m_valid && !m_ready && !rst;
    stalled_data_q <= m_data;
    held_q <= rst ? 2'd0 : held_q + {1'b0, push} - {1'b0, pop};
    if (rst || (marked_q && pop && ahead_q == 2'd0)) marked_q <= 1'b0;
    else if (marked_q) ahead_q <= ahead_q - {1'b0, pop};
    else if (push && pick) begin
      marked_q <= 1'b1;
      marked_data_q <= s_data;
      ahead_q <= held_q - {1'b0, pop};
    end
  end

  (* hierconn *) wire [1:0] \dut.spare_q ;

  always @* begin
    if (!started_q) assume (rst);
    if (started_q) begin
      assert (held_q <= 2'd2);
      assert (s_ready == (held_q != 2'd2));
      assert (m_valid == (held_q != 2'd0));
      if (marked_q) assert (ahead_q < held_q);
      if (marked_q && ahead_q == 2'd0) assert (m_data == marked_data_q);
      if (marked_q && ahead_q == 2'd1) assert (\dut.spare_q == marked_data_q);
      if (stalled_q) assert (m_valid && m_data == stalled_data_q);
      cover (marked_q && ahead_q == 2'd1 && stalled_q && marked_data_q == 2'd2);
      cover (marked_q && ahead_q == 2'd0 && pop && push);
    end
  end

endmodule

`default_nettype wire
