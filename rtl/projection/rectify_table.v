// SPDX-License-Identifier: Apache-2.0
// Find the two breakpoints of a lens table around a squared radius, and how far between them it lies.
//
// Q formats:  s_radius2 uQ2.16, breakpoints in steps of 2^(18 - s_finer) of it -> m_knot_0, m_knot_1
//             uQ2.16, m_part 0 .. 2^18 of their distance. With them `_factor` of
//             vio/fixed/rectify.py is knot_0 + ((knot_1 - knot_0) * part + 2^17 >> 18).
// Overflow:   beyond the last breakpoint: the last two, part 2^18, m_beyond in the cycle of the request.
// Memory:     four tables (inverse of left, right, forward of left, right) of KNOTS words of 18
//             bits: one block RAM with two ports. A write takes the place of
//             both reads.
// Latency:    2 cycles, m_part 1, which stays until the next request. Throughput: one a cycle.
`default_nettype none

module rectify_table #(
    parameter KNOTS   = 129,  // of a table, 3 or more
    parameter INDEX_W = 8     // bits of an index
) (
    input wire clk,

    input wire               w_valid,
    input wire [        1:0] w_table,
    input wire [INDEX_W-1:0] w_index,
    input wire [       17:0] w_data,

    input  wire        s_valid,
    input  wire [ 1:0] s_table,
    input  wire [ 4:0] s_finer,
    input  wire [17:0] s_radius2,
    output wire        m_beyond,
    output wire [17:0] m_knot_0,
    output wire [17:0] m_knot_1,
    output wire [18:0] m_part
);

  generate
    if (KNOTS < 3 || INDEX_W > 17 || KNOTS > (1 << INDEX_W)) begin : g_bad_size
      rectify_table_KNOTS_must_fit_INDEX_W bad_parameter ();
    end
  endgenerate

  localparam PIECES = KNOTS - 1;
  localparam [17:0] ALL = PIECES[17:0];
  localparam [INDEX_W-1:0] ONE = {{(INDEX_W - 1) {1'b0}}, 1'b1};
  localparam [INDEX_W-1:0] LAST = PIECES[INDEX_W-1:0] - ONE;

  // The index above the point, the part below it.
  wire [35:0] place = {18'd0, s_radius2} << s_finer;
  wire [INDEX_W-1:0] index = m_beyond ? LAST : place[INDEX_W+17:18];
  assign m_beyond = place[35:18] >= ALL;

  reg [17:0] table_mem[0:(4<<INDEX_W)-1];
  reg [INDEX_W+1:0] address_0_q, address_1_q;
  reg write_q;
  reg [17:0] data_q, knot_0_q, knot_1_q;
  reg [18:0] part_q;

  always @(posedge clk) begin
    write_q <= w_valid;
    data_q <= w_data;
    address_0_q <= w_valid ? {w_table, w_index} : {s_table, index};
    address_1_q <= {s_table, index + ONE};
    if (s_valid) part_q <= m_beyond ? 19'h40000 : {1'b0, place[17:0]};
  end

  always @(posedge clk) begin
    if (write_q) table_mem[address_0_q] <= data_q;
    else knot_0_q <= table_mem[address_0_q];
  end
  always @(posedge clk) if (!write_q) knot_1_q <= table_mem[address_1_q];

  assign m_knot_0 = knot_0_q;
  assign m_knot_1 = knot_1_q;
  assign m_part = part_q;

endmodule

`default_nettype wire
