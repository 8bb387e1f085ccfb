# SPDX-License-Identifier: Apache-2.0
"""Lists of lane programs at random, and what the functions of vio/float32 make of their words."""

import random

import numpy as np

from vio.backend.states import FULL_COLUMNS, POSE_COLUMNS
from vio.float32 import calls as c
from vio.float32 import memory_map as m
from vio.float32.calls import Builder, CallList
from vio.float32.execute import Results
from vio.float32.inertial import imu_rows, local_difference, retract
from vio.float32.kernels import Kernels
from vio.float32.lane_words import Layout
from vio.float32.observe import FAR, observe
from vio.float32.schedule import Moved, Observed
from vio.float32.structure import Landmark, Structure

EXTREMES = np.array(
    [0.0, -0.0, 1e-45, -1e-40, 1.2e-38, 3e38, -3e38, np.inf, -np.inf, np.nan, 1e20, 1.0], np.float32
)


def layout_of(seed: int) -> Layout:
    """Return a window of five frames, three of them full, with landmarks of all kinds."""
    rng = random.Random(seed)
    frozen = (True, True, False, True, False)
    dims = tuple(FULL_COLUMNS if f > 1 else POSE_COLUMNS for f in range(5))
    landmarks = []
    for row in range(6):
        host = rng.randrange(5)
        others = sorted(rng.sample([f for f in range(5) if f != host], rng.randint(1, 4)))
        seen = ([host] if row % 3 else []) + others
        landmarks.append(Landmark(row, host, tuple((f, rng.randint(1, 3)) for f in seen)))
    s = Structure(dims, frozen, tuple(landmarks), ((2, 3), (3, 4)), (), 0)
    columns = m.step_columns(s)
    return Layout(s, columns, m.memory_map(s, [columns]))


def lane_calls(layout: Layout) -> tuple[CallList, int]:
    """Return calls of every lane program, each with a destination of its own; the memory's words.

    The states are retracted last.
    """
    s, where, builder = layout.s, layout.where, Builder()
    end = where.size
    for moved in (None, where.x):
        at = where.observations
        for index, landmark in enumerate(s.landmarks):
            builder.lane(c.OBSERVE, end, Observed(landmark, index, at, moved))
            at += landmark.rows
            end += m.ROW_PITCH * landmark.rows
    for k in range(len(s.factors)):
        builder.lane(c.FACTOR, end, k)
        end += m.INERTIAL_WORDS
    moved_states = [Moved(f, tuple(layout.columns.of(f))) for f in range(len(s.dims))]
    for state in moved_states:
        builder.lane(c.DIFFERENCE, where.delta, state)
    for state in moved_states:
        builder.lane(c.RETRACT, where.state(state.frame), state)
    return builder.done(), end


def memory_of(layout: Layout, words: int, seed: int, extreme: bool = False) -> np.ndarray:
    """Return a memory (words,) float32: rotations, points in front; extreme: some words are not."""
    rng = np.random.default_rng(seed)
    memory = rng.normal(0.0, 0.5, words).astype(np.float32)
    where, s = layout.where, layout.s
    for f in range(len(s.dims)):
        for half in range(2):
            at = where.state(f) + 21 * half
            q, _ = np.linalg.qr(np.eye(3) + rng.normal(0.0, 0.2, (3, 3)))
            memory[at : at + 9] = (q * np.sign(np.diag(q))).astype(np.float32).ravel()
    for camera in range(2):
        at = m.CAMERAS + 26 * camera
        memory[at : at + 24] = np.concatenate([np.eye(3).ravel(), [0.1 * camera, 0.0, 0.0]] * 2)
        memory[at + 24] = 200.0
    memory[m.HUBER], memory[m.GRAVITY : m.GRAVITY + 3] = 1.5, (0.0, 0.0, -9.81)
    for k in range(len(s.landmarks)):
        memory[where.landmarks + m.LANDMARK_WORDS * k + 2] = abs(rng.normal(0.2, 0.2))
    if extreme:
        at = rng.integers(0, where.x, words // 40)
        memory[at] = rng.choice(EXTREMES, len(at))
    for at in (where.state(f) for f in range(len(s.dims)) if not s.frozen[f]):
        memory[at + 21 : at + 42] = memory[at : at + 21]  # its first estimate is its state
    memory[[m.CAMERAS + 25, m.CAMERAS + 51]] = FAR  # as `load` of vio/float32/window.py
    return memory


def lane_results(calls: CallList, layout: Layout, memory: np.ndarray) -> Results:
    """Return what lane programs write, computed by the functions of vio/float32."""
    kernels, where, out = Kernels(), layout.where, {}
    states = m.states_of(memory, where.states, len(layout.s.dims))
    for number, call in enumerate(calls.code.tolist()):
        operand, dest = calls.operands[call[c.X]], call[c.DEST]
        if isinstance(operand, Observed):
            rows, _ = observe(kernels, memory, where, layout.s, [operand], layout.columns)
            at = m.ROW_PITCH * np.arange(operand.landmark.rows)[:, None] + np.arange(m.ROW_WORDS)
            out[number] = dest + at.ravel(), rows.ravel()
        elif isinstance(operand, Moved):
            slot, size = np.array([operand.frame]), np.array([len(operand.columns)])
            columns = np.array(operand.columns)
            if call[c.KIND] == c.DIFFERENCE:
                out[number] = dest + columns, local_difference(kernels, states, slot, size)
                continue
            retract(kernels, states, slot, size, memory[where.x + columns])
            words = np.concatenate([states.R[slot[0]].ravel(), states.vec[slot[0]]])
            out[number] = dest + np.arange(len(words)), words
        else:
            assert isinstance(operand, int)
            at = where.factors + m.FACTOR_WORDS * operand
            words = memory[at : at + m.FACTOR_WORDS]
            factor = m.factor_of(words, np.float32, layout.s.factors[operand])
            J, r = imu_rows(kernels, states, [factor])
            words = np.concatenate([J[0], r[0, :, None]], axis=1).ravel()
            out[number] = dest + np.arange(len(words)), words
    return out
