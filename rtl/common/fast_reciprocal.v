// SPDX-License-Identifier: Apache-2.0
// Take the reciprocal of a positive integer as an 18-bit mantissa and a shift, several bits a cycle.
//
// Q formats:  z of IN_W bits unsigned -> m and n with 1 / z = m / 2^(n + 17): n is the bit length of
//             z, m = 2^35 over the upper 18 bits of z. Equals `reciprocal` of vio/fixed/rectify.py.
// Overflow:   m saturates at 2^18 - 1 (z a power of two). z = 0 gives m = 0, n = 0.
// Latency:    18 / BITS + 2 cycles from s_valid && s_ready to m_valid (8 with 3 bits a cycle).
//             Throughput: one in 18 / BITS + 3. A result stays until the next request is taken.
// How:        the upper 18 bits d are at least 2^17, so the first 17 of the 36 quotient bits are 0 and
//             the remainder then is 2^17; only d = 2^17 has a further bit, where m saturates.
`default_nettype none

module fast_reciprocal #(
    parameter IN_W = 34,  // bits of the input, 18 .. 63
    parameter BITS = 3    // quotient bits a cycle: 1, 2, 3, 6 or 9
) (
    input wire clk,
    input wire rst,

    input  wire            s_valid,
    output wire            s_ready,
    input  wire [IN_W-1:0] s_data,

    output wire        m_valid,
    input  wire        m_ready,
    output wire [17:0] m_mantissa,
    output wire [ 5:0] m_bits
);

  generate
    if (IN_W < 18 || IN_W > 63) begin : g_bad_width
      fast_reciprocal_IN_W_must_be_18_to_63 bad_parameter ();
    end
    if (BITS < 1 || BITS > 9 || 18 % BITS != 0) begin : g_bad_bits
      fast_reciprocal_BITS_must_divide_18 bad_parameter ();
    end
  endgenerate

  localparam STEPS = 18 / BITS;
  localparam LAST_BIT = IN_W - 1;
  localparam [17:0] FIRST = 18'h20000;  // the remainder after the quotient's leading zeros

  // Zeros before the leading one: the last set bit that the loop meets is the highest.
  reg [5:0] zeros_d;
  integer i;
  always @* begin
    zeros_d = 6'd0;
    for (i = 0; i < IN_W; i = i + 1) if (s_data[i]) zeros_d = LAST_BIT[5:0] - i[5:0];
  end

  reg [IN_W-1:0] data_q;
  reg [5:0] zeros_q, bits_q;
  reg taken_q;  // data_q is to be aligned
  reg [STEPS-1:0] steps_q;  // one bit for each step to come
  reg done_q;
  reg [17:0] divisor_q;
  reg power_q;  // the divisor is 2^17
  reg [17:0] remainder_q;
  reg [17:0] quotient_q;

  // 18 bits from the leading one on; zeros enter below where there are fewer. Shifted by the high bits of the number
  // first, so that each of the others works on fewer bits.
  reg [IN_W-1:0] aligned_d;
  integer j;
  always @* begin
    aligned_d = data_q;
    for (j = 5; j >= 0; j = j - 1) if (zeros_q[j]) aligned_d = aligned_d << (1 << j);
  end
  wire [17:0] aligned = aligned_d[IN_W-1-:18];
  wire unused_low = &{1'b0, aligned_d};

  // Each step of the restoring division doubles the remainder and takes the divisor off if it fits.
  wire [18*BITS+17:0] remainders;
  wire [BITS-1:0] fits;
  assign remainders[17:0] = remainder_q;
  genvar k;
  generate
    for (k = 0; k < BITS; k = k + 1) begin : g_bit
      wire [18:0] doubled = {remainders[18*k+:18], 1'b0};
      wire [19:0] difference = {1'b0, doubled} - {2'b00, divisor_q};
      wire unused = difference[18];  // smaller than the divisor when it is used
      assign fits[BITS-1-k] = !difference[19];
      assign remainders[18*(k+1)+:18] = difference[19] ? doubled[17:0] : difference[17:0];
    end
  endgenerate

  wire busy = |steps_q;
  wire [STEPS:0] steps_left = {steps_q, 1'b0};
  wire unused_step = &{1'b0, steps_left[STEPS]};
  assign s_ready = !taken_q && !busy && !done_q;
  assign m_valid = done_q;
  assign m_mantissa = (bits_q == 6'd0) ? 18'd0 : power_q ? 18'h3FFFF : quotient_q;
  assign m_bits = bits_q;

  wire last = steps_q[STEPS-1] && !(|steps_q[STEPS-2:0]);
  wire [17+BITS:0] shifted = {quotient_q, fits};
  wire unused_quotient = &{1'b0, shifted[17+BITS:18]};

  always @(posedge clk) begin
    if (s_valid && s_ready) begin
      data_q <= s_data;
      zeros_q <= zeros_d;
    end
    if (taken_q) begin
      bits_q <= aligned[17] ? IN_W[5:0] - zeros_q : 6'd0;
      divisor_q <= aligned;
      power_q <= aligned[16:0] == 17'd0;
      remainder_q <= FIRST;
    end else if (busy) begin
      remainder_q <= remainders[18*BITS+:18];
      quotient_q <= shifted[17:0];
    end
    if (rst) begin
      taken_q <= 1'b0;
      steps_q <= {STEPS{1'b0}};
      done_q <= 1'b0;
    end else begin
      taken_q <= s_valid && s_ready;
      steps_q <= taken_q ? {STEPS{1'b1}} : steps_left[STEPS-1:0];
      if (last) done_q <= 1'b1;
      else if (m_ready) done_q <= 1'b0;
    end
  end

endmodule

`default_nettype wire
