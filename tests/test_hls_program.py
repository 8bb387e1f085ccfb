# SPDX-License-Identifier: Apache-2.0
"""Schedule, registers and microprogram of the sequencer, without a simulator or XLS."""

from pathlib import Path

import numpy as np
import pytest

from tests.sequencer_model import Sequencer, read_memory
from vio.errors import VioError
from vio.float32 import imu as imu32
from vio.hw.hls.graph import Graph, Operation, graph_of
from vio.hw.hls.list_schedule import Units, compile_program, schedule
from vio.hw.hls.microcode import header_text, program_text, sizes

GEN = Path(__file__).resolve().parents[1] / "hls" / "gen"
F = "(bits[1], bits[8], bits[23])"
IR = f"""package words

fn __float__add(x: {F} id=1, y: {F} id=2) -> {F} {{
  ret add.3: {F} = whatever(x, y, id=3)
}}

fn __float__mul(x: {F} id=4, y: {F} id=5) -> {F} {{
  ret mul.6: {F} = whatever(x, y, id=6)
}}

fn __m__pair(a: {F}[2] id=7, k: {F} id=8) -> {F}[2] {{
  literal.9: bits[32] = literal(value=0, id=9)
  literal.10: bits[32] = literal(value=1, id=10)
  x: {F} = array_index(a, indices=[literal.9], id=11)
  y: {F} = array_index(a, indices=[literal.10], id=12)
  HALF: {F} = literal(value=(0, 126, 0), id=13)
  invoke.14: {F} = invoke(x, HALF, to_apply=__float__mul, id=14)
  invoke.15: {F} = invoke(x, HALF, to_apply=__float__mul, id=15)
  unused: {F} = invoke(y, y, to_apply=__float__mul, id=16)
  invoke.17: {F} = invoke(invoke.14, k, to_apply=__float__add, id=17)
  invoke.18: {F} = invoke(invoke.15, y, to_apply=__float__add, id=18)
  array_update.19: {F}[2] = array_update(a, invoke.17, indices=[literal.9], id=19)
  ret array_update.20: {F}[2] = array_update(array_update.19, invoke.18, indices=[literal.10], id=20)
}}
"""  # noqa: E501


def test_a_graph_takes_equal_operations_once_and_leaves_out_unused_ones() -> None:
    graph = graph_of(IR, "__m__pair")
    assert graph.input_names == ("a.0", "a.1", "k")
    assert graph.constants == (0x3F000000,)
    assert graph.operations == (
        Operation("mul", (0, 3)), Operation("add", (4, 2)), Operation("add", (4, 1)),
    )  # fmt: skip
    assert graph.outputs == (5, 6)


def test_an_operation_that_is_not_scheduled_is_refused_by_name() -> None:
    with pytest.raises(VioError, match=r"invoke\.14|fmul|whatever"):
        graph_of(IR.replace("fn __float__mul", "fn __other__mul").replace(
            "to_apply=__float__mul", "to_apply=__other__mul"), "__m__pair")  # fmt: skip


def random_graph(seed: int, inputs: int = 12, operations: int = 150) -> Graph:
    """Return a graph whose last operations write the first inputs anew."""
    rng = np.random.default_rng(seed)
    first = inputs + 2
    steps = []
    for k in range(operations):
        kind = str(rng.choice(["add", "sub", "mul"]))
        back = min(first + k, 40)
        a, b = first + k - 1 - rng.integers(0, back, 2)
        b = rng.integers(0, first) if kind == "mul" else b  # at most 2: nothing overflows
        steps.append(Operation(kind, (int(a), int(b))))
    last = first + operations
    return Graph(
        tuple(f"i{k}" for k in range(inputs)), (0x3F000000, 0x40000000), tuple(steps),
        tuple(range(last - 5, last)),
    )  # fmt: skip


@pytest.mark.parametrize("units", [Units(1, 1), Units(2, 2), Units(3, 1, 6, 3)])
def test_no_operation_reads_before_its_operands_are_written(units: Units) -> None:
    graph = random_graph(1)
    steps = schedule(graph, units)
    assert len({(s.cycle, s.unit) for s in steps}) == len(steps)  # one operation a unit and cycle
    for step, operation in zip(steps, graph.operations, strict=True):
        assert step.unit in units.of(operation.kind)
        assert step.written == step.cycle + 2 + units.stages(operation.kind)
        for value in operation.operands:
            if value >= graph.first_operation:
                assert steps[value - graph.first_operation].written < step.cycle


@pytest.mark.parametrize("units", [Units(1, 1), Units(2, 2), Units(2, 3, 7, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_a_program_gives_what_its_graph_gives(tmp_path: Path, units: Units, seed: int) -> None:
    graph = random_graph(seed)
    program = compile_program(graph, units, range(5))
    values = sizes(program, 3, 4)
    start = [0x3F800000 + k for k in range(5)]
    (tmp_path / "x_program.vh").write_text(header_text(values, "test"))
    (tmp_path / "x_program.v").write_text(program_text("x", program, start, values, "test"))
    model = Sequencer(tmp_path, "x")
    rng = np.random.default_rng(seed)
    setup = rng.uniform(-1, 1, 3).astype(np.float32)
    model.start(setup)
    state = np.array(start, np.uint32).view(np.float32)
    for _ in range(3):
        sample = rng.uniform(-1, 1, 4).astype(np.float32)
        model.sample(sample)
        state = evaluate(graph, np.concatenate([state, setup, sample]))
        assert np.isfinite(state).all()
        assert np.array_equal(model.read().view(np.uint32), state.view(np.uint32))


def evaluate(graph: Graph, inputs: np.ndarray) -> np.ndarray:
    """Return the outputs of a graph, by numpy."""
    constants = np.array(graph.constants, np.uint32).view(np.float32)
    values = [*inputs, *constants]
    function = {"add": np.add, "sub": np.subtract, "mul": np.multiply}
    with np.errstate(all="ignore"):
        for operation in graph.operations:
            a, b = (values[k] for k in operation.operands)
            result = function[operation.kind](a, b)
            tiny = np.abs(result) < np.finfo(np.float32).tiny
            values.append(np.float32(np.copysign(0.0, result)) if tiny else result)
    return np.array([values[k] for k in graph.outputs], np.float32)


def test_a_bank_that_is_too_small_is_refused() -> None:
    sums = [Operation("add", (k % 12, (k + 1 + k // 12) % 12)) for k in range(300)]
    products = [Operation("mul", (12 + k, 311)) for k in range(300)]
    names = tuple(f"i{k}" for k in range(12))
    wide = Graph(names, (), (*sums, *products), (610, 611))
    with pytest.raises(VioError, match="bank 0 needs"):
        compile_program(wide, Units(1, 1), range(2))


def test_the_generated_program_gives_the_bits_of_the_reference() -> None:
    model = Sequencer(GEN, "imu")
    rng = np.random.default_rng(5)
    setup = np.concatenate([rng.normal(0, 0.05, 6), [1e-7, 6e-5]]).astype(np.float32)
    model.start(setup)
    state = imu32.start()
    assert np.array_equal(model.read(), state)
    for _ in range(3):
        sample = np.concatenate([[0.005], rng.normal(0, 3, 6)]).astype(np.float32)
        model.sample(sample)
        state = imu32.step(state, setup, sample)
        assert np.array_equal(model.read().view(np.uint32), state.view(np.uint32))


def test_a_program_that_writes_one_word_elsewhere_is_found() -> None:
    """The negative test of the one above."""
    model = Sequencer(GEN, "imu")
    enable = model.sizes["UNIT_W"] - 1  # of the first adder's writing
    cycle = next(k for k in range(200, 357) if model.program[k] >> enable & 1)
    model.program[cycle] ^= 1 << enable - 2
    setup = np.array([0.01, -0.02, 0.03, 0.1, 0.2, -0.1, 1e-7, 6e-5], np.float32)
    sample = np.array([0.005, 1, -2, 3, 4, -5, 9], np.float32)
    model.start(setup)
    model.sample(sample)
    model.sample(sample)
    expected = imu32.integrate(setup, np.stack([sample, sample]))
    assert not np.array_equal(model.read().view(np.uint32), expected.view(np.uint32))


def test_the_program_meets_its_rate() -> None:
    sizes_of = Sequencer(GEN, "imu").sizes
    cycles = sizes_of["SAMPLE_WORDS"] + sizes_of["PROGRAM_WORDS"]
    assert len(read_memory((GEN / "imu_program.v").read_text(), "words_mem")) == cycles - 7
    assert 83.3e6 / cycles >= 200e3
