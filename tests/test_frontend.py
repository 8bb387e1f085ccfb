# SPDX-License-Identifier: Apache-2.0
"""Whole front ends, float and opencv, on a plane whose motion is known and on the real clip."""

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.plane_scene import FRAME_NS, PlaneScene, path, rotations
from vio.config import Config, FrontEndConfig, KeyframeConfig
from vio.data import StereoFrame, Tracks
from vio.datasets import open_dataset
from vio.engines import make_frontend
from vio.errors import VioError
from vio.geometry import exp_so3, mul33
from vio.workers import threads

COUNT = 14
SCENE = PlaneScene(2.0, 0.2)
POSES = path(COUNT)
TURNS = rotations(POSES)
ENGINES = pytest.mark.parametrize("engine", ["float", "opencv"])


@pytest.fixture(scope="module")
def frames() -> list[StereoFrame]:
    return [SCENE.frame(k, pose) for k, pose in enumerate(POSES)]


def config(engine: str = "float", **changes: object) -> Config:
    settings = {"max_tracks": 80, "grid_cols": 6, "grid_rows": 5, "min_depth_m": 0.6, **changes}
    return Config(
        frontend=FrontEndConfig(engine=engine, **settings), keyframe=KeyframeConfig(max_age_s=0.3)
    )


def run(
    frames: list[StereoFrame], settings: Config, turns: list[np.ndarray] = TURNS
) -> list[Tracks]:
    engine = make_frontend(SCENE.rig, settings)
    return [engine.track(frame, R) for frame, R in zip(frames, turns, strict=True)]


def errors(tracks: list[Tracks]) -> np.ndarray:
    """Return how far each observation is from where the track's first pixel truly went."""
    first: dict[int, np.ndarray] = {}
    out = []
    for pose, t in zip(POSES, tracks, strict=True):
        for i, uv in zip(t.ids.tolist(), t.uv_left, strict=True):
            if i not in first:
                first[i] = SCENE.points(SCENE.rig.left, pose, uv[None])[0]
            out.append(uv - SCENE.pixels(SCENE.rig.left, pose, first[i][None])[0])
    return np.linalg.norm(out, axis=1)


@ENGINES
def test_tracks_follow_the_true_motion(engine: str, frames: list[StereoFrame]) -> None:
    tracks = run(frames, config(engine))
    error = errors(tracks)
    assert np.median(error) < 0.1
    assert np.percentile(error, 95) < 0.5
    assert min(len(t.ids) for t in tracks) > 50
    assert np.median([t.age.max() for t in tracks]) >= 7


@ENGINES
def test_tracks_keep_the_protocol(engine: str, frames: list[StereoFrame]) -> None:
    known: dict[int, int] = {}
    for k, t in enumerate(run(frames, config(engine))):
        n = len(t.ids)
        assert t.frame_index == k
        assert t.t_ns == k * FRAME_NS
        assert n <= 80
        assert t.uv_left.shape == t.uv_right.shape == (n, 2)
        assert t.age.dtype == np.int32
        assert t.quality.dtype == np.float32
        assert np.all(np.diff(t.ids) > 0)
        for i, age in zip(t.ids.tolist(), t.age.tolist(), strict=True):
            assert age == known.get(i, 0) + 1
            known[i] = age
        assert ((t.uv_left >= 0) & (t.uv_left < [320, 240])).all()
        if not t.is_keyframe:
            assert np.isnan(t.uv_right).all()
            assert t.age.min() > 1


@ENGINES
def test_keyframes_carry_true_stereo_pixels(engine: str, frames: list[StereoFrame]) -> None:
    tracks = run(frames, config(engine))
    keyframes = [k for k, t in enumerate(tracks) if t.is_keyframe]
    assert keyframes[0] == 0
    assert len(keyframes) >= 3
    for k in keyframes:
        matched = ~np.isnan(tracks[k].uv_right[:, 0])
        assert matched.mean() > 0.5
        truth = SCENE.right_pixels(POSES[k], tracks[k].uv_left[matched])
        error = np.linalg.norm(tracks[k].uv_right[matched] - truth, axis=1)
        assert np.median(error) < 0.15
        assert tracks[k].counters["stereo_matched"] == matched.sum() + tracks[k].counters.get(
            "stereo_rejected", 0
        )


def test_stereo_every_frame_is_an_option(frames: list[StereoFrame]) -> None:
    tracks = run(frames[:4], config(stereo_every_frame=True), TURNS[:4])
    assert all((~np.isnan(t.uv_right[:, 0])).mean() > 0.5 for t in tracks)


def test_a_missing_left_image_pauses_the_tracks(frames: list[StereoFrame]) -> None:
    broken = list(frames)
    broken[3] = StereoFrame(frames[3].t_ns, None, frames[3].right)
    tracks = run(broken, config())
    assert len(tracks[3].ids) == 0
    assert not tracks[3].is_keyframe
    before, after = set(tracks[2].ids.tolist()), set(tracks[4].ids.tolist())
    assert len(before & after) > 0.7 * len(before)
    assert np.median(errors(tracks)) < 0.1


def test_the_gap_needs_the_composed_rotation(frames: list[StereoFrame]) -> None:
    # A fast turn while the image was missing: only its composition finds the windows again.
    swing = exp_so3(np.array([0.0, 0.0, 0.35]))
    poses = [POSES[0], POSES[1].copy(), POSES[2].copy()]
    poses[1][:3, :3] = mul33(np.ascontiguousarray(POSES[1][:3, :3]), swing)
    poses[2][:3, :3] = poses[1][:3, :3]
    given = [SCENE.frame(0, poses[0]), StereoFrame(FRAME_NS, None, None), SCENE.frame(2, poses[2])]
    turns = rotations(poses)
    kept = run(given, config(), turns)[2].ids
    lost = run(given, config(), [turns[0], np.eye(3), turns[2]])[2].ids
    old = run(given, config(), turns)[0].ids
    assert np.isin(old, kept).mean() > 0.5
    assert np.isin(old, lost).mean() < 0.2


def test_a_keyframe_without_right_image_has_no_stereo(frames: list[StereoFrame]) -> None:
    alone = [StereoFrame(f.t_ns, f.left, None) for f in frames]
    tracks = run(alone, config())
    assert all(np.isnan(t.uv_right).all() for t in tracks)
    assert np.median(errors(tracks)) < 0.1


def test_lost_tracks_are_counted_with_their_reasons(frames: list[StereoFrame]) -> None:
    tracks = run(frames, config())
    for before, after in itertools.pairwise(tracks):
        lost = sum(v for name, v in after.counters.items() if name.startswith("lost_"))
        assert len(np.setdiff1d(before.ids, after.ids)) == lost
    dark = StereoFrame(FRAME_NS, np.zeros_like(frames[0].left), None)
    blind = run([frames[0], dark], config(), TURNS[:2])[1]
    assert len(blind.ids) == 0
    assert sum(v for name, v in blind.counters.items() if name.startswith("lost_")) > 50


def test_the_front_end_starts_again_after_darkness(frames: list[StereoFrame]) -> None:
    dark = StereoFrame(FRAME_NS, np.zeros_like(frames[0].left), None)
    tracks = run([frames[0], dark, frames[2], frames[3]], config(), TURNS[:4])
    assert tracks[2].is_keyframe
    assert len(tracks[3].ids) > 50
    assert tracks[2].ids.min() > tracks[0].ids.max()


def test_reset_starts_anew_and_never_reuses_an_identity(frames: list[StereoFrame]) -> None:
    engine = make_frontend(SCENE.rig, config())
    first = engine.track(frames[0], TURNS[0])
    engine.reset()
    second = engine.track(frames[1], TURNS[1])
    assert second.is_keyframe
    assert second.age.max() == 1
    assert second.ids.min() > first.ids.max()
    assert second.frame_index == 1


def test_an_image_unlike_the_calibration_is_refused(frames: list[StereoFrame]) -> None:
    engine = make_frontend(SCENE.rig, config())
    with pytest.raises(VioError, match=r"\(100, 120\).*\(240, 320\)"):
        engine.track(StereoFrame(0, np.zeros((100, 120), np.uint8), None), np.eye(3))


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(VioError, match=r"warp9.*float"):
        make_frontend(SCENE.rig, config("warp9"))


def test_the_opencv_engine_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(VioError, match="pip install"):
        make_frontend(SCENE.rig, config("opencv"))


def digest(tracks: list[Tracks]) -> list[bytes]:
    return [
        part.tobytes() for t in tracks for part in (t.ids, t.uv_left, t.uv_right, t.age, t.quality)
    ]


def test_tracks_are_the_same_bytes_on_any_number_of_threads(frames: list[StereoFrame]) -> None:
    results = []
    for count in (1, 2):
        with threads(count):
            results.append(digest(run(frames, config())))
    assert results[0] == results[1]
    changed = list(frames)
    left = frames[5].left.copy()
    left[100:140, 100:140] ^= 1
    changed[5] = StereoFrame(frames[5].t_ns, left, frames[5].right)
    assert digest(run(changed, config())) != results[0]


@pytest.mark.slow
def test_the_real_clip_is_tracked_throughout(real_data: Path) -> None:
    dataset = open_dataset(real_data / "euroc" / "MH_01_easy")
    engine = make_frontend(dataset.rig, Config())
    imu, R_body_cam = dataset.imu, dataset.rig.left.T_body_cam[:3, :3]
    seen: dict[int, int] = {}
    counts, stereo = [], []
    last_ns = 0
    for frame in dataset.frames():
        # The gyroscope as it comes, with its bias of 0.08 rad/s.
        between = (imu.t_ns >= last_ns) & (imu.t_ns < frame.t_ns)
        turn = imu.gyro_rad_s[between].mean(axis=0) * (frame.t_ns - last_ns) * 1e-9
        R_cam_prev = exp_so3(-R_body_cam.T @ turn) if last_ns else np.eye(3)
        last_ns = frame.t_ns
        tracks = engine.track(frame, R_cam_prev)
        counts.append(len(tracks.ids))
        if tracks.is_keyframe and frame.right is not None:
            stereo.append(np.count_nonzero(~np.isnan(tracks.uv_right[:, 0])))
        seen.update(zip(tracks.ids.tolist(), tracks.age.tolist(), strict=True))
    assert len(counts) == 320
    assert np.median(counts) > 140
    assert min(counts) > 90
    assert np.median(stereo) > 80
    assert np.mean(list(seen.values())) > 9
