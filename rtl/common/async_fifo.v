// SPDX-License-Identifier: Apache-2.0
// Queue words from one clock domain to another: first in, first out, Gray-coded pointers.
//
// Each pointer crosses as a Gray code through two registers, so that at most one bit changes at a
// time and a late bit gives the older value. A word is read only after its pointer has crossed:
// write and read never meet at one address.
// Latency:    a clock of s_clk, then 3 to 4 of m_clk, from an accepted write to m_valid.
// Throughput: a word a clock on either side; s_ready sees space 2 to 3 clocks of s_clk late.
// Reset:      s_rst and m_rst must be high at once, and each at an edge of its clock meanwhile.
// Memory:     DEPTH x WIDTH, one read port with a register: block RAM where it is deep.
`default_nettype none

module async_fifo #(
    parameter WIDTH = 8,  // bits of a word, 1 or more
    parameter DEPTH = 16  // words, a power of two, 4 or more
) (
    input  wire             s_clk,
    input  wire             s_rst,
    input  wire             s_valid,
    output wire             s_ready,
    input  wire [WIDTH-1:0] s_data,

    input  wire             m_clk,
    input  wire             m_rst,
    output wire             m_valid,
    input  wire             m_ready,
    output wire [WIDTH-1:0] m_data
);

  generate
    if (DEPTH < 4 || (DEPTH & (DEPTH - 1)) != 0) begin : g_bad_depth
      async_fifo_DEPTH_must_be_a_power_of_two_of_4_or_more bad_parameter ();
    end
  endgenerate

  localparam AW = $clog2(DEPTH);
  localparam [AW:0] ONE = {{AW{1'b0}}, 1'b1};
  localparam [AW:0] ZERO = {(AW + 1) {1'b0}};

  reg [WIDTH-1:0] word_mem[0:DEPTH-1];

  // ---- write side ----
  reg [AW:0] write_q, write_gray_q;
  (* async_reg = "true" *) reg [AW:0] read_cross_q, read_seen_q;

  reg [AW:0] read_gray_q;
  wire [AW:0] write_next = write_q + ONE;

  // Full: the pointers differ in the two upper bits of their Gray codes alone.
  assign s_ready = write_gray_q != {~read_seen_q[AW:AW-1], read_seen_q[AW-2:0]};
  wire push = s_valid && s_ready;

  always @(posedge s_clk) begin
    if (push) word_mem[write_q[AW-1:0]] <= s_data;
    if (s_rst) begin
      write_q <= ZERO;
      write_gray_q <= ZERO;
      read_cross_q <= ZERO;
      read_seen_q <= ZERO;
    end else begin
      read_cross_q <= read_gray_q;
      read_seen_q <= read_cross_q;
      if (push) begin
        write_q <= write_next;
        write_gray_q <= write_next ^ (write_next >> 1);
      end
    end
  end

  // ---- read side ----
  reg [AW:0] read_q;
  (* async_reg = "true" *) reg [AW:0] write_cross_q, write_seen_q;
  reg valid_q;
  reg [WIDTH-1:0] data_q;
  wire [AW:0] read_next = read_q + ONE;
  wire pop = read_gray_q != write_seen_q && (!valid_q || m_ready);

  always @(posedge m_clk) begin
    if (pop) data_q <= word_mem[read_q[AW-1:0]];
    if (m_rst) begin
      read_q <= ZERO;
      read_gray_q <= ZERO;
      write_cross_q <= ZERO;
      write_seen_q <= ZERO;
      valid_q <= 1'b0;
    end else begin
      write_cross_q <= write_gray_q;
      write_seen_q <= write_cross_q;
      if (pop) begin
        read_q <= read_next;
        read_gray_q <= read_next ^ (read_next >> 1);
      end
      valid_q <= pop || (valid_q && !m_ready);
    end
  end

  assign m_valid = valid_q;
  assign m_data = data_q;

endmodule

`default_nettype wire
