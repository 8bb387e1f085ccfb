// SPDX-License-Identifier: Apache-2.0
// Hold the set of matches of a task: what ransac_rotate and ransac_normal made of each, in order.
//
// Words:      stereo: one word a match. Mono: two, the plane (n, q) and, in the other half of the memory,
//             the ray; s_ready comes with the ray, a cycle after the plane at the earliest.
// Latency:    2 cycles from r_address to m_word. Throughput: a word a cycle; nothing is read while matches
//             are written.
// Memory:     2 x 2^TRACK_BITS words of 118 bits: 4 block RAMs.
`default_nettype none

module ransac_set #(
`define PORT_WIDTHS
`include "vio_params.vh"
`undef PORT_WIDTHS
) (
    input wire clk,
    input wire rst,

    input wire clear,
    input wire mono,

    input  wire         s_valid,
    output wire         s_ready,   // mono: the match is taken with this
    input  wire [117:0] s_plane,   // n, q (q in the low bits)
    input  wire [ 35:0] s_ray,     // y, x
    input  wire [117:0] s_stereo,  // disparity, y, x, rotated point

    output wire [W_TRACK_COUNT-1:0] m_count,  // matches that are written

    input  wire [W_TRACK:0] r_address,  // the upper bit: the rays
    output wire [       117:0] m_word
);

`include "vio_params.vh"

  localparam IW = TRACK_BITS;
  localparam CW = TRACK_COUNT_BITS;
  localparam [CW-1:0] NONE = {CW{1'b0}};
  localparam [CW-1:0] ONE = {{(CW - 1) {1'b0}}, 1'b1};
  localparam WORD_W = 118;

  reg [WORD_W-1:0] set_mem[0:(2<<IW)-1];
  reg [WORD_W-1:0] read_q, word_q;
  reg [CW-1:0] written_q;
  reg rays_q;  // the ray's word is next
  wire [WORD_W-1:0] written = !mono ? s_stereo : rays_q ? {82'd0, s_ray} : s_plane;

  always @(posedge clk) begin
    if (s_valid) set_mem[{rays_q, written_q[IW-1:0]}] <= written;
    read_q <= set_mem[r_address];
    word_q <= read_q;
    if (rst || clear) rays_q <= 1'b0;
    else if (s_valid && mono) rays_q <= !rays_q;
    if (clear) written_q <= NONE;
    else if (s_valid && (!mono || rays_q)) written_q <= written_q + ONE;
  end

  assign s_ready = rays_q;
  assign m_count = written_q;
  assign m_word = word_q;

endmodule

`default_nettype wire
