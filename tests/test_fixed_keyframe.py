# SPDX-License-Identifier: Apache-2.0
"""The keyframe decision in integers: that of the float engine but for what quantisation moves."""

import dataclasses

import numpy as np
import pytest

from tests.plane_scene import FRAME_NS, HEIGHT, WIDTH, PlaneScene, make_rig, path, rotations
from vio.camera import StereoRig
from vio.config import Config, FrontEndConfig, HwConfig, KeyframeConfig, load_config
from vio.data import StereoFrame
from vio.engines import make_frontend
from vio.fixed import keyframe as kf
from vio.fixed.formats import formats
from vio.fixed.frontend import FixedFrontEnd
from vio.fixed.predict import OUTSIDE
from vio.fixed.predict import predict_pixels as fixed_pixels
from vio.fixed.qformat import signal_table
from vio.fixed.rectify import lens_registers, rotation_registers
from vio.frontend.keyframe import KeyframeEvidence, count_inside, median_parallax_px
from vio.frontend.keyframe import is_keyframe as float_decision
from vio.frontend.predict import predict_pixels
from vio.geometry import exp_so3
from vio.hw.registers.driver import register_values

HW = HwConfig()
SIGNALS = signal_table(formats(HW), trace=False)
RULES = KeyframeConfig(max_age_s=0.5, min_alive=0.7, max_parallax_px=30.0)
MIN_ALIVE = round(RULES.min_alive * 256)
CAMERA = make_rig().left


def decide(age: int, alive: int, at_key: int, moved: int, tracks: int) -> bool:
    return bool(kf.is_keyframe(age, 10, alive, MIN_ALIVE, at_key, moved, tracks))


def test_the_decision_is_the_float_engines_for_all_counts() -> None:
    differing = 0
    for age in (1, 9, 10):
        for at_key in range(0, 201, 7):
            for alive in range(0, at_key + 1):
                evidence = KeyframeEvidence(age, at_key, alive, 5.0)
                same = decide(age, alive, at_key, 0, alive) == float_decision(evidence, RULES, 10)
                # The fraction has 8 bits: 0.69922 instead of 0.7.
                assert same or abs(alive - 0.7 * at_key) < 0.2
                differing += not same
    assert differing < 40
    assert decide(3, 69, 100, 0, 69)
    assert not decide(3, 71, 100, 0, 71)


@pytest.mark.parametrize(("moved", "requested"), [(0, False), (50, False), (51, True), (100, True)])
def test_more_than_half_of_the_tracks_must_have_moved(moved: int, requested: bool) -> None:
    assert decide(3, 100, 100, moved, 100) is requested


def test_with_one_camera_an_old_keyframe_needs_parallax_as_in_the_float_engine() -> None:
    for age in (1, 9, 10, 30):
        for alive in (60, 100):
            for aged in (0, 50, 51, 100):
                parallax = RULES.mono_parallax_px + (0.1 if 2 * aged > 100 else -0.1)
                evidence = KeyframeEvidence(age, 100, alive, parallax)
                counted = kf.counted_age(age, True, aged, 100)
                wanted = float_decision(evidence, RULES, 10, mono=True)
                assert decide(counted, alive, 100, 0, 100) == wanted
                assert kf.counted_age(age, False, aged, 100) == age


def test_counting_the_moved_is_what_the_median_says() -> None:
    rng = np.random.default_rng(0)
    R = exp_so3(np.array([0.05, -0.04, 0.1]))
    limit2 = kf.parallax_register(RULES.max_parallax_px, CAMERA.fx)
    words = rotation_registers(R, HW)
    decisions = set()
    for size in np.linspace(10.0, 60.0, 60):
        rays = rng.uniform(-0.5, 0.5, (101, 2))
        rotated = np.column_stack([rays, np.ones(101)]) @ R.T
        angle = rng.uniform(0.0, 2.0 * np.pi, 101)
        shift = rng.uniform(0.0, size, 101)[:, None] / CAMERA.fx
        after = rotated[:, :2] / rotated[:, 2:] + shift * np.column_stack(
            [np.cos(angle), np.sin(angle)]
        )
        exact = median_parallax_px(rays, after, R, CAMERA.fx)
        q = [np.rint(r * 2**16).astype(np.int64) for r in (rays, after)]
        moved = kf.count_moved(q[0], q[1], words, limit2, SIGNALS)
        if abs(exact - RULES.max_parallax_px) > 0.05:  # words of 2^-16 rays
            assert (2 * moved > 101) == (exact > RULES.max_parallax_px)
            decisions.add(bool(2 * moved > 101))
    assert decisions == {True, False}


def test_tracks_pushed_out_by_a_turn_are_counted_alike() -> None:
    lens = lens_registers(CAMERA, HW)
    uv = np.random.default_rng(0).uniform([20, 20], [300, 220], (80, 2))
    rays = np.rint(CAMERA.unproject(uv) * 2**16).astype(np.int64)
    counts = []
    for angle in np.linspace(0.0, 0.7, 8):
        R = exp_so3(np.array([0.0, angle, 0.0]))
        predicted = fixed_pixels(lens, SIGNALS, rotation_registers(R, HW), rays)
        exact = predict_pixels(CAMERA, rays / 2**16, R)
        here = predicted[:, 0] != OUTSIDE
        assert np.abs(predicted[here] / 256 - exact[here]).max() < 0.03
        counts.append(kf.count_inside(predicted, lens, 7, HW.coord_frac))
        assert abs(counts[-1] - count_inside(CAMERA, exact, 7.0)) <= 1
    assert counts[0] == 80
    assert counts[-1] < 40


def test_the_decision_at_frame_k_does_not_see_its_pixels() -> None:
    scene, poses = PlaneScene(), path(5)
    turns = rotations(poses)
    frames = [scene.frame(k, pose) for k, pose in enumerate(poses)]
    garbage = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    config = Config(
        frontend=FrontEndConfig(min_depth_m=0.6), keyframe=dataclasses.replace(RULES, max_age_s=0.2)
    )
    decisions = set()
    for k in (2, 4):
        flags = []
        for left in (frames[k].left, garbage):
            engine = FixedFrontEnd(scene.rig, config)
            for j in range(k):
                engine.track(frames[j], turns[j])
            flags.append(engine.track(StereoFrame(k * FRAME_NS, left, left), turns[k]).is_keyframe)
        assert flags[0] == flags[1]
        decisions.add(flags[0])
    assert decisions == {True, False}


def test_the_hardware_is_told_that_there_is_one_camera() -> None:
    scene, poses = PlaneScene(), path(12)
    config = load_config("ecp5_85k", ["frontend.min_depth_m=0.6"])
    one = StereoRig(scene.rig.left, scene.rig.left)
    assert register_values(config, scene.rig)["mono"] == 0
    assert register_values(config, one)["mono"] == 1
    engine, turns = make_frontend(one, config), rotations(poses)
    tracks = []
    for k, pose in enumerate(poses):
        frame = StereoFrame(k * FRAME_NS, scene.frame(k, pose).left, None)
        tracks.append(engine.track(frame, turns[k]))
    assert tracks[0].is_keyframe
    assert all(len(t.ids) > 20 and np.isnan(t.uv_right).all() for t in tracks)
    still = [engine.track(dataclasses.replace(frame, t_ns=0), np.eye(3)) for _ in range(15)]
    assert not any(t.is_keyframe for t in still[1:])
