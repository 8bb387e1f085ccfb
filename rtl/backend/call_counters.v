// SPDX-License-Identifier: Apache-2.0
// Count the calls of each kind, their cycles and their waits, since rst.
//
// Latency: 3 cycles from s_valid to the counts; n_* combinational. Throughput: a call every 3 cycles.
`default_nettype none

module call_counters (
    input wire clk,
    input wire rst,

    // a call has ended
    input wire        s_valid,
    input wire [ 4:0] s_kind,
    input wire [31:0] s_cycles,
    input wire [31:0] s_waits,

    input  wire [ 4:0] n_kind,
    output wire [31:0] n_calls,
    output wire [31:0] n_cycles,
    output wire [31:0] n_waits
);

  // A kind that has none since rst has zeros.
  reg [95:0] counts_mem[0:31];
  reg [31:0] counted_q;
  reg ended_q, adds_q;  // a call has ended; its kind's counts are at hand
  reg [4:0] kind_q;
  reg [31:0] cycles_q, waits_q;
  reg [95:0] counts_q;

  always @(posedge clk) begin
    ended_q <= s_valid && !rst;
    adds_q  <= ended_q && !rst;
    if (s_valid) begin
      kind_q   <= s_kind;
      cycles_q <= s_cycles;
      waits_q  <= s_waits;
    end
    counts_q <= counted_q[kind_q] ? counts_mem[kind_q] : 96'd0;
    if (adds_q) begin
      counts_mem[kind_q] <= {
        counts_q[95:64] + 32'd1, counts_q[63:32] + cycles_q, counts_q[31:0] + waits_q
      };
      counted_q[kind_q] <= 1'b1;
    end
    if (rst) counted_q <= 32'd0;
  end

  assign {n_calls, n_cycles, n_waits} = counted_q[n_kind] ? counts_mem[n_kind] : 96'd0;

endmodule

`default_nettype wire
