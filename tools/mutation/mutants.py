# SPDX-License-Identifier: Apache-2.0
"""Break Verilog in small ways: find the mutants of a file, and write a file that holds several.

A file with mutants behaves as the original where the environment variable KESTREL_MUTANT is 0 or
absent, and as mutant n where it is n (read once, through Verilator's `$c`): one build for all.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.mutation.verilog_expressions import Expression, Node, expressions_of

VARIABLE = "KESTREL_MUTANT"
_SWAPS = {
    "+": "-", "-": "+", "*": "+", "&&": "||", "||": "&&", "&": "|", "|": "&", "^": "|", "~^": "^",
    "<<": ">>", ">>": "<<", ">>>": ">>", "==": "!=", "!=": "==",
}  # fmt: skip
_NEAR = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
_SIZED = re.compile(r"(\d+)\s*'(s?)([bodhBODH])([0-9a-fA-F_]+)")
_BASES = {"b": 2, "o": 8, "d": 10, "h": 16}


@dataclass(frozen=True)
class Mutant:
    """One change: text[start:end] of the file, part of `expression`, becomes `mutated`."""

    path: Path
    line: int
    kind: str
    start: int
    end: int
    original: str
    mutated: str
    expression: tuple[int, int]


def _off_by_one(number: str, generator: random.Random) -> str | None:
    """Return a number next to this one in the same size and base; None where it has x or z."""
    if number.isdecimal():
        return str(int(number) + 1)
    match = _SIZED.fullmatch(number)
    if match is None:
        return None
    size, sign, base, digits = match.groups()
    value = int(digits.replace("_", ""), _BASES[base.lower()])
    value = (value + generator.choice((1, -1))) % (1 << int(size))
    return f"{size}'{sign}d{value}"


def _changes(
    expression: Expression, node: Node, text: str, generator: random.Random
) -> Iterator[tuple[str, int, int, str]]:
    """Give the changes of one node: kind, start, end, new text."""
    spans = [text[part.start : part.end] for part in node.parts]
    op = node.op
    if expression.condition and node is expression.root:
        yield "condition negated", node.start, node.end, f"!({text[node.start : node.end]})"
    if op is None:
        return
    if node.kind == "number":
        number = _off_by_one(op.text, generator)
        if number is not None:
            yield "constant", op.start, op.end, number
    elif node.kind == "unary":
        if op.text in ("!", "~", "-"):
            yield "negation dropped", node.start, node.end, spans[0]
        elif op.text in ("&", "|"):
            yield "operator", op.start, op.end, _SWAPS[op.text]
    elif node.kind == "ternary":
        yield "branches swapped", node.start, node.end, f"{spans[0]} ? {spans[2]} : {spans[1]}"
    elif node.kind == "binary":
        if op.text in _SWAPS:
            yield "operator", op.start, op.end, _SWAPS[op.text]
        if op.text in _NEAR:
            yield "comparison", op.start, op.end, _NEAR[op.text]
        if op.text in _NEAR or op.text == "-":
            yield (
                "operands swapped",
                node.start,
                node.end,
                f"({spans[1]}) {op.text} ({spans[0]})",
            )
        if op.text in ("+", "-", "&&", "||", "&", "|", "^"):
            yield "term dropped", node.start, node.end, f"({generator.choice(spans)})"


def mutants_of(path: Path, seed: int = 0) -> list[Mutant]:
    """Return all mutants of a Verilog file, in the order of the text."""
    text = path.read_text()
    generator = random.Random(f"{seed} {path.name}")
    found = []
    for expression in expressions_of(path):
        root = expression.root
        for node in root.walk():
            for kind, start, end, mutated in _changes(expression, node, text, generator):
                line = text.count("\n", 0, start) + 1
                original = text[start:end]
                whole = (root.start, root.end)
                found.append(Mutant(path, line, kind, start, end, original, mutated, whole))
    return found


def choose(paths: Sequence[Path], count: int, seed: int) -> list[Mutant]:
    """Return `count` mutants of some files drawn by a seed, in the order of files and text."""
    every = [mutant for path in paths for mutant in mutants_of(path, seed)]
    generator = random.Random(f"{seed} {' '.join(path.stem for path in paths)}")
    drawn = generator.sample(range(len(every)), min(count, len(every)))
    return [every[i] for i in sorted(drawn)]


def with_mutants(path: Path, mutants: dict[int, Mutant]) -> str:
    """Return the text of a file that holds the given mutants, numbered from 1."""
    text = path.read_text()
    by_expression: dict[tuple[int, int], list[tuple[int, Mutant]]] = {}
    for number, mutant in mutants.items():
        by_expression.setdefault(mutant.expression, []).append((number, mutant))
    for (start, end), held in sorted(by_expression.items(), reverse=True):
        broken = ""
        for number, m in held:
            changed = text[start : m.start] + m.mutated + text[m.end : end]
            broken += f"kestrel_mutant == {number} ? ({changed}) : "
        text = f"{text[:start]}({broken}({text[start:end]})){text[end:]}"
    header = re.search(r"^\);", text, re.MULTILINE)
    assert header is not None, path
    value = f'std::getenv(\\"{VARIABLE}\\")'
    chooser = (
        "\n  integer kestrel_mutant;\n"
        f'  initial kestrel_mutant = $c32("({value} ? std::atoi({value}) : 0)");\n'
    )
    return text[: header.end()] + chooser + text[header.end() :]
