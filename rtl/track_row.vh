// SPDX-License-Identifier: Apache-2.0
// Where the fields of a track lie in a row of the track table; to be included inside a module, and,
// where PORT_WIDTHS is defined, in its parameter list.
/* verilator lint_off UNUSEDPARAM */  // a module uses some of these, never all
`ifdef PORT_WIDTHS
    parameter W_ROW = 408,
    parameter W_MASK = 6
`else

localparam ROW_ID = 0;  // 32 bits
localparam ROW_AGE = 32;  // 15: frames in which it was seen
localparam ROW_QUALITY = 47;  // 17: corner score
localparam ROW_U = 64;  // 18, 18: uQ10.8 pixel in the last frame
localparam ROW_V = 82;
localparam ROW_X = 100;  // 18, 18: its ray, sQ1.16
localparam ROW_Y = 118;
localparam ROW_U_KEY = 136;  // 18, 18: pixel in the keyframe
localparam ROW_V_KEY = 154;
localparam ROW_X_KEY = 172;  // 18, 18: its ray
localparam ROW_Y_KEY = 190;
localparam ROW_DRIFT_U = 208;  // 16, 16: sQ7.8 pixels by which the rotation mispredicts
localparam ROW_DRIFT_V = 224;
localparam ROW_SCALE = 240;  // 11: uQ1.10 size in the keyframe over that in the last frame
localparam ROW_POINT = 251;  // 3 x 22: sQ11.10 point of the keyframe in baselines; z = 0: none
localparam ROW_U_RIGHT = 317;  // 19, 19: sQ10.8 pixel in the right image
localparam ROW_V_RIGHT = 336;
localparam ROW_MATCHED = 355;  // 1: the right pixel is there
localparam ROW_RAY_X = 356;  // 18, 18, 16: rectified ray and disparity
localparam ROW_RAY_Y = 374;
localparam ROW_DISPARITY = 392;
localparam ROW_W = 408;

// Groups of fields that are written together
localparam MASK_W = 6;
localparam MASK_IDENTITY = 0;  // id, quality, age
localparam MASK_HERE = 1;  // u, v, x, y
localparam MASK_KEY = 2;  // pixel and ray of the keyframe
localparam MASK_MOTION = 3;  // drift, scale
localparam MASK_POINT = 4;
localparam MASK_STEREO = 5;  // right pixel, matched, rectified ray, disparity

`endif
/* verilator lint_on UNUSEDPARAM */
