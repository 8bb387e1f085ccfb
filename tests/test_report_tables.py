# SPDX-License-Identifier: Apache-2.0
"""report.html of a suite and of a fault table: their values read back."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.report_pages import HOSTILE, Parsed, strings, trace
from tests.run_folders import needs_plotly, write_equivalence, write_run
from tests.states import make_run
from tools.faults import measure
from vio.commands import suite as suite_command
from vio.errors import VioError
from vio.report.html import plots, write
from vio.runs.suite import aggregate

pytestmark = needs_plotly


def write_suite(folder: Path) -> list[dict[str, Any]]:
    """Write a suite of three runs, of which one failed."""
    rows = []
    for sequence, seed, count in (("hover", 1, 40), ("hover", 2, 60), ("real", None, 40)):
        name = sequence if seed is None else f"{sequence}-seed{seed}"
        write_run(folder / name, make_run(count))
        metrics = json.loads((folder / name / "metrics.json").read_text())
        metrics["accuracy"]["absolute"]["se3"]["translation_m"]["rmse"] = 0.001 * count
        rows.append({"sequence": sequence, "seed": seed, "error": None, "metrics": metrics})
    rows.append({"sequence": "gone", "seed": None, "error": "no such <recording>"})
    write_record(folder, rows)
    return rows


def write_record(folder: Path, rows: list[dict[str, Any]]) -> None:
    record = {"arguments": ["--preset", "euroc"], "rows": rows, "summary": aggregate(rows)}
    (folder / "suite.json").write_text(json.dumps(record))


def page_of(folder: Path) -> Parsed:
    write.write_report([folder], folder / "report.html")
    return Parsed((folder / "report.html").read_text())


def test_a_suites_page_holds_its_tables_and_errors(tmp_path: Path) -> None:
    write_suite(tmp_path)
    page = page_of(tmp_path)
    assert [row[:3] for row in page.rows[1:5]] == [
        ["hover", "1", "0.0400"],
        ["hover", "2", "0.0600"],
        ["real", "–", "0.0400"],
        ["gone", "–", "failed"],
    ]
    assert ["hover", "2", "0.0500", "0.0600", "2"] in page.rows  # both were lost on the way
    assert "gone: no such <recording>" in page.text
    figure = page.data["figures"]["ate"]
    np.testing.assert_allclose(plots.unpacked(trace(figure, "run")["x"]), [0.04, 0.06, 0.04])
    np.testing.assert_allclose(plots.unpacked(trace(figure, "mean")["x"]), [0.05, 0.04])
    shares = page.data["figures"]["shares"]
    assert sum(plots.unpacked(t["x"])[0] for t in shares["data"]) == pytest.approx(100.0)
    assert plots.unpacked(trace(shares, "inertial")["x"])[0] == pytest.approx(100 * 3 / 40)


def test_a_suites_page_shows_the_path_of_each_run_and_links_its_page(tmp_path: Path) -> None:
    write_suite(tmp_path)
    (tmp_path / "real" / "report.html").write_text("")
    (tmp_path / "hover-seed2" / "states.csv").unlink()
    problems = write.write_report([tmp_path], tmp_path / "report.html")
    assert problems == ["hover-seed2: states.csv is missing"]
    page = Parsed((tmp_path / "report.html").read_text())
    assert len([name for name in page.data["figures"] if name.startswith("path-")]) == 2
    links = [a["href"] for tag, a in page.tags if tag == "a" and not a["href"].startswith("#")]
    assert links == ["real/report.html"]


def test_a_suites_names_are_text_and_never_lead_out_of_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "suite"
    folder.mkdir()
    write_run(tmp_path / "outside")
    rows = [
        {"sequence": HOSTILE, "seed": 1, "error": HOSTILE},
        {"sequence": "../outside", "seed": None, "error": None, "metrics": {}},
        {"sequence": "..", "seed": None, "error": None, "metrics": {"frames": HOSTILE}},
    ]
    (folder / "suite.json").write_text(
        json.dumps({"arguments": [HOSTILE], "rows": rows, "summary": {"sequences": {HOSTILE: 1}}})
    )
    page = page_of(folder)
    assert len(page.scripts) == 3
    assert not [name for name in page.data["figures"] if name.startswith("path-")]
    assert not [a for tag, a in page.tags if tag in ("img", "b") or "onerror" in a]
    assert not [s for s in strings(page.data["figures"]) if "<img" in s]


@pytest.mark.parametrize("name", ["suite.json", "faults.json", "equivalence.json"])
@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rows": 3}', "{", "[" * 100_000, "\0"])
def test_a_damaged_table_is_refused_in_one_line(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(VioError, match=name):
        write.write_report([tmp_path], tmp_path / "x.html")


def test_a_suite_is_not_shown_beside_a_run(tmp_path: Path) -> None:
    write_suite(tmp_path)
    with pytest.raises(VioError, match="only runs are shown beside each other"):
        write.write_report([tmp_path, tmp_path / "real"], tmp_path / "x.html")


def faults(folder: Path) -> None:
    """Write a table of one fault within its bound, one over it, and a scene."""

    def run(seed: int, ratio: float, **status: int) -> dict[str, Any]:
        sides = [{"poses": 40, "ate_m": ratio, "undisturbed_m": 1.0, "ratio": ratio}]
        return {"seed": seed, "sides": sides, "status": status, "diagnoses": [f"seen {HOSTILE}"]}

    rows = [
        {"case": "right_dead", "title": "right camera dead", "source": "MH_01_easy", "bar": 3.0,
         "mean_ratio": [1.5], "worst_ratio": [2.0], "missed": [],
         "runs": [run(1, 1.0, tracking=40), run(2, 2.0, tracking=30, inertial=10)]},
        {"case": "spikes", "title": HOSTILE, "source": "MH_01_easy", "bar": 1.5,
         "mean_ratio": [1.75], "worst_ratio": [1.75], "missed": ["over 1.5"],
         "runs": [run(1, 1.75, lost=40)]},
    ]  # fmt: skip
    scenes = [{"scene": "still", "title": "at rest", "unit": "m", "seed": 1, "value": 0.0123,
               "missed": []}]  # fmt: skip
    record = {"undisturbed_ate_m": {"MH_01_easy": 0.0047}, "faults": rows, "scenes": scenes}
    (folder / "faults.json").write_text(json.dumps(record))


def test_a_fault_tables_page_holds_ratios_bounds_and_what_is_missed(tmp_path: Path) -> None:
    faults(tmp_path)
    page = page_of(tmp_path)
    assert "1 of 3 figures miss their bounds" in page.text
    assert page.row("none: ATE") == ["", "0.0047 m"]
    assert page.rows[2] == ["right camera dead", "3.0", "1.50 (2.00)"]
    assert page.rows[3] == [HOSTILE, "1.5", "1.75 (1.75) OVER 1.5"]
    assert page.row("at rest") == ["1", "0.0123 m", ""]
    figure = page.data["figures"]["ratio"]
    np.testing.assert_allclose(plots.unpacked(trace(figure, "MH_01_easy")["x"]), [1.0, 2.0, 1.75])
    np.testing.assert_allclose(plots.unpacked(trace(figure, "at most")["x"]), [3.0, 1.5])
    shares = page.data["figures"]["shares"]
    np.testing.assert_allclose(plots.unpacked(trace(shares, "tracking")["x"]), [87.5, 0.0])
    np.testing.assert_allclose(plots.unpacked(trace(shares, "lost")["x"]), [0.0, 100.0])
    assert len(page.scripts) == 3
    assert not [s for s in strings(page.data["figures"]) if "<img" in s]


def test_a_co_simulations_page_holds_what_differs_and_the_blocks_of_a_frame(tmp_path: Path) -> None:
    write_equivalence(tmp_path, HOSTILE)
    page = page_of(tmp_path)
    assert "3 of 4 frames" in page.text
    assert f"frame 2: {HOSTILE}" in page.text
    assert page.row("tracks") == ["4", "3"]
    assert page.row("klt") == ["4,000", "3,000"]
    assert page.row("stereo") == ["900", "–"]
    figures = page.data["figures"]
    by_frame = figures["cycles-by-frame"]
    np.testing.assert_allclose(plots.unpacked(trace(by_frame, "tracking frames")["x"]), [0, 1, 2])
    np.testing.assert_allclose(plots.unpacked(trace(by_frame, "keyframes")["y"]), [4110])
    np.testing.assert_allclose(plots.unpacked(trace(by_frame, "different")["x"]), [2])
    for name, klt in (("tracking-median", 3000), ("tracking-longest", 5000)):
        (bars,) = figures[f"blocks-{name}"]["data"]
        assert bars["y"] == ["klt", "output"]
        np.testing.assert_allclose(plots.unpacked(bars["x"]), [klt, 100])
    (bars,) = figures["blocks-keyframe-median"]["data"]
    np.testing.assert_allclose(plots.unpacked(bars["base"]), [0, 4000, 4900])
    axis = figures["blocks-keyframe-median"]["layout"]["xaxis"]
    assert "0.08 ms at 50 MHz" in axis["title"]["text"]
    assert not [s for s in strings(figures) if "<img" in s]


def test_a_suite_ends_with_a_page_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_suite(jobs: Any, words: list[str], out: Path, *_: Any) -> dict[str, Any]:
        assert {"--no-report", "--no-figures"} <= set(words)  # of each run
        rows = [{"sequence": "gone", "seed": None, "error": "no"}]
        write_record(out, rows)
        return {"rows": rows, "summary": aggregate(rows)}

    monkeypatch.setattr("vio.runs.suite.run_suite", run_suite)
    parser = argparse.ArgumentParser()
    suite_command.add_arguments(parser)
    for more, written in (["--no-report"], False), ([], True):
        out = tmp_path / str(written)
        suite_command.run(parser.parse_args(["gone", "--out", str(out), *more]))
        assert (out / "report.html").is_file() == written


@pytest.mark.parametrize("more", [[], ["--no-report"]])
def test_the_fault_table_ends_with_a_page_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    row = {"scene": "x", "title": "at rest", "unit": "m", "seed": 1, "value": 0.5, "missed": []}
    monkeypatch.setattr(measure, "scene_row", lambda *_: row)
    name = measure.SCENES[0].name
    words = ["--cases", "--sources", "--scenes", name, "--seeds", "1", "--out", str(tmp_path)]
    measure.main([*words, *more])
    if more:
        assert not (tmp_path / "report.html").exists()
    else:
        assert Parsed((tmp_path / "report.html").read_text()).row("at rest") == [
            "1",
            "0.5000 m",
            "",
        ]
