# SPDX-License-Identifier: Apache-2.0
"""The whole golden model: its protocol, its integers, and the float engine beside it."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
import pytest

from tests.fixed_kernels import arrays_within, floats_of, kernels
from tests.plane_scene import FRAME_NS, PlaneScene, path, rotations
from vio.config import Config, FrontEndConfig, HwConfig, KeyframeConfig, load_config
from vio.data import StereoFrame, Tracks
from vio.datasets import open_dataset
from vio.engines import make_frontend
from vio.errors import VioError
from vio.fixed.frontend import FixedFrontEnd
from vio.geometry import exp_so3, mul33
from vio.hw.cosim.record import rotation_between
from vio.workers import threads

COUNT = 14
SCENE = PlaneScene(2.0, 0.2)
POSES = path(COUNT)
TURNS = rotations(POSES)


@pytest.fixture(scope="module")
def frames() -> list[StereoFrame]:
    return [SCENE.frame(k, pose) for k, pose in enumerate(POSES)]


def config(engine: str = "fixed", codec: str = "none", **changes: object) -> Config:
    """Return a configuration; without compression, so that only the arithmetic differs."""
    settings = {"max_tracks": 80, "grid_cols": 6, "grid_rows": 5, "min_depth_m": 0.6, **changes}
    return Config(
        frontend=FrontEndConfig(engine=engine, **settings),
        keyframe=KeyframeConfig(max_age_s=0.3),
        hw=HwConfig(codec_left=codec, codec_upper=codec, codec_right=codec),
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


def digest(tracks: list[Tracks]) -> list[bytes]:
    return [
        part.tobytes() for t in tracks for part in (t.ids, t.uv_left, t.uv_right, t.age, t.quality)
    ]


def test_tracks_follow_the_true_motion_about_as_well_as_the_float_engine(
    frames: list[StereoFrame],
) -> None:
    tracks = run(frames, config())
    error, exact = errors(tracks), errors(run(frames, config("float")))
    assert np.median(error) <= 1.25 * np.median(exact) + 1 / 256
    assert np.percentile(error, 95) < 0.5
    assert min(len(t.ids) for t in tracks) > 50
    assert np.median([t.age.max() for t in tracks]) >= 7
    shifted = [dataclasses.replace(t, uv_left=t.uv_left + 0.02 * t.age[:, None]) for t in tracks]
    assert np.median(errors(shifted)) > 1.25 * np.median(exact) + 1 / 256


def test_compressed_frames_cost_hundredths_of_a_pixel(frames: list[StereoFrame]) -> None:
    plain, coded = (np.median(errors(run(frames, config(codec=c)))) for c in ("none", "dct27"))
    # This texture fills the spectrum, the worst for a codec; see docs/golden/codec.md.
    assert plain < coded < plain + 0.05


def test_common_tracks_are_where_the_float_engine_has_them(frames: list[StereoFrame]) -> None:
    """Corners are chosen alike where both engines have room; then they are followed alike."""
    ours, theirs = run(frames[:6], config(), TURNS[:6]), run(frames[:6], config("float"), TURNS[:6])
    start, other = ours[0].uv_left, theirs[0].uv_left
    i, j = np.nonzero(np.abs(start[:, None] - other[None]).max(axis=2) < 0.5)
    assert len(i) > 0.5 * len(start)
    difference = []
    for a, b in zip(ours[1:], theirs[1:], strict=True):
        for m, n in zip(ours[0].ids[i], theirs[0].ids[j], strict=True):
            if m in a.ids and n in b.ids:
                difference.append(a.uv_left[a.ids == m][0] - b.uv_left[b.ids == n][0])
    assert len(difference) > 3 * len(i)
    # Words of 1/256 px, steps that end at 3/256 px on a search that starts elsewhere.
    assert np.median(np.linalg.norm(difference, axis=1)) < 0.02
    assert np.median(np.linalg.norm(np.array(difference) + 0.03, axis=1)) > 0.02


def test_tracks_keep_the_protocol(frames: list[StereoFrame]) -> None:
    known: dict[int, int] = {}
    for k, t in enumerate(run(frames, config())):
        n = len(t.ids)
        assert (t.frame_index, t.t_ns) == (k, k * FRAME_NS)
        assert n <= 80
        assert t.uv_left.shape == t.uv_right.shape == (n, 2)
        assert (t.age.dtype, t.quality.dtype) == (np.int32, np.float32)
        assert np.all(np.diff(t.ids) > 0)
        for i, age in zip(t.ids.tolist(), t.age.tolist(), strict=True):
            assert age == known.get(i, 0) + 1
            known[i] = age
        assert ((t.uv_left >= 0) & (t.uv_left < [320, 240])).all()
        assert np.array_equal(t.uv_left * 256, np.rint(t.uv_left * 256))
        if not t.is_keyframe:
            assert np.isnan(t.uv_right).all()
            assert t.age.min() > 1


def test_keyframes_carry_true_stereo_pixels(frames: list[StereoFrame]) -> None:
    tracks = run(frames, config())
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


def test_a_frame_without_right_image_is_never_a_stereo_keyframe(
    frames: list[StereoFrame],
) -> None:
    alone = [StereoFrame(f.t_ns, f.left, None) for f in frames]
    tracks = run(alone, config())
    assert all(np.isnan(t.uv_right).all() for t in tracks)
    assert not any("stereo_matched" in t.counters for t in tracks)
    assert np.median(errors(tracks)) < 0.1
    assert any(np.isfinite(t.uv_right).any() for t in run(frames, config()))


def test_rotations_are_composed_while_the_left_image_is_missing(
    frames: list[StereoFrame],
) -> None:
    swing = exp_so3(np.array([0.0, 0.0, 0.35]))
    poses = [POSES[0], POSES[1].copy(), POSES[2].copy()]
    poses[1][:3, :3] = mul33(np.ascontiguousarray(POSES[1][:3, :3]), swing)
    poses[2][:3, :3] = poses[1][:3, :3]
    given = [SCENE.frame(0, poses[0]), StereoFrame(FRAME_NS, None, None), SCENE.frame(2, poses[2])]
    turns = rotations(poses)
    tracks = run(given, config(), turns)
    assert len(tracks[1].ids) == 0
    assert not tracks[1].is_keyframe
    old = tracks[0].ids
    # A whole turn of 20 degrees: the straight coarse levels of the default hardware lose a few.
    assert np.isin(old, tracks[2].ids).mean() > 0.4
    lost = run(given, config(), [turns[0], np.eye(3), turns[2]])[2].ids
    assert np.isin(old, lost).mean() < 0.2


def test_a_missing_left_image_pauses_the_tracks(frames: list[StereoFrame]) -> None:
    broken = list(frames)
    broken[3] = StereoFrame(frames[3].t_ns, None, frames[3].right)
    tracks = run(broken, config())
    before, after = set(tracks[2].ids.tolist()), set(tracks[4].ids.tolist())
    assert len(before & after) > 0.7 * len(before)
    assert np.median(errors(tracks)) < 0.1


def test_reset_starts_anew_and_never_reuses_an_identity(frames: list[StereoFrame]) -> None:
    engine = make_frontend(SCENE.rig, config())
    first = engine.track(frames[0], TURNS[0])
    engine.reset()
    second = engine.track(frames[1], TURNS[1])
    assert second.is_keyframe
    assert second.age.max() == 1
    assert second.ids.min() > first.ids.max()
    assert second.frame_index == 1


def test_a_dark_first_image_is_followed_by_a_keyframe(frames: list[StereoFrame]) -> None:
    dark = StereoFrame(0, np.zeros_like(frames[0].left), None)
    for engine in ("fixed", "float"):
        tracks = run([dark, *frames[1:4]], config(engine), TURNS[:4])
        assert [t.is_keyframe for t in tracks[:2]] == [True, True]
        assert len(tracks[0].ids) == 0
        assert len(tracks[2].ids) > 50


@pytest.mark.parametrize(
    ("hw", "frontend", "message"),
    [
        ({"max_width": 319}, {}, r"320 x 240.*319 x 480"),
        ({"max_height": 200}, {}, r"320 x 240.*752 x 200"),
        ({"max_tracks": 79}, {}, r"max_tracks needs 80.*79"),
        ({"max_levels": 2}, {}, r"levels needs 3.*2"),
        ({}, {"window": 17}, r"window needs 17.*15"),
        ({}, {"max_iterations": 31}, r"max_iterations needs 31.*30"),
        ({}, {"ransac_hypotheses": 65}, r"ransac_hypotheses needs 65.*64"),
        ({}, {"stereo_half_width": 16}, r"needs 33.*31"),
        ({}, {"stereo_half_height": 4}, r"needs 9.*7"),
        ({"stereo_segments": 1}, {}, r"37 px need 2 segments.*has 1"),
        ({}, {"corner_radius": 3}, r"corner_radius 3"),
        ({"codec_left": "jpeg"}, {}, r"jpeg.*known"),
    ],
)
def test_settings_beyond_the_hardware_are_refused_with_the_numbers(
    hw: dict[str, object], frontend: dict[str, object], message: str
) -> None:
    settings = dataclasses.replace(config(**frontend), hw=HwConfig(**hw))
    with pytest.raises(VioError, match=message):
        FixedFrontEnd(SCENE.rig, settings)


def test_an_image_unlike_the_calibration_is_refused() -> None:
    engine = FixedFrontEnd(SCENE.rig, config())
    with pytest.raises(VioError, match=r"\(100, 120\).*\(240, 320\)"):
        engine.track(StereoFrame(0, np.zeros((100, 120), np.uint8), None), np.eye(3))


@pytest.mark.parametrize("preset", ["euroc", "ecp5_85k"])
def test_tracks_are_the_same_bytes_on_any_number_of_threads_and_in_any_run(
    preset: str, frames: list[StereoFrame]
) -> None:
    base = load_config(preset, ["frontend.engine=fixed", "frontend.min_depth_m=0.6"])
    results = []
    for count in (1, 2, 1):
        with threads(count):
            results.append(digest(run(frames[:8], base, TURNS[:8])))
    assert results[0] == results[1] == results[2]
    changed = list(frames[:8])
    left = frames[5].left.copy()
    left[100:140, 100:140] ^= 4
    changed[5] = StereoFrame(frames[5].t_ns, left, frames[5].right)
    assert digest(run(changed, base, TURNS[:8])) != results[0]


def test_tracing_the_signals_changes_no_bit(frames: list[StereoFrame]) -> None:
    traced = FixedFrontEnd(SCENE.rig, config(), trace=True)
    seen = [traced.track(f, R) for f, R in zip(frames[:8], TURNS[:8], strict=True)]
    assert digest(seen) == digest(run(frames[:8], config(), TURNS[:8]))
    uses = {use.name: use for use in traced.signal_report()}
    assert {"uv", "ray", "window_sum", "determinant", "stereo_power", "point"} <= set(uses)
    assert uses["patch"].saturated == uses["window_sum"].saturated == 0
    assert 0 <= uses["patch"].least <= uses["patch"].greatest <= 1020
    assert FixedFrontEnd(SCENE.rig, config()).signal_report() == []


def test_every_array_of_the_model_holds_integers(frames: list[StereoFrame]) -> None:
    engine = FixedFrontEnd(SCENE.rig, config())
    for frame, R in zip(frames[:8], TURNS[:8], strict=True):
        engine.track(frame, R)
    arrays = dict(arrays_within(engine, "engine", set()))
    assert {"engine._tracks.uv", "engine._signals", "engine._left[1]"} <= set(arrays)
    assert {p: a.dtype for p, a in arrays.items() if a.dtype.kind not in "iu"} == {}
    engine._tracks.uv = engine._tracks.uv.astype(np.float32)
    spoilt = dict(arrays_within(engine, "engine", set()))
    assert [p for p, a in spoilt.items() if a.dtype.kind not in "iu"] == ["engine._tracks.uv"]


@pytest.mark.slow
def test_no_compiled_function_of_the_model_computes_with_floats(
    frames: list[StereoFrame],
) -> None:
    coded = load_config("ecp5_85k", ["frontend.min_depth_m=0.6"])
    run(frames[:8], coded, TURNS[:8])
    done: set[tuple[str, object]] = set()
    floats = {}
    while True:
        # The inference of a caller makes its callees' signatures known.
        todo = [
            (name, kernel, signature)
            for name, kernel in kernels()
            for signature in kernel.signatures
            if (name, signature) not in done
        ]
        if not todo:
            break
        for name, kernel, signature in todo:
            done.add((name, signature))
            if found := floats_of(kernel, signature):
                floats[name] = found
    assert floats == {}
    seen = {name for name, _ in done}
    for needed in (
        "klt.track_span",
        "klt.solve_step",
        "stereo.match_span",
        "ransac.epipolar_error",
    ):
        assert f"vio.fixed.{needed}" in seen


def test_a_float_in_a_compiled_function_is_found() -> None:
    @numba.njit
    def halved(x: int) -> int:
        return int(x / 2)

    @numba.njit
    def summed(x: int) -> int:
        table = np.zeros(3)
        return x + int(table[0])

    for kernel in (halved, summed):
        kernel(3)
        assert floats_of(kernel, kernel.signatures[0])


@dataclass
class Tracked:
    """What an engine made of the real clip: tracks a frame, stereo matches a keyframe, ages."""

    counts: list[int]
    stereo: list[int]
    ages: dict[int, int]

    @property
    def life(self) -> float:
        """Mean number of frames in which a track is seen."""
        return float(np.mean(list(self.ages.values())))


@pytest.fixture(scope="module")
def clip(real_data: Path) -> dict[str, Tracked]:
    """Track 120 frames of the real clip; `biased`: with the gyroscope's bias left in."""
    dataset = open_dataset(real_data / "euroc" / "MH_01_easy")
    settings = {"fixed": "fixed", "float": "float", "biased": "fixed"}
    engines = {
        name: make_frontend(dataset.rig, load_config("euroc", [f"frontend.engine={engine}"]))
        for name, engine in settings.items()
    }
    found = {name: Tracked([], [], {}) for name in engines}
    # What a gyroscope bias of 0.08 rad/s adds in a frame.
    error = exp_so3(np.array([0.0, 0.004, 0.0]))
    last_ns = int(dataset.frame_t_ns[0])
    for frame in dataset.frames(until_ns=int(dataset.frame_t_ns[120])):
        R = rotation_between(dataset, last_ns, int(frame.t_ns))
        last_ns = int(frame.t_ns)
        for name, engine in engines.items():
            t = engine.track(frame, mul33(error, R) if name == "biased" else R)
            found[name].counts.append(len(t.ids))
            found[name].ages.update(zip(t.ids.tolist(), t.age.tolist(), strict=True))
            if t.is_keyframe:
                found[name].stereo.append(np.count_nonzero(np.isfinite(t.uv_right[:, 0])))
    return found


@pytest.mark.slow
def test_the_real_clip_is_tracked_about_as_well_as_by_the_float_engine(
    clip: dict[str, Tracked],
) -> None:
    ours, theirs = clip["fixed"], clip["float"]
    assert np.median(ours.counts) > 0.9 * np.median(theirs.counts)
    assert np.median(ours.stereo) > 0.9 * np.median(theirs.stereo)
    assert ours.life > 0.9 * theirs.life


@pytest.mark.slow
@pytest.mark.xfail(
    strict=True,
    reason="the rotation is not refined: with a bias of 0.08 rad/s tracks live 5.5 frames "
    "(float: 18.1); docs/golden/fixed_point.md, Geometric verification",
)
def test_an_unknown_bias_of_the_gyroscope_costs_no_tracks(clip: dict[str, Tracked]) -> None:
    assert clip["biased"].life > 0.9 * clip["float"].life
