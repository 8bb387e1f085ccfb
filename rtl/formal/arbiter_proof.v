// SPDX-License-Identifier: Apache-2.0
// Properties of arbiter.v, in fixed order and in turn: one grant at a time, to one that asks; a
// choice stands until it is taken; in turn, a client waits for at most CLIENTS - 1 others.
//
// Assumed: a request is held until it is taken (the arbiter's own rule).
`default_nettype none

module arbiter_proof (
    input wire       clk,
    input wire       rst,
    input wire [3:0] fixed_valid,
    input wire       fixed_ready,
    input wire [3:0] turn_valid,
    input wire       turn_ready
);

  wire [1:0] client;
  assign client = $anyconst;  // the one that is watched

  wire [3:0] fixed_grant, turn_grant;
  wire fixed_m_valid, turn_m_valid;
  wire [1:0] fixed_client, turn_client;
  arbiter #(
      .CLIENTS(4),
      .ROUND_ROBIN(0)
  ) fixed (
      .clk(clk),
      .rst(rst),
      .s_valid(fixed_valid),
      .s_ready(fixed_grant),
      .m_valid(fixed_m_valid),
      .m_ready(fixed_ready),
      .m_client(fixed_client)
  );
  arbiter #(
      .CLIENTS(4),
      .ROUND_ROBIN(1)
  ) turn (
      .clk(clk),
      .rst(rst),
      .s_valid(turn_valid),
      .s_ready(turn_grant),
      .m_valid(turn_m_valid),
      .m_ready(turn_ready),
      .m_client(turn_client)
  );

  reg started_q = 1'b0;  // a reset was
  reg [3:0] fixed_held_q, turn_held_q;  // asked and not taken
  reg fixed_stalled_q, turn_stalled_q;
  reg [1:0] fixed_client_q, turn_client_q;
  reg [2:0] others_q;  // grants to others while the watched client waits
  always @(posedge clk) begin
    started_q <= 1'b1;
    fixed_held_q <= rst ? 4'd0 : fixed_valid & ~fixed_grant;
    turn_held_q <= rst ? 4'd0 : turn_valid & ~turn_grant;
    fixed_stalled_q <= fixed_m_valid && !fixed_ready && !rst;
    turn_stalled_q <= turn_m_valid && !turn_ready && !rst;
    fixed_client_q <= fixed_client;
    turn_client_q <= turn_client;
    if (rst || !turn_valid[client] || turn_grant[client]) others_q <= 3'd0;
    else if (|turn_grant && others_q != 3'd7) others_q <= others_q + 3'd1;
  end

  // Clients in front of the watched one: why the bound holds.
  (* hierconn *) wire [1:0] \turn.last_q ;
  (* hierconn *) wire \turn.locked_q ;
  (* hierconn *) wire [1:0] \fixed.last_q ;
  (* hierconn *) wire \fixed.locked_q ;
  wire [1:0] front = client - \turn.last_q - (\turn.locked_q ? 2'd0 : 2'd1);

  wire [3:0] one = 4'd1;
  always @* begin
    if (!started_q) assume (rst);
    assume ((fixed_held_q & ~fixed_valid) == 4'd0 || rst);
    assume ((turn_held_q & ~turn_valid) == 4'd0 || rst);
    if (started_q) begin
      assert (fixed_m_valid == |fixed_valid);
      assert (turn_m_valid == |turn_valid);
      if (!rst) begin
        assert (fixed_grant == (fixed_m_valid && fixed_ready ? one << fixed_client : 4'd0));
        assert (turn_grant == (turn_m_valid && turn_ready ? one << turn_client : 4'd0));
        assert ((fixed_grant & ~fixed_valid) == 4'd0);
        assert ((turn_grant & ~turn_valid) == 4'd0);
        if (fixed_stalled_q) assert (fixed_client == fixed_client_q);
        if (turn_stalled_q) assert (turn_client == turn_client_q);
        // First come the lower ones, but for a choice that stands.
        if (!fixed_stalled_q && fixed_m_valid)
          assert ((fixed_valid & ((one << fixed_client) - 4'd1)) == 4'd0);
      end
      assert (\fixed.locked_q == fixed_stalled_q && \turn.locked_q == turn_stalled_q);
      if (\turn.locked_q ) assert (\turn.last_q == turn_client_q && turn_held_q[turn_client_q]);
      if (\fixed.locked_q ) assert (\fixed.last_q == fixed_client_q && fixed_held_q[fixed_client_q]);
      assert (others_q <= 3'd3);
      if (turn_held_q[client]) assert (others_q + {1'b0, front} <= 3'd3);
      else assert (others_q == 3'd0);
      cover (others_q == 3'd3 && turn_grant[client]);
      cover (fixed_stalled_q && fixed_client == 2'd3 && fixed_valid == 4'hf);
    end
  end

endmodule

`default_nettype wire
