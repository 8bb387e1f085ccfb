# SPDX-License-Identifier: Apache-2.0
"""`vio hw hls` and its records, as far as they need no tools."""

import json
import re
import sys

import pytest

from tests.sequencer_model import read_sizes
from vio.cli import main
from vio.errors import VioError
from vio.exits import EXIT_BAD_INPUT
from vio.hw.hls import verify_kernels
from vio.hw.hls.blocks import BLOCKS, GEN, block_of
from vio.hw.hls.kernel_block import SEQUENCED
from vio.hw.hls.kernels import KERNELS
from vio.hw.hls.results import (
    MOST_STAGES,
    RESULTS,
    TARGET_MHZ,
    calibrate,
    fewest_stages,
    least_fmax,
    load,
    store,
)
from vio.hw.hls.verification import INTERPRETED, PROOFS
from vio.hw.hls.xls import xls_api
from vio.hw.schedule.machine import Machine
from vio.report.hls import plot_stages

AREA = {"float_add": (900, 0), "float_mul": (400, 4), "float_divide_root": (600, 0)}  # LUT4, MULT18


@pytest.fixture(scope="module")
def chosen():
    entries = {(entry["block"], entry.get("stages")): entry for entry in load()}
    return {name: entries[name, block.stages] for name, block in BLOCKS.items()}


@pytest.mark.parametrize("name", BLOCKS)
def test_each_unit_reaches_its_clock_at_three_seeds_in_its_area(chosen, name):
    entry, block = chosen[name], BLOCKS[name]
    assert set(entry["fmax_mhz"]) == {"1", "2", "3"}
    assert least_fmax(entry) >= TARGET_MHZ
    assert entry["lut4"] <= AREA[name][0]
    assert entry["mult18"] <= AREA[name][1]
    assert (entry["latency"], entry["ii"]) == (block.latency(), block.ii)
    text = (GEN / f"{name}.v").read_text()
    assert f"{block.stages} stages, latency {block.latency()} cycles" in text


def test_the_inertial_block_reaches_its_clock_at_three_seeds_in_its_area(chosen):
    (entry,) = (entry for entry in load() if entry["block"] == "imu")
    assert set(entry["fmax_mhz"]) == {"1", "2", "3"}
    assert least_fmax(entry) >= TARGET_MHZ
    assert entry["lut4"] <= 15_000
    assert entry["mult18"] <= 24
    sizes = read_sizes((GEN / "imu_program.vh").read_text())
    assert entry["program"] == sizes["PROGRAM_WORDS"]
    assert entry["latency"] == entry["ii"] == sizes["PROGRAM_WORDS"] + sizes["SAMPLE_WORDS"]
    assert TARGET_MHZ * 1e6 / entry["ii"] >= 200e3


def test_the_back_ends_schedule_counts_with_the_latencies_of_the_compiled_units(chosen):
    machine = Machine()
    divider = BLOCKS["float_divide_root"]
    assert machine.add == chosen["float_add"]["latency"] == BLOCKS["float_add"].latency()
    assert machine.mul == chosen["float_mul"]["latency"] == BLOCKS["float_mul"].latency()
    # A register keeps the answer, as in hls/unit_divide_root.v.
    assert machine.div == machine.sqrt == chosen[divider.name]["latency"] + 1
    assert machine.divide_ii == chosen[divider.name]["ii"] == divider.ii


RECORDED = {"imu": 10_000, "linearize": 20_000, "linearize_own": 20_000, "so3_exp": 4000}


def test_every_kernel_and_unit_is_proven_on_as_many_vectors_as_is_said():
    proofs = {proof["kernel"]: proof for proof in json.loads(PROOFS.read_text())}
    for name in ("imu", *KERNELS):
        assert proofs[name]["jit"] >= 1_000_000, name
        assert proofs[name]["interpreter"] >= INTERPRETED, name
    for name in ("imu", *SEQUENCED, *BLOCKS):
        assert proofs[name]["verilated"] >= 1_000_000, name
    assert proofs["imu"]["resets"] >= 500
    for name, count in RECORDED.items():
        assert proofs[name]["recorded"]["vectors"] >= count, name
    recorded = proofs["backend"]["recorded"]["vectors"]
    assert set(recorded) == set(verify_kernels.KERNELS)
    assert min(recorded.values()) >= 500


def test_the_command_lists_what_is_recorded(capsys):
    assert main(["hw", "hls"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in BLOCKS)


def test_a_block_that_does_not_exist_is_refused_with_those_that_do(capsys):
    with pytest.raises(VioError, match="float_add, float_mul"):
        block_of("float_sub")
    assert main(["hw", "hls", "nothing", "--prove", "10"]) == 2
    assert "so3_exp" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("nonsense", "there are float_add, .*imu, .*qr_dot"),
        ("float_add --stages 0", "0 stages: 1 at least"),
        ("float_add --stages x", "no list of stages"),
        ("float_add --clock-mhz -1", "'-1' is not a positive number of MHz"),
        ("qr_dot --stages 3", "no stages to choose"),
        ("qr_dot --prove 0", "'0' is not a whole number from 1"),
        ("float_add --prove 9 --by jit", "no proof by jit"),
        ("float_add --by jit", "--by says what --prove runs"),
        ("qr_dot --until 3", "seconds of a --record"),
        ("--clock-mhz 50", "of which block or kernel"),
        ("imu --record FLIGHT no/such/folder.npz", "cannot be written"),
        ("qr_dot --prove-recorded no/such.npz", "is not there"),
        ("imu --prove-recorded {file}", "holds no operands"),
        ("--plot /dev/null/stages.png", "--plot /dev/null/stages.png: "),
    ],
)
def test_what_cannot_be_done_is_said(arguments, said, tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"nothing")
    before = RESULTS.read_bytes(), PROOFS.read_bytes()
    words = arguments.format(file=tmp_path / "file").split()
    assert main(["hw", "hls", *words]) == EXIT_BAD_INPUT
    assert re.search(said, capsys.readouterr().err)
    assert (RESULTS.read_bytes(), PROOFS.read_bytes()) == before


def test_without_xls_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "xls", None)
    with pytest.raises(VioError, match=r"pip install 'kestrel-vio\[hw\]'"):
        xls_api()


def test_a_new_result_takes_the_place_of_the_old_one_of_as_many_stages(tmp_path):
    path = tmp_path / "results.json"
    for stages, lut4 in ((3, 10), (1, 20), (3, 30)):
        store({"block": "b", "stages": stages, "lut4": lut4}, path)
    assert [(e["stages"], e["lut4"]) for e in load(path)] == [(1, 20), (3, 30)]
    path.write_text("[{}]")
    with pytest.raises(VioError, match="no list of results"):
        load(path)


def test_xls_delays_calibrated_by_the_adder_predict_the_other_units():
    """Within 15 % of the period that nextpnr gives, one by the other's line."""
    entries = [entry for entry in load() if entry.get("model_ns")]
    line = calibrate([entry for entry in entries if entry["block"] == "float_add"])
    for entry in entries:
        routed = 1000.0 / least_fmax(entry)
        assert line.period_ns(entry["model_ns"]) == pytest.approx(routed, rel=0.15), entry[
            "command"
        ]
        assert routed > 2.0 * entry["model_ns"]  # uncalibrated it promises far too much
    with pytest.raises(VioError, match="vio hw hls float_add --stages"):
        calibrate(entries[:1])


@pytest.mark.parametrize(
    ("rates", "expected", "found", "tried"),
    [
        ([20, 40, 60, 80], [20, 40, 60, 80], 3, [3, 2]),  # as expected
        ([20, 40, 60, 80], [60, 60, 60, 80], 3, [1, 2, 3]),  # slower than expected: up
        ([60, 70, 80, 90], [20, 40, 60, 80], 1, [3, 2, 1]),  # faster: down
        ([10, 10, 10, 10], [10, 10, 10, 10], None, [MOST_STAGES]),
    ],
)
def test_the_fewest_stages_are_searched_from_the_expected_ones(rates, expected, found, tried):
    asked = []

    def rate(stages):
        asked.append(stages)
        return rates[min(stages, len(rates)) - 1]

    assert fewest_stages(60.0, lambda n: expected[min(n, len(expected)) - 1], rate) == found
    assert asked == tried


def test_the_plot_shows_the_sweep_and_asks_for_one_that_is_missing(tmp_path):
    plot_stages(load(), tmp_path / "stages.png")
    assert (tmp_path / "stages.png").stat().st_size > 10_000
    with pytest.raises(VioError, match="vio hw hls float_add --stages"):
        plot_stages([], tmp_path / "none.png")
