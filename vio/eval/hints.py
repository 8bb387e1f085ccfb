# SPDX-License-Identifier: Apache-2.0
"""Recognise what a file means otherwise than it was read: units of time, order of quaternions."""

import numpy as np

from vio.eval.align import align, undetermined
from vio.trajectory import Trajectory, quaternion_product

MIN_ERROR_DEG = 20.0  # a smaller rotation error needs no explanation
MAX_EXPLAINED_DEG = 10.0  # what may remain of it
MAX_EXPLAINED = 0.25  # and as a share

_CONJUGATE = np.array([1.0, -1.0, -1.0, -1.0])
# What the file may hold, by the components of the quaternion as it was read (wxyz inside).
_READINGS = {
    "hold w x y z where x y z w was read": ([1, 2, 3, 0], np.ones(4)),
    "hold x y z w where w x y z was read": ([3, 0, 1, 2], np.ones(4)),
    "map the world to the body instead of the body to the world": ([0, 1, 2, 3], _CONJUGATE),
}


def unit_hint(estimate: Trajectory, truth: Trajectory) -> str:
    """Return that the time stamps look like different units, with the numbers, or ""."""
    first = [abs(float(t.t_ns[0])) for t in (estimate, truth)]
    span = [float(t.t_ns[-1] - t.t_ns[0]) for t in (estimate, truth)]
    for of_estimate, of_truth in (span, first):
        if min(of_estimate, of_truth) <= 0.0:
            continue
        decades = np.log10(of_truth / of_estimate)
        power = round(decades / 3.0)
        if abs(decades - 3 * power) < 0.5:
            if power == 0:  # equally long: only the origin of time differs
                return ""
            return (
                f"their time stamps differ by a factor of about 1e{3 * power} (the estimate begins "
                f"at {first[0] / 1e9:.6g} s and lasts {span[0] / 1e9:.6g} s, the ground truth "
                f"{first[1] / 1e9:.6g} s and {span[1] / 1e9:.6g} s): check the unit (s, ms, us, ns)"
            )
    return ""


def attitude_hint(estimate: Trajectory, truth: Trajectory) -> str:
    """Return which other reading of the quaternions explains a large rotation error, or "".

    estimate, truth: associated poses. The positions decide on the alignment, so that a wrong order
    of the quaternions does not disturb it.
    """
    pair = estimate.p_world_body, truth.p_world_body
    kind = next((k for k in ("se3", "yaw") if "rotation" not in undetermined(*pair, k)), None)
    if kind is None:
        return ""
    aligned = align(*pair, kind).apply(Trajectory(estimate.t_ns, pair[0], _identity(estimate)))
    q_align = aligned.q_world_body

    def error_deg(q_estimate: np.ndarray, q_truth: np.ndarray) -> float:
        q = quaternion_product(q_truth * _CONJUGATE, quaternion_product(q_align, q_estimate))
        angle = 2.0 * np.arctan2(np.linalg.norm(q[:, 1:], axis=1), np.abs(q[:, 0]))
        return float(np.degrees(np.sqrt(np.mean(angle * angle))))

    q_est, q_true = estimate.q_world_body, truth.q_world_body
    read = error_deg(q_est, q_true)
    if read < MIN_ERROR_DEG:
        return ""
    found = []
    for reading, (order, signs) in _READINGS.items():
        found += [
            (error_deg(q_est[:, order] * signs, q_true), "estimate", reading),
            (error_deg(q_est, q_true[:, order] * signs), "ground truth", reading),
        ]
    error, which, reading = min(found)
    if error > min(MAX_EXPLAINED_DEG, MAX_EXPLAINED * read):
        return ""
    return (
        f"the rotation error of {read:.2f} deg falls to {error:.2f} deg if the quaternions of the "
        f"{which} {reading}; the figures are of the file as it was read"
    )


def _identity(trajectory: Trajectory) -> np.ndarray:
    return np.tile([1.0, 0.0, 0.0, 0.0], (len(trajectory), 1))
