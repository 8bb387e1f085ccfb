// SPDX-License-Identifier: Apache-2.0
// Make the board's two clocks of its 25 MHz: 62.5 MHz for the chip, 26.04 MHz for the cameras.
//
// EHXPLLL: 25 MHz / 2 is compared with the chip's clock / 5, so that it runs at 62.5 MHz; the oscillator at
// 10 times that, 625 MHz (400 to 800 are allowed); / 24 for the cameras, which take 13 to 27 MHz.
// Lattice FPGA-TN-02200, ECP5 and ECP5-5G sysCLOCK PLL/DLL Design and Usage Guide.
// Latency:    the PLL's lock time, 15 ms at most.
`default_nettype none

module ulx3s_clocks (
    input  wire clk_25mhz,
    output wire clk,
    output wire camera_clk,
    output wire locked
);

  (* ICP_CURRENT = "12" *) (* LPF_RESISTOR = "8" *) (* MFG_ENABLE_FILTEROPAMP = "1" *)
  (* MFG_GMCREF_SEL = "2" *)
  EHXPLLL #(
      .PLLRST_ENA("DISABLED"),
      .INTFB_WAKE("DISABLED"),
      .STDBY_ENABLE("DISABLED"),
      .DPHASE_SOURCE("DISABLED"),
      .OUTDIVIDER_MUXA("DIVA"),
      .OUTDIVIDER_MUXB("DIVB"),
      .OUTDIVIDER_MUXC("DIVC"),
      .OUTDIVIDER_MUXD("DIVD"),
      .CLKI_DIV(2),
      .CLKFB_DIV(5),
      .CLKOP_ENABLE("ENABLED"),
      .CLKOP_DIV(10),
      .CLKOP_CPHASE(9),
      .CLKOP_FPHASE(0),
      .CLKOS_ENABLE("ENABLED"),
      .CLKOS_DIV(24),
      .CLKOS_CPHASE(23),
      .CLKOS_FPHASE(0),
      .FEEDBK_PATH("CLKOP")
  ) pll (
      .CLKI(clk_25mhz),
      .CLKFB(clk),
      .CLKOP(clk),
      .CLKOS(camera_clk),
      .CLKOS2(),
      .CLKOS3(),
      .LOCK(locked),
      .INTLOCK(),
      .REFCLK(),
      .CLKINTFB(),
      .RST(1'b0),
      .STDBY(1'b0),
      .PLLWAKESYNC(1'b0),
      .PHASESEL0(1'b0),
      .PHASESEL1(1'b0),
      .PHASEDIR(1'b1),
      .PHASESTEP(1'b1),
      .PHASELOADREG(1'b1),
      .ENCLKOP(1'b0),
      .ENCLKOS(1'b0),
      .ENCLKOS2(1'b0),
      .ENCLKOS3(1'b0)
  );

endmodule

`default_nettype wire
