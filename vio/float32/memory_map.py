# SPDX-License-Identifier: Apache-2.0
"""Where the words of a window lie in the vector engine's memory, by the window's structure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vio.backend.states import FULL_COLUMNS, POSE_COLUMNS, VECTOR_SIZE
from vio.float32.calls import Matrix
from vio.float32.structure import Leaving, Structure

if TYPE_CHECKING:
    from vio.backend.window import ImuFactor

LANDMARK_WORDS = 5  # x, y, inverse depth; host and who sees it
STATE_WORDS = 2 * (9 + VECTOR_SIZE)  # rotation and vector, then those of the first estimate
INERTIAL_WORDS = FULL_COLUMNS * (2 * FULL_COLUMNS + 1)  # rows of a factor: Jacobian | residual
FACTOR_WORDS = 1 + 9 + 6 + 54 + 45 + 6 + 6  # dt, dR, dv dp, J_bias, W (triangle, diagonal), bias0
BIAS_WORDS = 6
LANDMARK, HOST, TARGET, RESIDUAL = 0, 3, 9, 15  # columns of an observation's row
ROW_WORDS = 16
ROW_PITCH = 17  # odd: words below one another lie in different banks
PAIR = 12  # columns of a pair of host and target, beside the residual
PAIR_WORDS = PAIR * (PAIR + 1) // 2 + PAIR
MOTION_COLUMNS = FULL_COLUMNS - POSE_COLUMNS

# Words that do not change; `Window32.load` of vio/float32/window.py writes them.
NEGATIVE, DAMPING, FLOOR, LANDMARK_FLOOR, LEAST_INVERSE_DEPTH, CAMERAS = 0, 1, 2, 3, 4, 5
HUBER = CAMERAS + 2 * 26
GRAVITY = HUBER + 1
CONSTANT_WORDS = GRAVITY + 3
PIVOT_FLOOR = np.float32(2.0**-24)  # of a diagonal entry: a rounding of it
LANDMARK_PIVOT_FLOOR = np.float32(2.0**-20)  # of few rows, of which some may tell nothing
WAITING = 18  # rows of a QR update: few calls, little work on zeros
SHORTEST_INVERSE_DEPTH = np.float32(1e-3)  # not beyond a kilometre


def factor_words(factor: "ImuFactor") -> np.ndarray:
    """Return an inertial factor's words (FACTOR_WORDS,)."""
    pre, W = factor.pre, factor.W
    motion = FULL_COLUMNS - BIAS_WORDS
    triangle, six = np.tril_indices(motion), np.arange(motion, FULL_COLUMNS)
    parts = [pre.dt_s], pre.dR, pre.dv, pre.dp, pre.J_bias, W[triangle], W[six, six], factor.bias0
    return np.concatenate([np.asarray(part, np.float32).ravel() for part in parts])


class Motion(NamedTuple):
    """Hold what an inertial factor has of a `Preintegration`."""

    dt_s: Any  # a number, or its symbol
    dR: np.ndarray
    dv: np.ndarray
    dp: np.ndarray
    J_bias: np.ndarray


@dataclass
class Factor:
    """Hold an inertial factor as the memory has it; slot_i, slot_j: its frames."""

    slot_i: int
    slot_j: int
    pre: Motion
    W: np.ndarray
    bias0: np.ndarray


@dataclass
class States:
    """Hold the states of F frames as the memory has them: current, and first estimates."""

    R: np.ndarray
    vec: np.ndarray
    R_lin: np.ndarray
    vec_lin: np.ndarray
    gravity: np.ndarray


def states_of(memory: np.ndarray, first: int, frames: int) -> States:
    """Return a copy of the states of a memory, the first one at an address."""
    words = memory[first : first + STATE_WORDS * frames].reshape(frames, STATE_WORDS)
    R, vec, R_lin, vec_lin = np.split(words.copy(), [9, 21, 30], axis=1)
    shape = (frames, 3, 3)
    gravity = memory[GRAVITY : GRAVITY + 3]
    return States(R.reshape(shape), vec, R_lin.reshape(shape), vec_lin, gravity)


def factor_of(words: np.ndarray, dtype: type, frames: tuple[int, int] = (0, 1)) -> Factor:
    """Return what `factor_words` has written, of a factor between two frames."""
    motion = FULL_COLUMNS - BIAS_WORDS
    W: np.ndarray = np.zeros((FULL_COLUMNS, FULL_COLUMNS), dtype)
    (dt,), dR, dv, dp, J_bias, triangle, diagonal, bias0 = np.split(
        words, np.cumsum([1, 9, 3, 3, 54, 45, BIAS_WORDS])
    )
    six = np.arange(motion, FULL_COLUMNS)
    W[np.tril_indices(motion)], W[six, six] = triangle, diagonal
    pre = Motion(dt, dR.reshape(3, 3), dv, dp, J_bias.reshape(9, BIAS_WORDS))
    return Factor(*frames, pre, W, bias0)


@dataclass(frozen=True)
class Columns:
    """Hold the columns of a linear system: what leaves first; motions, then poses.

    pose, motion: first column of each frame's 6 and 9 columns, -1 where it has none; motion:
    velocity and biases. count: of all; gone: of those that leave.
    """

    pose: tuple[int, ...]
    motion: tuple[int, ...]
    count: int
    gone: int = 0

    def of(self, frame: int) -> list[int]:
        """Return a frame's columns in the order of its error: rotation, position, motion."""
        out: list[int] = []
        for first, size in (
            (self.pose[frame], POSE_COLUMNS),
            (self.motion[frame], MOTION_COLUMNS),
        ):
            if first >= 0:
                out += range(first, first + size)
        return out


def _columns(frames: int, groups: Sequence[tuple[Sequence[int], Sequence[int]]]) -> Columns:
    """Return the columns of groups (frames with motions, frames with poses); the first leaves."""
    pose, motion = [-1] * frames, [-1] * frames
    at = gone = 0
    for k, (motions, poses) in enumerate(groups):
        for f in motions:
            motion[f], at = at, at + MOTION_COLUMNS
        for f in poses:
            pose[f], at = at, at + POSE_COLUMNS
        gone = gone if k else at
    return Columns(tuple(pose), tuple(motion), at, gone)


def step_columns(s: Structure) -> Columns:
    """Return the columns of a step: all of the window."""
    frames = range(len(s.dims))
    full = [f for f in frames if s.dims[f] == FULL_COLUMNS]
    return _columns(len(frames), [((), ()), (full, frames)])


def marginal_columns(leaving: Leaving) -> Columns:
    """Return the columns of a marginalisation: of the frames that it touches."""
    s, gone = leaving.structure, sorted(leaving.frames)
    going = {*gone, *leaving.motions}
    touched = going | {f for f, _ in s.prior}
    touched |= {f for pair in s.factors if going & set(pair) for f in pair}
    touched |= {f for lm in s.landmarks if lm.host in gone for f in lm.frames}
    full = [f for f in sorted(touched) if s.dims[f] == FULL_COLUMNS]
    left = [f for f in full if f in going], [f for f in full if f not in going]
    return _columns(len(s.dims), [(left[0], gone), (left[1], sorted(touched - set(gone)))])


def visual_columns(leaving: Leaving) -> Columns:
    """Return the columns of the poses that the landmarks of leaving frames know."""
    s, gone = leaving.structure, sorted(leaving.frames)
    seen = {f for lm in s.landmarks if lm.host in gone for f in lm.frames}
    poses = [f for f in gone if f in seen]
    return _columns(len(s.dims), [((), poses), ((), sorted(seen - set(gone)))])


@dataclass(frozen=True)
class MemoryMap:
    """Hold the first addresses of a program's regions; `size` is that after the last.

    H: packed rows of the triangle, each with its word of the gradient; prior: the same,
    whose residual is kept beside it. pairs: sums
    of one host's pairs. rows: of one landmark's observations; own: its three rows [landmark 3 |
    residual at the end]; inertial: rows of one factor. waiting:
    rows of a QR update; reflection: w of one, v0 and t. x, inverse, floors, delta: of each column.
    """

    states: int
    factors: int
    landmarks: int
    observations: int
    prior: Matrix
    residual: int
    H: int
    pairs: int
    rows: int
    own: int
    inertial: Matrix
    waiting: int
    reflection: int
    x: int
    inverse: int
    floors: int
    delta: int
    size: int

    def state(self, frame: int) -> int:
        """Return the address of a frame's state."""
        return self.states + frame * STATE_WORDS

    def pair(self, frame: int) -> Matrix:
        """Return where the sums of the host and a target lie."""
        return Matrix(self.pairs + frame * PAIR_WORDS, PAIR + 1)

    def regions(self) -> dict[str, int]:
        """Return the words of each region, in order of their addresses."""
        names = {
            "states and first estimates": self.states, "inertial factors": self.factors,
            "landmarks": self.landmarks, "observations": self.observations,
            "prior": self.prior.base, "its residual": self.residual,
            "H, g": self.H, "sums of a host's pairs": self.pairs,
            "a landmark's rows": self.rows, "its own three rows": self.own,
            "inertial rows": self.inertial.base,
            "rows of a QR update": self.waiting, "step, pivots, differences": self.x,
        }  # fmt: skip
        ends = [*list(names.values())[1:], self.size]
        out = {"constants": self.states}
        for (name, start), end in zip(names.items(), ends, strict=True):
            out[name] = end - start
        return out


def prior_size(s: Structure) -> tuple[int, int]:
    """Return the rows and columns of a prior."""
    return s.prior_rows, sum(d for _, d in s.prior)


def waiting_pitch(columns: int) -> int:
    """Return the pitch of the rows of a QR update: an odd one."""
    return columns + 1 | 1


def packed_words(rows: int, width: int) -> int:
    """Return the words of the first rows of a packed triangle."""
    return rows * width - rows * (rows - 1) // 2


def memory_map(s: Structure, columns: Sequence[Columns], table: int | None = None) -> MemoryMap:
    """Return the map for a window and the linear systems that are built in it.

    table: landmarks to have room for (default: those of the window).
    """
    frames, n = len(s.dims), max(c.count for c in columns)
    rows, width = prior_size(s)
    largest = max((lm.rows for lm in s.landmarks), default=0)
    most = max((len(lm.frames) for lm in s.landmarks), default=0)
    marginals = [c.count for c in columns if c.gone]  # a prior is made in the place of the last
    left = max(marginals, default=0)
    at = CONSTANT_WORDS
    sizes = (
        frames * STATE_WORDS, (len(s.factors) + 1) * FACTOR_WORDS,
        LANDMARK_WORDS * max(table or 0, len(s.landmarks)), 2 * s.observations,
        max(packed_words(k, w + 1) for k, w in ((rows, width), (left, left))),
        max(rows, left), packed_words(n, n + 1), frames * PAIR_WORDS, largest * ROW_PITCH,
        3 * (3 + 6 * most + 1), INERTIAL_WORDS,
        WAITING * waiting_pitch(left), left + 3, n, n, n, n,
    )  # fmt: skip
    starts = [at]
    for size in sizes:
        starts.append(starts[-1] + size)
    (states, factors, landmarks, observations, prior, residual, H, pairs, block, own, inertial,
     waiting, reflection, x, inverse, floors, delta, end) = starts  # fmt: skip
    return MemoryMap(
        states, factors, landmarks, observations, Matrix(prior, width + 1), residual, H,
        pairs, block, own, Matrix(inertial, 2 * FULL_COLUMNS + 1, 2 * FULL_COLUMNS + 1),
        waiting, reflection, x, inverse, floors, delta, end,
    )  # fmt: skip
