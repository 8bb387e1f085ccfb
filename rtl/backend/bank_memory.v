// SPDX-License-Identifier: Apache-2.0
// A memory of LANES banks, from which LANES words that follow one another come at once, from any
// address on; and into which they go.
//
// Word a lies in bank a mod LANES, at a / LANES. A vector's first word is lane 0's: the rotators
// turn banks into lanes and back. Words beyond the end wrap to the start of their bank. A read that
// begins in the same cycle as a write gets the words of before, one in the next cycle the new ones.
//
// Latency: 3 cycles from r_valid to m_valid; a write is in the banks 2 cycles after w_valid.
// Throughput: a read and a write a cycle. rst forgets what is under way, and keeps the words.
`default_nettype none

module bank_memory #(
    parameter LANES_LOG2 = 2,  // banks and lanes: 1, 2, 4, 8; 0..3
    parameter BANK_WORDS_LOG2 = 10,  // words of a bank; 2..15
    parameter WIDTH = 36  // bits of a word; 1 or more
) (
    input wire clk,
    input wire rst,

    input wire                                  r_valid,
    input wire [BANK_WORDS_LOG2+LANES_LOG2-1:0] r_address,

    output wire                               m_valid,
    output wire [(WIDTH << LANES_LOG2) - 1:0] m_data,

    input wire                                  w_valid,
    input wire [BANK_WORDS_LOG2+LANES_LOG2-1:0] w_address,
    input wire [         (1 << LANES_LOG2)-1:0] w_lanes,    // which lanes write
    input wire [     (WIDTH << LANES_LOG2)-1:0] w_data
);

  localparam LANES = 1 << LANES_LOG2;
  localparam SHIFT_W = LANES_LOG2 == 0 ? 1 : LANES_LOG2;  // bits of a lane's number

  generate
    if (LANES_LOG2 > 3) begin : g_bad
      LANES_LOG2_must_be_at_most_3 bad_parameter ();
    end
  endgenerate

  // The first word's bank, and its place there.
  wire [SHIFT_W-1:0] r_first, w_first;
  wire [BANK_WORDS_LOG2-1:0] r_row = r_address[LANES_LOG2+:BANK_WORDS_LOG2];
  wire [BANK_WORDS_LOG2-1:0] w_row = w_address[LANES_LOG2+:BANK_WORDS_LOG2];
  generate
    if (LANES_LOG2 == 0) begin : g_one
      assign r_first = 1'b0;
      assign w_first = 1'b0;
    end else begin : g_first
      assign r_first = r_address[SHIFT_W-1:0];
      assign w_first = w_address[SHIFT_W-1:0];
    end
  endgenerate

  // Cycle 1: addresses of the banks. Cycle 2: the words. Cycle 3: turned to the lanes.
  reg r_valid_q, r_read_q, m_valid_q;
  reg [LANES*WIDTH-1:0] m_data_q;
  reg [SHIFT_W-1:0] r_first_q, r_turn_q;
  reg w_valid_q;
  wire [LANES*WIDTH-1:0] read;

  always @(posedge clk) begin
    r_valid_q <= r_valid && !rst;
    r_read_q  <= r_valid_q && !rst;
    m_valid_q <= r_read_q && !rst;
    w_valid_q <= w_valid && !rst;
    r_first_q <= r_first;
    r_turn_q  <= r_first_q;
  end

  genvar k;
  generate
    for (k = 0; k < LANES; k = k + 1) begin : g_bank
      localparam [SHIFT_W-1:0] BANK = k;

      reg [WIDTH-1:0] words_mem[0:(1<<BANK_WORDS_LOG2)-1];
      reg [WIDTH-1:0] read_q, write_q;
      reg [BANK_WORDS_LOG2-1:0] read_at_q, write_at_q;
      reg lane_writes_q;

      // Banks before the first word's hold words of the next row: the borrow says so.
      wire [SHIFT_W:0] r_behind = {1'b0, BANK} - {1'b0, r_first};
      wire [SHIFT_W:0] w_behind = {1'b0, BANK} - {1'b0, w_first};

      // Of the lanes, this bank's is the one that is as far from the first.
      wire [SHIFT_W-1:0] lane = BANK - w_first;

      always @(posedge clk) begin
        read_at_q <= r_row + {{(BANK_WORDS_LOG2 - 1) {1'b0}}, r_behind[SHIFT_W]};
        read_q <= words_mem[read_at_q];
        write_at_q <= w_row + {{(BANK_WORDS_LOG2 - 1) {1'b0}}, w_behind[SHIFT_W]};
        write_q <= w_data[lane*WIDTH+:WIDTH];
        lane_writes_q <= w_lanes[lane];
        if (w_valid_q && lane_writes_q) words_mem[write_at_q] <= write_q;
      end

      wire unused = &{1'b0, r_behind, w_behind};

      assign read[k*WIDTH+:WIDTH] = read_q;
    end

    for (k = 0; k < LANES; k = k + 1) begin : g_lane
      localparam [SHIFT_W-1:0] LANE = k;
      wire [SHIFT_W-1:0] bank = LANE + r_turn_q;

      always @(posedge clk) m_data_q[k*WIDTH+:WIDTH] <= read[bank*WIDTH+:WIDTH];
    end
  endgenerate

  assign m_valid = m_valid_q;
  assign m_data = m_data_q;

endmodule

`default_nettype wire
