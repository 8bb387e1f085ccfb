# SPDX-License-Identifier: Apache-2.0
"""klt_solve.v equals the scalar arithmetic of vio/fixed/klt.py and of stereo's refinement."""

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from sim.needs import needs_simulator
from sim.runner import simulate, simulators
from sim.streams import reset
from vio.config import load_config
from vio.fixed import klt
from vio.fixed.formats import STEP, formats
from vio.fixed.patch import form_basis, sample_window, window_sums
from vio.fixed.qformat import narrow, round_shift, signal_table
from vio.fixed.rectify import reciprocal

pytestmark = needs_simulator
NORMAL, STEP_OP, STEREO, ACCEPT = range(4)
LATENCY = {NORMAL: 42, STEP_OP: 22, STEREO: 28, ACCEPT: 24}
SCALARS = {
    klt.MEAN_X: "mean_x_q",
    klt.MEAN_Y: "mean_y_q",
    klt.MEAN_G: "mean_g_q",
    klt.SHARE_X: "share_x_q",
    klt.SHARE_Y: "share_y_q",
    klt.NORMAL_XX: "normal_xx_q",
    klt.NORMAL_XY: "normal_xy_q",
    klt.NORMAL_YY: "normal_yy_q",
    klt.EXPONENT: "exponent_q",
    klt.POWER_G: "gg_q",
}


class Golden:
    """The golden model's template and decisions of one configuration."""

    def __init__(self) -> None:
        config = load_config(str(cocotb.plusargs.get("preset", "ecp5_85k")))
        self.k = klt.klt_registers(config.frontend, config.hw)
        self.signals = signal_table(formats(config.hw), trace=False)
        self.side = self.k.window
        self.small, self.flat_min = self.k.step, self.k.flat_min

    def patch(self, image: np.ndarray, u: int, v: int) -> np.ndarray:
        """Cut a template's patch at (u, v)."""
        patch = np.zeros((self.side + 2, klt.LANES + 2), np.int32)
        reach = self.side // 2 + 1
        assert sample_window(image, u, v, reach, 8, self.k.pixel_frac, patch)
        return patch

    def template(
        self, patch: np.ndarray
    ) -> tuple[bool, np.ndarray, np.ndarray, tuple[dict[str, int], dict[str, int]]]:
        """Return whether a template is good, its scalars and basis, and the chip's sums."""
        basis = np.zeros((3, self.side, klt.LANES), np.int32)
        t = np.zeros(17, np.int64)
        k, signals = self.k, self.signals
        form_basis(patch, k.weights, k.weight_bits, k.pixel_frac, basis, signals)
        good = klt.form_normal(patch, basis, k, signals, t) and klt.invert_normal(t, signals)
        n = self.side
        gx = (patch[1:-1, 2:] - patch[1:-1, :-2])[:, :n]
        gy = (patch[2:, 1:-1] - patch[:-2, 1:-1])[:, :n]
        g = (patch[1:-1, 1:-1] - (128 << self.k.pixel_frac))[:, :n]
        bx, by, bg = (b[:, :n] for b in basis)
        first = {"sx": bx, "sy": by, "sg": bg}
        second = {
            "xx": bx * gx,
            "xy": bx * gy,
            "yy": by * gy,
            "xg": bx * g,
            "yg": by * g,
            "gg": bg * g,
        }
        totals = ({k: int(b.sum()) for k, b in part.items()} for part in (first, second))
        return bool(good), t, basis, tuple(totals)

    def sums(self, image: np.ndarray, u: int, v: int, basis: np.ndarray) -> np.ndarray:
        """Return the sums of the window at (u, v)."""
        view = np.zeros((self.side, klt.LANES), np.int32)
        assert sample_window(image, u, v, self.side // 2, 8, self.k.pixel_frac, view)
        sums = np.zeros(5, np.int64)
        fracs = self.k.weight_bits, self.k.pixel_frac
        window_sums(view, basis, self.k.weights, *fracs, self.signals, sums)
        return sums

    def step(self, t: np.ndarray, sums: np.ndarray) -> tuple[int, int]:
        """Return the step that the sums ask for."""
        dx, dy = klt.mismatch(t, sums, self.signals)
        return klt.solve_step(t, dx, dy, self.k.coord_frac, self.signals)

    def move(self, t: np.ndarray, sums: np.ndarray, slope: int) -> int | None:
        """Return the move along the curve, as `refine` computes it; None: no power."""
        dx, dy = klt.mismatch(t, sums, self.signals)
        a, b, c = (int(t[i]) for i in (klt.NORMAL_XX, klt.NORMAL_XY, klt.NORMAL_YY))
        power = a + round_shift(slope * (2 * b + round_shift(slope * c, 12)), 12)
        if power <= 0:
            return None
        error = dx + round_shift(slope * dy, 12)
        m, bits = reciprocal(self.signals, power)
        shift = 17 + bits + 4 - 1 - self.k.coord_frac
        return int(narrow(self.signals, STEP, round_shift(error * m, shift)))


def _image(generator: np.random.Generator, kind: int) -> np.ndarray:
    """Return an image (40, 40): noise, smooth, full contrast, edges, ramps, flat or nearly so."""
    noise = generator.integers(0, 256, (40, 40))
    y, x = np.mgrid[0:40, 0:40]
    if kind == 0:
        return noise.astype(np.uint8)
    if kind == 1:
        wide = np.pad(noise, 4, mode="wrap").astype(float)
        smooth = sum(wide[i : i + 40, j : j + 40] for i in range(9) for j in range(9)) / 81
        return np.clip((smooth - 128) * 5 + 128, 0, 255).astype(np.uint8)
    if kind == 2:
        return (255 * generator.integers(0, 2, (40, 40))).astype(np.uint8)
    if kind == 3:  # an edge, a corner of little contrast
        angle = generator.uniform(0, np.pi)
        along = (x - 20) * np.cos(angle) + (y - 20) * np.sin(angle)
        return np.where(along > 0, generator.integers(0, 256), 90).astype(np.uint8)
    if kind == 4:
        slope_x, slope_y = generator.integers(-6, 7, 2)
        return np.clip(128 + slope_x * (x - 20) + slope_y * (y - 20), 0, 255).astype(np.uint8)
    if kind == 5:
        return np.full((40, 40), generator.integers(0, 256), np.uint8)
    if kind == 6:  # slopes as steep as there are, in columns and rows
        return (255 * ((x // 2 + y // (2 + 40 * (noise[0, 0] % 2))) % 2)).astype(np.uint8)
    return (128 + noise % 4).astype(np.uint8)


def _sums_near(generator: np.random.Generator, t: np.ndarray) -> np.ndarray:
    """Return arbitrary sums: from the template's own to anything that the words hold."""
    reach = 1 << int(generator.integers(0, 28))
    sums = np.array([t[i] for i in (klt.SELF_X, klt.SELF_Y, klt.SELF_G, klt.G_UNIT, klt.POWER_G)])
    sums += generator.integers(-reach, reach + 1, 5)
    for i, low, high in ((0, -1, 1), (1, -1, 1), (2, -1, 1)):
        if generator.random() < 0.05:
            sums[i] = generator.choice([low * (1 << 27), high * ((1 << 27) - 1)])
    sums = np.clip(sums, -(1 << 27), (1 << 27) - 1)
    sums[3] = np.clip(sums[3], -(1 << 16), (1 << 16) - 1)
    return sums


def _answer(dut) -> dict[str, int | None]:
    """Return the answer of this cycle, and the scalars of a template (read-only phase)."""
    answer: dict[str, int | None] = {}
    for name in ("op", "context", "ok", "small", "flat", "u", "v"):
        answer[name] = _number(getattr(dut, f"m_{name}").value, name in ("u", "v"))
    for index, name in SCALARS.items():
        answer[name] = _number(getattr(dut, name).value, index != klt.EXPONENT)
    return answer


def _number(value, signed: bool) -> int | None:
    """Return a value, None where it is unknown."""
    if not value.is_resolvable:
        return None
    return value.to_signed() if signed else int(value)


async def _offer(dut, op: int, context: int, **ports: int) -> None:
    """Offer one request until it is taken."""
    for name, value in ports.items():
        getattr(dut, f"s_{name}").value = value
    dut.s_op.value, dut.s_context.value, dut.s_valid.value = op, context, 1
    while True:
        await ReadOnly()
        ready = bool(dut.s_ready.value)
        await RisingEdge(dut.clk)
        if ready:
            break
    dut.s_valid.value = 0
    for name in ports:  # inputs are there for one cycle only
        getattr(dut, f"s_{name}").value = 0


async def _ask(dut, op: int, context: int = 0, **ports: int) -> tuple[int, dict[str, int | None]]:
    """Make one request, wait for its answer and return its latency and the answer."""
    await _offer(dut, op, context, **ports)
    for cycles in range(1, 80):
        await ReadOnly()
        if dut.m_valid.value:
            answer = _answer(dut)
            await RisingEdge(dut.clk)
            assert (answer["op"], answer["context"]) == (op, context)
            # A template's second reciprocal is still formed.
            for _ in range(14 if op == NORMAL else 0):
                await RisingEdge(dut.clk)
            return cycles, answer
        await RisingEdge(dut.clk)
    raise AssertionError("no answer")


def _sum_ports(sums: np.ndarray) -> dict[str, int]:
    return {n: int(x) for n, x in zip(("x", "y", "g", "1", "square"), sums, strict=True)}


async def _start(dut, golden: Golden) -> None:
    dut.s_valid.value = 0
    dut.cfg_step.value, dut.cfg_flat_min.value = golden.k.step, golden.k.flat_min
    await reset(dut)
    await RisingEdge(dut.clk)


async def _template(dut, golden: Golden, patch: np.ndarray, context: int = 0) -> tuple:
    """Send a template; check its decision, scalars and latency; return decision, scalars, basis."""
    good, t, basis, (first, second) = golden.template(patch)
    cycles, answer = await _ask(dut, NORMAL, context, **first, **second)
    assert cycles == LATENCY[NORMAL]
    assert bool(answer["ok"]) == good, (t, first, second)
    if good:
        assert {name: answer[name] for name in SCALARS.values()} == {
            name: int(t[i]) for i, name in SCALARS.items()
        }
    return good, t, basis


async def _step(dut, golden: Golden, t: np.ndarray, sums: np.ndarray, context: int = 0) -> tuple:
    su, sv = golden.step(t, sums)
    cycles, answer = await _ask(dut, STEP_OP, context, **_sum_ports(sums))
    assert cycles == LATENCY[STEP_OP]
    assert (answer["ok"], answer["u"], answer["v"]) == (1, su, sv)
    assert bool(answer["small"]) == (max(abs(su), abs(sv)) <= golden.small)
    return su, sv


async def _stereo(
    dut, golden: Golden, t: np.ndarray, sums: np.ndarray, slope: int, context: int = 0
) -> int | None:
    move = golden.move(t, sums, slope)
    cycles, answer = await _ask(dut, STEREO, context, **_sum_ports(sums), slope=slope)
    assert cycles == LATENCY[STEREO]
    assert bool(answer["ok"]) == (move is not None)
    if move is not None:
        assert (answer["u"], answer["v"]) == (move, 0)
        assert bool(answer["small"]) == (abs(move) <= golden.small)
    return move


async def _finish(
    dut, golden: Golden, t: np.ndarray, sums: np.ndarray, minimum: int, context: int = 0
) -> tuple[bool, bool]:
    correlates = bool(klt.correlates(t, sums, golden.k, minimum, golden.signals))
    flat = bool(klt.is_flat(t, golden.flat_min))
    cycles, answer = await _ask(dut, ACCEPT, context, minimum=minimum, **_sum_ports(sums))
    assert cycles == LATENCY[ACCEPT]
    assert (bool(answer["ok"]), bool(answer["flat"])) == (correlates, flat)
    return correlates, flat


@cocotb.test()
async def templates_are_those_of_the_model(dut) -> None:
    """Windows of every kind; good, flat and singular ones occur; a changed pixel shows."""
    golden, generator = Golden(), np.random.default_rng(11)
    await _start(dut, golden)
    verdicts = []
    for n in range(240):
        u, v = (int(w) for w in generator.integers(10 << 8, 29 << 8, 2))
        verdicts.append(
            (await _template(dut, golden, golden.patch(_image(generator, n % 8), u, v)))[0]
        )
    assert {True, False} <= set(verdicts)
    patch = golden.patch(_image(generator, 0), 5000, 5000)
    broken = patch.copy()
    broken[5, 5] ^= 4
    _, before, _, _ = golden.template(patch)
    _, after, _, _ = golden.template(broken)
    assert any(before[i] != after[i] for i in SCALARS)
    # The comparison can fail: the chip gets one window, the model another.
    golden.template = (
        lambda _: (  # type: ignore[method-assign]
            *Golden.template(golden, broken)[:3],
            Golden.template(golden, patch)[3],
        )
    )
    with pytest.raises(AssertionError):
        await _template(dut, golden, patch)


@cocotb.test()
async def steps_and_verdicts_are_those_of_the_model(dut) -> None:
    """Arbitrary sums on good templates: greatest and least steps, moves and decisions occur."""
    golden, generator = Golden(), np.random.default_rng(12)
    await _start(dut, golden)
    steps, moves, verdicts, templates = [], [], [], 0
    for n in range(120):
        u, v = (int(w) for w in generator.integers(10 << 8, 29 << 8, 2))
        good, t, _ = await _template(dut, golden, golden.patch(_image(generator, n % 8), u, v))
        if not good:
            continue
        templates += 1
        for _ in range(6):
            sums = _sums_near(generator, t)
            if generator.random() < 0.5:
                steps.append(await _step(dut, golden, t, sums))
            else:
                slope = int(generator.choice([-4096, 4095, 0, *generator.integers(-4096, 4096, 3)]))
                moves.append(await _stereo(dut, golden, t, sums, slope))
            golden.flat_min = int(generator.integers(0, 1 << int(generator.integers(1, 21))))
            golden.small = int(generator.choice([0, 3, 200, 8191]))
            dut.cfg_flat_min.value, dut.cfg_step.value = golden.flat_min, golden.small
            minimum = int(generator.choice([0, 1, 30000, 65536, 131071]))
            verdicts.append(await _finish(dut, golden, t, sums, minimum))
    assert templates > 50
    assert {-8192, 8191} <= {s for pair in steps for s in pair}
    assert len({s for pair in steps for s in pair}) > 100
    assert len(set(verdicts)) == 4
    assert {-8192, 8191} <= set(moves)
    sums = np.array([t[i] for i in (klt.SELF_X, klt.SELF_Y, klt.SELF_G, klt.G_UNIT, klt.POWER_G)])
    sums[:2] += 5000
    right, wrong = golden.step(t, sums), golden.step(t, sums + 4096)
    assert right != wrong
    golden.step = lambda *_: wrong  # type: ignore[method-assign]  # the comparison can fail
    with pytest.raises(AssertionError):
        await _step(dut, golden, t, sums)


@cocotb.test()
async def windows_are_followed_as_by_the_model(dut) -> None:
    """Whole tracks on moved images, the contexts in turn."""
    golden, generator = Golden(), np.random.default_rng(13)
    contexts = int(cocotb.plusargs.get("contexts", 1))
    await _start(dut, golden)
    followed = 0
    for n in range(24):
        tracks = []
        for context in range(contexts):
            key = _image(generator, (1, 0, 3, 1)[n % 4])
            current = np.roll(key, tuple(generator.integers(-1, 2, 2)), (0, 1))
            u, v = (int(w) for w in generator.integers(16 << 8, 23 << 8, 2))
            good, t, basis = await _template(dut, golden, golden.patch(key, u, v), context)
            if good:
                tracks.append([context, t, basis, current, u, v, None])
        slope = int(generator.integers(-4096, 4096))
        for iteration in range(5):
            for track in tracks:
                context, t, basis, current, u, v, _ = track
                low, high = 8 << 8, (31 << 8) - 1
                sums = golden.sums(
                    current, int(np.clip(u, low, high)), int(np.clip(v, low, high)), basis
                )
                if n % 3 == 2 and iteration % 2:
                    move = await _stereo(dut, golden, t, sums, slope, context)
                    su, sv = move or 0, 0
                else:
                    su, sv = await _step(dut, golden, t, sums, context)
                track[4:] = [u - su, v - sv, sums]
        for context, t, _, _, _, _, sums in tracks:
            correlates, _ = await _finish(dut, golden, t, sums, golden.k.correlation_min, context)
            followed += correlates
    assert followed > 3


def _program(golden: Golden, generator: np.random.Generator, n: int) -> list[tuple]:
    """Return the requests of a track, each with its ports and the answer that is due."""
    u, v = (int(w) for w in generator.integers(10 << 8, 29 << 8, 2))
    good, t, _, (first, second) = golden.template(golden.patch(_image(generator, n % 8), u, v))
    requests: list[tuple] = [(NORMAL, first | second, {"ok": int(good)})]
    for _ in range(int(generator.integers(1, 4)) if good else 0):
        sums = _sums_near(generator, t)
        slope = int(generator.integers(-4096, 4096))
        move = golden.move(t, sums, slope)
        if generator.random() < 0.4 and move is not None:
            answer = {"ok": 1, "u": move, "v": 0}
            requests.append((STEREO, _sum_ports(sums) | {"slope": slope}, answer))
        else:
            su, sv = golden.step(t, sums)
            requests.append((STEP_OP, _sum_ports(sums), {"ok": 1, "u": su, "v": sv}))
        if generator.random() < 0.5:
            minimum = int(generator.integers(0, 65536))
            correlates = bool(klt.correlates(t, sums, golden.k, minimum, golden.signals))
            answer = {"ok": int(correlates), "flat": int(klt.is_flat(t, golden.flat_min))}
            requests.append((ACCEPT, _sum_ports(sums) | {"minimum": minimum}, answer))
    return requests


@cocotb.test()
async def two_requests_in_work_do_not_mix(dut) -> None:
    """Each context's next request is offered as soon as it may be; both turns are taken."""
    golden, generator = Golden(), np.random.default_rng(15)
    contexts = int(cocotb.plusargs.get("contexts", 1))
    await _start(dut, golden)
    left: list[list[tuple]] = [[] for _ in range(contexts)]
    for n in range(20 * contexts):
        left[n % contexts] += _program(golden, generator, n)
    waits, asked, answered, both = [0] * contexts, {}, 0, 0
    offered: int | None = None
    for cycle in range(20000):
        ready = [c for c in range(contexts) if left[c] and c not in asked and waits[c] <= cycle]
        if offered is None and ready:
            offered = ready[int(generator.integers(len(ready)))]
            op, ports, _ = left[offered][0]
            for name, value in ports.items():
                getattr(dut, f"s_{name}").value = value
            dut.s_op.value, dut.s_context.value = op, offered
        dut.s_valid.value = int(offered is not None)
        await ReadOnly()
        if dut.m_valid.value:
            answer = _answer(dut)
            context = answer["context"]
            op, expected = asked.pop(context)
            assert {"op": op} | expected == {name: answer[name] for name in ("op", *expected)}
            answered += 1
            waits[context] = cycle + (26 if op == NORMAL else 1)
        if offered is not None and dut.s_ready.value:
            op, _, expected = left[offered].pop(0)
            asked[offered] = op, expected
            both += len(asked) == 2
            offered = None
        await RisingEdge(dut.clk)
        if not asked and not any(left):
            break
    assert not asked
    assert not any(left)
    assert both > answered // 4 or contexts == 1


@cocotb.test()
async def a_reset_ends_the_work(dut) -> None:
    """Reset in every step of a template; the next request is worked off as ever."""
    golden, generator = Golden(), np.random.default_rng(14)
    await _start(dut, golden)
    patch = golden.patch(_image(generator, 1), 5000, 5100)
    _, _, _, (first, second) = golden.template(patch)
    for wait in range(1, 34, 4):
        for name, value in {**first, **second}.items():
            getattr(dut, f"s_{name}").value = value
        dut.s_op.value, dut.s_context.value, dut.s_valid.value = NORMAL, 0, 1
        await RisingEdge(dut.clk)
        dut.s_valid.value = 0
        for _ in range(wait):
            await RisingEdge(dut.clk)
        dut.rst.value = 1
        await RisingEdge(dut.clk)
        dut.rst.value = 0
        await RisingEdge(dut.clk)
        await ReadOnly()
        assert dut.s_ready.value
        assert not dut.m_valid.value
        await RisingEdge(dut.clk)
        good, t, basis = await _template(dut, golden, patch)
        assert good
        await _step(dut, golden, t, golden.sums(_image(generator, 1), 5000, 5000, basis))


@pytest.mark.parametrize("simulator", simulators())
@pytest.mark.parametrize(("preset", "contexts"), [("ecp5_85k", 4), ("tiny", 1)])
def test_klt_solve(preset: str, contexts: int, simulator: str) -> None:
    """Windows of 15 and 9 pixels; with four contexts and one."""
    simulate(
        "klt_solve",
        __name__,
        parameters={"CONTEXTS": contexts},
        plusargs={"preset": preset, "contexts": contexts},
        simulator=simulator,
        preset=preset,
    )
