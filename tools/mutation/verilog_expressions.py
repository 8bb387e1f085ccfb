# SPDX-License-Identifier: Apache-2.0
"""Find the expressions of a Verilog file and parse them: positions in the text, nothing evaluated.

Only what a circuit computes: right sides of assign, of declared wires and of assignments in always
blocks and functions, and conditions of `if` there. Parameters, ranges, indices, counts of
replication, generate conditions, headers and connections of instances are left out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vio.errors import VioError

_TOKEN = re.compile(
    r"(?P<skip>\s+|//[^\n]*|/\*.*?\*/|\(\*.*?\*\)|`(?:define|undef|include|default_nettype|ifdef|"
    r"ifndef|else|endif|timescale)(?:[^\n\\]|\\\n|\\)*)"
    r'|(?P<string>"[^"]*")'
    r"|(?P<number>\d+\s*'s?[bodhBODH][0-9a-fA-F_xXzZ]+|\d+)"
    r"|(?P<name>[`$]?[A-Za-z_][\w$]*(?:\.[A-Za-z_]\w*)*)"
    r"|(?P<sign><<<|>>>|<<|>>|<=|>=|==|!=|&&|\|\||~\^|~&|~\||\+:|-:|.)",
    re.DOTALL,
)
_LEVELS = (
    ("||",), ("&&",), ("|",), ("^", "~^"), ("&",), ("==", "!="), ("<", "<=", ">", ">="),
    ("<<", ">>", "<<<", ">>>"), ("+", "-"), ("*", "/", "%"),
)  # fmt: skip
_UNARY = ("!", "~", "-", "+", "&", "|", "^", "~&", "~|", "~^")
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_DECLARED = ("wire", "reg", "integer")
_PASSED = ("localparam", "parameter", "genvar", "defparam", "input", "output", "inout", "assign")


@dataclass(frozen=True)
class Token:
    """A word of the text at `start`; kind: string, number, name or sign."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """Where the text goes on."""
        return self.start + len(self.text)


@dataclass(frozen=True)
class Node:
    """A part of an expression: kind is binary, unary, ternary, number or other."""

    kind: str
    start: int
    end: int
    op: Token | None
    parts: tuple["Node", ...] = ()

    def walk(self) -> Iterator["Node"]:
        """Give this node and all below it."""
        yield self
        for part in self.parts:
            yield from part.walk()


@dataclass(frozen=True)
class Expression:
    """An expression and what it is for: a condition, or what `target` takes."""

    target: str
    condition: bool
    root: Node


def tokens_of(text: str) -> list[Token]:
    """Return the words of a file without comments, white space and directives."""
    return [
        Token(str(m.lastgroup), m.group(), m.start())
        for m in _TOKEN.finditer(text)
        if m.lastgroup != "skip"
    ]


class _Reader:
    """Walk over the words of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.words = tokens_of(path.read_text())
        self.at = 0
        self.found: list[Expression] = []

    @property
    def now(self) -> str:
        return self.words[self.at].text if self.at < len(self.words) else ""

    def take(self, text: str | None = None) -> Token:
        if self.at >= len(self.words) or (text is not None and self.now != text):
            start = self.words[self.at].start if self.at < len(self.words) else -1
            line = self.path.read_text()[:start].count("\n") + 1
            raise VioError(f"{self.path}:{line}: expected {text or 'more'}, found {self.now!r}")
        self.at += 1
        return self.words[self.at - 1]

    def skip_group(self) -> int:
        """Pass over a bracket and what is in it; return where it ends."""
        closing = _CLOSING[self.take().text]
        while self.now != closing:
            if self.now in _CLOSING:
                self.skip_group()
            else:
                self.take()
        return self.take().end

    def skip_to(self, *ends: str) -> None:
        """Pass to the next of the words `ends` outside of brackets."""
        while self.now not in ends:
            if self.now in _CLOSING:
                self.skip_group()
            else:
                self.take()

    # ---- expressions ----
    def expression(self) -> Node:
        condition = self.binary(0)
        if self.now != "?":
            return condition
        op = self.take()
        first = self.expression()
        self.take(":")
        second = self.expression()
        return Node("ternary", condition.start, second.end, op, (condition, first, second))

    def binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.now in _LEVELS[level]:
            op = self.take()
            right = self.binary(level + 1)
            left = Node("binary", left.start, right.end, op, (left, right))
        return left

    def unary(self) -> Node:
        if self.now not in _UNARY:
            return self.primary()
        op = self.take()
        operand = self.unary()
        return Node("unary", op.start, operand.end, op, (operand,))

    def primary(self) -> Node:
        first = self.words[self.at]
        parts: tuple[Node, ...] = ()
        if first.kind == "number":
            self.take()
            return Node("number", first.start, first.end, first)
        if first.text in ("(", "{"):
            end, parts = self.group()
            return Node("other", first.start, end, None, parts)
        if first.kind != "name":
            self.take("an operand")
        end = self.take().end
        while self.now == "[":
            end = self.skip_group()
        if self.now == "(":
            end, parts = self.group()
        return Node("other", first.start, end, None, parts)

    def group(self) -> tuple[int, tuple[Node, ...]]:
        """Return the end and the parts of (a), f(a, b), {a, b} or {n{a, b}}."""
        closing = _CLOSING[self.take().text]
        parts: list[Node] = []
        while self.now != closing:
            part = self.expression()
            if closing == "}" and self.now == "{":  # `part` is the count of a replication
                parts.extend(self.group()[1])
                break
            parts.append(part)
            if self.now == ",":
                self.take()
        return self.take(closing).end, tuple(parts)

    def keep(self, target: str, condition: bool = False) -> None:
        root = self.expression()
        if not target.startswith("unused"):
            self.found.append(Expression(target, condition, root))

    # ---- statements ----
    def statement(self) -> None:
        if self.now == ";":
            self.take()
        elif self.now == "begin":
            self.take()
            self.label()
            while self.now != "end":
                self.statement()
            self.take()
        elif self.now == "if":
            self.take()
            self.take("(")
            self.keep("if", condition=True)
            self.take(")")
            self.statement()
            if self.now == "else":
                self.take()
                self.statement()
        elif self.now in ("case", "casez"):
            self.take()
            self.skip_group()
            while self.now != "endcase":
                if self.now == "default":
                    self.take()
                else:
                    self.skip_to(":")
                if self.now == ":":
                    self.take()
                self.statement()
            self.take()
        elif self.now == "for":
            self.take()
            self.skip_group()
            self.statement()
        elif self.now in (*_DECLARED, *_PASSED):
            self.skip_to(";")
            self.take()
        else:
            target = self.now
            self.skip_to("<=", "=")
            self.take()
            self.keep(target)
            self.take(";")

    def label(self) -> None:
        if self.now == ":":
            self.take()
            self.take()

    def assignments(self) -> None:
        """Read `a = x, b, c = y;` behind assign, or behind wire and its range."""
        while self.now != ";":
            target = self.now
            self.skip_to("=", ",", ";")
            if self.now == "=":
                self.take()
                self.keep(target)
            if self.now == ",":
                self.take()
        self.take()

    def item(self) -> None:
        """Read an item of a module, or a part of one."""
        word = self.take().text
        if word == "module":
            self.skip_to(";")
            self.take()
        elif word == "always":
            self.take("@")
            if self.now == "*":
                self.take()
            else:
                self.skip_group()
            self.statement()
        elif word == "assign":
            self.assignments()
        elif word in _DECLARED:
            while self.now in ("signed", "["):
                if self.now == "[":
                    self.skip_group()
                else:
                    self.take()
            self.assignments()
        elif word == "function":
            self.skip_to(";")
            self.take()
            while self.now != "endfunction":
                self.statement()
            self.take()
        elif word in ("if", "for"):  # of a generate block
            self.skip_group()
        elif word in ("begin", "end", "else", "generate", "endgenerate", "endmodule"):
            if word == "begin":
                self.label()
        else:  # parameters, initial values, instances
            if word == "initial" and self.now == "begin":
                self.skip_to("end")
                self.take()
                return
            self.skip_to(";")
            self.take()


def expressions_of(path: Path) -> list[Expression]:
    """Return the expressions of a Verilog file; raises VioError where it cannot be read."""
    reader = _Reader(path)
    while reader.now:
        reader.item()
    return reader.found
