// SPDX-License-Identifier: Apache-2.0
// Take a few neighbouring pixels out of a row of 32.
//
// Q formats:  8-bit pixels, leftmost in the low bits; beyond column 31 they are 0.
// Latency:    0 clocks (combinational).
// Area:       the long distances first, so that what can't be wanted any more falls away early: 368 instead
//             of 1000 LUT4 for 4 pixels.
`default_nettype none

module klt_shift #(
    parameter PIXELS = 4  // taken, 1 .. 32
) (
    input  wire [      255:0] s_pixels,
    input  wire [        4:0] s_column,  // of the leftmost
    output wire [8*PIXELS-1:0] m_pixels
);

  generate
    if (PIXELS < 1 || PIXELS > 32) begin : g_bad_size
      klt_shift_PIXELS_must_be_1_to_32 bad_parameter ();
    end
  endgenerate

  // After the step of 16, 8 .. 1 pixels the PIXELS + 15, 7 .. 0 first ones are still wanted.
  wire [8*63-1:0] stage_16 = {248'd0, s_pixels};
  wire [8*(PIXELS+15)-1:0] stage_8 = s_column[4] ? stage_16[128+:8*(PIXELS+15)]
                                                 : stage_16[0+:8*(PIXELS+15)];
  wire [8*(PIXELS+7)-1:0] stage_4 = s_column[3] ? stage_8[64+:8*(PIXELS+7)] : stage_8[0+:8*(PIXELS+7)];
  wire [8*(PIXELS+3)-1:0] stage_2 = s_column[2] ? stage_4[32+:8*(PIXELS+3)] : stage_4[0+:8*(PIXELS+3)];
  wire [8*(PIXELS+1)-1:0] stage_1 = s_column[1] ? stage_2[16+:8*(PIXELS+1)] : stage_2[0+:8*(PIXELS+1)];
  wire unused = &{1'b0, stage_16};
  assign m_pixels = s_column[0] ? stage_1[8+:8*PIXELS] : stage_1[0+:8*PIXELS];

endmodule

`default_nettype wire
