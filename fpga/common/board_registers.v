// SPDX-License-Identifier: Apache-2.0
// Give the host the board's registers: build, time, trigger, cameras' I2C, inertial sensor, queues.
//
// The map is vio/hw/registers/board.py; docs/chip/board.md describes it. Addresses are those of the link,
// less 0x8000. A read of a queue's data takes the word; a read of time_low holds time_high for its own read.
// Refused are unknown addresses, writes to what is read only, reads of an empty queue, and commands to I2C
// and the sensor while the last one is under way.
// Latency:    1 cycle. Throughput: an access a cycle.
`default_nettype none

module board_registers #(
    parameter [31:0] BUILD = 32'd0  // first bytes of the digest of sources, preset and tools
) (
    input wire clk,
    input wire rst,

    // One access at a time: everything is stable until ready, which gives data and error
    input  wire        s_valid,
    output wire        s_ready,
    input  wire        s_write,
    input  wire [14:0] s_address,
    input  wire [31:0] s_data,
    output wire [31:0] s_read,
    output wire        s_error,

    output wire [63:0] now,

    output wire [31:0] trigger_period,
    output wire [31:0] trigger_width,
    input  wire [31:0] trigger_count,
    input  wire [31:0] trigger_last,

    input  wire [15:0] track_length,
    input  wire        track_valid,
    output wire        track_take,
    input  wire [31:0] track_data,

    input  wire [15:0] sample_length,
    input  wire        sample_valid,
    output wire        sample_take,
    input  wire [31:0] sample_data,
    input  wire        event_sample_lost,

    output wire        i2c_valid,
    input  wire        i2c_ready,
    input  wire [15:0] i2c_data,
    input  wire        i2c_failed,

    output wire       imu_valid,
    input  wire       imu_ready,
    input  wire [7:0] imu_data,
    output wire       imu_enable,
    output wire [6:0] imu_burst,

    output wire [31:0] command  // of I2C and sensor, with their valid
);

  localparam [31:0] IDENTITY = 32'h4B534231;  // "KSB1"

  reg [63:0] now_q;
  reg [31:0] high_q, period_q, width_q, lost_q;
  reg enable_q;
  reg [6:0] burst_q;

  wire [12:0] index = s_address[14:2];
  reg [31:0] read_d;
  reg refused_d;

  always @* begin
    read_d = 32'd0;
    refused_d = s_write;
    case (index)
      13'h000: read_d = IDENTITY;
      13'h001: read_d = BUILD;
      13'h002: read_d = now_q[31:0];
      13'h003: read_d = high_q;
      13'h004: begin
        read_d = period_q;
        refused_d = 1'b0;
      end
      13'h005: begin
        read_d = width_q;
        refused_d = 1'b0;
      end
      13'h006: read_d = trigger_count;
      13'h007: read_d = trigger_last;
      13'h008: read_d = {16'd0, track_length};
      13'h009: begin
        read_d = track_data;
        refused_d = s_write || !track_valid;
      end
      13'h00A: read_d = {16'd0, sample_length};
      13'h00B: begin
        read_d = sample_data;
        refused_d = s_write || !sample_valid;
      end
      13'h00C: read_d = lost_q;
      13'h00D: begin
        read_d = {!i2c_ready, i2c_failed, 14'd0, i2c_data};
        refused_d = s_write && !i2c_ready;
      end
      13'h00E: begin
        read_d = {!imu_ready, 23'd0, imu_data};
        refused_d = s_write && !imu_ready;
      end
      13'h00F: begin
        read_d = {23'd0, enable_q, 1'b0, burst_q};
        refused_d = 1'b0;
      end
      default: refused_d = 1'b1;
    endcase
    if (s_address[1:0] != 2'd0) refused_d = 1'b1;
  end

  wire accept = s_valid && !refused_d;
  wire write = accept && s_write;
  wire read = accept && !s_write;

  always @(posedge clk) begin
    if (rst) begin
      now_q <= 64'd0;
      high_q <= 32'd0;
      period_q <= 32'd0;
      width_q <= 32'd1;
      lost_q <= 32'd0;
      enable_q <= 1'b0;
      burst_q <= 7'd0;
    end else begin
      now_q <= now_q + 64'd1;
      if (event_sample_lost) lost_q <= lost_q + 32'd1;
      if (read && index == 13'h002) high_q <= now_q[63:32];
      if (write && index == 13'h004) period_q <= s_data;
      if (write && index == 13'h005) width_q <= s_data;
      if (write && index == 13'h00F) begin
        enable_q <= s_data[8];
        burst_q <= s_data[6:0];
      end
    end
  end

  assign s_ready = s_valid;
  assign s_read = refused_d ? 32'd0 : read_d;
  assign s_error = refused_d;
  assign now = now_q;
  assign trigger_period = period_q;
  assign trigger_width = width_q;
  assign track_take = read && index == 13'h009;
  assign sample_take = read && index == 13'h00B;
  assign i2c_valid = write && index == 13'h00D;
  assign imu_valid = write && index == 13'h00E;
  assign imu_enable = enable_q;
  assign imu_burst = burst_q;
  assign command = s_data;

endmodule

`default_nettype wire
