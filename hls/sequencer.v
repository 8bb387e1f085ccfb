// SPDX-License-Identifier: Apache-2.0
// Run a program of float32 operations on a few shared units, once for each packet.
//
// Units, in this order: adders (x + y, or x - y), multipliers, dividers (x / y, or the root of x: one
// question at a time), logic units (comparisons and bitwise operations, of which selections are made).
// Formats: IEEE float32 words, rules of docs/hls/float_rules.md. The program (hls/gen, made by
// vio/hw/hls/list_schedule.py from DSLX) says cycle by cycle which operands a unit takes and where a
// result goes that leaves it; so the units' latencies are in the program, not here.
// Register file: a bank for each unit, which alone writes it, with a copy for each operand of each
// unit. The upper half of a bank holds the state: pairs of places, of which one is old and one new;
// a packet of samples ends by changing their roles, so that nothing is half done.
// Packets, told by s_command with their first word:
//   SAMPLE (0): SAMPLE_WORDS words; the program runs once. What it gives is read from the state.
//   START (1): SETUP_WORDS words, which stay until the next START; the state begins anew. After a
//     reset this comes first: without it a SAMPLE works on whatever the memories hold.
//   READ (2; 3 is not used): one word that is ignored; the state comes out, STATE_WORDS words, m_last with the last.
// Latency: a SAMPLE takes SAMPLE_WORDS + PROGRAM_WORDS cycles from its first word to
// the next packet's; a START SETUP_WORDS + LAYOUT_WORDS + 1; a READ 1 + 5 for each word.
// rst in mid-packet: the packet is forgotten; the next one has to be a START.
`default_nettype none

module sequencer #(
    parameter ADDERS = 1,
    parameter MULTIPLIERS = 1,
    parameter DIVIDERS = 0,
    parameter LOGICS = 0,
    parameter OP_W = 1,  // 3 where there are dividers or logic units
    parameter BANK_W = 1,  // of a unit's number: $clog2 of all units
    parameter ADDRESS_W = 9,  // of a word of a bank; the upper half is the state's
    parameter PC_W = 10,
    parameter PROGRAM_WORDS = 574,  // cycles of a call
    parameter INDEX_W = 7,
    parameter LAYOUT_WORDS = 119,  // words that START writes: state, then constants
    parameter STATE_WORDS = 105,
    parameter SETUP_WORDS = 8,  // in the last bank at 0, 1, ...
    parameter SAMPLE_WORDS = 7,  // in the last bank after them
    // of a unit's part of a program word: two operands with bank and address, operation (adder: bit 0
    // negates the second; divider: bit 0 root, bit 1 start; logic: see hls/units.x), write enable
    // and address
    parameter UNIT_W = 2 * (BANK_W + ADDRESS_W) + OP_W + 1 + ADDRESS_W
) (
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
    output wire m_last,
    // program and layout, registered memories of the program's module
    output wire [PC_W-1:0] program_address,
    input wire [(ADDERS+MULTIPLIERS+DIVIDERS+LOGICS)*UNIT_W-1:0] program_word,
    output wire [INDEX_W-1:0] layout_address,
    input wire [BANK_W+ADDRESS_W+31:0] layout_word
);

  localparam UNITS = ADDERS + MULTIPLIERS + DIVIDERS + LOGICS;
  localparam [1:0] START = 2'd1, READ = 2'd2;
  localparam [2:0] TAKE = 3'd0, RUN = 3'd1, FILL = 3'd2, FILLED = 3'd3, EMIT = 3'd4;
  localparam [PC_W-1:0] LAST_PC = PROGRAM_WORDS[PC_W-1:0] - 1'b1;
  localparam [INDEX_W-1:0] LAST_LAYOUT = LAYOUT_WORDS[INDEX_W-1:0] - 1'b1;
  localparam [INDEX_W-1:0] LAST_STATE = STATE_WORDS[INDEX_W-1:0] - 1'b1;
  localparam [ADDRESS_W-1:0] SETUP_BASE = {ADDRESS_W{1'b0}};
  localparam [ADDRESS_W-1:0] SAMPLE_BASE = SETUP_WORDS[ADDRESS_W-1:0];
  localparam [ADDRESS_W-1:0] LAST_SETUP = SAMPLE_BASE - 1'b1;
  localparam [ADDRESS_W-1:0] LAST_SAMPLE = SAMPLE_BASE + SAMPLE_WORDS[ADDRESS_W-1:0] - 1'b1;
  localparam [31:0] LAST_UNIT = UNITS - 1;
  localparam [2:0] EMIT_WAIT = 3'd4;  // layout, address, block RAM, operand

  // ---- packets and phases
  reg [2:0] phase_q;
  reg first_q;  // the next word begins a packet
  reg [1:0] command_q;
  reg [ADDRESS_W-1:0] place_q;  // of the next word but the first
  reg [PC_W-1:0] pc_q;
  reg [INDEX_W-1:0] index_q;
  reg [2:0] wait_q;
  reg parity_q;  // which of a state's places is the new one
  reg running_q, last_q, filling_q;

  wire [1:0] command = first_q ? s_command : command_q;
  wire [ADDRESS_W-1:0] first_place = command == START ? SETUP_BASE : SAMPLE_BASE;
  wire [ADDRESS_W-1:0] place = first_q ? first_place : place_q;
  wire taken = s_valid && s_ready;
  wire last_word = command == READ || place == (command == START ? LAST_SETUP : LAST_SAMPLE);

  assign s_ready = phase_q == TAKE;
  assign m_valid = phase_q == EMIT && wait_q == EMIT_WAIT;
  assign m_last = index_q == LAST_STATE;
  assign program_address = pc_q;
  assign layout_address = index_q;

  always @(posedge clk) begin
    if (rst) begin
      phase_q <= TAKE;
      first_q <= 1'b1;
      pc_q <= {PC_W{1'b0}};
      index_q <= {INDEX_W{1'b0}};
      wait_q <= 3'd0;
      parity_q <= 1'b0;
      running_q <= 1'b0;
      last_q <= 1'b0;
      filling_q <= 1'b0;
    end else begin
      running_q <= phase_q == RUN;
      last_q <= phase_q == RUN && pc_q == LAST_PC;
      filling_q <= phase_q == FILL;
      if (last_q) parity_q <= !parity_q;
      case (phase_q)
        TAKE:
        if (taken) begin
          first_q <= last_word;
          if (last_word) begin
            phase_q <= command == START ? FILL : command == READ ? EMIT : RUN;
            if (command == START) parity_q <= 1'b0;
          end
        end
        RUN: begin
          pc_q <= pc_q + 1'b1;
          if (pc_q == LAST_PC) begin
            pc_q <= {PC_W{1'b0}};
            phase_q <= TAKE;
          end
        end
        FILL: begin
          index_q <= index_q + 1'b1;
          if (index_q == LAST_LAYOUT) begin
            index_q <= {INDEX_W{1'b0}};
            phase_q <= FILLED;
          end
        end
        EMIT: begin
          if (wait_q != EMIT_WAIT) wait_q <= wait_q + 1'b1;
          else if (m_ready) begin
            wait_q <= 3'd0;
            index_q <= index_q + 1'b1;
            if (m_last) begin
              index_q <= {INDEX_W{1'b0}};
              phase_q <= TAKE;
            end
          end
        end
        default: phase_q <= TAKE;
      endcase
    end
    if (taken) begin
      command_q <= command;
      place_q <= place + 1'b1;
    end
  end

  // ---- words that come from outside: of packets into the last bank, of the layout into any
  reg load_q;
  reg [BANK_W-1:0] load_bank_q;
  reg [ADDRESS_W-1:0] load_address_q;
  reg [31:0] load_data_q;

  always @(posedge clk) begin
    load_q <= !rst && (filling_q || (taken && command != READ));
    if (filling_q) {load_bank_q, load_address_q, load_data_q} <= layout_word;
    else begin
      load_bank_q <= LAST_UNIT[BANK_W-1:0];
      load_address_q <= place;
      load_data_q <= s_data;
    end
  end

  // ---- the program word's addresses, the state's turned by the parity
  wire [UNITS*32-1:0] result;
  wire [2*32*UNITS-1:0] operand;

  assign m_data = operand[31:0];

  genvar u, o, b;
  generate
    for (u = 0; u < UNITS; u = u + 1) begin : g_unit
      wire [UNIT_W-1:0] part = program_word[UNIT_W*u+:UNIT_W];

      // write port of this unit's bank
      reg w_enable_q;
      reg [ADDRESS_W-1:0] w_address_q;
      reg [OP_W-1:0] op_q, op_read_q;  // the latter goes with r_data, `operand` is one cycle later
      wire [ADDRESS_W-1:0] w_field = part[UNIT_W-2-:ADDRESS_W];
      wire own_load = load_q && load_bank_q == u[BANK_W-1:0];
      wire w_enable = own_load || w_enable_q;
      wire [ADDRESS_W-1:0] w_address = own_load ? load_address_q : w_address_q;
      wire [31:0] w_data = own_load ? load_data_q : result[32*u+:32];

      always @(posedge clk) begin
        w_enable_q <= !rst && running_q && part[UNIT_W-1];
        w_address_q <= {
          w_field[ADDRESS_W-1:1], w_field[0] ^ (w_field[ADDRESS_W-1] && parity_q)
        };
        op_q <= part[2*(BANK_W+ADDRESS_W)+:OP_W];
        op_read_q <= op_q;
      end

      for (o = 0; o < 2; o = o + 1) begin : g_operand
        wire emits = u == 0 && o == 0 && phase_q == EMIT;
        wire [BANK_W+ADDRESS_W-1:0] field = emits ? layout_word[BANK_W+ADDRESS_W+31:32]
                                                  : part[(BANK_W+ADDRESS_W)*o+:BANK_W+ADDRESS_W];
        reg [ADDRESS_W-1:0] r_address_q;
        reg [BANK_W-1:0] r_bank_q, bank_q;
        reg [31:0] operand_q;
        wire [32*UNITS-1:0] read;

        always @(posedge clk) begin
          r_address_q <= {field[ADDRESS_W-1:1], field[0] ^ (field[ADDRESS_W-1] && parity_q)};
          r_bank_q <= field[ADDRESS_W+:BANK_W];
          bank_q <= r_bank_q;
          operand_q <= read[32*bank_q+:32] ^ {u < ADDERS && o == 1 && op_read_q[0], 31'd0};
        end

        for (b = 0; b < UNITS; b = b + 1) begin : g_bank
          register_copy #(
              .WIDTH(32),
              .ADDRESS_W(ADDRESS_W)
          ) copy (
              .clk(clk),
              .w_enable(g_unit[b].w_enable),
              .w_address(g_unit[b].w_address),
              .w_data(g_unit[b].w_data),
              .r_address(r_address_q),
              .r_data(read[32*b+:32])
          );
        end
        assign operand[64*u+32*o+:32] = operand_q;
      end

      if (u < ADDERS) begin : g_adder
        unit_add adder (
            .clk(clk),
            .x(operand[64*u+:32]),
            .y(operand[64*u+32+:32]),
            .out(result[32*u+:32])
        );
      end else if (u < ADDERS + MULTIPLIERS) begin : g_multiplier
        unit_mul multiplier (
            .clk(clk),
            .x(operand[64*u+:32]),
            .y(operand[64*u+32+:32]),
            .out(result[32*u+:32])
        );
      end else if (u < ADDERS + MULTIPLIERS + DIVIDERS) begin : g_divider
        reg start_q, start_read_q, start_operand_q, root_q;

        always @(posedge clk) begin
          start_q <= !rst && running_q && part[2*(BANK_W+ADDRESS_W)+1];
          start_read_q <= !rst && start_q;
          start_operand_q <= !rst && start_read_q;
          root_q <= op_read_q[0];
        end

        unit_divide_root divider (
            .clk(clk),
            .rst(rst),
            .start(start_operand_q),
            .root(root_q),
            .x(operand[64*u+:32]),
            .y(operand[64*u+32+:32]),
            .out(result[32*u+:32])
        );
      end else begin : g_logic
        reg [OP_W-1:0] op_operand_q;

        always @(posedge clk) op_operand_q <= op_read_q;

        unit_logic logic_i (
            .clk(clk),
            .op(op_operand_q),
            .x(operand[64*u+:32]),
            .y(operand[64*u+32+:32]),
            .out(result[32*u+:32])
        );
      end
    end
  endgenerate

endmodule

`default_nettype wire
