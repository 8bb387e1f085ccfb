// SPDX-License-Identifier: Apache-2.0
// Choose the oldest of the tracker's contexts that want something: the first from s_oldest on, around the ring.
//
// Latency:    0 cycles (combinational).
`default_nettype none

module klt_oldest #(
    parameter CONTEXTS = 4  // 2 .. 16
) (
    input  wire [        CONTEXTS-1:0] s_wanted,
    input  wire [$clog2(CONTEXTS)-1:0] s_oldest,
    output wire [$clog2(CONTEXTS)-1:0] m_context  // where any is wanted
);

  localparam CW = $clog2(CONTEXTS);

  reg [CW-1:0] first_d, later_d;  // of all, of those from s_oldest on
  reg found_d;
  integer k;
  always @* begin
    first_d = {CW{1'b0}};
    later_d = {CW{1'b0}};
    found_d = 1'b0;
    for (k = CONTEXTS - 1; k >= 0; k = k - 1)
      if (s_wanted[k]) begin
        first_d = k[CW-1:0];
        if (k[CW-1:0] >= s_oldest) begin
          later_d = k[CW-1:0];
          found_d = 1'b1;
        end
      end
  end
  assign m_context = found_d ? later_d : first_d;

endmodule

`default_nettype wire
