// SPDX-License-Identifier: Apache-2.0
// Grant one of several requests in a fixed order: the first client goes before the others.
//
// Client 0 may keep the others waiting. A request that was offered and not taken stays the chosen
// one until it is taken.
// Latency:    0 cycles. Throughput: a grant a cycle.
`default_nettype none

module arbiter #(
    parameter CLIENTS = 2  // 2 or more
) (
    input wire clk,
    input wire rst,

    input  wire [CLIENTS-1:0] s_valid,  // held until taken
    output wire [CLIENTS-1:0] s_ready,  // one at most: the chosen client, when m_ready

    output wire                       m_valid,
    input  wire                       m_ready,
    output wire [$clog2(CLIENTS)-1:0] m_client  // with m_valid
);

  generate
    if (CLIENTS < 2) begin : g_bad_clients
      arbiter_CLIENTS_must_be_2_or_more bad_parameter ();
    end
  endgenerate

  localparam W = CLIENTS < 2 ? 1 : $clog2(CLIENTS);  // 1: for the message above
  localparam [W-1:0] NONE = {W{1'b0}};

  reg locked_q;  // the choice of the cycle before was not taken
  reg [W-1:0] last_q;  // that choice

  genvar i;
  generate
    for (i = 0; i < CLIENTS; i = i + 1) begin : g_client
      localparam [W-1:0] SELF = i;
      assign s_ready[i] = m_ready && s_valid[i] && m_client == SELF;
    end
  endgenerate

  reg [W-1:0] first_d;
  integer k;
  always @* begin
    first_d = NONE;
    for (k = CLIENTS - 1; k >= 0; k = k - 1) if (s_valid[k]) first_d = k[W-1:0];
  end

  assign m_valid = |s_valid;
  assign m_client = locked_q ? last_q : first_d;

  always @(posedge clk) begin
    if (rst) begin
      locked_q <= 1'b0;
      last_q <= NONE;
    end else begin
      locked_q <= m_valid && !m_ready;
      if (m_valid) last_q <= m_client;
    end
  end

endmodule

`default_nettype wire
