// SPDX-License-Identifier: Apache-2.0
// Take the reciprocal of a positive integer as an 18-bit mantissa and a shift.
//
// Q formats:  z of IN_W bits unsigned -> m and n with 1 / z = m / 2^(n + 17): n is the bit length of
//             z, m = 2^35 over the upper 18 bits of z. Equals `reciprocal` of vio/fixed/rectify.py.
// Overflow:   m saturates at 2^18 - 1 (z a power of two); z = 0 gives m = 0, n = 0.
// Latency:    38 clocks from s_valid && s_ready to m_valid. Throughput: one in 39.
`default_nettype none

module reciprocal #(
    parameter IN_W = 34  // bits of the input, 18 or more
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
      reciprocal_IN_W_must_be_18_to_63 bad_parameter ();
    end
  endgenerate

  // Bit length: the last set bit that the loop meets is the highest.
  reg [5:0] bits_d;
  integer i;
  always @* begin
    bits_d = 6'd0;
    for (i = 0; i < IN_W; i = i + 1) if (s_data[i]) bits_d = i[5:0] + 6'd1;
  end

  reg full_q;
  reg [5:0] bits_q;
  reg [IN_W-1:0] data_q;
  wire divider_ready;

  // 18 bits from the leading one on; zeros enter below where there are fewer.
  wire [IN_W+17:0] padded = {data_q, 18'd0};
  wire [IN_W+17:0] aligned = padded >> bits_q;
  wire [17:0] mantissa = aligned[17:0];
  wire unused_high = &{1'b0, aligned[IN_W+17:18]};

  wire [35:0] quotient;
  wire unused_quotient = &{1'b0, quotient[35:19]};

  assign s_ready = !full_q;

  always @(posedge clk) begin
    if (s_valid && s_ready) begin
      data_q <= s_data;
      bits_q <= bits_d;
    end
    if (rst) full_q <= 1'b0;
    else if (s_valid && s_ready) full_q <= 1'b1;
    else if (m_valid && m_ready) full_q <= 1'b0;
  end

  // The word stays until its result has left, so that its shift is still there.
  reg started_q;
  always @(posedge clk) begin
    if (rst || !full_q || (m_valid && m_ready)) started_q <= 1'b0;
    else if (divider_ready) started_q <= 1'b1;
  end

  divider #(
      .NUM_W(36),
      .DEN_W(18)
  ) divide (
      .clk(clk),
      .rst(rst),
      .s_valid(full_q && !started_q),
      .s_ready(divider_ready),
      .s_numerator(36'h800000000),
      .s_denominator(mantissa),
      .m_valid(m_valid),
      .m_ready(m_ready),
      .m_quotient(quotient)
  );

  assign m_mantissa = quotient[18] ? 18'h3FFFF : quotient[17:0];
  assign m_bits = bits_q;

endmodule

`default_nettype wire
