// SPDX-License-Identifier: Apache-2.0
// What holds of a frame_ring inside frame_buffer (frame_ring.sby proves the same of it alone): why
// numbers that are written under protection lie outside of the held frame.
`default_nettype none

module ring_rules #(
    parameter BLOCKS = 16,
    parameter CAPACITY = 24,
    parameter ORIGIN = 0
) (
    input wire clk,
    input wire check,
    input wire active,  // a frame may be written
    input wire ring,  // its ring
    input wire take,  // a block comes
    input wire protect,
    input wire [8:0] first_0,
    input wire [8:0] first_1,
    input wire [8:0] base,
    input wire [8:0] next,
    input wire [8:0] count,
    input wire [8:0] spare,
    input wire [8:0] number,
    input wire valid,
    input wire overflow,
    input wire done,
    input wire pending  // the number is still to be written
);

  localparam [8:0] N = BLOCKS, C = CAPACITY, O = ORIGIN, E = ORIGIN + CAPACITY;
  wire [8:0] held = ring ? first_1 : first_0;
  wire [8:0] base_offset = base >= held ? base - held : base + C - held;
  wire [8:0] next_offset = next >= held ? next - held : next + C - held;
  wire [8:0] offset = number >= held ? number - held : number + C - held;
  wire [8:0] place = N + count >= C ? N + count - C : N + count;

  reg protect_q;  // when the block in valid and pending came
  always @(posedge clk) if (take) protect_q <= protect;

  always @* begin
    if (check) begin
      assert (first_0 >= O && first_0 < E && first_1 >= O && first_1 < E);
      assert (spare == C - N && count <= N);
      assert (!(valid && overflow));
      if (active || valid || overflow || pending) begin
        assert (base >= O && base < E && base_offset == (N == C ? 9'd0 : N));
        assert (next >= O && next < E && next_offset == place);
      end
      if (valid || overflow || pending) assert (count != 9'd0);
      if ((active || valid || overflow || pending) && count != 9'd0)
        assert (number == (next == O ? E - 9'd1 : next - 9'd1));
      if (valid || pending) assert (!protect_q || count <= C - N);
      if (done && active) assert (count == N);
    end
  end

endmodule

`default_nettype wire
