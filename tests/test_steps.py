# SPDX-License-Identifier: Apache-2.0
"""The float tracker and the golden model take the same steps in the same order, by their source."""

import ast
import inspect
import textwrap

import pytest

from vio.fixed.frontend import FixedFrontEnd
from vio.fixed.klt import track_span as fixed_kernel
from vio.frontend.float import FloatFrontEnd
from vio.frontend.frontend import KeyframeFrontEnd
from vio.frontend.klt import track_span as float_kernel
from vio.frontend.opencv import OpenCvFrontEnd

STEPS = (
    "window_inside", "cut_template", "form_normal", "invert_normal",
    "sample_window", "mismatch", "solve_step", "update", "accept",
)  # fmt: skip


def steps(source: str) -> list[str]:
    """Return the steps that a function calls, in the order of its text."""
    calls = [n for n in ast.walk(ast.parse(textwrap.dedent(source))) if isinstance(n, ast.Call)]
    calls.sort(key=lambda n: (n.lineno, n.col_offset))
    return [n.func.id for n in calls if isinstance(n.func, ast.Name) and n.func.id in STEPS]


@pytest.mark.parametrize("kernel", [float_kernel, fixed_kernel], ids=["float", "fixed"])
def test_a_window_is_followed_by_the_same_steps_in_the_same_order(kernel) -> None:  # type: ignore[no-untyped-def]
    assert steps(inspect.getsource(kernel.py_func)) == list(STEPS)


def test_steps_in_another_order_or_under_another_name_are_found() -> None:
    source = inspect.getsource(fixed_kernel.py_func)
    assert steps(source.replace("solve_step(", "solve(")) != list(STEPS)
    swapped = source.replace("form_normal(", "x(").replace("invert_normal(", "form_normal(")
    assert steps(swapped.replace("x(", "invert_normal(")) != list(STEPS)


@pytest.mark.parametrize("engine", [FloatFrontEnd, FixedFrontEnd, OpenCvFrontEnd])
def test_an_engine_supplies_steps_and_leaves_the_order_and_the_decisions(engine: type) -> None:
    assert issubclass(engine, KeyframeFrontEnd)
    decisions = {n for n in vars(KeyframeFrontEnd) if n not in KeyframeFrontEnd.__abstractmethods__}
    decisions -= {"__init__", "__doc__", "__module__", "__abstractmethods__", "_abc_impl"}
    decisions -= {"unit_scale", "__annotations__"}
    decisions.remove("configure")  # an engine adds its own settings, as in __init__
    assert {"track", "_advance", "_verify_motion", "_match_verified"} <= decisions
    own = {n for c in engine.__mro__[: engine.__mro__.index(KeyframeFrontEnd)] for n in vars(c)}
    assert own & decisions == set()
