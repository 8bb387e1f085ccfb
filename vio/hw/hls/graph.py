# SPDX-License-Identifier: Apache-2.0
"""Read a straight-line DSLX function as a graph of float operations.

XLS converts DSLX to its IR, in which loops are unrolled but functions are still called. The walk
follows calls, loops of a constant count, tuples, arrays and constant indices down to the operations
of hls/float.x, which become the nodes; an operation on the same operands is taken once, one that
leads nowhere is left out. A condition is a mask, all ones for true; what depends on one becomes
bitwise operations.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from vio.errors import VioError

FLOAT = "(bits[1], bits[8], bits[23])"
WORD = "bits[32]"
OPERATIONS = ("add", "sub", "mul", "div", "sqrt", "lt", "le", "eq", "neg", "absolute", "select")
SIGN, MAGNITUDE = 0x80000000, 0x7FFFFFFF
_UNCHANGED = re.compile(r"__float32__(un)?flatten$")  # a float is its 32 bits


class Operation(NamedTuple):
    """Hold one operation; operands: numbers of values (see `Graph`).

    kind: add, sub, mul, div, sqrt (of both operands, which are the same); lt, le, eq, which give
    masks; and, andn (of the first's complement), or, xor.
    """

    kind: str
    operands: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """Hold a function's operations in an order in which they can be taken.

    Values are numbered: inputs in the order of the parameters' leaves, then constants (the bits of
    a float32), then operations. outputs: the values of the result's leaves. input_names: as in the
    source, `state.0.1` for leaf 1 of leaf 0 of parameter `state`.
    """

    input_names: tuple[str, ...]
    constants: tuple[int, ...]
    operations: tuple[Operation, ...]
    outputs: tuple[int, ...]

    @property
    def first_operation(self) -> int:
        """The number of the first operation's value."""
        return len(self.input_names) + len(self.constants)

    def count(self, *kinds: str) -> int:
        """Return how many operations are of these kinds."""
        return sum(operation.kind in kinds for operation in self.operations)


class _Node(NamedTuple):
    name: str
    type: str
    op: str
    arguments: tuple[str, ...]
    attributes: dict[str, str]


class _Function(NamedTuple):
    parameters: tuple[tuple[str, str], ...]
    nodes: tuple[_Node, ...]
    result: str


def _split(text: str) -> list[str]:
    """Split at the commas that are in no bracket."""
    parts, depth, start = [], 0, 0
    for k, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if c == "," and depth == 0:
            parts.append(text[start:k].strip())
            start = k + 1
    return [*parts, text[start:].strip()] if text[start:].strip() else parts


_HEAD = re.compile(r"(?:top )?fn (\w+)\((.*)\) -> (.*) \{$")
_NODE = re.compile(r"(ret )?([\w.]+): (.*?) = (\w+)\((.*)\)$")


def _functions(ir: str) -> dict[str, _Function]:
    """Return the functions of an IR text."""
    functions: dict[str, _Function] = {}
    name, result = "", ""
    parameters: tuple[tuple[str, str], ...] = ()
    nodes: list[_Node] = []
    for line in ir.splitlines():
        line = line.strip()
        if head := _HEAD.match(line):
            split = [p.rsplit(" id=", 1)[0].split(": ", 1) for p in _split(head[2])]
            name, parameters = head[1], tuple((n, t) for n, t in split)
            nodes, result = [], ""
        elif line == "}" and name:
            functions[name] = _Function(parameters, tuple(nodes), result)
            name = ""
        elif name and (line.startswith("ret ") and "=" not in line):
            result = line[4:].split(":")[0]  # a parameter
        elif name and (node := _NODE.match(line)):
            arguments, attributes = [], {}
            for part in _split(node[5]):
                key, equals, value = part.partition("=")
                if equals:
                    attributes[key] = value
                else:
                    arguments.append(part)
            nodes.append(_Node(node[2], node[3], node[4], tuple(arguments), attributes))
            result = node[2] if node[1] else result
    return functions


def _literal(text: str) -> Any:
    """Return an IR value: integers, lists for arrays and tuples."""
    if text[0] in "([":
        return [_literal(part) for part in _split(text[1:-1])]
    return int(text, 0)


def _element_type(type_: str) -> tuple[str, int] | None:
    """Return type and number of an array type's elements."""
    array = re.match(r"(.*)\[(\d+)\]$", type_)
    return (
        None
        if array is None or (type_.startswith("bits") and "[" not in array[1])
        else (array[1], int(array[2]))
    )


class _Walk:
    """Gather the operations while a function is followed."""

    def __init__(self, functions: dict[str, _Function], module: str) -> None:
        self.functions = functions
        self.leaf = re.compile(rf"__{module}__({'|'.join(OPERATIONS)})$")
        self.names: list[str] = []
        self.keys: dict[tuple[Any, ...], int] = {}  # ("constant", bits) or (kind, *operands)

    def value(self, *key: Any) -> "_Value":
        return _Value(self.keys.setdefault(key, len(self.keys)))

    def parameter(self, name: str, type_: str) -> Any:
        """Return a parameter with a value for each leaf."""
        if type_ in (FLOAT, WORD):
            self.names.append(name)
            return self.value("input", name)
        if element := _element_type(type_):
            parts = [element[0]] * element[1]
        elif type_.startswith("("):
            parts = _split(type_[1:-1])
        else:
            raise VioError(f"parameter {name} of type {type_}: only floats can be scheduled")
        return [self.parameter(f"{name}.{k}", part) for k, part in enumerate(parts)]

    def constant(self, type_: str, value: Any) -> Any:
        """Return a literal with its floats as values."""
        if type_ == FLOAT:
            sign, exponent, fraction = value
            return self.value("constant", sign << 31 | exponent << 23 | fraction)
        if element := _element_type(type_):
            return [self.constant(element[0], v) for v in value]
        if type_.startswith("("):
            parts = _split(type_[1:-1])
            return [self.constant(t, v) for t, v in zip(parts, value, strict=True)]
        return value

    def call(self, name: str, arguments: Sequence[Any]) -> Any:
        """Return what a function gives for these arguments."""
        if leaf := self.leaf.search(name):
            return self.operation(leaf[1], arguments)
        if _UNCHANGED.search(name):
            (word,) = arguments
            return self.value("constant", word) if isinstance(word, int) else word
        function = self.functions[name]
        here = {p: a for (p, _), a in zip(function.parameters, arguments, strict=True)}
        for node in function.nodes:
            here[node.name] = self.node(node, here)
        return here[function.result]

    def operation(self, kind: str, arguments: Sequence["_Value"]) -> "_Value":
        """Return the value of an operation of float.x, made of those of `Operation`."""
        a = arguments[0]
        if kind == "neg":
            return self.value("xor", a.number, self.value("constant", SIGN).number)
        if kind == "absolute":
            return self.value("and", a.number, self.value("constant", MAGNITUDE).number)
        if kind == "select":
            taken = self.value("and", a.number, arguments[1].number)
            other = self.value("andn", a.number, arguments[2].number)
            return self.value("or", taken.number, other.number)
        if kind == "sqrt":
            return self.value(kind, a.number, a.number)
        return self.value(kind, *(x.number for x in arguments))

    def loop(self, node: _Node, here: dict[str, Any]) -> Any:
        """Return what a loop of a constant count gives."""
        carried = here[node.arguments[0]]
        fixed = [here[a] for a in _split(node.attributes.get("invariant_args", "[]")[1:-1])]
        for k in range(int(node.attributes["trip_count"])):
            index = k * int(node.attributes["stride"])
            carried = self.call(node.attributes["body"], [index, carried, *fixed])
        return carried

    def node(self, node: _Node, here: dict[str, Any]) -> Any:
        """Return the value of a node."""
        given = [here[a] for a in node.arguments if a in here]
        indices = [here[i] for i in _split(node.attributes.get("indices", "[]")[1:-1])]
        if node.op == "literal":
            return self.constant(node.type, _literal(node.attributes["value"]))
        if node.op in ("tuple", "array"):
            return given
        if node.op == "tuple_index":
            return given[0][int(node.attributes["index"])]
        if node.op == "array_index":
            value = given[0]
            for index in indices:
                value = value[min(index, len(value) - 1)]  # XLS's rule beyond the end
            return value
        if node.op == "array_update":
            return _updated(given[0], given[1], indices)
        if node.op == "invoke":
            return self.call(node.attributes["to_apply"], given)
        if node.op == "counted_for":
            return self.loop(node, here)
        if node.op in _INTEGER and all(isinstance(value, int) for value in given):
            return _INTEGER[node.op](*given) & _mask(node.type)
        if node.op == "zero_ext" and isinstance(given[0], _Value):
            return self.value("and", given[0].number, self.value("constant", 1).number)
        if node.op == "sel" and isinstance(given[0], int):
            cases = [here[c] for c in _split(node.attributes["cases"][1:-1])]
            return cases[given[0]] if given[0] < len(cases) else here[node.attributes["default"]]
        raise VioError(f"{node.name}: {node.op} on {node.arguments} is no operation of float.x")


class _Value(NamedTuple):
    number: int


_INTEGER: dict[str, Callable[[int, int], int]] = {
    "eq": lambda a, b: int(a == b),
    "ne": lambda a, b: int(a != b),
    "ult": lambda a, b: int(a < b),
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "umul": lambda a, b: a * b,
}


def _mask(type_: str) -> int:
    """Return all ones of an integer type."""
    return (1 << int(type_.removeprefix("bits[").removesuffix("]"))) - 1


def _updated(array: list[Any], value: Any, indices: Sequence[int]) -> list[Any]:
    copy = list(array)
    copy[indices[0]] = (
        value if len(indices) == 1 else _updated(copy[indices[0]], value, indices[1:])
    )
    return copy


def _leaves(value: Any) -> list[int]:
    """Return the values of a result, in order."""
    return [value.number] if isinstance(value, _Value) else [n for v in value for n in _leaves(v)]


def readers_of(
    operands: Iterable[tuple[int, ...]], first: int
) -> tuple[list[list[int]], list[int]]:
    """Return which operations read each operation's result, and how many results each waits for.

    operands: values of each operation, of which those from `first` on are results, in their order.
    """
    wanted = [{v - first for v in values if v >= first} for values in operands]
    readers: list[list[int]] = [[] for _ in wanted]
    for k, results in enumerate(wanted):
        for result in results:
            readers[result].append(k)
    return readers, [len(results) for results in wanted]


def numbered(names: Sequence[str], keys: Sequence[tuple[Any, ...]], results: list[int]) -> Graph:
    """Return the graph of values given by their keys, the inputs first; without unused ones."""
    inputs = len(names)
    needed = set(results)
    for number in range(len(keys) - 1, inputs - 1, -1):
        if number in needed and keys[number][0] != "constant":
            needed.update(keys[number][1:])
    constants = [n for n in sorted(needed) if n >= inputs and keys[n][0] == "constant"]
    operations = [n for n in sorted(needed) if n >= inputs and keys[n][0] != "constant"]
    order = [*range(inputs), *constants, *operations]
    renamed = {number: k for k, number in enumerate(order)}
    return Graph(
        tuple(names),
        tuple(keys[n][1] for n in constants),
        tuple(Operation(keys[n][0], tuple(renamed[a] for a in keys[n][1:])) for n in operations),
        tuple(renamed[n] for n in results),
    )


def graph_of(ir: str, function: str, module: str = "float") -> Graph:
    """Return the graph of a function (its mangled name) of an IR text.

    module: in which the operations are. Raises VioError for what is neither an operation nor known
    before it runs.
    """
    functions = _functions(ir)
    if function not in functions:
        raise VioError(f"there is no function {function}; there are: {', '.join(functions)}")
    walk = _Walk(functions, module)
    arguments = [walk.parameter(name, type_) for name, type_ in functions[function].parameters]
    results = _leaves(walk.call(function, arguments))
    return numbered(walk.names, list(walk.keys), results)
