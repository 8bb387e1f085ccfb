# SPDX-License-Identifier: Apache-2.0
"""The ground truth that a hybrid sequence's images follow: measured poses fused with inertia.

A recording's ground truth jumps where its tracker changed its mind (13 cm within 5 ms in one
EuRoC flight) while the inertial sensor felt nothing. Images along such jumps would contradict the
inertial data. Here jumps are taken out, and the spline fits positions slowly and the measured
specific force fast.
"""

import itertools
from dataclasses import replace

import numpy as np
from scipy.interpolate import BSpline
from scipy.linalg import solveh_banded
from scipy.sparse import csr_array, diags_array

from vio.data import ImuData
from vio.imu import GRAVITY_M_S2
from vio.render.spline import DEGREE, SplineTrajectory, smooth_trajectory
from vio.trajectory import Trajectory

KNOT_S = 0.025
POSITION_M = 0.01  # deviation of the measured positions, white at their rate
JUMP_M = 0.0015  # steps between poses above this are jumps of the tracker, not motion
MAX_GAP_S = 0.06  # between poses of motion capture; the spline's knots are as far apart as the gaps
FORCE_M_S2 = 0.5  # deviation of the measured force: rotors shake it by about 1 m/s^2


def _banded(design: csr_array, weight: float) -> np.ndarray:
    """Return the lower bands (DEGREE + 1, n) of weight * design.T @ design."""
    normal = (design.T @ design).tocsr() * weight
    bands = np.zeros((DEGREE + 1, normal.shape[0]))
    for k in range(DEGREE + 1):
        diagonal = normal.diagonal(-k)
        bands[k, : len(diagonal)] = diagonal
    return bands


def _second_derivative_matrix(t: np.ndarray, knots: np.ndarray) -> csr_array:
    """Return the sparse (N, n) matrix from control points to second derivatives at t (N,).

    The derivative of a spline is one of a degree less on the differences of its control points
    (de Boor, A Practical Guide to Splines, 2001, ch. X).
    """
    steps = []
    for degree in (DEGREE, DEGREE - 1):
        n = len(knots) - degree - 1
        gain = degree / (knots[degree + 1 : -1][: n - 1] - knots[1:n])
        steps.append(diags_array([-gain, gain], offsets=[0, 1], shape=(n - 1, n)))
        knots = knots[1:-1]
    return BSpline.design_matrix(t, knots, DEGREE - 2) @ steps[1] @ steps[0]


def remove_jumps(truth: Trajectory) -> np.ndarray:
    """Return the positions (N, 3) without the steps that the measured velocity does not explain.

    What follows a jump is shifted back by it, so the path is continuous and drifts by their sum.
    """
    p, v = truth.p_world_body, truth.v_world_body
    if v is None:
        return p
    dt = np.diff(truth.t_ns)[:, None] * 1e-9
    step = np.diff(p, axis=0) - 0.5 * (v[1:] + v[:-1]) * dt
    size = np.linalg.norm(step, axis=1)
    jump = size > max(JUMP_M, 8.0 * float(np.median(size)))
    shift = np.cumsum(np.where(jump[:, None], step, 0.0), axis=0)
    return p - np.vstack([np.zeros(3), shift])


def gap_free_spans(truth: Trajectory) -> list[Trajectory]:
    """Return the parts of a measured trajectory without a gap above MAX_GAP_S, longest first.

    Of what happened in a gap nothing is known, so that no images can be rendered there.
    """
    cuts = np.flatnonzero(np.diff(truth.t_ns) > MAX_GAP_S * 1e9) + 1
    edges = [0, *cuts.tolist(), len(truth)]
    spans = [truth.take(np.arange(a, b)) for a, b in itertools.pairwise(edges)]
    return sorted(spans, key=lambda span: int(span.t_ns[0] - span.t_ns[-1]))


def fuse_truth(truth: Trajectory, imu: ImuData) -> SplineTrajectory:
    """Return the motion that agrees with the ground truth slowly and with the force fast.

    Raises VioError as smooth_trajectory does.
    """
    measured = remove_jumps(truth)
    first = smooth_trajectory(replace(truth, p_world_body=measured), KNOT_S)
    covered = (imu.t_ns >= truth.t_ns[0]) & (imu.t_ns <= truth.t_ns[-1])
    t_imu = imu.t_ns[covered]
    if len(t_imu) < 2 * DEGREE:
        return first
    position, quaternion = first.splines
    motion = first.at(t_imu)
    R = motion.R_world_body
    if truth.accel_bias_m_s2 is None:
        # Over a whole flight the errors of the spline's accelerations average out.
        wanted = motion.a_world_body + np.array([0.0, 0.0, GRAVITY_M_S2])
        felt = np.einsum("nji,nj->ni", R, wanted)
        bias = np.median(imu.accel_m_s2[covered] - felt, axis=0)
    else:
        bias = np.stack(
            [np.interp(t_imu, truth.t_ns, truth.accel_bias_m_s2[:, k]) for k in range(3)], axis=1
        )
    force = np.einsum("nij,nj->ni", R, imu.accel_m_s2[covered] - bias)
    force[:, 2] -= GRAVITY_M_S2
    s = (t_imu - truth.t_ns[0]).astype(np.float64) * 1e-9
    t = (truth.t_ns - truth.t_ns[0]).astype(np.float64) * 1e-9
    knots = position.t
    at_pose = BSpline.design_matrix(t, knots, DEGREE)
    at_force = _second_derivative_matrix(s, knots)
    wp, wf = POSITION_M**-2, FORCE_M_S2**-2
    bands = _banded(at_pose, wp) + _banded(at_force, wf)
    right = wp * (at_pose.T @ measured) + wf * (at_force.T @ force)
    control = solveh_banded(bands, right, lower=True)
    return SplineTrajectory(
        BSpline(knots, control, DEGREE), quaternion, int(truth.t_ns[0]), int(truth.t_ns[-1])
    )
