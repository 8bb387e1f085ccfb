# SPDX-License-Identifier: Apache-2.0
"""`vio bench --check`: the quotient, its limit, the record and the exit code."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vio.cli import main
from vio.config import load_config
from vio.datasets import open_dataset
from vio.errors import VioError
from vio.runs import bench_check
from vio.runs.bench_check import compare, load_record, measure_quotient, save_record

FIGURES = {"frames": 3, "frame_cpu_ms": 2.0, "kernel_cpu_ms": 1.0, "quotient": 2.0}


def quotients(value: float) -> dict[str, dict[str, Any]]:
    """Return a record in which both engines have this quotient."""
    return {engine: {**FIGURES, "quotient": value} for engine in bench_check.ENGINES}


def test_the_reference_kernel_is_the_one_that_was_recorded() -> None:
    image = np.zeros((7, 9), np.float32)
    image[3, 4] = 9.0
    assert bench_check.reference_kernel(image, 1) == 1.0
    image = np.random.default_rng(1).random((48, 64), np.float32)
    smooth = bench_check.reference_kernel(image, 3)
    window = image[21:28, 29:36].astype(float)  # three passes reach three pixels
    for _ in range(3):
        shape = window.shape[0] - 2
        window = sum(window[i : i + shape, j : j + shape] for i in range(3) for j in range(3)) / 9
    assert smooth == pytest.approx(window[0, 0], rel=1e-6)


def test_a_quotient_is_measured_on_the_frames_asked_for(recording: Path) -> None:
    found = measure_quotient(open_dataset(recording.parent), load_config(), "float", 3, 0.2)
    assert found["frames"] == 5
    assert len(found["quotients"]) == 3
    assert found["quotient"] == np.median(found["quotients"])
    assert found["quotient"] > 0.0


@pytest.mark.parametrize(("slower", "passes"), [(0.5, True), (1.29, True), (1.31, False)])
def test_thirty_percent_more_than_the_record_fails(slower: float, passes: bool) -> None:
    assert compare({**FIGURES, "quotient": 2.0 * slower}, FIGURES)["passes"] is passes


def test_a_record_keeps_what_was_not_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    save_record({"clip": quotients(1.0), "flight": quotients(2.0)}, path)
    save_record({"flight": quotients(3.0)}, path)
    assert load_record(path) == {"clip": quotients(1.0), "flight": quotients(3.0)}


def test_a_baseline_stays_when_a_record_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    baseline = {"commit": "91ae0bb", "sequences": {"clip": {"float": 4.0}}}
    path.write_text(json.dumps({"sequences": {}, "baseline": baseline}))
    save_record({"clip": quotients(1.0)}, path)
    assert bench_check.load_baseline("clip", "float", path) == ("91ae0bb", 4.0)
    assert bench_check.load_baseline("clip", "fixed", path) is None
    assert bench_check.load_baseline("flight", "float", path) is None
    assert bench_check.load_baseline("clip", "float", tmp_path / "none.json") is None


def test_a_quotient_is_reported_as_a_share_of_the_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_check, "load_baseline", lambda *names: ("91ae0bb", 4.0))
    found = bench_check.beside_baseline(FIGURES, "clip", "float")
    assert found == {"baseline_commit": "91ae0bb", "baseline": 4.0, "of_baseline": 0.5}
    monkeypatch.setattr(bench_check, "load_baseline", lambda *names: None)
    assert bench_check.beside_baseline(FIGURES, "clip", "float") == {}


def test_a_missing_record_is_reported_with_the_command_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(VioError, match="vio bench --record"):
        load_record(tmp_path / "bench.json")


def test_settings_are_refused_for_they_are_not_what_was_recorded(
    capsys: pytest.CaptureFixture,
) -> None:
    assert main(["bench", "--check", "--set", "frontend.levels=2"]) == 2
    assert "neither a recording nor settings" in capsys.readouterr().err


@pytest.mark.parametrize(("quotient", "code"), [(2.5, 0), (2.7, 3)])
def test_the_command_compares_prints_and_exits_with_3_when_it_is_too_slow(
    quotient: float,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    recording: Path,
) -> None:
    data = tmp_path / "data" / "euroc"
    data.mkdir(parents=True)
    (data / "MH_01_easy").symlink_to(recording.parent)
    monkeypatch.setenv("VIO_DATA", str(data.parent))
    monkeypatch.setattr(bench_check, "load_record", lambda: {"euroc/MH_01_easy": quotients(2.0)})
    measured = quotients(quotient)
    monkeypatch.setattr(
        bench_check, "measure_quotient", lambda dataset, config, engine: measured[engine]
    )
    assert main(["bench", "--check", "--out", str(tmp_path / "out")]) == code
    printed = capsys.readouterr().out
    assert ("FAILS" in printed) is (code == 3)
    report = json.loads((tmp_path / "out" / "check.json").read_text())
    assert report["sequences"]["euroc/MH_01_easy"]["fixed"]["ratio"] == quotient / 2.0
