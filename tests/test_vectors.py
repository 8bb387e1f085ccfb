# SPDX-License-Identifier: Apache-2.0
"""Golden vectors: the checked-in ones are what the model gives, and they suffice to check it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from vio import cli
from vio.config import load_config
from vio.data import StereoFrame
from vio.datasets import open_dataset
from vio.errors import VioError
from vio.fixed import klt
from vio.fixed.formats import formats
from vio.fixed.frontend import FixedFrontEnd
from vio.fixed.qformat import signal_table
from vio.hw.cosim.vector_blocks import (
    BLOCKS,
    COUNT_FRONTEND,
    FRAME,
    PRESET,
    SETTINGS,
    SOURCE,
    VECTORS,
    checked_in_set,
    make_sets,
)
from vio.hw.cosim.vectors import Field, VectorSet, read_set

ROOT = Path(__file__).parents[1]
CONFIG = load_config(PRESET, SETTINGS)
UPDATE = "a golden bit has changed: if that is meant, run vio hw vectors --update and commit"


@pytest.mark.parametrize("block", BLOCKS)
def test_the_checked_in_vectors_are_what_the_model_gives(block: str) -> None:
    manifest, _ = read_set(ROOT / VECTORS / block)
    made = checked_in_set(block, ROOT).files()
    fresh = json.loads(made["manifest.json"])
    assert manifest["digest"] == fresh["digest"], UPDATE
    assert {p.name for p in (ROOT / VECTORS / block).iterdir()} == set(made)


@pytest.mark.parametrize(
    ("block", "setting"),
    [
        ("klt", "frontend.step_px=0.05"),
        ("stereo", "frontend.min_stereo_correlation=0.95"),
        ("ransac", "frontend.seed=2"),
        ("codec", "hw.codec_left=dct24"),
        ("corners", "hw.tile_px=16"),
        ("rectify", "hw.lens_table=64"),
    ],
)
def test_a_change_of_the_model_changes_what_is_expected(block: str, setting: str) -> None:
    config = load_config(PRESET, [*SETTINGS, setting])
    origin = {"preset": PRESET, "settings": SETTINGS, "recording": SOURCE.as_posix()}
    changed = make_sets(block, open_dataset(ROOT / SOURCE), config, origin, FRAME, 1)[FRAME]
    manifest, _ = read_set(ROOT / VECTORS / block)
    outputs = [
        [f["digest"] for f in m["fields"] if f["direction"] == "output"]
        for m in (manifest, json.loads(changed.files()["manifest.json"]))
    ]
    assert outputs[0] != outputs[1]


def test_the_checked_in_vectors_are_small() -> None:
    sizes = [p.stat().st_size for p in (ROOT / VECTORS).rglob("*") if p.is_file()]
    assert max(sizes) < 100_000
    assert sum(sizes) < 300_000


def test_the_vectors_of_the_tracker_suffice_to_repeat_its_work() -> None:
    manifest, v = read_set(ROOT / VECTORS / "klt")
    registers = klt.klt_registers(CONFIG.frontend, CONFIG.hw)
    assert {k: manifest["registers"][k] for k in ("window", "step", "flat_min")} == {
        k: getattr(registers, k) for k in ("window", "step", "flat_min")
    }
    assert np.array_equal(v["weights"], registers.weights)
    levels = range(manifest["registers"]["levels"])
    images = [tuple(v[f"{n}{i}"].astype(np.uint8) for i in levels) for n in ("key", "current")]
    table = signal_table(formats(CONFIG.hw), trace=False)
    uv, status, iterations = klt.track_windows(
        *images, v["uv_key"], v["uv_start"], v["warps"], registers, table
    )
    assert np.array_equal(uv, v["uv"])
    assert np.array_equal(status, v["status"])
    assert np.array_equal(iterations, v["iterations"])
    assert not np.array_equal(uv, v["uv_start"])


def test_the_vectors_of_the_front_end_suffice_to_repeat_the_sequence() -> None:
    _, v = read_set(ROOT / VECTORS / "frontend")
    engine = FixedFrontEnd(open_dataset(ROOT / SOURCE).rig, CONFIG)
    kinds = []
    for k in range(COUNT_FRONTEND):
        right = v.get(f"frame{k}_right")
        frame = StereoFrame(
            k,
            v[f"frame{k}_left"].astype(np.uint8),
            None if right is None else right.astype(np.uint8),
        )
        t = engine.track(frame, v[f"frame{k}_rotation"] / 2.0**16)
        assert np.array_equal(t.ids, v[f"frame{k}_ids"])
        assert np.array_equal(t.uv_left * 256, v[f"frame{k}_uv"])
        assert np.array_equal(np.isfinite(t.uv_right[:, 0]), v[f"frame{k}_matched"])
        kinds.append((t.is_keyframe, int(v[f"frame{k}_matched"].sum()) > 0))
    assert kinds == [(True, True), (False, False), (True, True)]


def small_set() -> VectorSet:
    values = np.array([[-4, 3], [0, -1]])
    return VectorSet("x", {"frame": 1}, {"r": 7}, [Field("a", values, 3, True, output=False)])


def test_files_are_twos_complement_and_read_back(tmp_path: Path) -> None:
    small_set().write(tmp_path)
    assert (tmp_path / "a.hex").read_text() == "4\n3\n0\n7\n"
    manifest, values = read_set(tmp_path)
    assert manifest["registers"] == {"r": 7}
    assert values["a"].tolist() == [[-4, 3], [0, -1]]


def test_an_edited_file_or_manifest_is_noticed(tmp_path: Path) -> None:
    small_set().write(tmp_path)
    (tmp_path / "a.hex").write_text("4\n3\n0\n6\n")
    with pytest.raises(VioError, match=r"a\.hex was edited"):
        read_set(tmp_path)
    small_set().write(tmp_path)
    text = (tmp_path / "manifest.json").read_text()
    (tmp_path / "manifest.json").write_text(text.replace('"r": 7', '"r": 8'))
    with pytest.raises(VioError, match=r"manifest\.json was edited"):
        read_set(tmp_path)
    (tmp_path / "a.hex").unlink()
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(VioError, match=r"a\.hex is missing"):
        read_set(tmp_path)
    with pytest.raises(VioError, match="no manifest"):
        read_set(tmp_path / "nothing")


def test_a_value_that_does_not_fit_its_width_is_refused() -> None:
    with pytest.raises(VioError, match=r"field a holds 0 \.\. 8.*unsigned 3 bits"):
        Field("a", np.array([0, 8]), 3, False, output=True).text()


def test_the_command_writes_sets_and_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = str(ROOT / SOURCE)
    tiny = ["--preset", "tiny", "--out", str(tmp_path / "v")]
    assert (
        cli.main(["hw", "vectors", "pyramid", source, *tiny, "--frame", "1", "--count", "2"]) == 0
    )
    assert [line.split()[0][-6:] for line in capsys.readouterr().out.splitlines()] == [
        "frame1",
        "frame2",
    ]
    manifest, _ = read_set(tmp_path / "v" / "frame2")
    assert (manifest["preset"], manifest["frame"]) == ("tiny", 2)
    for words, message in (
        (["pyramid", source, "--frame", "4"], "has frames 0 to 3"),
        (["corners", source, "--frame", "1"], "frame 1 (no keyframe)"),
        (["klt", source, "--frame", "0"], "after the first frame"),
        (["engine", source], "unknown; known: pyramid"),
        ([], "name a block"),
    ):
        assert cli.main(["hw", "vectors", *words, *tiny]) == 2
        assert message in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert cli.main(["hw", "vectors", "--update"]) == 2
    shutil.copytree(ROOT / SOURCE, tmp_path / SOURCE)
    assert cli.main(["hw", "vectors", "rectify", "--update"]) == 0
    ours = read_set(tmp_path / VECTORS / "rectify")[0]["digest"]
    assert ours == read_set(ROOT / VECTORS / "rectify")[0]["digest"]
