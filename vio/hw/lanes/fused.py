# SPDX-License-Identifier: Apache-2.0
"""The operations of a lane: those of a traced graph, sums and products joined as a lane takes them.

A lane has a multiplier and an adder in a row, so that d + x y, d - x y and x y - d, each rounded
twice, are one operation. It selects x or y by a mask d.
"""

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from vio.hw.hls.graph import Graph

SUM, LOGIC, DIVIDE, IMMEDIATE = range(4)  # what a result comes from
# Operations: unit, and its code there (rtl/backend/lane/lane_units.v).
CODES = {
    "multiply_add": (SUM, 0), "multiply_subtract": (SUM, 1), "mul": (SUM, 2), "add": (SUM, 3),
    "sub": (SUM, 4), "product_minus": (SUM, 5),
    "lt": (LOGIC, 0), "le": (LOGIC, 1), "eq": (LOGIC, 2), "and": (LOGIC, 3), "andn": (LOGIC, 4),
    "or": (LOGIC, 5), "xor": (LOGIC, 6), "select": (LOGIC, 7),
    "div": (DIVIDE, 0), "sqrt": (DIVIDE, 1), "immediate": (IMMEDIATE, 0),
}  # fmt: skip


class Operation(NamedTuple):
    """Hold one operation of a lane; operands: values of x, y and d, as far as it has them.

    bits: of an immediate word.
    """

    kind: str
    operands: tuple[int, ...]
    bits: int = 0


@dataclass(frozen=True)
class Fused:
    """Hold operations in an order in which they can be taken; value k < inputs is an input.

    Value inputs + k is the result of operation k. outputs: values.
    """

    inputs: int
    operations: tuple[Operation, ...]
    outputs: tuple[int, ...]


def _simplified(graph: Graph) -> tuple[dict[int, int], list[tuple[str, tuple[int, ...]] | None]]:
    """Return what replaces a value, and the operations with masks of zero left out."""
    first, inputs = graph.first_operation, len(graph.input_names)
    zeros = {inputs + k for k, bits in enumerate(graph.constants) if not bits}
    same: dict[int, int] = {}
    kept: list[tuple[str, tuple[int, ...]] | None] = []
    for k, o in enumerate(graph.operations):
        a, b = (same.get(v, v) for v in o.operands)
        value = first + k
        if o.kind in ("and", "andn") and b in zeros:
            same[value] = b
        elif o.kind == "or" and (a in zeros or b in zeros):
            same[value] = a if b in zeros else b
        kept.append(None if value in same else (o.kind, (a, b)))
    return same, kept


def fused(graph: Graph) -> Fused:
    """Return a graph's operations as a lane takes them; the same bits."""
    first = graph.first_operation
    same, kept = _simplified(graph)
    outputs = [same.get(v, v) for v in graph.outputs]
    uses = Counter(v for o in kept if o for v in set(o[1]))
    uses.update(outputs)
    depth = [0] * (first + len(kept))
    inner: set[int] = set()  # products and masks that another operation takes in
    joined: dict[int, Operation] = {}
    for k, o in enumerate(kept):
        if o is None:
            continue
        kind, (a, b) = o
        value = first + k
        depth[value] = 1 + max(depth[a], depth[b])

        def once(v: int, wanted: str) -> tuple[int, ...] | None:
            found = kept[v - first] if v >= first else None
            return found[1] if found and found[0] == wanted and uses[v] == 1 else None

        joined[value] = Operation(kind, (a, b))
        if kind == "add":
            deep, other = (a, b) if depth[a] > depth[b] else (b, a)
            for product, rest in ((deep, other), (other, deep)):
                if (factors := once(product, "mul")) and a != b:
                    joined[value] = Operation("multiply_add", (*factors, rest))
                    inner.add(product)
                    break
        elif kind == "sub" and a != b:
            if factors := once(b, "mul"):
                joined[value] = Operation("multiply_subtract", (*factors, a))
                inner.add(b)
            elif factors := once(a, "mul"):
                joined[value] = Operation("product_minus", (*factors, b))
                inner.add(a)
        elif kind == "or":
            x, y = once(a, "and"), once(b, "andn")
            if x and y and x[0] == y[0]:
                joined[value] = Operation("select", (x[1], y[1], x[0]))
                inner |= {a, b}
    return _numbered(graph, joined, inner, outputs)


def _numbered(
    graph: Graph, joined: dict[int, Operation], inner: set[int], outputs: list[int]
) -> Fused:
    """Return what leads to the outputs, with the constants as immediate words."""
    inputs = len(graph.input_names)
    needed = set(outputs)
    for value in sorted(joined, reverse=True):
        if value in needed and value not in inner:
            needed.update(joined[value].operands)
    new = {k: k for k in range(inputs)}
    operations: list[Operation] = []
    for k, bits in enumerate(graph.constants):
        if inputs + k in needed:
            new[inputs + k] = inputs + len(operations)
            operations.append(Operation("immediate", (), bits))
    for value, o in joined.items():
        if value in needed and value not in inner:
            new[value] = inputs + len(operations)
            operations.append(Operation(o.kind, tuple(new[v] for v in o.operands)))
    return Fused(inputs, tuple(operations), tuple(new[v] for v in outputs))


def copied(one: Fused, times: int, value: int, copy: int) -> int:
    """Return what a value of a program is called in a copy of it, see `copies`."""
    if value < one.inputs:
        return copy * one.inputs + value
    number = value - one.inputs
    constants = sum(o.kind == "immediate" for o in one.operations)
    behind = copy * (len(one.operations) - constants) if number >= constants else 0
    return times * one.inputs + number + behind


def copies(one: Fused, times: int) -> Fused:
    """Return `times` of a program side by side; they have the immediate words in common.

    Inputs of copy c are c * inputs on; so are outputs.
    """
    constants = [o for o in one.operations if o.kind == "immediate"]
    operations = list(constants)
    for copy in range(times):
        operations += [
            o._replace(operands=tuple(copied(one, times, v, copy) for v in o.operands))
            for o in one.operations[len(constants) :]
        ]
    outputs = tuple(copied(one, times, v, c) for c in range(times) for v in one.outputs)
    return Fused(times * one.inputs, tuple(operations), outputs)
