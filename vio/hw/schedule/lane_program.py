# SPDX-License-Identifier: Apache-2.0
"""The programs that lanes run, traced from the references of vio/float32/batches.py.

A kernel's loop body is called with values that record what is done with them, so that operations,
registers and cycles of a program are those of the code that `--backend float32` executes.
"""

from collections.abc import Sequence
from functools import cache, cached_property
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from vio.float32 import batches
from vio.float32 import float as fp32
from vio.float32.kernels import COMPOSITE, SIMPLE
from vio.hw.hls.graph import MAGNITUDE, SIGN, Graph, numbered
from vio.hw.hls.list_schedule import Units, schedule

ARITHMETIC = ("add", "sub", "mul", "div", "sqrt")
# Operands that a run of the back end never changes, by kernel: a robust threshold beyond all.
FIXED = {"linearize": {49: 1e20}, "linearize_own": {49: 1e20}}
SEEN, RESIDUALS = (0,), (4, 20)  # among the results of `linearize`: in front, two residuals
JACOBIANS = tuple(k for k in range(1, 33) if k not in RESIDUALS)


class Value:
    """Record the operations on a value."""

    def __init__(self, trace: "Trace", number: int) -> None:
        self.trace, self.number = trace, number

    def __bool__(self) -> bool:
        raise TypeError("a lane program branches by a value")

    def __mul__(self, other: Any) -> "Value":
        return self.trace.operation("mul", self, other)

    __rmul__ = __mul__  # a product of floats does not depend on the order

    def __and__(self, other: Any) -> "Value":
        return self.trace.operation("and", self, other)

    def __neg__(self) -> "Value":
        return self.trace.operation("neg", self)


class Trace:
    """Number values by what they are: ("input", name), ("constant", bits) or (kind, *operands)."""

    def __init__(self) -> None:
        self.keys: dict[tuple[Any, ...], int] = {}

    def value(self, *key: Any) -> Value:
        """Return the value of a key."""
        return Value(self, self.keys.setdefault(key, len(self.keys)))

    def number(self, x: Any) -> int:
        """Return the number of a value or of a constant."""
        if isinstance(x, Value):
            return x.number
        bits = 0xFFFFFFFF if x is True else int(np.float32(x).view(np.uint32))
        return self.value("constant", bits).number

    def constant(self, number: int) -> np.float32 | None:
        """Return the float of a constant's number, None where a value is not known before."""
        kind, *bits = list(self.keys)[number]
        return np.uint32(bits[0]).view(np.float32) if kind == "constant" else None

    def folded(self, kind: str, x: int, y: int) -> Value | None:
        """Return what an operation gives whatever its unknown operand is; None: it depends."""
        a, b = self.constant(x), self.constant(y)
        if a is not None and b is not None and hasattr(fp32, kind):
            return Value(self, self.number(getattr(fp32, kind)(a, b)))
        if kind == "lt" and a == np.inf:  # nothing is larger
            return Value(self, self.number(np.float32(0.0)))
        if kind in ("and", "andn", "or") and a is not None and not a.view(np.uint32):
            return Value(self, x if kind == "and" else y)
        if kind == "mul" and a == 1.0 and list(self.keys)[y][0] in ARITHMETIC:
            return Value(self, y)  # a result has no subnormals and one NaN
        if kind == "mul" and b == 1.0 and list(self.keys)[x][0] in ARITHMETIC:
            return Value(self, x)
        return None

    def operation(self, kind: str, *operands: Any) -> Value:
        """Return the value of an operation of `operations`."""
        value: Value = self.operations[kind](*operands)
        return value

    @cached_property
    def operations(self) -> dict[str, Any]:
        """What takes the place of the functions of float.py."""

        def two(kind: str) -> Any:
            def record(x: Any, y: Any) -> Value:
                a, b = self.number(x), self.number(y)
                known = self.folded(kind, a, b)
                return self.value(kind, a, b) if known is None else known

            return record

        def select(condition: Value, x: Any, y: Any) -> Value:
            taken = two("and")(condition, x)
            return two("or")(taken, two("andn")(condition, y))

        def root(x: Any) -> Value:
            return self.value("sqrt", self.number(x), self.number(x))

        def bits(value: int) -> Value:
            return self.value("constant", value)

        return {
            **{kind: two(kind) for kind in ("add", "sub", "mul", "div", "lt", "le", "eq", "and")},
            "sqrt": root,
            "neg": lambda x: two("xor")(x, bits(SIGN)),
            "absolute": lambda x: two("and")(x, bits(MAGNITUDE)),
            "select": select,
            "from_bits": lambda x: x,
        }


def objects(shape: Any, *_: Any) -> np.ndarray:
    return np.zeros(shape, object)


class Traced:
    """Make a module's compiled functions call what records, once for each module."""

    def __init__(self, trace: Trace) -> None:
        self.operations = trace.operations
        self.spaces: dict[str, dict[str, Any]] = {}

    def run(self, fill: batches.Fill, words: np.ndarray, out: np.ndarray) -> None:
        """Run a kernel's loop on operands (N, inputs), recorded."""
        self.space(batches)[fill.__name__](words, out)

    def space(self, module: ModuleType) -> dict[str, Any]:
        """Return a module's names, with functions that record."""
        if module.__name__ in self.spaces:
            return self.spaces[module.__name__]
        space = self.spaces[module.__name__] = dict(vars(module))
        for name, value in vars(module).items():
            if name in self.operations and getattr(fp32, name, None) is value:
                space[name] = self.operations[name]
            elif value is np:
                space[name] = SimpleNamespace(
                    empty=objects, zeros=objects, float32=np.float32, uint32=lambda x: x,
                    ndarray=np.ndarray,
                )  # fmt: skip
            elif value is fp32:
                space[name] = SimpleNamespace(**self.operations)
            elif isinstance(value, ModuleType) and value.__name__.startswith("vio.float32."):
                space[name] = SimpleNamespace(**self.space(value))
            elif hasattr(value, "py_func"):
                code = value.py_func
                if code.__module__ == module.__name__:
                    space[name] = FunctionType(code.__code__, space, name, code.__defaults__)
                else:
                    import sys

                    space[name] = self.space(sys.modules[code.__module__])[name]
        return space


@cache
def program(kernel: str, wanted: Sequence[int] | None = None, specialised: bool = True) -> Graph:
    """Return the operations of a kernel on one row of operands; wanted: of its results.

    specialised: to the operands of `FIXED`, whose operations fall away.
    """
    inputs, outputs, fill = SIMPLE[kernel] if kernel in SIMPLE else COMPOSITE[kernel]
    trace = Trace()
    names = [f"w.{k}" for k in range(inputs)]
    row = objects((1, inputs))
    row[0] = [trace.value("input", name) for name in names]
    for k, constant in FIXED.get(kernel, {}).items() if specialised else ():
        row[0, k] = np.float32(constant)
    out = objects((1, outputs))
    Traced(trace).run(fill, row, out)
    results = [out[0, k] for k in (range(outputs) if wanted is None else wanted)]
    return numbered(names, list(trace.keys), [trace.number(r) for r in results])


def copies(graph: Graph, times: int) -> Graph:
    """Return a graph of `times` of another, side by side, with common inputs."""
    first, size = graph.first_operation, len(graph.operations)
    operations = [
        type(o)(o.kind, tuple(v if v < first else v + k * size for v in o.operands))
        for k in range(times)
        for o in graph.operations
    ]
    outputs = tuple(v if v < first else v + k * size for k in range(times) for v in graph.outputs)
    return Graph(graph.input_names, graph.constants, tuple(operations), outputs)


@cache
def length(kernel: str, wanted: Sequence[int] | None, times: int, units: Units) -> int:
    """Return the cycles of a program that takes `times` rows of operands in one lane."""
    steps = schedule(copies(program(kernel, wanted), times), units)
    return 1 + max((step.written for step in steps), default=0)


def registers(graph: Graph, units: Units) -> int:
    """Return the most results that are alive at a time: written and still to be read."""
    steps, first = schedule(graph, units), graph.first_operation
    last = [step.written for step in steps]
    for step, operation in zip(steps, graph.operations, strict=True):
        for v in operation.operands:
            if v >= first:
                last[v - first] = max(last[v - first], step.cycle)
    end = max((step.written for step in steps), default=0)
    for v in graph.outputs:
        if v >= first:
            last[v - first] = end
    change = np.zeros(end + 2, np.int64)
    for step, until in zip(steps, last, strict=True):
        change[step.written] += 1
        change[until + 1] -= 1
    return int(np.cumsum(change).max(initial=0))
