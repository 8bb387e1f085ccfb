# SPDX-License-Identifier: Apache-2.0
"""The camera's time offset from rotations alone, at the start of a run.

The rotations that vision saw between the exposures of a few frames are compared with those of the
gyroscope over the same times. Where the rate changes between frames, this shows by how much the
stamps are off, and needs neither roll and pitch nor velocities, of which a young window knows
little. Source for rotations as the measure: Mair, Fleps, Suppa, Burschka, "Spatio-temporal
initialization for IMU to camera registration", ROBIO 2011.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from vio.backend.exposure import Exposures, Intervals
from vio.backend.observations import FrameInput
from vio.backend.solve import least_squares
from vio.geometry import exp_so3, log_so3, mul33, mulT33
from vio.imu import Preintegration

ROUNDS = 5  # of Gauss-Newton
LARGEST_S = 0.1  # offset, as that of calibrate.time_offset_ms
FIRST_RMS = 1e-4  # rad, of the vision's rotations, before the residuals tell it
# The rotations of neighbouring pairs err together, by the frame that they share and by the
# landmarks: the deviation of independent ones, times this. At least so much of it is left.
DEVIATIONS, LEAST_SIGMA_S = 2.0, 3e-4
BIAS, OFFSET, TURN = slice(0, 3), 3, slice(4, 7)  # columns


class Clock(NamedTuple):
    """Hold an offset with its deviation, seconds, and the gyroscope's bias (3,) beside it."""

    offset_s: float
    sigma_s: float
    gyro_bias: np.ndarray


def compare_clocks(
    R: Sequence[np.ndarray],
    frames: Sequence[FrameInput],
    preintegrations: Callable[[np.ndarray], list[Preintegration]],
    gyro_bias: np.ndarray,
    turn_sigma: float,
) -> Clock | None:
    """Return the time offset at which the gyroscope agrees best with the vision's rotations.

    R: F attitudes (3, 3) of the body at the exposures, in any one frame. preintegrations: from
    each of the frames' stamps to the next, F - 1, at a bias. turn_sigma: how far the rig may be
    turned against what is given, rad. An image with the stamp t was taken at t + offset of the
    inertial clock. None where the rotations leave it open or beyond 0.1 s.
    """
    bias, offset_s, turn, rms = gyro_bias, 0.0, np.zeros(3), FIRST_RMS
    for _ in range(ROUNDS):
        # Of the oldest and the newest frame, the exposure may lie where there are no samples.
        start = 0 if -offset_s <= float(np.sum(frames[0].before.dt_s)) else 1
        end = len(frames) - (1 if offset_s <= float(np.sum(frames[-1].behind.dt_s)) else 2)
        count = 3 * (end - start)
        if count <= TURN.stop:
            return None
        J, r = np.zeros((count + 3, TURN.stop)), np.zeros(count + 3)
        exposures = Exposures()
        for k, f in enumerate(frames):
            sides = (Intervals(i.dt_s, i.gyro - bias, i.accel) for i in (f.before, f.behind))
            exposures.add(k, k - 1 if k else None, *sides)
        motions = [exposures.motion(k, offset_s) for k in range(len(frames))]
        rig = exp_so3(turn_sigma * turn)
        for k, pre in enumerate(preintegrations(bias)[start:end], start):
            first, last = motions[k], motions[k + 1]
            rows = slice(3 * (k - start), 3 * (k - start) + 3)
            by_gyro = mul33(mulT33(first.dR, pre.dR), last.dR)
            by_vision = mul33(mulT33(rig, mulT33(R[k], R[k + 1])), rig)
            r[rows] = log_so3(mulT33(by_gyro, by_vision))
            J[rows, BIAS] = mulT33(last.dR, np.ascontiguousarray(pre.J_bias[:3, :3]))
            J[rows, OFFSET] = last.rate - by_gyro.T @ first.rate
            J[rows, TURN] = turn_sigma * (by_gyro.T - np.eye(3))
        J[count:, TURN], r[count:] = rms * np.eye(3), -rms * turn
        if not np.isfinite(J).all() or float(np.abs(J[:, OFFSET]).max()) == 0.0:
            return None
        step = least_squares(J, r)
        bias, offset_s = bias + step[BIAS], offset_s + float(step[OFFSET])
        turn = turn + step[TURN]
        if not abs(offset_s) <= LARGEST_S:
            return None
        left = r[:count] - np.einsum("ij,j->i", J[:count], step)
        rms = float(np.sqrt(np.sum(left**2) / (count - OFFSET - 1)))
    # Of the offset's column, what bias and turn cannot stand for.
    others = np.delete(J, OFFSET, axis=1)
    own = J[:, OFFSET] - np.einsum("ij,j->i", others, least_squares(others, J[:, OFFSET]))
    sigma_s = DEVIATIONS * rms / float(np.sqrt(np.sum(own**2)))
    if not np.isfinite(sigma_s):
        return None
    return Clock(offset_s, max(sigma_s, LEAST_SIGMA_S), bias)
