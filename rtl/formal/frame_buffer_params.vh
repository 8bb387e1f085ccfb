// SPDX-License-Identifier: Apache-2.0
// Sizes for frame_buffer.sby: frames of 16x16 in rings of 24, 8 and 8 blocks; takes the place of
// vio_params.vh. LEFT_BITS is what the widths of window_reader need at least.
localparam MAX_LEVELS = 3;
localparam LEVEL0_FIRST = 0;
localparam LEVEL0_WORDS = 3;
localparam LEVEL1_FIRST = 0;
localparam LEVEL1_WORDS = 1;
localparam LEFT_WORDS = 3;
localparam LEFT_BITS = 6;
localparam UPPER_WORDS = 2;
localparam UPPER_BITS = 1;
localparam RIGHT_WORDS = 2;
localparam RIGHT_BITS = 1;
localparam LEFT_WORD_BITS = 27;
localparam UPPER_WORD_BITS = 18;
localparam RIGHT_WORD_BITS = 27;
