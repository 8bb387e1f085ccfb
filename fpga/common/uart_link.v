// SPDX-License-Identifier: Apache-2.0
// Let a terminal read and write the link's address space over a UART: the way to bring a board up.
//
// 8 bits, no parity, 1 stop bit. A request has seven bytes: C0 (read) or C1 (write), address (2 bytes),
// data (4 bytes, of no meaning in a read). The answer has five: 80, or 88 when refused, and the word.
// Other first bytes are ignored, and so is a request that pauses for more than GAP bits.
// Latency:    an answer begins within 16 cycles of the request's last stop bit's middle.
// Throughput: one request at a time; bytes that come before its answer is sent are lost.
`default_nettype none

module uart_link #(
    parameter DIVIDE = 68,  // cycles of clk a bit, 8 to 1023
    parameter GAP = 100  // bits without a byte that end a request, 20 or more
) (
    input wire clk,
    input wire rst,

    input  wire uart_rx,  // asynchronous
    output wire uart_tx,

    // One access at a time: everything is stable until ready, which gives data and error
    output wire        m_valid,
    input  wire        m_ready,
    output wire        m_write,
    output wire [15:0] m_address,
    output wire [31:0] m_data,
    input  wire [31:0] m_read,
    input  wire        m_error
);

  generate
    if (DIVIDE < 8 || DIVIDE > 1023 || GAP < 20) begin : g_bad_rate
      uart_link_DIVIDE_is_8_to_1023_and_GAP_20_or_more bad_parameter ();
    end
  endgenerate

  localparam [9:0] BIT = DIVIDE[9:0] - 10'd1;
  localparam [9:0] HALF = {1'b0, BIT[9:1]};
  localparam QW = $clog2(GAP + 1);
  localparam [QW-1:0] QUIET = GAP[QW-1:0];
  localparam [QW-1:0] ONE = {{(QW - 1) {1'b0}}, 1'b1};

  // ---- receive ----
  (* async_reg = "true" *) reg rx_cross_q, rx_seen_q;
  reg [9:0] rx_timer_q;
  reg [3:0] rx_bit_q;  // 0 idle, 1 start, 2 to 9 data, 10 stop
  reg [7:0] rx_byte_q;
  wire rx_tick = rx_timer_q == 10'd0;
  wire rx_whole = rx_bit_q == 4'd10 && rx_tick && rx_seen_q;

  always @(posedge clk) begin
    rx_cross_q <= uart_rx;
    rx_seen_q <= rx_cross_q;
    rx_timer_q <= rx_bit_q == 4'd0 ? HALF : rx_tick ? BIT : rx_timer_q - 10'd1;
    if (rx_tick) rx_byte_q <= {rx_seen_q, rx_byte_q[7:1]};
    if (rst) rx_bit_q <= 4'd0;
    else if (rx_bit_q == 4'd0) rx_bit_q <= rx_seen_q ? 4'd0 : 4'd1;
    else if (rx_tick) begin
      if (rx_bit_q == 4'd10 || (rx_bit_q == 4'd1 && rx_seen_q)) rx_bit_q <= 4'd0;
      else rx_bit_q <= rx_bit_q + 4'd1;
    end
  end
  wire [7:0] rx_byte = rx_byte_q;

  // ---- request ----
  reg [2:0] count_q;  // bytes of the request that are there
  reg [54:0] request_q;
  reg [9:0] gap_timer_q;
  reg [QW-1:0] gap_q;
  reg valid_q;
  reg [3:0] send_q;  // bytes of the answer that are left
  reg [39:0] answer_q;
  wire free = !valid_q && send_q == 4'd0;
  wire command = rx_byte[7:1] == 7'b1100000;

  always @(posedge clk) begin
    if (rx_whole && free) request_q <= {request_q[46:0], rx_byte};
    if (rst) begin
      count_q <= 3'd0;
      valid_q <= 1'b0;
      gap_q <= {QW{1'b0}};
      gap_timer_q <= BIT;
    end else begin
      gap_timer_q <= gap_timer_q == 10'd0 ? BIT : gap_timer_q - 10'd1;
      if (rx_bit_q != 4'd0) gap_q <= {QW{1'b0}};
      else if (gap_timer_q == 10'd0 && gap_q != QUIET) gap_q <= gap_q + ONE;
      if (rx_whole && free && (count_q != 3'd0 || command)) count_q <= count_q == 3'd6 ? 3'd0 : count_q + 3'd1;
      else if (gap_q == QUIET) count_q <= 3'd0;
      if (rx_whole && free && count_q == 3'd6) valid_q <= 1'b1;
      else if (m_ready) valid_q <= 1'b0;
    end
  end

  assign m_valid = valid_q;
  assign m_write = request_q[48];
  assign m_address = request_q[47:32];
  assign m_data = request_q[31:0];

  // ---- answer ----
  reg [9:0] tx_timer_q;
  reg [3:0] tx_bit_q;  // bits that are left of a byte
  reg [8:0] tx_q;
  wire tx_tick = tx_timer_q == 10'd0;

  always @(posedge clk) begin
    if (valid_q && m_ready) answer_q <= {4'h8, m_error, 3'd0, m_read};
    if (rst) begin
      send_q <= 4'd0;
      tx_bit_q <= 4'd0;
      tx_q <= 9'h1FF;
      tx_timer_q <= BIT;
    end else begin
      if (valid_q && m_ready) send_q <= 4'd5;
      tx_timer_q <= tx_tick || tx_bit_q == 4'd0 ? BIT : tx_timer_q - 10'd1;
      if (tx_bit_q == 4'd0) begin
        if (send_q != 4'd0) begin
          tx_q <= {answer_q[39:32], 1'b0};
          answer_q <= {answer_q[31:0], 8'd0};
          tx_bit_q <= 4'd10;
          send_q <= send_q - 4'd1;
        end
      end else if (tx_tick) begin
        tx_q <= {1'b1, tx_q[8:1]};
        tx_bit_q <= tx_bit_q - 4'd1;
      end
    end
  end
  assign uart_tx = tx_q[0];
  wire unused = &{1'b0, request_q[54:49]};

endmodule

`default_nettype wire
