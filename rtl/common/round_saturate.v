// SPDX-License-Identifier: Apache-2.0
// Narrow a signed value: drop SHIFT low bits rounding to nearest (ties up), then saturate.
//
// Q formats:  s_data signed IN_W bits with f fraction bits -> m_data signed OUT_W bits with
//             f - SHIFT. Equals `narrow(round_shift(x, SHIFT))` of vio/fixed/qformat.py.
// Overflow:   saturates; m_saturated says that it did.
// Latency:    0 cycles (combinational). Throughput: one value a cycle.
`default_nettype none

module round_saturate #(
    parameter IN_W  = 32,  // bits of the input, 2 or more
    parameter SHIFT = 8,   // fraction bits dropped, 0 .. IN_W - 2
    parameter OUT_W = 18   // bits of the output, 2 .. IN_W - SHIFT + 1
) (
    input  wire signed [ IN_W-1:0] s_data,
    output wire signed [OUT_W-1:0] m_data,
    output wire                    m_saturated
);

  generate
    if (IN_W < 2 || SHIFT < 0 || SHIFT > IN_W - 2) begin : g_bad_shift
      round_saturate_SHIFT_must_leave_bits bad_parameter ();
    end
    if (OUT_W < 2 || OUT_W > IN_W - SHIFT + 1) begin : g_bad_width
      round_saturate_OUT_W_must_not_exceed_the_input bad_parameter ();
    end
  endgenerate

  // One more bit than the input: rounding up may carry.
  localparam SUM_W = IN_W + 1;
  localparam KEPT_W = SUM_W - SHIFT;

  wire signed [SUM_W-1:0] extended = {s_data[IN_W-1], s_data};
  wire signed [SUM_W-1:0] rounded;
  wire signed [KEPT_W-1:0] kept;

  generate
    if (SHIFT == 0) begin : g_exact
      assign rounded = extended;
      assign kept = rounded;
    end else begin : g_round
      localparam [SUM_W-1:0] HALF = {{(SUM_W - 1) {1'b0}}, 1'b1} << (SHIFT - 1);
      assign rounded = extended + $signed(HALF);
      assign kept = rounded[SUM_W-1:SHIFT];
      // The dropped bits have done their work in the carry.
      wire unused = &{1'b0, rounded[SHIFT-1:0]};
    end

    if (OUT_W >= KEPT_W) begin : g_fits
      assign m_saturated = 1'b0;
      assign m_data = kept;
    end else begin : g_saturate
      // It fits when all bits from the new sign upwards are equal.
      wire [KEPT_W-OUT_W:0] top = kept[KEPT_W-1:OUT_W-1];
      assign m_saturated = (|top) && !(&top);
      assign m_data = !m_saturated ? kept[OUT_W-1:0] :
                      kept[KEPT_W-1] ? {1'b1, {(OUT_W - 1) {1'b0}}} : {1'b0, {(OUT_W - 1) {1'b1}}};
    end
  endgenerate

endmodule

`default_nettype wire
