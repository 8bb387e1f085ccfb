# SPDX-License-Identifier: Apache-2.0
"""Cameras, wild numbers and register writes for tests of the projection unit and its clients."""

import random
from dataclasses import dataclass, replace

import numpy as np
from cocotb.triggers import ReadOnly, RisingEdge

from vio.camera import Camera
from vio.config import HwConfig
from vio.fixed.formats import formats
from vio.fixed.qformat import signal_table
from vio.fixed.rectify import (
    LensRegisters,
    lens_registers,
    project,
    rotate_ray,
    rotate_ray_back,
    rotation_registers,
    unproject,
)
from vio.geometry import exp_so3
from vio.render.calibration import euroc_rig

HW = HwConfig()
SIGNALS = signal_table(formats(HW), trace=False)
RIG = euroc_rig(20.0)
EQUIDISTANT = Camera(
    752, 480, 460.0, 461.0, 370.0, 245.0, (-0.01, 0.02, -0.01, 0.002), np.eye(4), "equidistant"
)
WIDE = replace(EQUIDISTANT, fx=140.0, fy=131.0, distortion=(-0.05, 0.01, 0.0, 0.0))
MATRICES = ("rotation", "pending", "last", "key", "last_key", "rect_left", "rect_right", "stereo")


def wild_lens(seed: int) -> LensRegisters:
    """Return registers of no camera: any words that they hold, so that everything saturates."""
    g = np.random.default_rng(seed)
    size = HW.lens_table + 1
    values = [*g.integers(0, 1 << 18, 6), *g.integers(-(1 << 18), 1 << 18, 2)]
    values += [*g.integers(9, 13, 2), 752, 480]
    tables = g.integers(0, 1 << 18, (2, size))
    return LensRegisters(np.array(values, np.int64), tables[0], tables[1])


@dataclass
class Setup:
    """Hold what the host writes: two lenses and eight matrices (8, 3, 3)."""

    lenses: tuple[LensRegisters, LensRegisters]
    matrices: np.ndarray


def setup(kind: int) -> Setup:
    """Return the registers of a rig.

    0: EuRoC's. 1: wide lenses. 2 to 9: any words. 10 to 19: lenses of any words, rotations. 20, 21:
    EuRoC's, the right camera rolled.
    """
    generator = random.Random(kind)
    turns = [exp_so3(np.array([generator.gauss(0, 0.1) for _ in range(3)])) for _ in MATRICES]
    if kind == 0 or kind >= 10:
        cameras = (RIG.left, RIG.right)
        turns[5], turns[6] = RIG.rectification.R_rect_left, RIG.rectification.R_rect_right
    elif kind == 1:
        cameras = (EQUIDISTANT, WIDE)
        turns[3] = exp_so3(np.array([0.3, -1.1, 0.2]))
    if kind >= 20:
        turns[6] = exp_so3(np.array([0.0, 0.0, 1.3 * (41 - 2 * kind)])) @ turns[6]
    if 1 < kind < 10:
        g = np.random.default_rng(kind)
        matrices = g.integers(-(1 << 17), 1 << 17, (8, 3, 3))
        return Setup((wild_lens(kind), wild_lens(kind + 100)), matrices)
    lenses = (lens_registers(cameras[0], HW), lens_registers(cameras[1], HW))
    if 10 <= kind < 20:
        lenses = (wild_lens(kind), wild_lens(kind + 100))
    return Setup(lenses, np.array([rotation_registers(R, HW) for R in turns]))


def writes(what: Setup) -> list[tuple[int, int, int]]:
    """Return (select, address, data) of all register writes."""
    words = []
    for c, lens in enumerate(what.lenses):
        words += [(c, k, int(value)) for k, value in enumerate(lens.values)]
        words += [(2 + c, k, int(value)) for k, value in enumerate(lens.inverse)]
        words += [(4 + c, k, int(value)) for k, value in enumerate(lens.forward)]
    for m, matrix in enumerate(what.matrices):
        words += [(6, 16 * m + k, int(value)) for k, value in enumerate(matrix.ravel())]
    return words


async def configure(dut, what: Setup) -> None:
    """Write all tables, values and matrices."""
    for select, address, data in writes(what):
        dut.w_valid.value, dut.w_select.value = 1, select
        dut.w_address.value, dut.w_data.value = address, data & 0xFFFFFF
        await RisingEdge(dut.clk)
    dut.w_valid.value = 0
    await RisingEdge(dut.clk)


def word(generator: random.Random, bits: int) -> int:
    """Return a signed word: small, any, or extreme."""
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    kind = generator.randrange(8)
    if kind == 0:
        return generator.choice((low, low + 1, -1, 0, 1, high - 1, high))
    if kind < 3:
        return generator.randint(low, high)
    return generator.randint(low >> 2, high >> 2)


async def ready(dut) -> None:
    """Wait until the request offered now has been taken."""
    while True:
        await ReadOnly()
        taken = bool(dut.s_ready.value)
        await RisingEdge(dut.clk)
        if taken:
            dut.s_valid.value = 0
            return


def signed(value: int, bits: int) -> int:
    """Return a word as two's complement."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def unpack(value: int, bits: int, count: int) -> list[int]:
    """Return the signed fields of a packed vector, the one in the low bits first."""
    return [signed(value >> (bits * k), bits) for k in range(count)]


LATENCY = (29, 12, 14, 14)  # of the projection unit's operations


async def serve(dut, what: Setup, generator: random.Random | None) -> None:
    """Answer requests as the projection unit does; with a generator, sometimes busy, at any pace.

    The answers are the golden functions', to which rectify.v is equal (test_rectify.py).
    """
    dut.a_valid.value = 0
    while True:
        busy = generator is not None and generator.random() < 0.3
        dut.p_ready.value = int(not busy)
        await ReadOnly()
        if busy or not dut.p_valid.value:
            await RisingEdge(dut.clk)
            continue
        op, camera, matrix = (int(getattr(dut, f"p_{n}").value) for n in ("op", "camera", "matrix"))
        x, y = dut.p_x.value.to_signed(), dut.p_y.value.to_signed()
        lens, R = what.lenses[camera], what.matrices[matrix]
        if op == 0:
            answer = (*unproject(lens, SIGNALS, x, y), True)
        elif op == 1:
            answer = project(lens, SIGNALS, x, y)
        else:
            answer = (rotate_ray if op == 2 else rotate_ray_back)(SIGNALS, R, x, y)
        await RisingEdge(dut.clk)
        dut.p_ready.value = 0
        for _ in range(LATENCY[op] - 1 if generator is None else generator.randrange(3)):
            await RisingEdge(dut.clk)
        dut.a_valid.value = 1
        for name, value in zip(("x", "y", "ok"), answer, strict=True):
            getattr(dut, f"a_{name}").value = int(value)
        # The next request may be taken with the answer.
        busy = generator is not None
        dut.p_ready.value = int(not busy)
        await ReadOnly()
        assert not dut.p_valid.value, "a request while the last one is not answered"
        await RisingEdge(dut.clk)
        dut.a_valid.value = 0
