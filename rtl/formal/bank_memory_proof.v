// SPDX-License-Identifier: Apache-2.0
// Properties of bank_memory.v: any word, in whichever lane, is read as it was last written.
//
// The solver chooses a word (`watch`); `word_q` is what it holds by the header's rules. Four lanes,
// four words a bank: vectors begin anywhere, and wrap.
`default_nettype none

module bank_memory_proof (
    input wire       clk,
    input wire       rst,
    input wire       r_valid,
    input wire [3:0] r_address,
    input wire       w_valid,
    input wire [3:0] w_address,
    input wire [3:0] w_lanes,
    input wire [3:0] w_data
);

  wire m_valid;
  wire [3:0] m_data;
  bank_memory #(
      .LANES_LOG2(2),
      .BANK_WORDS_LOG2(2),
      .WIDTH(1)
  ) dut (
      .clk(clk),
      .rst(rst),
      .r_valid(r_valid),
      .r_address(r_address),
      .m_valid(m_valid),
      .m_data(m_data),
      .w_valid(w_valid),
      .w_address(w_address),
      .w_lanes(w_lanes),
      .w_data(w_data)
  );

  (* anyconst *) reg [3:0] watch;

  // The lane that the word is in, 4 or more: none.
  wire [3:0] w_lane = watch - w_address;
  wire [3:0] r_lane = watch - r_address;
  wire writes = w_valid && w_lane < 4'd4 && w_lanes[w_lane[1:0]] && !rst;

  reg reset_q = 1'b0, started_q = 1'b0;  // resets were: one, two
  reg written_q;  // in the last cycle
  reg written_word_q, word_q;
  // A read in its three cycles: what it must answer.
  reg [2:0] valid_q, hit_q;
  reg [1:0] lane_1_q, lane_2_q, lane_3_q;
  reg read_2_q, read_3_q;
  always @(posedge clk) begin
    reset_q   <= 1'b1;
    started_q <= reset_q;
    written_q <= writes;
    written_word_q <= w_data[w_lane[1:0]];
    if (written_q) word_q <= written_word_q;
    valid_q <= rst ? 3'd0 : {valid_q[1:0], r_valid};
    hit_q <= {hit_q[1:0], r_lane < 4'd4};
    lane_1_q <= r_lane[1:0];
    lane_2_q <= lane_1_q;
    lane_3_q <= lane_2_q;
    read_2_q <= word_q;
    read_3_q <= read_2_q;
  end

  // What the banks hold (connected by name when the hierarchy is flattened).
  (* hierconn *) wire \dut.g_bank[0].words_mem[0] ;
  (* hierconn *) wire \dut.g_bank[0].words_mem[1] ;
  (* hierconn *) wire \dut.g_bank[0].words_mem[2] ;
  (* hierconn *) wire \dut.g_bank[0].words_mem[3] ;
  (* hierconn *) wire \dut.g_bank[1].words_mem[0] ;
  (* hierconn *) wire \dut.g_bank[1].words_mem[1] ;
  (* hierconn *) wire \dut.g_bank[1].words_mem[2] ;
  (* hierconn *) wire \dut.g_bank[1].words_mem[3] ;
  (* hierconn *) wire \dut.g_bank[2].words_mem[0] ;
  (* hierconn *) wire \dut.g_bank[2].words_mem[1] ;
  (* hierconn *) wire \dut.g_bank[2].words_mem[2] ;
  (* hierconn *) wire \dut.g_bank[2].words_mem[3] ;
  (* hierconn *) wire \dut.g_bank[3].words_mem[0] ;
  (* hierconn *) wire \dut.g_bank[3].words_mem[1] ;
  (* hierconn *) wire \dut.g_bank[3].words_mem[2] ;
  (* hierconn *) wire \dut.g_bank[3].words_mem[3] ;
  wire [15:0] all = {
    \dut.g_bank[3].words_mem[3] , \dut.g_bank[2].words_mem[3] ,
    \dut.g_bank[1].words_mem[3] , \dut.g_bank[0].words_mem[3] ,
    \dut.g_bank[3].words_mem[2] , \dut.g_bank[2].words_mem[2] ,
    \dut.g_bank[1].words_mem[2] , \dut.g_bank[0].words_mem[2] ,
    \dut.g_bank[3].words_mem[1] , \dut.g_bank[2].words_mem[1] ,
    \dut.g_bank[1].words_mem[1] , \dut.g_bank[0].words_mem[1] ,
    \dut.g_bank[3].words_mem[0] , \dut.g_bank[2].words_mem[0] ,
    \dut.g_bank[1].words_mem[0] , \dut.g_bank[0].words_mem[0]
  };
  wire stored = all[watch];

  always @* begin
    if (!started_q) assume (rst);
    if (reset_q && !started_q) assume (word_q == stored);  // whatever that is
    if (started_q) begin
      assert (stored == word_q);
      assert (m_valid == valid_q[2]);
      if (m_valid && hit_q[2]) assert (m_data[lane_3_q] == read_3_q);
      // A vector that begins before the end of the banks, and wraps.
      cover (m_valid && hit_q[2] && read_3_q && watch == 4'd0 && lane_3_q == 2'd2);
    end
  end

endmodule

`default_nettype wire
