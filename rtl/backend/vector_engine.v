// SPDX-License-Identifier: Apache-2.0
// The vector engine: calls of vio/float32/calls.py in, their words changed in its memory; bit for bit
// what `execute` of vio/float32/execute.py and the lane programs of vio/float32 do.
//
// Calls come as four words of 32 bits (docs/chip/engine.md; vio/float32/call_words.py writes them);
// tlast ends a step. A call begins when the one before it has written its last word. Where one fails
// the step's other calls are skipped; with the step's last call comes m_done with the status: bit 0 a
// low pivot, 1 an infinity or NaN, 2 an address outside of the memory, 3 no call of the engine; and
// the number, in its step, of the first call that failed. The host reads and writes words, and
// writes the memory of runs, between calls.
//
// Formats: words are IEEE float32; what is above MEMORY_WORDS does not exist.
// Latency: about 24 cycles from a call's last word to its first written one; h_data 4 cycles after a
// read. Throughput: see docs/chip/engine.md; a call waits for the one before it. rst drops calls,
// keeps the memory.
`default_nettype none

module vector_engine #(
    parameter LANES_LOG2 = 2,  // lanes and banks: 1, 2, 4, 8; 0..3
    parameter BANK_WORDS_LOG2 = 10,  // words of a bank; 2..15
    parameter MEMORY_WORDS = 1024  // words that may be used; at most those of the banks
) (
    input wire clk,
    input wire rst,

    // calls
    input  wire        s_axis_tvalid,
    output wire        s_axis_tready,
    input  wire [31:0] s_axis_tdata,
    input  wire        s_axis_tlast,

    // the memory of runs: source 10, destination 10, length 10; or descriptors of lane programs
    input wire        run_write,
    input wire [11:0] run_address,
    input wire [29:0] run_data,

    // the host's words
    input  wire        h_valid,
    output wire        h_ready,
    input  wire        h_write,
    input  wire [16:0] h_address,
    input  wire [31:0] h_word,
    output wire        h_came,     // a word that was read
    output wire [31:0] h_data,

    // status
    output wire        busy,      // calls are queued or run
    output wire        m_done,    // a step has ended
    output wire [ 3:0] m_status,  // stays until the next step begins
    output wire [15:0] m_call,

    // counters of a kind of call, since rst
    input  wire [ 4:0] n_kind,
    output wire [31:0] n_calls,
    output wire [31:0] n_cycles,
    output wire [31:0] n_waits    // cycles in which a vector waited for one of its own call
);

  localparam [1:0] IDLE = 2'd0, START = 2'd1, RUN = 2'd2, FINISH = 2'd3;
  localparam [1:0] STRAIGHT = 2'd0, TRANSFER = 2'd2, OUTER = 2'd3;
  localparam [4:0] DOWNDATE = 5'd1, COPY = 5'd7, CLEAR = 5'd8, AT_LEAST = 5'd9, PIVOT = 5'd10;
  localparam [4:0] REFLECT = 5'd12, RETRACT = 5'd16;

  // Queue of words; four make a call.
  wire q_valid, q_ready, q_last;
  wire [31:0] q_word;
  wire [7:0] q_level;
  fifo #(
      .WIDTH(33),
      .DEPTH(128)
  ) queue (
      .clk(clk),
      .rst(rst),
      .s_valid(s_axis_tvalid),
      .s_ready(s_axis_tready),
      .s_data({s_axis_tlast, s_axis_tdata}),
      .m_valid(q_valid),
      .m_ready(q_ready),
      .m_data({q_last, q_word}),
      .level(q_level)
  );

  reg [127:0] next_q, call_q;
  reg [2:0] words_q;  // of the next call
  reg next_last_q, next_short_q, last_q;
  wire next_whole = words_q == 3'd4;
  assign q_ready = !next_whole;

  reg [1:0] state_q;
  reg [3:0] status_q;
  reg wrote_q;  // the host has just written a word
  reg begun_q, done_q;  // a call of this step has been; the step has ended
  reg first_fails_q;
  reg [15:0] call_number_q, first_failed_q, failed_call_q;
  reg [31:0] cycles_q, waits_q;

  // A call of a step follows the one before it at once, but where the host waits for its words.
  wire ends;
  wire follows = ends && !last_q;
  assign h_ready = state_q == IDLE && (h_write || !wrote_q);  // a read gets what was just written
  wire takes = (state_q == IDLE || follows) && !h_valid && next_whole;

  // Is it a call of the engine?
  wire [4:0] next_kind = next_q[4:0];
  wire [1:0] next_form = next_q[6:5];
  wire next_programs = next_kind > REFLECT && next_kind <= RETRACT;
  wire next_elements = next_kind > DOWNDATE && next_kind <= REFLECT;
  wire next_fits = next_programs || (next_form == STRAIGHT ? next_elements
      : next_form == TRANSFER ? next_elements && next_kind <= AT_LEAST : next_kind <= DOWNDATE);

  // Of a straight call: is an operand one word, do the words of all operands follow one another?
  wire next_x = next_kind != CLEAR;
  wire next_y = next_kind < COPY || next_kind == AT_LEAST;
  wire [1:0] next_once = {
    next_y && next_q[125:113] == 13'd0, next_x && next_q[93:81] == 13'd0 && !next_q[7]
  };
  wire next_x_whole = !next_x || next_once[0] || next_q[93:81] == 13'd1;
  wire next_y_whole = !next_y || next_once[1] || next_q[125:113] == 13'd1;
  wire next_whole_words = next_q[61:49] == 13'd1 && next_x_whole && next_y_whole
      && next_q[8:7] == 2'd0 && next_kind < PIVOT;

  // Fields.
  reg programs_q, wrong_q, whole_q;
  reg [1:0] once_q;
  wire [4:0] kind = call_q[4:0];
  wire [1:0] form = call_q[6:5];
  wire straight = form == STRAIGHT;
  wire [16:0] outer_x = {call_q[31:30], call_q[95:81]};
  wire [16:0] x_address = straight ? call_q[80:64] : outer_x;
  wire [16:0] y_address = straight ? call_q[112:96] : call_q[80:64];
  wire [12:0] y_step = straight ? call_q[125:113] : call_q[93:81];
  wire [11:0] width = call_q[60:49];
  wire skips = status_q != 4'd0;
  wire runs = state_q == START && !wrong_q && !skips;
  wire walks = runs && !programs_q;

  wire g_valid, g_ready, g_later, g_first, g_whole, walker_busy, issue_idle, issue_waits, stop;
  wire [1:0] g_kind, g_falls, g_once;
  wire [13:0] g_count;
  wire signed [23:0] g_d, g_x, g_y;
  wire [11:0] g_place, g_x_place;
  wire signed [12:0] g_d_step, g_x_step, g_y_step;
  wire [11:0] d_address;
  wire [29:0] d_word;
  call_walker walker (
      .clk(clk),
      .rst(rst),
      .run_write(run_write),
      .run_address(run_address),
      .run_data(run_data),
      .d_address(d_address),
      .d_word(d_word),
      .start(walks),
      .stop(stop),
      .busy(walker_busy),
      .c_form(form),
      .c_falls(call_q[8:7]),
      .c_whole(whole_q),
      .c_once(once_q),
      .c_count(call_q[22:9]),
      .c_d(call_q[48:32]),
      .c_x(x_address),
      .c_y(y_address),
      .c_d_step(call_q[61:49]),
      .c_x_step(call_q[93:81]),
      .c_y_step(y_step),
      .c_width(width),
      .c_pitched(call_q[61]),
      .c_source_width(form == OUTER ? width : call_q[92:81]),
      .c_depth(form == OUTER ? 8'd1 : call_q[14:7]),
      .c_rows(call_q[107:96]),
      .c_columns(call_q[119:108]),
      .c_row_runs(call_q[19:15]),
      .c_column_runs(call_q[24:20]),
      .g_valid(g_valid),
      .g_ready(g_ready),
      .g_kind(g_kind),
      .g_later(g_later),
      .g_first(g_first),
      .g_whole(g_whole),
      .g_once(g_once),
      .g_count(g_count),
      .g_d(g_d),
      .g_x(g_x),
      .g_y(g_y),
      .g_place(g_place),
      .g_x_place(g_x_place),
      .g_d_step(g_d_step),
      .g_x_step(g_x_step),
      .g_y_step(g_y_step),
      .g_falls(g_falls)
  );

  wire i_valid, i_read, i_one, retire;
  wire [1:0] i_what, i_operand;
  wire signed [23:0] i_r_address, i_w_address, i_y_address;
  wire [(1 << LANES_LOG2)-1:0] i_lanes;
  wire [11:0] i_place, i_x_place;
  wire [2:0] i_x_lane;
  vector_issue #(
      .LANES_LOG2(LANES_LOG2)
  ) issue (
      .clk(clk),
      .rst(rst),
      .start(walks),
      .stop(stop),
      .c_kind(kind),
      .g_valid(g_valid),
      .g_ready(g_ready),
      .g_kind(g_kind),
      .g_later(g_later),
      .g_first(g_first),
      .g_whole(g_whole),
      .g_once(g_once),
      .g_count(g_count),
      .g_d(g_d),
      .g_x(g_x),
      .g_y(g_y),
      .g_place(g_place),
      .g_x_place(g_x_place),
      .g_d_step(g_d_step),
      .g_x_step(g_x_step),
      .g_y_step(g_y_step),
      .g_falls(g_falls),
      .u_valid(i_valid),
      .u_read(i_read),
      .u_what(i_what),
      .u_one(i_one),
      .u_operand(i_operand),
      .u_r_address(i_r_address),
      .u_w_address(i_w_address),
      .u_y_address(i_y_address),
      .u_lanes(i_lanes),
      .u_place(i_place),
      .u_x_place(i_x_place),
      .u_x_lane(i_x_lane),
      .retire(retire && !programs_q),
      .waits(issue_waits),
      .idle(issue_idle)
  );

  wire l_valid, l_stores, l_busy, p_valid;
  wire signed [23:0] l_address;
  wire [(1 << LANES_LOG2)-1:0] l_lanes;
  wire [11:0] l_place;
  wire [2:0] l_lane;
  wire [43:0] p_word;
  lane_sequencer #(
      .LANES_LOG2(LANES_LOG2)
  ) sequencer (
      .clk(clk),
      .rst(rst),
      .start(runs && programs_q),
      .stop(stop),
      .busy(l_busy),
      .c_kind(kind),
      .c_first(call_q[6:5]),
      .c_second(call_q[12:7]),
      .c_step(call_q[29:13]),
      .c_dest(call_q[48:32]),
      .c_items(call_q[60:49]),
      .c_address(call_q[80:64]),
      .c_pairs(call_q[112:96]),
      .d_address(d_address),
      .d_word(d_word),
      .u_valid(l_valid),
      .u_stores(l_stores),
      .u_address(l_address),
      .u_lanes(l_lanes),
      .u_place(l_place),
      .u_lane(l_lane),
      .p_valid(p_valid),
      .p_word(p_word)
  );
  localparam [1:0] TO_FILE = 2'd0, COMPUTE = 2'd3;  // of vector_issue.v
  localparam [(1<<LANES_LOG2)-1:0] ONE_LANE = 1;

  wire checks, outside, not_finite, low;
  vector_datapath #(
      .LANES_LOG2(LANES_LOG2),
      .BANK_WORDS_LOG2(BANK_WORDS_LOG2),
      .MEMORY_WORDS(MEMORY_WORDS)
  ) datapath (
      .clk(clk),
      .rst(rst),
      .start(runs),
      .c_kind(kind),
      .c_outer(form == OUTER),
      .programs(programs_q),
      .p_valid(p_valid),
      .p_word(p_word),
      .u_valid(programs_q ? l_valid : i_valid),
      .u_read(programs_q ? !l_stores : i_read),
      .u_what(programs_q ? (l_stores ? COMPUTE : TO_FILE) : i_what),
      .u_one(programs_q ? !l_stores : i_one),
      .u_operand(i_operand),
      .u_r_address(programs_q ? l_address : i_r_address),
      .u_w_address(programs_q ? l_address : i_w_address),
      .u_y_address(i_y_address),
      .u_lanes(!programs_q ? i_lanes : l_stores ? ONE_LANE : l_lanes),
      .u_place(programs_q ? l_place : i_place),
      .u_x_place(programs_q ? l_place : i_x_place),
      .u_x_lane(programs_q ? l_lane : i_x_lane),
      .retire(retire),
      .checks(checks),
      .outside(outside),
      .not_finite(not_finite),
      .low(low),
      .h_read(h_valid && h_ready && !h_write),
      .h_write(h_valid && h_ready && h_write),
      .h_address(h_address),
      .h_word(h_word),
      .h_valid(h_came),
      .h_data(h_data)
  );
  assign stop = outside && state_q == RUN;

  assign ends = state_q == RUN && !walker_busy && issue_idle && !l_busy && !checks;
  wire [3:0] fails = {
    state_q == START && wrong_q && !skips, stop, not_finite, low
  };

  always @(posedge clk) begin
    if (q_valid && q_ready) begin
      next_q <= {q_word, next_q[127:32]};
      words_q <= q_last ? 3'd4 : words_q + 3'd1;
      next_last_q <= q_last;
      next_short_q <= q_last && words_q != 3'd3;
    end else if (takes) words_q <= 3'd0;

    done_q <= 1'b0;
    wrote_q <= h_valid && h_ready && h_write;
    cycles_q <= cycles_q + 32'd1;
    waits_q <= waits_q + {31'd0, issue_waits};
    if (takes) begin
      call_q <= next_q;
      programs_q <= next_programs;
      wrong_q <= next_short_q || !next_fits;
      whole_q <= next_whole_words || next_q[22:9] == 14'd1;
      once_q <= next_once;
      last_q <= next_last_q;
      cycles_q <= 32'd1;
      waits_q <= 32'd0;
      begun_q <= 1'b1;
      call_number_q <= begun_q ? call_number_q + 16'd1 : 16'd0;
      if (!begun_q) status_q <= 4'd0;
    end
    case (state_q)
      IDLE: if (takes) state_q <= START;
      START: state_q <= runs ? RUN : FINISH;
      RUN: if (ends) state_q <= takes ? START : FINISH;
      default: begin
        state_q <= IDLE;
        done_q  <= last_q;
        begun_q <= !last_q;
      end
    endcase
    if (fails != 4'd0) status_q <= status_q | fails;
    first_fails_q  <= fails != 4'd0 && !skips;
    first_failed_q <= call_number_q;
    if (first_fails_q) failed_call_q <= first_failed_q;
    if (rst) begin
      state_q <= IDLE;
      words_q <= 3'd0;
      status_q <= 4'd0;
      begun_q <= 1'b0;
      done_q <= 1'b0;
    end
  end

  call_counters counters (
      .clk(clk),
      .rst(rst),
      .s_valid(ends),
      .s_kind(kind),
      .s_cycles(cycles_q),
      .s_waits(waits_q),
      .n_kind(n_kind),
      .n_calls(n_calls),
      .n_cycles(n_cycles),
      .n_waits(n_waits)
  );

  wire unused = &{1'b0, q_level, call_q};

  assign busy = state_q != IDLE || words_q != 3'd0 || q_valid;
  assign m_done = done_q;
  assign m_status = status_q;
  assign m_call = failed_call_q;

endmodule

`default_nettype wire
