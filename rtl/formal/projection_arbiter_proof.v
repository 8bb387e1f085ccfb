// SPDX-License-Identifier: Apache-2.0
// Properties of projection_arbiter.v: one owner at a time; each accepted request has exactly one answer,
// and it goes to the one that asked.
//
// Assumed: the projection unit answers an operation that it took, once, and never without one.
`default_nettype none

module projection_arbiter_proof (
    input wire       clk,
    input wire       rst,
    input wire [2:0] s_valid,
    input wire [5:0] s_words,
    input wire       m_ready,
    input wire       m_done
);

  wire [2:0] s_ready, s_done;
  wire m_valid;
  wire [1:0] m_word;
  projection_arbiter #(
      .CLIENTS(3),
      .WORD_W (2)
  ) dut (
      .clk(clk),
      .rst(rst),
      .s_valid(s_valid),
      .s_ready(s_ready),
      .s_words(s_words),
      .s_done(s_done),
      .m_valid(m_valid),
      .m_ready(m_ready),
      .m_word(m_word),
      .m_done(m_done)
  );

  wire [2:0] accepted = s_valid & s_ready;
  reg started_q = 1'b0;  // a reset was
  reg [2:0] owner_q;  // whose operation is under way
  always @(posedge clk) begin
    started_q <= 1'b1;
    if (rst) owner_q <= 3'd0;
    else if (|accepted) owner_q <= accepted;
    else if (m_done) owner_q <= 3'd0;
  end

  (* hierconn *) wire [2:0] \dut.owner_q ;
  (* hierconn *) wire \dut.busy_q ;

  always @* begin
    if (!started_q) assume (rst);
    if (m_done) assume (owner_q != 3'd0);
    if (started_q) begin
      assert (\dut.busy_q == (owner_q != 3'd0));
      assert ((owner_q & (owner_q - 3'd1)) == 3'd0);
      assert (owner_q == 3'd0 || \dut.owner_q == owner_q);
      assert ((s_ready & ~s_valid) == 3'd0);
      assert (s_ready == 3'd0 || s_ready == 3'd1 || s_ready == 3'd2 || s_ready == 3'd4);
      assert ((s_ready != 3'd0) == (m_valid && m_ready));
      if (owner_q != 3'd0) assert (!m_valid && s_ready == 3'd0);
      else assert (m_valid == |s_valid);
      if (s_ready[0]) assert (m_word == s_words[1:0]);
      if (s_ready[1]) assert (m_word == s_words[3:2] && !s_valid[0]);
      if (s_ready[2]) assert (m_word == s_words[5:4] && s_valid[1:0] == 2'd0);
      assert (s_done == (m_done ? owner_q : 3'd0));
      cover (s_done == 3'd4 && s_valid == 3'd3);
      cover (accepted == 3'd2 && m_word == 2'd3 && s_valid == 3'd6);
    end
  end

endmodule

`default_nettype wire
