// SPDX-License-Identifier: Apache-2.0
// The lanes' files: a source row, of which a lane keeps the words of its own bank.
//
// Two reads and a write a cycle: a vector of L words, and one word for all lanes. Each lane has two
// copies of 2048 / L words.
//
// Latency: 1 cycle from the places to the words; a read in the cycle of a write gets the word of
// before. Throughput: two reads and a write a cycle.
`default_nettype none

module lane_file #(
    parameter LANES_LOG2 = 2  // 0..3
) (
    input wire clk,

    input wire [(1 << LANES_LOG2)-1:0] w_lanes,
    input wire [10-LANES_LOG2:0] w_place,
    input wire [(32 << LANES_LOG2)-1:0] w_data,

    input  wire [10-LANES_LOG2:0] y_place,
    output wire [(32 << LANES_LOG2)-1:0] y_data,

    input  wire [10-LANES_LOG2:0] x_place,
    input  wire [2:0] x_lane,
    output wire [31:0] x_data
);

  localparam LANES = 1 << LANES_LOG2;

  wire [255:0] x_words;
  reg [2:0] x_lane_q;
  always @(posedge clk) x_lane_q <= x_lane;

  genvar k;
  generate
    for (k = 0; k < LANES; k = k + 1) begin : g_lane
      reg [31:0] y_mem[0:(2048>>LANES_LOG2)-1];
      reg [31:0] x_mem[0:(2048>>LANES_LOG2)-1];
      reg [31:0] y_q, x_q;

      always @(posedge clk) begin
        if (w_lanes[k]) y_mem[w_place] <= w_data[32*k+:32];
        if (w_lanes[k]) x_mem[w_place] <= w_data[32*k+:32];
        y_q <= y_mem[y_place];
        x_q <= x_mem[x_place];
      end

      assign y_data[32*k+:32]  = y_q;
      assign x_words[32*k+:32] = x_q;
    end
    for (k = LANES; k < 8; k = k + 1) begin : g_none
      assign x_words[32*k+:32] = 32'd0;
    end
  endgenerate

  assign x_data = x_words[{x_lane_q, 5'd0}+:32];

endmodule

`default_nettype wire
