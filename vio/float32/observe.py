# SPDX-License-Identifier: Apache-2.0
"""The lane program `observe`: all observations of a window linearised side by side.

Residuals are those of the current states, Jacobians are taken at the first estimates: where these
differ, `linearize` runs twice, once for either. The robust weight follows.
"""

from collections.abc import Sequence

import numpy as np

from vio.backend.relative import RigArrays
from vio.backend.states import POSE_COLUMNS
from vio.float32 import memory_map as m
from vio.float32.kernels import Kernels
from vio.float32.memory_map import Columns, MemoryMap
from vio.float32.schedule import Observed
from vio.float32.structure import Structure

FAR = np.float32(1e20)  # a robust threshold whose square nothing exceeds: weights follow
_ZERO, _HALF, _ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)
# A row as `linearize` gives it (landmark, residual, host, target) in the order of the memory.
_ORDER = [0, 1, 2, *range(4, 16), 3]
_POSE = np.arange(12)  # words of a state: rotation, position
_HALF_STATE = m.STATE_WORDS // 2


def camera_words(rig: RigArrays, weight: np.ndarray) -> np.ndarray:
    """Return the constants (2, 26) of `linearize`, with a threshold that nothing exceeds."""
    out = np.zeros((2, 26), np.float32)
    for cam in range(2):
        out[cam] = np.concatenate([
            rig.R_cam_body[cam].ravel(), rig.p_cam_body[cam], rig.R_body_cam0.ravel(),
            rig.p_body_cam0, [weight[cam], FAR],
        ])  # fmt: skip
    return out


def ways(s: Structure, observed: Sequence[Observed]) -> np.ndarray:
    """Return for each ray (O, 6): place in `observed`, host, frame, camera, own, and twice.

    own: seen by the host itself; twice: a first estimate is not the state of now.
    """
    out = [
        (k, o.landmark.host, f, cam, f == o.landmark.host,
         f != o.landmark.host and (s.frozen[f] or s.frozen[o.landmark.host]))
        for k, o in enumerate(observed) for f, mask in o.landmark.views for cam in range(2)
        if mask >> cam & 1
    ]  # fmt: skip
    return np.array(out, np.int64).reshape(-1, 6)


def observe(
    kernels: Kernels,
    memory: np.ndarray,
    where: MemoryMap,
    s: Structure,
    observed: Sequence[Observed],
    columns: Columns,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted rows (O, 2, 16) of the rays of `ways`, and their robust costs (O,).

    columns: of the step that the residuals take, where one is asked for.
    A ray that cannot be linearised (less than 5 cm ahead of a camera) has rows of zeros.
    """
    rays = ways(s, observed)
    index, host, frame, camera = rays[:, 0], rays[:, 1], rays[:, 2], rays[:, 3]
    own, twice = rays[:, 4] > 0, rays[:, 5] > 0
    table = np.array([o.index for o in observed], np.int64)
    first = np.array([o.first for o in observed], np.int64)
    begins = np.searchsorted(index, np.arange(len(observed)))
    number = np.arange(len(index)) - begins[index]

    operands = np.zeros((len(index), 55), memory.dtype)
    operands[:, 24:50] = memory[m.CAMERAS + 26 * camera[:, None] + np.arange(26)]
    landmark = where.landmarks + m.LANDMARK_WORDS * table[index]
    operands[:, 50:53] = memory[landmark[:, None] + np.arange(3)]
    operands[:, 53:55] = memory[(first[index] + 2 * number)[:, None] + np.arange(2)]
    out = np.zeros((len(index), 2, 16), memory.dtype)
    found: np.ndarray = np.zeros(len(index), kernels.condition)

    def place(which: np.ndarray, offset: int) -> None:
        for at, frames in ((0, host), (12, frame)):
            start = where.states + offset + m.STATE_WORDS * frames[which]
            operands[which, at : at + 12] = memory[start[:, None] + _POSE]

    found[own], out[own, :, :4] = kernels.linearized("linearize_own", operands[own], 4)
    other, again = np.flatnonzero(~own), np.flatnonzero(twice)
    place(other, 0)
    found[other], out[other] = kernels.linearized("linearize", operands[other], 16)
    place(again, _HALF_STATE)
    ahead, jacobians = kernels.linearized("linearize", operands[again], 16)
    jacobians[:, :, 3] = out[again, :, 3]
    out[again] = jacobians
    found[again] &= ahead

    out = kernels.where(found[:, None, None], out, _ZERO)
    factor, costs = robust(kernels, out[:, :, 3], memory[m.HUBER])
    rows = kernels.mul(out, factor[:, None, None])[:, :, _ORDER]
    if observed and (step := observed[0].moved) is not None:
        pose = step + np.array(columns.pose, np.int64)
        six = np.arange(POSE_COLUMNS)
        at = np.concatenate([pose[host[other], None] + six, pose[frame[other], None] + six], axis=1)
        rows[other, :, m.RESIDUAL] = moved(kernels, rows[other], memory[at])
    return rows, costs


def moved(kernels: Kernels, rows: np.ndarray, dx: np.ndarray) -> np.ndarray:
    """Return r + J dx (O, 2) of rows (O, 2, 16) and steps dx (O, 12) of host and target.

    The twelve products are summed by halves: six sums, three, then one after the other.
    """
    p = kernels.mul(rows[:, :, m.HOST : m.RESIDUAL], dx[:, None, :])
    six = kernels.add(p[..., :6], p[..., 6:])
    three = kernels.add(six[..., :3], six[..., 3:])
    total = kernels.add(kernels.add(three[..., 0], three[..., 1]), three[..., 2])
    return kernels.add(rows[:, :, m.RESIDUAL], total)


def robust(
    kernels: Kernels, residuals: np.ndarray, delta: np.float32
) -> tuple[np.ndarray, np.ndarray]:
    """Return the roots of Huber's weights (N,) and the costs (N,) of residuals (N, 2) in sigmas."""
    e2 = kernels.multiply_add(
        kernels.mul(residuals[:, 0], residuals[:, 0]), residuals[:, 1], residuals[:, 1]
    )
    far = kernels.less(delta * delta, e2)
    e = kernels.sqrt(kernels.where(far, e2, _ONE))
    factor = kernels.where(far, kernels.sqrt(kernels.div(delta, e)), _ONE)
    beyond = kernels.mul(delta, kernels.sub(e, _HALF * delta))
    return factor, kernels.where(far, beyond, kernels.mul(_HALF, e2))
