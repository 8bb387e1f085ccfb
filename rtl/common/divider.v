// SPDX-License-Identifier: Apache-2.0
// Divide unsigned integers, rounding down: a restoring divider, one quotient bit a cycle.
//
// Q formats:  NUM_W-bit numerator / DEN_W-bit denominator -> NUM_W-bit quotient. Equals `divide`
//             of vio/fixed/qformat.py: a denominator of 0 gives 0.
// Latency:    NUM_W + 1 cycles from s_valid && s_ready to m_valid. Throughput: one in NUM_W + 2.
`default_nettype none

module divider #(
    parameter NUM_W = 36,  // bits of numerator and quotient, 2 or more
    parameter DEN_W = 18   // bits of the denominator, 1 or more
) (
    input wire clk,
    input wire rst,

    input  wire             s_valid,
    output wire             s_ready,
    input  wire [NUM_W-1:0] s_numerator,
    input  wire [DEN_W-1:0] s_denominator,

    output wire             m_valid,
    input  wire             m_ready,
    output wire [NUM_W-1:0] m_quotient
);

  generate
    if (NUM_W < 2 || DEN_W < 1) begin : g_bad_width
      divider_NUM_W_and_DEN_W_are_too_small bad_parameter ();
    end
  endgenerate

  localparam COUNT_W = $clog2(NUM_W + 1);
  localparam [COUNT_W-1:0] STEPS = NUM_W[COUNT_W-1:0];
  localparam [COUNT_W-1:0] ONE = {{(COUNT_W - 1) {1'b0}}, 1'b1};

  reg busy_q, done_q;
  reg [COUNT_W-1:0] count_q;
  reg [DEN_W-1:0] denominator_q;
  reg [DEN_W-1:0] remainder_q;
  reg [NUM_W-1:0] quotient_q;  // numerator bits leave at the top, quotient bits enter below

  wire [DEN_W:0] trial = {remainder_q, quotient_q[NUM_W-1]};
  wire fits = (trial >= {1'b0, denominator_q}) && (denominator_q != {DEN_W{1'b0}});
  wire [DEN_W:0] difference = trial - {1'b0, denominator_q};
  wire unused = difference[DEN_W];  // smaller than the denominator when it is used

  assign s_ready = !busy_q && !done_q;
  assign m_valid = done_q;
  assign m_quotient = quotient_q;

  always @(posedge clk) begin
    if (s_valid && s_ready) begin
      denominator_q <= s_denominator;
      remainder_q <= {DEN_W{1'b0}};
      quotient_q <= s_numerator;
      count_q <= STEPS;
    end else if (busy_q) begin
      remainder_q <= fits ? difference[DEN_W-1:0] : trial[DEN_W-1:0];
      quotient_q <= {quotient_q[NUM_W-2:0], fits};
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
