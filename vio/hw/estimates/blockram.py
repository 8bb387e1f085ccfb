# SPDX-License-Identifier: Apache-2.0
"""How a memory is built on an ECP5: block RAMs (DP16KD) by the cheapest split, or LUT RAM."""

from functools import cache

# Words by bits of one DP16KD, 18 kbit: Lattice TN-02204, "ECP5 and ECP5-5G memory usage guide".
WIDTHS = {16384: 1, 8192: 2, 4096: 4, 2048: 9, 1024: 18}
WIDE = (512, 36)  # one port reads and one writes
BLOCK_BITS = 18 * 1024
# yosys 0.70 weighs a block RAM 128 and a 16 x 4 LUT RAM 4 (share/lattice, brams and lutrams).
BLOCK_COST, LUT_COST = 128, 4


@cache
def block_rams(words: int, bits: int, two_readers: bool = False) -> int:
    """Return the DP16KD of a memory of `words` x `bits` with one clock and one write port.

    The word is split into columns, each built from one width (27 bits: 18 + 9); the least number.
    two_readers: both ports read (the writer shares one of them), which excludes 512 x 36.
    """
    if words <= 0 or bits <= 0:
        return 0
    best = [0] + [1 << 30] * bits
    shapes = list(WIDTHS.items()) + ([] if two_readers else [WIDE])
    for width in range(1, bits + 1):
        for depth, column in shapes:
            best[width] = min(best[width], best[max(width - column, 0)] + -(-words // depth))
    return best[bits]


def lut_rams(words: int, bits: int) -> int:
    """Return the 16 x 4 LUT RAMs (TRELLIS_DPR16X4: one write, one read port) of a memory."""
    return -(-words // 16) * -(-bits // 4)


def in_luts(words: int, bits: int, two_readers: bool = False) -> bool:
    """Return whether a memory is cheaper in LUT RAM, by the costs that yosys uses.

    A second reader doubles a LUT RAM.
    """
    luts = lut_rams(words, bits) * (2 if two_readers else 1)
    return luts * LUT_COST <= block_rams(words, bits, two_readers) * BLOCK_COST
