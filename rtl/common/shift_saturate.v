// SPDX-License-Identifier: Apache-2.0
// Narrow a signed value: drop a variable number of low bits rounding to nearest (ties up), then
// saturate to one of three widths.
//
// Q formats:  s_data signed IN_W bits with f fraction bits -> m_data signed WIDE_W bits with
//             f - s_amount, within WIDE_W (s_width 2), MIDDLE_W (1) or NARROW_W bits (0). Equals
//             `narrow(round_shift(x, n))` of vio/fixed/qformat.py for n not negative.
// Overflow:   saturates.
// Latency:    1 cycle; rounding and saturation follow the registers. Throughput: one value a cycle.
`default_nettype none

module shift_saturate #(
    parameter IN_W     = 54,  // bits of the value, WIDE_W or more
    parameter AMOUNT_W = 6,   // bits of the amount, 4 or more
    parameter NARROW_W = 14,  // widths of the result, rising, 2 or more
    parameter MIDDLE_W = 18,
    parameter WIDE_W   = 26
) (
    input  wire                       clk,
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
  // Shifted by the high bits of the amount first, so that each of the others works on fewer bits.
  reg signed [IN_W:0] shifted_d;
  integer k;
  always @* begin
    shifted_d = {s_data, 1'b0};
    for (k = AMOUNT_W - 1; k >= 0; k = k - 1) if (s_amount[k]) shifted_d = shifted_d >>> (1 << k);
  end
  wire unused = &{1'b0, shifted_d[IN_W:WIDE_W+1]};

  // It does not fit when a bit from the new sign upwards differs from the sign: found beside the
  // shifter, not behind it, by groups of eight. Or when rounding up sets the new sign.
  localparam GROUPS = (IN_W + 7) / 8;
  wire sign = s_data[IN_W-1];
  wire [8*GROUPS-1:0] differs = {{(8 * GROUPS - IN_W) {1'b0}}, s_data ^ {IN_W{sign}}};
  wire [7:0] from_limit = 8'hFF << s_limit[2:0];  // of the group in which the new sign is
  reg [2*GROUPS-1:0] beyond_d, beyond_q;
  integer i;
  always @* begin
    for (i = 0; i < GROUPS; i = i + 1) begin
      beyond_d[i] = s_limit[AMOUNT_W:3] < i[AMOUNT_W-3:0] && |differs[8*i+:8];
      beyond_d[GROUPS+i] = s_limit[AMOUNT_W:3] == i[AMOUNT_W-3:0] && |(differs[8*i+:8] & from_limit);
    end
  end

  reg [WIDE_W:0] shifted_q;
  reg [1:0] width_q;
  reg sign_q;
  always @(posedge clk) begin
    shifted_q <= shifted_d[WIDE_W:0];
    width_q <= s_width;
    sign_q <= sign;
    beyond_q <= beyond_d;
  end

  wire [WIDE_W-1:0] rounded = shifted_q[WIDE_W:1] + {{(WIDE_W - 1) {1'b0}}, shifted_q[0]};
  // Rounding up sets the sign where all bits below it are set: found beside the adder.
  wire all_set = &shifted_q[NARROW_W-1:0] && (&shifted_q[MIDDLE_W-1:NARROW_W] || width_q == 2'd0)
      && (&shifted_q[WIDE_W-1:MIDDLE_W] || !width_q[1]);
  wire carried = !sign_q && all_set;

  // The greatest value has the ones of its width; the least is its complement.
  wire [WIDE_W-1:0] greatest = {
    1'b0,
    {(WIDE_W - MIDDLE_W) {width_q[1]}},
    {(MIDDLE_W - NARROW_W) {width_q[1] || width_q[0]}},
    {(NARROW_W - 1) {1'b1}}
  };

  assign m_data = !(|beyond_q || carried) ? rounded : sign_q ? ~greatest : greatest;

endmodule

`default_nettype wire
