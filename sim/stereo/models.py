# SPDX-License-Identifier: Apache-2.0
"""What the tests of stereo share: images, curves, models of reader, projection units, tracker."""

import random
from collections import deque
from dataclasses import dataclass

import numpy as np
from cocotb.triggers import ReadOnly, RisingEdge

from sim.points import unpack
from vio.fixed import formats as sig
from vio.fixed import klt
from vio.fixed.patch import sample_window, window_sums
from vio.fixed.qformat import divide, narrow, round_shift
from vio.fixed.rectify import reciprocal
from vio.fixed.stereo_curve import SLOPE_FRAC, row_at
from vio.fixed.stereo_registers import StereoRegisters

UV_BITS, SLOPE_BITS, KNOTS = 19, 13, 5
FRAC = 8


def packed(values, bits: int) -> int:
    """Return values packed into one word, the first in the low bits, two's complement."""
    return sum((int(x) & ((1 << bits) - 1)) << bits * i for i, x in enumerate(values))


def known(value) -> int:
    """Return a port's value, bits that were never written as 0: of fields that mean nothing."""
    return int("".join(bit if bit in "01" else "0" for bit in str(value)), 2)


def image_pair(
    generator: np.random.Generator, height: int, width: int, shift: float, contrast: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return two images (H, W) uint8: one texture, the right one moved left by `shift` px."""
    y, x = np.mgrid[0:height, 0 : width + 64].astype(float)
    texture = np.zeros_like(x)
    for _ in range(12):
        a, b = generator.normal(0, 0.5, 2)
        texture += np.sin(a * x + b * y + generator.uniform(0, 6))
    texture += generator.normal(0, 1.5, texture.shape)
    left = texture[:, :width]
    right = texture[:, int(shift) : int(shift) + width] + generator.normal(0, 0.2, (height, width))
    return tuple(
        np.clip(128 + contrast * a, 0, 255).astype(np.uint8)  # type: ignore[return-value]
        for a in (left, right)
    )


def curve(
    generator: random.Random, u: int, v: int, knots: int, span: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return breakpoints (n, 2) that fall in u from about (u, v) on, and `segment_slopes`."""
    at = np.zeros((KNOTS, 2), np.int64)
    slopes = np.zeros(KNOTS, np.int64)
    at[0] = u, v
    for g in range(1, knots):
        run = generator.randint(*span)
        at[g] = at[g - 1, 0] - run, at[g - 1, 1] + round(run * generator.uniform(-0.3, 0.3))
        rise = int(at[g - 1, 1] - at[g, 1])
        size = min(int(divide(abs(rise) << SLOPE_FRAC, run)), (1 << SLOPE_FRAC) - 1)
        slopes[g - 1] = size if rise >= 0 else -size
    return at, slopes


class Reader:
    """Answer requests for blocks of `buffers` {buffer: {level: image}} after a fixed latency.

    inside: requests for rows that the image does not have are wrong; else anything is answered.
    """

    def __init__(
        self, dut, buffers, seed: int, busy: float = 0.2, latency: int = 8, inside: bool = True
    ) -> None:
        self.dut, self.buffers, self.busy, self.latency = dut, buffers, busy, latency
        self.inside = inside
        self.generator = random.Random(seed)
        self.requests: list[tuple[int, int, int, int]] = []

    def answer(self, buffer: int, level: int, column: int, row: int) -> int:
        """Return eight blocks, row by row; beyond the image's end anything."""
        image = self.buffers[buffer][level]
        place = buffer, column, row
        assert not self.inside or 4 * row < image.shape[0], place
        assert not self.inside or 4 * column < image.shape[1], place
        lines = np.full((4, 32), self.generator.randrange(256), np.uint8)
        part = image[4 * row : 4 * row + 4, 4 * column : 4 * column + 32]
        lines[: part.shape[0], : part.shape[1]] = part
        return int.from_bytes(lines.tobytes(), "little")

    async def run_by_quarters(self) -> None:
        """Serve for ever as client 0: a request in four cycles, an answer by its quarters."""
        dut, mask = self.dut, (1 << 64) - 1
        under_way: deque[int | None] = deque([None] * self.latency)
        answer, part, rest = None, 0, 0
        while True:
            busy = rest > 0 or self.generator.random() < self.busy
            dut.r_ready.value = int(not busy)
            now = under_way.popleft()
            answer, part = (answer, part + 1) if now is None else (now, 0)
            dut.a_valid.value = int(answer is not None and part < 4)
            dut.a_part.value = part & 3
            if answer is not None and part < 4:
                lines = [answer >> (256 * n + 64 * part) & mask for n in range(4)]
                dut.a_pixels.value = sum(line << 64 * n for n, line in enumerate(lines))
            await ReadOnly()
            asked = self._asked()
            rest = 3 if asked is not None else max(rest - 1, 0)
            under_way.append(asked)
            await RisingEdge(dut.clk)

    def _asked(self) -> int | None:
        """Return the answer to the request that is taken in this cycle, if there is one."""
        dut = self.dut
        if not (dut.r_valid.value and dut.r_ready.value):
            return None
        request = (
            int(dut.r_buffer.value),
            int(dut.r_level.value),
            int(dut.r_column.value),
            int(dut.r_row.value),
        )
        self.requests.append(request)
        return self.answer(*request)

    async def run(self) -> None:
        """Serve for ever."""
        dut = self.dut
        under_way: deque[int | None] = deque([None] * self.latency)
        while True:
            dut.r_ready.value = int(self.generator.random() >= self.busy)
            answer = under_way.popleft()
            dut.a_valid.value = int(answer is not None)
            if answer is not None:
                dut.a_pixels.value = answer
            await ReadOnly()
            asked = self._asked()
            under_way.append(asked)
            await RisingEdge(dut.clk)


class Named:
    """Show ports under other names: of whole names, or of what stands before the first `_`."""

    def __init__(self, dut, **names: str) -> None:
        self._dut, self._names = dut, names

    def __getattr__(self, name: str):
        if name in self._names:
            return getattr(self._dut, self._names[name])
        first, _, rest = name.partition("_")
        return getattr(self._dut, f"{self._names[first]}_{rest}" if first in self._names else name)


@dataclass
class Tracker:
    """Refine as the tracker in stereo mode does: the golden functions from the template on."""

    left: np.ndarray
    right: np.ndarray
    s: StereoRegisters
    k: klt.KltRegisters
    signals: np.ndarray

    def refine(
        self, at: tuple[int, int], start: int, warp: np.ndarray, curve: tuple[np.ndarray, ...]
    ) -> tuple[int, int, int, int]:
        """Return status, u, v and the iterations; at: left pixel, curve: breakpoints, slopes, n."""
        k, s, signals = self.k, self.s, self.signals
        half = k.window // 2
        knots, slopes, n = curve
        patch = np.zeros((k.window + 2, klt.LANES + 2), np.int32)
        basis = np.zeros((3, k.window, klt.LANES), np.int32)
        view = np.zeros((k.window, klt.LANES), np.int32)
        t, sums = np.zeros(17, np.int64), np.zeros(5, np.int64)
        if not klt.cut_template(self.left, *at, warp, True, k, patch, basis, signals):
            return klt.BORDER, 0, 0, 0
        if not klt.form_normal(patch, basis, k, signals, t) or not klt.invert_normal(t, signals):
            return klt.BORDER, 0, 0, 0
        u, done = start, 0
        for _ in range(s.iterations):
            v, slope = row_at(knots, slopes, n, u)
            if not sample_window(self.right, u, v, half, k.coord_frac, k.pixel_frac, view):
                return klt.BORDER, 0, 0, done
            done += 1
            window_sums(view, basis, k.weights, k.weight_bits, k.pixel_frac, signals, sums)
            dx, dy = klt.mismatch(t, sums, signals)
            a, b, c = t[klt.NORMAL_XX], t[klt.NORMAL_XY], t[klt.NORMAL_YY]
            across = round_shift(slope * c, SLOPE_FRAC)
            power = a + round_shift(slope * (2 * b + across), SLOPE_FRAC)
            if power <= 0:
                return klt.DIVERGED, 0, 0, done
            m, bits = reciprocal(signals, power)
            error = dx + round_shift(slope * dy, SLOPE_FRAC)
            move = round_shift(error * m, 17 + bits + 4 - 1 - k.coord_frac)
            move = narrow(signals, sig.STEP, move)
            u -= move
            if abs(u - start) > s.max_refine:
                return klt.DIVERGED, 0, 0, done
            if abs(move) <= k.step:
                break
        if not klt.correlates(t, sums, k, s.correlation_min, signals):
            return klt.RESIDUAL, 0, 0, done
        return klt.TRACKED, int(u), int(row_at(knots, slopes, n, u)[0]), done

    async def serve(self, dut, seed: int, busy: float) -> None:
        """Answer for ever, after some cycles."""
        generator = random.Random(seed)
        dut.k_done.value = 0
        while True:
            dut.k_ready.value = int(generator.random() >= busy)
            await ReadOnly()
            taken = bool(dut.k_valid.value) and bool(dut.k_ready.value)
            if taken:
                at = dut.k_u_key.value.to_signed(), dut.k_v_key.value.to_signed()
                warp = np.array(unpack(int(dut.k_warp.value), 16, 4), np.int64).reshape(2, 2)
                n = int(dut.k_pieces.value)
                knots = [
                    unpack(known(p.value), UV_BITS, KNOTS) for p in (dut.k_knots_u, dut.k_knots_v)
                ]
                slopes = unpack(known(dut.k_slopes.value), SLOPE_BITS, KNOTS - 1)
                curve = np.array(knots, np.int64).T.copy(), np.array(slopes, np.int64), n
                answer = self.refine(at, dut.k_u.value.to_signed(), warp, curve)
            await RisingEdge(dut.clk)
            if not taken:
                continue
            dut.k_ready.value = 0
            for _ in range(generator.randrange(5, 60)):
                await RisingEdge(dut.clk)
            dut.k_done.value = 1
            dut.k_status.value, dut.k_found_u.value, dut.k_found_v.value = answer[:3]
            dut.k_iterations.value = answer[3]
            while True:
                await ReadOnly()
                ended = bool(dut.k_done_ready.value)
                await RisingEdge(dut.clk)
                if ended:
                    break
            dut.k_done.value = 0
