// SPDX-License-Identifier: Apache-2.0
// Correlate a stream of pixel columns with a template: the sum of the products of all its pixels.
//
// Columns come in pairs, as in a fast filter of two parallel outputs: with h0, h1 the template's columns
// at an even and at an odd distance from its newest, x0, x1 the even and the odd columns of the stream,
//   f0 = h0 * x0,  f1 = h1 * x1,  f2 = (h0 + h1) * (x0 + x1)  (sums over the window)
//   even column's sum = f0 + f1 of the pair before,  odd column's sum = f2 - f0 - f1:
// three filters of half the length where four would be needed. None has a multiplier (distributed
// arithmetic): a table holds the 16 sums of a choice of four pixels of the template, one bit
// of each of the four pixels of the stream looks it up, low bits first; a tree adds what the
// 12 HEIGHT tables say, and the bits' sums are shifted together.
// Q formats:  unsigned pixels of 8 bits -> unsigned sum of 16 + $clog2(HEIGHT WIDTH) bits, exact.
// Latency:    from a pair's last bits $clog2(4 HEIGHT) + 5 cycles to the even column's sum, APART
//             more to the odd one's. Throughput: a pair in 9 cycles.
// Load:       for each row of the template 16 cycles with load_valid. Two cycles after the last one pairs
//             may come whose sums are wanted, of which the first one's pair before must have come then, too.
// Memory:     12 HEIGHT tables of 16 x 10 or 11 bits: distributed RAM.
`default_nettype none

module stereo_cross #(
    parameter WIDTH  = 31,  // of the template, pixels
    parameter HEIGHT = 7,
    parameter APART  = 4    // cycles from the even column's sum to the odd one's, 2 to 8
) (
    input wire clk,
    input wire rst,

    // Of the template's row load_row: in place n of the pixels the one that lies 8 load_slot + n
    // columns left of the newest; the slot is wanted for the same cycle.
    input  wire                        load_valid,
    input  wire [                 3:0] load_step,    // 0 .. 15, a cycle each
    input  wire [$clog2(HEIGHT+1)-1:0] load_row,
    output wire [                 1:0] load_slot,
    input  wire [                63:0] load_pixels,
    input  wire [                 7:0] load_on,      // pixels that the window has; others count as 0

    input wire              s_valid,   // bits; 9 cycles a pair, of which the last has zeros
    input wire              s_first,   // of a pair
    input wire              s_last,
    input wire              s_even_wanted,  // with the last: sums with these columns as the newest
    input wire              s_odd_wanted,
    input wire [HEIGHT-1:0] s_even,    // low bits first
    input wire [HEIGHT-1:0] s_odd,

    output wire                              m_valid,
    output wire [15+$clog2(HEIGHT*WIDTH):0] m_sum
);

  generate
    if (WIDTH < 2 || WIDTH > 32 || HEIGHT < 1 || APART < 2 || APART > 8) begin : g_bad_size
      stereo_cross_WIDTH_HEIGHT_or_APART_out_of_range bad_parameter ();
    end
  endgenerate

  localparam ROW_W = $clog2(HEIGHT + 1);
  localparam SUM_W = 16 + $clog2(HEIGHT * WIDTH);
  localparam SLOTS = (WIDTH + 7) / 8;  // tables' address bits that are used
  localparam CHAIN = 9 * (4 * SLOTS - 1) + 1;  // bits from the newest column to the oldest
  localparam COUNT = 4 * HEIGHT;
  localparam TREE_W = 10 + $clog2(COUNT);
  localparam ACC_W = TREE_W + 1;

  // ---- load: the sums of a choice of four pixels in Gray order, one pixel more or less a cycle ----
  wire [3:0] step = load_step;
  assign load_slot = step[0] ? 2'd0 : step[1] ? 2'd1 : step[2] ? 2'd2 : 2'd3;
  wire more = step[0] ? !step[1] : step[1] ? !step[2] : step[2] ? !step[3] : 1'b1;
  reg write_q;
  reg [ROW_W-1:0] row_q;
  reg [3:0] choice_q;
  always @(posedge clk) begin
    write_q  <= load_valid && !rst;
    row_q    <= load_row;
    choice_q <= load_step ^ {1'b0, load_step[3:1]};
  end

  wire [79:0] choices;
  wire [43:0] choices_both;
  genvar n;
  generate
    for (n = 0; n < 8; n = n + 1) begin : g_place
      reg [9:0] choice_sum_q;
      // Less: the complement and 1, which is carried in below the lowest bit.
      wire [10:0] change = {2'd0, load_pixels[8*n+:8], 1'b0} ^ {11{!more}};
      wire [10:0] changed = {choice_sum_q, 1'b1} + change;
      wire unused = changed[0];
      always @(posedge clk)
        if (load_valid && load_step == 4'd0) choice_sum_q <= 10'd0;
        else if (load_valid && load_on[n]) choice_sum_q <= changed[10:1];
      assign choices[10*n+:10] = choice_sum_q;
    end
    for (n = 0; n < 4; n = n + 1) begin : g_both
      assign choices_both[11*n+:11] = {1'b0, choices[20*n+:10]} + {1'b0, choices[20*n+10+:10]};
    end
  endgenerate

  // ---- bits of the pixels, those of a row behind each other; tables ----
  reg look_q, looked_q;
  always @(posedge clk) begin
    look_q   <= s_valid && !rst;
    looked_q <= look_q && !rst;
  end
  wire [10*COUNT-1:0] even_parts, odd_parts;
  wire [11*COUNT-1:0] both_parts;

  genvar g, j, t;
  generate
    for (j = 0; j < HEIGHT; j = j + 1) begin : g_row
      localparam [ROW_W-1:0] ROW = j[ROW_W-1:0];
      wire write = write_q && row_q == ROW;
      reg carry_q;
      wire carry = carry_q && !s_first;
      reg [CHAIN-1:0] even_q, odd_q, both_q;  // newest in the low bits
      always @(posedge clk)
        if (s_valid) begin
          carry_q <= (s_even[j] && s_odd[j]) || (carry && (s_even[j] || s_odd[j]));
          even_q  <= {even_q[CHAIN-2:0], s_even[j]};
          odd_q   <= {odd_q[CHAIN-2:0], s_odd[j]};
          both_q  <= {both_q[CHAIN-2:0], s_even[j] ^ s_odd[j] ^ carry};
        end

      for (g = 0; g < 4; g = g + 1) begin : g_table
        wire [3:0] even_at, odd_at, both_at;
        for (t = 0; t < 4; t = t + 1) begin : g_tap
          if (t < SLOTS) begin : g_there
            assign even_at[t] = even_q[9*(4*t+g)];
            assign odd_at[t]  = odd_q[9*(4*t+g)];
            assign both_at[t] = both_q[9*(4*t+g)];
          end else begin : g_none
            assign even_at[t] = 1'b0;
            assign odd_at[t]  = 1'b0;
            assign both_at[t] = 1'b0;
          end
        end
        reg [9:0] even_mem[0:15];
        reg [9:0] odd_mem[0:15];
        reg [10:0] both_mem[0:15];
        always @(posedge clk)
          if (write) begin
            even_mem[choice_q] <= choices[20*g+:10];
            odd_mem[choice_q]  <= choices[20*g+10+:10];
            both_mem[choice_q] <= choices_both[11*g+:11];
          end
        reg [9:0] even_part_q, odd_part_q;
        reg [10:0] both_part_q;
        always @(posedge clk)
          if (look_q) begin
            even_part_q <= even_mem[even_at];
            odd_part_q  <= odd_mem[odd_at];
            both_part_q <= both_mem[both_at];
          end
        assign even_parts[10*(4*j+g)+:10] = even_part_q;
        assign odd_parts[10*(4*j+g)+:10]  = odd_part_q;
        assign both_parts[11*(4*j+g)+:11] = both_part_q;
      end
    end
  endgenerate

  // ---- trees ----
  wire tree_valid, unused_odd, unused_both;
  wire [TREE_W-1:0] even_tree, odd_tree;
  wire [TREE_W:0] both_tree;
  adder_tree #(
      .COUNT(COUNT),
      .WIDTH(10)
  ) even_adders (
      .clk(clk),
      .rst(rst),
      .s_valid(looked_q),
      .s_data(even_parts),
      .m_valid(tree_valid),
      .m_data(even_tree)
  );
  adder_tree #(
      .COUNT(COUNT),
      .WIDTH(10)
  ) odd_adders (
      .clk(clk),
      .rst(rst),
      .s_valid(looked_q),
      .s_data(odd_parts),
      .m_valid(unused_odd),
      .m_data(odd_tree)
  );
  adder_tree #(
      .COUNT(COUNT),
      .WIDTH(11)
  ) both_adders (
      .clk(clk),
      .rst(rst),
      .s_valid(looked_q),
      .s_data(both_parts),
      .m_valid(unused_both),
      .m_data(both_tree)
  );

  localparam STAGES = $clog2(COUNT) + 2;  // from s_valid to tree_valid
  reg [STAGES-1:0] first_q, last_q, even_wanted_q, odd_wanted_q;
  always @(posedge clk) begin
    first_q <= {first_q[STAGES-2:0], s_first};
    last_q <= {last_q[STAGES-2:0], s_last};
    even_wanted_q <= {even_wanted_q[STAGES-2:0], s_even_wanted};
    odd_wanted_q <= {odd_wanted_q[STAGES-2:0], s_odd_wanted};
  end

  // ---- the bits' sums shifted together: low bits leave to the right ----
  reg [ACC_W-1:0] even_acc_q, odd_acc_q;
  reg [ACC_W:0] both_acc_q;
  reg [7:0] even_low_q, odd_low_q, both_low_q;
  wire begins = first_q[STAGES-1];
  always @(posedge clk)
    if (tree_valid) begin
      even_acc_q <= {1'b0, even_tree} + (begins ? {ACC_W{1'b0}} : {1'b0, even_acc_q[ACC_W-1:1]});
      odd_acc_q <= {1'b0, odd_tree} + (begins ? {ACC_W{1'b0}} : {1'b0, odd_acc_q[ACC_W-1:1]});
      both_acc_q <= {1'b0, both_tree}
                    + (begins ? {(ACC_W + 1) {1'b0}} : {1'b0, both_acc_q[ACC_W:1]});
      even_low_q <= {even_acc_q[0], even_low_q[7:1]};
      odd_low_q <= {odd_acc_q[0], odd_low_q[7:1]};
      both_low_q <= {both_acc_q[0], both_low_q[7:1]};
    end

  // ---- sums of both columns, as words that wrap ----
  wire [ACC_W+8:0] f0_wide = {1'b0, even_acc_q, even_low_q};
  wire [ACC_W+8:0] f1_wide = {1'b0, odd_acc_q, odd_low_q};
  wire [ACC_W+8:0] f2_wide = {both_acc_q, both_low_q};
  wire [SUM_W-1:0] f0 = f0_wide[SUM_W-1:0];
  wire [SUM_W-1:0] f1 = f1_wide[SUM_W-1:0];
  wire [SUM_W-1:0] f2 = f2_wide[SUM_W-1:0];
  wire unused_high = &{1'b0, f0_wide[ACC_W+8:SUM_W], f1_wide[ACC_W+8:SUM_W], f2_wide[ACC_W+8:SUM_W]};
  reg end_q, even_valid_q;
  reg [APART:0] odd_valid_q;
  reg even_q, odd_q;  // wanted
  reg [SUM_W-1:0] f1_q, part_q, sum_q;

  always @(posedge clk) begin
    end_q  <= tree_valid && last_q[STAGES-1] && !rst;
    even_q <= even_wanted_q[STAGES-1];
    odd_q  <= odd_wanted_q[STAGES-1];
    if (end_q) begin
      f1_q   <= f1;
      part_q <= f2 - f0;
    end
    if (end_q) sum_q <= f0 + f1_q;
    else if (odd_valid_q[APART-1]) sum_q <= part_q - f1_q;
    even_valid_q <= end_q && even_q && !rst;
    odd_valid_q  <= rst ? {(APART + 1) {1'b0}} : {odd_valid_q[APART-1:0], end_q && odd_q};
  end

  assign m_valid = even_valid_q || odd_valid_q[APART];
  assign m_sum = sum_q;

endmodule

`default_nettype wire
