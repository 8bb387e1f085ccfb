// SPDX-License-Identifier: Apache-2.0
// Add the words of all lanes.
//
// Q formats:  LANES words of WIDTH bits -> WIDTH bits; the caller's words leave room for the sum.
// Latency:    0 clocks (combinational).
`default_nettype none

module lane_sum #(
    parameter LANES = 15,  // words, 1 or more
    parameter WIDTH = 28   // bits of a word and of the sum
) (
    input  wire [LANES*WIDTH-1:0] s_data,
    output wire [      WIDTH-1:0] m_data
);

  wire [(LANES+1)*WIDTH-1:0] partial;
  assign partial[WIDTH-1:0] = {WIDTH{1'b0}};

  genvar i;
  generate
    for (i = 0; i < LANES; i = i + 1) begin : g_add
      assign partial[WIDTH*(i+1)+:WIDTH] = partial[WIDTH*i+:WIDTH] + s_data[WIDTH*i+:WIDTH];
    end
  endgenerate

  assign m_data = partial[WIDTH*LANES+:WIDTH];

endmodule

`default_nettype wire
