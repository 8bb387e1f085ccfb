# SPDX-License-Identifier: Apache-2.0
"""The back end's kernels as XLS compiles them: run on the CPU, or as Verilog in Verilator."""

from functools import cache

import numpy as np

from vio.float32.kernels import SIMPLE, Kernels
from vio.hw.hls.xls import Words, adapter

WIDTH = 16  # operands of a call of a simple kernel
_ONE, _ZERO, _NOTHING = np.float32(1.0), np.float32(0.0), np.float32(1e-30)

# Each simple kernel on one operand in DSLX; {0} is the first of its words.
_EXPRESSION = {
    "add": "u(float::add(f({0}), f({1})))",
    "sub": "u(float::sub(f({0}), f({1})))",
    "mul": "u(float::mul(f({0}), f({1})))",
    "div": "u(float::div(f({0}), f({1})))",
    "sqrt": "u(float::sqrt(f({0})))",
    "multiply_add": "u(qr::multiply_add([f({0})], f({1}), [f({2})])[0])",
    "downdate": "u(cholesky::downdate([f({0})], f({1}), [f({2})])[0])",
    "reflector": "u(qr::reflector(f({0}), f({1})).{k})",
    "pivot": "u(cholesky::pivot(f({0})).{k})",
    "solve_step": "u(qr::solve_step(f({0}), f({1}), f({2})))",
}


def batch_text(kernel: str, width: int = WIDTH) -> str:
    """Return DSLX for `Words`: a simple kernel on `width` operands, one after another."""
    inputs, outputs, _ = SIMPLE[kernel]
    entries = [
        _EXPRESSION[kernel].format(*(f"w[{inputs * i + n}]" for n in range(inputs)), k=k)
        for i in range(width)
        for k in range(outputs)
    ]
    body = f"[{', '.join(entries)}]"
    return adapter(body, inputs * width, outputs * width, ("float", "qr", "cholesky"))


def _flushed(x: np.ndarray) -> np.ndarray:
    """Return x with subnormals as zero, as a comparison of the hardware takes it."""
    return np.where(np.abs(x) < np.finfo(np.float32).tiny, _ZERO, x)


class XlsKernels(Kernels):
    """Compute kernels by XLS's compiler for the CPU: the functions that become Verilog."""

    def __init__(self) -> None:
        super().__init__()
        self._compiled: dict[str, Words] = {}

    def _words(self, kernel: str) -> Words:
        if kernel not in self._compiled:
            if kernel in SIMPLE:
                inputs, outputs, _ = SIMPLE[kernel]
                text = batch_text(kernel)
                words = Words(text, "words", inputs * WIDTH, outputs * WIDTH, optimise=False)
            else:
                from vio.hw.hls.kernels import KERNELS

                words = KERNELS[kernel].words()
            self._compiled[kernel] = words
        return self._compiled[kernel]

    def run(self, kernel: str, words: np.ndarray) -> np.ndarray:
        """Return the results (N, outputs) float32 of a kernel for words (N, inputs)."""
        compiled = self._words(kernel)
        flat = words.view(np.uint32)
        if kernel not in SIMPLE:
            return compiled.run(flat).view(np.float32)
        inputs, outputs, _ = SIMPLE[kernel]
        calls = -(-len(flat) // WIDTH)
        padded = np.zeros((calls * WIDTH, inputs), np.uint32)
        padded[: len(flat)] = flat
        out = compiled.run(padded.reshape(calls, inputs * WIDTH))
        return out.reshape(-1, outputs)[: len(flat)].view(np.float32)


class XlsRtlKernels(Kernels):
    """Compute kernels by Verilog: simple ones by the pipelined units, others by sequencers."""

    def __init__(self) -> None:
        super().__init__()
        from vio.hw.hls.blocks import BLOCKS, GEN
        from vio.hw.hls.kernel_block import KernelBlock

        self._block = cache(KernelBlock)
        self._units = {n: (block, (GEN / f"{n}.v").read_text()) for n, block in BLOCKS.items()}

    def run(self, kernel: str, words: np.ndarray) -> np.ndarray:
        """Return the results (N, outputs) float32 of a kernel for words (N, inputs)."""
        if kernel not in SIMPLE:
            return self._block(kernel).calls(words.view(np.uint32)).view(np.float32)
        columns = [np.ascontiguousarray(words[:, k]) for k in range(words.shape[1])]
        results = getattr(self, f"_{kernel}")(*columns)
        return np.stack(results if isinstance(results, tuple) else (results,), axis=1)

    def _pipeline(self, unit: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        from vio.hw.hls.unit import run_pipeline

        operands = np.stack([x.view(np.uint32), y.view(np.uint32)], axis=1)
        block, text = self._units[unit]
        return run_pipeline(block, text, operands, block.latency()).view(np.float32)

    def _asked(self, root: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        from vio.hw.hls.unit import run_handshake

        questions = np.empty((len(x), 3), np.uint32)
        questions[:, 0] = root
        questions[:, 1], questions[:, 2] = x.view(np.uint32), y.view(np.uint32)
        return run_handshake(*self._units["float_divide_root"], questions)[0].view(np.float32)

    def _add(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self._pipeline("float_add", x, y)

    def _sub(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self._pipeline("float_add", x, -y)

    def _mul(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self._pipeline("float_mul", x, y)

    def _div(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self._asked(0, x, y)

    def _sqrt(self, x: np.ndarray) -> np.ndarray:
        return self._asked(1, x, x)

    def _multiply_add(self, total: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return self._add(total, self._mul(a, b))

    def _downdate(self, h: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return self._sub(h, self._mul(a, b))

    def _solve_step(self, b: np.ndarray, total: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
        return self._div(self._sub(b, total), diagonal)

    def _pivot(self, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        u = self._sqrt(d)
        return u, self._div(np.full_like(u, _ONE), u)

    def _reflector(
        self, alpha: np.ndarray, norm2: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        norm = self._sqrt(norm2)
        beta = np.where(_flushed(alpha) < _ZERO, norm, -norm)
        v0 = self._sub(alpha, beta)
        t = self._div(np.full_like(v0, _ONE), self._mul(beta, v0))
        nothing = _flushed(norm2) < _NOTHING
        return np.where(nothing, alpha, beta), v0, np.where(nothing, _ZERO, t)
