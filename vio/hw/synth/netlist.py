# SPDX-License-Identifier: Apache-2.0
"""What the Verilog is made of: modules, ports, parameters, instances and nets, by pyverilog."""

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from vio.errors import VioError
from vio.hw import verilog_sources

CLOCKS = ("clk", "s_clk", "m_clk", "pixel_clk", "left_pixel_clk", "right_pixel_clk")
_REGISTER = re.compile(r"(_q|_d|_mem|_pipe|memory)\d*$")


@dataclass(frozen=True)
class Port:
    """Hold a port: direction (input or output), name, and its width as written ("" for a bit)."""

    direction: str
    name: str
    width: str


@dataclass(frozen=True)
class Instance:
    """Hold an instance: module, name, {port: expression}; named: all connections have names."""

    module: str
    name: str
    nets: dict[str, str]
    named: bool


@dataclass
class Module:
    """Hold a module: its name, what its head says (purpose; Latency, Throughput ...), and parts.

    wing: the folder of rtl/ that it lies in, empty for a top. wrong: the rules that it breaks, as
    far as a parser sees them.
    """

    name: str
    head: dict[str, str]
    wing: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    ports: list[Port] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def head_of(text: str) -> dict[str, str]:
    """Return the purpose, and each `Name:` paragraph, of the comment at a file's head."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("//"):
            break
        lines.append(line[2:].rstrip())
    body = [line for line in lines if "SPDX" not in line]
    if body and body[0].strip().startswith("Generated"):
        body = body[1:]
    found: dict[str, str] = {"purpose": body[0].strip() if body else ""}
    key = ""
    for line in body[1:]:
        match = re.match(r" ([A-Z][\w ]{2,14}):\s+(.*)", line)
        if match:
            key = match.group(1)
            found[key] = match.group(2).strip()
        elif key and line.startswith("    "):
            found[key] += " " + line.strip()
        else:
            key = ""
    # Two paragraphs may share a line.
    latency, _, throughput = found.get("Latency", "").partition(" Throughput: ")
    if throughput:
        found["Latency"], found["Throughput"] = latency, throughput
    return found


def _source(path: Path, headers: Path) -> str:
    """Return a file as pyverilog takes it without a preprocessor: includes put in.

    Of a header, the part for a parameter list stands where PORT_WIDTHS is defined, else the rest.
    """

    def included(match: re.Match[str], ports: bool) -> str:
        header = (headers / match.group(1)).read_text()
        return re.sub(
            r"^`ifdef PORT_WIDTHS\n(.*?)^`else\n(.*?)^`endif\n",
            lambda parts: parts.group(1 if ports else 2),
            header,
            flags=re.DOTALL | re.MULTILINE,
        )

    text = path.read_text()
    pattern = r'`include "(\w+\.vh)"'
    text = re.sub(
        r"`define PORT_WIDTHS\n(.*?)`undef PORT_WIDTHS\n",
        lambda block: re.sub(pattern, lambda m: included(m, True), block.group(1)),
        text,
        flags=re.DOTALL,
    )
    text = re.sub(pattern, lambda m: included(m, False), text)
    return re.sub(r"`default_nettype \w+", "", text)


def read_modules(folder: Path) -> dict[str, Module]:
    """Return the modules of all .v files of rtl/ (or its like) and its wings, by name.

    Headers lie in the folder itself. Raises VioError when pyverilog is missing, there is no module
    or a file is not plain Verilog-2005.
    """
    try:
        from pyverilog.vparser.parser import ParseError
    except ImportError as error:
        raise VioError("pyverilog is not installed: pip install 'kestrel-vio[hw]'") from error
    files = verilog_sources.modules(folder)
    if not files:
        raise VioError(f"{folder} holds no .v file; give the folder of the Verilog")
    modules: dict[str, Module] = {}
    for path in files.values():
        try:
            definitions = _definitions(_source(path, folder))
        except ParseError as error:
            raise VioError(f"{path.name} is not plain Verilog-2005: {error}") from error
        module = _module(definitions[0], head_of(path.read_text()))
        module.wing = verilog_sources.wing_of(path, folder)
        if len(definitions) != 1 or module.name != path.stem:
            module.wrong.append(f"{path.name} must hold one module of its name")
        modules[module.name] = module
    return modules


@cache
def _parser() -> Any:
    from pyverilog.vparser.parser import VerilogParser

    with tempfile.TemporaryDirectory() as scratch:  # for its tables
        return VerilogParser(outputdir=scratch, debug=False)


@lru_cache(maxsize=512)
def _definitions(text: str) -> Any:
    """Return what a file defines; parsed once a process, since all of rtl/ takes 10 s."""
    return _parser().parse(text, debug=0).description.definitions


def _module(definition: Any, head: dict[str, str]) -> Module:
    """Return a module from its syntax tree."""
    from pyverilog.ast_code_generator.codegen import ASTCodeGenerator

    text = ASTCodeGenerator()
    module = Module(definition.name, head)
    for declaration in definition.paramlist.params:
        for parameter in declaration.list:
            module.parameters[parameter.name] = text.visit(parameter.value)
    for port in definition.portlist.ports:
        first = port.first
        width = text.visit(first.width).strip("[]") if first.width is not None else ""
        module.ports.append(Port(type(first).__name__.lower(), first.name, width))
    for node in _walk(definition):
        kind = type(node).__name__
        if kind == "Instance":
            nets = {
                c.portname or "": text.visit(c.argname) if c.argname is not None else ""
                for c in node.portlist
            }
            named = all(c.portname for c in node.portlist)
            module.instances.append(Instance(node.module, node.name, nets, named))
            if not named:
                module.wrong.append(f"instance {node.name} is connected by position")
        elif kind == "Reg" and not _REGISTER.search(node.name):
            if node.name not in {p.name for p in module.ports}:
                module.wrong.append(f"register {node.name} does not say what it is (_q, _d, _mem)")
        elif kind == "Always":
            module.wrong += _always_faults(node)
    return module


def _walk(node: Any) -> Iterator[Any]:
    yield node
    for child in node.children():
        yield from _walk(child)


def _always_faults(node: Any) -> list[str]:
    """Return what an always block does wrong: clocks, and kinds of assignment."""
    edges = [(s.type, s.sig.name) for s in node.sens_list.list if s.type != "all"]
    kinds = {type(n).__name__ for n in _walk(node.statement)}
    if not edges:
        return ["a combinational block assigns with <="] * ("NonblockingSubstitution" in kinds)
    wrong = [
        f"always at {kind} of {name}: clocks are {', '.join(CLOCKS)}, resets synchronous"
        for kind, name in edges
        if kind != "posedge" or name not in CLOCKS
    ]
    blocking = [n for n in _walk(node.statement) if type(n).__name__ == "BlockingSubstitution"]
    loops = {id(f) for n in _walk(node.statement) if type(n).__name__ == "ForStatement"
             for f in (n.pre, n.post)}  # fmt: skip
    if any(id(b) not in loops for b in blocking):
        wrong.append("a clocked block assigns with =")
    return wrong


def children(modules: dict[str, Module], name: str) -> dict[str, int]:
    """Return the modules that one instantiates, with how often they are written."""
    counts: dict[str, int] = {}
    for instance in modules[name].instances:
        if instance.module in modules:
            counts[instance.module] = counts.get(instance.module, 0) + 1
    return counts


def hierarchy(modules: dict[str, Module], top: str) -> list[tuple[int, str, int]]:
    """Return (depth, module, number of instances written) from a module downwards."""
    rows = [(0, top, 1)]

    def visit(name: str, depth: int) -> None:
        for child, count in children(modules, name).items():
            rows.append((depth, child, count))
            visit(child, depth + 1)

    visit(top, 1)
    return rows


def links(modules: dict[str, Module], parent: str) -> dict[tuple[str, str], list[str]]:
    """Return {(from instance, to instance): nets} of a module: outputs that drive inputs."""
    inside = [i for i in modules[parent].instances if i.module in modules]
    directions = {i.name: {p.name: p.direction for p in modules[i.module].ports} for i in inside}
    found: dict[tuple[str, str], list[str]] = {}
    drivers: dict[str, str] = {}
    for instance in inside:
        for port, net in instance.nets.items():
            if directions[instance.name].get(port) == "output":
                for name in re.findall(r"[A-Za-z_]\w*", net):
                    drivers[name] = instance.name
    for instance in inside:
        for port, net in instance.nets.items():
            if directions[instance.name].get(port) != "input":
                continue
            for name in re.findall(r"[A-Za-z_]\w*", net):
                source = drivers.get(name)
                if source and source != instance.name:
                    nets = found.setdefault((source, instance.name), [])
                    if name not in nets:
                        nets.append(name)
    return found
