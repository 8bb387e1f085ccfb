// SPDX-License-Identifier: Apache-2.0
// A kernel of vio/hw/hls/kernels.py as a block: operands in, results out, nothing kept between calls.
//
// The program and the sizes are generated from the kernel's DSLX (`vio hw hls KERNEL --prove N` does it).
// Packets of `sequencer`, words of 32 bits:
//   START: one word that is ignored; writes the constants, once after a reset.
//   SAMPLE: the operands of one call.
//   READ: the results of the last call.
// Latency: that of `sequencer`, and so is the throughput.
`default_nettype none

module kernel (
    input wire clk,
    input wire rst,
    // packets in
    input wire s_valid,
    output wire s_ready,
    input wire [31:0] s_data,
    input wire [1:0] s_command,
    // state out
    output wire m_valid,
    input wire m_ready,
    output wire [31:0] m_data,
    output wire m_last
);

  `include "kernel_program.vh"

  wire [PC_W-1:0] program_address;
  wire [(ADDERS+MULTIPLIERS+DIVIDERS+LOGICS)*UNIT_W-1:0] program_word;
  wire [INDEX_W-1:0] layout_address;
  wire [BANK_W+ADDRESS_W+31:0] layout_word;

  sequencer #(
      .ADDERS(ADDERS),
      .MULTIPLIERS(MULTIPLIERS),
      .DIVIDERS(DIVIDERS),
      .LOGICS(LOGICS),
      .OP_W(OP_W),
      .BANK_W(BANK_W),
      .ADDRESS_W(ADDRESS_W),
      .PC_W(PC_W),
      .PROGRAM_WORDS(PROGRAM_WORDS),
      .INDEX_W(INDEX_W),
      .LAYOUT_WORDS(LAYOUT_WORDS),
      .STATE_WORDS(STATE_WORDS),
      .SETUP_WORDS(SETUP_WORDS),
      .SAMPLE_WORDS(SAMPLE_WORDS),
      .UNIT_W(UNIT_W)
  ) sequencer_i (
      .clk(clk),
      .rst(rst),
      .s_valid(s_valid),
      .s_ready(s_ready),
      .s_data(s_data),
      .s_command(s_command),
      .m_valid(m_valid),
      .m_ready(m_ready),
      .m_data(m_data),
      .m_last(m_last),
      .program_address(program_address),
      .program_word(program_word),
      .layout_address(layout_address),
      .layout_word(layout_word)
  );

  kernel_program program_i (
      .clk(clk),
      .address(program_address),
      .word(program_word),
      .layout_address(layout_address),
      .layout_word(layout_word)
  );

endmodule

`default_nettype wire
