// SPDX-License-Identifier: Apache-2.0
// Say where the blocks of one pyramid level go in its two rings, and where the held frames lie.
//
// A ring has CAPACITY = 8 WORDS block numbers, from 8 FIRST on, and holds one frame: its blocks have
// consecutive numbers, the last of the ring being followed by its first. A new frame begins behind
// the frame that the ring holds: its first CAPACITY - cfg_blocks blocks, the spare ones, leave the
// held frame whole; those that follow overwrite it from its beginning.
// Latency:    1 cycle from s_valid to m_valid. Throughput: a block a cycle.
// Protection: while `protect`, only spare blocks are written; m_overflow instead of m_valid else.
`default_nettype none

module frame_ring #(
    parameter FIRST = 0,     // first word in its bank
    parameter WORDS = 3055,  // words of a bank
    parameter N_W   = 15     // bits of a block number: 8 (FIRST + WORDS) fit
) (
    input wire clk,
    input wire rst,

    input wire [N_W-1:0] cfg_blocks,  // of a frame, at most CAPACITY; stable while frames are held

    // Frames: the ring of the frame that begins; of the one that is being written.
    input wire begin_valid,
    input wire begin_ring,
    input wire commit_valid,
    input wire commit_ring,

    input wire s_valid,  // a block comes
    input wire protect,

    output wire           m_valid,     // it is to be written
    output wire           m_overflow,  // it has no room
    output wire [N_W-1:0] m_number,    // held until the next block comes
    output wire           m_done,      // all of the frame's blocks have been written

    output wire [N_W-1:0] m_first_0,  // first block of the frame held in either ring
    output wire [N_W-1:0] m_first_1
);

  localparam CAPACITY = 8 * WORDS;
  localparam END = 8 * (FIRST + WORDS);
  localparam [N_W:0] LIMIT = END[N_W:0];
  localparam [N_W:0] SIZE = CAPACITY[N_W:0];
  localparam START = 8 * FIRST;
  localparam [N_W-1:0] ORIGIN = START[N_W-1:0];
  localparam [N_W-1:0] ONE = {{(N_W - 1) {1'b0}}, 1'b1};
  localparam [N_W-1:0] ZERO = {N_W{1'b0}};
  localparam [N_W-1:0] LAST = LIMIT[N_W-1:0] - ONE;

  generate
    if (END > (1 << N_W)) begin : g_bad_width
      frame_ring_N_W_is_too_small bad_parameter ();
    end
  endgenerate

  reg [N_W-1:0] first_0_q, first_1_q;  // of the held frames
  reg [N_W-1:0] base_q;  // first block of the frame that is written
  reg [N_W-1:0] next_q, number_q;
  reg [N_W-1:0] count_q;  // blocks of it that came
  reg [N_W-1:0] spare_q;
  reg valid_q, overflow_q, done_q;

  wire [N_W-1:0] held = begin_ring ? first_1_q : first_0_q;
  wire [N_W:0] behind = {1'b0, held} + {1'b0, cfg_blocks};
  wire [N_W:0] wrapped = behind - SIZE;
  wire [N_W-1:0] base = behind >= LIMIT ? wrapped[N_W-1:0] : behind[N_W-1:0];
  wire [N_W:0] spare = SIZE - {1'b0, cfg_blocks};

  wire whole = count_q == cfg_blocks;
  wire room = !protect || count_q < spare_q;
  wire take = s_valid && !whole;

  always @(posedge clk) begin
    spare_q <= spare[N_W-1:0];
    if (take) number_q <= next_q;
    if (begin_valid) begin
      base_q <= base;
      next_q <= base;
    end else if (take) begin
      next_q <= next_q == LAST ? ORIGIN : next_q + ONE;
    end
    if (rst) begin
      first_0_q <= ORIGIN;
      first_1_q <= ORIGIN;
      count_q <= ZERO;
      valid_q <= 1'b0;
      overflow_q <= 1'b0;
      done_q <= 1'b0;
    end else begin
      if (commit_valid && !commit_ring) first_0_q <= base_q;
      if (commit_valid && commit_ring) first_1_q <= base_q;
      if (begin_valid) count_q <= ZERO;
      else if (take) count_q <= count_q + ONE;
      valid_q <= take && room;
      overflow_q <= take && !room;
      done_q <= whole && !begin_valid;
    end
  end

  assign m_valid = valid_q;
  assign m_overflow = overflow_q;
  assign m_number = number_q;
  assign m_done = done_q;
  assign m_first_0 = first_0_q;
  assign m_first_1 = first_1_q;

  wire unused = &{1'b0, wrapped[N_W], spare[N_W]};

endmodule

`default_nettype wire
