// SPDX-License-Identifier: Apache-2.0
// Trigger both cameras together: a pulse every so many cycles, counted, with its time.
//
// period and width are read when a pulse begins, and whenever none is under way with period 0: no pulse
// is ever shorter than its width. A width of the period or more gives a level that never falls.
// Latency:    the first pulse begins 1 cycle after period is no longer 0. Throughput: a pulse a period.
`default_nettype none

module camera_trigger (
    input wire clk,
    input wire rst,

    input wire [31:0] period,  // cycles from pulse to pulse, 2 or more; 0: none
    input wire [31:0] width,  // cycles of a pulse, 1 or more

    input wire [31:0] now,

    output wire        trigger,
    output wire [31:0] count,  // pulses begun
    output wire [31:0] last  // when the last one began
);

  reg trigger_q, run_q;
  reg [31:0] left_q, high_q, count_q, last_q;
  wire due = run_q ? left_q == 32'd0 : period != 32'd0;

  always @(posedge clk) begin
    if (rst) begin
      trigger_q <= 1'b0;
      run_q <= 1'b0;
      left_q <= 32'd0;
      high_q <= 32'd0;
      count_q <= 32'd0;
      last_q <= 32'd0;
    end else if (due && period != 32'd0) begin
      trigger_q <= 1'b1;
      run_q <= 1'b1;
      left_q <= period - 32'd1;
      high_q <= width - 32'd1;
      count_q <= count_q + 32'd1;
      last_q <= now;
    end else begin
      if (due) run_q <= 1'b0;
      if (left_q != 32'd0) left_q <= left_q - 32'd1;
      if (high_q != 32'd0) high_q <= high_q - 32'd1;
      if (high_q == 32'd0) trigger_q <= 1'b0;
    end
  end

  assign trigger = trigger_q;
  assign count = count_q;
  assign last = last_q;

endmodule

`default_nettype wire
