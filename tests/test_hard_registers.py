# SPDX-License-Identifier: Apache-2.0
"""Flip-flops that may move into block RAMs and multipliers, and those that may not."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vio.errors import VioError
from vio.hw.synth.hard_registers import convert, use_hard_registers

CLOCK, ENABLE, OTHER = 2, 3, 4
Module = dict[str, Any]


def cell(
    kind: str, says: dict[str, str], inputs: dict[str, Any], outputs: dict[str, Any]
) -> Module:
    """Return a cell of a netlist in JSON, its ports of one bit."""
    return {
        "type": kind,
        "parameters": says,
        "port_directions": dict.fromkeys(inputs, "input") | dict.fromkeys(outputs, "output"),
        "connections": {name: [bit] for name, bit in (inputs | outputs).items()},
    }


def flip_flop(d: Any, q: int, enable: Any = None, **says: str) -> Module:
    found = {"CLKMUX": "CLK", "LSRMUX": "LSR", "REGSET": "RESET", "CEMUX": "1 "} | says
    ports = {"CLK": CLOCK, "DI": d, "LSR": "0"}
    if enable is not None:
        found["CEMUX"] = "CE"
        ports["CE"] = enable
    return cell("TRELLIS_FF", found, ports, {"Q": q})


def memory() -> Module:
    """A memory of 18 bits, two of them read on port B, by flip-flops that drive outputs."""
    width = format(18, "032b")
    says = {
        "DATA_WIDTH_A": width,
        "DATA_WIDTH_B": width,
        "REGMODE_A": "NOREG",
        "REGMODE_B": "NOREG",
    }
    inputs = {"CLKA": CLOCK, "CLKB": CLOCK, "OCEA": "1", "OCEB": "1", "RSTA": "0", "RSTB": "0"}
    outputs = {"DOA0": 90, "DOA1": 91, "DOB0": 10, "DOB1": 11, "DOB2": 92}
    return {
        "ports": {
            "clk": {"direction": "input", "bits": [CLOCK]},
            "out": {"direction": "output", "bits": [20, 21]},
        },
        "cells": {
            "ram": cell("DP16KD", says, inputs, outputs),
            "r0": flip_flop(10, 20, ENABLE),
            "r1": flip_flop(11, 21, ENABLE),
        },
    }


def product() -> Module:
    """A product of two bits by one, its factors and itself in registers, signed."""
    inputs = {"A0": 10, "A1": 11, "A2": "0", "B0": 12, "SIGNEDA": "1", "SIGNEDB": "1"}
    inputs |= {"SOURCEA": "0", "SOURCEB": "0"}
    return {
        "ports": {
            "in": {"direction": "input", "bits": [5, 6, 7]},
            "out": {"direction": "output", "bits": [30, 31]},
        },
        "cells": {
            "a0": flip_flop(5, 10),
            "a1": flip_flop(6, 11),
            "b0": flip_flop(7, 12, ENABLE),
            "mul": cell("MULT18X18D", {}, inputs, {"P0": 20, "P1": 21, "P2": 22}),
            "p0": flip_flop(20, 30),
            "p1": flip_flop(21, 31),
        },
    }


def test_a_memory_takes_the_registers_behind_a_port_with_their_enable() -> None:
    module = memory()
    assert use_hard_registers(module) == 2
    (ram,) = module["cells"].values()
    assert (ram["parameters"]["REGMODE_A"], ram["parameters"]["REGMODE_B"]) == ("NOREG", "OUTREG")
    at = ram["connections"]
    assert (at["DOB0"], at["DOB1"], at["OCEB"], at["OCEA"]) == ([20], [21], [ENABLE], ["1"])


def test_a_port_of_36_bits_takes_the_registers_of_both_sides() -> None:
    module = memory()
    ram = module["cells"]["ram"]
    ram["parameters"] |= dict.fromkeys(("DATA_WIDTH_A", "DATA_WIDTH_B"), format(36, "032b"))
    module["cells"]["r2"] = flip_flop(90, 22, ENABLE)
    module["ports"]["out"]["bits"].append(22)
    split = copy.deepcopy(module)
    assert use_hard_registers(module) == 3
    assert {ram["parameters"][f"REGMODE_{side}"] for side in "AB"} == {"OUTREG"}
    assert ram["connections"]["OCEA"] == ram["connections"]["OCEB"] == [ENABLE]
    split["cells"]["ram"]["connections"]["CLKA"] = [OTHER]  # whose registers answer to which clock?
    assert use_hard_registers(split) == 0


def _set(name: str, port: str, bit: Any) -> Callable[[Module], None]:
    def change(module: Module) -> None:
        found = module["cells"][name]
        found["connections"][port] = [bit]
        found["port_directions"].setdefault(port, "input")

    return change


def _says(name: str, parameter: str, value: str) -> Callable[[Module], None]:
    return lambda module: module["cells"][name]["parameters"].update({parameter: value})


def _reads(bit: int) -> Callable[[Module], None]:
    """A look-up table that reads a net too."""

    def change(module: Module) -> None:
        module["cells"]["lut"] = cell("LUT4", {}, {"A": bit}, {"Z": 80})

    return change


def _is_output(bit: int) -> Callable[[Module], None]:
    return lambda module: module["ports"]["out"]["bits"].append(bit)


@pytest.mark.parametrize(
    "change",
    [
        _set("r0", "CLK", OTHER),
        _set("r0", "CE", OTHER),
        _set("r0", "LSR", OTHER),
        _set("ram", "CLKB", OTHER),
        _set("ram", "RSTB", OTHER),
        _says("r0", "REGSET", "SET"),
        _says("r0", "CLKMUX", "INV"),
        _says("r0", "CEMUX", "INV"),
        _says("r0", "LSRMUX", "INV"),
        _says("ram", "CLKBMUX", "INV"),
        _says("ram", "REGMODE_B", "OUTREG"),
        _reads(10),
        _is_output(11),
        lambda module: module["cells"].pop("r1") and _is_output(11)(module),
    ],
)
def test_a_memory_keeps_what_would_change_its_answer(change: Callable[[Module], None]) -> None:
    module = memory()
    change(module)
    before = copy.deepcopy(module)
    assert use_hard_registers(module) == 0
    assert module == before


def test_a_product_takes_the_registers_on_both_sides() -> None:
    module = product()
    assert use_hard_registers(module) == 5
    (mul,) = module["cells"].values()
    at, says = mul["connections"], mul["parameters"]
    assert [at[port] for port in ("A0", "A1", "A2", "B0", "P0", "P1")] == [
        [5], [6], ["0"], [7], [30], [31]
    ]  # fmt: skip
    assert at["CLK0"] == [CLOCK]
    enables = {p: at[says[f"REG_{p}_CE"]] for p in ("INPUTA", "INPUTB", "OUTPUT")}
    assert enables == {"INPUTA": ["1"], "INPUTB": [ENABLE], "OUTPUT": ["1"]}
    assert {says[f"REG_{p}_CLK"] for p in enables} == {"CLK0"}


@pytest.mark.parametrize(
    ("change", "moved", "left"),
    [
        # One factor stays: so does the other. The product's own register moves still.
        (_reads(10), 2, {"a0", "a1", "b0"}),
        (_is_output(12), 2, {"a0", "a1", "b0"}),
        (_set("a0", "CLK", OTHER), 2, {"a0", "a1", "b0"}),
        (_set("b0", "CLK", OTHER), 2, {"a0", "a1", "b0"}),
        (_set("a1", "LSR", OTHER), 2, {"a0", "a1", "b0"}),
        (_set("mul", "B1", "1"), 2, {"a0", "a1", "b0"}),
        (_set("mul", "B0", 7), 2, {"a0", "a1", "b0"}),
        # The product is read before its register, or that is of another clock.
        (_reads(21), 3, {"p0", "p1"}),
        (_set("p0", "CE", OTHER), 5, set()),  # not used: CEMUX says 1
        (_says("p0", "REGSET", "SET"), 3, {"p0", "p1"}),
        # A sign, or a neighbour's factor, would arrive a cycle late.
        (_set("mul", "SIGNEDA", 9), 0, {"a0", "a1", "b0", "p0", "p1"}),
        (_set("mul", "SOURCEB", 9), 0, {"a0", "a1", "b0", "p0", "p1"}),
        (_says("mul", "REG_PIPELINE_CLK", "CLK0"), 0, {"a0", "a1", "b0", "p0", "p1"}),
    ],
)
def test_a_product_keeps_what_would_change_its_answer(
    change: Callable[[Module], None], moved: int, left: set[str]
) -> None:
    module = product()
    change(module)
    assert use_hard_registers(module) == moved
    assert {n for n, c in module["cells"].items() if c["type"] == "TRELLIS_FF"} == left


def test_a_factor_of_two_products_moves_only_with_both() -> None:
    both = product()
    second = copy.deepcopy(both["cells"]["mul"])
    second["connections"] |= {"A0": [10], "A1": [11], "B0": [12]}
    second["connections"] |= {"P0": [40], "P1": [41], "P2": [42]}
    both["cells"]["second"] = second
    both["ports"]["out"]["bits"] += [40, 41]
    one = copy.deepcopy(both)
    assert use_hard_registers(both) == 5
    assert {n: c["connections"]["A0"] for n, c in both["cells"].items()} == {
        "mul": [5], "second": [5]
    }  # fmt: skip
    one["cells"]["second"]["connections"]["B0"] = [7]  # the second's other factor has no register
    assert use_hard_registers(one) == 2


def test_a_register_between_two_products_belongs_to_the_first() -> None:
    module = product()
    inputs = {"A0": 30, "B0": 31, "SIGNEDA": "0", "SIGNEDB": "0", "SOURCEA": "0", "SOURCEB": "0"}
    module["cells"]["next"] = cell("MULT18X18D", {}, inputs, {"P0": 50})
    module["ports"]["out"]["bits"] = [50]
    assert use_hard_registers(module) == 5
    assert module["cells"]["next"]["parameters"] == {}
    assert module["cells"]["next"]["connections"]["A0"] == [30]


def test_a_file_is_converted_and_a_broken_one_is_named(tmp_path: Path) -> None:
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    module = memory() | {"attributes": {}}
    black_box = {"attributes": {"blackbox": "1"}, "ports": {}, "cells": {}}
    before.write_text(json.dumps({"modules": {"top": module, "DP16KD": black_box}}))
    assert convert(before, after) == 2
    assert set(json.loads(after.read_text())["modules"]["top"]["cells"]) == {"ram"}
    for text in ("{", "[]", '{"modules": {"top": {"attributes": {}, "cells": {"a": {}}}}}'):
        before.write_text(text)
        with pytest.raises(VioError, match=r"before\.json is no netlist of yosys in JSON"):
            convert(before, after)
