# SPDX-License-Identifier: Apache-2.0
"""Proof of the inertial block: hls/imu.x and hls/imu.v against vio/float32/imu.py."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from numba import njit

from vio.errors import VioError
from vio.float32 import imu as imu32
from vio.hw.hls.imu_block import ImuBlock
from vio.hw.hls.operand_files import load_operands, save_operands
from vio.hw.hls.operands import pairs
from vio.hw.hls.sequencer import SAMPLE, START
from vio.hw.hls.xls import HLS, Words, adapter, differences

Motion = tuple[np.ndarray, np.ndarray]  # setup (8,), samples (N, 7), float32
Called = Callable[[np.ndarray], np.ndarray]
SAMPLES = 10  # of a random motion
RESULTS = tuple(f"state[{k}]" for k in range(imu32.STATE_WORDS))
_INPUTS = imu32.STATE_WORDS + imu32.SETUP_WORDS + imu32.SAMPLE_WORDS
_BLOCKS = (
    *(("dR", 9), ("dv", 3), ("dp", 3), ("J_r_gyro", 9), ("J_v_gyro", 9), ("J_v_accel", 9)),
    *(("J_p_gyro", 9), ("J_p_accel", 9), ("P_rr", 6), ("P_rv", 9), ("P_rp", 9), ("P_vv", 6)),
    *(("P_vp", 9), ("P_pp", 6)),
)


def motions(count: int, seed: int) -> list[Motion]:
    """Return random motions of `SAMPLES` samples, `count` samples in all.

    In turn: seven like a flight's, one turning at up to 300 rad/s, one of words of all kinds
    (infinities, NaNs, subnormals, huge and tiny numbers).
    """
    rng = np.random.default_rng(seed)
    out = []
    for k in range(-(-count // SAMPLES)):
        n = min(SAMPLES, count - k * SAMPLES)
        if k % 9 == 8:
            words = pairs(imu32.SETUP_WORDS + 7 * n, seed + k)[:, 0]
            rng.shuffle(words)
            flat = words.view(np.float32)
            out.append((flat[: imu32.SETUP_WORDS].copy(), flat[imu32.SETUP_WORDS :].reshape(n, 7)))
            continue
        rate = 300.0 if k % 9 == 7 else 3.0
        samples = np.column_stack(
            [
                rng.uniform(1e-4, 1e-2, n),
                rng.uniform(-rate, rate, (n, 3)),
                rng.normal(0.0, 6.0, (n, 3)) + np.array([9.81, 0.0, 0.0]),
            ]
        )
        setup = np.concatenate([rng.normal(0, 0.05, 3), rng.normal(0, 0.1, 3), [1.2e-7, 6.4e-5]])
        out.append((setup.astype(np.float32), samples.astype(np.float32)))
    return out


@njit(cache=True)
def _trace(setup: np.ndarray, samples: np.ndarray, state: np.ndarray) -> np.ndarray:
    out = np.empty((len(samples) + 1, len(state)), np.float32)
    out[0] = state
    for k in range(len(samples)):
        out[k + 1] = imu32.step(out[k], setup, samples[k])
    return out


def trace(motion: Motion) -> np.ndarray:
    """Return the states (N + 1, 105) of a motion by the reference, that at its start first."""
    return np.asarray(_trace(*motion, imu32.start()))


def imu_words(folder: Path = HLS) -> Words:
    """Return hls/imu.x for XLS: state, setup and sample (120 words) to the new state."""

    def vector(k: int, count: int = 3) -> str:
        return f"[{', '.join(f'f(w[{i}])' for i in range(k, k + count))}]"

    at, fields, results = 0, [], []
    for name, size in _BLOCKS:
        rows = [vector(i) for i in range(at, at + size, 3)]
        fields.append(f"{name}: " + (f"[{', '.join(rows)}]" if size == 9 else vector(at, size)))
        entry = "u(s.{n}[{i}][{j}])" if size == 9 else "u(s.{n}[{k}])"
        results += [entry.format(n=name, i=k // 3, j=k % 3, k=k) for k in range(size)]
        at += size
    body = f"""
    let state = imu::State {{ {", ".join(fields)} }};
    let setup = imu::Setup {{ gyro_bias: {vector(105)}, accel_bias: {vector(108)},
        gyro_density2: f(w[111]), accel_density2: f(w[112]) }};
    let sample = imu::Sample {{ dt: f(w[113]), gyro: {vector(114)}, accel: {vector(117)} }};
    let s = imu::imu(state, setup, sample);
    [{", ".join(results)}]
    """
    text = adapter(body, _INPUTS, imu32.STATE_WORDS, ("imu",))
    return Words(text, "words", _INPUTS, imu32.STATE_WORDS, folder, optimise=False)


def compare_steps(called: Called, given: Iterable[Motion]) -> str:
    """Return what differs between a function of state, setup and sample and the reference."""
    before, after = [], []
    for setup, samples in given:
        states = trace((setup, samples))
        repeated = np.broadcast_to(setup, (len(samples), len(setup)))
        before.append(np.concatenate([states[:-1], repeated, samples], axis=1))
        after.append(states[1:])
    words = np.concatenate(before).view(np.uint32)
    return differences(called(words), np.concatenate(after).view(np.uint32), words, RESULTS)


def compare_block(block: ImuBlock, given: Iterable[Motion], seed: int) -> tuple[str, int]:
    """Return what differs between the block and the reference, and how many resets there were.

    Each motion is read at its end, some in their midst; before some the block works on a sample and
    is reset; streams stall now and then.
    """
    rng = np.random.default_rng(seed)
    resets = 0
    for k, (setup, samples) in enumerate(given):
        block.stall(int(rng.integers(1, 1 << 31)) if k % 8 == 3 else 0)
        if k % 8 == 5:
            block.put(START, setup)
            block.put(SAMPLE, samples[0][: rng.integers(1, 8)])
            block.run(int(rng.integers(0, 380)))
            block.reset()
            resets += 1
        states = trace((setup, samples)).view(np.uint32)
        block.put(START, setup)
        stop = int(rng.integers(0, len(samples)))
        for j, sample in enumerate(samples):
            block.put(SAMPLE, sample)
            if j == len(samples) - 1 or (k % 4 == 1 and j == stop):
                got = block.read().view(np.uint32)[None]
                words = np.concatenate([setup, sample]).view(np.uint32)[None]
                if found := differences(got, states[j + 1][None], words, RESULTS):
                    return f"motion {k}, sample {j}: {found}", resets
    return "", resets


class Recorder:
    """An `imu32.Integrate` that records its operands; bit-exact with the reference."""

    def __init__(self) -> None:
        self.motions: list[Motion] = []

    def __call__(self, setup: np.ndarray, samples: np.ndarray) -> np.ndarray:
        """Return the state (105,) after samples (N, 7)."""
        self.motions.append((setup.copy(), samples.copy()))
        return imu32.integrate(setup, samples)

    def save(self, path: Path) -> None:
        """Write the operands: imu_setup (M, 8), imu_samples (sum, 7), imu_count (M,)."""
        save_operands(
            path,
            {
                "imu_setup": np.array([setup for setup, _ in self.motions], np.float32),
                "imu_samples": np.concatenate([samples for _, samples in self.motions]),
                "imu_count": np.array([len(samples) for _, samples in self.motions]),
            },
        )


@contextmanager
def recording() -> Iterator[Recorder]:
    """Have estimators that are made meanwhile with backend.imu = float32 record their operands."""
    recorder, plain = Recorder(), imu32.preintegrate
    imu32.preintegrate = partial(plain, integrate=recorder)
    try:
        yield recorder
    finally:
        imu32.preintegrate = plain


def recorded_motions(path: Path) -> list[Motion]:
    """Return the motions of a file of `Recorder.save`; raises VioError when it is none."""
    file = load_operands(path)
    if not {"imu_setup", "imu_samples", "imu_count"} <= set(file):
        raise VioError(f"{path} has no imu_setup, imu_samples, imu_count; it has {', '.join(file)}")
    setup, samples, count = file["imu_setup"], file["imu_samples"], file["imu_count"]
    shapes = (setup.shape[1:], samples.shape[1:], len(setup), len(samples))
    if shapes != ((imu32.SETUP_WORDS,), (imu32.SAMPLE_WORDS,), len(count), count.sum()):
        raise VioError(
            f"{path}: imu_setup {setup.shape}, imu_samples {samples.shape} and imu_count "
            f"{count.shape} are not (M, {imu32.SETUP_WORDS}), (sum, {imu32.SAMPLE_WORDS}), (M,)"
        )
    parts = np.split(samples, np.cumsum(count)[:-1])
    return [(one, part) for one, part in zip(setup, parts, strict=True) if len(part)]
