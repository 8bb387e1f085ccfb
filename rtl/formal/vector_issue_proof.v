// SPDX-License-Identifier: Apache-2.0
// Properties of vector_issue.v, seen at its output: what a vector reads is written by then.
//
// Within a call, vectors are written (`retire`) in the order of their issue. The solver marks one
// (`pick`); `since_q` counts those behind it. Two lanes. A product's source rows have one segment
// each, of the same place and count: call_walker.v may give several, which simulation covers.
`default_nettype none

module vector_issue_proof (
    input wire               clk,
    input wire               rst,
    input wire               start,
    input wire        [ 4:0] c_kind,
    input wire               g_valid,
    input wire        [ 1:0] g_kind,
    input wire               g_later,
    input wire               g_first,
    input wire               g_whole,
    input wire        [ 1:0] g_once,
    input wire        [13:0] g_count,
    input wire signed [23:0] g_d,
    input wire        [11:0] g_place,
    input wire               retire,
    input wire               pick
);

  localparam [4:0] PIVOT = 5'd10;
  localparam [1:0] ELEMENTS = 2'd0, LOAD = 2'd1;
  localparam [1:0] TO_FILE = 2'd0, COMPUTE = 2'd3;

  wire g_ready, u_valid, u_read, u_one, waits, idle;
  wire [1:0] u_what, u_operand, u_lanes;
  wire signed [23:0] u_r_address, u_w_address, u_y_address;
  wire [11:0] u_place, u_x_place;
  wire [2:0] u_x_lane;
  vector_issue #(
      .LANES_LOG2(1)
  ) dut (
      .clk(clk),
      .rst(rst),
      .start(start),
      .stop(1'b0),
      .c_kind(c_kind),
      .g_valid(g_valid),
      .g_ready(g_ready),
      .g_kind(g_kind),
      .g_later(g_later),
      .g_first(g_first),
      .g_whole(g_whole),
      .g_once(g_once),
      .g_count(g_count),
      .g_d(g_d),
      .g_x(24'd0),
      .g_y(24'd0),
      .g_place(g_place),
      .g_x_place(12'd0),
      .g_d_step(13'd1),
      .g_x_step(13'd1),
      .g_y_step(13'd1),
      .g_falls(2'd0),
      .u_valid(u_valid),
      .u_read(u_read),
      .u_what(u_what),
      .u_one(u_one),
      .u_operand(u_operand),
      .u_r_address(u_r_address),
      .u_w_address(u_w_address),
      .u_y_address(u_y_address),
      .u_lanes(u_lanes),
      .u_place(u_place),
      .u_x_place(u_x_place),
      .u_x_lane(u_x_lane),
      .retire(retire),
      .waits(waits),
      .idle(idle)
  );

  // What the environment keeps to.
  reg started_q = 1'b0;  // a reset was
  reg start_q, held_q, row_known_q, row_whole_q, call_known_q, call_is_product_q;
  reg [ 4:0] kind_q;
  reg [13:0] count_q;
  reg [11:0] place_q;
  reg [38:0] offer_q;
  reg product_q, output_product_q;  // the segment at work, and that of the output, is one
  wire [38:0] offer = {g_kind, g_later, g_first, g_whole, g_once, g_count, g_place, g_d[5:0]};
  wire takes = g_valid && g_ready;
  wire product = g_kind != ELEMENTS && g_kind != LOAD;

  // Vectors at the output that are not written yet, and of those the ones behind the marked.
  wire issues = u_valid && u_what == COMPUTE;
  reg [5:0] out_q;
  reg marked_q;
  reg [5:0] ahead_q, since_q;
  reg [11:0] marked_place_q;
  reg [1:0] loaded_q;  // cycles since the last load, 3 at most
  wire leaves = marked_q && retire && ahead_q == 6'd0;
  always @(posedge clk) begin
    started_q <= 1'b1;
    start_q <= start;
    kind_q <= c_kind;
    held_q <= g_valid && !g_ready && !rst;
    offer_q <= offer;
    if (takes) product_q <= product;
    output_product_q <= product_q;
    if (takes) begin
      call_known_q <= 1'b1;
      call_is_product_q <= g_kind != ELEMENTS;
    end
    if (takes && product) begin
      row_known_q <= 1'b1;
      row_whole_q <= g_whole;
      count_q <= g_count;
      place_q <= g_place;
    end
    out_q <= out_q + {5'd0, issues} - {5'd0, retire};
    if (marked_q) ahead_q <= ahead_q - {5'd0, retire};
    if (marked_q) since_q <= since_q + {5'd0, issues};
    if (leaves) marked_q <= 1'b0;
    else if (!marked_q && issues && output_product_q && pick) begin
      marked_q <= 1'b1;
      marked_place_q <= u_place;
      ahead_q <= out_q - {5'd0, retire};
      since_q <= 6'd0;
    end
    if (u_valid && u_what == TO_FILE) loaded_q <= 2'd0;
    else if (loaded_q != 2'd3) loaded_q <= loaded_q + 2'd1;
    if (start || rst) begin
      row_known_q <= 1'b0;
      call_known_q <= 1'b0;
    end
    if (rst) begin
      out_q <= 6'd0;
      marked_q <= 1'b0;
      loaded_q <= 2'd3;
    end
  end

  // States of the design (connected by name when the hierarchy is flattened).
  (* hierconn *) wire \dut.active_q , \dut.later_q , \dut.whole_q , \dut.last_q ;
  (* hierconn *) wire [ 1:0] \dut.kind_q , \dut.loading_q ;
  (* hierconn *) wire [ 2:0] \dut.left_q , \dut.each_q ;
  (* hierconn *) wire [ 3:0] \dut.words_q ;
  (* hierconn *) wire [ 5:0] \dut.under_way_q , \dut.row_vectors_q ;
  (* hierconn *) wire [11:0] \dut.place_q ;
  (* hierconn *) wire [13:0] \dut.rest_q ;

  // Of a row: its vectors, and the one that comes next; all of them: none is at work.
  wire [11:0] first = {1'b0, place_q[11:1]};
  wire [13:0] whole_vectors = (count_q + {13'd0, place_q[0]} + 14'd1) >> 1;
  wire [5:0] vectors = row_whole_q ? whole_vectors[5:0] : count_q[5:0];
  wire works = \dut.active_q && product_q;
  wire [11:0] index = \dut.place_q - first;
  wire [5:0] next = works ? index[5:0] : vectors;
  wire [11:0] marked_index = marked_place_q - first;
  wire [5:0] behind = marked_index[5:0] + 6'd1 + since_q + {5'd0, issues};
  wire [3:0] most = !row_whole_q || (index == 12'd0 && place_q[0]) ? 4'd1 : 4'd2;
  wire [13:0] gone = index == 12'd0 ? 14'd0
      : row_whole_q ? {1'b0, index, 1'b0} - {13'd0, place_q[0]} : {2'd0, index};

  always @* begin
    if (!started_q) assume (rst);
    if (start) assume (idle && !g_valid && !u_valid);
    if (start_q) assume (!g_valid);
    if (!start) assume (c_kind == kind_q);
    if (held_q) assume (g_valid && offer == offer_q);
    if (g_valid) assume (g_count >= 14'd1 && g_count <= 14'd5 && g_place <= 12'd7);
    if (g_valid && call_known_q) assume (call_is_product_q == (g_kind != ELEMENTS));
    if (g_valid && product) begin
      assume (g_later == row_known_q);
      if (row_known_q) assume (g_count == count_q && g_place == place_q && g_whole == row_whole_q);
    end
    if (retire) assume (out_q != 6'd0);
    assume (out_q <= 6'd40);  // each is written within so many cycles
    if (started_q) begin
      // What the induction needs: the segment at work is of the row, the vectors are counted.
      assert (out_q + {5'd0, issues} == \dut.under_way_q );
      assert (idle == (!\dut.active_q && \dut.under_way_q == 6'd0));
      if (\dut.active_q ) begin
        assert (call_known_q && call_is_product_q == (\dut.kind_q != ELEMENTS));
        assert (product_q == (\dut.kind_q != ELEMENTS && \dut.kind_q != LOAD));
      end
      if (row_known_q) begin
        assert (call_is_product_q && call_known_q);
        assert (count_q >= 14'd1 && count_q <= 14'd5 && place_q <= 12'd7);
        assert (\dut.under_way_q <= vectors);
        assert (\dut.row_vectors_q == (works && !\dut.later_q ? next : vectors));
        if (works && !\dut.later_q ) assert (\dut.under_way_q <= next);
      end else begin
        assert (!works);
        assert (!marked_q && !(issues && output_product_q));
        if (!call_known_q || call_is_product_q) assert (\dut.under_way_q == 6'd0 && \dut.row_vectors_q == 6'd0);
      end
      if (works) begin
        assert (row_known_q && \dut.whole_q == row_whole_q && index < {6'd0, vectors});
        assert ((\dut.last_q ? 14'd0 : \dut.rest_q ) + {10'd0, \dut.words_q } + gone == count_q);
        assert (\dut.words_q != 4'd0 && (\dut.last_q || (\dut.rest_q != 14'd0 && \dut.rest_q <= 14'd5)));
        assert (\dut.last_q ? \dut.words_q <= most : \dut.words_q == most);
        assert (\dut.last_q == (index + 12'd1 == {6'd0, vectors}));
        assert (\dut.left_q == \dut.each_q && \dut.each_q == 3'b100);
      end
      if (issues && output_product_q) begin
        assert (row_known_q);
        assert (u_place == first + {6'd0, next == 6'd0 ? vectors : next} - 12'd1);
      end
      if (marked_q) begin
        assert (row_known_q && marked_index < {6'd0, vectors});
        assert (ahead_q < out_q && since_q < out_q && out_q == ahead_q + 6'd1 + since_q);
        assert (behind == next || behind == next + vectors);
      end
      if (issues && row_known_q) assert (output_product_q);
      if (u_valid && u_what == TO_FILE) assert (\dut.loading_q == 2'd3);
      if (loaded_q == 2'd0) assert (\dut.loading_q >= 2'd2);
      if (loaded_q == 2'd1) assert (\dut.loading_q >= 2'd1);
      // A pivot begins when all before it are written.
      if (issues && c_kind >= PIVOT && !output_product_q) assert (out_q == 6'd0);
      // A later source row reads what the one before wrote there.
      if (issues && output_product_q && marked_q) assert (u_place != marked_place_q);
      // A load is in the files 3 cycles before a vector that may read it.
      if (issues && output_product_q) assert (loaded_q == 2'd3);
      cover (issues && output_product_q && \dut.later_q && waits && out_q == 6'd2);
      cover (issues && c_kind >= PIVOT && !output_product_q && start_q == 1'b0 && waits);
    end
  end

endmodule

`default_nettype wire
