// SPDX-License-Identifier: Apache-2.0
// Run the lane programs of the vector engine: the same operations in every lane, on one or two items
// each. An item is a ray, a factor or a state of vio/float32; hls/gen/lane_program.v has the programs.
//
// A call has a first and a second pass, each with a program of its own and a number of items. For a
// group of items: their descriptors come from the memory of runs; words go from the memory to the
// lanes' files, one a cycle, to all lanes at once that take the same; the program runs, a word a
// cycle; results go back, one a cycle. What a file has from the group before stays. Items that do not
// fill a group leave lanes without words, whose results go nowhere.
//
// Formats: words of programs and moves as vio/hw/lanes/microcode.py says, descriptors and fields of
// calls as docs/chip/engine.md.
// Latency: of a group 2 cycles for each item, 2 + 2 contexts for each move, 2 and its words for each
// of its transfers, the program's words, and 7. Throughput: a call at a time. stop, rst drop the call.
`default_nettype none

module lane_sequencer #(
    parameter LANES_LOG2 = 2  // 0..3
) (
    input wire clk,
    input wire rst,

    // a call; the fields stay until done
    input  wire        start,
    input  wire        stop,
    output wire        busy,
    input  wire [ 4:0] c_kind,
    input  wire [ 1:0] c_first,    // items of the first pass, and of the second
    input  wire [ 5:0] c_second,
    input  wire [16:0] c_step,     // of the states; 0: none
    input  wire [16:0] c_dest,
    input  wire [11:0] c_items,    // place of the descriptors
    input  wire [16:0] c_address,
    input  wire [16:0] c_pairs,

    // descriptors: a word comes a cycle after its address
    output wire [11:0] d_address,
    input  wire [29:0] d_word,

    // words to the files and from them
    output wire                              u_valid,
    output wire                              u_stores,
    output wire signed [               23:0] u_address,
    output wire        [(1<<LANES_LOG2)-1:0] u_lanes,    // that take the word
    output wire        [               11:0] u_place,
    output wire        [                2:0] u_lane,     // that gives it

    // the program
    output wire        p_valid,
    output wire [43:0] p_word
);

  localparam LANES = 1 << LANES_LOG2;
  localparam SHIFT_W = LANES_LOG2 == 0 ? 1 : LANES_LOG2;
  localparam [6:0] GROUP = 1 << LANES_LOG2;
  localparam [4:0] OBSERVE = 5'd13, FACTOR = 5'd14, DIFFERENCE = 5'd15;
  localparam [3:0] IDLE = 4'd0, PASS = 4'd1, ENTRY = 4'd2, DESCRIBE = 4'd3, MOVE = 4'd4;
  localparam [3:0] KEYS = 4'd5, PICK = 4'd6, PLACE = 4'd7, WORDS = 4'd8, LAND = 4'd9;
  localparam [3:0] RUN = 4'd10, DRAIN = 4'd11;
  localparam [3:0] LAND_CYCLES = 4'd4;  // from the last word's address to its place in a file
  localparam [3:0] DRAIN_CYCLES = 4'd12;  // and to its place in the banks
  localparam [11:0] CONTEXT = 12'd128;  // places of an item in a file
  localparam [16:0] CAMERA_WORDS = 17'd26;
  // Bases of moves.
  localparam [3:0] FIRST = 4'd1, SECOND = 4'd2, CALL = 4'd3, PAIRS = 4'd4, CAMERA = 4'd5;
  localparam [3:0] STEP_FIRST = 4'd6, STEP_SECOND = 4'd7, ROWS = 4'd8, DEST_FIRST = 4'd9;
  localparam [3:0] DEST_SECOND = 4'd10;

  // The program of this pass.
  reg pass_q;
  wire [2:0] program_number = c_kind == OBSERVE ? (!pass_q ? 3'd0 : c_step == 17'd0 ? 3'd1 : 3'd2)
      : c_kind == DIFFERENCE ? 3'd3 : c_kind == FACTOR ? (pass_q ? 3'd6 : 3'd5) : 3'd4;
  reg [12:0] word_at_q;
  reg [7:0] move_at_q;
  wire [43:0] word;
  wire [33:0] move;
  wire [42:0] entry;
  lane_program programs (
      .clk(clk),
      .word_address(word_at_q),
      .move_address(move_at_q),
      .entry_address(program_number),
      .word(word),
      .move(move),
      .entry(entry)
  );
  wire two_contexts = entry[42];
  reg [33:0] move_q;
  wire [3:0] m_base = move_q[3:0];
  wire [8:0] m_offset = move_q[12:4];
  wire [8:0] m_count = move_q[21:13];
  wire [8:0] m_place = move_q[30:22];
  wire m_steps = move_q[31];
  wire m_motion = move_q[32];
  wire m_last = move_q[33];

  reg [3:0] state_q, wait_q;
  reg [6:0] item_q, left_q, group_q;  // the group's first item; of the pass; in this group
  reg [5:0] asked_q;  // descriptors
  reg context_q, stores_q, runs_q, reads_q, p_valid_q;
  reg [43:0] word_q, p_word_q;
  reg [LANES-1:0] pending_q, lanes_q;
  reg [SHIFT_W-1:0] lane_q;
  reg [16:0] origin_q, relative_q;
  reg signed [23:0] address_q;
  reg [11:0] place_q;
  reg [8:0] count_q;

  // Descriptors of the items of both contexts of each lane, and of the group before.
  wire [5:0] came = asked_q - 6'd1;
  wire [4:0] came_item = came[5:1];
  wire [4:0] came_row = came_item >> LANES_LOG2;
  wire arrives = state_q == DESCRIBE && asked_q != 6'd0;
  wire shared = m_base != PAIRS && m_base != ROWS && m_base != DEST_FIRST && m_base != DEST_SECOND;
  wire new_pass = state_q == PASS && left_q == 7'd0;
  wire [30*LANES-1:0] all_a, all_b;
  wire [17*LANES-1:0] all_keys;
  wire [LANES-1:0] need, same;
  wire [16:0] key;
  genvar k;
  generate
    for (k = 0; k < LANES; k = k + 1) begin : g_lane
      localparam [SHIFT_W-1:0] LANE = k;
      localparam [6:0] NUMBER = k;
      reg [29:0] a_mem[0:1];
      reg [29:0] b_mem[0:1];
      reg [29:0] old_a_mem[0:1];
      reg [29:0] old_b_mem[0:1];
      reg [1:0] held_q, old_held_q;  // an item has been in this pass
      wire [4:0] came_lane = came_item - (came_row << LANES_LOG2);
      wire mine = arrives && came_lane == NUMBER[4:0];

      always @(posedge clk) begin
        if (mine && !came[0]) begin
          a_mem[came_row[0]] <= d_word;
          old_a_mem[came_row[0]] <= a_mem[came_row[0]];
          held_q[came_row[0]] <= 1'b1;
          old_held_q[came_row[0]] <= held_q[came_row[0]];
        end
        if (mine && came[0]) begin
          b_mem[came_row[0]] <= d_word;
          old_b_mem[came_row[0]] <= b_mem[came_row[0]];
        end
        if (new_pass || state_q == IDLE) held_q <= 2'b00;
      end

      wire [29:0] a = a_mem[context_q];
      wire [29:0] b = b_mem[context_q];
      wire [29:0] old_a = old_a_mem[context_q];
      wire [29:0] old_b = old_b_mem[context_q];
      wire [16:0] own_key = m_base == FIRST ? a[16:0] : m_base == SECOND ? b[16:0]
          : m_base == CAMERA ? {16'd0, a[29]} : m_base == STEP_FIRST ? {5'd0, a[28:17]}
          : m_base == STEP_SECOND ? {5'd0, b[28:17]} : 17'd0;
      wire [16:0] old_key = m_base == FIRST ? old_a[16:0] : m_base == SECOND ? old_b[16:0]
          : m_base == CAMERA ? {16'd0, old_a[29]} : m_base == STEP_FIRST ? {5'd0, old_a[28:17]}
          : m_base == STEP_SECOND ? {5'd0, old_b[28:17]} : 17'd0;
      wire has_item = (context_q ? GROUP : 7'd0) + NUMBER < group_q;
      wire has_it = old_held_q[context_q] && shared && own_key == old_key && !stores_q;
      assign need[k] = has_item && !has_it && (b[29] || !m_motion);
      reg [16:0] own_key_q;
      always @(posedge clk) own_key_q <= own_key;
      assign same[k] = shared && !stores_q ? own_key_q == key : LANE == lane_q;
      wire unused_bit = old_b[29];
      assign all_a[30*k+:30] = a;
      assign all_b[30*k+:30] = b;
      assign all_keys[17*k+:17] = own_key_q;
    end
  endgenerate

  // The first lane that still waits for its words.
  reg [SHIFT_W-1:0] next_lane_d;
  integer i;
  always @* begin
    next_lane_d = {SHIFT_W{1'b0}};
    for (i = LANES - 1; i >= 0; i = i - 1) if (pending_q[i]) next_lane_d = i[SHIFT_W-1:0];
  end
  assign key = all_keys[17*lane_q+:17];
  wire [29:0] a = all_a[30*next_lane_d+:30];
  wire [29:0] b = all_b[30*next_lane_d+:30];
  wire [6:0] item = item_q + (context_q ? GROUP : 7'd0) + {{(7 - SHIFT_W) {1'b0}}, next_lane_d};
  wire stepped = m_base == STEP_FIRST || m_base == STEP_SECOND;
  wire to_dest = m_base == ROWS || m_base == DEST_FIRST || m_base == DEST_SECOND;
  wire by_first = m_base == STEP_FIRST || m_base == DEST_FIRST;
  wire by_second = m_base == STEP_SECOND || m_base == DEST_SECOND;
  wire [16:0] origin = stepped ? c_step : to_dest ? c_dest : m_base == PAIRS ? c_pairs
      : m_base == CALL ? c_address : 17'd0;
  wire [16:0] relative = m_base == FIRST ? a[16:0] : m_base == SECOND ? b[16:0]
      : m_base == CAMERA ? (a[29] ? CAMERA_WORDS : 17'd0) : by_first ? {5'd0, a[28:17]}
      : by_second ? {5'd0, b[28:17]} : m_base == PAIRS ? {9'd0, item, 1'b0}
      : m_base == ROWS ? {5'd0, item, 5'd0} + {9'd0, item, 1'b0} : 17'd0;

  wire [6:0] room = two_contexts ? GROUP << 1 : GROUP;
  wire all_asked = asked_q == {group_q[4:0], 1'b0};
  wire last_context = context_q == two_contexts;

  always @(posedge clk) begin
    wait_q <= wait_q - 4'd1;
    case (state_q)
      IDLE: begin
        pass_q <= 1'b0;
        stores_q <= 1'b0;
        item_q <= 7'd0;
        left_q <= {5'd0, c_first};
        if (start) state_q <= PASS;
      end
      PASS:
      if (left_q != 7'd0) state_q <= ENTRY;
      else if (pass_q) state_q <= IDLE;
      else begin
        pass_q <= 1'b1;
        left_q <= {1'b0, c_second};
        if (c_kind == FACTOR) item_q <= 7'd0;
      end
      ENTRY: begin
        group_q <= left_q < room ? left_q : room;
        word_at_q <= entry[12:0];
        move_at_q <= entry[33:26];
        asked_q <= 6'd0;
        state_q <= DESCRIBE;
      end
      DESCRIBE: begin
        asked_q <= asked_q + 6'd1;
        if (all_asked) state_q <= MOVE;
      end
      MOVE: begin
        move_q <= move;
        move_at_q <= move_at_q + 8'd1;
        context_q <= 1'b0;
        state_q <= KEYS;
      end
      KEYS: begin
        pending_q <= need;
        state_q   <= PICK;
      end
      PICK: begin
        lane_q <= next_lane_d;
        origin_q <= origin;
        relative_q <= relative;
        if (pending_q != {LANES{1'b0}}) state_q <= PLACE;
        else if (!last_context) begin
          context_q <= 1'b1;
          state_q   <= KEYS;
        end else if (!m_last) state_q <= MOVE;
        else begin
          wait_q  <= stores_q ? DRAIN_CYCLES : LAND_CYCLES;
          state_q <= stores_q ? DRAIN : LAND;
        end
      end
      PLACE: begin
        lanes_q <= same & pending_q;
        pending_q <= pending_q & ~same;
        address_q <= $signed({7'd0, origin_q}) + $signed({7'd0, relative_q}) + $signed({15'd0, m_offset});
        place_q <= {3'd0, m_place} + (context_q ? CONTEXT : 12'd0);
        count_q <= m_count;
        state_q <= WORDS;
      end
      WORDS: begin
        address_q <= address_q + 24'sd1;
        place_q <= place_q + {11'd0, m_steps};
        count_q <= count_q - 9'd1;
        if (count_q == 9'd1) state_q <= PICK;
      end
      LAND: if (wait_q == 4'd0) state_q <= RUN;
      RUN: begin
        word_at_q <= word_at_q + 13'd1;
        move_at_q <= entry[41:34];
        if (word_at_q == entry[25:13]) begin
          stores_q <= 1'b1;
          state_q  <= MOVE;
        end
      end
      default:  // DRAIN: of a pass
      if (wait_q == 4'd0 || left_q != group_q) begin
        stores_q <= 1'b0;
        left_q <= left_q - group_q;
        item_q <= item_q + group_q;
        state_q <= PASS;
      end
    endcase
    runs_q <= state_q == RUN;
    reads_q <= runs_q;
    word_q <= word;
    p_valid_q <= reads_q;
    p_word_q <= word_q;
    if (stop && state_q != IDLE && state_q != DRAIN && state_q != PASS) begin
      state_q <= DRAIN;
      wait_q <= DRAIN_CYCLES;
      pass_q <= 1'b1;
      left_q <= 7'd0;
      group_q <= 7'd0;
      runs_q <= 1'b0;
      reads_q <= 1'b0;
      p_valid_q <= 1'b0;
    end
    if (rst) begin
      state_q <= IDLE;
      runs_q <= 1'b0;
      reads_q <= 1'b0;
      p_valid_q <= 1'b0;
    end
  end

  wire unused = &{1'b0, came_row, entry, b};

  assign d_address = c_items + {4'd0, item_q, 1'b0} + {6'd0, asked_q};
  assign busy = state_q != IDLE;
  assign u_valid = state_q == WORDS;
  assign u_stores = stores_q;
  assign u_address = address_q;
  assign u_lanes = lanes_q;
  assign u_place = place_q;
  assign u_lane = {{(3 - SHIFT_W) {1'b0}}, lane_q};
  assign p_valid = p_valid_q;
  assign p_word = p_word_q;

endmodule

`default_nettype wire
