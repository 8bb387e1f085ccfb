# SPDX-License-Identifier: Apache-2.0
"""The keyframe decision: its rules, and that no pixel of the frame itself enters it."""

import dataclasses

import numpy as np
import pytest

from tests.plane_scene import FRAME_NS, HEIGHT, WIDTH, PlaneScene, make_rig, path, rotations
from vio.config import Config, KeyframeConfig
from vio.data import StereoFrame
from vio.engines import make_frontend
from vio.frontend.keyframe import (
    KeyframeEvidence,
    count_inside,
    is_keyframe,
    median_parallax_px,
)
from vio.frontend.predict import predict_pixels
from vio.geometry import exp_so3

RULES = KeyframeConfig(max_age_s=0.5, min_alive=0.7, max_parallax_px=30.0)
QUIET = KeyframeEvidence(age=3, tracks_at_key=100, alive=90, parallax_px=5.0)


@pytest.mark.parametrize(
    ("evidence", "requested"),
    [
        (None, True),
        (QUIET, False),
        (dataclasses.replace(QUIET, age=10), True),
        (dataclasses.replace(QUIET, alive=69), True),
        (dataclasses.replace(QUIET, alive=70), False),
        (dataclasses.replace(QUIET, parallax_px=30.1), True),
    ],
)
def test_a_keyframe_is_requested_by_age_loss_or_parallax(
    evidence: KeyframeEvidence | None, requested: bool
) -> None:
    assert is_keyframe(evidence, RULES, 10) is requested


def test_with_one_camera_age_asks_for_a_keyframe_only_where_there_is_parallax() -> None:
    old = dataclasses.replace(QUIET, age=10)
    still = dataclasses.replace(old, parallax_px=0.9 * RULES.mono_parallax_px)
    assert is_keyframe(old, RULES, 10, mono=True)
    assert not is_keyframe(still, RULES, 10, mono=True)
    assert is_keyframe(still, RULES, 10)  # with two cameras age is enough
    assert is_keyframe(dataclasses.replace(still, alive=69), RULES, 10, mono=True)


def test_rotation_alone_is_no_parallax() -> None:
    rays = np.random.default_rng(0).uniform(-0.5, 0.5, (50, 2))
    R = exp_so3(np.array([0.1, -0.05, 0.2]))
    rotated = np.column_stack([rays, np.ones(50)]) @ R.T
    after = rotated[:, :2] / rotated[:, 2:]
    assert median_parallax_px(rays, after, R, 450.0) < 1e-9
    assert median_parallax_px(rays, after, np.eye(3), 450.0) > 10.0
    shifted = after + np.array([0.02, 0.0])
    assert median_parallax_px(rays, shifted, R, 450.0) == pytest.approx(9.0)


def test_a_turn_pushes_the_predicted_tracks_out_of_the_image() -> None:
    camera = make_rig().left
    rays = camera.unproject(np.random.default_rng(0).uniform([20, 20], [300, 220], (80, 2)))
    stay = predict_pixels(camera, rays, np.eye(3))
    gone = predict_pixels(camera, rays, exp_so3(np.array([0.0, 0.6, 0.0])))
    assert count_inside(camera, stay, 7.0) == 80
    assert count_inside(camera, gone, 7.0) < 50


def test_the_decision_at_frame_k_does_not_see_its_pixels() -> None:
    scene, poses = PlaneScene(), path(8)
    turns = rotations(poses)
    frames = [scene.frame(k, pose) for k, pose in enumerate(poses)]
    rng = np.random.default_rng(0)
    garbage = rng.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    config = Config(keyframe=KeyframeConfig(max_age_s=0.2))
    decisions = set()
    for k in range(1, 8):
        flags = []
        for left in (frames[k].left, garbage):
            engine = make_frontend(scene.rig, config)
            for j in range(k):
                engine.track(frames[j], turns[j])
            flags.append(engine.track(StereoFrame(k * FRAME_NS, left, left), turns[k]).is_keyframe)
        assert flags[0] == flags[1]
        decisions.add(flags[0])
    assert decisions == {True, False}
