// SPDX-License-Identifier: Apache-2.0
// Issue vectors of L words for the segments of a call: what is read, where it goes, what is written.
//
// A vector of elements reads its operands one after another (x, y, d, as its kind needs them); an
// operand of step 0 is read once for all. Where a step is not 1, a vector has one element. Products
// take x and y from the lanes' files, where a vector begins at a multiple of L of the source row: so
// every source row has the same vectors. One of a second source row waits until that of the first is
// written (`retire`): at most as many vectors as a source row has are under way. One behind a load
// waits until that is in the files. A pivot waits for the one before it.
//
// Latency: 1 cycle from g_valid to u_valid. Throughput: a read a cycle. stop drops the segment.
`default_nettype none

module vector_issue #(
    parameter LANES_LOG2 = 2  // 0..3
) (
    input wire clk,
    input wire rst,
    input wire start,  // a call begins
    input wire stop,

    input wire [4:0] c_kind,

    input  wire               g_valid,
    output wire               g_ready,
    input  wire        [ 1:0] g_kind,
    input  wire               g_later,
    input  wire               g_first,
    input  wire               g_whole,  // its vectors have all lanes
    input  wire        [ 1:0] g_once,   // to be read once for all: bit 0 x, bit 1 y
    input  wire        [13:0] g_count,
    input  wire signed [23:0] g_d,
    input  wire signed [23:0] g_x,
    input  wire signed [23:0] g_y,
    input  wire        [11:0] g_place,
    input  wire        [11:0] g_x_place,
    input  wire signed [12:0] g_d_step,
    input  wire signed [12:0] g_x_step,
    input  wire signed [12:0] g_y_step,
    input  wire        [ 1:0] g_falls,

    output wire                       u_valid,
    output wire                       u_read,
    output wire        [         1:0] u_what,       // 0 to the files, 1 x, 2 y, 3 compute and write
    output wire                       u_one,        // the first lane's word for all
    output wire        [         1:0] u_operand,    // of 3: what is read: 0 nothing, 1 x, 2 y, 3 d
    output wire signed [        23:0] u_r_address,  // of lane 0
    output wire signed [        23:0] u_w_address,
    output wire signed [        23:0] u_y_address,  // of a pivot's second result
    output wire        [(1 << LANES_LOG2)-1:0] u_lanes,
    output wire        [        11:0] u_place,      // in the files, in words of L
    output wire        [        11:0] u_x_place,
    output wire        [         2:0] u_x_lane,

    input  wire retire,  // a vector was written
    output wire waits,   // a vector waits for one before it
    output wire idle     // nothing is held or under way
);

  localparam [3:0] LANES = 1 << LANES_LOG2;
  localparam [13:0] REST = (1 << LANES_LOG2) - 1;  // remainder of an address
  localparam [(1<<LANES_LOG2)-1:0] ONE_LANE = 1;
  localparam [4:0] DOWNDATE = 5'd1, MULTIPLY_ADD = 5'd5, MULTIPLY_SUBTRACT = 5'd6, COPY = 5'd7;
  localparam [4:0] CLEAR = 5'd8, AT_LEAST = 5'd9, PIVOT = 5'd10;
  localparam [1:0] ELEMENTS = 2'd0, LOAD = 2'd1, OUTER = 2'd3;
  localparam [1:0] TO_FILE = 2'd0, TO_X = 2'd1, TO_Y = 2'd2, COMPUTE = 2'd3;

  localparam [1:0] LOAD_CYCLES = 2'd3;  // from a load's vector to one that may read its words

  // What a kind reads.
  reg pivots_q, uses_d_q, uses_x_q, uses_y_q;
  always @(posedge clk) begin
    pivots_q <= c_kind >= PIVOT;
    uses_d_q <= c_kind <= DOWNDATE || c_kind == MULTIPLY_ADD || c_kind == MULTIPLY_SUBTRACT
        || c_kind >= PIVOT;
    uses_x_q <= c_kind != CLEAR;
    uses_y_q <= c_kind < COPY || c_kind == AT_LEAST;
  end

  // The segment at work.
  reg active_q, later_q, whole_q;
  reg [1:0] kind_q, falls_q;
  reg signed [23:0] d_q, x_q, y_q;  // of lane 0
  reg [11:0] place_q;  // of the vector in the files
  reg [11:0] x_place_q;
  reg signed [12:0] d_step_q, x_step_q, y_step_q;  // to the next vector
  reg [1:0] once_q;  // to be read before the first vector: bit 0 x, bit 1 y
  reg [2:0] each_q;  // what each vector reads: x, y, d
  reg [2:0] left_q;  // of this vector
  reg [3:0] words_q;  // of this vector
  reg [2:0] lane_q;  // of its first word
  reg last_q;
  reg [13:0] rest_q;  // words behind it

  // How many words the first vector has, and the next one. A source row's place gives the lane.
  wire g_elements = g_kind == ELEMENTS;
  wire [13:0] g_lane = g_elements ? 14'd0 : {2'd0, g_place} & REST;
  wire [13:0] g_row = g_elements ? 14'd0 : {2'd0, g_place} & ~REST;
  wire [3:0] g_most = g_whole ? LANES - g_lane[3:0] : 4'd1;
  wire g_last = g_count <= {10'd0, g_most};
  wire [3:0] g_words = g_last ? g_count[3:0] : g_most;
  wire [3:0] most = whole_q ? LANES : 4'd1;
  wire next_last = rest_q <= {10'd0, most};
  wire [3:0] next_words = next_last ? rest_q[3:0] : most;
  wire signed [12:0] stride = $signed({9'd0, LANES});
  wire [2:0] reads = g_kind == LOAD ? 3'b010 : !g_elements ? 3'b100
      : {uses_d_q, uses_y_q && !g_once[1], uses_x_q && !g_once[0]};

  wire elements = kind_q == ELEMENTS;
  wire [7:0] ones = 8'hff >> (4'd8 - words_q);
  wire [7:0] lanes = ones << lane_q;

  // Vectors under way, and those of a source row.
  reg [5:0] under_way_q, row_vectors_q;
  reg [1:0] loading_q;
  wire takes_files = !elements && kind_q != LOAD;
  wire holds = takes_files && (loading_q != 2'd0 || (later_q && under_way_q >= row_vectors_q));
  wire holds_pivot = elements && pivots_q && under_way_q != 6'd0;
  wire stays = active_q && (holds || holds_pivot);
  wire works = active_q && !holds && !holds_pivot;

  wire reads_x = left_q[0];
  wire reads_y = !left_q[0] && left_q[1];
  wire final_read = left_q == 3'b000 || left_q == 3'b001 || left_q == 3'b010 || left_q == 3'b100;
  wire computes = works && once_q == 2'd0 && kind_q != LOAD && final_read;
  wire ends_vector = works && once_q == 2'd0 && final_read;
  wire finishes = ends_vector && last_q;

  assign g_ready = !active_q || finishes;

  reg valid_q, read_q, one_q;
  reg [1:0] what_q, operand_q;
  reg signed [23:0] r_address_q, w_address_q, y_address_q;
  reg [(1 << LANES_LOG2)-1:0] lanes_q;
  reg [11:0] file_place_q, file_x_place_q;
  reg [2:0] x_rest_q, x_lane_q;

  wire [11:0] g_vector = g_place >> LANES_LOG2;
  wire [11:0] g_x_vector = g_x_place >> LANES_LOG2;
  wire [11:0] g_x_rest = g_x_place & REST[11:0];

  always @(posedge clk) begin
    valid_q <= 1'b0;
    if (works && kind_q == LOAD) loading_q <= LOAD_CYCLES;
    else if (loading_q != 2'd0) loading_q <= loading_q - 2'd1;
    if (works) begin
      valid_q <= 1'b1;
      read_q <= once_q != 2'd0 || left_q != 3'd0;
      one_q <= once_q != 2'd0;
      what_q <= once_q[0] ? TO_X : once_q[1] ? TO_Y : kind_q == LOAD ? TO_FILE
          : final_read ? COMPUTE : reads_x ? TO_X : TO_Y;
      operand_q <= reads_x ? 2'd1 : reads_y ? 2'd2 : left_q[2] ? 2'd3 : 2'd0;
      r_address_q <= once_q[0] || (once_q == 2'd0 && reads_x) ? x_q
          : once_q[1] || reads_y ? y_q : d_q;
      w_address_q <= d_q;
      y_address_q <= y_q;
      lanes_q <= once_q != 2'd0 ? ONE_LANE : lanes[(1<<LANES_LOG2)-1:0];
      file_place_q <= place_q;
      file_x_place_q <= x_place_q;
      x_lane_q <= x_rest_q;

      if (once_q[0]) once_q[0] <= 1'b0;
      else if (once_q[1]) once_q[1] <= 1'b0;
      else if (!final_read) left_q <= reads_x ? {left_q[2:1], 1'b0} : {left_q[2], 2'b00};
      else begin
        left_q <= each_q;
        words_q <= next_words;
        lane_q <= 3'd0;
        last_q <= next_last;
        rest_q <= rest_q - {10'd0, most};
        place_q <= place_q + 12'd1;
        d_q <= d_q + $signed({{11{d_step_q[12]}}, d_step_q});
        x_q <= x_q + $signed({{11{x_step_q[12]}}, x_step_q});
        y_q <= y_q + $signed({{11{y_step_q[12]}}, y_step_q});
        d_step_q <= d_step_q - {12'd0, falls_q[1]};
        x_step_q <= x_step_q - {12'd0, falls_q[0]};
        if (last_q) active_q <= 1'b0;
      end
    end
    if (g_valid && g_ready) begin
      active_q <= 1'b1;
      later_q <= g_later;
      whole_q <= g_whole;
      kind_q <= g_kind;
      falls_q <= g_falls;
      words_q <= g_words;
      lane_q <= g_lane[2:0];
      last_q <= g_last;
      rest_q <= g_count - {10'd0, g_words};
      d_q <= g_d - $signed({10'd0, g_lane});
      x_q <= g_x;
      y_q <= g_y + $signed({10'd0, g_row});
      place_q <= g_vector;
      x_place_q <= g_x_vector;
      x_rest_q <= g_x_rest[2:0];
      d_step_q <= g_whole ? stride : g_d_step;
      x_step_q <= g_whole ? stride : g_x_step;
      y_step_q <= g_whole ? stride : g_y_step;
      once_q <= g_elements ? g_once : {1'b0, g_kind == OUTER && g_first};
      each_q <= reads;
      left_q <= reads;
    end
    if (computes && !later_q && row_vectors_q != 6'd63) row_vectors_q <= row_vectors_q + 6'd1;
    under_way_q <= under_way_q + {5'd0, computes} - {5'd0, retire};
    if (start) row_vectors_q <= 6'd0;
    if (stop) active_q <= 1'b0;
    if (rst) begin
      active_q <= 1'b0;
      valid_q <= 1'b0;
      under_way_q <= 6'd0;
      row_vectors_q <= 6'd0;
    end
  end

  // Fewer lanes, or a word of theirs less.
  wire unused = &{1'b0, lanes, g_lane, g_x_rest};

  assign u_valid = valid_q;
  assign u_read = read_q;
  assign u_what = what_q;
  assign u_one = one_q;
  assign u_operand = operand_q;
  assign u_r_address = r_address_q;
  assign u_w_address = w_address_q;
  assign u_y_address = y_address_q;
  assign u_lanes = lanes_q;
  assign u_place = file_place_q;
  assign u_x_place = file_x_place_q;
  assign u_x_lane = x_lane_q;

  assign waits = stays;
  assign idle = !active_q && under_way_q == 6'd0;

endmodule

`default_nettype wire
