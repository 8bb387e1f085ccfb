// SPDX-License-Identifier: Apache-2.0
// Remember the live tracks: a track is one record, read and written as a whole or by groups of fields.
//
// Q formats:  pixels uQ10.8 (a live track lies inside the image), right pixels sQ10.8, rays sQ1.16,
//             drift sQ7.8, scale uQ1.10, points 3 x sQ11.10 (x in the low bits), disparity uQ0.16.
// Latency:    fields 3 cycles after a read is taken, with a_valid (one cycle); they stay until 2
//             cycles after the next read is taken. A read taken after a write's w_ready sees it; one
//             of a track that is just being written gives anything.
// Throughput: a read in 2 cycles. A write in 1 cycle when its groups are among 1 .. 6 or among
//             7 .. 9, else in 2: the w_ inputs are held until w_ready. Reads and writes do not wait for
//             each other.
// Memory:     6 banks of 36 bits x 2 halves x 2^INDEX_W tracks, bytes of 9 bits written one by one:
//             6 DP16KD for 256 tracks.
`default_nettype none

module track_table #(
    parameter INDEX_W = 8  // bits of a track's index
) (
    input wire clk,
    input wire rst,

    input  wire               r_valid,
    output wire               r_ready,
    input  wire [INDEX_W-1:0] r_index,

    output wire               a_valid,
    output wire        [31:0] a_id,
    output wire        [16:0] a_quality,
    output wire        [14:0] a_age,
    output wire        [17:0] a_u,
    output wire        [17:0] a_v,
    output wire signed [17:0] a_x,
    output wire signed [17:0] a_y,
    output wire        [17:0] a_u_key,
    output wire        [17:0] a_v_key,
    output wire signed [17:0] a_x_key,
    output wire signed [17:0] a_y_key,
    output wire signed [15:0] a_drift_u,
    output wire signed [15:0] a_drift_v,
    output wire        [10:0] a_scale,
    output wire        [65:0] a_point,
    output wire signed [18:0] a_u_right,
    output wire signed [18:0] a_v_right,
    output wire signed [17:0] a_x_stereo,
    output wire signed [17:0] a_y_stereo,
    output wire        [15:0] a_disparity,
    output wire               a_matched,

    // w_mask, groups written: 0 id and quality, 1 age, 2 pixel, 3 ray, 4 key's pixel, 5 key's ray,
    // 6 drift, 7 scale and point, 8 stereo (right pixel, stereo ray, disparity), 9 matched.
    input  wire                      w_valid,
    output wire                      w_ready,
    input  wire        [INDEX_W-1:0] w_index,
    input  wire        [        9:0] w_mask,
    input  wire        [       31:0] w_id,
    input  wire        [       16:0] w_quality,
    input  wire        [       14:0] w_age,
    input  wire        [       17:0] w_u,
    input  wire        [       17:0] w_v,
    input  wire signed [       17:0] w_x,
    input  wire signed [       17:0] w_y,
    input  wire        [       17:0] w_u_key,
    input  wire        [       17:0] w_v_key,
    input  wire signed [       17:0] w_x_key,
    input  wire signed [       17:0] w_y_key,
    input  wire signed [       15:0] w_drift_u,
    input  wire signed [       15:0] w_drift_v,
    input  wire        [       10:0] w_scale,
    input  wire        [       65:0] w_point,
    input  wire signed [       18:0] w_u_right,
    input  wire signed [       18:0] w_v_right,
    input  wire signed [       17:0] w_x_stereo,
    input  wire signed [       17:0] w_y_stereo,
    input  wire        [       15:0] w_disparity,
    input  wire                      w_matched
);

  generate
    if (INDEX_W < 1 || INDEX_W > 12) begin : g_bad_size
      track_table_INDEX_W_out_of_range bad_parameter ();
    end
  endgenerate

  localparam BANKS = 6;
  localparam HALF = 36 * BANKS;  // bits of half a record
  localparam DEPTH = 2 << INDEX_W;

  // ---- layout of a record: two halves of 24 bytes of 9 bits ----
  wire [HALF-1:0] w_first = {
    1'b0, w_quality, 3'd0, w_age,
    4'd0, w_drift_v, w_drift_u,
    w_y_key, w_x_key,
    w_v_key, w_u_key,
    w_y, w_x,
    w_v, w_u
  };
  wire [HALF-1:0] w_second = {
    8'd0, w_matched,
    w_disparity, w_y_stereo, w_x_stereo, w_v_right, w_u_right,
    4'd0, w_scale, w_point,
    4'd0, w_id
  };
  wire [4*BANKS-1:0] first_bytes = {
    {2{w_mask[0]}}, {2{w_mask[1]}}, {4{w_mask[6]}}, {4{w_mask[5]}}, {4{w_mask[4]}}, {4{w_mask[3]}},
    {4{w_mask[2]}}
  };
  wire [4*BANKS-1:0] second_bytes = {
    w_mask[9], {10{w_mask[8]}}, {9{w_mask[7]}}, {4{w_mask[0]}}
  };

  // ---- writing: the first half, then the second ----
  reg w_second_q;  // the first half is written, the second is due
  wire any_first = |w_mask[6:0];
  wire any_second = w_mask[0] || |w_mask[9:7];
  wire at_second = w_second_q || !any_first;
  assign w_ready = at_second || !any_second;
  wire [INDEX_W:0] write_address = {at_second, w_index};
  wire [HALF-1:0] write_data = at_second ? w_second : w_first;
  wire [4*BANKS-1:0] write_bytes = {4 * BANKS{w_valid}} & (at_second ? second_bytes : first_bytes);

  // ---- reading: the first half, then the second ----
  reg r_second_q;  // the second half is read in this cycle
  reg [INDEX_W-1:0] index_q;
  reg [1:0] answer_q;
  assign r_ready = !r_second_q;
  assign a_valid = answer_q[1];
  wire [INDEX_W:0] read_address = r_second_q ? {1'b1, index_q} : {1'b0, r_index};
  wire [HALF-1:0] word;
  reg [HALF-1:0] first_q, second_q;

  always @(posedge clk) begin
    if (rst) begin
      w_second_q <= 1'b0;
      r_second_q <= 1'b0;
      answer_q <= 2'd0;
    end else begin
      w_second_q <= w_valid && !w_ready;
      r_second_q <= r_valid && r_ready;
      answer_q <= {answer_q[0], r_second_q};
    end
    index_q <= r_index;
    if (r_second_q) first_q <= word;
    if (answer_q[0]) second_q <= word;
  end

  genvar b;
  generate
    for (b = 0; b < BANKS; b = b + 1) begin : g_bank
      (* no_rw_check *) reg [35:0] words_mem[0:DEPTH-1];
      reg [35:0] word_q;
      always @(posedge clk) begin
        if (write_bytes[4*b]) words_mem[write_address][8:0] <= write_data[36*b+:9];
        if (write_bytes[4*b+1]) words_mem[write_address][17:9] <= write_data[36*b+9+:9];
        if (write_bytes[4*b+2]) words_mem[write_address][26:18] <= write_data[36*b+18+:9];
        if (write_bytes[4*b+3]) words_mem[write_address][35:27] <= write_data[36*b+27+:9];
        word_q <= words_mem[read_address];
      end
      assign word[36*b+:36] = word_q;
    end
  endgenerate

  assign {a_v, a_u} = first_q[35:0];
  assign {a_y, a_x} = first_q[71:36];
  assign {a_v_key, a_u_key} = first_q[107:72];
  assign {a_y_key, a_x_key} = first_q[143:108];
  assign {a_drift_v, a_drift_u} = first_q[175:144];
  assign a_age = first_q[194:180];
  assign a_quality = first_q[214:198];
  assign a_id = second_q[31:0];
  assign {a_scale, a_point} = second_q[112:36];
  assign {a_disparity, a_y_stereo, a_x_stereo, a_v_right, a_u_right} = second_q[206:117];
  assign a_matched = second_q[207];
  wire unused_bits = &{
    1'b0, first_q[179:176], first_q[197:195], first_q[215], second_q[35:32], second_q[116:113],
    second_q[215:208]
  };

endmodule

`default_nettype wire
