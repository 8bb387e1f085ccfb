// SPDX-License-Identifier: Apache-2.0
// Multiply a signed by an unsigned integer in look-up tables: for small factors, which would waste
// an 18x18 multiplier each.
//
// Q formats:  signed A_W bits x unsigned B_W bits -> signed A_W + B_W bits, exact.
// Latency:    0 cycles (combinational): a partial product for each bit of s_b.
// Area:       about A_W B_W LUT4 for the partial products and as many for their sum (9x8: 142).
`default_nettype none

module soft_multiply #(
    parameter A_W = 8,  // bits of the signed factor, 2 or more
    parameter B_W = 8   // bits of the unsigned factor, 1 or more; the shorter the smaller
) (
    input  wire signed [    A_W-1:0] s_a,
    input  wire        [    B_W-1:0] s_b,
    output wire signed [A_W+B_W-1:0] m_product
);

  generate
    if (A_W < 2 || B_W < 1) begin : g_bad_width
      soft_multiply_A_W_or_B_W_is_too_small bad_parameter ();
    end
  endgenerate

  localparam ROW_W = A_W + 1;

  // Row k adds A, or nothing, to what the rows above hand down; one more bit is done then.
  wire [B_W*ROW_W-1:0] rows;

  genvar k;
  generate
    for (k = 0; k < B_W; k = k + 1) begin : g_row
      wire signed [ROW_W-1:0] part = s_b[k] ? {s_a[A_W-1], s_a} : {ROW_W{1'b0}};
      if (k == 0) begin : g_first
        assign rows[0+:ROW_W] = part;
      end else begin : g_next
        wire [ROW_W-1:0] above = rows[ROW_W*(k-1)+:ROW_W];
        assign rows[ROW_W*k+:ROW_W] = {above[A_W], above[A_W:1]} + part;
        assign m_product[k-1] = above[0];
      end
    end
  endgenerate

  assign m_product[A_W+B_W-1:B_W-1] = rows[ROW_W*(B_W-1)+:ROW_W];

endmodule

`default_nettype wire
