// SPDX-License-Identifier: Apache-2.0
// Let a host read and write the link's address space over SPI: registers, tracks, samples.
//
// Mode 0, most significant bit first, chip select low for one command; the host is the master.
//   write:    C1 or C3, address (2 bytes), words (4 bytes each), as many as wanted
//   read:     C0 or C2, address (2 bytes), number of words (2 bytes), one byte of no meaning, words
// C2 and C3 count the address up by 4 after each word; C0 and C1 stay, for queues and tables. Other
// commands are ignored until chip select rises.
// Status:     the byte that the host receives with the command: 101, a command was cut or came too
//             fast, an access was refused (both since they were last sent), and the three flags.
// Clocks:     the wires are sampled by clk: no other clock domain. sck has 6 cycles of clk or more, 3
//             of them high and 3 low; 3 or more from chip select to sck; 4 or more of pause.
// Latency:    a word is written 4 cycles after its last bit; the bus has 32 cycles for the first word
//             of a read, and as long as a word lasts for others. Throughput: a bit every 6 cycles.
`default_nettype none

module spi_link (
    input wire clk,
    input wire rst,

    // The wires, asynchronous
    input  wire spi_sck,
    input  wire spi_cs_n,
    input  wire spi_mosi,
    output wire spi_miso,

    input wire [2:0] flags,  // sent in the status

    // One access at a time: everything is stable until ready, which gives data and error
    output wire        m_valid,
    input  wire        m_ready,
    output wire        m_write,
    output wire [15:0] m_address,
    output wire [31:0] m_data,
    input  wire [31:0] m_read,
    input  wire        m_error
);

  localparam [3:0] COMMAND = 4'd0, ADDRESS_HIGH = 4'd1, ADDRESS_LOW = 4'd2, COUNT_HIGH = 4'd3,
                   COUNT_LOW = 4'd4, PAUSE = 4'd5, READ = 4'd6, WRITE = 4'd7, IGNORE = 4'd8;

  // ---- the wires, in clk ----
  (* async_reg = "true" *) reg sck_cross_q, cs_cross_q, mosi_cross_q;
  (* async_reg = "true" *) reg sck_seen_q, cs_seen_q, mosi_seen_q;
  reg sck_before_q;

  always @(posedge clk) begin
    sck_cross_q <= spi_sck;
    sck_seen_q <= sck_cross_q;
    sck_before_q <= sck_seen_q;
    cs_cross_q <= spi_cs_n;
    cs_seen_q <= cs_cross_q;
    mosi_cross_q <= spi_mosi;
    mosi_seen_q <= mosi_cross_q;
  end

  wire selected = !cs_seen_q;
  wire rise = selected && sck_seen_q && !sck_before_q;

  // ---- bits ----
  reg [3:0] phase_q;
  reg [2:0] bit_q;
  reg [1:0] lane_q;
  reg [30:0] in_q;
  reg [31:0] out_q;
  reg write_q, step_q;
  reg [7:0] high_q;
  reg [15:0] address_q, left_q;
  reg valid_q, have_q, refused_q, broken_q, refused_sent_q, broken_sent_q;
  reg [31:0] word_q, out_data_q;
  reg more_q;  // a word follows the one that is sent

  wire whole = rise && bit_q == 3'd7;
  wire [31:0] in = {in_q, mosi_seen_q};
  wire [7:0] status = {3'b101, broken_q, refused_q, flags};
  wire loads = whole && (phase_q == PAUSE || (phase_q == READ && lane_q == 2'd3));
  wire starts = whole && phase_q == COUNT_LOW && {high_q, in[7:0]} != 16'd0;
  wire fetches = starts || (loads && left_q != 16'd0);
  wire writes = whole && phase_q == WRITE && lane_q == 2'd3;
  wire done = valid_q && m_ready;
  // Chip select rises within a byte or a word, or a word is not there in time.
  wire cut = !selected && (bit_q != 3'd0 || (phase_q == WRITE && lane_q != 2'd0));
  wire late = ((fetches || writes) && valid_q) || (loads && phase_q == PAUSE && !have_q)
              || (loads && phase_q == READ && more_q && !have_q);

  always @(posedge clk) begin
    if (rise) in_q <= in[30:0];
    if (writes && !valid_q) out_data_q <= in;
    if (done) word_q <= m_read;
    if (whole && phase_q == COUNT_HIGH) high_q <= in[7:0];
    if (!selected) out_q <= {status, 24'd0};
    else if (loads && have_q) out_q <= word_q;
    else if (rise) out_q <= {out_q[30:0], 1'b0};
    if (!selected) begin
      refused_sent_q <= refused_q;
      broken_sent_q <= broken_q;
    end
    if (rst) begin
      phase_q <= IGNORE;
      bit_q <= 3'd0;
      lane_q <= 2'd0;
      valid_q <= 1'b0;
      have_q <= 1'b0;
      refused_q <= 1'b0;
      broken_q <= 1'b0;
      write_q <= 1'b0;
      step_q <= 1'b0;
      more_q <= 1'b0;
      left_q <= 16'd0;
      address_q <= 16'd0;
    end else begin
      if (done) begin
        valid_q <= 1'b0;
        if (step_q) address_q <= address_q + 16'd4;
      end
      if (done && !write_q) have_q <= 1'b1;
      if (loads) have_q <= 1'b0;
      // What was sent with the command is cleared, what came since stays.
      if (done && m_error) refused_q <= 1'b1;
      else if (whole && phase_q == COMMAND && refused_sent_q) refused_q <= 1'b0;
      if (cut || late) broken_q <= 1'b1;
      else if (whole && phase_q == COMMAND && broken_sent_q) broken_q <= 1'b0;
      if ((fetches || writes) && !valid_q) valid_q <= 1'b1;
      if (starts) left_q <= {high_q, in[7:0]} - 16'd1;
      else if (fetches) left_q <= left_q - 16'd1;
      if (starts) more_q <= 1'b0;
      else if (loads) more_q <= left_q != 16'd0;
      if (!selected) begin
        phase_q <= COMMAND;
        bit_q <= 3'd0;
        lane_q <= 2'd0;
        have_q <= 1'b0;
      end else if (rise) begin
        bit_q <= bit_q + 3'd1;
        if (whole) begin
          case (phase_q)
            COMMAND: begin
              phase_q <= in[7:2] == 6'b110000 ? ADDRESS_HIGH : IGNORE;
              write_q <= in[0];
              step_q <= in[1];
            end
            ADDRESS_HIGH: begin
              phase_q <= ADDRESS_LOW;
              address_q[15:8] <= in[7:0];
            end
            ADDRESS_LOW: begin
              phase_q <= write_q ? WRITE : COUNT_HIGH;
              address_q[7:0] <= in[7:0];
            end
            COUNT_HIGH: phase_q <= COUNT_LOW;
            COUNT_LOW: phase_q <= starts ? PAUSE : IGNORE;
            PAUSE: phase_q <= READ;
            READ: begin
              lane_q <= lane_q + 2'd1;
              if (lane_q == 2'd3 && !more_q) phase_q <= IGNORE;
            end
            WRITE: lane_q <= lane_q + 2'd1;
            default: phase_q <= IGNORE;
          endcase
        end
      end
    end
  end

  assign spi_miso = out_q[31];
  assign m_valid = valid_q;
  assign m_write = write_q;
  assign m_address = address_q;
  assign m_data = out_data_q;

endmodule

`default_nettype wire
