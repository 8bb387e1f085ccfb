// SPDX-License-Identifier: Apache-2.0
// Correlate a stream of pixel columns with a template: the sum of the products of all its pixels.
//
// No multiplier: each pixel of the template has a table of its 16 multiples, which half a pixel
// of the stream looks up; a column takes two clocks, low halves first, and the tree adds
// what HEIGHT x WIDTH tables say.
// Q formats:  unsigned pixels of 8 bits -> unsigned sum of 16 + $clog2(HEIGHT WIDTH) bits, exact.
// Latency:    $clog2(HEIGHT WIDTH) + 3 clocks after a column's high half. Throughput: a half a clock.
// Load:       for each row of the template 16 clocks with load_valid, its pixels held meanwhile; the
//             last pixel belongs to the newest column. Two clocks after the last one columns may follow.
// Memory:     HEIGHT x WIDTH tables of 16 x 12 bits in distributed RAM.
`default_nettype none

module stereo_cross #(
    parameter WIDTH  = 31,  // of the template, pixels
    parameter HEIGHT = 7
) (
    input wire clk,
    input wire rst,

    input wire                        load_valid,
    input wire                        load_first,  // of a row's 16 clocks
    input wire [$clog2(HEIGHT+1)-1:0] load_row,
    input wire [         8*WIDTH-1:0] load_pixels, // leftmost in the low byte
    input wire [           WIDTH-1:0] load_lanes,  // pixels that the window has; others count as 0

    input wire                s_valid,
    input wire                s_wanted,  // with both halves: the sum with this column as the newest
    input wire [4*HEIGHT-1:0] s_halves,  // top row in the low bits

    output wire                              m_valid,
    output wire [15+$clog2(HEIGHT*WIDTH):0] m_sum
);

  generate
    if (WIDTH < 2 || HEIGHT < 1) begin : g_bad_size
      stereo_cross_WIDTH_or_HEIGHT_is_too_small bad_parameter ();
    end
  endgenerate

  localparam ROW_W = $clog2(HEIGHT + 1);
  localparam COUNT = HEIGHT * WIDTH;
  localparam TREE_W = 12 + $clog2(COUNT);
  localparam SUM_W = TREE_W + 4;

  // ---- multiples of a row's pixels, one more each clock ----
  reg write_q;
  reg [ROW_W-1:0] row_q;
  reg [3:0] factor_q;
  wire [12*WIDTH-1:0] multiples;

  always @(posedge clk) begin
    write_q  <= load_valid && !rst;
    row_q    <= load_row;
    factor_q <= load_first ? 4'd0 : factor_q + 4'd1;
  end

  // ---- halves of the pixels, those of a column behind each other; tables ----
  wire [12*COUNT-1:0] products;
  reg look_q, looked_q;
  always @(posedge clk) begin
    look_q   <= s_valid && s_wanted && !rst;
    looked_q <= look_q && !rst;
  end

  genvar i, j;
  generate
    for (i = 0; i < WIDTH; i = i + 1) begin : g_column
      reg [11:0] multiple_q;
      always @(posedge clk)
        if (load_valid)
          if (load_first || !load_lanes[i]) multiple_q <= 12'd0;
          else multiple_q <= multiple_q + {4'd0, load_pixels[8*i+:8]};
      assign multiples[12*i+:12] = multiple_q;
    end

    for (j = 0; j < HEIGHT; j = j + 1) begin : g_row
      localparam [ROW_W-1:0] ROW = j[ROW_W-1:0];
      reg [4*(2*WIDTH-1)-1:0] halves_q;  // newest in the low bits
      wire write = write_q && row_q == ROW;
      always @(posedge clk) if (s_valid) halves_q <= {halves_q[4*(2*WIDTH-2)-1:0], s_halves[4*j+:4]};

      for (i = 0; i < WIDTH; i = i + 1) begin : g_tap
        reg [11:0] table_mem[0:15];
        always @(posedge clk) if (write) table_mem[factor_q] <= multiples[12*i+:12];
        reg [11:0] product_q;
        always @(posedge clk) if (look_q) product_q <= table_mem[halves_q[8*(WIDTH-1-i)+:4]];
        assign products[12*(WIDTH*j+i)+:12] = product_q;
      end
    end
  endgenerate

  // ---- the sum of the low halves waits for that of the high halves ----
  wire tree_valid;
  wire [TREE_W-1:0] tree;
  adder_tree #(
      .COUNT(COUNT),
      .WIDTH(12)
  ) adders (
      .clk(clk),
      .rst(rst),
      .s_valid(looked_q),
      .s_data(products),
      .m_valid(tree_valid),
      .m_data(tree)
  );

  reg high_q, valid_q;
  reg [TREE_W-1:0] low_q;
  reg [SUM_W-1:0] sum_q;

  always @(posedge clk) begin
    if (tree_valid) begin
      low_q <= tree;
      sum_q <= {4'd0, low_q} + {tree, 4'd0};
    end
    valid_q <= tree_valid && high_q && !rst;
    if (rst) high_q <= 1'b0;
    else if (tree_valid) high_q <= !high_q;
  end

  assign m_valid = valid_q;
  assign m_sum = sum_q;

endmodule

`default_nettype wire
