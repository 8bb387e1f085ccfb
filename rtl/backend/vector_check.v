// SPDX-License-Identifier: Apache-2.0
// Check the addresses of vectors: whether all words that a vector reads or writes are in the memory.
//
// Where one is not, neither that vector nor what follows passes, up to the next `start`.
//
// Latency: 1 cycle from u_valid to passes, 2 to outside. Throughput: a vector a cycle. rst, start
// forget what was outside.
`default_nettype none

module vector_check #(
    parameter LANES_LOG2 = 2,  // 0..3
    parameter MEMORY_WORDS = 1024  // words that may be used
) (
    input wire clk,
    input wire rst,
    input wire start,

    input wire c_pivots,   // the call's vectors have a second result, at u_y_address
    input wire c_reflects, // and a third

    input wire                               u_valid,
    input wire                               u_reads,
    input wire                               u_writes,
    input wire        [(1<<LANES_LOG2)-1:0] u_lanes,
    input wire                               u_one,       // lane 0 alone
    input wire signed [                23:0] u_r_address,  // of lane 0
    input wire signed [                23:0] u_w_address,
    input wire signed [                23:0] u_y_address,

    output wire passes,
    output wire checks,  // a vector is being checked
    output wire outside
);

  localparam LANES = 1 << LANES_LOG2;
  localparam signed [23:0] END = MEMORY_WORDS;

  // First and last lane.
  reg [3:0] first_d, last_d;
  integer i;
  always @* begin
    first_d = 4'd0;
    last_d  = 4'd0;
    for (i = LANES - 1; i >= 0; i = i - 1) if (u_lanes[i]) first_d = i[3:0];
    for (i = 0; i < LANES; i = i + 1) if (u_lanes[i]) last_d = i[3:0];
  end
  wire signed [23:0] first = $signed({20'd0, u_one ? 4'd0 : first_d});
  wire signed [23:0] last = $signed({20'd0, u_one ? 4'd0 : last_d});

  reg signed [23:0] r_first_q, r_last_q, w_first_q, w_last_q, y_first_q, y_last_q;
  reg checks_q, reads_q, writes_q, outside_q;
  wire bad_read = reads_q && (r_first_q < 24'sd0 || r_last_q >= END);
  wire bad_write = writes_q && (w_first_q < 24'sd0 || w_last_q >= END);
  wire bad_y = writes_q && c_pivots && (y_first_q < 24'sd0 || y_last_q >= END);
  wire bad = bad_read || bad_write || bad_y;
  always @(posedge clk) begin
    checks_q <= u_valid && !rst;
    reads_q <= u_reads;
    writes_q <= u_writes;
    r_first_q <= u_r_address + first;
    r_last_q <= u_r_address + last;
    w_first_q <= u_w_address + first;
    w_last_q <= u_w_address + last;
    y_first_q <= u_y_address;
    y_last_q <= u_y_address + (c_reflects ? 24'sd1 : 24'sd0);
    if (checks_q && bad) outside_q <= 1'b1;
    if (rst || start) outside_q <= 1'b0;
  end

  assign passes = checks_q && !bad && !outside_q;
  assign checks = u_valid || checks_q;
  assign outside = outside_q;

endmodule

`default_nettype wire
