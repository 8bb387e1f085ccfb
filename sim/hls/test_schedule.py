# SPDX-License-Identifier: Apache-2.0
"""The lanes' programs, traced from the references, against the kernels that XLS compiles."""

import pytest

from vio.hw.hls.kernel_block import UNITS, kernel_graph
from vio.hw.hls.kernels import KERNELS
from vio.hw.hls.list_schedule import KINDS, schedule
from vio.hw.schedule import lane_program
from vio.hw.schedule.machine import Machine

pytest.importorskip("xls", reason="pip install 'kestrel-vio[hw]'")

SHARED = ("linearize", "linearize_own", *(k for k in KERNELS if k.startswith("so3_")))


@pytest.mark.parametrize("name", SHARED)
def test_a_traced_program_has_the_operations_of_the_compiled_kernel(name: str) -> None:
    compiled, traced = kernel_graph(KERNELS[name]), lane_program.program(name, None, False)
    for kinds in KINDS[:3]:
        assert traced.count(*kinds) == compiled.count(*kinds)
    length = 1 + max(s.written for s in schedule(compiled, UNITS))
    assert abs(1 + max(s.written for s in schedule(traced, UNITS)) - length) <= 0.03 * length


def test_lanes_have_the_units_of_the_kernels_blocks() -> None:
    assert Machine().units == UNITS


def test_a_specialised_program_has_fewer_operations() -> None:
    compiled = kernel_graph(KERNELS["linearize"])
    assert lane_program.program("linearize").count("div", "sqrt") < compiled.count("div", "sqrt")
