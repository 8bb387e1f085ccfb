# SPDX-License-Identifier: Apache-2.0
"""rectify.v equals the golden functions of vio/fixed/rectify.py, on lenses and on any words."""

import random

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ReadOnly, RisingEdge
from cocotb.utils import get_sim_time

from sim.needs import needs_simulator
from sim.points import SIGNALS, Setup, configure, ready, setup, unpack, word
from sim.runner import simulate, simulators
from sim.streams import reset
from vio.fixed.rectify import compose, project, rotate_ray, rotate_ray_back, unproject

pytestmark = needs_simulator
UNPROJECT, PROJECT, TURN, TURN_BACK, COMPOSE, COPY, IDENTITY = range(7)
LONGEST = {UNPROJECT: 29, PROJECT: 12, TURN: 14, TURN_BACK: 14, COMPOSE: 45, COPY: 5, IDENTITY: 5}
Request = tuple[int, int, int, int, int]  # op, camera, matrix, x, y


async def _ask(dut, request: Request) -> tuple[tuple[int, int, bool], int]:
    """Return the answer to one request, and the cycles it took."""
    for name, value in zip(("op", "camera", "matrix", "x", "y"), request, strict=True):
        getattr(dut, f"s_{name}").value = value
    dut.s_valid.value = 1
    await ready(dut)
    taken = get_sim_time("ns")
    await RisingEdge(dut.m_valid)
    cycles = int(get_sim_time("ns") - taken) // 2 + 1
    await ReadOnly()
    answer = (dut.m_x.value.to_signed(), dut.m_y.value.to_signed(), bool(dut.m_ok.value))
    await RisingEdge(dut.clk)
    return answer, cycles


def _expected(what: Setup, request: Request) -> tuple[int, int, bool]:
    op, camera, matrix, x, y = request
    lens, R = what.lenses[camera], what.matrices[matrix]
    if op == UNPROJECT:
        answer = (*unproject(lens, SIGNALS, x, y), True)
    elif op == PROJECT:
        answer = project(lens, SIGNALS, x, y)
    else:
        answer = (rotate_ray if op == TURN else rotate_ray_back)(SIGNALS, R, x, y)
    return int(answer[0]), int(answer[1]), bool(answer[2])


def _requests(generator: random.Random, count: int) -> list[Request]:
    requests = []
    for _ in range(count):
        op = generator.randrange(4)
        bits = 18 if op == PROJECT else generator.choice((19, 19, 20))
        point = word(generator, bits), word(generator, bits)
        requests.append((op, generator.randrange(2), generator.randrange(8), *point))
    return requests


async def _compare(dut, kind: int, count: int) -> None:
    what, generator = setup(kind), random.Random(kind)
    await configure(dut, what)
    requests = _requests(generator, count)
    expected = [_expected(what, request) for request in requests]
    got = []
    for request, right in zip(requests, expected, strict=True):
        answer, cycles = await _ask(dut, request)
        assert answer == right, (request, answer, right)
        assert cycles <= LONGEST[request[0]], (request, cycles)
        got.append(answer)
    assert {ok for _, _, ok in expected} == {True, False}
    # Twin: one breakpoint of one table is another.
    other = setup(kind)
    for lens in other.lenses:
        lens.inverse[20:60] += 9
    assert got != [_expected(other, request) for request in requests]


@cocotb.test()
async def points_of_an_euroc_rig(dut) -> None:
    """Real lenses, pixels and rays near and far beyond the image, and behind the camera."""
    dut.s_valid.value = dut.w_valid.value = 0
    await reset(dut)
    await _compare(dut, 0, 800)


@cocotb.test()
async def points_of_wide_and_equidistant_lenses(dut) -> None:
    """Tables of other steps; a matrix that turns by 60 degrees."""
    dut.s_valid.value = dut.w_valid.value = 0
    await reset(dut)
    await _compare(dut, 1, 600)


@cocotb.test()
async def points_of_no_lens_at_all(dut) -> None:
    """Any words in all registers: every narrowing saturates, to either side."""
    dut.s_valid.value = dut.w_valid.value = 0
    await reset(dut)
    for kind in (2, 3, 4):
        await _compare(dut, kind, 500)


@cocotb.test()
async def matrices_are_composed_and_copied(dut) -> None:
    """Also onto an operand; the two that are given out follow."""
    generator = random.Random(5)
    dut.s_valid.value = dut.w_valid.value = 0
    await reset(dut)
    for kind in (0, 2):
        what = setup(kind)
        await configure(dut, what)
        for n in range(60):
            op = (COMPOSE, COMPOSE, COPY, IDENTITY)[generator.randrange(4)]
            to, a, b = (generator.randrange(8) for _ in range(3))
            if n % 3 == 0:
                to = generator.choice((3, 7, a))
            transposed = generator.randrange(2)
            _, cycles = await _ask(dut, (op, transposed, a, to, b))
            assert cycles <= LONGEST[op]
            A, B = what.matrices[a].copy(), what.matrices[b].copy()
            if op == COMPOSE:
                A = compose(SIGNALS, A, np.ascontiguousarray(B.T) if transposed else B)
            elif op == IDENTITY:
                A = 65536 * np.eye(3, dtype=np.int64)
            what.matrices[to] = A
            if n % 20 == 10:  # so that not all become alike
                what.matrices[:] = setup(kind).matrices
                await configure(dut, what)
            for name, m in (("cam_key", 3), ("stereo_rotation", 7)):
                got = unpack(int(getattr(dut, f"m_{name}").value), 18, 9)
                assert got == [int(e) for e in what.matrices[m].ravel()], (n, op, name)
        # All matrices are what they should be: a turn by each.
        for m in range(8):
            for op in (TURN, TURN_BACK):
                request = (op, 0, m, 20000, -9000)
                assert (await _ask(dut, request))[0] == _expected(what, request)
        twin = Setup(what.lenses, what.matrices + 40)
        assert _expected(twin, (TURN, 0, 5, 90000, 9)) != _expected(what, (TURN, 0, 5, 90000, 9))


@cocotb.test()
async def the_host_writes_its_matrix_beside_operations_that_write_others(dut) -> None:
    """At each distance; the host holds from the cycle after w_hold, and nothing is lost."""
    dut.s_valid.value = dut.w_valid.value = 0
    await reset(dut)
    what, generator = setup(0), random.Random(8)
    await configure(dut, what)
    held = 0
    for n in range(90):
        op, ahead = (COPY, IDENTITY, COMPOSE)[n % 3], generator.randrange(-12, 50)
        rotation = setup(20 + n % 2).matrices[n % 7].ravel()

        async def write(ahead: int, values: np.ndarray) -> int:
            waits, k = 0, 0
            for _ in range(max(ahead, 0)):
                await RisingEdge(dut.clk)
            while k < 9:
                await ReadOnly()
                hold = bool(dut.w_hold.value)
                await RisingEdge(dut.clk)
                dut.w_valid.value = not hold
                dut.w_select.value, dut.w_address.value = 6, k
                dut.w_data.value = int(values[k]) & 0xFFFFFF
                k += not hold
                waits += hold
            await RisingEdge(dut.clk)
            dut.w_valid.value = 0
            return waits

        writer = cocotb.start_soon(write(ahead, rotation))
        for _ in range(max(-ahead, 0)):
            await RisingEdge(dut.clk)
        await _ask(dut, (op, 0, 5, 7, 6))
        held += await writer
        await RisingEdge(dut.clk)
        A, B = what.matrices[5], what.matrices[6]
        unit = 65536 * np.eye(3, dtype=np.int64)
        what.matrices[7] = {COPY: A, IDENTITY: unit, COMPOSE: compose(SIGNALS, A, B)}[op]
        what.matrices[0] = rotation.reshape(3, 3)
        got = unpack(int(dut.m_stereo_rotation.value), 18, 9)
        assert got == [int(e) for e in what.matrices[7].ravel()], (n, op, ahead)
        for m in (0, 7):
            request = (TURN, 0, m, 20000, -9000)
            assert (await _ask(dut, request))[0] == _expected(what, request), (n, op, ahead)
    assert held > 100


@cocotb.test()
async def a_reset_ends_an_operation(dut) -> None:
    """In each of its cycles; the next one is right."""
    dut.s_valid.value = dut.w_valid.value = 0
    await reset(dut)
    what = setup(0)
    await configure(dut, what)
    for op in (UNPROJECT, TURN):
        for cycles in range(1, 26):
            dut.s_op.value, dut.s_valid.value = op, 1
            await ready(dut)
            for _ in range(cycles):
                await RisingEdge(dut.clk)
            dut.rst.value = 1
            await RisingEdge(dut.clk)
            dut.rst.value = 0
            await ReadOnly()
            assert not dut.m_valid.value
            await RisingEdge(dut.clk)
            request = (TURN, 0, 5, 1000 * cycles, -700)
            assert (await _ask(dut, request))[0] == _expected(what, request)


@pytest.mark.parametrize("simulator", simulators())
def test_rectify(simulator: str) -> None:
    """With the widths of the golden model."""
    simulate("rectify", __name__, simulator=simulator)
