// SPDX-License-Identifier: Apache-2.0
// Write or read one 16-bit register of a camera over I2C (MT9V034: 8-bit register addresses).
//
// Write: start, device, register, high byte, low byte, stop. Read: start, device, register, start,
// device with the read bit, high byte, low byte (not acknowledged), stop. A byte that nobody acknowledges
// ends the transfer. One master on the bus; it does not wait for a device that stretches the clock.
// Latency:    152 quarters of a bit a write, 192 a read. Throughput: one transfer at a time.
`default_nettype none

module i2c_master #(
    parameter QUARTER = 40  // cycles of clk a quarter of a bit, 4 to 255
) (
    input wire clk,
    input wire rst,

    // A command is taken when nothing is under way
    input  wire        s_valid,
    output wire        s_ready,
    input  wire        s_read,
    input  wire [ 6:0] s_device,
    input  wire [ 7:0] s_register,
    input  wire [15:0] s_data,

    // Of the last transfer, from ready on
    output wire [15:0] data,
    output wire        failed,  // not acknowledged

    // Open drain: 1 pulls the wire low
    output wire scl_low,
    output wire sda_low,
    input  wire sda  // asynchronous
);

  generate
    if (QUARTER < 4 || QUARTER > 255) begin : g_bad_quarter
      i2c_master_QUARTER_is_4_to_255 bad_parameter ();
    end
  endgenerate

  localparam [1:0] IDLE = 2'd0, START = 2'd1, BYTE = 2'd2, STOP = 2'd3;
  localparam [7:0] LAST = QUARTER[7:0] - 8'd1;

  (* async_reg = "true" *) reg sda_cross_q, sda_seen_q;
  reg [1:0] state_q, quarter_q;
  reg [7:0] timer_q;
  reg [2:0] byte_q;  // of the transfer: 0 device, 1 register, 2 and 3 data; of a read 2 device, 3 and 4 data
  reg [3:0] bit_q;  // 8: acknowledge
  reg read_q, again_q, failed_q, scl_q, sda_q;
  reg [6:0] device_q;
  reg [7:0] register_q, in_q;
  reg [15:0] data_q;

  wire tick = timer_q == LAST;
  wire step = tick && quarter_q == 2'd3;
  wire receives = read_q && byte_q >= 3'd3;
  wire last_byte = byte_q == (read_q ? 3'd4 : 3'd3);
  wire [7:0] out = byte_q == 3'd0 ? {device_q, 1'b0} : byte_q == 3'd1 ? register_q
                   : byte_q == 3'd2 ? (read_q ? {device_q, 1'b1} : data_q[15:8]) : data_q[7:0];
  // What the wire has in this bit: 1 lets it go.
  wire send = bit_q == 4'd8 ? !(receives && !last_byte) : receives || out[3'd7-bit_q[2:0]];

  always @(posedge clk) begin
    sda_cross_q <= sda;
    sda_seen_q <= sda_cross_q;
    if (state_q == IDLE && s_valid) begin
      read_q <= s_read;
      device_q <= s_device;
      register_q <= s_register;
      data_q <= s_data;
    end else if (state_q == BYTE && step && receives && bit_q == 4'd8) data_q <= {data_q[7:0], in_q};
    if (state_q == BYTE && tick && quarter_q == 2'd1 && bit_q != 4'd8) in_q <= {in_q[6:0], sda_seen_q};
    if (rst) begin
      state_q <= IDLE;
      quarter_q <= 2'd0;
      timer_q <= 8'd0;
      byte_q <= 3'd0;
      bit_q <= 4'd0;
      again_q <= 1'b0;
      failed_q <= 1'b0;
      scl_q <= 1'b1;
      sda_q <= 1'b1;
    end else if (state_q == IDLE) begin
      timer_q <= 8'd0;
      quarter_q <= 2'd0;
      byte_q <= 3'd0;
      bit_q <= 4'd0;
      again_q <= 1'b0;
      if (s_valid) begin
        state_q <= START;
        failed_q <= 1'b0;
      end
    end else begin
      timer_q <= tick ? 8'd0 : timer_q + 8'd1;
      if (tick) quarter_q <= quarter_q + 2'd1;
      // quarter 0: clock low (a first start leaves it), data changes; 1, 2: clock high; 3: low
      case (state_q)
        START: begin
          scl_q <= quarter_q == 2'd0 ? !again_q : quarter_q != 2'd3;
          sda_q <= quarter_q <= 2'd1;
          if (step) begin
            state_q <= BYTE;
            bit_q <= 4'd0;
          end
        end
        BYTE: begin
          scl_q <= quarter_q == 2'd1 || quarter_q == 2'd2;
          if (quarter_q == 2'd0) sda_q <= send;
          if (tick && quarter_q == 2'd1 && bit_q == 4'd8 && !receives && sda_seen_q) failed_q <= 1'b1;
          if (step) begin
            bit_q <= bit_q == 4'd8 ? 4'd0 : bit_q + 4'd1;
            if (bit_q == 4'd8) begin
              byte_q <= byte_q + 3'd1;
              again_q <= 1'b1;
              if (failed_q || last_byte) state_q <= STOP;
              else if (read_q && byte_q == 3'd1) state_q <= START;
            end
          end
        end
        default: begin  // STOP
          scl_q <= quarter_q != 2'd0;
          sda_q <= quarter_q[1];
          if (step) state_q <= IDLE;
        end
      endcase
    end
  end

  assign s_ready = state_q == IDLE;
  assign data = data_q;
  assign failed = failed_q;
  assign scl_low = !scl_q;
  assign sda_low = !sda_q;

endmodule

`default_nettype wire
