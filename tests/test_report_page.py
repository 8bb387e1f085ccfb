# SPDX-License-Identifier: Apache-2.0
"""report.html of runs: its values read back, nothing from outside, names, damage, size."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.report_pages import HOSTILE, Parsed, strings, trace, y
from tests.run_folders import Circle, needs_plotly, write_run
from tests.states import make_run, make_state
from vio import cli
from vio.commands.outcome import finish, write_page
from vio.config import load_config
from vio.data import Status
from vio.errors import VioError
from vio.report.html import plots, write
from vio.report.html.page import POLICY, safe_json
from vio.runs.folder import RunFolder

pytestmark = needs_plotly
FILES = (
    "states.csv",
    "deviations.csv",
    "timing.csv",
    "metrics.json",
    "config.toml",
    "landmarks.ply",
    "ground_truth_tum.txt",
    "features.json",
)


def report(folder: Path, *more: Path) -> Parsed:
    out = folder / "report.html"
    write.write_report([folder, *more], out)
    return Parsed(out.read_text())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "circle"
    write_run(folder)
    return folder


@pytest.fixture(scope="module")
def page(run: Path) -> Parsed:
    return report(run)


def test_the_timeline_holds_the_states_of_the_run(page: Parsed) -> None:
    figure, states = page.data["figures"]["timeline-0"], make_run()
    np.testing.assert_array_equal(y(figure, "tracks"), [len(s.tracks.ids) for s in states])
    inertial = [s.inertial_innovation for s in states if s.p_world_body is not None]
    seen = y(figure, "inertial", 1)  # after the bar of that status
    np.testing.assert_allclose(
        seen[np.isfinite(seen)], np.maximum(np.array(inertial), 0.01), rtol=1e-4
    )
    starts = {t["name"]: plots.unpacked(t["base"]) for t in figure["data"] if t["type"] == "bar"}
    assert set(starts) == {"initializing", "tracking", "inertial", "lost"}
    np.testing.assert_allclose(starts["tracking"], [0.25, 0.9, 1.5], atol=1e-6)
    np.testing.assert_allclose(starts["inertial"], [0.75], atol=1e-6)
    keyframes = plots.unpacked(trace(figure, "keyframes: with stereo")["x"])
    np.testing.assert_allclose(keyframes, np.arange(0, 40, 5) * 0.05, atol=1e-6)


def test_biases_stand_with_their_three_sigma(page: Parsed) -> None:
    figure = page.data["figures"]["timeline-0"]
    sigma = np.arange(1.0, 16.0) * 1e-3
    for name, bias, of, unit in (
        ("gyro", (0.01, 0.02, 0.03), sigma[9:12], np.degrees(1.0)),
        ("accel", (0.1, 0.2, 0.3), sigma[12:15], 1.0),
    ):
        for axis in range(3):
            band, curve = (t for t in figure["data"] if t.get("legendgroup") == f"{name}{axis}")
            reach = plots.unpacked(band["y"])
            assert np.nanmax(reach) == pytest.approx((bias[axis] + 3 * of[axis]) * unit, rel=1e-4)
            assert np.nanmin(reach) == pytest.approx((bias[axis] - 3 * of[axis]) * unit, rel=1e-4)
            assert np.nanmean(plots.unpacked(curve["y"])) == pytest.approx(bias[axis] * unit)


def test_a_path_in_space_lies_on_the_ground_truth_that_was_turned_away(page: Parsed) -> None:
    figure = page.data["figures"]["space"]
    for segment in range(2):
        path, truth = (
            np.stack([plots.unpacked(trace(figure, name, segment)[a]) for a in "xyz"], axis=1)
            for name in ("estimate", "ground truth")
        )
        assert len(path) == (23, 10)[segment]
        np.testing.assert_allclose(path, truth, atol=1e-4)
    assert len(plots.unpacked(trace(figure, "landmarks")["x"])) > 0
    top = page.data["figures"]["above"]
    np.testing.assert_array_equal(y(top, "estimate"), y(figure, "estimate"))


def test_an_error_of_the_estimate_shows_in_figures_and_tables(tmp_path: Path) -> None:
    states = make_run()
    dataset = Circle(states)
    assert dataset.ground_truth is not None
    dataset.ground_truth.p_world_body[12, 2] += 0.5
    write_run(tmp_path, states, dataset=dataset)
    page = report(tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())["accuracy"]
    rmse = metrics["absolute"]["se3"]["translation_m"]["rmse"]
    assert rmse > 0.05
    assert page.row("ATE, SE(3) alignment") == [f"{rmse:.4f} m"]
    assert [tmp_path.name, "SE(3)", f"{rmse:.4f}"] in [row[:3] for row in page.rows]
    z = y(page.data["figures"]["errors"], "error", 4)  # x, y, z of two segments
    assert np.abs(z).max() == pytest.approx(50.0, abs=5.0)  # cm
    assert max(y(page.data["figures"]["by-distance"], tmp_path.name)) > 1.0  # per cent


def test_association_and_clock_offset_are_given_or_why_not(page: Parsed, tmp_path: Path) -> None:
    assert "the clock offset is undetermined" in page.text
    states = [make_state(i) for i in range(200)]
    for i, state in enumerate(states):  # a yaw that swings faster and faster
        half = 0.4 * np.sin(0.002 * i * i)
        state.q_world_body[:] = np.cos(half), 0.0, 0.0, np.sin(half)  # type: ignore[index]
    dataset = Circle(states, yaw=0.0)
    q = np.array([s.q_world_body for s in states])
    assert dataset.ground_truth is not None
    late = dataset.ground_truth.t_ns + 8_000_000
    dataset.ground_truth = type(dataset.ground_truth)(late, dataset.ground_truth.p_world_body, q)
    write_run(tmp_path, states, dataset=dataset)
    (row,) = [r for r in report(tmp_path).rows if r[1:2] == ["interpolated"]]
    assert float(row[8]) == pytest.approx(8.0, abs=1.0)
    assert row[10] == "rotation rate"


def test_stage_times_are_means_by_kind_of_frame(page: Parsed) -> None:
    figure = page.data["figures"]["stages"]
    for name, window in (("keyframes", 2.0), ("other frames", 1.0)):
        bar = trace(figure, name)
        means = dict(zip(bar["y"], plots.unpacked(bar["x"]), strict=True))
        assert means == {"klt": 2.0, "window": window, "decode": 1.0}


def test_features_can_be_stepped_through_at_keyframes_and_changes_of_status(
    page: Parsed,
) -> None:
    record = page.data["features"]["0"]
    frames = record["frames"]
    assert (record["width"], record["height"]) == (160, 120)
    assert [f["index"] for f in frames if not f["key"]] == [18, 28]
    assert [f["index"] for f in frames if f["key"]] == [0, 5, 10, 15, 20, 25, 30, 35]
    assert all(len(f["uv"]) == 2 * len(f["stereo"]) == 24 for f in frames)
    assert frames[3]["trails"][0][-2:] == [20 + 2 * 14, 30]
    slides = [a for tag, a in page.tags if tag == "input" and a.get("type") == "range"]
    assert slides[0]["max"] == str(len(frames) - 1)


def test_rendered_images_are_in_the_page_and_recorded_ones_are_linked(
    run: Path, page: Parsed, tmp_path: Path
) -> None:
    sources = [f["src"] for f in page.data["features"]["0"]["frames"]]
    assert all(s.startswith("data:image/jpeg;base64,/9j/") for s in sources)
    folder = tmp_path / "a #1?"
    write_run(folder, rendered=False)
    write.write_report([folder], tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "data:image/jpeg" not in text
    sources = [f["src"] for f in Parsed(text).data["features"]["0"]["frames"]]
    assert sources[0] == "a%20%231%3F/features/000000.jpg"


@pytest.mark.parametrize("name", ["../secret.jpg", "features/../../x.jpg", "/etc/passwd"])
def test_an_image_outside_of_the_run_is_never_shown(tmp_path: Path, name: str) -> None:
    write_run(tmp_path)
    record = json.loads((tmp_path / "features.json").read_text())
    record["frames"][0]["image"] = name
    (tmp_path / "features.json").write_text(json.dumps(record))
    page = report(tmp_path)
    assert page.data["features"] == {}
    assert "features.json is damaged: it names an image" in page.text


def test_a_page_loads_nothing_and_uploads_nothing(run: Path, page: Parsed) -> None:
    text = (run / "report.html").read_text()
    addresses = [a[k] for _, a in page.tags for k in ("src", "href", "action") if a.get(k)]
    assert addresses
    assert all(str(address).startswith("#") for address in addresses)
    assert POLICY.startswith("default-src 'none'")
    assert f'http-equiv=Content-Security-Policy content="{POLICY}"' in text
    assert not {tag for tag, _ in page.tags} & {"link", "iframe", "object", "base", "form"}
    # All but plotly, whose maps know addresses that the policy does not let them use.
    rest = text.replace(page.scripts[1], "")
    assert len(rest) < len(text) - 4_000_000
    rest = re.sub(r'"bdata":"[^"]*"|data:image/jpeg;base64,[^"]*', "", rest)
    found = set(re.findall(r"(?:https?:)?//[a-z0-9][^\s\"'<>)]*", rest.replace("// ", "")))
    assert found <= {"http://www.w3.org/2000/svg"}
    assert "showSendToCloud: false" in page.scripts[2]
    assert 'plotlyServerURL: ""' in page.scripts[2]


def test_a_page_states_plotlys_licence(page: Parsed) -> None:
    assert "Permission is hereby granted, free of charge" in page.text
    assert "Licensed under the MIT license" in page.scripts[1][:300]


def test_names_from_data_are_text_wherever_they_come_up(page: Parsed, tmp_path: Path) -> None:
    folders = [tmp_path / "<b onclick=alert(1)>x", tmp_path / 'it\'s "B" & <i>']
    for folder in folders:
        states = make_run()
        for state in states:
            state.stage_ms[HOSTILE] = 1.0
        dataset = Circle(states)
        dataset.name = HOSTILE
        write_run(folder, states, dataset=dataset)
        metrics = json.loads((folder / "metrics.json").read_text())
        metrics |= {"diagnoses": [HOSTILE], "ended_by": HOSTILE, "no_pose_because": HOSTILE}
        metrics["accuracy"]["relative"][0]["unit"] = HOSTILE
        (folder / "metrics.json").write_text(json.dumps(metrics))
        settings = (folder / "config.toml").read_text()
        (folder / "config.toml").write_text(f"{settings}\n[extra]\n'<s>' = '''{HOSTILE}'''\n")
    for hostile in (report(folders[0]), report(*folders)):
        assert len(hostile.scripts) == 3
        allowed = {tag for tag, _ in page.tags} | {"select", "option", "ul", "li"}
        assert {tag for tag, _ in hostile.tags} <= allowed
        assert not [a for _, a in hostile.tags if any(key.startswith("on") for key in a)]
        assert all(HOSTILE in row for row in hostile.row("recording"))
        assert not [
            s for s in strings(hostile.data["figures"]) if re.search("<(?!extra|/extra)", s)
        ]


def test_json_in_a_script_cannot_end_it() -> None:
    text = safe_json({"a": HOSTILE})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"a": HOSTILE}


def test_a_page_is_the_same_bytes_when_written_again(run: Path, tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        write.write_report([run, run], tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["gone", "empty", "bytes", "cut", "folder"])
def test_a_damaged_file_is_named_and_the_rest_is_shown(
    tmp_path: Path, name: str, damage: str
) -> None:
    write_run(tmp_path)
    file = tmp_path / name
    data = file.read_bytes()
    file.unlink()
    match damage:
        case "empty":
            file.write_bytes(b"")
        case "bytes":
            file.write_bytes(b"\xff\x00\x01 \n" + bytes(range(256)))
        case "cut":
            file.write_bytes(data[: len(data) // 2])
        case "folder":
            file.mkdir()
    page = report(tmp_path)
    whole_lines = damage == "cut" and file.suffix == ".csv"  # as a killed run leaves it
    toml = name == "config.toml" and damage in ("empty", "cut")  # may be whole tables
    gone = name == "features.json" and damage == "gone"  # a run of recorded tracks has none
    if not (whole_lines or toml or gone):
        verb = "is missing" if damage == "gone" else "is damaged"
        assert f"{name} {verb}" in page.text
    figures = page.data["figures"]
    if name != "states.csv":
        assert {"timeline-0", "space"} <= set(figures)
        assert name in ("ground_truth_tum.txt",) or "errors" in figures
        assert name in ("timing.csv",) or "stages" in figures
    if name == "metrics.json":  # measured anew
        assert page.row("ATE, SE(3) alignment") == ["0.0000 m"]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("states.csv", ",tracking,", ",flying,"),
        ("states.csv", "p_x", "pose"),
        ("states.csv", ",0.010000000,", ",1e999,"),
        ("metrics.json", '"absolute"', '"relative"'),
        ("metrics.json", '"frames": 40', '"frames": [1]'),
        ("features.json", '"ids":[0,', '"ids":['),
        ("features.json", '"width":160', '"width":-1'),
        ("features.json", '"uv":[20.0', '"uv":[NaN'),
        ("timing.csv", ",3.000", ",nan3"),
        ("landmarks.ply", "end_header\n", "end_header\nx y z\n"),
    ],
)
def test_a_value_that_makes_no_sense_ends_no_report(
    tmp_path: Path, name: str, old: str, new: str
) -> None:
    write_run(tmp_path)
    text = (tmp_path / name).read_text()
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new))
    page = report(tmp_path)
    assert page.rows
    assert name == "metrics.json" or f"{name} is damaged" in page.text


def test_a_run_without_a_pose_or_without_a_frame_gets_a_page(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [make_state(i, Status.INITIALIZING) for i in range(8)])
    page = report(tmp_path / "a")
    assert "timeline-0" in page.data["figures"]
    assert "space" not in page.data["figures"]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "config.toml").write_text("")
    assert "states.csv is missing" in report(tmp_path / "b").text


def test_a_run_of_one_frame_gets_a_page(tmp_path: Path) -> None:
    write_run(tmp_path, [make_state(0)])
    assert "timeline-0" in report(tmp_path).data["figures"]


def test_two_runs_are_shown_beside_each_other(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_run(other, make_run(60), config=load_config(overrides=["frontend.max_tracks=77"]))
    page = report(run, other)
    assert page.row("frames") == ["40", "60"]
    assert page.row("frontend.max_tracks") == ["200", "77"]
    assert not [row for row in page.rows if row[0] == "frontend.levels"]  # the same in both
    figures = page.data["figures"]
    assert {t["name"] for t in figures["space"]["data"]} >= {"estimate circle", "estimate other"}
    assert {"timeline-0", "timeline-1", "compared"} <= set(figures)
    assert {t["name"] for t in figures["errors"]["data"]} == {"circle", "other"}
    bars = [t["y"][0] for t in figures["compared"]["data"] if t["type"] == "bar"]
    assert set(bars) == {"circle", "other"}
    assert set(page.data["features"]) == {"0", "1"}


def test_runs_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    for parent in ("a", "b"):
        write_run(tmp_path / parent / "run")
    page = report(tmp_path / "a" / "run", tmp_path / "b" / "run")
    assert page.rows[0][1:] == ["a/run", "b/run"]


def test_a_page_that_would_be_too_large_holds_less(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "page.html"
    write.write_report([run], out)
    whole = out.stat().st_size
    assert whole < 8_000_000
    monkeypatch.setattr(write, "MAX_BYTES", whole - 1000)
    write.write_report([run], out)
    assert out.stat().st_size < whole - 1000
    assert len(Parsed(out.read_text()).data["features"].get("0", {"frames": []})["frames"]) < 10


@pytest.mark.slow
def test_a_flight_of_an_hour_fits(tmp_path: Path) -> None:
    lines = []
    write_run(tmp_path, [make_state(i) for i in range(20)])
    for name in ("states.csv", "deviations.csv", "timing.csv"):
        head, *rows = (tmp_path / name).read_text().splitlines()
        place = head.split(",").index("t_ns")
        lines = [head]
        for again in range(3600):
            for row in rows:
                cells = row.split(",")
                cells[place] = str(int(cells[place]) + again * 1_000_000_000)
                lines.append(",".join(cells))
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    page = report(tmp_path)
    assert (tmp_path / "report.html").stat().st_size < 8_000_000
    assert trace(page.data["figures"]["timeline-0"], "tracks")["x"]["bdata"]


def test_the_command_writes_a_page_into_the_run(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["report", str(run)]) == 0
    assert capsys.readouterr().out == f"{run / 'report.html'}\n"
    assert cli.main(["report", str(run), str(run), "--out", str(tmp_path / "x.html")]) == 0
    assert (tmp_path / "x.html").is_file()
    assert cli.main(["report", str(tmp_path)]) == 2
    assert "holds no run" in capsys.readouterr().err


def test_a_run_ends_with_a_page_unless_told_otherwise(tmp_path: Path) -> None:
    result = write_run(tmp_path)
    with RunFolder(tmp_path, load_config()) as folder:
        for state in make_run():
            folder.add_state(state, {})
        dataset: Any = Circle(make_run())
        finish(dataset, folder, result, figures=False, report=False)
        assert not (tmp_path / "report.html").exists()
        finish(dataset, folder, result, figures=False)
    assert "timeline-0" in Parsed((tmp_path / "report.html").read_text()).data["figures"]


def test_without_plotly_a_run_says_in_one_line_that_there_is_no_report(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from importlib import metadata

    def missing(name: str) -> Any:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr("vio.report.html.page.metadata.distribution", missing)
    write_page(tmp_path)
    assert capsys.readouterr().out.splitlines() == [
        "no report.html: it needs plotly (pip install 'kestrel-vio[report]')"
    ]
    assert not (tmp_path / "report.html").exists()
    with pytest.raises(VioError, match=r"needs plotly: pip install 'kestrel-vio\[report\]'"):
        write.write_report([run], tmp_path / "x.html")
