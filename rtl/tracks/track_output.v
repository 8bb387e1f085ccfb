// SPDX-License-Identifier: Apache-2.0
// Send a frame's tracks to the host as a packet of 32-bit words.
//
// Header:     3 words: {flags 16, tracks 16}, frame number, cycles since the frame's last pixel.
//             Flags: 0 keyframe, 1 left image lost (no tracks follow), 2 right image there,
//             3 the image was repaired.
// Track:      6 words: identity; {age 15, quality 17}; u, v of the left pixel, u, v of the right
//             one: sQ.8, -2^20 where there is none.
// Stop:       no packet is cut. The header or track that is being sent when `stop` (pulse) comes is sent to
//             its end; then, unless the packet is whole, a word of ones ends it: it has 4 + 6 k words, which
//             no whole packet has. A start that comes meanwhile waits. Only rst is without mercy.
// Latency:    about 16 cycles a track. Throughput: a word a cycle while a track is sent.
`default_nettype none

module track_output #(
`define PORT_WIDTHS
`include "vio_params.vh"
    ,
`include "track_row.vh"
`undef PORT_WIDTHS
) (
    input wire clk,
    input wire rst,

    input  wire                        stop,
    input  wire                        start,
    input  wire [W_TRACK_COUNT-1:0] count,
    input  wire [                31:0] frame_number,
    input  wire [                31:0] cycles,
    input  wire                        keyframe,
    input  wire                        lost,
    input  wire                        right,
    input  wire                        repaired,
    output wire                        done,
    output wire                        sent,  // pulse: the last word of a packet that was not stopped

    // Track table
    output wire                        r_valid,
    output wire [W_TRACK_COUNT-1:0] r_index,
    input  wire                        a_valid,
    input  wire [           W_ROW-1:0] a_row,

    output wire        m_axis_tvalid,
    input  wire        m_axis_tready,
    output wire [31:0] m_axis_tdata,
    output wire        m_axis_tuser,  // first word of a frame
    output wire        m_axis_tlast
);

`include "vio_params.vh"
`include "track_row.vh"

  localparam CW = TRACK_COUNT_BITS;
  localparam [CW-1:0] ONE = {{(CW - 1) {1'b0}}, 1'b1};
  localparam [CW-1:0] NONE = {CW{1'b0}};
  localparam [31:0] NOTHING = NO_MATCH;

  localparam [2:0] IDLE = 3'd0, HEAD = 3'd1, READ = 3'd2, TRACK = 3'd3, CLOSE = 3'd4;
  reg [2:0] state_q;
  reg [CW-1:0] index_q, count_q;
  reg asked_q, done_q;
  reg stopped_q;  // the packet under way
  reg waiting_q;  // a start, for the end of a packet that was stopped
  reg [2:0] word_q;
  reg [191:0] words_q;

  wire stereo = keyframe && a_row[ROW_MATCHED];
  wire [31:0] right_u = {{13{a_row[ROW_U_RIGHT+18]}}, a_row[ROW_U_RIGHT+:19]};
  wire [31:0] right_v = {{13{a_row[ROW_V_RIGHT+18]}}, a_row[ROW_V_RIGHT+:19]};
  wire [31:0] header = {12'd0, repaired, right, lost, keyframe, {(16 - CW) {1'b0}}, lost ? NONE : count};
  wire give = m_axis_tvalid && m_axis_tready;
  wire stops = stop || stopped_q;
  wire [CW-1:0] next = index_q + ONE;
  wire last_word = state_q == CLOSE || word_q == (state_q == HEAD ? 3'd2 : 3'd5);

  always @(posedge clk) begin
    done_q <= 1'b0;
    if (rst) begin
      state_q <= IDLE;
      stopped_q <= 1'b0;
      waiting_q <= 1'b0;
    end else begin
      waiting_q <= !stop && (start || waiting_q) && state_q != IDLE;
      stopped_q <= stops && state_q != IDLE && !(give && m_axis_tlast);
      case (state_q)
        IDLE:
        if ((start || waiting_q) && !stop) begin
          state_q <= HEAD;
          word_q <= 3'd0;
          index_q <= NONE;
          count_q <= lost ? NONE : count;
          words_q <= {96'd0, cycles, frame_number, header};
        end
        READ: begin
          asked_q <= 1'b1;
          if (stops) begin
            state_q <= CLOSE;
            asked_q <= 1'b0;
            words_q <= {192{1'b1}};
          end else if (a_valid) begin
            state_q <= TRACK;
            word_q <= 3'd0;
            words_q <= {stereo ? right_v : NOTHING, stereo ? right_u : NOTHING,
                        14'd0, a_row[ROW_V+:18], 14'd0, a_row[ROW_U+:18],
                        a_row[ROW_AGE+:15], a_row[ROW_QUALITY+:17], a_row[ROW_ID+:32]};
          end
        end
        default:  // HEAD, TRACK, CLOSE
        if (give) begin
          word_q <= word_q + 3'd1;
          words_q <= {32'd0, words_q[191:32]};
          asked_q <= 1'b0;
          if (last_word) begin
            if (state_q == TRACK) index_q <= next;
            state_q <= m_axis_tlast ? IDLE : READ;
            done_q <= m_axis_tlast && !stops;
          end
        end
      endcase
    end
  end
  wire unused = &{1'b0, a_row[ROW_W-1:ROW_RAY_X], a_row[ROW_U_RIGHT-1:ROW_X]};

  assign r_valid = state_q == READ && !asked_q;
  assign r_index = index_q;
  assign m_axis_tvalid = state_q == HEAD || state_q == TRACK || state_q == CLOSE;
  assign m_axis_tdata = words_q[31:0];
  assign m_axis_tuser = state_q == HEAD && word_q == 3'd0;
  assign m_axis_tlast = last_word && (state_q == CLOSE || (state_q == HEAD ? count_q == NONE : next == count_q));
  assign done = done_q;
  assign sent = give && m_axis_tlast && !stops;

endmodule

`default_nettype wire
