// SPDX-License-Identifier: Apache-2.0
// The lanes' files: a source row, of which a lane keeps the words of its own bank; or the words of a
// lane program.
//
// Three reads and a write a cycle: three words in each lane, and of those at x_place one for all lanes. Each
// lane has three copies of 2048 / L words, at least 512.
//
// Latency: 2 cycles from the places to the words; a read in the cycle of a write gets the word of
// before. Throughput: three reads and a write a cycle.
`default_nettype none

module lane_file #(
    parameter LANES_LOG2 = 2,  // 0..3
    parameter PLACE_W = 9  // bits of a place; 9..11
) (
    input wire clk,

    input wire [(1 << LANES_LOG2)-1:0] w_lanes,
    input wire [PLACE_W-1:0] w_place,
    input wire [(32 << LANES_LOG2)-1:0] w_data,

    input  wire [PLACE_W-1:0] y_place,
    output wire [(32 << LANES_LOG2)-1:0] y_data,

    input  wire [PLACE_W-1:0] x_place,
    input  wire [2:0] x_lane,
    output wire [(32 << LANES_LOG2)-1:0] x_data,
    output wire [31:0] x_word,  // of lane x_lane

    input  wire [PLACE_W-1:0] d_place,
    output wire [(32 << LANES_LOG2)-1:0] d_data
);

  localparam LANES = 1 << LANES_LOG2;

  wire [255:0] x_words;  // of the cycle before
  reg [2:0] x_lane_q;
  reg [31:0] x_word_q;
  always @(posedge clk) begin
    x_lane_q <= x_lane;
    x_word_q <= x_words[{x_lane_q, 5'd0}+:32];
  end

  genvar k;
  generate
    for (k = 0; k < LANES; k = k + 1) begin : g_lane
      reg [31:0] y_mem[0:(1<<PLACE_W)-1];
      reg [31:0] x_mem[0:(1<<PLACE_W)-1];
      reg [31:0] d_mem[0:(1<<PLACE_W)-1];
      reg [31:0] y_read_q, x_read_q, d_read_q, y_q, x_q, d_q;

      always @(posedge clk) begin
        if (w_lanes[k]) y_mem[w_place] <= w_data[32*k+:32];
        if (w_lanes[k]) x_mem[w_place] <= w_data[32*k+:32];
        if (w_lanes[k]) d_mem[w_place] <= w_data[32*k+:32];
        y_read_q <= y_mem[y_place];
        x_read_q <= x_mem[x_place];
        d_read_q <= d_mem[d_place];
        y_q <= y_read_q;
        x_q <= x_read_q;
        d_q <= d_read_q;
      end

      assign y_data[32*k+:32]  = y_q;
      assign x_words[32*k+:32] = x_read_q;
      assign x_data[32*k+:32]  = x_q;
      assign d_data[32*k+:32]  = d_q;
    end
    for (k = LANES; k < 8; k = k + 1) begin : g_none
      assign x_words[32*k+:32] = 32'd0;
    end
  endgenerate

  assign x_word = x_word_q;

endmodule

`default_nettype wire
