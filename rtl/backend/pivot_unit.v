// SPDX-License-Identifier: Apache-2.0
// Take a pivot, or begin a Householder step: what `_take_pivot` of vio/float32/execute.py and
// `reflector` of vio/float32/qr.py do, with one divider and the first lane's units.
//
// s_kind 10 pivot, 11 drop_pivot: d its root and y the reciprocal, where it is above its floor x;
//   else the floor's (pivot; m_low says so where the floor is above 0), or zeros.
// s_kind 12 reflect: d is beta of a column with first entry d and squared length x; y, y + 1: v0, t.
// Words are written one after another: w_which 0 d, 1 y, 2 y + 1.
//
// Formats: IEEE float32, as docs/hls/float_rules.md says.
// Latency: about 66 cycles from s_valid to m_done (pivot), 95 (reflect). Throughput: one at a time.
`default_nettype none

module pivot_unit (
    input wire clk,
    input wire rst,

    input wire        s_valid,
    input wire [ 3:0] s_kind,
    input wire [31:0] s_d,
    input wire [31:0] s_x,

    // the first lane: 12 cycles later l_sum has the answer
    output wire        l_valid,
    output wire [ 3:0] l_kind,
    output wire [31:0] l_x,
    output wire [31:0] l_y,
    input  wire [31:0] l_sum,

    output wire        w_valid,
    output wire [ 1:0] w_which,
    output wire [31:0] w_data,
    output wire        m_low,    // with m_done
    output wire        m_done
);

  localparam [31:0] ONE = 32'h3f800000;
  localparam [31:0] NOTHING = 32'h0da24260;  // 1e-30, of qr.py
  localparam [3:0] DROP_PIVOT = 4'd11, REFLECT = 4'd12;
  localparam [3:0] MULTIPLY = 4'd2, SUBTRACT = 4'd4;
  localparam [3:0] LANE_CYCLES = 4'd12;
  localparam [3:0] IDLE = 4'd0, ROOT = 4'd1, ROOT_WAIT = 4'd2, MINUS = 4'd3, MINUS_WAIT = 4'd4;
  localparam [3:0] TIMES = 4'd5, TIMES_WAIT = 4'd6, INVERT = 4'd7, INVERT_WAIT = 4'd8;
  localparam [3:0] WRITE_D = 4'd9, WRITE_Y = 4'd10, WRITE_T = 4'd11, COMPARE = 4'd12, TAKE = 4'd13;

  reg [3:0] state_q, kind_q, wait_q;
  reg [31:0] d_q, x_q, root_q, beta_q, v0_q, product_q, inverse_q;
  reg done_q, low_q;
  wire reflects = kind_q == REFLECT;

  // x < d: above the floor; 0 < x: there is a floor; 0 < d.
  wire above, floored, positive, negative, nothing;
  reg above_q, floored_q, positive_q, negative_q, nothing_q;
  reg some_q;  // 0 < what is taken, of d, the floor or 0
  reg [31:0] radicand_q;
  wire drops = kind_q == DROP_PIVOT;
  wire some = above_q ? positive_q : floored_q && !drops;
  float_less above_floor (
      .x(x_q),
      .y(d_q),
      .less(above)
  );
  float_less has_floor (
      .x(32'd0),
      .y(x_q),
      .less(floored)
  );
  float_less is_positive (
      .x(32'd0),
      .y(d_q),
      .less(positive)
  );
  float_less is_negative (
      .x(d_q),
      .y(32'd0),
      .less(negative)
  );
  float_less is_nothing (
      .x(x_q),
      .y(NOTHING),
      .less(nothing)
  );

  wire asks = state_q == ROOT || state_q == INVERT;
  wire [31:0] divisor = reflects ? product_q : root_q;
  wire question_ready, answer_valid;
  wire [31:0] answer;
  lane_divider divider (
      .clk(clk),
      .rst(rst),
      .s_valid(asks),
      .s_ready(question_ready),
      .s_root(state_q == ROOT),
      .s_x(state_q == ROOT ? radicand_q : ONE),
      .s_y(divisor),
      .m_valid(answer_valid),
      .m_data(answer)
  );

  always @(posedge clk) begin
    wait_q <= wait_q + 4'd1;
    case (state_q)
      IDLE: begin
        kind_q <= s_kind;
        d_q <= s_d;
        x_q <= s_x;
        if (s_valid) state_q <= COMPARE;
      end
      COMPARE: begin
        above_q <= above;
        floored_q <= floored;
        positive_q <= positive;
        negative_q <= negative;
        nothing_q <= nothing;
        state_q <= TAKE;
      end
      TAKE: begin
        some_q <= some;
        radicand_q <= reflects ? x_q : !some ? ONE : above_q ? d_q : x_q;
        state_q <= ROOT;
      end
      ROOT: if (question_ready) state_q <= ROOT_WAIT;
      ROOT_WAIT:
      if (answer_valid) begin
        root_q  <= answer;
        beta_q  <= {answer[31] ^ !negative_q, answer[30:0]};
        state_q <= reflects ? MINUS : INVERT;
      end
      MINUS: begin
        wait_q  <= 4'd1;
        state_q <= MINUS_WAIT;
      end
      MINUS_WAIT:
      if (wait_q == LANE_CYCLES) begin
        v0_q <= l_sum;
        state_q <= TIMES;
      end
      TIMES: begin
        wait_q  <= 4'd1;
        state_q <= TIMES_WAIT;
      end
      TIMES_WAIT:
      if (wait_q == LANE_CYCLES) begin
        product_q <= l_sum;
        state_q   <= INVERT;
      end
      INVERT: if (question_ready) state_q <= INVERT_WAIT;
      INVERT_WAIT:
      if (answer_valid) begin
        inverse_q <= answer;
        state_q   <= WRITE_D;
      end
      WRITE_D: state_q <= WRITE_Y;
      WRITE_Y: state_q <= reflects ? WRITE_T : IDLE;
      default: state_q <= IDLE;
    endcase
    done_q <= (state_q == WRITE_Y && !reflects) || state_q == WRITE_T;
    low_q <= !reflects && !drops && floored_q && !above_q;
    if (rst) begin
      state_q <= IDLE;
      done_q  <= 1'b0;
    end
  end

  assign l_valid = state_q == MINUS || state_q == TIMES;
  assign l_kind = state_q == MINUS ? SUBTRACT : MULTIPLY;
  assign l_x = state_q == MINUS ? d_q : beta_q;
  assign l_y = state_q == MINUS ? beta_q : v0_q;

  wire [31:0] new_d = reflects ? (nothing_q ? d_q : beta_q) : some_q ? root_q : 32'd0;
  wire [31:0] new_y = reflects ? v0_q : some_q ? inverse_q : 32'd0;
  assign w_valid = state_q == WRITE_D || state_q == WRITE_Y || state_q == WRITE_T;
  assign w_which = state_q == WRITE_D ? 2'd0 : state_q == WRITE_Y ? 2'd1 : 2'd2;
  assign w_data = state_q == WRITE_D ? new_d : state_q == WRITE_Y ? new_y
      : nothing_q ? 32'd0 : inverse_q;
  assign m_low = low_q;
  assign m_done = done_q;

endmodule

`default_nettype wire
