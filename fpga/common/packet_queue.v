// SPDX-License-Identifier: Apache-2.0
// Queue packets of words until the host reads them; a packet is offered when it is whole.
//
// length is the number of words of the oldest packet, 0 while none is whole; it stays until the
// packet's last word is read. A packet may have DEPTH words at most: a longer one is never whole.
// Latency:    3 cycles from a packet's last word to its length, 1 from a read to the next word.
// Throughput: a word a cycle in; a word every 2 cycles out. The input waits while the queue is full.
// Memory:     DEPTH x 33 bits of block RAM, and 16 lengths.
`default_nettype none

module packet_queue #(
    parameter DEPTH = 2048  // words, a power of two, 16 to 32768
) (
    input wire clk,
    input wire rst,

    input  wire        s_axis_tvalid,
    output wire        s_axis_tready,
    input  wire [31:0] s_axis_tdata,
    input  wire        s_axis_tlast,

    output wire [15:0] length,
    output wire        m_valid,  // a word of a whole packet
    input  wire        m_ready,
    output wire [31:0] m_data
);

  generate
    if (DEPTH < 16 || DEPTH > 32768 || (DEPTH & (DEPTH - 1)) != 0) begin : g_bad_depth
      packet_queue_DEPTH_must_be_a_power_of_two_of_16_to_32768 bad_parameter ();
    end
  endgenerate

  localparam AW = $clog2(DEPTH);
  localparam [AW:0] ONE = {{AW{1'b0}}, 1'b1};

  reg [32:0] word_mem[0:DEPTH-1];
  reg [AW:0] write_q, read_q;
  reg [15:0] count_q;
  reg valid_q;
  reg [32:0] word_q;

  wire lengths_ready, lengths_valid;
  wire [15:0] oldest;
  wire [4:0] lengths_held;
  wire unused = &{1'b0, lengths_held};
  wire [AW:0] level = write_q - read_q;
  wire push = s_axis_tvalid && s_axis_tready;
  wire pop = m_valid && m_ready;
  wire fetch = level != {(AW + 1) {1'b0}} && !valid_q;

  fifo #(
      .WIDTH(16),
      .DEPTH(16)
  ) lengths (
      .clk(clk),
      .rst(rst),
      .s_valid(push && s_axis_tlast),
      .s_ready(lengths_ready),
      .s_data(count_q),
      .m_valid(lengths_valid),
      .m_ready(pop && word_q[32]),
      .m_data(oldest),
      .level(lengths_held)
  );

  assign s_axis_tready = !level[AW] && lengths_ready;

  always @(posedge clk) begin
    if (push) word_mem[write_q[AW-1:0]] <= {s_axis_tlast, s_axis_tdata};
    if (fetch) word_q <= word_mem[read_q[AW-1:0]];
    if (rst) begin
      write_q <= {(AW + 1) {1'b0}};
      read_q <= {(AW + 1) {1'b0}};
      count_q <= 16'd1;
      valid_q <= 1'b0;
    end else begin
      if (push) begin
        write_q <= write_q + ONE;
        count_q <= s_axis_tlast ? 16'd1 : count_q + 16'd1;
      end
      if (fetch) read_q <= read_q + ONE;
      valid_q <= fetch || (valid_q && !pop);
    end
  end

  assign length = lengths_valid ? oldest : 16'd0;
  assign m_valid = valid_q && lengths_valid;
  assign m_data = word_q[31:0];

endmodule

`default_nettype wire
