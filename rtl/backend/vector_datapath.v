// SPDX-License-Identifier: Apache-2.0
// Banks, files, lanes and the pivot unit of the vector engine: vectors of vector_issue.v in, words
// written; and the words of a lane program, which work on the lanes' files alone.
//
// A vector's addresses are checked first: where one of its lanes lies outside of the memory, neither
// it nor what follows reads or writes, up to the next `start`, and `outside` is raised.
// The host's words go through the same ports, while no call runs.
//
// Latency: from u_valid to the write 18 cycles (sums), 16 (products), 9 (moves), 6 and those of
// pivot_unit (pivots); retire comes a cycle before it;
// h_data comes 4 cycles after a read. Throughput: a vector a cycle. rst keeps the words of the memory.
`default_nettype none

module vector_datapath #(
    parameter LANES_LOG2 = 2,  // 0..3
    parameter BANK_WORDS_LOG2 = 10,  // 2..15
    parameter MEMORY_WORDS = 1024  // words that may be used; 1 .. 2^(BANK_WORDS_LOG2 + LANES_LOG2)
) (
    input wire clk,
    input wire rst,
    input wire start,

    input wire [4:0] c_kind,
    input wire       c_outer,  // an outer product

    // lane programs: their vectors (u_one: a word to the files of u_lanes), and their words
    input wire        programs,
    input wire        p_valid,
    input wire [43:0] p_word,

    input wire                       u_valid,
    input wire                       u_read,
    input wire        [         1:0] u_what,
    input wire                       u_one,
    input wire        [         1:0] u_operand,
    input wire signed [        23:0] u_r_address,
    input wire signed [        23:0] u_w_address,
    input wire signed [        23:0] u_y_address,
    input wire        [(1 << LANES_LOG2)-1:0] u_lanes,
    input wire        [        11:0] u_place,
    input wire        [        11:0] u_x_place,
    input wire        [         2:0] u_x_lane,

    output wire retire,
    output wire checks,      // addresses are being compared
    output wire outside,     // sticky
    output wire not_finite,  // a result that was written is infinite or NaN; a cycle after retire
    output wire low,         // a pivot was not above its floor

    input  wire        h_read,
    input  wire        h_write,
    input  wire [16:0] h_address,
    input  wire [31:0] h_word,
    output wire        h_valid,
    output wire [31:0] h_data
);

  localparam LANES = 1 << LANES_LOG2;
  localparam ADDRESS_W = BANK_WORDS_LOG2 + LANES_LOG2;
  localparam [4:0] DOWNDATE = 5'd1, PIVOT = 5'd10, REFLECT = 5'd12, COPY = 5'd7;
  localparam [3:0] PRODUCT_MINUS = 4'd10;  // of vector_lane.v
  localparam [1:0] IMMEDIATE = 2'd3;  // a program's word that holds a number
  localparam [1:0] TO_FILE = 2'd0, TO_X = 2'd1, TO_Y = 2'd2, COMPUTE = 2'd3;
  localparam signed [23:0] END = MEMORY_WORDS;

  generate
    if (MEMORY_WORDS < 1 || MEMORY_WORDS > (1 << ADDRESS_W) || ADDRESS_W > 17) begin : g_bad
      MEMORY_WORDS_must_fit_the_banks bad_parameter ();
    end
  endgenerate

  reg pivots_q, moves_q, reflects_q, products_q, x_filed_q, y_filed_q;
  always @(posedge clk) begin
    products_q <= c_kind <= DOWNDATE && !c_outer;
    x_filed_q <= (c_kind <= DOWNDATE && !c_outer) || programs;
    y_filed_q <= c_kind <= DOWNDATE;
    pivots_q <= c_kind >= PIVOT && !programs;
    moves_q <= c_kind >= COPY && (c_kind < PIVOT || programs);
    reflects_q <= c_kind == REFLECT;
  end

  // Addresses are checked as the banks read; what does not pass has no lanes from then on.
  wire computes = u_what == COMPUTE;
  wire passes;
  vector_check #(
      .LANES_LOG2  (LANES_LOG2),
      .MEMORY_WORDS(MEMORY_WORDS)
  ) check (
      .clk(clk),
      .rst(rst),
      .start(start),
      .c_pivots(pivots_q),
      .c_reflects(reflects_q),
      .u_valid(u_valid),
      .u_reads(u_read),
      .u_writes(computes),
      .u_lanes(u_lanes),
      .u_one(u_one),
      .u_r_address(u_r_address),
      .u_w_address(u_w_address),
      .u_y_address(u_y_address),
      .passes(passes),
      .checks(checks),
      .outside(outside)
  );

  // What goes along with a read, from the banks' port on: 3 cycles, then one to the operands.
  // Fields: host's read, valid, what, one, operand, lanes, places, the write address.
  localparam TAG_W = 1 + 1 + 2 + 1 + 2 + LANES + 12 + 12 + 3 + ADDRESS_W;
  reg r_valid_q;
  reg [ADDRESS_W-1:0] r_address_q;
  reg [TAG_W-1:0] tag_q;
  reg [TAG_W-1:0] tag1_q, tag2_q, tag3_q, tag4_q, tag5_q;
  wire [LANES-1:0] pass_lanes = passes ? tag_q[TAG_W-8-:LANES] : {LANES{1'b0}};

  always @(posedge clk) begin
    r_valid_q <= (u_valid && u_read) || h_read;
    r_address_q <= h_read ? h_address[ADDRESS_W-1:0] : u_r_address[ADDRESS_W-1:0];
    tag_q <= {
      h_read, u_valid, u_what, u_one, u_operand, u_lanes, u_place, u_x_place, u_x_lane,
      u_w_address[ADDRESS_W-1:0]
    };
    tag1_q <= {tag_q[TAG_W-1-:7], pass_lanes, tag_q[TAG_W-8-LANES:0]};
    tag2_q <= tag1_q;
    tag3_q <= tag2_q;
    tag4_q <= tag3_q;
    tag5_q <= tag4_q;
    if (rst) begin
      r_valid_q <= 1'b0;
      // host's read and valid
      tag_q[TAG_W-1-:2] <= 2'd0;
      tag1_q[TAG_W-1-:2] <= 2'd0;
      tag2_q[TAG_W-1-:2] <= 2'd0;
      tag3_q[TAG_W-1-:2] <= 2'd0;
      tag4_q[TAG_W-1-:2] <= 2'd0;
      tag5_q[TAG_W-1-:2] <= 2'd0;
    end
  end

  reg w_valid_q;
  reg [ADDRESS_W-1:0] w_address_q;
  reg [LANES-1:0] w_lanes_q;
  reg [32*LANES-1:0] w_data_q;
  wire [32*LANES-1:0] r_data;
  wire r_came;
  bank_memory #(
      .LANES_LOG2(LANES_LOG2),
      .BANK_WORDS_LOG2(BANK_WORDS_LOG2),
      .WIDTH(32)
  ) banks (
      .clk(clk),
      .rst(rst),
      .r_valid(r_valid_q),
      .r_address(r_address_q),
      .m_valid(r_came),
      .m_data(r_data),
      .w_valid(w_valid_q),
      .w_address(w_address_q),
      .w_lanes(w_lanes_q),
      .w_data(w_data_q)
  );

  // The words come, and go to files or operands.
  wire t_host, t_valid, t_one;
  wire [1:0] t_what, t_operand;
  wire [LANES-1:0] t_lanes;
  wire [11:0] t_place, t_x_place;
  wire [2:0] t_x_lane;
  wire [ADDRESS_W-1:0] t_w_address;
  assign {t_host, t_valid, t_what, t_one, t_operand, t_lanes, t_place, t_x_place, t_x_lane,
          t_w_address} = tag3_q;
  // Where x and y are read in the files: of a product early, as it needs d last.
  wire [11:0] f_place, f_x_place;
  wire [2:0] f_x_lane;
  assign {f_place, f_x_place, f_x_lane} = products_q ? tag_q[ADDRESS_W+:27] : tag2_q[ADDRESS_W+:27];
  wire [32*LANES-1:0] first_for_all = {LANES{r_data[31:0]}};
  wire [32*LANES-1:0] came = t_one ? first_for_all : r_data;
  // Words of a program: what is read now; what is written a cycle later.
  localparam PLACE_W = LANES_LOG2 == 3 ? 9 : 11 - LANES_LOG2;
  wire [11:0] p_x_place = {3'd0, p_word[8:0]};
  wire [11:0] p_y_place = {3'd0, p_word[17:9]};
  wire [11:0] p_d_place = {3'd0, p_word[26:18]};
  wire [1:0] p_source = p_word[43:42];
  reg p_writes_q;
  reg [11:0] p_place_q;
  reg p1_q, p2_q, p3_q;  // an operation reads its words; has them; its operands
  reg [4:0] op1_q, op2_q, op3_q;
  wire p_lane;  // the pivot unit has the first lane
  wire [3:0] p_kind;
  wire [31:0] p_x, p_y;
  always @(posedge clk) begin
    p_writes_q <= p_valid && p_word[41];
    p_place_q <= {3'd0, p_word[40:32]};
    p1_q <= p_valid && !(p_word[41] && p_source == IMMEDIATE);
    op1_q <= p_word[31:27];
    p2_q <= p1_q;
    op2_q <= op1_q;
    p3_q <= p2_q;
    op3_q <= op2_q;
    if (rst) begin
      p_writes_q <= 1'b0;
      p1_q <= 1'b0;
      p2_q <= 1'b0;
      p3_q <= 1'b0;
    end
  end

  wire [LANES-1:0] load_lanes = t_valid && t_what == TO_FILE ? t_lanes : {LANES{1'b0}};
  wire [32*LANES-1:0] file_x, file_y, file_d, p_results;
  wire [31:0] file_one;
  lane_file #(
      .LANES_LOG2(LANES_LOG2),
      .PLACE_W(PLACE_W)
  ) files (
      .clk(clk),
      .w_lanes(p_writes_q ? {LANES{1'b1}} : load_lanes),
      .w_place(p_writes_q ? p_place_q[PLACE_W-1:0] : t_place[PLACE_W-1:0]),
      .w_data(p_writes_q ? p_results : came),
      .y_place(p_valid ? p_y_place[PLACE_W-1:0] : f_place[PLACE_W-1:0]),
      .y_data(file_y),
      .x_place(p_valid ? p_x_place[PLACE_W-1:0] : f_x_place[PLACE_W-1:0]),
      .x_lane(f_x_lane),
      .x_data(file_x),
      .x_word(file_one),
      .d_place(p_d_place[PLACE_W-1:0]),
      .d_data(file_d)
  );
  reg [32*LANES-1:0] x_q, y_q, came_q;
  always @(posedge clk) begin
    came_q <= came;
    if (t_valid && t_what == TO_X) x_q <= came;
    if (t_valid && t_what == TO_Y) y_q <= came;
  end
  assign h_valid = t_host && r_came;
  assign h_data  = r_data[31:0];

  // Operands of the lanes.
  wire [1:0] c_operand;
  assign c_operand = tag4_q[TAG_W-6-:2];
  reg [32*LANES-1:0] lane_d_q, lane_x_q, lane_y_q;
  reg [3:0] lane_kind_q;
  wire [3:0] p_sum = op2_q[2:0] == 3'd5 ? PRODUCT_MINUS : {1'b0, op2_q[2:0]};
  always @(posedge clk) begin
    lane_d_q <= p2_q ? file_d : came_q;
    lane_x_q <= p2_q ? file_x : x_filed_q ? {LANES{file_one}} : c_operand == 2'd1 ? came_q : x_q;
    lane_y_q <= p2_q || y_filed_q ? file_y : c_operand == 2'd2 ? came_q : y_q;
    lane_kind_q <= p_lane ? p_kind : p2_q ? p_sum : programs ? COPY[3:0] : c_kind[3:0];
    if (p_lane) begin
      lane_x_q[31:0] <= p_x;
      lane_y_q[31:0] <= p_y;
    end
  end
  wire o_valid;
  wire [1:0] o_what;
  wire [LANES-1:0] o_lanes;
  wire [ADDRESS_W-1:0] o_w_address;
  assign o_valid = tag5_q[TAG_W-2];
  assign o_what = tag5_q[TAG_W-3-:2];
  assign o_lanes = tag5_q[TAG_W-8-:LANES];
  assign o_w_address = tag5_q[ADDRESS_W-1:0];
  wire writes = o_valid && o_what == COMPUTE;

  wire p_writes, p_low, p_done;
  wire [1:0] p_which;
  wire [31:0] p_data;
  wire [32*LANES-1:0] sums, moved;
  genvar k;
  generate
    for (k = 0; k < LANES; k = k + 1) begin : g_lane
      vector_lane lane (
          .clk(clk),
          .s_kind(lane_kind_q),
          .s_d_late(products_q),
          .s_d(lane_d_q[32*k+:32]),
          .s_x(lane_x_q[32*k+:32]),
          .s_y(lane_y_q[32*k+:32]),
          .m_sum(sums[32*k+:32]),
          .m_moved(moved[32*k+:32])
      );
      lane_units units (
          .clk(clk),
          .rst(rst),
          .s_valid(p3_q),
          .s_op(op3_q),
          .s_x(lane_x_q[32*k+:32]),
          .s_y(lane_y_q[32*k+:32]),
          .s_d(lane_d_q[32*k+:32]),
          .w_source(p_source),
          .sum(sums[32*k+:32]),
          .word(p_word[31:0]),
          .w_data(p_results[32*k+:32])
      );
    end
  endgenerate

  wire pivot_begins = writes && pivots_q && o_lanes != {LANES{1'b0}};
  wire pivot_outside = writes && pivots_q && o_lanes == {LANES{1'b0}};
  pivot_unit pivot (
      .clk(clk),
      .rst(rst),
      .s_valid(pivot_begins),
      .s_kind(c_kind[3:0]),
      .s_d(lane_d_q[31:0]),
      .s_x(lane_x_q[31:0]),
      .l_valid(p_lane),
      .l_kind(p_kind),
      .l_x(p_x),
      .l_y(p_y),
      .l_sum(sums[31:0]),
      .w_valid(p_writes),
      .w_which(p_which),
      .w_data(p_data),
      .m_low(p_low),
      .m_done(p_done)
  );
  reg [ADDRESS_W-1:0] pivot_d_q, pivot_y_q;
  always @(posedge clk) begin
    if (u_valid && computes) pivot_y_q <= u_y_address[ADDRESS_W-1:0];
    if (pivot_begins) pivot_d_q <= o_w_address;
  end
  wire [ADDRESS_W-1:0] pivot_address =
      p_which == 2'd0 ? pivot_d_q : pivot_y_q + {{(ADDRESS_W - 1) {1'b0}}, p_which[1]};

  // Write addresses wait for the sums; those of products and moves come in later in the row.
  // Fields: valid, lanes, address.
  localparam WAIT_W = 1 + LANES + ADDRESS_W;
  localparam WAIT_CYCLES = 10;  // one less than the sums take
  localparam PRODUCT_AT = 2;  // d is used so many cycles earlier
  localparam [LANES-1:0] ONE_LANE = 1;
  reg [WAIT_W*WAIT_CYCLES-1:0] wait_pipe;
  wire [WAIT_W-1:0] waiter = {writes && !pivots_q, o_lanes, o_w_address};
  wire [WAIT_W-1:0] nobody = {WAIT_W{1'b0}};
  wire [WAIT_W-1:0] next = wait_pipe[WAIT_W*(WAIT_CYCLES-1)+:WAIT_W];
  wire h_stays = h_write && {7'd0, h_address} < END;

  // What is written: the lanes' words, or one of the host or of the pivot unit.
  reg done_q, other_q, pivot_writes_q, written_q;
  reg [LANES-1:0] lanes_q;
  reg [ADDRESS_W-1:0] address_q;
  reg [31:0] other_word_q;
  wire [32*LANES-1:0] results;
  always @(posedge clk) begin
    wait_pipe <= {
      wait_pipe[WAIT_W*(WAIT_CYCLES-1)-1:0], products_q || moves_q ? nobody : waiter
    };
    if (products_q) wait_pipe[WAIT_W*PRODUCT_AT+:WAIT_W] <= waiter;
    if (moves_q) wait_pipe[WAIT_W*(WAIT_CYCLES-1)+:WAIT_W] <= waiter;
    done_q <= next[WAIT_W-1];
    pivot_writes_q <= p_writes;
    other_q <= h_stays || p_writes;
    other_word_q <= h_write ? h_word : p_data;
    written_q <= next[WAIT_W-1] || h_stays || p_writes;
    address_q <= h_write ? h_address[ADDRESS_W-1:0] : p_writes ? pivot_address : next[ADDRESS_W-1:0];
    lanes_q <= h_write || p_writes ? ONE_LANE : next[ADDRESS_W+:LANES];
    w_valid_q <= written_q;
    w_address_q <= address_q;
    w_lanes_q <= lanes_q;
    w_data_q <= results;
    if (rst) begin
      wait_pipe <= {WAIT_W * WAIT_CYCLES{1'b0}};
      done_q <= 1'b0;
      pivot_writes_q <= 1'b0;
      written_q <= 1'b0;
      w_valid_q <= 1'b0;
    end
  end
  assign results[31:0] = other_q ? other_word_q : moves_q ? moved[31:0] : sums[31:0];
  generate
    if (LANES > 1) begin : g_more
      assign results[32*LANES-1:32] = moves_q ? moved[32*LANES-1:32] : sums[32*LANES-1:32];
    end
  endgenerate

  // Infinities and NaN: a cycle after retire, as the words go to the banks.
  reg [LANES-1:0] huge_q;
  reg judged_q;
  integer n;
  always @(posedge clk) begin
    for (n = 0; n < LANES; n = n + 1) huge_q[n] <= lanes_q[n] && results[32*n+23+:8] == 8'd255;
    judged_q <= ((done_q && (!moves_q || programs)) || pivot_writes_q) && !rst;
  end
  assign not_finite = judged_q && huge_q != {LANES{1'b0}};
  assign low = p_done && p_low;
  assign retire = done_q || p_done || pivot_outside;

  wire unused = &{1'b0, t_operand, t_w_address, t_place, t_x_place, t_x_lane, f_place, f_x_place,
                  h_address, p_place_q, p_x_place, p_y_place, p_d_place};

endmodule

`default_nettype wire
