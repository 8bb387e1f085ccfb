// SPDX-License-Identifier: Apache-2.0
// Choose the oldest of the tracker's contexts that want something.
//
// Bit CONTEXTS j + k of s_before says that context j is older than k; it comes from registers, so that the choice is
// shallow.
// Latency:    0 cycles (combinational).
`default_nettype none

module klt_oldest #(
    parameter CONTEXTS = 4  // 2 .. 8
) (
    input  wire [         CONTEXTS-1:0] s_wanted,
    input  wire [CONTEXTS*CONTEXTS-1:0] s_before,
    output wire [         CONTEXTS-1:0] m_one,     // a bit for it; none where none is wanted
    output wire [ $clog2(CONTEXTS)-1:0] m_context  // where any is wanted
);

  localparam CW = $clog2(CONTEXTS);

  reg [CONTEXTS-1:0] one_d;
  reg [CW-1:0] context_d;
  integer j, k;
  always @* begin
    context_d = {CW{1'b0}};
    for (k = 0; k < CONTEXTS; k = k + 1) begin
      one_d[k] = s_wanted[k];
      for (j = 0; j < CONTEXTS; j = j + 1) if (j != k && s_wanted[j] && s_before[CONTEXTS*j+k]) one_d[k] = 1'b0;
      if (one_d[k]) context_d = context_d | k[CW-1:0];
    end
  end
  assign m_one = one_d;
  assign m_context = context_d;

endmodule

`default_nettype wire
