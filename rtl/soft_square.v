// SPDX-License-Identifier: Apache-2.0
// Square a pixel in look-up tables.
//
// Q formats:  unsigned 8 bits -> unsigned 16 bits, exact: the squares of both halves stand side by
//             side, twice their product is added.
// Latency:    0 clocks (combinational). Area: about 60 LUT4.
`default_nettype none

module soft_square (
    input  wire [ 7:0] s_data,
    output wire [15:0] m_data
);

  wire [3:0] high = s_data[7:4];
  wire [3:0] low = s_data[3:0];
  wire signed [8:0] product;  // never negative

  soft_multiply #(
      .A_W(5),
      .B_W(4)
  ) multiply (
      .s_a({1'b0, high}),
      .s_b(low),
      .m_product(product)
  );
  wire unused = product[8];

  reg [7:0] high2_d, low2_d;
  integer i;
  always @* begin
    high2_d = 8'd0;
    low2_d  = 8'd0;
    for (i = 0; i < 16; i = i + 1) begin
      if (high == i[3:0]) high2_d = i[3:0] * i[3:0];
      if (low == i[3:0]) low2_d = i[3:0] * i[3:0];
    end
  end

  assign m_data = {high2_d, low2_d} + {3'd0, product[7:0], 5'd0};

endmodule

`default_nettype wire
