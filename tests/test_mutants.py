# SPDX-License-Identifier: Apache-2.0
"""tools/mutation/mutants.py changes Verilog expressions alone; the coverage counts add up."""

import json
from pathlib import Path

import pytest

from tools.merge_coverage import RESULTS, merged, report
from tools.mutation.mutants import choose, mutants_of, with_mutants
from tools.mutation.verilog_expressions import expressions_of
from vio.errors import VioError
from vio.hw.verilog_sources import ROOT, changed_since, code_digest, modules, source

MODULE = """// x + 1 in a comment
module m #(
    parameter W = 8 + 1
) (
    input wire clk,
    input wire [W-1:0] a, b,
    output wire y
);
  localparam N = W - 2;
  wire [N-1:0] sum = a[W-2:0] + {{(W - 8) {1'b0}}, b[7:0]}, rest = a - b;
  assign y = a < b && !clk;
  wire unused = &{1'b0, rest};
  generate
    if (W > 3) begin : g_wide
      cell #(.W(W + 1)) inner (.s_a(a + b));
    end
  endgenerate
  integer i;
  always @(posedge clk) begin
    for (i = 0; i < 4; i = i + 1) memory[i+1] <= a ? 3'd7 : b;
    if (a == b) begin
      {q, r} <= a <= b;
    end else case (q)
      2'd1: r <= ~b;
      default: ;
    endcase
  end
endmodule
"""


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "m.v"
    path.write_text(MODULE)
    return path


def test_only_what_a_circuit_computes_is_found(module: Path) -> None:
    found = [MODULE[e.root.start : e.root.end] for e in expressions_of(module)]
    assert found == [
        "a[W-2:0] + {{(W - 8) {1'b0}}, b[7:0]}",
        "a - b",
        "a < b && !clk",
        "a ? 3'd7 : b",
        "a == b",
        "a <= b",
        "~b",
    ]


def test_each_kind_of_change_is_made(module: Path) -> None:
    made = {(m.kind, m.original, m.mutated) for m in mutants_of(module)}
    for change in [
        ("operator", "-", "+"),
        ("operator", "&&", "||"),
        ("comparison", "<", "<="),
        ("operands swapped", "a < b", "(b) < (a)"),
        ("negation dropped", "!clk", "clk"),
        ("negation dropped", "~b", "b"),
        ("branches swapped", "a ? 3'd7 : b", "a ? b : 3'd7"),
        ("condition negated", "a == b", "!(a == b)"),
        ("constant", "1'b0", "1'd1"),
    ]:
        assert change in made
    assert ("constant", "8", "9") not in made  # a count of replication
    assert {m.mutated for m in mutants_of(module) if m.original == "3'd7"} <= {"3'd0", "3'd6"}


def test_a_file_with_mutants_holds_the_original_and_each_mutant_once(module: Path) -> None:
    mutants = dict(enumerate(mutants_of(module), 1))
    text = with_mutants(module, mutants)
    for number in mutants:
        assert text.count(f"kestrel_mutant == {number} ?") == 1
    assert "kestrel_mutant ==" not in with_mutants(module, {})
    for line in ("parameter W = 8 + 1", "localparam N = W - 2;", "if (W > 3)", ".s_a(a + b)"):
        assert line in text


def test_the_draw_depends_on_the_seed_alone() -> None:
    files = [source("fifo"), source("frame_guard")]
    assert choose(files, 9, 1) == choose(files, 9, 1)
    assert choose(files, 9, 1) != choose(files, 9, 2)


def test_every_module_can_be_read() -> None:
    for path in modules().values():
        for mutant in mutants_of(path):
            assert path.read_text()[mutant.start : mutant.end] == mutant.original


def test_what_cannot_be_read_is_said_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.v"
    path.write_text("module m (\n);\n  assign y = (a + );\nendmodule\n")
    with pytest.raises(VioError, match=r"bad\.v:3"):
        expressions_of(path)


def _data(path: Path, *points: tuple[int, str, str, int]) -> Path:
    """Write a coverage file: line, what, lines, count."""
    texts = [
        f"C '\x01f\x02/x/rtl/m.v\x01l\x02{line}\x01n\x023\x01page\x02v_line/m\x01o\x02{what}"
        f"\x01S\x02{lines}\x01h\x02TOP.m' {count}"
        for line, what, lines, count in points
    ]
    path.write_text("\n".join(["# SystemC::Coverage-3", *texts]))
    return path


def test_a_line_is_covered_when_all_its_points_are_reached_in_some_run(
    module: Path, tmp_path: Path
) -> None:
    first = _data(tmp_path / "1.dat", (20, "block", "20-21", 5), (21, "if", "21-22", 0))
    second = _data(tmp_path / "2.dat", (20, "block", "20-21", 0), (21, "else", "23", 2))
    total = merged([first, second])
    said = MODULE.splitlines()[21].strip()
    result = report(total, tmp_path, {"m.v": {said: "why"}})
    file = result["files"]["m.v"]
    assert (file["lines"], file["covered"]) == (4, 2)
    assert [(h["line"], h["missed"], h["reason"]) for h in file["holes"]] == [
        (21, "if", ""),
        (22, "if", "why"),
    ]
    third = _data(tmp_path / "3.dat", (21, "if", "21-22", 1))
    assert report(merged([first, second, third]), tmp_path, {})["covered"] == 4


def test_the_recorded_line_coverage_is_what_is_asked_and_its_holes_are_explained() -> None:
    """What `tools/merge_coverage.py` wrote of the whole regression: 95 % of the lines."""
    found = json.loads(RESULTS.read_text())
    assert found["covered"] >= 0.95 * found["lines"]
    assert len(found["files"]) > 80
    holes = {name: f["holes"] for name, f in found["files"].items() if f["holes"]}
    assert [(n, h["text"]) for n, hs in holes.items() for h in hs if not h["reason"]] == []


def test_the_line_coverage_names_the_modules_that_have_changed_since_it_was_counted() -> None:
    """A record of other Verilog than today's claims nothing of it until it is made again."""
    coverage = json.loads(RESULTS.read_text())
    assert coverage["changed_since"] == changed_since(coverage["sources"])
    assert changed_since(coverage["sources"] | {"fifo": "0"}) == sorted(
        {*coverage["changed_since"], "fifo"}
    )


def test_a_record_of_a_mutant_is_of_a_line_that_is_there() -> None:
    record = json.loads((ROOT / "sim" / "mutation.json").read_text())
    for mutant in (m for found in record["blocks"].values() for m in found):
        lines = (ROOT / mutant["file"]).read_text().splitlines()
        first = mutant["original"].splitlines()[0]
        assert first in lines[mutant["line"] - 1], mutant


def test_comments_and_spacing_do_not_change_a_digest() -> None:
    assert code_digest("wire a;  // one\n") == code_digest("wire  a;\n// two\n")
    assert code_digest("wire a;") != code_digest("wire b;")
