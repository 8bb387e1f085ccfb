# SPDX-License-Identifier: Apache-2.0
"""The driver of the hardware front end: a configuration and a rig become register writes."""

from collections.abc import Callable, Iterator

import numpy as np

from vio.camera import StereoRig
from vio.config import Config
from vio.errors import VioError
from vio.fixed.frontend import FixedFrontEnd
from vio.fixed.rectify import rotation_registers
from vio.hw.estimates.memory import geometry
from vio.hw.params import params_of
from vio.hw.registers.limits import limit_values
from vio.hw.registers.map import IDENTITY, MATRIX_ENTRIES, Field, Register, field_bits, register_map

CODECS = ("dct27", "dct18")  # that the Verilog has
SIDE_STEP = 16  # image sides: whole blocks on three levels
# That an image waits for the other camera's. Both leave camera_pair at once, or one is missing:
# to wait long would only fill the cameras' queues. Other sources need what they may be apart.
TIMEOUT_CYCLES = 64
STOP_CYCLES = 62_500  # without a pixel in mid-frame: 1 ms, ten times the longest blanking of a line
LENS_LEFT, LENS_RIGHT, INVERSE_LEFT, INVERSE_RIGHT, FORWARD_LEFT, FORWARD_RIGHT, MATRICES = range(7)
RECT_LEFT, RECT_RIGHT = 5, 6  # matrices
_POLLS = 1_000_000

Read32 = Callable[[int], int]
Write32 = Callable[[int, int], None]


def _check(config: Config, rig: StereoRig) -> None:
    """Raise VioError for what the golden model computes and the Verilog does not."""
    c, hw = config.frontend, config.hw
    if c.stereo_every_frame:
        raise VioError(
            "frontend.stereo_every_frame: the hardware matches in keyframes only; leave it false"
        )
    for name in ("codec_left", "codec_upper", "codec_right"):
        if getattr(hw, name) not in CODECS:
            raise VioError(
                f"hw.{name} {getattr(hw, name)!r}: the hardware has {' and '.join(CODECS)}; use "
                "a preset for the hardware, e.g. --preset ecp5_85k"
            )
    if c.min_distance_px < 1:
        raise VioError(
            f"frontend.min_distance_px {c.min_distance_px}: the hardware needs 1 pixel or more"
        )
    left, right = rig.left, rig.right
    if (left.width, left.height) != (right.width, right.height):
        raise VioError(
            f"the left camera has {left.width} x {left.height} pixels, the right one "
            f"{right.width} x {right.height}; the hardware needs equal sizes"
        )
    if left.width % SIDE_STEP or left.height % SIDE_STEP:
        raise VioError(
            f"images of {left.width} x {left.height}: the hardware needs sides that are multiples "
            f"of {SIDE_STEP}; crop them"
        )


def _check_cells(config: Config, rig: StereoRig, cell: tuple[int, int]) -> None:
    """Raise VioError for more budget cells of cell[0] x cell[1] tiles than the hardware holds."""
    tile_px, bound = config.hw.tile_px, geometry(config).cells
    tiles = -(-rig.left.width // tile_px), -(-rig.left.height // tile_px)
    columns, rows = -(-tiles[0] // cell[0]), -(-tiles[1] // cell[1])
    if columns * rows > bound:
        raise VioError(
            f"images of {rig.left.width} x {rig.left.height} have {columns} x {rows} budget cells, "
            f"the hardware holds {bound}; lower frontend.grid_cols or grid_rows"
        )


def register_values(config: Config, rig: StereoRig) -> dict[str, int]:
    """Return the value of each locked and configuration register, as the golden model has it.

    Raises VioError for what the golden model or the hardware cannot do.
    """
    _check(config, rig)
    c, rules = config.frontend, config.keyframe
    golden = FixedFrontEnd(rig, config)
    _check_cells(config, rig, golden._cell)
    k, s = golden._klt, golden._stereo
    return {
        "width": rig.left.width,
        "height": rig.left.height,
        "timeout": TIMEOUT_CYCLES,
        "stop": STOP_CYCLES,
        "mono": int(rig.is_mono),
        "max_tracks": c.max_tracks,
        "border": c.window // 2 + 1,
        "min_score": golden._min_score,
        "min_distance": c.min_distance_px,
        "cell_budget": c.cell_budget,
        "cell_cols": golden._cell[0],
        "cell_rows": golden._cell[1],
        "levels": k.levels,
        "max_iterations": k.max_iterations,
        "step": k.step,
        "max_shift": k.max_shift,
        "flat_min": k.flat_min,
        "correlation_min": k.correlation_min,
        "mono_tight2": golden._mono_threshold2,
        "mono_loose2": golden._mono_loose2,
        "draws": c.ransac_hypotheses,
        "stereo_threshold": golden._stereo_threshold,
        "first": s.first,
        "disparity_step": s.disparity_step,
        "segments": s.segments,
        "reach_u": s.reach_u,
        "reach_v": s.reach_v,
        "search_min": s.search_min,
        "uniqueness": s.uniqueness,
        "stereo_correlation_min": s.correlation_min,
        "stereo_iterations": s.iterations,
        "max_refine": s.max_refine,
        "max_age": golden.limits.max_age,
        "min_alive": round(rules.min_alive * 256),
        "moved2": golden._moved2,
        "aged2": golden._aged2,
    }


def table_values(config: Config, rig: StereoRig) -> list[tuple[int, int, list[int]]]:
    """Return (select, first address, entries) of every lens table and rectifying rotation."""
    golden = FixedFrontEnd(rig, config)
    out = []
    for side, lens in enumerate((golden._left, golden._right)):
        out.append((LENS_LEFT + side, 0, lens.values.tolist()))
        out.append((INVERSE_LEFT + side, 0, lens.inverse.tolist()))
        out.append((FORWARD_LEFT + side, 0, lens.forward.tolist()))
    s = golden._stereo
    for matrix, R in ((RECT_LEFT, s.R_rect_left), (RECT_RIGHT, s.R_rect_right)):
        out.append((MATRICES, 16 * matrix, R.ravel().tolist()))
    return out


class Driver:
    """Drive the register file through two functions of the bus.

    read32(address) and write32(address, value): a word; they raise when the bus answers an error.
    timeout_cycles: that an image waits for the other camera's; camera_pair aligns both, other
    sources need what they may be apart. Raises VioError for values outside of a register's limits.
    """

    def __init__(
        self,
        read32: Read32,
        write32: Write32,
        config: Config,
        rig: StereoRig,
        timeout_cycles: int = TIMEOUT_CYCLES,
    ) -> None:
        self._read32 = read32
        self._write32 = write32
        self._config = config
        self._values = register_values(config, rig) | {"timeout": timeout_cycles}
        self._tables = table_values(config, rig)
        self._registers = {r.name: r for r in register_map()}
        self._bounds = {p.name: p.value for section in params_of(config).values() for p in section}
        for name, value in self._values.items():
            self._word(self._registers[name], self._registers[name].only, value)

    def read(self, name: str) -> dict[str, int]:
        """Return the fields of a register."""
        register = self._registers[name]
        word = self._read32(register.address)
        out = {}
        for field in register.fields:
            bits = field_bits(field, self._config.hw)
            value = (word >> field.low) & ((1 << bits) - 1)
            out[field.name] = value - (1 << bits) if field.signed and value >> (bits - 1) else value
        return out

    def write(self, name: str, **fields: int) -> None:
        """Write a register; fields not given are 0. Raises VioError for what does not fit."""
        register = self._registers[name]
        known = {field.name: field for field in register.fields}
        word = 0
        for key, value in fields.items():
            word |= self._word(register, known[key], value)
        self._write32(register.address, word)

    def _word(self, register: Register, field: Field, value: int) -> int:
        """Return a field's value at its place; raises VioError when it does not fit."""
        bits = field_bits(field, self._config.hw)
        low = -(1 << (bits - 1)) if field.signed else 0
        if not low <= value < low + (1 << bits):
            raise VioError(
                f"register {register.name}: {value} does not fit {bits} "
                f"{'signed ' if field.signed else ''}bits; it comes from the setting "
                "of that name or the calibration"
            )
        if register.limits is not None:
            least, largest, step = limit_values(register.limits, bits, self._bounds)
            if not least <= value <= largest or value % step:
                words = f"{least} .. {largest}"
                raise VioError(
                    f"register {register.name}: {value} is refused by the hardware, which takes "
                    f"{words}{f' in steps of {step}' if step > 1 else ''}; it comes from the "
                    "setting of that name or the images"
                )
        return (value & ((1 << bits) - 1)) << field.low

    def _set(self, name: str, value: int) -> None:
        self.write(name, **{self._registers[name].only.name: value})

    def check_hardware(self) -> None:
        """Raise VioError when the hardware is not the one that the configuration is for."""
        identity = self.read("identity")["value"]
        if identity != IDENTITY:
            raise VioError(f"register identity reads {identity:#x}, not {IDENTITY:#x}: no Kestrel")
        hw, c = self._config.hw, self._config.frontend
        found = {**self.read("size"), **self.read("bounds"), **self.read("tables")}
        wanted = {name: getattr(hw, name, None) for name in found}
        wanted |= {"window": c.window, "cells": geometry(self._config).cells}
        for name, value in found.items():
            if value != wanted[name]:
                raise VioError(
                    f"the hardware is built for {name} {value}, the configuration says "
                    f"{wanted[name]}; use the preset that the hardware was built from"
                )

    def configure(self) -> None:
        """Stop, write everything but the frame's own set, and let frames in.

        The cameras may stream meanwhile: the first frame that begins after this is the first let
        in, if `begin_frame` has written its set before. Raises VioError for other hardware, and
        when it stays busy.
        """
        self.check_hardware()
        self.stop()
        for select, address, entries in self._tables:
            self.write("table_address", select=select, address=address)
            for entry in entries:
                self._set("table_data", entry)
        for name, value in self._values.items():
            self._set(name, value)
        self._set("irq_enable", (1 << len(self._registers["irq"].fields)) - 1)
        self._set("enable", 1)

    def change(self, values: dict[str, int]) -> None:
        """Write what differs in the configuration registers; the next frame's set commits it.

        values: of `register_values`, of the same rig and images. They are shadowed: a frame in work
        keeps its own. Call `begin_frame` after it, not before.
        """
        for name, value in values.items():
            if self._values[name] != value:
                self._word(self._registers[name], self._registers[name].only, value)
                self._set(name, value)
                self._values[name] = value

    def stop(self) -> None:
        """Let no frame in any more, and return when those under way are sent.

        Raises VioError when the hardware stays busy: nobody takes its tracks.
        """
        self._set("enable", 0)
        for _ in range(_POLLS):
            if not self.read("status")["busy"]:
                break
        else:
            raise VioError(f"the front end was busy for {_POLLS} reads of its status; reset it")

    def begin_frame(self, index: int, R_cam_prev: np.ndarray) -> None:
        """Write the set of the next frame: its number and the rotation since the last, (3, 3)."""
        entries = rotation_registers(np.asarray(R_cam_prev, np.float64), self._config.hw).ravel()
        for i in range(MATRIX_ENTRIES):
            self._set(f"rotation{i}", int(entries[i]))
        self._set("seed", max((self._config.frontend.seed + index) & 0xFFFFFFFF, 1))
        self._set("frame", index & 0xFFFFFFFF)

    def skip_frame(self, index: int, R_cam_prev: np.ndarray) -> None:
        """Have the rotation of a frame composed whose left image is missing."""
        self.begin_frame(index, R_cam_prev)
        self.write("request", skip=1)

    def forget(self) -> None:
        """Have all tracks forgotten: the next frame starts anew."""
        self.write("request", forget=1)

    def _names(self, name: str) -> Iterator[str]:
        """Yield the bits of a register that are set, and clear them."""
        fields = self.read(name)
        seen = {key: 1 for key, value in fields.items() if value}
        if seen:
            self.write(name, **seen)
        yield from seen

    def faults(self) -> list[str]:
        """Return the faults since the last call, and clear them."""
        return list(self._names("faults"))

    def interrupts(self) -> list[str]:
        """Return the interrupts since the last call, and clear them."""
        return list(self._names("irq"))

    def counters(self) -> dict[str, int]:
        """Return all counters and the last frame's latency in cycles; they wrap at 2^32."""
        return {
            name.removeprefix("count_"): self._read32(r.address)
            for name, r in self._registers.items()
            if r.kind in ("counter", "latency")
        }
