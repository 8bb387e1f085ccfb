// SPDX-License-Identifier: Apache-2.0
// Properties of axi_lite.v: a response a request, never before it, stable until taken; refused
// writes never reach the registers; no request waits longer than its master and the registers.
//
// Assumed: the master holds valid, address and data until ready (AXI); for the bounds: responses
// are taken at once and registers are ready.
`default_nettype none

module axi_lite_proof (
    input wire        clk,
    input wire        rst,
    input wire        awvalid,
    input wire [ 3:0] awaddr,
    input wire        wvalid,
    input wire [31:0] wdata,
    input wire [ 3:0] wstrb,
    input wire        bready,
    input wire        arvalid,
    input wire [ 3:0] araddr,
    input wire        rready,
    input wire        write_ready,
    input wire        write_error,
    input wire [31:0] read_data,
    input wire        read_error
);

  wire awready, wready, bvalid, arready, rvalid, write_valid, read_valid;
  wire [1:0] bresp, rresp, write_index, read_index;
  wire [31:0] rdata, write_data;
  axi_lite #(
      .ADDRESS_W(4)
  ) dut (
      .clk(clk),
      .rst(rst),
      .s_axil_awvalid(awvalid),
      .s_axil_awready(awready),
      .s_axil_awaddr(awaddr),
      .s_axil_wvalid(wvalid),
      .s_axil_wready(wready),
      .s_axil_wdata(wdata),
      .s_axil_wstrb(wstrb),
      .s_axil_bvalid(bvalid),
      .s_axil_bready(bready),
      .s_axil_bresp(bresp),
      .s_axil_arvalid(arvalid),
      .s_axil_arready(arready),
      .s_axil_araddr(araddr),
      .s_axil_rvalid(rvalid),
      .s_axil_rready(rready),
      .s_axil_rdata(rdata),
      .s_axil_rresp(rresp),
      .write_valid(write_valid),
      .write_ready(write_ready),
      .write_index(write_index),
      .write_data(write_data),
      .write_error(write_error),
      .read_valid(read_valid),
      .read_index(read_index),
      .read_data(read_data),
      .read_error(read_error)
  );

  wire aw = awvalid && awready;
  wire w = wvalid && wready;
  wire b = bvalid && bready;
  wire ar = arvalid && arready;
  wire r = rvalid && rready;
  wire write = write_valid && write_ready;

  reg started_q = 1'b0;  // a reset was
  reg [1:0] addresses_q, words_q;  // accepted and not yet answered (offered or taken)
  reg reads_q;
  reg aw_wait_q, w_wait_q, b_wait_q, ar_wait_q, r_wait_q, write_wait_q;
  reg [3:0] awaddr_q, araddr_q, wstrb_q;
  reg [31:0] wdata_q, rdata_q;
  reg [1:0] bresp_q, rresp_q;
  reg [3:0] address_q, strobe_q, read_address_q;  // of what is under way
  reg [31:0] data_q, answer_q;
  reg answer_error_q, wrote_q, write_error_q;
  reg read_done_q;
  reg [2:0] write_cycles_q, read_cycles_q;  // since a request was whole, without a stall
  always @(posedge clk) begin
    started_q <= 1'b1;
    aw_wait_q <= awvalid && !awready && !rst;
    w_wait_q <= wvalid && !wready && !rst;
    b_wait_q <= bvalid && !bready && !rst;
    ar_wait_q <= arvalid && !arready && !rst;
    r_wait_q <= rvalid && !rready && !rst;
    write_wait_q <= write_valid && !write_ready && !rst;
    awaddr_q <= awaddr;
    araddr_q <= araddr;
    wdata_q <= wdata;
    wstrb_q <= wstrb;
    rdata_q <= rdata;
    bresp_q <= bresp;
    rresp_q <= rresp;
    addresses_q <= rst ? 2'd0 : addresses_q + {1'b0, aw} - {1'b0, b};
    words_q <= rst ? 2'd0 : words_q + {1'b0, w} - {1'b0, b};
    reads_q <= !rst && (ar || (reads_q && !r));
    if (aw) address_q <= awaddr;
    if (w) {strobe_q, data_q} <= {wstrb, wdata};
    if (ar) read_address_q <= araddr;
    wrote_q <= write && !rst;
    write_error_q <= write_error;
    answer_q <= read_data;
    answer_error_q <= read_error;
    read_done_q <= read_valid && !rst;
    if (rst || b || !bready || !write_ready || addresses_q == 2'd0 || words_q == 2'd0)
      write_cycles_q <= 3'd0;
    else if (write_cycles_q != 3'd7) write_cycles_q <= write_cycles_q + 3'd1;
    if (rst || r || !rready || !reads_q) read_cycles_q <= 3'd0;
    else if (read_cycles_q != 3'd7) read_cycles_q <= read_cycles_q + 3'd1;
  end

  (* hierconn *) wire [3:0] \dut.address_q ;
  (* hierconn *) wire [3:0] \dut.strobe_q ;
  (* hierconn *) wire [31:0] \dut.data_q ;
  (* hierconn *) wire [3:0] \dut.wanted_address_q ;
  (* hierconn *) wire \dut.wanted_q ;
  wire whole = strobe_q == 4'hf && address_q[1:0] == 2'd0;

  always @* begin
    if (!started_q) assume (rst);
    if (aw_wait_q) assume (rst || (awvalid && awaddr == awaddr_q));
    if (w_wait_q) assume (rst || (wvalid && wdata == wdata_q && wstrb == wstrb_q));
    if (ar_wait_q) assume (rst || (arvalid && araddr == araddr_q));
    if (started_q) begin
      // How many: one answer under way, and the next request behind it.
      assert (addresses_q == {1'b0, bvalid} + {1'b0, !awready});
      assert (words_q == {1'b0, bvalid} + {1'b0, !wready});
      assert (reads_q == !arready);
      if (bvalid) assert (addresses_q != 2'd0 && words_q != 2'd0);
      if (rvalid) assert (reads_q);
      assert (!(\dut.wanted_q && rvalid) && reads_q == (\dut.wanted_q || rvalid));
      // Stable
      if (b_wait_q) assert (bvalid && bresp == bresp_q);
      if (r_wait_q) assert (rvalid && rresp == rresp_q && rdata == rdata_q);
      if (write_wait_q && b_wait_q) assert (1'b0);  // a write waits behind its own answer
      // What reaches the registers is what came
      if (!awready) assert (\dut.address_q == address_q);
      if (!wready) assert ({\dut.strobe_q , \dut.data_q } == {strobe_q, data_q});
      if (reads_q) assert (\dut.wanted_address_q == read_address_q);
      if (write_valid)
        assert (!awready && !wready && whole && write_index == address_q[3:2] && write_data == data_q);
      if (wrote_q) assert (bvalid && bresp == {write_error_q, 1'b0});
      if (bvalid && !b_wait_q && !wrote_q) assert (bresp == 2'b10);  // refused
      assert (read_done_q == (rvalid && !r_wait_q));
      if (rvalid && !r_wait_q)
        assert (rresp == {answer_error_q || read_address_q[1:0] != 2'd0, 1'b0}
                && rdata == (rresp[1] ? 32'd0 : answer_q));
      // No deadlock
      assert (write_cycles_q <= 3'd1);
      assert (read_cycles_q <= 3'd1);
      if (write_cycles_q == 3'd1) assert (bvalid);
      if (read_cycles_q == 3'd1) assert (rvalid);
      cover (b && bresp == 2'b00 && !awready && !wready);
      cover (bvalid && bresp == 2'b10 && !wrote_q && b_wait_q);
      cover (r && rresp == 2'b00 && rdata == 32'd7);
      cover (r && rresp == 2'b10);
    end
  end

endmodule

`default_nettype wire
