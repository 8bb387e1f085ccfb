// SPDX-License-Identifier: Apache-2.0
// Grant one of several requests: the first of them in a fixed order, or each in its turn.
//
// Fixed order: client 0 goes first, and may keep the others waiting. In turn (round robin): the
// client behind the one served last goes first, so that none waits for more than CLIENTS - 1
// others. A request that was offered and not taken stays the chosen one until it is taken.
// Latency:    0 clocks. Throughput: a grant a clock.
`default_nettype none

module arbiter #(
    parameter CLIENTS     = 2,  // 2 or more
    parameter ROUND_ROBIN = 0   // 0: fixed order, 1: in turn
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
    if (CLIENTS < 2 || ROUND_ROBIN < 0 || ROUND_ROBIN > 1) begin : g_bad_clients
      arbiter_CLIENTS_or_ROUND_ROBIN_out_of_range bad_parameter ();
    end
  endgenerate

  localparam W = $clog2(CLIENTS);
  localparam [W-1:0] NONE = {W{1'b0}};

  reg locked_q;  // last clock's choice was not taken
  reg [W-1:0] last_q;  // the client chosen last

  // Clients behind the one served last; when none of them asks, all may.
  wire [CLIENTS-1:0] behind;
  genvar i;
  generate
    for (i = 0; i < CLIENTS; i = i + 1) begin : g_client
      localparam [W-1:0] SELF = i;
      assign behind[i] = ROUND_ROBIN != 0 && s_valid[i] && SELF > last_q;
      assign s_ready[i] = m_ready && s_valid[i] && m_client == SELF;
    end
  endgenerate
  wire [CLIENTS-1:0] asking = |behind ? behind : s_valid;

  reg [W-1:0] first_d;
  integer k;
  always @* begin
    first_d = NONE;
    for (k = CLIENTS - 1; k >= 0; k = k - 1) if (asking[k]) first_d = k[W-1:0];
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
