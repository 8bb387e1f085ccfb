// SPDX-License-Identifier: Apache-2.0
// Fetch regions of 32x32 pixels for the tracker: window, template (key) and sampler, one after the other.
//
// A request is noted with *_valid and begun when the reader is free: the window before the key, the key
// before the sampler. Its eight block rows are asked for a cycle each; *_ready is low until the last of
// them is here. What was asked for before a reset must not be answered after it.
// Protocol:   window_*, sampler_*: the place a cycle after *_valid, held until begun; key_*: as soon as
//             key_settled. window_drop takes back a request that has not begun.
// Latency:    2 cycles from *_valid to the first r_valid. Throughput: eight block rows a region, as the
//             reader takes them.
`default_nettype none

module klt_fetch (
    input wire clk,
    input wire rst,

    input wire s_stereo,  // window out of the right image, sampler out of the current frame

    input  wire       window_valid,
    input  wire       window_drop,
    input  wire [1:0] window_level,
    input  wire [8:0] window_column,
    input  wire [8:0] window_row,
    output wire       window_ready,

    input  wire       key_valid,
    input  wire       key_settled,
    input  wire [1:0] key_level,
    input  wire [8:0] key_column,
    input  wire [8:0] key_row,
    output wire       key_ready,

    input  wire       sampler_valid,
    input  wire [8:0] sampler_column,
    input  wire [8:0] sampler_row,
    output wire       sampler_ready,

    // Reader
    output wire       r_valid,
    input  wire       r_ready,
    output wire [1:0] r_buffer,
    output wire [1:0] r_level,
    output wire [8:0] r_column,
    output wire [8:0] r_row,
    input  wire       a_valid,
    output wire [1:0] m_target,  // whose block row the next answer is: 0 window, 1 key, 2 sampler
    output wire [2:0] m_row      // which of its eight
);

  localparam [1:0] KEY = 2'd0, CURRENT = 2'd1, RIGHT = 2'd2;
  localparam [1:0] FOR_WINDOW = 2'd0, FOR_KEY = 2'd1, FOR_SAMPLER = 2'd2;

  reg window_load_q, window_busy_q, key_load_q, key_busy_q, sampler_load_q, sampler_busy_q;
  reg fetching_q;
  reg [1:0] target_q, buffer_q, fetch_level_q;
  reg [2:0] asked_q, answered_q;
  reg [8:0] fetch_column_q, fetch_row_q;
  reg [1:0] order_mem[0:3];
  reg [1:0] order_in_q, order_out_q;
  wire [1:0] answer = order_mem[order_out_q];
  wire whole = a_valid && answered_q == 3'd7;
  wire pick_window = window_load_q && !window_busy_q && !fetching_q;
  wire pick_key = key_load_q && !key_busy_q && key_settled && !fetching_q && !pick_window;
  wire pick_sampler = sampler_load_q && !sampler_busy_q && !fetching_q && !pick_window && !pick_key;
  assign window_ready = !window_load_q && !window_busy_q;
  assign key_ready = !key_load_q && !key_busy_q;

  always @(posedge clk) begin
    if (pick_window) begin
      target_q <= FOR_WINDOW;
      buffer_q <= s_stereo ? RIGHT : CURRENT;
      fetch_level_q <= window_level;
      fetch_column_q <= window_column;
      fetch_row_q <= window_row;
    end else if (pick_key) begin
      target_q <= FOR_KEY;
      buffer_q <= KEY;
      fetch_level_q <= key_level;
      fetch_column_q <= key_column;
      fetch_row_q <= key_row;
    end else if (pick_sampler) begin
      target_q <= FOR_SAMPLER;
      buffer_q <= s_stereo ? CURRENT : KEY;
      fetch_level_q <= 2'd0;
      fetch_column_q <= sampler_column;
      fetch_row_q <= sampler_row;
    end else if (r_valid && r_ready) fetch_row_q <= fetch_row_q + 9'd1;
    if (fetching_q && asked_q == 3'd0) order_mem[order_in_q] <= target_q;

    if (rst) begin
      fetching_q <= 1'b0;
      {window_load_q, window_busy_q, key_load_q, key_busy_q, sampler_load_q, sampler_busy_q} <= 6'd0;
      asked_q <= 3'd0;
      answered_q <= 3'd0;
      order_in_q <= 2'd0;
      order_out_q <= 2'd0;
    end else begin
      if (pick_window || pick_key || pick_sampler) fetching_q <= 1'b1;
      else if (r_valid && r_ready && asked_q == 3'd7) fetching_q <= 1'b0;
      if (r_valid && r_ready) asked_q <= asked_q + 3'd1;
      if (r_valid && r_ready && asked_q == 3'd7) order_in_q <= order_in_q + 2'd1;
      if (a_valid) answered_q <= answered_q + 3'd1;
      if (whole) order_out_q <= order_out_q + 2'd1;
      window_load_q <= window_valid || (window_load_q && !pick_window && !window_drop);
      key_load_q <= key_valid || (key_load_q && !pick_key);
      sampler_load_q <= sampler_valid || (sampler_load_q && !pick_sampler);
      window_busy_q <= pick_window || (window_busy_q && !(whole && answer == FOR_WINDOW));
      key_busy_q <= pick_key || (key_busy_q && !(whole && answer == FOR_KEY));
      sampler_busy_q <= pick_sampler || (sampler_busy_q && !(whole && answer == FOR_SAMPLER));
    end
  end

  assign r_valid = fetching_q;
  assign r_buffer = buffer_q;
  assign r_level = fetch_level_q;
  assign r_column = fetch_column_q;
  assign r_row = fetch_row_q;
  assign sampler_ready = !sampler_load_q && !sampler_busy_q;
  assign m_target = answer;
  assign m_row = answered_q;

endmodule

`default_nettype wire
