// SPDX-License-Identifier: Apache-2.0
// Read an inertial sensor over SPI whenever it has a sample, with the time of its data-ready edge.
//
// A sample leaves as a packet of five words: time low, time high, and twelve bytes in the sensor's order,
// first byte highest. The host sets the sensor up with single accesses of two bytes. Mode 3, most significant
// bit first, chip select around each access; reading sets the highest bit of the address byte.
// Lost:       a sample whose edge comes before the last one is read and queued is counted.
// Latency:    2 to 3 cycles from the edge to its time; a sample 104 bits of 2 HALF cycles later.
// Throughput: a sample every 220 HALF cycles.
`default_nettype none

module imu_reader #(
    parameter HALF = 4  // cycles of clk half a bit, 4 to 255
) (
    input wire clk,
    input wire rst,

    input wire [63:0] now,
    input wire        enable,  // read samples
    input wire [ 6:0] burst,  // address of the first of twelve bytes

    // Single accesses: one is taken when none is under way
    input  wire       s_valid,
    output wire       s_ready,
    input  wire       s_read,
    input  wire [6:0] s_address,
    input  wire [7:0] s_data,
    output wire [7:0] data,  // of the last access, from ready on

    output wire        event_lost,
    output wire        m_axis_tvalid,
    input  wire        m_axis_tready,
    output wire [31:0] m_axis_tdata,
    output wire        m_axis_tlast,

    // The sensor
    output wire imu_sck,
    output wire imu_cs_n,
    output wire imu_mosi,
    input  wire imu_miso,  // asynchronous
    input  wire imu_int  // asynchronous; a rising edge says that a sample is there
);

  generate
    if (HALF < 4 || HALF > 255) begin : g_bad_half
      imu_reader_HALF_is_4_to_255 bad_parameter ();
    end
  endgenerate

  localparam [1:0] IDLE = 2'd0, BITS = 2'd1, REST = 2'd2;
  localparam [7:0] LAST = HALF[7:0] - 8'd1;

  (* async_reg = "true" *) reg miso_cross_q, miso_seen_q, int_cross_q, int_seen_q;
  reg int_before_q;
  reg [1:0] state_q;
  reg [7:0] timer_q;
  reg [6:0] left_q;  // bits
  reg sck_q, cs_q, single_q, waiting_q, asked_q, lost_q;
  reg [15:0] out_q, asked_out_q;
  reg [94:0] in_q;
  reg [63:0] time_q;
  reg [159:0] packet_q;
  reg [2:0] words_q;
  reg [7:0] data_q;

  wire edge_seen = enable && int_seen_q && !int_before_q;
  wire tick = timer_q == LAST;
  wire begins_sample = state_q == IDLE && waiting_q && words_q == 3'd0;
  wire begins_single = state_q == IDLE && asked_q && !begins_sample;
  // The sensor's bit is read late in the high half: it went through two registers.
  wire shifts = state_q == BITS && sck_q && tick && left_q != (single_q ? 7'd16 : 7'd104);
  wire [95:0] in = {in_q, miso_seen_q};
  wire ends = state_q == BITS && tick && sck_q && left_q == 7'd0;

  always @(posedge clk) begin
    miso_cross_q <= imu_miso;
    miso_seen_q <= miso_cross_q;
    int_cross_q <= imu_int;
    int_seen_q <= int_cross_q;
    int_before_q <= int_seen_q;
    if (s_valid && s_ready) asked_out_q <= {s_read, s_address, s_data};
    if (edge_seen && !waiting_q) time_q <= now;
    if (ends && single_q) data_q <= in[7:0];
    if (ends && !single_q) packet_q <= {in[31:0], in[63:32], in[95:64], time_q[63:32], time_q[31:0]};
    else if (m_axis_tvalid && m_axis_tready) packet_q <= {32'd0, packet_q[159:32]};
    if (shifts) in_q <= in[94:0];
    if (rst) begin
      state_q <= IDLE;
      sck_q <= 1'b1;
      cs_q <= 1'b1;
      waiting_q <= 1'b0;
      asked_q <= 1'b0;
      lost_q <= 1'b0;
      words_q <= 3'd0;
      timer_q <= 8'd0;
      left_q <= 7'd0;
      single_q <= 1'b0;
    end else begin
      lost_q <= edge_seen && waiting_q;
      if (edge_seen) waiting_q <= 1'b1;
      else if (ends && !single_q) waiting_q <= 1'b0;
      if (s_valid && s_ready) asked_q <= 1'b1;
      else if (ends && single_q) asked_q <= 1'b0;
      if (ends && !single_q) words_q <= 3'd5;
      else if (m_axis_tvalid && m_axis_tready) words_q <= words_q - 3'd1;
      timer_q <= state_q == IDLE || tick ? 8'd0 : timer_q + 8'd1;
      case (state_q)
        IDLE: begin
          sck_q <= 1'b1;
          if (begins_sample || begins_single) begin
            state_q <= BITS;
            cs_q <= 1'b0;
            single_q <= begins_single;
            left_q <= begins_single ? 7'd16 : 7'd104;
            out_q <= begins_single ? asked_out_q : {1'b1, burst, 8'd0};
          end
        end
        BITS:
        if (tick) begin
          if (sck_q) begin  // falls: the next bit, or the end
            if (left_q == 7'd0) begin
              cs_q <= 1'b1;
              state_q <= REST;
            end else begin
              sck_q <= 1'b0;
              left_q <= left_q - 7'd1;
            end
          end else begin  // rises: both sides read
            sck_q <= 1'b1;
          end
        end
        default:  // REST: the select stays high for half a bit and more
        if (tick) state_q <= IDLE;
      endcase
      if (shifts) out_q <= {out_q[14:0], 1'b0};
    end
  end

  assign s_ready = !asked_q;
  assign data = data_q;
  assign event_lost = lost_q;
  assign m_axis_tvalid = words_q != 3'd0;
  assign m_axis_tdata = packet_q[31:0];
  assign m_axis_tlast = words_q == 3'd1;
  assign imu_sck = sck_q;
  assign imu_cs_n = cs_q;
  assign imu_mosi = out_q[15];

endmodule

`default_nettype wire
