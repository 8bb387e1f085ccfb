// SPDX-License-Identifier: Apache-2.0
// Compare two float32: x < y as `lt` of vio/float32/float.py, false where either is NaN.
//
// Formats: x, y IEEE float32; a subnormal counts as zero, and -0 = 0.
// Latency: 0 cycles (combinational). Throughput: unlimited. No state.
`default_nettype none

module float_less (
    input  wire [31:0] x,
    input  wire [31:0] y,
    output wire        less
);

  wire x_nan = x[30:23] == 8'd255 && x[22:0] != 23'd0;
  wire y_nan = y[30:23] == 8'd255 && y[22:0] != 23'd0;
  wire x_zero = x[30:23] == 8'd0;
  wire y_zero = y[30:23] == 8'd0;
  wire [30:0] x_size = x_zero ? 31'd0 : x[30:0];
  wire [30:0] y_size = y_zero ? 31'd0 : y[30:0];
  wire x_below = x_size < y_size;
  wire x_above = x_size > y_size;

  wire ordered = x[31] ? (y[31] ? x_above : !(x_zero && y_zero)) : (!y[31] && x_below);

  assign less = ordered && !x_nan && !y_nan;

endmodule

`default_nettype wire
