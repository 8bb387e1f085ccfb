// SPDX-License-Identifier: Apache-2.0
// Divide a stream of unsigned integers, rounding down: restoring, BITS quotient bits a cycle in
// each stage, which keeps a word for CYCLES cycles.
//
// Q formats:  NUM_W-bit numerator / DEN_W-bit denominator -> QUOT_W-bit quotient. Equals `divide`
//             of vio/fixed/qformat.py (a denominator of 0 gives 0).
// Overflow:   the caller knows that the quotient fits QUOT_W bits.
// Latency:    QUOT_W / BITS + 1 cycles. Throughput: one in CYCLES cycles, never a wait.
// Area:       BITS QUOT_W / (BITS CYCLES) subtracters of DEN_W + 1 bits.
`default_nettype none

module stream_divider #(
    parameter NUM_W  = 44,  // bits of the numerator, at least QUOT_W
    parameter DEN_W  = 22,  // bits of the denominator, at least NUM_W - QUOT_W
    parameter QUOT_W = 24,  // bits of the quotient, a multiple of BITS CYCLES
    parameter BITS   = 3,   // a cycle: as many subtractions in a row
    parameter CYCLES = 2    // least distance of two words, 1 or more
) (
    input wire clk,
    input wire rst,

    input wire             s_valid,
    input wire [NUM_W-1:0] s_numerator,
    input wire [DEN_W-1:0] s_denominator,

    output wire              m_valid,
    output wire [QUOT_W-1:0] m_quotient
);

  generate
    if (QUOT_W % (BITS * CYCLES) != 0 || NUM_W < QUOT_W || NUM_W - QUOT_W > DEN_W) begin : g_bad_width
      stream_divider_widths_do_not_fit bad_parameter ();
    end
  endgenerate

  localparam STAGES = QUOT_W / (BITS * CYCLES);
  localparam COUNT_W = $clog2(CYCLES + 1);
  localparam [COUNT_W-1:0] ONE = {{(COUNT_W - 1) {1'b0}}, 1'b1};
  localparam [COUNT_W-1:0] LAST = CYCLES[COUNT_W-1:0];

  // Between stages: remainder, denominator, and numerator bits that become quotient bits.
  wire [STAGES:0] valid;
  wire [(STAGES+1)*DEN_W-1:0] remainder, denominator;
  wire [(STAGES+1)*QUOT_W-1:0] quotient;

  wire none = s_denominator == {DEN_W{1'b0}};
  wire [DEN_W+NUM_W-1:0] padded = none ? {(DEN_W + NUM_W) {1'b0}} : {{DEN_W{1'b0}}, s_numerator};
  wire unused = &{1'b0, padded[DEN_W+NUM_W-1:DEN_W+QUOT_W]};
  reg valid_q;
  reg [DEN_W-1:0] remainder_q, denominator_q;
  reg [QUOT_W-1:0] quotient_q;

  always @(posedge clk) begin
    valid_q <= s_valid && !rst;
    if (s_valid) begin
      remainder_q <= padded[QUOT_W+:DEN_W];
      quotient_q <= padded[QUOT_W-1:0];
      denominator_q <= none ? {{(DEN_W - 1) {1'b0}}, 1'b1} : s_denominator;
    end
  end

  assign valid[0] = valid_q;
  assign remainder[DEN_W-1:0] = remainder_q;
  assign denominator[DEN_W-1:0] = denominator_q;
  assign quotient[QUOT_W-1:0] = quotient_q;

  genvar s, b;
  generate
    for (s = 0; s < STAGES; s = s + 1) begin : g_stage
      reg [COUNT_W-1:0] count_q;  // cycles that the word has been here; 0: no word
      reg [DEN_W-1:0] rest_q, by_q;
      reg [QUOT_W-1:0] bits_q;
      wire enters = valid[s];
      wire works = count_q != {COUNT_W{1'b0}} && count_q != LAST;
      wire [DEN_W-1:0] by = enters ? denominator[DEN_W*s+:DEN_W] : by_q;
      wire [QUOT_W-1:0] bits = enters ? quotient[QUOT_W*s+:QUOT_W] : bits_q;
      wire [(BITS+1)*DEN_W-1:0] rest;
      wire [BITS-1:0] found;
      assign rest[DEN_W-1:0] = enters ? remainder[DEN_W*s+:DEN_W] : rest_q;

      for (b = 0; b < BITS; b = b + 1) begin : g_bit
        wire [DEN_W:0] trial = {rest[DEN_W*b+:DEN_W], bits[QUOT_W-1-b]};
        wire [DEN_W+1:0] difference = {1'b0, trial} - {2'b00, by};
        assign found[BITS-1-b] = !difference[DEN_W+1];
        assign rest[DEN_W*(b+1)+:DEN_W] = difference[DEN_W+1] ? trial[DEN_W-1:0]
                                                              : difference[DEN_W-1:0];
        wire unused_top = difference[DEN_W];  // 0 when it is used
      end

      always @(posedge clk) begin
        if (enters || works) begin
          rest_q <= rest[DEN_W*BITS+:DEN_W];
          by_q   <= by;
          bits_q <= {bits[QUOT_W-BITS-1:0], found};
        end
        if (rst) count_q <= {COUNT_W{1'b0}};
        else if (enters) count_q <= ONE;
        else if (count_q != {COUNT_W{1'b0}}) count_q <= works ? count_q + ONE : {COUNT_W{1'b0}};
      end

      assign valid[s+1] = count_q == LAST;
      assign remainder[DEN_W*(s+1)+:DEN_W] = rest_q;
      assign denominator[DEN_W*(s+1)+:DEN_W] = by_q;
      assign quotient[QUOT_W*(s+1)+:QUOT_W] = bits_q;
    end
  endgenerate

  wire unused_last = &{1'b0, remainder[DEN_W*STAGES+:DEN_W], denominator[DEN_W*STAGES+:DEN_W]};
  assign m_valid = valid[STAGES];
  assign m_quotient = quotient[QUOT_W*STAGES+:QUOT_W];

endmodule

`default_nettype wire
