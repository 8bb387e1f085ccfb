# SPDX-License-Identifier: Apache-2.0
"""The calls of the vector engine: what they compute, and that their costs are what they do."""

import copy
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.simulation import Simulation, odometry_of
from tests.test_backend32 import by_kernels
from vio.backend.window import Window
from vio.cli import main
from vio.config import load_config
from vio.float32 import calls as c
from vio.float32 import float as fp32
from vio.float32.calls import CallList
from vio.float32.execute import run as execute
from vio.float32.kernels import COMPOSITE, SIMPLE, Kernels
from vio.float32.marginalize import marginalize
from vio.float32.schedule import step
from vio.float32.structure import Leaving, structure_of
from vio.float32.window import Window32
from vio.hw.hls.graph import Graph
from vio.hw.schedule import lane_program
from vio.hw.schedule.cost import _vectors, costs_of, lane_cost
from vio.hw.schedule.machine import Cost, Machine
from vio.hw.schedule.totals import Window as Case
from vio.hw.schedule.totals import keyframe_costs, lists_of, traced_windows
from vio.hw.schedule.worst_case import worst_case
from vio.odometry import run

# Operations of one operand of a simple kernel: products, sums, divisions, roots.
OPERATIONS = {
    "add": (0, 1, 0, 0), "sub": (0, 1, 0, 0), "mul": (1, 0, 0, 0), "multiply_add": (1, 1, 0, 0),
    "downdate": (1, 1, 0, 0), "pivot": (0, 0, 1, 1), "reflector": (1, 1, 1, 1),
}  # fmt: skip


class Batched(Kernels):
    """The references, called batch by batch; counts start anew with each list."""


@pytest.fixture(scope="module")
def window() -> Window:
    """Return a window of a simulated run."""
    small = ['frontend.engine="replay"', "backend.keyframes=3", "backend.recent_frames=2"]
    odometry = odometry_of(Simulation(7, seconds=2.0), load_config("euroc", small))
    for _ in run(Simulation(7, seconds=2.0), odometry):
        pass
    found = odometry.estimator.window
    assert found is not None
    rows = found.active_rows()
    found.free_landmarks(rows[len(rows) // 3 :])
    return found


def stepped(window: Window, kernels: Kernels) -> list[np.ndarray]:
    """Return what a linearisation, a step and a marginalisation leave."""
    w = by_kernels(window, kernels)
    H, g, _ = w.linearize()
    w.optimize(1)
    poses = [s for s in w.order if not w.is_full[s]]
    recent = [s for s in w.order if w.is_full[s]]
    J, r = w.reduced_prior(poses[1:2], recent[:1])
    return [H, g, w.R, w.vec, w.lm, J, r]


def test_the_compiled_loop_and_the_batches_of_kernels_give_the_same_bits(window: Window) -> None:
    expected = stepped(window, Kernels())
    for got, wanted in zip(stepped(window, Batched()), expected, strict=True):
        assert got.tobytes() == wanted.tobytes()


def test_a_batch_that_errs_in_one_bit_is_seen(window: Window) -> None:
    class Wrong(Kernels):
        def run(self, kernel: str, words: np.ndarray) -> np.ndarray:
            out = super().run(kernel, words)
            if kernel == "downdate":
                out.view(np.uint32)[::500] ^= 1
            return out

    pairs = zip(stepped(window, Wrong()), stepped(window, Kernels()), strict=True)
    assert any(a.tobytes() != b.tobytes() for a, b in pairs)


def test_a_list_without_one_of_its_calls_gives_other_equations(window: Window) -> None:
    w = by_kernels(window, Kernels())
    s = structure_of(w)
    one = step(s)
    calls = one.linearize
    kinds = calls.code[:, c.KIND]
    memories = []
    for left_out in (None, *(int(np.flatnonzero(kinds == k)[3]) for k in (c.PRODUCT, c.DOWNDATE))):
        code = calls.code.copy()
        if left_out is not None:
            code[left_out, c.ROW_RUNS] = 0
        w.refresh_linearization_points()
        memory = w.load(s, one.where)
        results, _ = w.results(calls, s, one.columns, one.where, memory)
        execute(CallList(code, calls.runs, calls.operands), memory, w.kernels, results)
        memories.append(memory)
    assert not np.array_equal(memories[0], memories[1])
    assert not np.array_equal(memories[0], memories[2])


def test_no_two_regions_overlap_and_no_call_leaves_the_memory(window: Window) -> None:
    from vio.float32.execute import addresses, words_of

    w = by_kernels(window, Kernels())
    one = step(structure_of(w))
    assert sum(one.where.regions().values()) == one.where.size
    for calls in (one.linearize, one.solve, one.update):
        scratch = np.empty((3, int(words_of(calls.code, calls.runs).max())), np.int64)
        for call in calls.code:
            if call[c.KIND] in c.LANE_PROGRAMS:
                continue
            n = addresses(call, calls.runs, scratch)
            deepest = max(0, int(call[c.DEPTH]) - 1)
            assert scratch[:, :n].min(initial=0) >= 0
            last = scratch[:, :n].max(initial=0) + deepest * int(call[c.X_STEP])
            assert last < one.where.size


def of(cost: Cost) -> tuple[int, int, int, int]:
    """Return a cost's operations."""
    return cost.mul, cost.add, cost.div, cost.sqrt


def test_every_list_counts_the_operations_that_it_executes(window: Window) -> None:
    w = by_kernels(window, Batched())
    w.linearize()
    assert w._step is not None
    s, one, _ = w._step
    for calls in (one.linearize, one.solve):
        w.refresh_linearization_points()
        memory = w.load(s, one.where)
        results, _ = w.results(calls, s, one.columns, one.where, memory)
        if calls is one.solve:
            memory[one.where.H : one.where.H + 10] = 1.0
        w.kernels = Batched()
        execute(calls, memory, w.kernels, results)
        done = np.zeros(4, int)
        for kernel, count in w.kernels.operands.items():
            done += count * np.array(OPERATIONS[kernel])
        costs = costs_of(calls, s, Machine())
        lanes = np.isin(calls.code[:, c.KIND], c.LANE_PROGRAMS)
        charged = sum((cost for cost, lane in zip(costs, lanes, strict=True) if not lane), Cost())
        assert tuple(done) == of(charged)
        assert tuple(done) != of(charged + Cost(mul=1))


@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
def test_no_call_asks_more_of_a_port_or_a_unit_than_its_cycles_give(lanes: int) -> None:
    structure, leaving = worst_case(6, 12, 4)
    machine = Machine(lanes)
    for s, calls in lists_of(Case("small", structure, (leaving,))):
        for call, cost in zip(calls.code, costs_of(calls, s, machine), strict=True):
            room = lanes * cost.cycles
            name = c.NAMES[call[c.KIND]]
            assert max(cost.read, cost.write, cost.mul, cost.add) <= room, name
            assert machine.divide_ii * (cost.div + cost.sqrt) <= room, name


def test_words_that_follow_one_another_take_a_cycle_and_those_of_one_bank_wait() -> None:
    first = np.zeros(8, bool)
    first[0] = True
    for start in range(4):
        assert _vectors(start + np.arange(8), 4, first) == 2
        assert _vectors(start + 17 * np.arange(8), 4, first) == 2  # an odd pitch
        assert _vectors(start + 16 * np.arange(8), 4, first) == 8
        assert _vectors(start + 18 * np.arange(8), 4, first) == 4


def evaluated(graph: Graph, row: np.ndarray) -> np.ndarray:
    """Return a graph's results for one row of operands."""
    two = {k: getattr(fp32, k) for k in ("add", "sub", "mul", "div", "lt", "le", "eq")}
    ones = np.uint32(0xFFFFFFFF)
    bits = {
        "and": lambda a, b: a & b, "andn": lambda a, b: ~a & b,
        "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b,
    }  # fmt: skip
    values = [*row.view(np.uint32), *(np.uint32(b) for b in graph.constants)]
    for o in graph.operations:
        a, b = (values[k] for k in o.operands)
        if o.kind in bits:
            values.append(bits[o.kind](a, b))
            continue
        x, y = a.view(np.float32), b.view(np.float32)
        result = fp32.sqrt(x) if o.kind == "sqrt" else two[o.kind](x, y)
        is_mask = isinstance(result, bool | np.bool_)
        values.append(ones * np.uint32(result) if is_mask else np.float32(result).view(np.uint32))
    return np.array([values[k] for k in graph.outputs], np.uint32)


@pytest.mark.parametrize("kernel", [*SIMPLE, *COMPOSITE])
def test_a_traced_program_gives_the_bits_of_its_kernel(kernel: str) -> None:
    rng = np.random.default_rng(1)
    inputs, _, _ = SIMPLE[kernel] if kernel in SIMPLE else COMPOSITE[kernel]
    words = rng.normal(0, 0.7, (6, inputs)).astype(np.float32)
    if kernel.startswith("linearize"):
        words[:, 49] = 1e20
        words[1, 53] = np.inf
        words[2, 0] = np.inf
    expected = Kernels().run(kernel, words).view(np.uint32)
    program = lane_program.program(kernel)
    for row, wanted in zip(words, expected, strict=True):
        got = evaluated(program, row)
        if kernel.startswith("linearize"):  # a condition is a mask in the lanes
            got[0] &= 1
        np.testing.assert_array_equal(got, wanted)
    one, other = np.abs(words[4:])
    assert not np.array_equal(evaluated(program, one), evaluated(program, other))


def test_a_program_without_what_is_not_wanted_is_shorter() -> None:
    whole = lane_program.program("linearize")
    residuals = lane_program.program("linearize", lane_program.SEEN + lane_program.RESIDUALS)
    assert len(residuals.operations) < len(whole.operations) / 2
    assert whole.count("div") == 1
    assert lane_program.program("linearize", None, False).count("div", "sqrt") == 4
    m = Machine()
    fits = lane_program.registers(lane_program.copies(whole, m.side_by_side), m.units)
    assert fits + m.side_by_side * (55 + 33) < m.file
    assert lane_cost(m, ("linearize", None, 9)).cycles > lane_cost(m, ("linearize", None, 8)).cycles


def test_four_lanes_take_a_window_of_ten_frames_at_25_frames_a_second() -> None:
    structure, leaving = worst_case(10, 200)
    (account,) = keyframe_costs(Case("full", structure, (leaving,)), [Machine(lanes=4)])
    assert account.keyframes_s >= 25.0
    assert account.memory_kib <= 142.0
    assert sum(account.bus.values()) * 4 <= 16_000
    assert sum(n for n, _ in account.kinds.values()) == account.calls
    assert sum(cycles for _, cycles in account.kinds.values()) == account.total.cycles


def test_more_lanes_take_fewer_cycles_and_the_same_operations() -> None:
    structure, leaving = worst_case(8, 20, 5)
    found = keyframe_costs(Case("small", structure, (leaving,)), [Machine(lanes=k) for k in (1, 4)])
    one, four = (a.total for a in found)
    assert one.cycles / 4 < four.cycles < one.cycles
    assert of(one) == of(four)


def test_the_triangle_of_a_marginalisation_is_made_of_the_rows_that_structure_leaves() -> None:
    structure, _ = worst_case(8, 20, 5)
    for frames in ((0,), (3,)):  # a keyframe in the middle leaves rows without a place
        leaving = Leaving(structure, frames, (4,))
        marginal = marginalize(leaving)
        kinds = Counter(marginal.calls.code[:, c.KIND].tolist())
        assert kinds[c.REFLECT] > marginal.columns.count - marginal.columns.gone
        assert marginal.columns.gone == 15


def test_a_run_leaves_its_windows_structures() -> None:
    config = load_config("euroc", ['frontend.engine="replay"'])
    sim = Simulation(7, seconds=1.0)
    kept: list[Case] = []
    with traced_windows(kept):
        for _ in run(sim, odometry_of(sim, config)):
            pass
    assert kept[-1].step.landmarks


def test_the_command_writes_the_calls_and_the_costs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls, record = tmp_path / "calls.txt", tmp_path / "costs.json"
    size = ["--frames", "6", "--tracks", "12", "--age", "4"]
    files = ["--calls", str(calls), "--json", str(record)]
    assert main(["hw", "schedule", *size, "--lanes", "2,4", "--kinds", *files]) == 0
    structure, leaving = worst_case(6, 12, 4)
    case = Case("6 frames, 12 tracks, in 4", structure, (leaving,))
    expected = keyframe_costs(case, [Machine(lanes=lanes) for lanes in (2, 4)])
    assert json.loads(record.read_text()) == {"keyframes": [a.record() for a in expected]}
    assert len(calls.read_text().splitlines()) == expected[0].calls
    out = capsys.readouterr().out
    assert all(f"{a.keyframes_s:.1f}" in out for a in expected)
    assert main(["hw", "schedule", *size, "--calls", str(tmp_path)]) == 2


def test_a_windows_class_is_that_of_the_arithmetic(window: Window) -> None:
    assert isinstance(by_kernels(copy.copy(window), Kernels()), Window32)
