# SPDX-License-Identifier: Apache-2.0
"""Execute calls on a memory: in one compiled loop, or by kernels that something else computes.

`addresses` is the vector engine's address generator. `execute` takes what it gives in order, by the
functions of float.py; `execute_by` hands the same words to the kernels of vio/float32/kernels.py,
which hls/ computes too. The results of lane programs are computed before (vio/float32/window.py).
"""

from collections.abc import Mapping

import numpy as np
from numba import njit

from vio.float32 import calls as c
from vio.float32.calls import CallList
from vio.float32.cholesky import pivot
from vio.float32.float import add, lt, mul, select, sub
from vio.float32.kernels import Kernels
from vio.float32.qr import reflector

Results = Mapping[int, tuple[np.ndarray, np.ndarray]]  # call: (addresses, words)

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
(_KIND, _DEST, _WIDTH, _DSTEP, _X, _XSTEP, _Y, _YSTEP, _DEPTH, _FORM, _ROWS, _ROW_RUNS, _COLUMNS,
 _COLUMN_RUNS) = (
    c.KIND, c.DEST, c.DEST_WIDTH, c.DEST_STEP, c.X, c.X_STEP, c.Y, c.Y_STEP, c.DEPTH, c.TRIANGULAR,
    c.ROWS, c.ROW_RUNS, c.COLUMNS, c.COLUMN_RUNS,
)  # fmt: skip
(_PRODUCT, _DOWNDATE, _MULTIPLY, _ADD, _SUBTRACT, _MULTIPLY_ADD, _MULTIPLY_SUBTRACT, _COPY, _CLEAR,
 _AT_LEAST, _PIVOT, _DROP, _REFLECT) = (
    c.PRODUCT, c.DOWNDATE, c.MULTIPLY, c.ADD, c.SUBTRACT, c.MULTIPLY_ADD, c.MULTIPLY_SUBTRACT,
    c.COPY, c.CLEAR, c.AT_LEAST, c.PIVOT, c.DROP_PIVOT, c.REFLECT,
)  # fmt: skip


@njit(cache=True)
def row_address(base: int, width: int, pitch: int, i: int) -> int:
    """Return `Matrix.row`."""
    return base + i * pitch if pitch else base + i * width - i * (i + 1) // 2


@njit(cache=True)
def addresses(call: np.ndarray, runs: np.ndarray, out: np.ndarray) -> int:
    """Fill out (3, words) with the addresses of destination, x and y in order; return the words."""
    n = line = 0
    if call[_FORM] <= 0:
        falls = -call[_FORM]
        d, x, y = call[_DEST], call[_X], call[_Y]
        d_step, x_step = call[_DSTEP], call[_XSTEP]
        for n in range(call[_ROWS]):
            out[0, n], out[1, n], out[2, n] = d, x, y
            d += d_step
            x += x_step
            y += call[_YSTEP]
            d_step -= falls >> 1
            x_step -= falls & 1
        return call[_ROWS]
    exchange, outer = call[_FORM] == 2, call[_FORM] == 3
    for a in range(call[_ROWS], call[_ROWS] + call[_ROW_RUNS]):
        for i in range(runs[a, 2]):
            source, row = runs[a, 0] + i, runs[a, 1] + i
            if exchange:
                line = row_address(call[_X], call[_XSTEP], 0, source)
            start = row_address(call[_DEST], call[_WIDTH], call[_DSTEP], row)
            for b in range(call[_COLUMNS], call[_COLUMNS] + call[_COLUMN_RUNS]):
                if exchange:  # of a packed triangle to the place in another, above its diagonal
                    first = max(0, source - runs[b, 0])
                    for j in range(first, runs[b, 2]):
                        column = runs[b, 1] + j
                        at = start + column
                        if column < row:
                            at = row + row_address(call[_DEST], call[_WIDTH], call[_DSTEP], column)
                        out[0, n], out[1, n], out[2, n] = at, at, line + runs[b, 0] + j
                        n += 1
                else:
                    first = 0 if outer else max(0, row - runs[b, 1])
                    x = call[_X] + (source * call[_XSTEP] if outer else source)
                    for j in range(first, runs[b, 2]):
                        out[0, n] = start + runs[b, 1] + j
                        out[1, n] = x
                        out[2, n] = call[_Y] + runs[b, 0] + j
                        n += 1
    return n


@njit(cache=True)
def _take_pivot(memory: np.ndarray, kind: int, d: int, x: int, y: int) -> int:
    """Take a pivot; return whether it was not above its floor, and there was one."""
    floor, value = memory[x], memory[d]
    above = lt(floor, value)
    taken = select(above, value, floor)
    if kind == _DROP:
        taken = select(above, value, _ZERO)
    some = lt(_ZERO, taken)
    root, inverse, _ = pivot(select(some, taken, _ONE))
    memory[d] = select(some, root, _ZERO)
    memory[y] = select(some, inverse, _ZERO)
    return 1 if lt(_ZERO, floor) and not above else 0


@njit(cache=True)
def execute(
    code: np.ndarray, runs: np.ndarray, memory: np.ndarray, words: np.ndarray, places: np.ndarray,
    ends: np.ndarray, scratch: np.ndarray,
) -> int:  # fmt: skip
    """Execute calls (N, 15) with runs (M, 3) on the memory; return how many pivots were low.

    words, places: results of the lane programs one after another, and where each word belongs;
    ends: (N + 1,) where those of each call begin. scratch: (3, words of the largest call).
    """
    raised = 0
    for k in range(len(code)):
        call = code[k]
        kind = call[_KIND]
        if ends[k + 1] > ends[k]:
            for i in range(ends[k], ends[k + 1]):
                memory[places[i]] = words[i]
            continue
        n = addresses(call, runs, scratch)
        d, x, y = scratch[0], scratch[1], scratch[2]
        if kind in (_PRODUCT, _DOWNDATE):
            for i in range(n):
                total, a, b = memory[d[i]], x[i], y[i]
                for _ in range(call[_DEPTH]):
                    p = mul(memory[a], memory[b])
                    total = add(total, p) if kind == _PRODUCT else sub(total, p)
                    a += call[_XSTEP]
                    b += call[_YSTEP]
                memory[d[i]] = total
        elif kind == _MULTIPLY:
            for i in range(n):
                memory[d[i]] = mul(memory[x[i]], memory[y[i]])
        elif kind == _ADD:
            for i in range(n):
                memory[d[i]] = add(memory[x[i]], memory[y[i]])
        elif kind == _SUBTRACT:
            for i in range(n):
                memory[d[i]] = sub(memory[x[i]], memory[y[i]])
        elif kind == _MULTIPLY_ADD:
            for i in range(n):
                memory[d[i]] = add(memory[d[i]], mul(memory[x[i]], memory[y[i]]))
        elif kind == _MULTIPLY_SUBTRACT:
            for i in range(n):
                memory[d[i]] = sub(memory[d[i]], mul(memory[x[i]], memory[y[i]]))
        elif kind == _COPY:
            for i in range(n):
                memory[d[i]] = memory[x[i]]
        elif kind == _CLEAR:
            for i in range(n):
                memory[d[i]] = _ZERO
        elif kind == _AT_LEAST:
            for i in range(n):
                a, b = memory[x[i]], memory[y[i]]
                memory[d[i]] = select(lt(a, b), b, a)
        elif kind in (_PIVOT, _DROP):
            for i in range(n):
                low = _take_pivot(memory, kind, d[i], x[i], y[i])
                raised += low if kind == _PIVOT else 0
        elif kind == _REFLECT:
            for i in range(n):
                beta, v0, t = reflector(memory[d[i]], memory[x[i]])
                memory[d[i]], memory[y[i]], memory[y[i] + 1] = beta, v0, t
    return raised


def words_of(code: np.ndarray, runs: np.ndarray) -> np.ndarray:
    """Return a bound (N,) of the words that each call works on."""
    sums = np.concatenate([[0], np.cumsum(runs[:, 2])])

    def length(first: int, count: int) -> np.ndarray:
        return sums[code[:, first] + code[:, count]] - sums[code[:, first]]

    walked = code[:, c.TRIANGULAR] > 0
    words = code[:, c.ROWS].copy()  # those of a straight call
    code = code[walked]
    words[walked] = length(c.ROWS, c.ROW_RUNS) * length(c.COLUMNS, c.COLUMN_RUNS)
    return words


def run(calls: CallList, memory: np.ndarray, kernels: Kernels, results: Results) -> int:
    """Execute a list on the memory, in place; return how many pivots were not above their floor.

    results: of its lane programs. kernels: those of vio/float32, whose loop is compiled as a whole,
    or others.
    """
    size = max(1, int(words_of(calls.code, calls.runs).max(initial=0)))
    scratch = np.empty((3, size), np.int64)
    if type(kernels) is not Kernels or kernels.trace is not None:
        return execute_by(kernels, calls, memory, results, scratch)
    ends = np.zeros(len(calls) + 1, np.int64)
    for k, (places, _) in results.items():
        ends[k + 1] = len(places)
    order = sorted(results)
    none = np.zeros(0, np.int64)
    places = np.concatenate([none, *(results[k][0] for k in order)])
    words = np.concatenate([none.astype(np.float32), *(results[k][1] for k in order)])
    return int(execute(calls.code, calls.runs, memory, words, places, np.cumsum(ends), scratch))


def execute_by(
    kernels: Kernels, calls: CallList, memory: np.ndarray, results: Results, scratch: np.ndarray
) -> int:
    """Execute a list call by call, each by batches of kernels: the same words as `execute`."""
    raised = 0
    for k, call in enumerate(calls.code):
        if k in results:
            places, words = results[k]
            memory[places] = words
            continue
        n = addresses(call, calls.runs, scratch)
        d, x, y = scratch[:, :n]
        kind = int(call[c.KIND])
        if kind in (c.PRODUCT, c.DOWNDATE):
            total = memory[d]
            one = kernels.multiply_add if kind == c.PRODUCT else kernels.downdate
            for q in range(call[c.DEPTH]):
                a, b = memory[x + q * call[c.X_STEP]], memory[y + q * call[c.Y_STEP]]
                total = one(total, a, b)
            memory[d] = total
        elif kind in (c.PIVOT, c.DROP_PIVOT):
            low = _pivot_by(kernels, kind, memory, d, x, y)
            raised += low if kind == c.PIVOT else 0
        elif kind == c.REFLECT:
            memory[d], memory[y], memory[y + 1] = kernels.reflector(memory[d], memory[x])
        elif kind == c.CLEAR:
            memory[d] = _ZERO
        elif kind == c.COPY:
            memory[d] = memory[x]
        elif kind == c.AT_LEAST:
            memory[d] = np.where(memory[x] < memory[y], memory[y], memory[x])
        elif kind in (c.MULTIPLY_ADD, c.MULTIPLY_SUBTRACT):
            one = kernels.multiply_add if kind == c.MULTIPLY_ADD else kernels.downdate
            memory[d] = one(memory[d], memory[x], memory[y])
        else:
            two = {c.MULTIPLY: kernels.mul, c.ADD: kernels.add, c.SUBTRACT: kernels.sub}[kind]
            memory[d] = two(memory[x], memory[y])
    return raised


def _pivot_by(
    kernels: Kernels, kind: int, memory: np.ndarray, d: np.ndarray, x: np.ndarray, y: np.ndarray
) -> int:
    floor, value = memory[x], memory[d]
    above = floor < value
    taken = np.where(above, value, _ZERO if kind == c.DROP_PIVOT else floor)
    some = taken > 0
    root, inverse = kernels.pivot(np.where(some, taken, _ONE))
    memory[d], memory[y] = np.where(some, root, _ZERO), np.where(some, inverse, _ZERO)
    return int(np.count_nonzero((floor > 0) & ~above))
