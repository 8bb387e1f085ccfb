// SPDX-License-Identifier: Apache-2.0
// Keep the rotations of the point unit: eight matrices and a spare one, read a row or column a time.
//
// Q formats:  entries sQ1.16 (18 bits); matrices as in rectify.v, 8 is the spare.
// Memory:     nine LUT RAMs, one an entry, 16 x 18 bits; two matrices are kept in registers too.
// Latency:    0 clocks to read, 1 to write. Throughput: one read and one write a clock. A read of
//             the matrix that is written gives the old entries.
`default_nettype none

module rectify_matrices (
    input wire clk,

    // Entries of a row (of a column) of one matrix.
    input  wire        [3:0] r_matrix,
    input  wire        [1:0] r_index,
    input  wire              r_column,
    output wire signed [17:0] r_0,
    output wire signed [17:0] r_1,
    output wire signed [17:0] r_2,

    // Entries to be written, row by row; the same word to each, or what is read, or the identity.
    input wire [ 8:0] w_entries,
    input wire [ 3:0] w_matrix,
    input wire        w_copy,
    input wire        w_identity,
    input wire [17:0] w_data,

    output wire [161:0] m_cam_key,
    output wire [161:0] m_stereo_rotation
);

  localparam [3:0] CAM_KEY = 4'd3, STEREO = 4'd7;

  wire [161:0] read;

  genvar i;
  generate
    for (i = 0; i < 9; i = i + 1) begin : g_entry
      localparam [17:0] UNIT = (i % 4 == 0) ? 18'h10000 : 18'd0;
      reg [17:0] entry_mem[0:15];
      reg [17:0] cam_key_q, stereo_q;
      wire [17:0] here = entry_mem[r_matrix];
      wire [17:0] word = w_identity ? UNIT : w_copy ? here : w_data;
      always @(posedge clk) begin
        if (w_entries[i]) entry_mem[w_matrix] <= word;
        if (w_entries[i] && w_matrix == CAM_KEY) cam_key_q <= word;
        if (w_entries[i] && w_matrix == STEREO) stereo_q <= word;
      end
      assign read[18*i+:18] = here;
      assign m_cam_key[18*i+:18] = cam_key_q;
      assign m_stereo_rotation[18*i+:18] = stereo_q;
    end
  endgenerate

  wire [53:0] row = r_index == 2'd0 ? read[53:0] : r_index == 2'd1 ? read[107:54] : read[161:108];
  wire [53:0] column = r_index == 2'd0 ? {read[125:108], read[71:54], read[17:0]} :
                       r_index == 2'd1 ? {read[143:126], read[89:72], read[35:18]} :
                                         {read[161:144], read[107:90], read[53:36]};
  assign {r_2, r_1, r_0} = r_column ? column : row;

endmodule

`default_nettype wire
