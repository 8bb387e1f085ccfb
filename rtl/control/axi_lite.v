// SPDX-License-Identifier: Apache-2.0
// Turn an AXI4-Lite slave port into single writes and reads of 32-bit registers.
//
// Address and data of a write may come in either order or together; each is held until its partner
// is there. A write without all four strobes, or an address that is no multiple of 4, is refused
// with SLVERR and never reaches the registers. One write and one read may be under way at a time.
// Latency:    write 1 cycle from the later of address and data to write_valid, response a cycle
//             later; read 2 cycles from the address to the data.
// Throughput: a write and a read every 2 and 3 cycles.
`default_nettype none

module axi_lite #(
    parameter ADDRESS_W = 12  // bits of a byte address, 3 or more
) (
    input wire clk,
    input wire rst,

    input  wire                 s_axil_awvalid,
    output wire                 s_axil_awready,
    input  wire [ADDRESS_W-1:0] s_axil_awaddr,
    input  wire                 s_axil_wvalid,
    output wire                 s_axil_wready,
    input  wire [         31:0] s_axil_wdata,
    input  wire [          3:0] s_axil_wstrb,
    output wire                 s_axil_bvalid,
    input  wire                 s_axil_bready,
    output wire [          1:0] s_axil_bresp,
    input  wire                 s_axil_arvalid,
    output wire                 s_axil_arready,
    input  wire [ADDRESS_W-1:0] s_axil_araddr,
    output wire                 s_axil_rvalid,
    input  wire                 s_axil_rready,
    output wire [         31:0] s_axil_rdata,
    output wire [          1:0] s_axil_rresp,

    // A write is done in the cycle in which valid and ready are both high; error is said then.
    output wire                 write_valid,
    input  wire                 write_ready,
    output wire [ADDRESS_W-3:0] write_index,  // of a 32-bit word
    output wire [         31:0] write_data,
    input  wire                 write_error,

    // Data and error of the index, without a cycle; taken in the cycle in which valid is high
    output wire                 read_valid,
    output wire [ADDRESS_W-3:0] read_index,
    input  wire [         31:0] read_data,
    input  wire                 read_error
);

  generate
    if (ADDRESS_W < 3) begin : g_bad_width
      axi_lite_ADDRESS_W_must_be_3_or_more bad_parameter ();
    end
  endgenerate

  localparam [1:0] OKAY = 2'b00, SLVERR = 2'b10;

  reg address_valid_q, data_valid_q, answer_valid_q;
  reg [ADDRESS_W-1:0] address_q;
  reg [31:0] data_q;
  reg [3:0] strobe_q;
  reg [1:0] answer_q;

  assign s_axil_awready = !address_valid_q;
  assign s_axil_wready = !data_valid_q;
  assign s_axil_bvalid = answer_valid_q;
  assign s_axil_bresp = answer_q;

  wire both = address_valid_q && data_valid_q && (!answer_valid_q || s_axil_bready);
  wire whole = &strobe_q && address_q[1:0] == 2'd0;
  wire done = both && (!whole || write_ready);

  assign write_valid = both && whole;
  assign write_index = address_q[ADDRESS_W-1:2];
  assign write_data = data_q;

  always @(posedge clk) begin
    if (s_axil_awready) address_q <= s_axil_awaddr;
    if (s_axil_wready) begin
      data_q <= s_axil_wdata;
      strobe_q <= s_axil_wstrb;
    end
    if (done) answer_q <= whole && !write_error ? OKAY : SLVERR;
    if (rst) begin
      address_valid_q <= 1'b0;
      data_valid_q <= 1'b0;
      answer_valid_q <= 1'b0;
    end else begin
      address_valid_q <= address_valid_q ? !done : s_axil_awvalid;
      data_valid_q <= data_valid_q ? !done : s_axil_wvalid;
      answer_valid_q <= done || (answer_valid_q && !s_axil_bready);
    end
  end

  reg wanted_q, read_valid_q;
  reg [ADDRESS_W-1:0] wanted_address_q;
  reg [31:0] read_q;
  reg [1:0] read_answer_q;

  assign s_axil_arready = !wanted_q && !read_valid_q;
  assign s_axil_rvalid = read_valid_q;
  assign s_axil_rdata = read_q;
  assign s_axil_rresp = read_answer_q;

  wire aligned = wanted_address_q[1:0] == 2'd0;
  assign read_valid = wanted_q;
  assign read_index = wanted_address_q[ADDRESS_W-1:2];

  always @(posedge clk) begin
    if (s_axil_arready) wanted_address_q <= s_axil_araddr;
    if (wanted_q) begin
      read_q <= aligned && !read_error ? read_data : 32'd0;
      read_answer_q <= aligned && !read_error ? OKAY : SLVERR;
    end
    if (rst) begin
      wanted_q <= 1'b0;
      read_valid_q <= 1'b0;
    end else begin
      wanted_q <= s_axil_arready && s_axil_arvalid;
      read_valid_q <= wanted_q || (read_valid_q && !s_axil_rready);
    end
  end

endmodule

`default_nettype wire
