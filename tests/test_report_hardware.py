# SPDX-License-Identifier: Apache-2.0
"""What report.html says of the chip: the models' figures of the run's own work, and saturations."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.report_pages import HOSTILE, Parsed
from tests.run_folders import FIXED as CONFIG
from tests.run_folders import fixed_states, needs_plotly, write_run
from tests.states import make_run
from vio import cli
from vio.config import Config, load_config
from vio.data import State
from vio.hw.estimates import cycles as cy
from vio.hw.estimates.energy import energy_model
from vio.hw.estimates.memory import inventory, total_kib
from vio.hw.estimates.work import FrameWork, frame_work, mean_work, worst_work
from vio.render.sequence import render_scenario
from vio.report.html import plots, write
from vio.report.html.hardware import frame_works
from vio.report.html.read import read_run

pytestmark = needs_plotly


def report(folder: Path, states: list[State], config: Config) -> Parsed:
    write_run(folder, states, config=config)
    write.write_report([folder], folder / "report.html")
    return Parsed((folder / "report.html").read_text())


def works() -> list[FrameWork]:
    return [frame_work(s.tracks, CONFIG.frontend.levels) for s in fixed_states()]


def test_the_work_of_every_frame_is_that_of_its_counters(tmp_path: Path) -> None:
    write_run(tmp_path, fixed_states(), config=CONFIG)
    read = read_run(tmp_path, "run")
    assert read.config is not None
    assert read.config == CONFIG
    assert frame_works(read, read.config) == works()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Parsed:
    return report(tmp_path_factory.mktemp("fixed"), fixed_states(), CONFIG)


def test_the_chart_of_a_frame_is_that_of_the_cycle_model(page: Parsed) -> None:
    options = [tag for tag, _ in page.tags if tag == "option"]
    assert len(options) == 4
    assert "keyframe, longest: frame 35" in page.text
    assert "tracking frame, longest: frame 39" in page.text
    of = cy.blocks(works()[35], CONFIG)
    (bar,) = page.data["figures"]["hardware-0-frame-1"]["data"]
    assert bar["y"] == list(of)
    np.testing.assert_allclose(plots.unpacked(bar["x"]), list(of.values()), rtol=1e-6)
    ends = plots.unpacked(bar["base"]) + plots.unpacked(bar["x"])
    np.testing.assert_allclose(plots.unpacked(bar["base"])[1:], ends[:-1], rtol=1e-6)
    assert ends[-1] == pytest.approx(cy.total(works()[35], CONFIG), rel=1e-6)


def test_memories_and_energy_are_those_of_the_models(page: Parsed) -> None:
    (tree,) = page.data["figures"]["hardware-0-memory"]["data"]
    sizes = dict(zip(tree["labels"], tree["values"], strict=True))
    memories = inventory(CONFIG)
    assert {m.name: round(m.kib, 4) for m in memories}.items() <= sizes.items()
    assert f"{total_kib(memories):.1f} KiB in all" in page.text
    tracking = [w for w in works() if w.windows and not w.keyframe]
    keyframes = [w for w in works() if w.windows and w.keyframe]
    rows = energy_model(
        mean_work(tracking), mean_work(keyframes), len(tracking) / len(keyframes), CONFIG
    )
    for e in rows:
        assert page.row(e.name)[-2:] == [f"{e.keyframe_mj * 1e3:.1f}", f"{e.pixel_pj:.1f}"]
    bars = page.data["figures"]["hardware-0-energy"]["data"]
    total = sum(plots.unpacked(t["x"])[0] for t in bars)
    assert total == pytest.approx(rows[0].keyframe_mj * 1e3, rel=1e-5)


def test_blocks_of_engine_rtl_are_the_cycles_that_the_verilog_counted(tmp_path: Path) -> None:
    states = [
        replace(
            s,
            tracks=replace(
                s.tracks,
                counters={
                    "cycles": 995 + i,
                    "rtl_klt": 1000 + i,
                    "rtl_output": 10,
                    "rtl_predict": 7,
                },
            ),
        )
        for i, s in enumerate(make_run())
    ]
    page = report(tmp_path, states, load_config("ecp5_85k", ['frontend.engine="rtl"']))
    (bar,) = page.data["figures"]["hardware-0-frame-3"]["data"]
    assert bar["y"] == ["klt", "output"]
    np.testing.assert_array_equal(plots.unpacked(bar["x"]), [1039, 10])
    title = page.data["figures"]["hardware-0-frame-3"]["layout"]["xaxis"]["title"]["text"]
    assert "1,049 in all blocks, 1,034 counted from end to end" in title
    assert "counted by the Verilog" in page.text
    assert "worst case by the bounds" in page.text
    tracking, keyframe = (worst_work(CONFIG, key) for key in (False, True))
    first = energy_model(tracking, keyframe, 9.0, CONFIG)[0]
    assert page.row(first.name)[-1] == f"{first.pixel_pj:.1f}"


def test_a_run_of_engine_float_has_no_hardware(tmp_path: Path) -> None:
    page = report(tmp_path, make_run(), Config())
    assert not [name for name in page.data["figures"] if name.startswith("hardware")]
    assert not (tmp_path / "counters.csv").exists()


def test_counters_of_an_earlier_run_are_gone(tmp_path: Path) -> None:
    write_run(tmp_path, fixed_states(), config=CONFIG)
    assert (tmp_path / "counters.csv").is_file()
    (tmp_path / "signals.json").write_text("{}")
    write_run(tmp_path)
    assert not (tmp_path / "counters.csv").exists()
    assert not (tmp_path / "signals.json").exists()


def test_saturations_come_first_and_names_are_text(tmp_path: Path) -> None:
    write_run(tmp_path, fixed_states(), config=CONFIG)
    rows = [
        {"name": "ray", "format": "sQ1.16", "bits": 18, "least": -1.5, "greatest": 1.0,
         "count": 200, "saturated": 0, "unused_bits": 1, "missing_bits": 0},
        {"name": HOSTILE, "format": "uQ18.0", "bits": 18, "least": 0, "greatest": 262144.0,
         "count": 400, "saturated": 5, "unused_bits": 0, "missing_bits": 1},
    ]  # fmt: skip
    (tmp_path / "signals.json").write_text(json.dumps({"frames": 40, "signals": rows}))
    write.write_report([tmp_path], tmp_path / "report.html")
    page = Parsed((tmp_path / "report.html").read_text())
    at = [row[0] for row in page.rows].index(HOSTILE)
    assert page.rows[at][2:7] == ["18", "400", "5", "1.2500", "0"]
    assert page.rows[at + 1][0] == "ray"
    assert "1 of 2 signals saturated at least once" in page.text
    assert len(page.scripts) == 3


def test_a_run_that_was_not_traced_says_how_to(page: Parsed) -> None:
    assert "vio run --engine fixed --trace" in page.text


@pytest.mark.parametrize("text", ["", "{}", '{"signals": 3}', '{"signals": [3]}', '[{"name": 1}]'])
def test_damaged_signals_and_counters_are_named(tmp_path: Path, text: str) -> None:
    write_run(tmp_path, fixed_states(), config=CONFIG)
    (tmp_path / "signals.json").write_text(text)
    (tmp_path / "counters.csv").write_text(text)
    problems = write.write_report([tmp_path], tmp_path / "report.html")
    assert any("signals.json is damaged" in p for p in problems)
    assert any("counters.csv is damaged" in p for p in problems)
    page = Parsed((tmp_path / "report.html").read_text())
    assert {"timeline-0", "hardware-0-memory"} <= set(page.data["figures"])


@pytest.mark.slow
def test_a_traced_run_writes_its_signals_and_flies_as_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = tmp_path / "hover"
    render_scenario("hover", recording, seconds=0.5)
    fixed = ["run", str(recording), "--engine", "fixed", "--no-figures", "--no-report"]
    for name, more in (("plain", []), ("traced", ["--trace"])):
        assert cli.main([*fixed, "--out", str(tmp_path / name), *more]) in (0, 3)
    assert not (tmp_path / "plain" / "signals.json").exists()
    signals = json.loads((tmp_path / "traced" / "signals.json").read_text())["signals"]
    assert max(row["count"] for row in signals) > 1000
    for name in ("states.csv", "counters.csv"):
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "traced" / name).read_bytes()
    capsys.readouterr()
    out = ["--out", str(tmp_path / "float")]
    assert cli.main(["run", str(recording), "--trace", *out]) == 2
    assert "engine float has no signals to trace" in capsys.readouterr().err
