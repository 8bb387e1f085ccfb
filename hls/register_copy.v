// SPDX-License-Identifier: Apache-2.0
// One copy of one bank of the sequencer's register file: a block RAM, written and read each cycle.
//
// Latency: 1 cycle from r_address to r_data. Throughput: one read and one write a cycle. A word that
// is read while it is written is undefined: the program never does that.
`default_nettype none

module register_copy #(
    parameter WIDTH = 32,
    parameter ADDRESS_W = 9
) (
    input wire clk,
    // write
    input wire w_enable,
    input wire [ADDRESS_W-1:0] w_address,
    input wire [WIDTH-1:0] w_data,
    // read
    input wire [ADDRESS_W-1:0] r_address,
    output reg [WIDTH-1:0] r_data
);

  (* no_rw_check *) reg [WIDTH-1:0] words_mem[0:(1<<ADDRESS_W)-1];

  always @(posedge clk) begin
    if (w_enable) words_mem[w_address] <= w_data;
    r_data <= words_mem[r_address];
  end

endmodule

`default_nettype wire
