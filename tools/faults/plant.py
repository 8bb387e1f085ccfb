# SPDX-License-Identifier: Apache-2.0
"""Faults planted into a recording: each a function of the recording and a `Chance`."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tools.faults.images import Board, noisy, scaled, truncated, wall
from tools.faults.recording import Edit, Recording
from vio.datasets import open_dataset
from vio.imu import GRAVITY_M_S2
from vio.trajectory import rotation_matrices


@dataclass(frozen=True)
class Chance:
    """Hold the seed of a fault, and the time at which it begins, in seconds."""

    seed: int
    start_s: float

    def rng(self) -> np.random.Generator:
        """Return the random numbers of the fault."""
        return np.random.default_rng([self.seed, 29])


Plant = Callable[[Recording, Chance], Recording]


def _is_between(recording: Recording, t_ns: int, start_s: float, seconds: float) -> bool:
    return recording.at(start_s) <= t_ns < recording.at(start_s + seconds)


def _without_images(recording: Recording, camera: int, start_s: float, seconds: float) -> Recording:
    rows = recording.images[camera]
    kept = [row for row in rows if not _is_between(recording, row[0], start_s, seconds)]
    return recording.with_images(camera, kept)


def _edited(
    recording: Recording, start_s: float, seconds: float, edit: Callable[[int, int], Edit]
) -> Recording:
    """Return the recording with an edit(camera, t_ns) of each image in a span."""
    return recording.with_edits(
        {
            (camera, t_ns): edit(camera, t_ns)
            for camera in range(2)
            for t_ns, _ in recording.images[camera]
            if _is_between(recording, t_ns, start_s, seconds)
        }
    )


def _in_motion(recording: Recording, chance: Chance, count: int) -> np.ndarray:
    """Return the indices (count,) of inertial samples, spread over the time from the start on."""
    first = np.searchsorted(recording.imu_t_ns, recording.at(chance.start_s))
    last = np.searchsorted(recording.imu_t_ns, recording.at(recording.duration_s - 1.0))
    edges = np.linspace(first, last, count + 1).astype(np.int64)
    rng = chance.rng()
    return np.array([rng.integers(a + 2, b - 2) for a, b in itertools.pairwise(edges)])


# Images -----------------------------------------------------------------------------------------


def dropped_images(recording: Recording, chance: Chance) -> Recording:
    """Drop each image with a probability of 10 %, each camera by itself."""
    rng = chance.rng()
    for camera in range(2):
        rows = recording.images[camera]
        kept = rng.random(len(rows)) >= 0.1
        recording = recording.with_images(
            camera, [row for row, keep in zip(rows, kept, strict=True) if keep]
        )
    return recording


def no_images(recording: Recording, chance: Chance) -> Recording:
    """Leave out all images for 1 s."""
    for camera in range(2):
        recording = _without_images(recording, camera, chance.start_s, 1.0)
    return recording


def right_dead(recording: Recording, chance: Chance) -> Recording:
    """End the right camera's images at the start."""
    return _without_images(recording, 1, chance.start_s, 1e6)


def left_dead(recording: Recording, chance: Chance) -> Recording:
    """Leave out the left camera's images for 5 s."""
    return _without_images(recording, 0, chance.start_s, 5.0)


def truncated_images(recording: Recording, chance: Chance) -> Recording:
    """Cut off the files of 10 % of the images, after a random share of their bytes."""
    rng = chance.rng()
    edits = {}
    for camera in range(2):
        for t_ns, _ in recording.images[camera]:
            share = rng.random(2)
            if share[0] < 0.1:
                edits[camera, t_ns] = truncated(share[1])
    return recording.with_edits(edits)


def white_wall(recording: Recording, chance: Chance) -> Recording:
    """Show nothing but a white wall for 2 s."""
    return _edited(
        recording, chance.start_s, 2.0, lambda camera, t_ns: wall([chance.seed, camera, t_ns])
    )


def moving_fifth(recording: Recording, chance: Chance) -> Recording:
    """Move a board over a fifth of both images, for 5 s."""
    rig = open_dataset(recording.root.parent).rig
    board = Board(rig, 0.2, chance.seed)
    return _edited(
        recording,
        *(chance.start_s, 5.0),
        lambda camera, t_ns: board.edit(camera, (t_ns - recording.start_ns) * 1e-9),
    )


def brightness_step(recording: Recording, chance: Chance) -> Recording:
    """Let the brightness fall by 50 % in one frame, and rise again 4 s later."""
    return _edited(recording, chance.start_s, 4.0, lambda camera, t_ns: scaled(0.5))


# Inertial data ----------------------------------------------------------------------------------


def _gap(recording: Recording, start_s: float, seconds: float) -> Recording:
    t = recording.imu_t_ns
    kept = (t < recording.at(start_s)) | (t >= recording.at(start_s + seconds))
    return replace(recording, imu_t_ns=t[kept], imu=recording.imu[kept])


def short_gaps(recording: Recording, chance: Chance) -> Recording:
    """Leave out the inertial samples of 50 ms, every 2 s."""
    start_s = chance.start_s
    while start_s < recording.duration_s - 1.0:
        recording = _gap(recording, start_s, 0.05)
        start_s += 2.0
    return recording


def long_gap(recording: Recording, chance: Chance) -> Recording:
    """Leave out the inertial samples of 500 ms."""
    return _gap(recording, chance.start_s, 0.5)


def not_a_number(recording: Recording, chance: Chance) -> Recording:
    """Replace a value of ten inertial samples by NaN."""
    imu = recording.imu.copy()
    rng = chance.rng()
    for k in _in_motion(recording, chance, 10):
        imu[k, rng.integers(6)] = np.nan
    return replace(recording, imu=imu)


def saturation(recording: Recording, chance: Chance) -> Recording:
    """Limit both inertial sensors to a range that 2 % of the samples exceed."""
    imu = recording.imu.copy()
    for part in (slice(0, 3), slice(3, 6)):
        limit = float(np.quantile(np.abs(imu[:, part]).max(axis=1), 0.98))
        imu[:, part] = np.clip(imu[:, part], -limit, limit)
    return replace(recording, imu=imu)


def spikes(recording: Recording, chance: Chance) -> Recording:
    """Add 150 m/s^2 to one accelerometer sample and 10 rad/s to one gyroscope sample, five times.

    In random directions.
    """
    imu = recording.imu.copy()
    rng = chance.rng()
    for n, k in enumerate(_in_motion(recording, chance, 10)):
        direction = rng.normal(size=3)
        size = (10.0, 150.0)[n % 2] / np.linalg.norm(direction)
        imu[k, 3 * (n % 2) : 3 * (n % 2) + 3] += size * direction
    return replace(recording, imu=imu)


def doubled_stamps(recording: Recording, chance: Chance) -> Recording:
    """Write ten inertial samples and five images of each camera twice."""
    at = np.sort(_in_motion(recording, chance, 10))
    order = np.sort(np.concatenate([np.arange(len(recording.imu)), at]))
    spoilt = replace(recording, imu_t_ns=recording.imu_t_ns[order], imu=recording.imu[order])
    rng = chance.rng()
    for camera in range(2):
        rows = list(recording.images[camera])
        for k in sorted(rng.choice(len(rows), 5, replace=False), reverse=True):
            rows.insert(k, rows[k])
        spoilt = spoilt.with_images(camera, rows)
    return spoilt


def swapped_stamps(recording: Recording, chance: Chance) -> Recording:
    """Write ten inertial samples, and five images of each camera, one row too late."""
    order = np.arange(len(recording.imu))
    for k in _in_motion(recording, chance, 10):
        order[[k, k + 1]] = order[[k + 1, k]]
    spoilt = replace(recording, imu_t_ns=recording.imu_t_ns[order], imu=recording.imu[order])
    rng = chance.rng()
    for camera in range(2):
        rows = list(recording.images[camera])
        for k in 2 * rng.choice(len(rows) // 2 - 1, 5, replace=False):
            rows[k], rows[k + 1] = rows[k + 1], rows[k]
        spoilt = spoilt.with_images(camera, rows)
    return spoilt


def clock_offset(recording: Recording, chance: Chance) -> Recording:
    """Let the inertial stamps be 20 ms late."""
    return replace(recording, imu_t_ns=recording.imu_t_ns + 20_000_000)


# Both -------------------------------------------------------------------------------------------

STILL_S = 10.0
STILL_M_S = 0.01  # what counts as rest


def stand_still(recording: Recording, chance: Chance) -> Recording:
    """Stand still for 10 s where the recording is slowest: its images there, with fresh noise.

    The inertial sensor feels gravity by the true attitude, the true biases and the noise of its
    calibration. Raises ValueError when the recording is never slower than STILL_M_S.
    """
    t0 = _slowest(recording)
    shift = round(STILL_S * 1e9)
    k = int(np.argmin(np.abs(recording.truth_t_ns - t0)))
    still = recording.truth[k].copy()
    still[7:10] = 0.0
    R_world_body = rotation_matrices(still[None, 3:7])[0]
    noise = open_dataset(recording.root.parent).imu_noise
    step = int(np.median(np.diff(recording.imu_t_ns)))
    before, after = recording.imu_t_ns < t0, recording.imu_t_ns >= t0
    first = int(recording.imu_t_ns[after][0])
    held = np.arange(first, first + shift - step // 2, step)
    white = chance.rng().normal(size=(len(held), 6)) * np.sqrt(1e9 / step)
    white *= np.repeat([noise.gyro_noise, noise.accel_noise], 3)
    force = R_world_body.T @ [0.0, 0.0, GRAVITY_M_S2] + still[13:16]
    truth_before = recording.truth_t_ns < t0
    truth_t_ns = np.concatenate(
        [
            recording.truth_t_ns[truth_before],
            np.arange(t0, t0 + shift, step),
            recording.truth_t_ns[~truth_before] + shift,
        ]
    )
    count = len(truth_t_ns) - len(recording.truth)
    spoilt = replace(
        recording,
        imu_t_ns=np.concatenate(
            [recording.imu_t_ns[before], held, recording.imu_t_ns[after] + shift]
        ),
        imu=np.concatenate(
            [
                recording.imu[before],
                np.concatenate([still[10:13], force]) + white,
                recording.imu[after],
            ]
        ),
        truth_t_ns=truth_t_ns,
        truth=np.concatenate(
            [
                recording.truth[truth_before],
                np.tile(still, (count, 1)),
                recording.truth[~truth_before],
            ]
        ),
    )
    return _with_held_images(spoilt, recording, t0, shift, chance.seed)


def _with_held_images(
    spoilt: Recording, recording: Recording, t0: int, shift: int, seed: int
) -> Recording:
    """Return a recording with the images of t0 repeated, each with noise of its own."""
    for camera in range(2):
        rows = recording.images[camera]
        name = min(rows, key=lambda row: abs(row[0] - t0))[1]
        step = int(np.median(np.diff([t for t, _ in rows])))
        held = [(int(t), name) for t in np.arange(t0, t0 + shift - step // 2, step)]
        before = [row for row in rows if row[0] < t0]
        after = [(t + shift, name) for t, name in rows if t >= t0]
        spoilt = spoilt.with_images(camera, [*before, *held, *after]).with_edits(
            {(camera, t): noisy([seed, camera, t]) for t, _ in held}
        )
    return spoilt


def _slowest(recording: Recording) -> int:
    """Return the stamp of the left image at which the true speed is least."""
    stamps = np.array([t for t, _ in recording.images[0]])
    near = np.searchsorted(recording.truth_t_ns, stamps).clip(0, len(recording.truth) - 1)
    speed = np.linalg.norm(recording.truth[near, 7:10], axis=1)
    covered = (stamps > recording.truth_t_ns[0]) & (stamps < recording.truth_t_ns[-1])
    k = int(np.argmin(np.where(covered, speed, np.inf)))
    if speed[k] > STILL_M_S:
        raise ValueError(f"{recording.root.parent.name} moves by {speed[k]:.3f} m/s at least")
    return int(stamps[k])
