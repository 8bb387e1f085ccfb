// SPDX-License-Identifier: Apache-2.0
// A lane of the vector engine: what an element-by-element call does with one word.
//
// s_kind is the kind of call of vio/float32/calls.py, and the result that of vio/float32/float.py:
//   0 product, 5 multiply_add: d + x y;  1 downdate, 6 multiply_subtract: d - x y, rounded twice;
//   2 multiply: x y;  3 add: x + y;  4 subtract: x - y;  10 (lane programs): x y - d, on m_sum;
//   7 copy: x;  8 clear: 0;  9 at_least: the larger of x and y, bits untouched, on m_moved.
// All sums go through one multiplier and one adder: x y is -0 + x y, and x + y is x + y 1.
//
// Formats: IEEE float32; flushed, rounded and with one NaN as docs/hls/float_rules.md says.
// Latency: 11 cycles from s_* to m_sum, 2 to m_moved; where s_d_late, s_d belongs to x and y of two
// cycles before. Throughput: an element a cycle.
`default_nettype none

module vector_lane (
    input wire clk,

    input wire [ 3:0] s_kind,
    input wire        s_d_late,  // of a product; constant while one is under way
    input wire [31:0] s_d,
    input wire [31:0] s_x,
    input wire [31:0] s_y,

    output wire [31:0] m_sum,
    output wire [31:0] m_moved
);

  localparam [31:0] ONE = 32'h3f800000;
  localparam [31:0] NEGATIVE_ZERO = 32'h80000000;  // -0 + p is p, whatever p is

  localparam [3:0] DOWNDATE = 4'd1, MULTIPLY = 4'd2, ADD = 4'd3, SUBTRACT = 4'd4;
  localparam [3:0] MULTIPLY_SUBTRACT = 4'd6, COPY = 4'd7, AT_LEAST = 4'd9, PRODUCT_MINUS = 4'd10;

  localparam PRODUCT_CYCLES = 4;  // of unit_mul

  wire x_less;
  float_less compare (
      .x(s_x),
      .y(s_y),
      .less(x_less)
  );

  reg [31:0] x_q, y_q, d_q, moved_q;
  reg subtract_q, copies_q, selects_q;
  wire sums = s_kind == ADD || s_kind == SUBTRACT;

  always @(posedge clk) begin
    x_q <= sums ? s_y : s_x;
    y_q <= sums ? ONE : s_y;
    d_q <= s_kind == MULTIPLY ? NEGATIVE_ZERO : sums ? s_x
        : {s_d[31] ^ (s_kind == PRODUCT_MINUS), s_d[30:0]};
    subtract_q <= s_kind == DOWNDATE || s_kind == SUBTRACT || s_kind == MULTIPLY_SUBTRACT;
    copies_q <= s_kind == COPY || (s_kind == AT_LEAST && !x_less);
    selects_q <= s_kind == AT_LEAST && x_less;
    moved_q <= copies_q ? x_q : selects_q ? y_q : 32'd0;
  end

  // The other summand waits for the product.
  reg [33*(PRODUCT_CYCLES-1)-1:0] wait_pipe;
  reg [32:0] last_q;
  always @(posedge clk) begin
    wait_pipe <= {wait_pipe[33*(PRODUCT_CYCLES-2)-1:0], subtract_q, d_q};
    last_q <= s_d_late ? wait_pipe[32:0] : wait_pipe[33*(PRODUCT_CYCLES-2)+:33];
  end

  wire [31:0] product, summand;
  wire subtract;
  assign {subtract, summand} = last_q;

  unit_mul multiplier (
      .clk(clk),
      .x  (x_q),
      .y  (y_q),
      .out(product)
  );

  unit_add adder (
      .clk(clk),
      .x  (summand),
      .y  ({product[31] ^ subtract, product[30:0]}),
      .out(m_sum)
  );

  assign m_moved = moved_q;

endmodule

`default_nettype wire
