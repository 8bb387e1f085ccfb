// SPDX-License-Identifier: Apache-2.0
// Hold the chip in reset until its PLL has been locked for a while, and whenever the lock is lost.
//
// The registers begin as 0 in the device (global set/reset), and any loss of lock clears them.
// Latency:    2 cycles and HOLD from lock to the end of the reset; 3 from its loss to the reset.
`default_nettype none

module reset_after_lock #(
    parameter HOLD = 255  // cycles, 1 to 255
) (
    input  wire clk,
    input  wire locked,  // asynchronous
    output wire rst
);

  generate
    if (HOLD < 1 || HOLD > 255) begin : g_bad_hold
      reset_after_lock_HOLD_is_1_to_255 bad_parameter ();
    end
  endgenerate

  (* async_reg = "true" *) reg lock_cross_q, lock_seen_q;
  reg [7:0] count_q;
  reg run_q;

  always @(posedge clk) begin
    lock_cross_q <= locked;
    lock_seen_q <= lock_cross_q;
    if (!lock_seen_q) begin
      count_q <= 8'd0;
      run_q <= 1'b0;
    end else if (count_q == HOLD[7:0]) run_q <= 1'b1;
    else count_q <= count_q + 8'd1;
  end

  assign rst = !run_q;

endmodule

`default_nettype wire
