# SPDX-License-Identifier: Apache-2.0
"""The exploration's parts: knobs, costs, keys of tasks, the store, front and presets."""

import csv
import dataclasses
import io
import json
import math
import signal
import sqlite3
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tests.exploring import BASE, Here, make_evaluator, make_plan, needs_explore, stand_in
from vio.config import load_config
from vio.errors import VioError
from vio.explore import knobs as kn
from vio.explore.backend import BackEnd, back_end, engine_rams
from vio.explore.backend import predict as predict_steps
from vio.explore.cost import OBJECTIVES, PRESETS, costs, predict, together, work_from
from vio.explore.explore import explore
from vio.explore.results import complete, difference, front, presets
from vio.explore.store import open_store
from vio.explore.task import Task, evaluate, make_task
from vio.hw.estimates.work import FrameWork, mean_work, worst_work
from vio.hw.params import verilog_text
from vio.hw.schedule.machine import Machine
from vio.hw.schedule.totals import Window, keyframe_costs
from vio.hw.schedule.worst_case import worst_case
from vio.identity import data_identity


@pytest.mark.parametrize("preset", ["ecp5_85k", "navion", "euroc"])
def test_every_value_of_every_knob_is_a_configuration_and_the_first_one_is_the_base(
    preset: str,
) -> None:
    base = load_config(preset)
    knobs = kn.make_knobs(base)
    assert kn.configure(base, knobs, kn.base_of(knobs)) == base
    for position, knob in enumerate(knobs):
        section, _, name = knob.key.partition(".")
        for index, value in enumerate(knob.values):
            config = kn.configure(base, knobs, kn.moved(kn.base_of(knobs), position, index))
            assert getattr(getattr(config, section), name) == value
            assert (config == base) == (index == 0)


# Registers of the keyframe decision, the distance and the stop: no parameter of the Verilog.
REGISTERS = {"stop", "distance", "keyframe_age", "keyframe_alive", "keyframe_parallax"}
# The back end's window is a list of calls for its engine, which has parameters of its own.
REGISTERS |= {"window_keyframes", "window_recent", "lanes"}


@pytest.mark.parametrize("name", kn.NAMES)
def test_every_knob_is_a_build_parameter_or_a_register(name: str) -> None:
    base = load_config("navion", ["hw.codec_upper=dct27"])
    (knob,) = kn.make_knobs(base, [name])
    texts = {
        verilog_text(kn.configure(base, [knob], (index,)), "x") for index in range(len(knob.values))
    }
    assert len(texts) == (1 if name in REGISTERS else len(knob.values))


def test_a_larger_stop_is_expected_to_save_iterations_but_for_one_of_each_level() -> None:
    base = load_config("ecp5_85k")
    work = whole_work(base)
    windows, before = work.tracking.windows, work.tracking.iterations
    (knob,) = kn.make_knobs(base, ["stop"])
    config = kn.configure(base, [knob], (1,))
    assert config.frontend.step_px == 2 * base.frontend.step_px
    after = predict(work, base, config).tracking.iterations
    assert after == pytest.approx([n - 0.4 * windows for n in before])
    few = replace(work, tracking=replace(work.tracking, iterations=(1.2 * windows,) * 3))
    far = kn.configure(base, [knob], (len(knob.values) - 1,))
    assert predict(few, base, far).tracking.iterations == (windows,) * 3
    assert predict(work, base, base) == work


@pytest.mark.parametrize("preset", ["ecp5_85k", "navion"])
def test_no_further_value_of_a_knob_costs_more_memory_or_worst_cycles(preset: str) -> None:
    base = load_config(preset)
    knobs = kn.make_knobs(base)
    work = whole_work(base)
    for position, knob in enumerate(knobs):
        configs = [
            kn.configure(base, knobs, kn.moved(kn.base_of(knobs), position, index))
            for index in range(len(knob.values))
        ]
        found = [costs(predict(work, base, config), config) for config in configs]
        for one, other in pairwise(found):
            assert other.kib <= 1.0005 * one.kib, knob.name  # rows of a window packed into words
            assert other.cycles_worst <= one.cycles_worst, knob.name
            # A codec of lower rate takes more operations, a wider distance more cycles a corner.
            assert other.mean_uw <= one.mean_uw or knob.name[:5] in ("codec", "dista")


def whole_work(config):  # type: ignore[no-untyped-def]
    """Return the work of frames that do all that the sizes allow."""
    from vio.explore.cost import Work

    steps = BackEnd(40, 2e6, 70.0, 90.0)
    return Work(worst_work(config, False), worst_work(config, True), 36, 10, 2.3, steps)


def test_an_unknown_knob_and_one_that_cannot_turn_are_refused() -> None:
    with pytest.raises(VioError, match="'colour' is no knob; known: tracks, window"):
        kn.make_knobs(BASE, ["colour"])
    with pytest.raises(VioError, match="twice"):
        kn.make_knobs(BASE, ["tracks", "tracks"])
    with pytest.raises(VioError, match="can cost less"):
        kn.make_knobs(load_config("ecp5_85k", ["hw.warp_levels=0"]), ["warp_levels"])


def test_the_costs_are_those_of_the_documentation() -> None:
    """docs/chip/budgets.md, `ecp5_85k` and `navion`; the energy is the sum of its frames."""
    for preset, kib, rams, worst in (("ecp5_85k", 322.8, 184, 446), ("navion", 343.6, 216, 854)):
        config = load_config(preset)
        work = whole_work(config)
        found = costs(work, config)
        assert (round(found.kib, 1), found.block_rams) == (kib, rams)
        assert round(found.cycles_worst / 1e3) == worst
        assert found.cycles_worst == found.cycles_keyframe  # this work is the worst
        assert found.frontend_uw == pytest.approx(found.keyframe_uj * 10 / 2.3)
        assert found.backend_uw == pytest.approx(40 * 70.0 / 2.3)
        assert found.mean_uw == pytest.approx(found.frontend_uw + found.backend_uw)
        assert found.frames_s == pytest.approx(62.5e6 / (752 * 480 + found.cycles_worst))


def frames(count: int, seed: int) -> list[FrameWork]:
    """Return the work of frames of random numbers."""
    rng = np.random.default_rng(seed)
    names = [f.name for f in dataclasses.fields(FrameWork) if f.name != "iterations"]
    return [
        FrameWork(iterations=tuple(rng.random(3)), **{n: float(rng.random()) for n in names})
        for _ in range(count)
    ]


def test_the_work_of_runs_together_is_that_of_all_their_frames() -> None:
    from vio.explore.cost import Work

    parts = [(frames(3, 1), frames(2, 2)), (frames(9, 3), frames(5, 4))]
    steps = BackEnd(10, 1e6, 40.0, 80.0), BackEnd(30, 2e6, 80.0, 70.0)
    works = [
        Work(mean_work(a), mean_work(b), len(a), len(b), 1.5, s)
        for (a, b), s in zip(parts, steps, strict=True)
    ]
    found = together([work_from(json.loads(json.dumps(w.record()))) for w in works])
    for kind, k in (("tracking", 0), ("keyframe", 1)):
        every = mean_work([w for part in parts for w in part[k]])
        for field in dataclasses.fields(FrameWork):
            np.testing.assert_allclose(
                getattr(getattr(found, kind), field.name), getattr(every, field.name)
            )
    assert (found.tracking_frames, found.keyframes, found.seconds) == (12, 7, 3.0)
    assert found.back_end == BackEnd(40, 1.75e6, 70.0, 80.0)


def test_a_paired_difference_has_students_interval() -> None:
    ratios = [1.1, 0.9, 1.3, 1.05]
    found = difference(ratios)
    logs = np.log(ratios)
    interval = stats.ttest_1samp(logs, 0.0).confidence_interval(0.95)
    assert found.ratio == pytest.approx(stats.gmean(ratios))
    assert (found.low, found.high) == pytest.approx(np.exp([interval.low, interval.high]))
    alone = difference([1.2])
    assert (alone.ratio, alone.low, alone.high) == (pytest.approx(1.2), None, None)


ROOT = Path(__file__).parents[1]
TASK = Task("somewhere", "d1", {"frontend": {"seed": 1, "window": 15}}, 5.0, "code", "libraries")


@pytest.mark.parametrize(
    "change",
    [
        {"data": "d2"},
        {"settings": {"frontend": {"seed": 2, "window": 15}}},
        {"settings": {"frontend": {"seed": 1, "window": 13}}},
        {"until_s": 5.1},
        {"code": "other"},
        {"libraries": "other"},
    ],
)
def test_a_key_changes_with_all_that_a_result_depends_on(change: dict) -> None:
    assert replace(TASK, **change).key != TASK.key


def test_a_key_does_not_change_with_the_place_of_a_recording() -> None:
    assert replace(TASK, path="elsewhere").key == TASK.key


def test_a_recording_is_known_by_its_contents(recording: Path) -> None:
    before = data_identity(str(recording))
    assert data_identity(str(recording)) == before
    copied = recording.parent.parent / "copy"
    recording.parent.rename(copied)
    assert data_identity(str(copied / "mav0")) == before
    imu = copied / "mav0" / "imu0" / "data.csv"
    imu.write_text(imu.read_text().replace("9.81", "9.82", 1))
    changed = data_identity(str(copied / "mav0"))
    assert changed != before
    next((copied / "mav0" / "cam0" / "data").glob("*.png")).unlink()
    assert data_identity(str(copied / "mav0")) not in (before, changed)
    with pytest.raises(VioError, match="cannot be read"):
        data_identity(str(recording))


def test_a_run_that_cannot_be_made_is_a_result(recording: Path) -> None:
    settings = dataclasses.asdict(load_config("ecp5_85k"))
    result, _ = evaluate(make_task(str(recording), settings, 1.0))
    assert "error" in result
    assert result["error"]  # images of 64 x 48 are too small, or have no pose


def test_a_task_for_other_data_is_refused(recording: Path) -> None:
    task = make_task(str(recording), dataclasses.asdict(BASE), 1.0)
    with pytest.raises(VioError, match="other data"):
        evaluate(replace(task, data="other"))
    with pytest.raises(VioError, match="other Kestrel"):
        evaluate(replace(task, code="other"))


def test_the_store_keeps_results_and_refuses_a_file_that_is_none(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        assert store.get(TASK.key) is None
        store.add(TASK, {"ate_m": 0.25}, 2.0)
        store.add(replace(TASK, code="other"), {"error": "lost"}, 1.0)
    with open_store(tmp_path) as store:
        assert store.get(TASK.key) == {"ate_m": 0.25}
        assert (len(store), store.seconds()) == (2, 3.0)
    with sqlite3.connect(tmp_path / "explore.sqlite") as raw:
        raw.execute("UPDATE results SET result = 'x' WHERE key = ?", (TASK.key,))
    with open_store(tmp_path) as store, pytest.raises(VioError, match="damaged"):
        store.get(TASK.key)
    (tmp_path / "explore.sqlite").write_text("no data base" * 100)
    with pytest.raises(VioError, match=r"explore\.sqlite cannot be used"), open_store(tmp_path):
        pass


def run_here(plan, out: Path, runner: Here | None = None) -> dict:  # type: ignore[no-untyped-def]
    """Run a plan with the stand-in."""
    out.mkdir(exist_ok=True)
    return explore(plan, out, lambda: nullcontext(runner or Here()))


def test_an_exploration_writes_record_table_and_presets(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)
    out = tmp_path / "out"
    found = run_here(plan, out)
    assert json.loads((out / "explore.json").read_text())["rows"] == found["rows"]
    table = list(csv.DictReader(io.StringIO((out / "explore.csv").read_text())))
    assert len(table) == len(found["rows"]) > 5
    assert [row["default"] for row in table].count("1") == 1
    for name, cost in PRESETS.items():
        config = load_config(str(out / f"{name}.toml"))
        (row,) = [row for row in found["rows"] if name in row["presets"]]
        assert row["ate_ratio"]["ratio"] <= 1.2
        good = [r for r in found["rows"] if r["ate_ratio"] and r["ate_ratio"]["ratio"] <= 1.2]
        assert row["costs"][cost] == min(r["costs"][cost] for r in good)
        assert row["costs"][cost] < found["rows"][0]["costs"][cost]
        assert config.frontend.max_tracks == row["changed"].get("tracks", BASE.frontend.max_tracks)


def test_a_stopped_exploration_goes_on_and_repeats_no_task(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)
    whole = Here()
    wanted = run_here(plan, tmp_path / "whole", whole)
    stopped, second, third = Here(most=17), Here(), Here()
    with pytest.raises(KeyboardInterrupt):
        run_here(plan, tmp_path / "out", stopped)
    found = run_here(plan, tmp_path / "out", second)
    keys = [task.key for task in stopped.ran + second.ran]
    assert len(keys) == len(set(keys)) == len(whole.ran)
    files = ("explore.json", "explore.csv", "smallest.toml")
    for name in files:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert found["rows"] == wanted["rows"]
    run_here(plan, tmp_path / "out", third)
    assert third.ran == []


@needs_explore
def test_failures_are_rows_and_never_presets(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, knobs=("tracks", "window"), objectives=("cycles",), most_ratio=9.0)
    plan = replace(plan, search="sampler")
    found = run_here(plan, tmp_path / "out")
    with open_store(tmp_path) as store:
        evaluator = make_evaluator(tmp_path, store)
        lost = evaluator.evaluate([(8, 0, 0, 0, 0)], 8.0)[0]
        refused = evaluator.evaluate([(0, 4, 0, 0, 0)], 8.0)[0]
    assert "lost" in lost.failure
    assert "a window of 7" in refused.failure
    assert math.isinf(lost.ratio)
    assert math.isinf(refused.ratio)
    assert all(not row["presets"] for row in found["rows"] if row["failure"])


def test_a_default_that_fails_ends_the_exploration(tmp_path: Path) -> None:
    def failing(task: Task):  # type: ignore[no-untyped-def]
        return {"error": "no images"}, 0.0

    with pytest.raises(VioError, match="the settings to start from fail: recording, seed 1: no im"):
        run_here(make_plan(tmp_path), tmp_path / "out", Here(failing))


def test_the_front_holds_what_nothing_betters(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        evaluator = make_evaluator(tmp_path, store, budget=60)
        rng = np.random.default_rng(1)
        points = {tuple(int(rng.integers(len(k.values))) for k in evaluator.knobs)
                  for _ in range(50)}  # fmt: skip
        evaluator.evaluate(sorted(points), 8.0)
        every = complete(evaluator)
        found = front(every)
        axes = {
            e.point: np.array([e.ratio, *(getattr(e.costs, n) for n in OBJECTIVES.values())])
            for e in every
            if math.isfinite(e.ratio)
        }
        wanted = [
            p
            for p, a in axes.items()
            if not any((b <= a).all() and (b < a).any() for b in axes.values())
        ]
        assert [e.point for e in found] == wanted
        assert 1 < len(found) < len(axes)
        assert presets(every, 0.5) == {}


def test_a_late_start_does_not_make_an_error_small(tmp_path: Path) -> None:
    def late(task: Task):  # type: ignore[no-untyped-def]
        result, seconds = stand_in(task)
        if task.settings["frontend"]["max_tracks"] < 200:
            result |= {"poses": 100, "ate_m": 0.001}
        return result, seconds

    with open_store(tmp_path) as store:
        evaluator = make_evaluator(tmp_path, store, Here(late))
        (found,) = evaluator.evaluate([(1, 0, 0, 0, 0)], 8.0)
    assert "100 poses in 160 frames, the default has 152 in 160" in found.failure


def test_held_back_recordings_are_run_with_the_presets_only(tmp_path: Path) -> None:
    from vio.explore.evaluate import Case

    other = tmp_path / "other.bag"
    other.write_bytes(b"other data")
    runner = Here()
    plan = make_plan(tmp_path, held_back=(Case(str(other), 1), Case(str(other), 2)))
    found = run_here(plan, tmp_path / "out", runner)
    assert [row["preset"] for row in found["held_back"]] == ["default", *PRESETS]
    assert all(row["ate_ratio"]["low"] is not None for row in found["held_back"])
    mine = [t for t in runner.ran if t.path == str(other)]
    points = {json.dumps(row["changed"]) for row in found["rows"] if row["presets"]}
    assert len(mine) == 2 * (1 + len(points))


def test_what_was_added_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from tests.test_explore import TASK;"
        "from vio.explore.store import open_store\n"
        "with open_store(Path(sys.argv[1])) as store:\n"
        "    store.add(TASK, {'ate_m': 0.5}, 1.0); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    with open_store(tmp_path) as store:
        assert store.get(TASK.key) == {"ate_m": 0.5}


def test_the_back_end_is_charged_as_by_its_schedule() -> None:
    windows = []
    for tracks in (20, 60, 40):
        step, leaving = worst_case(6, tracks)
        windows += [Window("", step, ()), Window("", step, (leaving,))]
    found = back_end(windows, 4)  # as few as are computed: all of them
    every = [keyframe_costs(w, [Machine(lanes=4)])[0] for w in windows]
    assert found.steps == 6
    assert found.uj == pytest.approx(np.mean([c.energy_uj for c in every]))
    assert found.cycles == pytest.approx(np.mean([c.cycles for c in every]))
    assert found.kib == pytest.approx(max(c.memory_kib for c in every))
    many = back_end([w for w in windows for _ in range(8)], 4)
    assert (many.steps, many.kib) == (48, found.kib)
    assert many.uj == pytest.approx(found.uj, rel=0.2)
    assert back_end([], 4) is None


def test_more_lanes_cost_fewer_cycles_less_energy_and_more_block_rams() -> None:
    step, leaving = worst_case(6, 40)
    window = Window("", step, (leaving,))
    every = keyframe_costs(window, [Machine(lanes) for lanes in (1, 2, 4, 8)])
    found = [back_end([window], lanes) for lanes in (1, 2, 4, 8)]
    for lanes, cost, one in zip((1, 2, 4, 8), every, found, strict=True):
        assert (one.cycles, one.uj) == (cost.cycles, pytest.approx(cost.energy_uj))
        assert engine_rams(one.kib, lanes) == cost.block_rams
    for one, other in pairwise(found):
        assert other.cycles < one.cycles
        assert other.uj < one.uj
        assert other.kib == one.kib
    assert every[0].block_rams < every[3].block_rams
    wider = replace(BASE, backend=replace(BASE.backend, lanes=8))
    assert predict_steps(BackEnd(40, 2e6, 70.0, 90.0), BASE, wider).uj < 70.0


def test_the_engine_in_the_loop_has_the_lanes_that_are_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from vio import engines
    from vio.hw.cosim import backend

    asked: list[int] = []
    monkeypatch.setattr(
        backend, "BackendEngine", lambda lanes_log2=2: asked.append(lanes_log2) or 1
    )
    for lanes in (1, 2, 4, 8):
        config = load_config("euroc", ["backend.arithmetic=rtl", f"backend.lanes={lanes}"])
        engines._make_window(config, None)
    assert asked == [0, 1, 2, 3]


def test_fewer_tracks_and_shorter_windows_are_expected_to_cost_less() -> None:
    steps = BackEnd(40, 2e6, 70.0, 90.0)
    fewer = replace(BASE, frontend=replace(BASE.frontend, max_tracks=100))
    shorter = replace(BASE, backend=replace(BASE.backend, keyframes=5))
    assert predict_steps(steps, BASE, BASE) == steps
    for config in (fewer, shorter):
        found = predict_steps(steps, BASE, config)
        assert found.uj < 0.9 * steps.uj
        assert found.cycles < 0.9 * steps.cycles
        assert found.kib < steps.kib
