# SPDX-License-Identifier: Apache-2.0
"""The energy model: accesses and operations times published costs. A model, 45 nm, dynamic only.

Costs: Horowitz, "Computing's energy problem", ISSCC 2014, figures 1.1.9 and 1.1.10. Clock tree,
control, leakage, pads and the camera are not in it (docs/chip/budgets.md).
"""

import math
from dataclasses import dataclass, replace

from vio.config import Config
from vio.hw.estimates.memory import NAVION_KIB, inventory
from vio.hw.estimates.operations import Operations, operations
from vio.hw.estimates.traffic import traffic
from vio.hw.estimates.work import FrameWork

SRAM_PJ = 5.0  # 32 bits of an 8 KB SRAM
SRAM_KIB = 8.0
SMALLEST_KIB = 0.25  # below, an access costs no less
DRAM_PJ = 640.0  # 32 bits
ADD32_PJ, MULTIPLY32_PJ = 0.1, 3.1  # integers
FLOAT_ADD_PJ, FLOAT_MULTIPLY_PJ = 0.9, 3.7
INSTRUCTION_PJ = 70.0  # fetch, registers, control of a simple core
CACHE_KIB = 32.0
SIMD_LANES = 4  # of an instruction of the CPU

FRAMES, DRAM, INSTRUCTIONS, CACHE = "frame buffers", "DRAM", "instructions", "cache"
ARITHMETIC = "arithmetic"


def access_pj(bits: int, kib: float) -> float:
    """Return the energy of an access to an SRAM of `kib` KiB.

    Proportional to the bits and to the square root of the capacity (length of the wires); the
    published 8 KB, 32 KB and 1 MB caches, 10, 20 and 100 pJ for 64 bits, follow it to 13 %.
    """
    return SRAM_PJ * bits / 32.0 * math.sqrt(max(kib, SMALLEST_KIB) / SRAM_KIB)


def operation_pj(kind: str, *bits: int) -> float:
    """Return the energy of an integer operation: linear in an adder's bits, a product's area.

    At 8 bits 0.025 and 0.19 pJ; published 0.03 and 0.2.
    """
    if kind == "add":
        return ADD32_PJ * bits[0] / 32.0
    return MULTIPLY32_PJ * bits[0] * bits[1] / 1024.0


def arithmetic_pj(ops: Operations) -> float:
    """Return the energy of integer operations."""
    return sum(count * operation_pj(*op) for op, count in ops.items())  # type: ignore[misc]


@dataclass(frozen=True)
class Variant:
    """Hold a way to build the front end: compressed frames or not, on the chip or in DRAM."""

    name: str
    compressed: bool
    dram: bool


VARIANTS = (
    Variant("on chip, compressed", True, False),
    Variant("on chip, uncompressed", False, False),
    Variant("DRAM, compressed", True, True),
    Variant("DRAM, uncompressed", False, True),
)
CPU = "float on a CPU"


def frame_pj(work: FrameWork, config: Config, variant: Variant) -> dict[str, float]:
    """Return the energy of a frame in picojoule by part.

    Parts: DRAM, the groups of memories, and the blocks' arithmetic ("arithmetic: pyramid" ...).
    """
    if not variant.compressed:
        plain = replace(config.hw, codec_left="none", codec_upper="none", codec_right="none")
        config = replace(config, hw=plain)
    accesses = traffic(work, config)
    parts = dict.fromkeys((DRAM, *NAVION_KIB), 0.0)
    for m in inventory(config):
        reads, writes = accesses[m.name]
        if m.group == FRAMES and variant.dram:
            parts[DRAM] += (reads + writes) * m.bits / 32.0 * DRAM_PJ
        else:
            parts[m.group] += (reads + writes) * access_pj(m.bits, m.kib / m.banks)
    for block, ops in operations(work, config).items():
        if block != "codec" or variant.compressed:
            parts[f"{ARITHMETIC}: {block}"] = arithmetic_pj(ops)
    return parts


def cpu_pj(work: FrameWork, config: Config) -> dict[str, float]:
    """Return the energy of the same work in float32 on a CPU, in picojoule by part.

    Each operation in float32, one operand from a 32 KB cache, instructions of 4 lanes at the cost
    of a simple core's; the images go to DRAM once and come back once for the pyramid, the corners
    and the windows each (caches hold what is used again). No operating system, no stalls.
    """
    ops = sum((o for b, o in operations(work, config).items() if b != "codec"), Operations())
    count = sum(ops.values())
    products = sum(n for op, n in ops.items() if op[0] == "mul")
    pixels = config.hw.max_width * config.hw.max_height
    # Write, pyramid, windows; at a keyframe corners and the right image.
    passes = 3 + (1 if config.dataset.mono else 2) * work.keyframe
    pyramid = 2 * pixels / 3  # coarser levels, written and read
    return {
        ARITHMETIC: products * FLOAT_MULTIPLY_PJ + (count - products) * FLOAT_ADD_PJ,
        CACHE: count * access_pj(32, CACHE_KIB),
        INSTRUCTIONS: count / SIMD_LANES * INSTRUCTION_PJ,
        DRAM: (passes * pixels + pyramid) * 8 / 32.0 * DRAM_PJ,
    }


@dataclass(frozen=True)
class Energy:
    """Hold the energy of a variant: picojoule by part, of both kinds of frame.

    tracking_per_keyframe: tracking frames that come with a keyframe.
    """

    name: str
    tracking: dict[str, float]
    keyframe: dict[str, float]
    tracking_per_keyframe: float
    pixels: int

    @property
    def cycle(self) -> dict[str, float]:
        """Energy of a keyframe with its share of tracking frames, pJ by part."""
        share = self.tracking_per_keyframe
        return {k: v + share * self.tracking.get(k, 0.0) for k, v in self.keyframe.items()}

    @property
    def keyframe_mj(self) -> float:
        """Millijoule of a keyframe with its share of tracking frames."""
        return sum(self.cycle.values()) * 1e-9

    @property
    def pixel_pj(self) -> float:
        """Picojoule a left pixel: the mean over all frames."""
        frames = 1.0 + self.tracking_per_keyframe
        return sum(self.cycle.values()) / (frames * self.pixels)


def energy_model(
    tracking: FrameWork, keyframe: FrameWork, tracking_per_keyframe: float, config: Config
) -> list[Energy]:
    """Return the energy of every variant, the CPU last."""
    pixels = config.hw.max_width * config.hw.max_height
    rows = [
        Energy(
            v.name,
            frame_pj(tracking, config, v),
            frame_pj(keyframe, config, v),
            tracking_per_keyframe,
            pixels,
        )
        for v in VARIANTS
    ]
    cpu = (cpu_pj(tracking, config), cpu_pj(keyframe, config))
    return [*rows, Energy(CPU, *cpu, tracking_per_keyframe, pixels)]
