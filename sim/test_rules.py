# SPDX-License-Identifier: Apache-2.0
"""Every module of rtl/ is clean under `verilator -Wall` and follows the house's rules."""

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from sim.needs import needs_verilator
from sim.runner import lint
from vio.errors import VioError
from vio.hw.hls.xls import HLS
from vio.hw.verilog_sources import RTL, folders, modules, source, unit_modules

MODULES = list(modules().values())
HLS_MODULES = sorted(HLS.glob("*.v"))  # ours, around what XLS writes to hls/gen
# Of hls/gen, what modules of rtl/ have.
UNITS = ("unit_add", "unit_mul", "unit_logic", "unit_finish", "divide_digits", "lane_program")
needs_slang = pytest.mark.skipif(
    importlib.util.find_spec("pyslang") is None,
    reason="pyslang; install it with: pip install 'kestrel-vio[hw]'",
)
# What slang refuses, or takes as SystemVerilog only: names used before their declaration are what
# Icarus 13, xsim and Questa refuse, too. Its remarks on signs and widths are Verilator's business.
REMARKS = {
    *("SignConversion", "ArithOpMismatch", "BitwiseOpMismatch", "SignCompare", "CaseDefault"),
    *("EmptyOutputPortConn", "LogicalOpParentheses"),
}


def broken_rules(text: str, stem: str) -> list[str]:
    """Return what a module's text breaks of the rules that a reader can check."""
    code = re.sub(r"//[^\n]*", "", text)
    head = text.split("`default_nettype none")[0]
    wrong = []
    if "SPDX-License-Identifier: Apache-2.0" not in head:
        wrong.append("no SPDX line at the head")
    if "`default_nettype none" not in text or not text.rstrip().endswith("`default_nettype wire"):
        wrong.append("`default_nettype none` first, restored last")
    if "Latency:" not in head:
        wrong.append("the header does not state the latency")
    if re.findall(r"^module (\w+)", code, re.MULTILINE) != [stem]:
        wrong.append("one module a file, named as the file")
    if re.search(r"\blogic\b|\balways_ff\b|\balways_comb\b|\bpackage\b|function automatic", code):
        wrong.append("not Verilog-2005")
    # the contents of a read-only memory are the one thing that an initial block may state
    clocked = re.sub(r"initial for \([^)]*\) \w+_mem\[\w+\] = [^;]*;", "", code)
    if re.search(r"#\s*\d|\$display|\binitial\b", clocked):
        wrong.append("simulation constructs")
    registers = re.findall(r"\breg\b[^;=]*?(\w+)\s*(?:\[[^\]]*\])?\s*[;,]", code)
    wrong += [
        f"register {name} does not end in _q, _d, _mem, _pipe or memory"
        for name in registers
        if not re.search(r"(_q|_d|_mem|_pipe|memory)$", name)
    ]
    return wrong


@pytest.mark.parametrize("path", MODULES + HLS_MODULES, ids=lambda p: p.stem)
def test_a_module_follows_the_rules(path: Path) -> None:
    assert broken_rules(path.read_text(), path.stem) == []


def test_a_module_that_breaks_the_rules_is_found() -> None:
    text = source("skid").read_text()
    assert broken_rules(text.replace("Latency", "Delay"), "skid")
    assert broken_rules(text.replace("out_q", "out_r"), "skid")
    assert broken_rules(text.replace("`default_nettype wire", ""), "skid")
    assert broken_rules(text, "other")
    assert broken_rules(text.replace("endmodule", "initial out_q = 0;\nendmodule"), "skid")


@needs_verilator
@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_a_module_is_clean_under_verilator(path: Path) -> None:
    assert lint(path) == ""


@needs_verilator
@pytest.mark.parametrize("stem", ["imu", "register_copy", "unit_divide_root"])
def test_a_module_of_hls_is_clean_under_verilator(stem: str) -> None:
    """With what XLS wrote, but for its unused bits; kernel.v is imu.v with another program."""
    folders = (HLS, HLS / "gen")
    assert lint(HLS / f"{stem}.v", None, folders, [HLS / "lint.vlt"]) == ""


@needs_verilator
def test_a_width_that_does_not_fit_is_found(tmp_path: Path) -> None:
    bad = tmp_path / "bad.v"
    bad.write_text(
        "module bad (input wire [3:0] a, output wire [2:0] b);\nassign b = a;\nendmodule\n"
    )
    assert "WIDTHTRUNC" in lint(bad)


@needs_verilator
@pytest.mark.parametrize(
    ("stem", "parameter"),
    [
        ("fifo", "DEPTH=6"),
        ("round_saturate", "SHIFT=31"),
        ("divider", "NUM_W=1"),
        ("square_root", "IN_W=7"),
        ("pyramid", "MAX_WIDTH=4"),
        ("codec_encoder", "BITS=20"),
        ("corner_scores", "SCORE_W=19"),
        ("tile_candidates", "COLS=10"),
        ("vector_engine", "MEMORY_WORDS=4097"),
    ],
)
def test_a_bad_parameter_stops_the_elaboration(stem: str, parameter: str) -> None:
    assert "bad_parameter" in lint(stem, parameter)


def slang(files: Sequence[Path], includes: Sequence[Path]) -> list[str]:
    """Return what slang says of Verilog-2005 files, elaborated as one design, but for REMARKS."""
    from pyslang import driver as slang_driver

    driver = slang_driver.Driver()
    driver.addStandardArgs()
    words = ["slang", "--std", "1364-2005", "--error-limit=0"]
    words += [word for folder in includes for word in ("-I", str(folder))]
    assert driver.parseCommandLine(" ".join([*words, *map(str, files)]))
    assert driver.processOptions()
    assert driver.parseAllSources()
    manager = driver.sourceManager
    return [
        f"{manager.getFileName(d.location)}:{manager.getLineNumber(d.location)}: {name} {d.args}"
        for d in driver.createCompilation().getAllDiagnostics()
        if (name := re.sub(r"DiagCode\((\w+)\)", r"\1", str(d.code))) not in REMARKS
    ]


@needs_slang
def test_no_name_is_used_before_its_declaration() -> None:
    """Of all modules of rtl/ and the tops of sim/: what newer simulators refuse."""
    tops = sorted((Path(__file__).parent / "tops").glob("*.v"))
    units = [unit_modules()[stem] for stem in UNITS]  # as generated, without remarks
    assert [
        line
        for line in slang([*MODULES, *tops, *units], [RTL, *folders()])
        if Path(line.split(":")[0]) not in units
    ] == []


@needs_slang
def test_a_name_that_is_used_before_its_declaration_is_found(tmp_path: Path) -> None:
    bad = tmp_path / "bad.v"
    bad.write_text(
        "module bad (input wire [W-1:0] a, output wire b);\n"
        "localparam W = 2;\nassign b = c;\nwire c = a[0] ^ a[1];\nendmodule\n"
    )
    found = slang([bad], [])
    assert [line.split(": ")[0].rsplit(":")[-1] for line in found] == ["1", "3"]
    assert all("UsedBeforeDeclared" in line for line in found)


def test_a_module_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(VioError, match="not there"):
        lint(tmp_path / "is_not_there.v")
