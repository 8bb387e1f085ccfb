// SPDX-License-Identifier: Apache-2.0
// Stand in for camera_input.v in camera_pair's proof: any stream that is stable until taken.
//
// camera_input's output is async_fifo's, whose stability async_fifo.sby proves.
`default_nettype none

module camera_input #(
    parameter DEPTH = 1024,
    parameter FRAME_LEVEL = 1,
    parameter LINE_LEVEL = 1,
    parameter SOURCE_WAITS = 0
) (
    input wire clk,
    input wire rst,
    input wire pixel_clk,
    input wire vsync,
    input wire hsync,
    input wire [7:0] pixel,
    output wire pixel_ready,
    output wire m_axis_tvalid,
    input wire m_axis_tready,
    output wire [7:0] m_axis_tdata,
    output wire [1:0] m_axis_tuser,
    output wire m_axis_tlast,
    output wire m_inside
);

  // The bus carries the stream itself.
  assign m_axis_tvalid = vsync;
  assign m_axis_tuser = {pixel[2], pixel[0] && !pixel[2]};  // a mark is no start
  assign pixel_ready = 1'b1;
  assign m_axis_tlast = pixel[1];
  assign m_axis_tdata = pixel;
  assign m_inside = hsync;

  reg wait_q = 1'b0;
  reg [7:0] pixel_q;
  always @(posedge clk) begin
    wait_q <= m_axis_tvalid && !m_axis_tready && !rst;
    pixel_q <= pixel;
  end
  always @* if (wait_q) assume (m_axis_tvalid && pixel == pixel_q);

endmodule

`default_nettype wire
