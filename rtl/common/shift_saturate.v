// SPDX-License-Identifier: Apache-2.0
// Narrow a signed value: drop a variable number of low bits rounding to nearest (ties up), then
// saturate to one of three widths.
//
// Q formats:  s_data signed IN_W bits with f fraction bits -> m_data signed WIDE_W bits with
//             f - s_amount, within WIDE_W (s_width 2), MIDDLE_W (1) or NARROW_W bits (0). Equals
//             `narrow(round_shift(x, n))` of vio/fixed/qformat.py for n not negative.
// Overflow:   saturates.
// Latency:    0 cycles (combinational). Throughput: one value a cycle.
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
    input  wire        [  AMOUNT_W:0] s_limit,   // s_amount + that width - 1
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
  wire [WIDE_W-1:0] rounded = shifted[WIDE_W:1] + {{(WIDE_W - 1) {1'b0}}, shifted[0]};
  wire unused = &{1'b0, shifted[IN_W:WIDE_W+1]};

  // It does not fit when a bit from the new sign upwards differs from the sign: found beside the
  // shifter, not behind it. Or when rounding up sets the new sign.
  wire sign = s_data[IN_W-1];
  reg [IN_W-1:0] beyond_d;
  integer i;
  always @* begin
    for (i = 0; i < IN_W; i = i + 1) beyond_d[i] = (i[AMOUNT_W:0] >= s_limit) && (s_data[i] != sign);
  end
  wire carried = !sign && (s_width[1] ? rounded[WIDE_W-1] :
                           s_width[0] ? rounded[MIDDLE_W-1] : rounded[NARROW_W-1]);

  // The greatest value has the ones of its width; the least is its complement.
  wire [WIDE_W-1:0] greatest = {
    1'b0,
    {(WIDE_W - MIDDLE_W) {s_width[1]}},
    {(MIDDLE_W - NARROW_W) {s_width[1] || s_width[0]}},
    {(NARROW_W - 1) {1'b1}}
  };

  assign m_data = !(|beyond_d || carried) ? rounded : sign ? ~greatest : greatest;

endmodule

`default_nettype wire
