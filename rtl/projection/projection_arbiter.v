// SPDX-License-Identifier: Apache-2.0
// Share a projection unit between clients: one operation at a time, the first client before the others.
//
// Latency:    0 cycles for a request and an answer. Throughput: the projection unit's.
`default_nettype none

module projection_arbiter #(
    parameter CLIENTS = 3,
    parameter WORD_W  = 45  // bits of a request
) (
    input wire clk,
    input wire rst,

    input  wire [       CLIENTS-1:0] s_valid,
    output wire [       CLIENTS-1:0] s_ready,
    input  wire [CLIENTS*WORD_W-1:0] s_words,
    output wire [       CLIENTS-1:0] s_done,   // pulse: the answer is there

    output wire              m_valid,
    input  wire              m_ready,
    output wire [WORD_W-1:0] m_word,
    input  wire              m_done
);

  generate
    if (CLIENTS < 2) begin : g_bad_clients
      projection_arbiter_CLIENTS_must_be_2_or_more bad_parameter ();
    end
  endgenerate

  reg [CLIENTS-1:0] owner_q;
  reg busy_q;

  wire [CLIENTS-1:0] first = s_valid & (~s_valid + {{(CLIENTS - 1) {1'b0}}, 1'b1});
  reg [WORD_W-1:0] word_d;
  integer i;
  always @* begin
    word_d = {WORD_W{1'b0}};
    for (i = 0; i < CLIENTS; i = i + 1)
      if (first[i]) word_d = word_d | s_words[WORD_W*i+:WORD_W];
  end

  always @(posedge clk) begin
    if (m_valid && m_ready) owner_q <= first;
    if (rst) busy_q <= 1'b0;
    else if (m_valid && m_ready) busy_q <= 1'b1;
    else if (m_done) busy_q <= 1'b0;
  end

  assign m_valid = |s_valid && !busy_q;
  assign m_word = word_d;
  assign s_ready = busy_q || !m_ready ? {CLIENTS{1'b0}} : first;
  assign s_done = m_done ? owner_q : {CLIENTS{1'b0}};

endmodule

`default_nettype wire
