// SPDX-License-Identifier: Apache-2.0
// Keep the rotations of the projection unit: eight matrices and a spare one, read a row or column a time.
//
// Entry (i, j) lies in bank (i + j) mod 3, at row i: so a row has each bank once, and so has a
// column. Both come out rotated by their index. A copy and the identity are written row by row.
// Q formats:  entries sQ1.16 (18 bits); matrices as in rectify.v, 8 is the spare.
// Memory:     three LUT RAMs of 32 x 18 bits; two matrices are kept in registers too.
// Latency:    1 cycle from r_* to the entries, 1 to write. Throughput: a read of a row and a write of
//             an entry or of a row a cycle. A write is seen by a read that was asked for with it.
`default_nettype none

module rectify_matrices (
    input wire clk,

    // Entries of a row (of a column) of one matrix.
    input  wire        [ 3:0] r_matrix,
    input  wire        [ 1:0] r_index,
    input  wire               r_column,
    output wire signed [17:0] r_0,
    output wire signed [17:0] r_1,
    output wire signed [17:0] r_2,

    // An entry is written, or the row that is read now: what is there, or the identity's.
    input wire        w_valid,
    input wire [ 3:0] w_matrix,
    input wire [ 3:0] w_place,     // of the entry, row by row: 0 .. 8, others are not written
    input wire        w_row,
    input wire        w_identity,
    input wire [17:0] w_data,

    output wire [161:0] m_cam_key,
    output wire [161:0] m_stereo_rotation
);

  localparam [2:0] CAM_KEY = 3'd3, STEREO = 3'd7;

  // Row and bank of the entry that is written.
  reg [1:0] row_d;
  reg [2:0] bank_d;
  always @* begin
    case (w_place)
      4'd0: {row_d, bank_d} = {2'd0, 3'b001};
      4'd1: {row_d, bank_d} = {2'd0, 3'b010};
      4'd2: {row_d, bank_d} = {2'd0, 3'b100};
      4'd3: {row_d, bank_d} = {2'd1, 3'b010};
      4'd4: {row_d, bank_d} = {2'd1, 3'b100};
      4'd5: {row_d, bank_d} = {2'd1, 3'b001};
      4'd6: {row_d, bank_d} = {2'd2, 3'b100};
      4'd7: {row_d, bank_d} = {2'd2, 3'b001};
      4'd8: {row_d, bank_d} = {2'd2, 3'b010};
      default: {row_d, bank_d} = 5'd0;
    endcase
  end

  // Addresses come from registers: they would be the beginning of the longest path.
  reg [1:0] index_q;
  always @(posedge clk) index_q <= r_index;

  wire [1:0] written = w_row ? index_q : row_d;
  wire [4:0] w_address = w_matrix[3] ? {3'b110, written} : {written, w_matrix[2:0]};
  wire to_cam_key = w_matrix == {1'b0, CAM_KEY};
  wire to_stereo = w_matrix == {1'b0, STEREO};
  wire [53:0] words, read;
  wire [2:0] writes;

  genvar i, j;
  generate
    for (i = 0; i < 3; i = i + 1) begin : g_bank
      // The row of this bank in a column: (bank - column) mod 3.
      localparam [5:0] ROWS = i == 0 ? {2'd1, 2'd2, 2'd0} :
                              i == 1 ? {2'd2, 2'd0, 2'd1} : {2'd0, 2'd1, 2'd2};
      localparam [1:0] UNIT_ROW = i == 0 ? 2'd0 : i == 1 ? 2'd2 : 2'd1;  // 2 x row mod 3 is i
      reg [17:0] entry_mem[0:31];
      wire [1:0] across = r_index == 2'd0 ? ROWS[1:0] : r_index == 2'd1 ? ROWS[3:2] : ROWS[5:4];
      wire [1:0] row = r_column ? across : r_index;
      reg [4:0] address_q;
      wire [17:0] here = entry_mem[address_q];
      wire unit = w_identity && index_q == UNIT_ROW;
      wire [17:0] copied = w_identity ? {1'b0, unit, 16'd0} : here;
      wire [17:0] word = w_row ? copied : w_data;
      always @(posedge clk) begin
        address_q <= r_matrix[3] ? {3'b110, row} : {row, r_matrix[2:0]};
        if (writes[i]) entry_mem[w_address] <= word;
      end
      assign writes[i] = w_row || (w_valid && bank_d[i]);
      assign read[18*i+:18] = here;
      assign words[18*i+:18] = word;
    end
    for (i = 0; i < 3; i = i + 1) begin : g_row
      localparam [1:0] ROW = i;
      for (j = 0; j < 3; j = j + 1) begin : g_column
        localparam BANK = (i + j) % 3;
        reg [17:0] cam_key_q, stereo_q;
        wire here = writes[BANK] && written == ROW;
        always @(posedge clk) begin
          if (here && to_cam_key) cam_key_q <= words[18*BANK+:18];
          if (here && to_stereo) stereo_q <= words[18*BANK+:18];
        end
        assign m_cam_key[54*i+18*j+:18] = cam_key_q;
        assign m_stereo_rotation[54*i+18*j+:18] = stereo_q;
      end
    end
  endgenerate

  // A row i begins in bank i, a column j in bank j.
  assign {r_2, r_1, r_0} = index_q == 2'd0 ? read :
                           index_q == 2'd1 ? {read[17:0], read[53:18]} :
                                             {read[35:0], read[53:36]};

endmodule

`default_nettype wire
