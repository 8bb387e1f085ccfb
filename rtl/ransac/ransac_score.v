// SPDX-License-Identifier: Apache-2.0
// Score matches against a hypothesis, mono or stereo, and keep the best hypothesis of a task.
//
// Two translations are held, so that the next hypothesis may begin while the last matches of the one
// before are on their way; a parity names the one that a match belongs to.
// Q formats:  words of ransac_set.v; translations in three lanes of 22 bits (sQ15.0, or sQ11.10).
// Latency:    from s_valid 7 cycles (mono) or 9 (stereo) to m_valid; the best a cycle later.
// Throughput: a match a cycle (mono), in two cycles (stereo). Multipliers: 16.
`default_nettype none

module ransac_score #(
`define PORT_WIDTHS
`include "vio_params.vh"
`undef PORT_WIDTHS
) (
    input wire clk,
    input wire rst,

    input wire [17:0] cfg_mono_limit2,
    input wire [17:0] cfg_stereo_threshold,

    input wire                        clear,  // a task begins
    input wire [W_TRACK_COUNT-1:0] count,  // of its matches
    input wire                        mono,
    input wire                        keep,   // the best hypothesis is looked for

    input wire        load,  // a translation: the matches that come are for it
    input wire [65:0] load_t,

    input wire         s_valid,
    input wire         s_last,
    input wire         s_first,
    input wire [117:0] s_word,   // two cycles after s_valid

    output wire        m_valid,
    output wire        m_inlier,
    output wire        m_found,     // the best hypothesis so far
    output wire [65:0] m_t,
    output wire        m_hopeless   // the last one loaded cannot become the best any more
);

`include "vio_params.vh"

  localparam [65:0] FORWARD = {22'd32767, 44'd0};  // the direction while there is no better one

  reg [65:0] even_q, odd_q;  // translations of two hypotheses that follow each other
  reg [65:0] t_q;  // the one of the match that comes
  reg parity_q;  // of the translation that was loaded last
  reg rate_1_q, rate_2_q;
  wire hopeless, hopeless_parity;
  assign m_hopeless = hopeless && hopeless_parity == parity_q;
  reg [2:0] tag_1_q, tag_2_q;  // parity, last, first

  always @(posedge clk) begin
    if (load) begin
      if (parity_q) even_q <= load_t;
      else odd_q <= load_t;
    end
    if (rst) parity_q <= 1'b0;
    else if (load) parity_q <= !parity_q;
    rate_1_q <= !rst && s_valid;
    rate_2_q <= !rst && rate_1_q;
    tag_1_q <= {parity_q, s_last, s_first};
    tag_2_q <= tag_1_q;
    t_q <= tag_1_q[2] ? odd_q : even_q;
  end

  wire mono_valid, stereo_valid, mono_inlier, stereo_inlier;
  wire [2:0] mono_tag, stereo_tag, mono_score, stereo_score;

  epipolar_error #(
      .TAG_W(3)
  ) mono_error (
      .clk(clk),
      .rst(rst),
      .cfg_limit2(cfg_mono_limit2),
      .s_valid(rate_2_q && mono),
      .s_tag(tag_2_q),
      .s_tx(t_q[15:0]),
      .s_ty(t_q[37:22]),
      .s_tz(t_q[59:44]),
      .s_qx(s_word[18:0]),
      .s_qy(s_word[37:19]),
      .s_qz(s_word[56:38]),
      .s_nx(s_word[74:57]),
      .s_ny(s_word[92:75]),
      .s_nz(s_word[110:93]),
      .m_valid(mono_valid),
      .m_tag(mono_tag),
      .m_score(mono_score),
      .m_inlier(mono_inlier)
  );

  stereo_error #(
      .LEAST_Z(LEAST_Z),
      .TAG_W(3)
  ) moved_error (
      .clk(clk),
      .rst(rst),
      .cfg_threshold(cfg_stereo_threshold),
      .s_valid(rate_2_q && !mono),
      .s_tag(tag_2_q),
      .s_tx(t_q[21:0]),
      .s_ty(t_q[43:22]),
      .s_tz(t_q[65:44]),
      .s_px(s_word[21:0]),
      .s_py(s_word[43:22]),
      .s_pz(s_word[65:44]),
      .s_x(s_word[83:66]),
      .s_y(s_word[101:84]),
      .s_disparity(s_word[117:102]),
      .m_valid(stereo_valid),
      .m_tag(stereo_tag),
      .m_score(stereo_score),
      .m_inlier(stereo_inlier)
  );

  wire [2:0] tag = mono ? mono_tag : stereo_tag;
  assign m_valid = mono ? mono_valid : stereo_valid;
  assign m_inlier = mono ? mono_inlier : stereo_inlier;

  ransac_best #(
      .COUNT_W(TRACK_COUNT_BITS),
      .T_W(66)
  ) best (
      .clk(clk),
      .rst(rst),
      .clear(clear),
      .first_t(FORWARD),
      .count(count),
      .s_valid(m_valid && keep),
      .s_first(tag[0]),
      .s_last(tag[1]),
      .s_parity(tag[2]),
      .s_score(mono ? mono_score : stereo_score),
      .s_t(tag[2] ? odd_q : even_q),
      .m_found(m_found),
      .m_t(m_t),
      .m_hopeless(hopeless),
      .m_parity(hopeless_parity)
  );

endmodule

`default_nettype wire
