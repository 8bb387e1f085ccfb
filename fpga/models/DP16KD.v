// SPDX-License-Identifier: Apache-2.0
// Model of the ECP5's block RAM, for simulations of netlists: 18 kbit, two ports, per port 1 to 36 bits wide.
//
// A word of 9 bits has a bit that narrower ports do not see. A port of 18 or 36 bits takes byte enables from its lowest
// address bits. 36 bits: port A only writes, DIA below DIB; port B only reads, DOA below DOB; a narrower port B beside
// a port A of 36 bits uses DOB alone.
// Writing:    NORMAL: the output keeps its value; WRITETHROUGH: it has what is written; READBEFOREWRITE: what was there.
// Reset:      clears the output's latch and register, never the memory; SYNC: at an edge of the clock, with or without
//             CE, and blocks a write of that port; ASYNC: at once. GSR is not modelled.
// Select:     a port does nothing while CS differs from CSDECODE.
// Collision:  a port that reads what the other one writes at the same time has the old word here; the device says
//             undefined.
// Latency:    1 edge; 2 with REGMODE OUTREG, whose register has the enable OCE. Throughput: an access an edge.
// After:      Lattice TN1264 (FPGA-TN-02204), ECP5 and ECP5-5G Memory Usage Guide; Project Trellis' fuzzing for the
//             byte enables; the reset that blocks writes as yosys describes it (techlibs/lattice/brams_16kd.txt).
`default_nettype none

module DP16KD #(
    parameter DATA_WIDTH_A = 18, // 1, 2, 4, 9, 18, 36
    parameter DATA_WIDTH_B = 18,
    parameter REGMODE_A = "NOREG",
    parameter REGMODE_B = "NOREG",
    parameter RESETMODE = "SYNC",
    parameter ASYNC_RESET_RELEASE = "SYNC",
    parameter CSDECODE_A = "0b000",
    parameter CSDECODE_B = "0b000",
    parameter WRITEMODE_A = "NORMAL",
    parameter WRITEMODE_B = "NORMAL",
    parameter CLKAMUX = "CLKA",
    parameter CLKBMUX = "CLKB",
    parameter GSR = "ENABLED",
    parameter [319:0] INITVAL_00 = 320'd0, parameter [319:0] INITVAL_01 = 320'd0,
    parameter [319:0] INITVAL_02 = 320'd0, parameter [319:0] INITVAL_03 = 320'd0,
    parameter [319:0] INITVAL_04 = 320'd0, parameter [319:0] INITVAL_05 = 320'd0,
    parameter [319:0] INITVAL_06 = 320'd0, parameter [319:0] INITVAL_07 = 320'd0,
    parameter [319:0] INITVAL_08 = 320'd0, parameter [319:0] INITVAL_09 = 320'd0,
    parameter [319:0] INITVAL_0A = 320'd0, parameter [319:0] INITVAL_0B = 320'd0,
    parameter [319:0] INITVAL_0C = 320'd0, parameter [319:0] INITVAL_0D = 320'd0,
    parameter [319:0] INITVAL_0E = 320'd0, parameter [319:0] INITVAL_0F = 320'd0,
    parameter [319:0] INITVAL_10 = 320'd0, parameter [319:0] INITVAL_11 = 320'd0,
    parameter [319:0] INITVAL_12 = 320'd0, parameter [319:0] INITVAL_13 = 320'd0,
    parameter [319:0] INITVAL_14 = 320'd0, parameter [319:0] INITVAL_15 = 320'd0,
    parameter [319:0] INITVAL_16 = 320'd0, parameter [319:0] INITVAL_17 = 320'd0,
    parameter [319:0] INITVAL_18 = 320'd0, parameter [319:0] INITVAL_19 = 320'd0,
    parameter [319:0] INITVAL_1A = 320'd0, parameter [319:0] INITVAL_1B = 320'd0,
    parameter [319:0] INITVAL_1C = 320'd0, parameter [319:0] INITVAL_1D = 320'd0,
    parameter [319:0] INITVAL_1E = 320'd0, parameter [319:0] INITVAL_1F = 320'd0,
    parameter [319:0] INITVAL_20 = 320'd0, parameter [319:0] INITVAL_21 = 320'd0,
    parameter [319:0] INITVAL_22 = 320'd0, parameter [319:0] INITVAL_23 = 320'd0,
    parameter [319:0] INITVAL_24 = 320'd0, parameter [319:0] INITVAL_25 = 320'd0,
    parameter [319:0] INITVAL_26 = 320'd0, parameter [319:0] INITVAL_27 = 320'd0,
    parameter [319:0] INITVAL_28 = 320'd0, parameter [319:0] INITVAL_29 = 320'd0,
    parameter [319:0] INITVAL_2A = 320'd0, parameter [319:0] INITVAL_2B = 320'd0,
    parameter [319:0] INITVAL_2C = 320'd0, parameter [319:0] INITVAL_2D = 320'd0,
    parameter [319:0] INITVAL_2E = 320'd0, parameter [319:0] INITVAL_2F = 320'd0,
    parameter [319:0] INITVAL_30 = 320'd0, parameter [319:0] INITVAL_31 = 320'd0,
    parameter [319:0] INITVAL_32 = 320'd0, parameter [319:0] INITVAL_33 = 320'd0,
    parameter [319:0] INITVAL_34 = 320'd0, parameter [319:0] INITVAL_35 = 320'd0,
    parameter [319:0] INITVAL_36 = 320'd0, parameter [319:0] INITVAL_37 = 320'd0,
    parameter [319:0] INITVAL_38 = 320'd0, parameter [319:0] INITVAL_39 = 320'd0,
    parameter [319:0] INITVAL_3A = 320'd0, parameter [319:0] INITVAL_3B = 320'd0,
    parameter [319:0] INITVAL_3C = 320'd0, parameter [319:0] INITVAL_3D = 320'd0,
    parameter [319:0] INITVAL_3E = 320'd0, parameter [319:0] INITVAL_3F = 320'd0
) (
    input  wire DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9,
    input  wire DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0,
    input  wire ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5,
    input  wire ADA4, ADA3, ADA2, ADA1, ADA0,
    input  wire CEA, OCEA, CLKA, WEA, RSTA, CSA2, CSA1, CSA0,
    output wire DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9,
    output wire DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0,
    input  wire DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9,
    input  wire DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0,
    input  wire ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5,
    input  wire ADB4, ADB3, ADB2, ADB1, ADB0,
    input  wire CEB, OCEB, CLKB, WEB, RSTB, CSB2, CSB1, CSB0,
    output wire DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9,
    output wire DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0
);

  wire [17:0] dia = {
    DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9,
    DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0
  };
  wire [17:0] dib = {
    DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9,
    DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0
  };
  wire [13:0] ada = {
    ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5,
    ADA4, ADA3, ADA2, ADA1, ADA0
  };
  wire [13:0] adb = {
    ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5,
    ADB4, ADB3, ADB2, ADB1, ADB0
  };
  wire unused = &{1'b0, ASYNC_RESET_RELEASE == "SYNC", GSR == "ENABLED"};

  // 2048 words of 9 bits.
  reg [8:0] memory[0:2047];

  function [319:0] initial_row(input [5:0] index);
    reg [319:0] row;
    begin
      case (index)
        6'h00: row = INITVAL_00;
        6'h01: row = INITVAL_01;
        6'h02: row = INITVAL_02;
        6'h03: row = INITVAL_03;
        6'h04: row = INITVAL_04;
        6'h05: row = INITVAL_05;
        6'h06: row = INITVAL_06;
        6'h07: row = INITVAL_07;
        6'h08: row = INITVAL_08;
        6'h09: row = INITVAL_09;
        6'h0A: row = INITVAL_0A;
        6'h0B: row = INITVAL_0B;
        6'h0C: row = INITVAL_0C;
        6'h0D: row = INITVAL_0D;
        6'h0E: row = INITVAL_0E;
        6'h0F: row = INITVAL_0F;
        6'h10: row = INITVAL_10;
        6'h11: row = INITVAL_11;
        6'h12: row = INITVAL_12;
        6'h13: row = INITVAL_13;
        6'h14: row = INITVAL_14;
        6'h15: row = INITVAL_15;
        6'h16: row = INITVAL_16;
        6'h17: row = INITVAL_17;
        6'h18: row = INITVAL_18;
        6'h19: row = INITVAL_19;
        6'h1A: row = INITVAL_1A;
        6'h1B: row = INITVAL_1B;
        6'h1C: row = INITVAL_1C;
        6'h1D: row = INITVAL_1D;
        6'h1E: row = INITVAL_1E;
        6'h1F: row = INITVAL_1F;
        6'h20: row = INITVAL_20;
        6'h21: row = INITVAL_21;
        6'h22: row = INITVAL_22;
        6'h23: row = INITVAL_23;
        6'h24: row = INITVAL_24;
        6'h25: row = INITVAL_25;
        6'h26: row = INITVAL_26;
        6'h27: row = INITVAL_27;
        6'h28: row = INITVAL_28;
        6'h29: row = INITVAL_29;
        6'h2A: row = INITVAL_2A;
        6'h2B: row = INITVAL_2B;
        6'h2C: row = INITVAL_2C;
        6'h2D: row = INITVAL_2D;
        6'h2E: row = INITVAL_2E;
        6'h2F: row = INITVAL_2F;
        6'h30: row = INITVAL_30;
        6'h31: row = INITVAL_31;
        6'h32: row = INITVAL_32;
        6'h33: row = INITVAL_33;
        6'h34: row = INITVAL_34;
        6'h35: row = INITVAL_35;
        6'h36: row = INITVAL_36;
        6'h37: row = INITVAL_37;
        6'h38: row = INITVAL_38;
        6'h39: row = INITVAL_39;
        6'h3A: row = INITVAL_3A;
        6'h3B: row = INITVAL_3B;
        6'h3C: row = INITVAL_3C;
        6'h3D: row = INITVAL_3D;
        6'h3E: row = INITVAL_3E;
        6'h3F: row = INITVAL_3F;
      endcase
      initial_row = row;
    end
  endfunction

  integer i;
  reg [319:0] row;
  initial begin
    for (i = 0; i < 2048; i = i + 1) begin
      row = initial_row(i[10:5]);
      memory[i] = row[20*(i%32/2)+9*(i%2)+:9];
    end
  end

  // The three bits of a decode "0b101".
  function [2:0] decoded(input [39:0] text);
    decoded = {text[16], text[8], text[0]};
  endfunction

  wire clock_a = CLKA ^ (CLKAMUX == "INV");
  wire clock_b = CLKB ^ (CLKBMUX == "INV");
  wire enable_a = CEA && {CSA2, CSA1, CSA0} == decoded(CSDECODE_A);
  wire enable_b = CEB && {CSB2, CSB1, CSB0} == decoded(CSDECODE_B);

  // What a port of a width reads of its four words of 9 bits, low bits first.
  function [35:0] picked(input integer width, input [13:0] address, input [35:0] words);
    case (width)
      1: picked = {35'd0, words[{3'd0, address[2:0]}]};
      2: picked = {34'd0, words[{3'd0, address[2:1], 1'b0}+:2]};
      4: picked = {32'd0, words[{3'd0, address[2], 2'b00}+:4]};
      9: picked = {27'd0, words[8:0]};
      18: picked = {18'd0, words[17:0]};
      default: picked = words;
    endcase
  endfunction

  // The word of 9 bits that a port of up to 9 bits leaves behind.
  function [8:0] merged(input integer width, input [13:0] address, input [8:0] old, input [8:0] data);
    begin
      merged = old;
      case (width)
        1: merged[{1'b0, address[2:0]}] = data[0];
        2: merged[{1'b0, address[2:1], 1'b0}+:2] = data[1:0];
        4: merged[{1'b0, address[2], 2'b00}+:4] = data[3:0];
        default: merged = data;
      endcase
    end
  endfunction

  // The first word of 9 bits of an access.
  function [10:0] place(input integer width, input [13:0] address);
    place = width == 36 ? {address[13:5], 2'b00} : width == 18 ? {address[13:4], 1'b0} : address[13:3];
  endfunction

  wire [10:0] place_a = place(DATA_WIDTH_A, ada);
  wire [10:0] place_b = place(DATA_WIDTH_B, adb);
  wire blocked_a = RESETMODE == "SYNC" && RSTA;
  wire blocked_b = RESETMODE == "SYNC" && RSTB;
  wire write_a = enable_a && WEA && !blocked_a;
  wire write_b = enable_b && WEB && !blocked_b && DATA_WIDTH_B != 36;
  wire [35:0] data_a = {dib, dia};

  always @(posedge clock_a)
    if (write_a) begin
      if (DATA_WIDTH_A >= 18) begin
        if (ada[0]) memory[place_a] <= data_a[8:0];
        if (ada[1]) memory[place_a+11'd1] <= data_a[17:9];
        if (DATA_WIDTH_A == 36 && ada[2]) memory[place_a+11'd2] <= data_a[26:18];
        if (DATA_WIDTH_A == 36 && ada[3]) memory[place_a+11'd3] <= data_a[35:27];
      end else memory[place_a] <= merged(DATA_WIDTH_A, ada, memory[place_a], dia[8:0]);
    end

  always @(posedge clock_b)
    if (write_b) begin
      if (DATA_WIDTH_B >= 18) begin
        if (adb[0]) memory[place_b] <= dib[8:0];
        if (adb[1]) memory[place_b+11'd1] <= dib[17:9];
      end else memory[place_b] <= merged(DATA_WIDTH_B, adb, memory[place_b], dib[8:0]);
    end

  // ---- what the ports read ----
  wire [35:0] old_a = {memory[place_a+11'd3], memory[place_a+11'd2], memory[place_a+11'd1], memory[place_a]};
  wire [35:0] old_b = {memory[place_b+11'd3], memory[place_b+11'd2], memory[place_b+11'd1], memory[place_b]};
  wire [17:0] new_a = DATA_WIDTH_A == 18 ? {ada[1] ? dia[17:9] : old_a[17:9], ada[0] ? dia[8:0] : old_a[8:0]}
                      : {9'd0, merged(DATA_WIDTH_A, ada, old_a[8:0], dia[8:0])};
  wire [17:0] new_b = DATA_WIDTH_B == 18 ? {adb[1] ? dib[17:9] : old_b[17:9], adb[0] ? dib[8:0] : old_b[8:0]}
                      : {9'd0, merged(DATA_WIDTH_B, adb, old_b[8:0], dib[8:0])};
  reg [17:0] latch_a_q, register_a_q;
  reg [35:0] latch_b_q, register_b_q;
  wire [35:0] read_a = picked(DATA_WIDTH_A, ada, WEA && WRITEMODE_A == "WRITETHROUGH" ? {18'd0, new_a} : old_a);
  wire [35:0] read_b = picked(DATA_WIDTH_B, adb, WEB && WRITEMODE_B == "WRITETHROUGH" ? {18'd0, new_b} : old_b);
  wire take_a = enable_a && !(WEA && WRITEMODE_A == "NORMAL");
  wire take_b = enable_b && !(WEB && WRITEMODE_B == "NORMAL");

  initial begin
    latch_a_q = 18'd0;
    register_a_q = 18'd0;
    latch_b_q = 36'd0;
    register_b_q = 36'd0;
  end

  generate
    if (RESETMODE == "ASYNC") begin : g_async
      always @(posedge clock_a or posedge RSTA)
        if (RSTA) begin
          latch_a_q <= 18'd0;
          register_a_q <= 18'd0;
        end else begin
          if (take_a) latch_a_q <= read_a[17:0];
          if (OCEA) register_a_q <= latch_a_q;
        end
      always @(posedge clock_b or posedge RSTB)
        if (RSTB) begin
          latch_b_q <= 36'd0;
          register_b_q <= 36'd0;
        end else begin
          if (take_b) latch_b_q <= read_b;
          if (OCEB) register_b_q <= latch_b_q;
        end
    end else begin : g_sync
      always @(posedge clock_a) begin
        if (RSTA) latch_a_q <= 18'd0;
        else if (take_a) latch_a_q <= read_a[17:0];
        if (RSTA) register_a_q <= 18'd0;
        else if (OCEA) register_a_q <= latch_a_q;
      end
      always @(posedge clock_b) begin
        if (RSTB) latch_b_q <= 36'd0;
        else if (take_b) latch_b_q <= read_b;
        if (RSTB) register_b_q <= 36'd0;
        else if (OCEB) register_b_q <= latch_b_q;
      end
    end
  endgenerate

  wire [17:0] out_a = REGMODE_A == "OUTREG" ? register_a_q : latch_a_q;
  wire [35:0] out_b = REGMODE_B == "OUTREG" ? register_b_q : latch_b_q;
  assign {
    DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9,
    DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0
  } = DATA_WIDTH_B == 36 ? out_b[17:0] : out_a;
  assign {
    DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9,
    DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0
  } = DATA_WIDTH_B == 36 ? out_b[35:18] : out_b[17:0];

endmodule

`default_nettype wire
