// SPDX-License-Identifier: Apache-2.0
// A board's whole logic without its pads and PLL: cameras, front end, sensor, host link.
//
// Two cameras on parallel buses with a common trigger, an inertial sensor on SPI, the host on SPI and, for
// bringing the board up, on a UART. One counter of clk gives the times of triggers, frames and samples.
// Interrupt:  host_irq is high while a packet of tracks waits, or the front end's own interrupt.
// Status:     flags of spi_link: 0 host_irq of the front end, 1 a packet of tracks waits, 2 a sample waits.
// Latency:    that of the front end; a packet is readable when its last word is queued.
`default_nettype none

module board #(
    parameter [31:0] BUILD = 32'd0,  // first bytes of the digest of sources, preset and tools
    parameter FRONT_END = 1,  // 0: sums of the frames instead of tracks, for bringing a board up
    parameter TRACK_WORDS = 2048,  // queue of packets of tracks: one has 5 + 6 MAX_TRACKS words at most
    parameter SAMPLE_WORDS = 512,  // queue of inertial samples, of 5 words each
    parameter CAMERA_DEPTH = 1024,  // pixels of a camera's queue
    parameter CAMERA_SKEW = 800,  // cycles of clk that one camera may be behind
    parameter UART_DIVIDE = 68,  // cycles of clk a bit
    parameter I2C_QUARTER = 40,  // cycles of clk a quarter of a bit
    parameter IMU_HALF = 4  // cycles of clk half a bit
) (
    input wire clk,
    input wire rst,

    input  wire       left_pixel_clk,
    input  wire       left_vsync,
    input  wire       left_hsync,
    input  wire [7:0] left_pixel,
    input  wire       right_pixel_clk,
    input  wire       right_vsync,
    input  wire       right_hsync,
    input  wire [7:0] right_pixel,
    output wire       camera_trigger,
    output wire       camera_scl_low,
    output wire       camera_sda_low,
    input  wire       camera_sda,

    output wire imu_sck,
    output wire imu_cs_n,
    output wire imu_mosi,
    input  wire imu_miso,
    input  wire imu_int,

    input  wire host_sck,
    input  wire host_cs_n,
    input  wire host_mosi,
    output wire host_miso,
    output wire host_irq,
    input  wire uart_rx,
    output wire uart_tx,

    output wire [7:0] led
);

  // ---- link ----
  wire spi_valid, spi_ready, spi_write, uart_valid, uart_ready, uart_write, link_error;
  wire [15:0] spi_address, uart_address;
  wire [31:0] spi_data, uart_data, link_read;
  wire board_valid, board_ready, board_write, board_error;
  wire [14:0] board_address;
  wire [31:0] board_data, board_read;
  wire awvalid, awready, wvalid, wready, bvalid, bready, arvalid, arready, rvalid, rready;
  wire [11:0] awaddr, araddr;
  wire [31:0] wdata, rdata;
  wire [3:0] wstrb;
  wire [1:0] bresp, rresp;
  wire irq;
  wire [15:0] track_length, sample_length;

  spi_link host (
      .clk(clk),
      .rst(rst),
      .spi_sck(host_sck),
      .spi_cs_n(host_cs_n),
      .spi_mosi(host_mosi),
      .spi_miso(host_miso),
      .flags({sample_length != 16'd0, track_length != 16'd0, irq}),
      .m_valid(spi_valid), .m_ready(spi_ready),
      .m_write(spi_write),
      .m_address(spi_address),
      .m_data(spi_data),
      .m_read(link_read),
      .m_error(link_error)
  );

  uart_link #(
      .DIVIDE(UART_DIVIDE)
  ) terminal (
      .clk(clk),
      .rst(rst),
      .uart_rx(uart_rx),
      .uart_tx(uart_tx),
      .m_valid(uart_valid), .m_ready(uart_ready),
      .m_write(uart_write),
      .m_address(uart_address),
      .m_data(uart_data),
      .m_read(link_read),
      .m_error(link_error)
  );

  link_bus #(
      .CHIP(FRONT_END)
  ) bus (
      .clk(clk),
      .rst(rst),
      .s0_valid(spi_valid), .s0_ready(spi_ready),
      .s0_write(spi_write),
      .s0_address(spi_address),
      .s0_data(spi_data),
      .s1_valid(uart_valid), .s1_ready(uart_ready),
      .s1_write(uart_write),
      .s1_address(uart_address),
      .s1_data(uart_data),
      .s_read(link_read),
      .s_error(link_error),
      .m_valid(board_valid), .m_ready(board_ready),
      .m_write(board_write),
      .m_address(board_address),
      .m_data(board_data),
      .m_read(board_read),
      .m_error(board_error),
      .m_axil_awvalid(awvalid), .m_axil_awready(awready),
      .m_axil_awaddr(awaddr),
      .m_axil_wvalid(wvalid), .m_axil_wready(wready),
      .m_axil_wdata(wdata),
      .m_axil_wstrb(wstrb),
      .m_axil_bvalid(bvalid), .m_axil_bready(bready),
      .m_axil_bresp(bresp),
      .m_axil_arvalid(arvalid), .m_axil_arready(arready),
      .m_axil_araddr(araddr),
      .m_axil_rvalid(rvalid), .m_axil_rready(rready),
      .m_axil_rdata(rdata),
      .m_axil_rresp(rresp)
  );

  // ---- the board's registers, and what they govern ----
  wire [63:0] now;
  wire [31:0] trigger_period, trigger_width, trigger_count, trigger_last, command;
  wire track_valid, track_take, sample_valid, sample_take, sample_lost;
  wire [31:0] track_data, sample_data;
  wire i2c_valid, i2c_ready, i2c_failed, imu_valid, imu_ready, imu_enable;
  wire [15:0] i2c_data;
  wire [7:0] imu_data;
  wire [6:0] imu_burst;

  board_registers #(
      .BUILD(BUILD)
  ) registers_of_board (
      .clk(clk),
      .rst(rst),
      .s_valid(board_valid), .s_ready(board_ready),
      .s_write(board_write),
      .s_address(board_address),
      .s_data(board_data),
      .s_read(board_read),
      .s_error(board_error),
      .now(now),
      .trigger_period(trigger_period),
      .trigger_width(trigger_width),
      .trigger_count(trigger_count),
      .trigger_last(trigger_last),
      .track_length(track_length),
      .track_valid(track_valid),
      .track_take(track_take),
      .track_data(track_data),
      .sample_length(sample_length),
      .sample_valid(sample_valid),
      .sample_take(sample_take),
      .sample_data(sample_data),
      .event_sample_lost(sample_lost),
      .i2c_valid(i2c_valid), .i2c_ready(i2c_ready),
      .i2c_data(i2c_data),
      .i2c_failed(i2c_failed),
      .imu_valid(imu_valid), .imu_ready(imu_ready),
      .imu_data(imu_data),
      .imu_enable(imu_enable),
      .imu_burst(imu_burst),
      .command(command)
  );

  camera_trigger trigger_of_cameras (
      .clk(clk),
      .rst(rst),
      .period(trigger_period),
      .width(trigger_width),
      .now(now[31:0]),
      .trigger(camera_trigger),
      .count(trigger_count),
      .last(trigger_last)
  );

  i2c_master #(
      .QUARTER(I2C_QUARTER)
  ) cameras_setup (
      .clk(clk),
      .rst(rst),
      .s_valid(i2c_valid), .s_ready(i2c_ready),
      .s_read(command[24]),
      .s_device(command[31:25]),
      .s_register(command[23:16]),
      .s_data(command[15:0]),
      .data(i2c_data),
      .failed(i2c_failed),
      .scl_low(camera_scl_low),
      .sda_low(camera_sda_low),
      .sda(camera_sda)
  );

  wire s_sample_valid, s_sample_ready, s_sample_last;
  wire [31:0] s_sample_data;
  imu_reader #(
      .HALF(IMU_HALF)
  ) imu (
      .clk(clk),
      .rst(rst),
      .now(now),
      .enable(imu_enable),
      .burst(imu_burst),
      .s_valid(imu_valid), .s_ready(imu_ready),
      .s_read(command[15]),
      .s_address(command[14:8]),
      .s_data(command[7:0]),
      .data(imu_data),
      .event_lost(sample_lost),
      .m_axis_tvalid(s_sample_valid), .m_axis_tready(s_sample_ready),
      .m_axis_tdata(s_sample_data),
      .m_axis_tlast(s_sample_last),
      .imu_sck(imu_sck),
      .imu_cs_n(imu_cs_n),
      .imu_mosi(imu_mosi),
      .imu_miso(imu_miso),
      .imu_int(imu_int)
  );

  packet_queue #(
      .DEPTH(SAMPLE_WORDS)
  ) samples (
      .clk(clk),
      .rst(rst),
      .s_axis_tvalid(s_sample_valid), .s_axis_tready(s_sample_ready),
      .s_axis_tdata(s_sample_data),
      .s_axis_tlast(s_sample_last),
      .length(sample_length),
      .m_valid(sample_valid), .m_ready(sample_take),
      .m_data(sample_data)
  );

  // ---- cameras and front end ----
  wire left_valid, left_ready, left_last, right_valid, right_ready, right_last;
  wire [7:0] left_data, right_data;
  wire [1:0] left_user, right_user;
  wire left_missing, right_missing, late;
  wire [8:0] camera_lost;
  wire left_pixel_ready, right_pixel_ready;  // cameras do not wait
  wire unused = &{1'b0, left_pixel_ready, right_pixel_ready};
  camera_pair #(
      .SKEW(CAMERA_SKEW),
      .DEPTH(CAMERA_DEPTH)
  ) cameras (
      .clk(clk),
      .rst(rst),
      .left_pixel_clk(left_pixel_clk),
      .left_vsync(left_vsync),
      .left_hsync(left_hsync),
      .left_pixel(left_pixel),
      .left_pixel_ready(left_pixel_ready),
      .right_pixel_clk(right_pixel_clk),
      .right_vsync(right_vsync),
      .right_hsync(right_hsync),
      .right_pixel(right_pixel),
      .right_pixel_ready(right_pixel_ready),
      .m_left_axis_tvalid(left_valid), .m_left_axis_tready(left_ready),
      .m_left_axis_tdata(left_data),
      .m_left_axis_tuser(left_user),
      .m_left_axis_tlast(left_last),
      .m_right_axis_tvalid(right_valid), .m_right_axis_tready(right_ready),
      .m_right_axis_tdata(right_data),
      .m_right_axis_tuser(right_user),
      .m_right_axis_tlast(right_last),
      .event_left_missing(left_missing),
      .event_right_missing(right_missing),
      .event_late(late),
      .count_lost(camera_lost)
  );

  wire tracks_valid, tracks_ready, tracks_user, tracks_last;
  wire [31:0] tracks_data;
  generate
    if (FRONT_END != 0) begin : g_chip
      frontend chip (
          .clk(clk),
          .rst(rst),
          .s_left_axis_tvalid(left_valid), .s_left_axis_tready(left_ready),
          .s_left_axis_tdata(left_data),
          .s_left_axis_tuser(left_user),
          .s_left_axis_tlast(left_last),
          .s_right_axis_tvalid(right_valid), .s_right_axis_tready(right_ready),
          .s_right_axis_tdata(right_data),
          .s_right_axis_tuser(right_user),
          .s_right_axis_tlast(right_last),
          .event_camera_left_missing(left_missing),
          .event_camera_right_missing(right_missing),
          .event_camera_late(late),
          .count_camera_lost(camera_lost),
          .s_axil_awvalid(awvalid), .s_axil_awready(awready),
          .s_axil_awaddr(awaddr),
          .s_axil_wvalid(wvalid), .s_axil_wready(wready),
          .s_axil_wdata(wdata),
          .s_axil_wstrb(wstrb),
          .s_axil_bvalid(bvalid), .s_axil_bready(bready),
          .s_axil_bresp(bresp),
          .s_axil_arvalid(arvalid), .s_axil_arready(arready),
          .s_axil_araddr(araddr),
          .s_axil_rvalid(rvalid), .s_axil_rready(rready),
          .s_axil_rdata(rdata),
          .s_axil_rresp(rresp),
          .m_axis_tvalid(tracks_valid), .m_axis_tready(tracks_ready),
          .m_axis_tdata(tracks_data),
          .m_axis_tuser(tracks_user),
          .m_axis_tlast(tracks_last),
          .irq(irq)
      );
    end else begin : g_summary
      // Without a front end its addresses are refused, and what leaves are sums of the frames.
      frame_summary summary (
          .clk(clk),
          .rst(rst),
          .s_left_axis_tvalid(left_valid), .s_left_axis_tready(left_ready),
          .s_left_axis_tdata(left_data),
          .s_left_axis_tuser(left_user),
          .s_left_axis_tlast(left_last),
          .s_right_axis_tvalid(right_valid), .s_right_axis_tready(right_ready),
          .s_right_axis_tdata(right_data),
          .s_right_axis_tuser(right_user),
          .s_right_axis_tlast(right_last),
          .m_axis_tvalid(tracks_valid), .m_axis_tready(tracks_ready),
          .m_axis_tdata(tracks_data),
          .m_axis_tuser(tracks_user),
          .m_axis_tlast(tracks_last)
      );
      assign {awready, wready, arready, bvalid, rvalid} = 5'd0;
      assign {bresp, rresp} = 4'd0;
      assign rdata = 32'd0;
      assign irq = 1'b0;
      wire unused_chip = &{
        1'b0, awvalid, awaddr, wvalid, wdata, wstrb, bready, arvalid, araddr, rready,
        left_missing, right_missing, late, camera_lost
      };
    end
  endgenerate

  wire stamped_valid, stamped_ready, stamped_last;
  wire [31:0] stamped_data;
  packet_stamp stamp (
      .clk(clk),
      .rst(rst),
      .now(now),
      .start(left_valid && left_ready && left_user[0]),
      .s_axis_tvalid(tracks_valid), .s_axis_tready(tracks_ready),
      .s_axis_tdata(tracks_data),
      .s_axis_tuser(tracks_user),
      .s_axis_tlast(tracks_last),
      .m_axis_tvalid(stamped_valid), .m_axis_tready(stamped_ready),
      .m_axis_tdata(stamped_data),
      .m_axis_tlast(stamped_last)
  );

  packet_queue #(
      .DEPTH(TRACK_WORDS)
  ) tracks (
      .clk(clk),
      .rst(rst),
      .s_axis_tvalid(stamped_valid), .s_axis_tready(stamped_ready),
      .s_axis_tdata(stamped_data),
      .s_axis_tlast(stamped_last),
      .length(track_length),
      .m_valid(track_valid), .m_ready(track_take),
      .m_data(track_data)
  );

  // ---- for the eye ----
  assign host_irq = irq || track_length != 16'd0;
  assign led = {trigger_count[3:0], sample_length != 16'd0, track_length != 16'd0, irq, !rst};

endmodule

`default_nettype wire
