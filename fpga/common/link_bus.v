// SPDX-License-Identifier: Apache-2.0
// Let two masters of the host link reach the chip's registers and the board's, one at a time.
//
// Addresses 0x0000 to 0x0FFF are the chip's, over AXI4-Lite; 0x8000 and above the board's; others are
// refused. Master 0 goes first where both wait.
// Latency:    2 cycles more than the access itself. Throughput: an access every 4 cycles or more.
`default_nettype none

module link_bus #(
    parameter CHIP = 1  // 0: there is no chip, its addresses are refused
) (
    input wire clk,
    input wire rst,

    // Masters: everything is stable until ready, which gives data and error
    input  wire        s0_valid,
    output wire        s0_ready,
    input  wire        s0_write,
    input  wire [15:0] s0_address,
    input  wire [31:0] s0_data,
    input  wire        s1_valid,
    output wire        s1_ready,
    input  wire        s1_write,
    input  wire [15:0] s1_address,
    input  wire [31:0] s1_data,
    output wire [31:0] s_read,  // to both
    output wire        s_error,

    // The board's registers
    output wire        m_valid,
    input  wire        m_ready,
    output wire        m_write,
    output wire [14:0] m_address,
    output wire [31:0] m_data,
    input  wire [31:0] m_read,
    input  wire        m_error,

    // The chip's registers
    output wire        m_axil_awvalid,
    input  wire        m_axil_awready,
    output wire [11:0] m_axil_awaddr,
    output wire        m_axil_wvalid,
    input  wire        m_axil_wready,
    output wire [31:0] m_axil_wdata,
    output wire [ 3:0] m_axil_wstrb,
    input  wire        m_axil_bvalid,
    output wire        m_axil_bready,
    input  wire [ 1:0] m_axil_bresp,
    output wire        m_axil_arvalid,
    input  wire        m_axil_arready,
    output wire [11:0] m_axil_araddr,
    input  wire        m_axil_rvalid,
    output wire        m_axil_rready,
    input  wire [31:0] m_axil_rdata,
    input  wire [ 1:0] m_axil_rresp
);

  generate
    if (CHIP > 1) begin : g_bad_chip
      link_bus_CHIP_is_0_or_1 bad_parameter ();
    end
  endgenerate

  localparam [2:0] IDLE = 3'd0, BOARD = 3'd1, SEND = 3'd2, ANSWER = 3'd3, DONE = 3'd4;

  reg [2:0] state_q;
  reg second_q, write_q, address_due_q, data_due_q, error_q;
  reg [14:0] address_q;
  reg [31:0] data_q, read_q;

  wire second = !s0_valid;
  wire [15:0] address = second ? s1_address : s0_address;
  wire address_left = address_due_q && !(write_q ? m_axil_awready : m_axil_arready);
  wire data_left = data_due_q && !m_axil_wready;
  wire answered = write_q ? m_axil_bvalid : m_axil_rvalid;

  always @(posedge clk) begin
    if (state_q == IDLE) begin
      second_q <= second;
      write_q <= second ? s1_write : s0_write;
      address_q <= address[14:0];
      data_q <= second ? s1_data : s0_data;
    end
    if (state_q == IDLE) begin
      read_q <= 32'd0;
      error_q <= 1'b1;  // of addresses that are nobody's
    end else if (state_q == BOARD && m_ready) begin
      read_q <= m_read;
      error_q <= m_error;
    end else if (state_q == ANSWER && answered) begin
      read_q <= m_axil_rdata;
      error_q <= write_q ? m_axil_bresp != 2'd0 : m_axil_rresp != 2'd0;
    end
    if (rst) begin
      state_q <= IDLE;
      address_due_q <= 1'b0;
      data_due_q <= 1'b0;
    end else begin
      case (state_q)
        IDLE:
        if (s0_valid || s1_valid) begin
          state_q <= address[15] ? BOARD : address[14:12] == 3'd0 && CHIP[0] ? SEND : DONE;
          address_due_q <= address[15:12] == 4'd0;
          data_due_q <= address[15:12] == 4'd0 && (second ? s1_write : s0_write);
        end
        BOARD: if (m_ready) state_q <= DONE;
        SEND: begin
          address_due_q <= address_left;
          data_due_q <= data_left;
          if (!address_left && !data_left) state_q <= ANSWER;
        end
        ANSWER: if (answered) state_q <= DONE;
        default: state_q <= IDLE;
      endcase
    end
  end

  assign s0_ready = state_q == DONE && !second_q;
  assign s1_ready = state_q == DONE && second_q;
  assign s_read = read_q;
  assign s_error = error_q;

  assign m_valid = state_q == BOARD;
  assign m_write = write_q;
  assign m_address = address_q;
  assign m_data = data_q;

  assign m_axil_awvalid = state_q == SEND && address_due_q && write_q;
  assign m_axil_awaddr = address_q[11:0];
  assign m_axil_wvalid = state_q == SEND && data_due_q;
  assign m_axil_wdata = data_q;
  assign m_axil_wstrb = 4'hF;
  assign m_axil_bready = state_q == ANSWER && write_q;
  assign m_axil_arvalid = state_q == SEND && address_due_q && !write_q;
  assign m_axil_araddr = address_q[11:0];
  assign m_axil_rready = state_q == ANSWER && !write_q;

endmodule

`default_nettype wire
