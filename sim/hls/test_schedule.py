# SPDX-License-Identifier: Apache-2.0
"""The schedule's cycles against list schedules of the kernels that XLS compiles, on L lanes."""

import pytest

from vio.hw.hls.graph import Graph, Operation
from vio.hw.hls.kernel_block import kernel_graph
from vio.hw.hls.kernels import KERNELS
from vio.hw.hls.list_schedule import READ_CYCLES, Units, schedule
from vio.hw.schedule.cost import cost_of
from vio.hw.schedule.landmark_cost import Part, loop_cycles
from vio.hw.schedule.machine import Call, Machine

pytest.importorskip("xls", reason="pip install 'kestrel-vio[hw]'")

MANY = 1000  # units: as many as anybody asks for


def units_of(machine: Machine, count: int) -> Units:
    """Return units with the machine's latencies, `count` of each kind; logic takes no cycle."""
    extra = READ_CYCLES + 1  # that a program of the sequencer takes beside a unit's stages
    return Units(
        *(count, count, machine.add - extra, machine.mul - extra, count, MANY),
        divider_stages=machine.div - extra,
        logic_stages=-extra,
        divider_interval=machine.divide_ii,
    )


def copies(graph: Graph, times: int) -> Graph:
    """Return a graph of `times` of another, side by side."""
    first, size = graph.first_operation, len(graph.operations)
    operations = [
        Operation(o.kind, tuple(v if v < first else v + k * size for v in o.operands))
        for k in range(times)
        for o in graph.operations
    ]
    return Graph(graph.input_names, graph.constants, tuple(operations), graph.outputs)


def length(graph: Graph, units: Units) -> int:
    return 1 + max(step.written for step in schedule(graph, units))


def operations_of(graph: Graph) -> Part:
    return (
        *(graph.count("mul"), graph.count("add", "sub")),
        *(graph.count("div"), graph.count("sqrt")),
    )


@pytest.mark.parametrize("lanes", [1, 4, 8])
@pytest.mark.parametrize("name", ["linearize", "linearize_own"])
def test_a_loop_over_observations_takes_no_longer_than_it_is_charged(name: str, lanes: int) -> None:
    m, graph = Machine(lanes), kernel_graph(KERNELS[name])
    body, path = operations_of(graph), length(graph, units_of(m, MANY))
    # The longest path that the schedule knows is one through another frame's observation.
    assert path <= cost_of(Call("", "linearize", (0, 0, 0, 0, 0, 0)), m).cycles
    for times in (1, 4, 12):
        taken = length(copies(graph, times), units_of(m, lanes))
        charged = loop_cycles(m, [(times, body)], path)
        assert taken <= charged
    assert taken > 0.6 * charged  # no wide bound for many


@pytest.mark.parametrize("lanes", [1, 4, 8])
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("qr_householder", Call("", "step", (3, 3))),
        ("qr_givens", Call("", "rotate", (3,))),
        ("triangular", Call("", "column", (4,))),
    ],
)
def test_a_step_takes_no_longer_than_it_is_charged(name: str, call: Call, lanes: int) -> None:
    m = Machine(lanes)
    taken = length(kernel_graph(KERNELS[name]), units_of(m, lanes))
    charged = cost_of(call, m).cycles
    assert 0.6 * charged < taken <= charged
