// SPDX-License-Identifier: Apache-2.0
// Narrow a signed value: drop a variable number of low bits rounding to nearest (ties up), then
// saturate to one of three widths.
//
// Q formats:  s_data signed IN_W bits with f fraction bits -> m_data signed WIDE_W bits with
//             f - s_amount, within WIDE_W (s_width 2), MIDDLE_W (1) or NARROW_W bits (0). Equals
//             `narrow(round_shift(x, n))` of vio/fixed/qformat.py for n not negative.
// Overflow:   saturates.
// Latency:    0 clocks (combinational). Throughput: one value a clock.
`default_nettype none

module shift_saturate #(
    parameter IN_W     = 54,  // bits of the value, WIDE_W or more
    parameter AMOUNT_W = 6,   // bits of the amount
    parameter NARROW_W = 14,  // widths of the result, rising, 2 or more
    parameter MIDDLE_W = 18,
    parameter WIDE_W   = 26
) (
    input  wire signed [    IN_W-1:0] s_data,
    input  wire        [AMOUNT_W-1:0] s_amount,
    input  wire        [         1:0] s_width,
    output wire signed [  WIDE_W-1:0] m_data
);

  generate
    if (NARROW_W < 2 || MIDDLE_W <= NARROW_W || WIDE_W <= MIDDLE_W || IN_W <= WIDE_W)
    begin : g_bad_width
      shift_saturate_widths_must_rise bad_parameter ();
    end
  endgenerate

  // One more bit below: the last that is shifted out is the half that rounds up.
  wire signed [IN_W:0] extended = {s_data, 1'b0};
  wire signed [IN_W:0] shifted = extended >>> s_amount;
  wire signed [IN_W-1:0] floor = shifted[IN_W:1];
  wire sign = floor[IN_W-1];

  // It fits when all bits from the new sign upwards are equal; rounding up must not pass the top.
  wire fits_narrow = (&floor[IN_W-1:NARROW_W-1]) || !(|floor[IN_W-1:NARROW_W-1]);
  wire fits_middle = (&floor[IN_W-1:MIDDLE_W-1]) || !(|floor[IN_W-1:MIDDLE_W-1]);
  wire fits_wide = (&floor[IN_W-1:WIDE_W-1]) || !(|floor[IN_W-1:WIDE_W-1]);
  wire top_narrow = !sign && (&floor[NARROW_W-2:0]);
  wire top_middle = top_narrow && (&floor[MIDDLE_W-2:NARROW_W-1]);
  wire top_wide = top_middle && (&floor[WIDE_W-2:MIDDLE_W-1]);
  wire fits = s_width[1] ? fits_wide : s_width[0] ? fits_middle : fits_narrow;
  wire top = s_width[1] ? top_wide : s_width[0] ? top_middle : top_narrow;

  // The greatest value has the ones of its width; the least is its complement.
  wire [WIDE_W-1:0] greatest = {
    1'b0,
    {(WIDE_W - MIDDLE_W) {s_width[1]}},
    {(MIDDLE_W - NARROW_W) {s_width[1] || s_width[0]}},
    {(NARROW_W - 1) {1'b1}}
  };
  wire [WIDE_W-1:0] rounded = floor[WIDE_W-1:0] + {{(WIDE_W - 1) {1'b0}}, shifted[0] && !top};

  assign m_data = fits ? rounded : sign ? ~greatest : greatest;

endmodule

`default_nettype wire
