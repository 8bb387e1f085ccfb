// SPDX-License-Identifier: Apache-2.0
// Take the integer square root, rounded down: two radicand bits and one root bit a cycle.
//
// Q formats:  IN_W-bit unsigned -> IN_W / 2 bits. Equals `square_root` of vio/fixed/qformat.py.
// Latency:    IN_W / 2 + 1 cycles from s_valid && s_ready to m_valid. Throughput: one in
//             IN_W / 2 + 2.
`default_nettype none

module square_root #(
    parameter IN_W = 36  // bits of the radicand, even, 4 or more
) (
    input wire clk,
    input wire rst,

    input  wire            s_valid,
    output wire            s_ready,
    input  wire [IN_W-1:0] s_data,

    output wire              m_valid,
    input  wire              m_ready,
    output wire [IN_W/2-1:0] m_data
);

  generate
    if (IN_W < 4 || (IN_W % 2) != 0) begin : g_bad_width
      square_root_IN_W_must_be_even_and_at_least_4 bad_parameter ();
    end
  endgenerate

  localparam ROOT_W = IN_W / 2;
  localparam COUNT_W = $clog2(ROOT_W + 1);
  localparam [COUNT_W-1:0] STEPS = ROOT_W[COUNT_W-1:0];
  localparam [COUNT_W-1:0] ONE = {{(COUNT_W - 1) {1'b0}}, 1'b1};

  reg busy_q, done_q;
  reg [COUNT_W-1:0] count_q;
  reg [IN_W-1:0] radicand_q;
  reg [ROOT_W-1:0] root_q;
  reg [ROOT_W:0] remainder_q;  // at most twice the root

  wire [ROOT_W+2:0] trial = {remainder_q, radicand_q[IN_W-1-:2]};
  wire [ROOT_W+2:0] subtrahend = {1'b0, root_q, 2'b01};
  wire fits = trial >= subtrahend;
  wire [ROOT_W+2:0] next = fits ? trial - subtrahend : trial;
  wire unused = &{1'b0, next[ROOT_W+2:ROOT_W+1]};  // 0: the remainder's bound

  assign s_ready = !busy_q && !done_q;
  assign m_valid = done_q;
  assign m_data = root_q;

  always @(posedge clk) begin
    if (s_valid && s_ready) begin
      radicand_q <= s_data;
      root_q <= {ROOT_W{1'b0}};
      remainder_q <= {(ROOT_W + 1) {1'b0}};
      count_q <= STEPS;
    end else if (busy_q) begin
      radicand_q <= {radicand_q[IN_W-3:0], 2'b00};
      root_q <= {root_q[ROOT_W-2:0], fits};
      remainder_q <= next[ROOT_W:0];
      count_q <= count_q - ONE;
    end
    if (rst) begin
      busy_q <= 1'b0;
      done_q <= 1'b0;
    end else begin
      if (s_valid && s_ready) busy_q <= 1'b1;
      else if (count_q == ONE) busy_q <= 1'b0;
      if (busy_q && count_q == ONE) done_q <= 1'b1;
      else if (m_ready) done_q <= 1'b0;
    end
  end

endmodule

`default_nettype wire
