// SPDX-License-Identifier: Apache-2.0
// Properties of arbiter.v: one grant at a time, to one that asks; a choice stands until it is taken;
// of those that ask, the first one is chosen.
//
// Assumed: a request is held until it is taken (the arbiter's own rule).
`default_nettype none

module arbiter_proof (
    input wire       clk,
    input wire       rst,
    input wire [3:0] valid,
    input wire       ready
);

  wire [3:0] grant;
  wire m_valid;
  wire [1:0] client;
  arbiter #(
      .CLIENTS(4)
  ) dut (
      .clk(clk),
      .rst(rst),
      .s_valid(valid),
      .s_ready(grant),
      .m_valid(m_valid),
      .m_ready(ready),
      .m_client(client)
  );

  reg started_q = 1'b0;  // a reset was
  reg [3:0] held_q;  // asked and not taken
  reg stalled_q;
  reg [1:0] client_q;
  always @(posedge clk) begin
    started_q <= 1'b1;
    held_q <= rst ? 4'd0 : valid & ~grant;
    stalled_q <= m_valid && !ready && !rst;
    client_q <= client;
  end

  (* hierconn *) wire [1:0] \dut.last_q ;
  (* hierconn *) wire \dut.locked_q ;

  wire [3:0] one = 4'd1;
  always @* begin
    if (!started_q) assume (rst);
    assume ((held_q & ~valid) == 4'd0 || rst);
    if (started_q) begin
      assert (m_valid == |valid);
      if (!rst) begin
        assert (grant == (m_valid && ready ? one << client : 4'd0));
        assert ((grant & ~valid) == 4'd0);
        if (stalled_q) assert (client == client_q);
        // First come the lower ones, but for a choice that stands.
        if (!stalled_q && m_valid) assert ((valid & ((one << client) - 4'd1)) == 4'd0);
      end
      assert (\dut.locked_q == stalled_q);
      if (\dut.locked_q ) assert (\dut.last_q == client_q && held_q[client_q]);
      cover (stalled_q && client == 2'd3 && valid == 4'hf);
      cover (grant[3]);
    end
  end

endmodule

`default_nettype wire
