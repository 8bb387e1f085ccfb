// SPDX-License-Identifier: Apache-2.0
// Top of the ULX3S-85F: the board's logic between PLL and pads. Pins: ulx3s.lpf.
//
// Clocks:     25 MHz of the board's oscillator, both made of it (ulx3s_clocks), and a pixel clock of each
//             camera. What crosses between them is listed in crossings.toml.
// Reset:      until the PLL has been locked for 255 cycles.
// Latency:    that of `board`.
`default_nettype none

module ulx3s #(
    parameter [31:0] BUILD = 32'd0,  // first bytes of the digest of sources, preset and tools
    parameter FRONT_END = 1,  // 0: sums of the frames instead of tracks, for bringing a board up
    parameter TRACK_WORDS = 2048  // queue of packets of tracks
) (
    input wire clk_25mhz,

    // Cameras, two MT9V034: the master clock and trigger go to both, and so does the set-up bus
    output wire       camera_clk,
    output wire       camera_trigger,
    inout  wire       camera_scl,
    inout  wire       camera_sda,
    input  wire       left_pixel_clk,
    input  wire       left_vsync,
    input  wire       left_hsync,
    input  wire [7:0] left_pixel,
    input  wire       right_pixel_clk,
    input  wire       right_vsync,
    input  wire       right_hsync,
    input  wire [7:0] right_pixel,

    // Inertial sensor
    output wire imu_sck,
    output wire imu_cs_n,
    output wire imu_mosi,
    input  wire imu_miso,
    input  wire imu_int,

    // Host
    input  wire host_sck,
    input  wire host_cs_n,
    input  wire host_mosi,
    output wire host_miso,
    output wire host_irq,
    input  wire ftdi_txd,
    output wire ftdi_rxd,

    output wire [7:0] led
);

  wire clk, clk_of_cameras, locked, rst, scl_low, sda_low;

  ulx3s_clocks clocks (
      .clk_25mhz(clk_25mhz),
      .clk(clk),
      .camera_clk(clk_of_cameras),
      .locked(locked)
  );

  reset_after_lock reset (
      .clk(clk),
      .locked(locked),
      .rst(rst)
  );

  // The clock leaves through the pad's own register, not through the fabric.
  ODDRX1F camera_clock (
      .SCLK(clk_of_cameras),
      .RST(1'b0),
      .D0(1'b1),
      .D1(1'b0),
      .Q(camera_clk)
  );

  assign camera_scl = scl_low ? 1'b0 : 1'bz;
  assign camera_sda = sda_low ? 1'b0 : 1'bz;

  board #(
      .BUILD(BUILD),
      .FRONT_END(FRONT_END),
      .TRACK_WORDS(TRACK_WORDS)
  ) logic_of_board (
      .clk(clk),
      .rst(rst),
      .left_pixel_clk(left_pixel_clk),
      .left_vsync(left_vsync),
      .left_hsync(left_hsync),
      .left_pixel(left_pixel),
      .right_pixel_clk(right_pixel_clk),
      .right_vsync(right_vsync),
      .right_hsync(right_hsync),
      .right_pixel(right_pixel),
      .camera_trigger(camera_trigger),
      .camera_scl_low(scl_low),
      .camera_sda_low(sda_low),
      .camera_sda(camera_sda),
      .imu_sck(imu_sck),
      .imu_cs_n(imu_cs_n),
      .imu_mosi(imu_mosi),
      .imu_miso(imu_miso),
      .imu_int(imu_int),
      .host_sck(host_sck),
      .host_cs_n(host_cs_n),
      .host_mosi(host_mosi),
      .host_miso(host_miso),
      .host_irq(host_irq),
      .uart_rx(ftdi_txd),
      .uart_tx(ftdi_rxd),
      .led(led)
  );

endmodule

`default_nettype wire
