# SPDX-License-Identifier: Apache-2.0
"""Hand-made states of an odometry, for tests of what comes after it."""

import numpy as np

from vio.data import State, Status, Tracks

START_NS = 1_403_636_579_763_555_584
STEP_NS = 50_000_000


def make_tracks(index: int, count: int = 12, stereo: bool = True) -> Tracks:
    """Return tracks that move two pixels to the right in each frame."""
    column = np.arange(count, dtype=np.float64)
    uv = np.stack([20.0 + 3.0 * column + 2.0 * index, 30.0 + column], axis=1)
    right = uv - [5.0, 0.0] if stereo else np.full_like(uv, np.nan)
    return Tracks(
        frame_index=index,
        t_ns=START_NS + index * STEP_NS,
        ids=np.arange(count),
        uv_left=uv,
        uv_right=right,
        age=np.full(count, index + 1, np.int32),
        quality=np.ones(count, np.float32),
        is_keyframe=index % 5 == 0,
    )


def position(index: int, segment: int = 0) -> np.ndarray:
    """Return where the body is at a frame: on a circle that rises, shifted in later segments."""
    a = 0.1 * index
    return np.array([np.cos(a), np.sin(a), 0.05 * a]) + 10.0 * segment


def make_state(index: int, status: Status = Status.TRACKING, segment: int = 0) -> State:
    """Return the state of frame `index`; without a pose while initialising or lost."""
    head = (index, START_NS + index * STEP_NS, status, segment, index % 5 == 0)
    tracks = make_tracks(index, stereo=index % 5 == 0)
    stages = {"klt": 2.0, "window": 1.0 + (index % 5 == 0)}
    if status in (Status.INITIALIZING, Status.LOST):
        return State(*head, tracks=tracks, stage_ms=stages, reason="no frame yet")
    half = 0.05 * index
    return State(
        *head,
        p_world_body=position(index, segment),
        q_world_body=np.array([np.cos(half), 0.0, 0.0, np.sin(half)]),
        v_world_body=np.array([-np.sin(0.1 * index), np.cos(0.1 * index), 0.05]) * 2.0,
        gyro_bias_rad_s=np.array([0.01, 0.02, 0.03]),
        accel_bias_m_s2=np.array([0.1, 0.2, 0.3]),
        covariance=np.diag(np.arange(1.0, 16.0) ** 2 * 1e-6),
        segment_covariance=np.diag(np.arange(1.0, 16.0) ** 2 * 1e-6),
        vision_innovation=None if index == 5 else 0.9,
        inertial_innovation=0.02 * index,
        tracks=tracks,
        stage_ms=stages,
    )


def make_run(count: int = 40) -> list[State]:
    """Return a run: 5 frames to start, tracking, some inertial, lost, and a second segment."""
    states = []
    for i in range(count):
        if i < 5 or count - 12 <= i < count - 10:
            states.append(make_state(i, Status.INITIALIZING if i < 5 else Status.LOST))
        elif i >= count - 10:
            states.append(make_state(i, Status.TRACKING, segment=1))
        else:
            states.append(make_state(i, Status.INERTIAL if 15 <= i < 18 else Status.TRACKING))
    return states
