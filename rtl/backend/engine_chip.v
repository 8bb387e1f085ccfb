// SPDX-License-Identifier: Apache-2.0
// The vector engine on a bus: calls by AXI-Stream, all else by AXI4-Lite registers; an interrupt.
//
// Map: docs/chip/registers.md. irq, a level, rises when a step has ended or a call has failed.
// A soft reset (register) drops the calls that have come and takes no word of a call in its cycle;
// the words, the runs and the other registers stay.
//
// Latency: write 2 cycles, read 3, of a word 8; irq 3 from m_done and from m_status of the engine.
// Throughput: a write in 2 cycles, a read in 3, of a word in 7; a word of a call a cycle.
`default_nettype none

module engine_chip #(
    parameter LANES_LOG2 = 2,  // lanes and banks: 1, 2, 4, 8; 0..3
    parameter BANK_WORDS_LOG2 = 10,  // words of a bank; 2..15
    parameter MEMORY_WORDS = 1024  // words that may be used; at most those of the banks
) (
    input wire clk,
    input wire rst,

    // registers
    input  wire        s_axil_awvalid,
    output wire        s_axil_awready,
    input  wire [11:0] s_axil_awaddr,
    input  wire        s_axil_wvalid,
    output wire        s_axil_wready,
    input  wire [31:0] s_axil_wdata,
    input  wire [ 3:0] s_axil_wstrb,
    output wire        s_axil_bvalid,
    input  wire        s_axil_bready,
    output wire [ 1:0] s_axil_bresp,
    input  wire        s_axil_arvalid,
    output wire        s_axil_arready,
    input  wire [11:0] s_axil_araddr,
    output wire        s_axil_rvalid,
    input  wire        s_axil_rready,
    output wire [31:0] s_axil_rdata,
    output wire [ 1:0] s_axil_rresp,

    // calls
    input  wire        s_axis_tvalid,
    output wire        s_axis_tready,
    input  wire [31:0] s_axis_tdata,
    input  wire        s_axis_tlast,

    output wire irq
);

  wire [4:0] kind;
  wire soft_reset;
  wire word_valid, word_ready, word_write, word_came;
  wire [16:0] word_address;
  wire [31:0] word_data, word_read;
  wire run_valid;
  wire [11:0] run_address;
  wire [29:0] run_data;
  wire room, busy, ended;
  wire [ 3:0] status;
  wire [15:0] call;
  wire [31:0] calls, cycles, waits;

  // Is a step open, has one ended, has a call failed. Events are a cycle late: the number of a call
  // that failed comes a cycle after the status, and that of its step changes only behind it.
  wire takes = s_axis_tvalid && s_axis_tready;
  reg open_q, ended_q, fails_q;
  reg [3:0] before_q;  // the status of the cycle before
  reg [31:0] steps_q, failed_q;

  always @(posedge clk) begin
    if (takes) open_q <= !s_axis_tlast;
    ended_q  <= ended;
    before_q <= status;
    fails_q  <= status != 4'd0 && before_q == 4'd0;
    if (ended_q) steps_q <= steps_q + 32'd1;
    if (fails_q) failed_q <= {steps_q[15:0], call};
    if (rst || soft_reset) open_q <= 1'b0;
    if (rst) begin
      ended_q <= 1'b0;
      before_q <= 4'd0;
      fails_q <= 1'b0;
      steps_q <= 32'd0;
      failed_q <= 32'd0;
    end
  end

  wire [3:0] new_faults = status & ~before_q;
  assign s_axis_tready = room && !soft_reset;

  engine_registers #(
      .LANES(1 << LANES_LOG2),
      .MEMORY_WORDS(MEMORY_WORDS)
  ) registers (
      .clk(clk),
      .rst(rst),
      .s_axil_awvalid(s_axil_awvalid),
      .s_axil_awready(s_axil_awready),
      .s_axil_awaddr(s_axil_awaddr),
      .s_axil_wvalid(s_axil_wvalid),
      .s_axil_wready(s_axil_wready),
      .s_axil_wdata(s_axil_wdata),
      .s_axil_wstrb(s_axil_wstrb),
      .s_axil_bvalid(s_axil_bvalid),
      .s_axil_bready(s_axil_bready),
      .s_axil_bresp(s_axil_bresp),
      .s_axil_arvalid(s_axil_arvalid),
      .s_axil_arready(s_axil_arready),
      .s_axil_araddr(s_axil_araddr),
      .s_axil_rvalid(s_axil_rvalid),
      .s_axil_rready(s_axil_rready),
      .s_axil_rdata(s_axil_rdata),
      .s_axil_rresp(s_axil_rresp),
      .irq(irq),
      .control_counter_kind(kind),
      .command_reset(soft_reset),
      .word_busy(busy),
      .word_valid(word_valid),
      .word_ready(word_ready),
      .word_write(word_write),
      .word_address(word_address),
      .word_data(word_data),
      .word_came(word_came),
      .word_read(word_read),
      .run_valid(run_valid),
      .run_address(run_address),
      .run_data(run_data),
      .status_busy(busy),
      .status_done(!busy && !open_q),
      .status_room(room),
      .status_low(status[0]),
      .status_not_finite(status[1]),
      .status_outside(status[2]),
      .status_no_call(status[3]),
      .status_call(failed_q[15:0]),
      .status_step(failed_q[31:16]),
      .status_steps(steps_q),
      .status_counter_calls(calls),
      .status_counter_cycles(cycles),
      .status_counter_waits(waits),
      .event_done(ended_q),
      .event_failed(fails_q),
      .event_low(new_faults[0]),
      .event_not_finite(new_faults[1]),
      .event_outside(new_faults[2]),
      .event_no_call(new_faults[3])
  );

  vector_engine #(
      .LANES_LOG2(LANES_LOG2),
      .BANK_WORDS_LOG2(BANK_WORDS_LOG2),
      .MEMORY_WORDS(MEMORY_WORDS)
  ) engine (
      .clk(clk),
      .rst(rst || soft_reset),
      .s_axis_tvalid(s_axis_tvalid && !soft_reset),
      .s_axis_tready(room),
      .s_axis_tdata(s_axis_tdata),
      .s_axis_tlast(s_axis_tlast),
      .run_write(run_valid),
      .run_address(run_address),
      .run_data(run_data),
      .h_valid(word_valid),
      .h_ready(word_ready),
      .h_write(word_write),
      .h_address(word_address),
      .h_word(word_data),
      .h_came(word_came),
      .h_data(word_read),
      .busy(busy),
      .m_done(ended),
      .m_status(status),
      .m_call(call),
      .n_kind(kind),
      .n_calls(calls),
      .n_cycles(cycles),
      .n_waits(waits)
  );

endmodule

`default_nettype wire
