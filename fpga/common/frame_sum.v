// SPDX-License-Identifier: Apache-2.0
// Count a stream's lines and pixels and sum its pixels, frame by frame.
//
// sum: {sum of the pixels, lines, pixels of the last whole line}, of the frame that ends: stable while `ends`.
// Latency:    1 cycle from the word that ends the frame. Throughput: a pixel a cycle.
`default_nettype none

module frame_sum (
    input wire clk,
    input wire rst,

    // tuser[0] start of frame, tlast end of line; tuser[1] the frame breaks off, no pixel
    input wire       s_axis_tvalid,
    input wire [7:0] s_axis_tdata,
    input wire [1:0] s_axis_tuser,
    input wire       s_axis_tlast,

    output wire        ends,  // pulse
    output wire [63:0] sum
);

  reg inside_q, ends_q;
  reg [31:0] total_q, total_out_q;
  reg [15:0] lines_q, column_q, width_q, lines_out_q, width_out_q;
  wire start = s_axis_tuser[0];
  wire stop = s_axis_tvalid && inside_q && s_axis_tuser != 2'd0;
  wire [15:0] column = start ? 16'd1 : column_q + 16'd1;

  always @(posedge clk) begin
    if (stop) begin
      total_out_q <= total_q;
      lines_out_q <= lines_q;
      width_out_q <= width_q;
    end
    if (s_axis_tvalid && !s_axis_tuser[1]) begin
      total_q <= {24'd0, s_axis_tdata} + (start ? 32'd0 : total_q);
      column_q <= s_axis_tlast ? 16'd0 : column;
      lines_q <= (start ? 16'd0 : lines_q) + {15'd0, s_axis_tlast};
      if (s_axis_tlast) width_q <= column;
      else if (start) width_q <= 16'd0;
    end
    if (rst) begin
      inside_q <= 1'b0;
      ends_q <= 1'b0;
    end else begin
      ends_q <= stop;
      if (s_axis_tvalid && s_axis_tuser != 2'd0) inside_q <= start && !s_axis_tuser[1];
    end
  end

  assign ends = ends_q;
  assign sum = {total_out_q, lines_out_q, width_out_q};

endmodule

`default_nettype wire
