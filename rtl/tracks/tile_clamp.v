// SPDX-License-Identifier: Apache-2.0
// Name the tile in which a pixel's coordinate lies: the nearest tile of the image for one outside.
//
// Latency: none, combinational. Throughput: unlimited. No state.
`default_nettype none

module tile_clamp #(
    parameter IN_W      = 12,  // bits of the coordinate, signed
    parameter TILE_BITS = 4,   // a tile has 2^TILE_BITS pixels
    parameter OUT_W     = 6    // bits of a tile's number, fewer than IN_W - TILE_BITS
) (
    input  wire signed [ IN_W-1:0] s_x,
    input  wire        [OUT_W-1:0] s_last,  // tile of the image
    output wire        [OUT_W-1:0] m_tile
);

  generate
    if (OUT_W >= IN_W - TILE_BITS) begin : g_bad_size
      tile_clamp_OUT_W_too_large bad_parameter ();
    end
  endgenerate

  wire [IN_W-TILE_BITS-1:0] tile = s_x[IN_W-1:TILE_BITS];
  wire beyond = tile > {{(IN_W - TILE_BITS - OUT_W) {1'b0}}, s_last};
  wire unused_x = &{1'b0, s_x[TILE_BITS-1:0]};
  assign m_tile = s_x[IN_W-1] ? {OUT_W{1'b0}} : beyond ? s_last : tile[OUT_W-1:0];

endmodule

`default_nettype wire
