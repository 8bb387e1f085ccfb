// SPDX-License-Identifier: Apache-2.0
// Let a clock be an enable: a register takes its input in each instant in which its clock is high.
//
// For `techmap` on designs of two clocks: the solver then chooses freely which of them has an edge.
(* techmap_celltype = "$dff" *)
module clock_enable (
    CLK,
    D,
    Q
);
  parameter WIDTH = 1;
  parameter CLK_POLARITY = 1'b1;

  input CLK;
  input [WIDTH-1:0] D;
  output [WIDTH-1:0] Q;

  \$ff #(
      .WIDTH(WIDTH)
  ) _TECHMAP_REPLACE_ (
      .D(CLK ? D : Q),
      .Q(Q)
  );
endmodule
