# SPDX-License-Identifier: Apache-2.0
"""`vio hw signals`: what the named signals did over a run."""

import json
from pathlib import Path

import pytest

from tests.conftest import FRAME_STEP_NS, START_NS
from vio import cli
from vio.config import HwConfig, load_config
from vio.datasets import open_dataset
from vio.fixed.formats import formats
from vio.fixed.qformat import SignalUse, sq, uq
from vio.runs.signals import row_of, trace_signals

SETTINGS = ["--set", "frontend.min_depth_m=0.3", "--set", "frontend.window=9"]


def test_a_row_tells_unused_from_missing_bits() -> None:
    wide = row_of(SignalUse("a", sq(7, 4), -20, 30, 0, 5, 6))
    assert (wide["least"], wide["greatest"]) == (-1.25, 1.875)
    assert (wide["unused_bits"], wide["missing_bits"]) == (6, 0)
    narrow = row_of(SignalUse("b", uq(4, 0), 0, 99, 3, 5, -3))
    assert (narrow["unused_bits"], narrow["missing_bits"], narrow["saturated"]) == (0, 3, 3)
    assert row_of(SignalUse("c", uq(4, 0), 0, 0, 0, 0, 4))["unused_bits"] is None


@pytest.fixture
def long_lens(recording: Path, edit) -> Path:
    """Return the tiny recording with focal lengths that the fixed-point lens takes."""
    for name in ("cam0", "cam1"):
        edit(recording / name / "sensor.yaml", "[50.0, 50.0, 32.0, 24.0]", "[150.0, 150.0, 32, 24]")
    return recording


def test_every_signal_is_reported(long_lens: Path) -> None:
    dataset = open_dataset(long_lens)
    config = load_config("euroc", ["frontend.engine=fixed", "frontend.min_depth_m=0.3"])
    frames, uses = trace_signals(dataset, config, START_NS + 4 * FRAME_STEP_NS)
    assert frames == 5
    assert [use.name for use in uses] == list(formats(HwConfig()))
    seen = {use.name: use for use in uses if use.count}
    assert seen["gradient_sum"].count > 1000
    assert seen["gradient_sum"].greatest > 1_000_000
    assert seen["patch"].saturated == 0


def test_the_command_prints_a_table_or_json(
    long_lens: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["hw", "signals", str(long_lens), "--until", "0.1", *SETTINGS]
    assert cli.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split(":")[1].strip() == "3 frames"
    assert any(line.split()[:2] == ["radius2", "uQ2.16"] for line in lines)
    assert cli.main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["frames"] == 3
    assert [row["name"] for row in report["signals"]] == list(formats(HwConfig()))
    assert cli.main(["hw", "signals", str(long_lens), "--until", "-1"]) == 2
    assert "--until: '-1'" in capsys.readouterr().err
