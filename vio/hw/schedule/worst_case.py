# SPDX-License-Identifier: Apache-2.0
"""Full windows to schedule: each track seen by both cameras in as many frames as asked for."""

from vio.backend.states import FULL_COLUMNS, POSE_COLUMNS
from vio.float32.structure import Landmark, Leaving, Structure

RECENT = 4  # frames with velocity and biases while the newest is solved for


def worst_case(frames: int, tracks: int, age: int | None = None) -> tuple[Structure, Leaving]:
    """Return the structure of a full window: each track seen by both cameras in `age` frames.

    age: None for all frames. Hosts are spread evenly over the frames that leave room for the age;
    the oldest keyframe leaves, and the oldest full state becomes a pose. All poses but the newest
    are frozen by the prior, which holds all of them and the motion of the oldest full state.
    """
    age = frames if age is None else min(age, frames)
    dims = (POSE_COLUMNS,) * (frames - RECENT) + (FULL_COLUMNS,) * RECENT
    frozen = (True,) * (frames - 1) + (False,)
    starts = frames - age + 1
    landmarks = []
    for k in range(tracks):
        start = k % starts
        # A track of full length is hosted by any of the frames: those that were marginalised
        # before gave their landmarks away, so hosts are spread evenly.
        host = start if starts > 1 else k % frames
        seen = [host, *(f for f in range(start, start + age) if f != host)]
        landmarks.append(Landmark(k, host, tuple((f, 3) for f in seen)))
    motions = frames - RECENT
    factors = tuple((f, f + 1) for f in range(motions, frames - 1))
    prior = tuple((f, FULL_COLUMNS if f == motions else POSE_COLUMNS) for f in range(frames - 1))
    rows = sum(d for _, d in prior)
    s = Structure(dims, frozen, tuple(landmarks), factors, prior, rows)
    return s, Leaving(s, (0,), (motions,))
