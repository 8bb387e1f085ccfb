// SPDX-License-Identifier: Apache-2.0
// Model of the ECP5's PLL, for simulations of a board's top: four outputs of one oscillator, and its lock.
//
// The oscillator runs at CLKI / CLKI_DIV x CLKFB_DIV x CLKOP_DIV (feedback from CLKOP, the only path modelled), and each
// output at the oscillator's rate by its divider. CLKOP's rising edges are those of CLKI; the other outputs are behind by
// the difference of their coarse phases (periods of the oscillator) and fine phases (eighths) to CLKOP's.
// Lock:       LOCK rises after LOCK_EDGES edges of CLKI at one rate; a CLKI that stops for four periods, or of another
//             rate (by more than 1 in 50), loses it, and so does RST with PLLRST_ENA. Outputs run only while locked:
//             the device's drift instead.
// Not modelled: dynamic phases, standby, enables of the outputs, other feedback paths, jitter.
// Latency:    LOCK_EDGES edges of CLKI; the device needs up to 15 ms.
// After:      Lattice TN1263 (FPGA-TN-02200), ECP5 and ECP5-5G sysCLOCK PLL/DLL Design and Usage Guide.
`timescale 1ns / 1ps
`default_nettype none

module EHXPLLL #(
    parameter CLKI_DIV = 1,
    parameter CLKFB_DIV = 1,
    parameter CLKOP_DIV = 8,
    parameter CLKOS_DIV = 8,
    parameter CLKOS2_DIV = 8,
    parameter CLKOS3_DIV = 8,
    parameter CLKOP_ENABLE = "ENABLED",
    parameter CLKOS_ENABLE = "DISABLED",
    parameter CLKOS2_ENABLE = "DISABLED",
    parameter CLKOS3_ENABLE = "DISABLED",
    parameter CLKOP_CPHASE = 0,
    parameter CLKOS_CPHASE = 0,
    parameter CLKOS2_CPHASE = 0,
    parameter CLKOS3_CPHASE = 0,
    parameter CLKOP_FPHASE = 0,
    parameter CLKOS_FPHASE = 0,
    parameter CLKOS2_FPHASE = 0,
    parameter CLKOS3_FPHASE = 0,
    parameter FEEDBK_PATH = "CLKOP",
    parameter PLLRST_ENA = "DISABLED",
    parameter STDBY_ENABLE = "DISABLED",
    parameter DPHASE_SOURCE = "DISABLED",
    parameter INTFB_WAKE = "DISABLED",
    parameter OUTDIVIDER_MUXA = "DIVA",
    parameter OUTDIVIDER_MUXB = "DIVB",
    parameter OUTDIVIDER_MUXC = "DIVC",
    parameter OUTDIVIDER_MUXD = "DIVD",
    parameter LOCK_EDGES = 20  // of this model
) (
    input  wire CLKI, CLKFB, RST, STDBY, PLLWAKESYNC,
    input  wire PHASESEL1, PHASESEL0, PHASEDIR, PHASESTEP, PHASELOADREG,
    input  wire ENCLKOP, ENCLKOS, ENCLKOS2, ENCLKOS3,
    output wire CLKOP, CLKOS, CLKOS2, CLKOS3,
    output wire LOCK, INTLOCK, REFCLK, CLKINTFB
);

  generate
    if (FEEDBK_PATH != "CLKOP" || DPHASE_SOURCE != "DISABLED" || STDBY_ENABLE != "DISABLED" || OUTDIVIDER_MUXA != "DIVA"
        || OUTDIVIDER_MUXB != "DIVB" || OUTDIVIDER_MUXC != "DIVC" || OUTDIVIDER_MUXD != "DIVD"
        || INTFB_WAKE != "DISABLED" || CLKOP_ENABLE != "ENABLED") begin : g_not_modelled
      EHXPLLL_is_not_modelled_with_these_parameters bad_parameter ();
    end
  endgenerate

  wire reset = RST && PLLRST_ENA == "ENABLED";
  realtime last_edge, period, gap;
  integer edges;
  reg lock_q;

  initial begin
    last_edge = 0.0;
    period = 0.0;
    edges = 0;
    lock_q = 1'b0;
  end

  // ---- lock ----
  always @(posedge CLKI) begin
    gap = $realtime - last_edge;
    last_edge = $realtime;
    if (reset || gap > period * 1.02 || gap < period * 0.98) edges = 0;
    else if (edges < LOCK_EDGES) edges = edges + 1;
    period = gap;
    lock_q <= edges >= LOCK_EDGES && !reset;
  end
  always @(posedge reset) begin
    edges = 0;
    lock_q <= 1'b0;
  end
  // A reference that stops: no edge for four periods.
  always @(posedge lock_q) begin : watch
    while (lock_q) begin
      #(period);
      if ($realtime - last_edge > 4.0 * period) begin
        edges = 0;
        lock_q <= 1'b0;
      end
    end
  end

  // ---- the oscillator's period, and outputs of it ----
  reg op_q, os_q, os2_q, os3_q;
  wire [3:0] enabled = {
    CLKOS3_ENABLE == "ENABLED", CLKOS2_ENABLE == "ENABLED", CLKOS_ENABLE == "ENABLED", 1'b1
  };
  realtime vco;
  initial begin
    op_q = 1'b0;
    os_q = 1'b0;
    os2_q = 1'b0;
    os3_q = 1'b0;
    vco = 1.0;
  end

  // The coarse and fine phase of an output behind CLKOP's, in periods of the oscillator.
  function real behind(input integer coarse, input integer fine, input integer divide);
    real phase;
    begin
      phase = coarse - CLKOP_CPHASE + (fine - CLKOP_FPHASE) / 8.0;
      while (phase < 0.0) phase = phase + divide;
      behind = phase;
    end
  endfunction

  // All outputs begin at an edge of CLKI.
  event begins;
  always @(posedge lock_q) begin
    @(posedge CLKI);
    vco = period * CLKI_DIV / CLKFB_DIV / CLKOP_DIV;
    -> begins;
  end
  always @(begins) begin
    while (lock_q) begin
      op_q = 1'b1;
      #(vco * CLKOP_DIV / 2.0);
      op_q = 1'b0;
      #(vco * CLKOP_DIV / 2.0);
    end
  end
  always @(begins) begin
    #(vco * behind(CLKOS_CPHASE, CLKOS_FPHASE, CLKOS_DIV));
    while (lock_q && enabled[1]) begin
      os_q = 1'b1;
      #(vco * CLKOS_DIV / 2.0);
      os_q = 1'b0;
      #(vco * CLKOS_DIV / 2.0);
    end
  end
  always @(begins) begin
    #(vco * behind(CLKOS2_CPHASE, CLKOS2_FPHASE, CLKOS2_DIV));
    while (lock_q && enabled[2]) begin
      os2_q = 1'b1;
      #(vco * CLKOS2_DIV / 2.0);
      os2_q = 1'b0;
      #(vco * CLKOS2_DIV / 2.0);
    end
  end
  always @(begins) begin
    #(vco * behind(CLKOS3_CPHASE, CLKOS3_FPHASE, CLKOS3_DIV));
    while (lock_q && enabled[3]) begin
      os3_q = 1'b1;
      #(vco * CLKOS3_DIV / 2.0);
      os3_q = 1'b0;
      #(vco * CLKOS3_DIV / 2.0);
    end
  end

  assign CLKOP = op_q;
  assign CLKOS = os_q;
  assign CLKOS2 = os2_q;
  assign CLKOS3 = os3_q;
  assign LOCK = lock_q;
  assign INTLOCK = lock_q;
  assign REFCLK = CLKI;
  assign CLKINTFB = op_q;
  wire unused = &{
    1'b0, CLKFB, STDBY, PLLWAKESYNC, PHASESEL1, PHASESEL0, PHASEDIR, PHASESTEP, PHASELOADREG, ENCLKOP, ENCLKOS, ENCLKOS2,
    ENCLKOS3, RST
  };

endmodule

`default_nettype wire
