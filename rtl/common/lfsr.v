// SPDX-License-Identifier: Apache-2.0
// Draw an index below a count: a 32-bit Galois LFSR (taps 32, 22, 2, 1), eight shifts a draw.
//
// Q formats:  count of COUNT_W bits -> index = (state x count) >> 32. Equals `draw_below` of
//             vio/fixed/ransac.py.
// Latency:    1 cycle from `draw` to the state's advance; the index is combinational from it, through
//             a product in look-up tables (register it). Throughput: a draw a cycle.
// Frames:     `load` sets the state (seed + frame number); 0 would stay 0 and is taken as 1.
`default_nettype none

module lfsr #(
    parameter COUNT_W = 8  // bits of a count, 2 .. 16
) (
    input wire clk,
    input wire rst,

    input wire        load,
    input wire [31:0] seed,

    input  wire               draw,
    input  wire [COUNT_W-1:0] count,
    output wire [COUNT_W-1:0] index  // of the last draw, while count is held
);

  generate
    if (COUNT_W < 2 || COUNT_W > 16) begin : g_bad_width
      lfsr_COUNT_W_must_be_2_to_16 bad_parameter ();
    end
  endgenerate

  localparam [31:0] TAPS = 32'h80200003;

  reg [31:0] state_q;

  wire [31:0] shifted[0:8];
  assign shifted[0] = state_q;
  genvar i;
  generate
    for (i = 0; i < 8; i = i + 1) begin : g_shift
      assign shifted[i+1] = (shifted[i] >> 1) ^ (shifted[i][0] ? TAPS : 32'd0);
    end
  endgenerate

  // Two shorter chains of rows, then their sum: the path is shorter than one chain's.
  localparam LOW_W = COUNT_W / 2;
  localparam HIGH_W = COUNT_W - LOW_W;
  wire signed [LOW_W+32:0] low;
  wire signed [HIGH_W+32:0] high;
  wire [COUNT_W+31:0] product = {{HIGH_W{1'b0}}, low[LOW_W+31:0]}
                                + {high[HIGH_W+31:0], {LOW_W{1'b0}}};
  wire unused_bits = &{1'b0, low[LOW_W+32], high[HIGH_W+32], product[31:0]};

  soft_multiply #(
      .A_W(33),
      .B_W(LOW_W)
  ) scale_low (
      .s_a({1'b0, state_q}),
      .s_b(count[LOW_W-1:0]),
      .m_product(low)
  );
  soft_multiply #(
      .A_W(33),
      .B_W(HIGH_W)
  ) scale_high (
      .s_a({1'b0, state_q}),
      .s_b(count[COUNT_W-1:LOW_W]),
      .m_product(high)
  );

  always @(posedge clk) begin
    if (rst) state_q <= 32'd1;
    else if (load) state_q <= seed == 32'd0 ? 32'd1 : seed;
    else if (draw) state_q <= shifted[8];
  end

  assign index = product[COUNT_W+31:32];

endmodule

`default_nettype wire
