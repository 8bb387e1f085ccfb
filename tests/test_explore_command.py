# SPDX-License-Identifier: Apache-2.0
"""`vio explore` from end to end, its page, and what a user gets wrong."""

import csv
import json
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.exploring import Here, make_plan, needs_explore
from tests.report_pages import HOSTILE, Parsed, trace
from tests.run_folders import needs_plotly
from vio import cli
from vio.commands.explore import verified_text
from vio.config import Config, load_config
from vio.errors import VioError
from vio.exits import EXIT_BAD_INPUT, EXIT_NEGATIVE
from vio.explore.evaluate import Case
from vio.explore.explore import explore
from vio.explore.formats import FORMAT_COSTS
from vio.report.html import plots, write


@needs_plotly
def test_the_page_shows_every_setting_the_front_and_the_steps(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    found = explore(make_plan(tmp_path), out, lambda: nullcontext(Here()))
    assert write.write_report([out], out / "report.html") == []
    page = Parsed((out / "report.html").read_text())
    figure = page.data["figures"]["kib"]
    counted = sum(len(plots.unpacked(t["x"])) for t in figure["data"])
    assert counted == sum(1 for row in found["rows"] if not row["failure"])
    (default,) = [row for row in found["rows"] if row["is_default"]]
    np.testing.assert_allclose(
        plots.unpacked(trace(figure, "default")["x"]), [default["costs"]["kib"]]
    )
    for row in found["rows"]:
        name = ", ".join(f"{k} {v}" for k, v in row["changed"].items()) or "default"
        cells = [cells for cells in page.rows if cells[0] == name and len(cells) == 19]
        assert len(cells) == 1, name
        assert cells[0][7] == f"{row['costs']['kib']:.1f}"
    assert len([cells for cells in page.rows if cells[0].isdigit()]) == len(found["moves"])


@needs_plotly
def test_the_page_shows_every_size_and_rate(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    plan = make_plan(tmp_path, budget=2, sizes=("bin2", "crop75"), rates=(2,))
    rows = explore(plan, out, lambda: nullcontext(Here()))["formats"]["rows"]
    write.write_report([out], out / "report.html")
    page = Parsed((out / "report.html").read_text())
    for cost in FORMAT_COSTS:
        figure = page.data["figures"][f"formats-{cost}"]
        points = np.concatenate([plots.unpacked(t["x"]) for t in figure["data"]])
        np.testing.assert_allclose(sorted(points), sorted(r["costs"][cost] for r in rows), 1e-6)
    for row in rows:
        names = [row["changed"].get("size", "752x480 (full)"), str(row["changed"].get("every", 1))]
        (cells,) = [c for c in page.rows if c[:2] == names]
        assert cells[6] == f"{row['costs']['kib']:.1f}"


def proof(config: Config, case: Case, frames: int, preset: Path, equal: int = 5) -> dict:
    """Stand for the Verilog; the preset's file holds the configuration."""
    assert load_config(str(preset)) == config
    area = {"lut4": 50_001, "ff": 40_002, "dp16kd": 170, "mult18": 93, "memory_bits": 9}
    cycles = {"tracking": {"mean": 81_234.4, "worst": 9}}
    return {"case": case.name, "frames": frames, "equal": equal, "blocks": 9, "different": {},
            "cycles": cycles, "area": area}  # fmt: skip


@needs_plotly
def test_the_page_shows_the_preset_as_verilog(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    plan = make_plan(tmp_path, buildable=True, rtl_frames=5)
    found = explore(plan, out, lambda: nullcontext(Here()), verify=proof)
    (smallest,) = [row for row in found["rows"] if "smallest" in row["presets"]]
    verified = json.loads((out / "explore.json").read_text())["verified"]
    assert verified["changed"] == smallest["changed"] != {}
    assert verified["modelled_block_rams"] == smallest["costs"]["block_rams"]
    write.write_report([out], out / "report.html")
    page = Parsed((out / "report.html").read_text())
    (cells,) = [cells for cells in page.rows if "5 of 5" in cells]
    assert cells[0] == "smallest"
    assert "81234" in cells[3].replace(",", "")
    assert "50001" in cells[5].replace(",", "")
    text = verified_text(verified)
    assert "5 of 5 frames equal" in text
    assert f"170 DP16KD (model {smallest['costs']['block_rams']:.0f})" in text


def test_what_was_found_is_written_before_the_verilog_runs(tmp_path: Path) -> None:
    def failing(*of: object) -> dict:
        raise VioError("yosys was killed")

    out = tmp_path / "out"
    out.mkdir()
    plan = make_plan(tmp_path, buildable=True, rtl_frames=5)
    with pytest.raises(VioError, match="yosys was killed"):
        explore(plan, out, lambda: nullcontext(Here()), verify=failing)
    record = json.loads((out / "explore.json").read_text())
    assert len(record["rows"]) > 3
    assert "verified" not in record
    assert (out / "smallest.toml").is_file()
    assert (out / "explore.csv").is_file()


def test_a_preset_that_the_verilog_does_not_take_is_not_run(tmp_path: Path) -> None:
    def unwanted(*of: object) -> dict:
        raise AssertionError("it is not in the Verilog")

    out = tmp_path / "out"
    out.mkdir()
    plan = make_plan(tmp_path, knobs=("score_bits",), objectives=("memory",), rtl_frames=5)
    found = explore(plan, out, lambda: nullcontext(Here()), verify=unwanted)
    assert "smallest" in found["rows"][-1]["presets"]
    assert found["verified"] == {"preset": "smallest", "buildable": False}
    assert "does not take it" in verified_text(found["verified"])


@needs_explore
@pytest.mark.parametrize(("equal", "code"), [(5, 0), (4, EXIT_NEGATIVE)])
def test_a_frame_in_which_the_verilog_differs_is_a_negative_result(
    equal: int, code: int, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vio.explore.cluster.local_runner", lambda jobs: nullcontext(Here()))
    monkeypatch.setattr("vio.explore.verify.check_tools", lambda: None)
    monkeypatch.setattr("vio.explore.explore.verify_chip", partial(proof, equal=equal))
    words = ["explore", str(recording), "--knobs", "tracks", "--budget", "3", "--no-report"]
    words += ["--buildable", "--verify-rtl", "5", "--out", str(tmp_path / "out")]
    assert cli.main(words) == code


@needs_plotly
def test_texts_of_a_damaged_record_are_text(tmp_path: Path) -> None:
    row = {"changed": {HOSTILE: HOSTILE}, "failure": HOSTILE, "costs": [], "presets": [HOSTILE],
           "ate_ratio": {"ratio": "x"}}  # fmt: skip
    record = {"rows": [row, 7], "moves": [{"knob": HOSTILE}, None], "knobs": {HOSTILE: []},
              "held_back": [row], "cases": [HOSTILE],
              "verified": {"preset": HOSTILE, "buildable": 1, "case": HOSTILE, "area": []},
              "formats": {"rows": [row, None], "knobs": HOSTILE}}  # fmt: skip
    (tmp_path / "explore.json").write_text(json.dumps(record))
    write.write_report([tmp_path], tmp_path / "report.html")
    page = Parsed((tmp_path / "report.html").read_text())
    assert HOSTILE in page.text
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--knobs", "colour"], "'colour' is no knob"),
        (["--set", "hw.colour=3"], "unknown key hw.colour"),
        (["--seeds", "5-1"], "empty range"),
        (["--insecure"], "name one"),
        (["--tls-ca", "ca.pem"], "name one"),
        (["--scheduler", "tcp://192.0.2.7:8786"], "plain tcp"),
        (["--scheduler", "tcp://127.0.0.1:8786", "--jobs", "2"], "--jobs is of this machine"),
        (["--budget", "1"], "not a whole number"),
        (["--sizes", "bin2,bin3"], "'bin3' is no size"),
        (["--rates", "0"], "0 rates: 1 at least"),
        (["--rates", "60"], "dataset.every = 60 is out of range"),
        (["--sizes", "bin2", "--set", "dataset.every=2"], "leave dataset.* out"),
    ],
)
@needs_explore
def test_what_a_user_gets_wrong_is_said_in_one_line(
    words: list[str], message: str, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = ["--out", str(tmp_path / "out"), "--no-report", "--until", "1"]
    assert cli.main(["explore", str(recording), *words, *out]) == EXIT_BAD_INPUT
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1


@needs_explore
@pytest.mark.slow
def test_an_exploration_of_a_rendered_flight(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """A true one: rendered images, the golden model, two processes; then nothing runs again."""
    flight, out = tmp_path / "flight", tmp_path / "out"
    assert cli.main(["render", "handheld", "--seconds", "2.5", "--out", str(flight)]) == 0
    words = ["explore", str(flight), "--until", "2.5", "--budget", "4", "--jobs", "2"]
    words += ["--knobs", "tracks,spare_rows", "--objective", "cycles", "--out", str(out)]
    words += ["--no-report"]
    assert cli.main(words) == 0
    first = capsys.readouterr().out
    assert "4 settings" in first or "3 settings" in first
    table = list(csv.DictReader((out / "explore.csv").open()))
    (default,) = [row for row in table if row["default"] == "1"]
    fastest = load_config(str(out / "fastest.toml"))
    assert fastest.frontend.max_tracks < 200
    (best,) = [row for row in table if "fastest" in row["presets"]]
    assert best["tracks"] == str(fastest.frontend.max_tracks)
    assert float(best["cycles_worst"]) < float(default["cycles_worst"])
    assert 0.0 < float(default["ate_m"]) < 0.2
    kept = (out / "explore.json").read_bytes()
    assert cli.main(words) == 0
    assert " 0 runs, " in capsys.readouterr().out
    assert (out / "explore.json").read_bytes() == kept
    run = ["run", str(flight), "--preset", str(out / "fastest.toml"), "--no-figures"]
    assert cli.main([*run, "--no-report", "--until", "2.5", "--out", str(tmp_path / "run")]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    ate = metrics["accuracy"]["absolute"]["se3"]["translation_m"]["rmse"]
    assert ate == pytest.approx(float(best["ate_m"]), rel=1e-9)  # as `vio run` has it
