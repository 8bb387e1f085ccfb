# SPDX-License-Identifier: Apache-2.0
"""DSLX of hls/ through XLS: to IR, to functions that run on the CPU, to pipelined Verilog."""

from pathlib import Path
from typing import Any

import numpy as np

from vio.errors import VioError

HLS = Path(__file__).resolve().parents[3] / "hls"
INSTALL = "XLS is not installed; install it with: pip install 'kestrel-vio[hw]'"


def xls_api() -> Any:
    """Return the module of XLS's functions; raises VioError when it is not installed."""
    try:
        from xls import c_api
    except ImportError as error:
        raise VioError(INSTALL) from error
    return c_api


def intermediate(text: str, module: str, top: str | None = None, folder: Path = HLS) -> str:
    """Return the IR of DSLX text, optimised for the function `top` where one is given.

    module: the name that the text has as a module; it may import those of the folder. Raises
    VioError with the compiler's words.
    """
    api = xls_api()
    try:
        ir = api.convert_dslx_to_ir(
            text, f"{module}.x", module, additional_search_paths=[str(folder)]
        )
        return str(api.optimize_ir(ir, f"__{module}__{top}") if top else ir)
    except RuntimeError as error:
        raise VioError(f"XLS refuses {module}.x: {error}") from error


class Words:
    """A DSLX function of an array of words that gives an array of words, ready to run.

    text: DSLX with `fn top(words: u32[inputs]) -> u32[outputs]`, importing modules of hls/.
    optimise: run what XLS's optimiser makes of it, as the Verilog does; not for large kernels,
    where that takes minutes.
    """

    def __init__(
        self,
        text: str,
        top: str,
        inputs: int,
        outputs: int,
        folder: Path = HLS,
        optimise: bool = True,
    ):
        api = xls_api()
        ir = intermediate(text, "words", top if optimise else None, folder)
        self._package = api.parse_ir_package(ir)
        self._function = self._package.get_function(f"__words__{top}")
        self._jit: Any = None
        self.inputs, self.outputs = inputs, outputs

    def run(self, words: np.ndarray) -> np.ndarray:
        """Return the results (N, outputs) uint32 for words (N, inputs), by native code."""
        api = xls_api()
        if self._jit is None:
            self._jit = self._function.to_jit()
        flat = self._checked(words).ravel()
        got = np.asarray(api.jit_fn_predict(self._jit, flat, 32, self.inputs, self.outputs))
        return got.astype(np.uint32).reshape(-1, self.outputs)

    def interpret(self, words: np.ndarray) -> np.ndarray:
        """Return the same by XLS's interpreter, some hundred times slower."""
        api = xls_api()
        rows = [
            api.value_to_array(self._function.interpret([api.value_from_array(row, 32)]))
            for row in self._checked(words)
        ]
        return np.array(rows).astype(np.uint32).reshape(-1, self.outputs)

    def _checked(self, words: np.ndarray) -> np.ndarray:
        if words.ndim != 2 or words.shape[1] != self.inputs:
            raise VioError(f"operands are {words.shape}, the function takes (N, {self.inputs})")
        return words.astype(np.int64)


def adapter(body: str, inputs: int, outputs: int, imports: tuple[str, ...] = ("float",)) -> str:
    """Return DSLX text for `Words` whose function is `words`; `f` and `u` pack and unpack a float.

    body: statements and the result, an array of u32, from `w: u32[inputs]`.
    """
    lines = [f"import {name};" for name in (*imports, "float32")]
    lines += ["fn f(w: u32) -> float32::F32 { float32::unflatten(w) }"]
    lines += ["fn u(x: float32::F32) -> u32 { float32::flatten(x) }"]
    lines += [f"fn words(w: u32[{inputs}]) -> u32[{outputs}] {{ {body} }}"]
    return "\n".join(lines) + "\n"


def differences(
    got: np.ndarray, expected: np.ndarray, operands: np.ndarray, names: tuple[str, ...]
) -> str:
    """Return the first results that differ, as text; empty where none does."""
    wrong = np.argwhere(got != expected)
    if not len(wrong):
        return ""
    first = [
        f"{names[c]} of {[f'{int(w):#010x}' for w in operands[i]]}: "
        f"{int(got[i, c]):#010x}, expected {int(expected[i, c]):#010x}"
        for i, c in wrong[:5]
    ]
    return f"{len(wrong)} of {got.size} results differ; " + "; ".join(first)
