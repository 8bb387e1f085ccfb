// SPDX-License-Identifier: Apache-2.0
// A register of the multiplier's model, or none, with one of four clocks, clock enables and resets.
//
// Latency:    1 edge of the clock that CLK names; 0 with NONE.
`default_nettype none

module MULT18X18D_register #(
    parameter WIDTH = 18,
    parameter CLK = "NONE",  // or CLK0 to CLK3
    parameter CE = "CE0",
    parameter RST = "RST0",
    parameter RESETMODE = "SYNC"  // or ASYNC
) (
    input  wire [      3:0] clocks,
    input  wire [      3:0] enables,
    input  wire [      3:0] resets,
    input  wire [WIDTH-1:0] d,
    output wire [WIDTH-1:0] q
);

  // The number in the last character of a name.
  localparam [1:0] CLOCK = CLK == "CLK1" ? 2'd1 : CLK == "CLK2" ? 2'd2 : CLK == "CLK3" ? 2'd3 : 2'd0;
  localparam [1:0] ENABLE = CE == "CE1" ? 2'd1 : CE == "CE2" ? 2'd2 : CE == "CE3" ? 2'd3 : 2'd0;
  localparam [1:0] RESET = RST == "RST1" ? 2'd1 : RST == "RST2" ? 2'd2 : RST == "RST3" ? 2'd3 : 2'd0;

  reg [WIDTH-1:0] q_q;
  wire clock = clocks[CLOCK];
  wire enable = enables[ENABLE];
  wire reset = resets[RESET];

  initial q_q = {WIDTH{1'b0}};
  generate
    if (RESETMODE == "ASYNC") begin : g_async
      always @(posedge clock or posedge reset)
        if (reset) q_q <= {WIDTH{1'b0}};
        else if (enable) q_q <= d;
    end else begin : g_sync
      always @(posedge clock)
        if (reset) q_q <= {WIDTH{1'b0}};
        else if (enable) q_q <= d;
    end
  endgenerate

  assign q = CLK == "NONE" ? d : q_q;

endmodule

`default_nettype wire
