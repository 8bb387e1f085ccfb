# SPDX-License-Identifier: Apache-2.0
"""keyframe.v decides as vio/fixed/keyframe.py and starts the steps in the model's order."""

import random

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from sim.needs import needs_simulator
from sim.runner import simulate, simulators
from sim.streams import reset
from vio.fixed.keyframe import counted_age, is_keyframe

WIDTH, HEIGHT = 752, 480
FOLLOW, MONO, ADD, MATCH, STEREO, KEY, OUT = range(7)
COMPOSE, COPY, IDENTITY, TURN = 4, 5, 6, 2
ROTATION, PENDING, CAM_KEY, LAST_KEY, RECT_LEFT, STEREO_ROTATION = 0, 1, 3, 4, 5, 7
X_KEY, Y_KEY, X, Y = 172, 190, 100, 118  # as in rtl/track_row.vh
HALF_WINDOW = 7
MIN_ALIVE = 141  # share of the keyframe's tracks, 8 fraction bits


def _rotation(generator: random.Random) -> np.ndarray:
    """Return an orthogonal matrix."""
    noise = np.array([[generator.gauss(0, 1) for _ in range(3)] for _ in range(3)])
    return np.linalg.qr(noise)[0]


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


class Bench:
    """Hold the keyframe controller's partners: tracks, predictions, projection unit, steps."""

    def __init__(self, dut, seed: int, max_age: int, moved2: int, aged2: int | None = None) -> None:
        """Take limits; aged2: of an old keyframe with one camera, None for two."""
        self.dut, self.generator = dut, random.Random(seed)
        self.max_age, self.moved2, self.aged2 = max_age, moved2, aged2
        self.matrices = [_rotation(self.generator) for _ in range(8)]
        # Per track: ray now and at the keyframe, the predicted pixel, the turned ray and `ahead`.
        self.tracks: list[dict[str, int]] = []
        self.answers: list[tuple[int, str, int]] = []  # cycles left, which partner, of what
        self.busy: tuple[int, int] | None = None  # cycles left, step
        self.started: list[int] = []
        self.commits = self.keys = 0
        self.kept = 0
        self.stereo_matrix: np.ndarray | None = None

    async def start(self) -> None:
        """Reset; no partner has anything to say."""
        d = self.dut
        d.cfg_width.value, d.cfg_height.value = WIDTH, HEIGHT
        d.cfg_max_age.value, d.cfg_min_alive.value = self.max_age, MIN_ALIVE
        d.cfg_moved2.value = self.moved2
        d.cfg_mono.value = int(self.aged2 is not None)
        d.cfg_aged2.value = self.generator.getrandbits(32) if self.aged2 is None else self.aged2
        for name in ("forget", "s_held", "s_rotation", "s_stored", "s_dropped", "s_right"):
            getattr(d, name).value = 0
        for name in ("a_valid", "q_done", "p_done", "done", "kept", "q_ready", "p_ready"):
            getattr(d, name).value = 0
        await reset(d)

    def turn_tracks(self, near: bool) -> None:
        """Draw what the partners say about each track in this frame."""
        g = self.generator
        for track in self.tracks:
            spread = 900 if near else 250000
            track.update(
                x=g.randrange(-(1 << 17), 1 << 17) if not near else g.randrange(-9000, 9000),
                y=g.randrange(-9000, 9000),
                x_key=g.getrandbits(18),
                y_key=g.getrandbits(18),
                ahead=int(g.random() < 0.95),
            )
            edge_u = g.choice((HALF_WINDOW * 256, (WIDTH - HALF_WINDOW) * 256))
            edge_v = g.choice((HALF_WINDOW * 256, (HEIGHT - HALF_WINDOW) * 256))
            track["u"] = g.choice((g.randrange(WIDTH * 256), edge_u + g.randrange(-1, 2)))
            track["v"] = g.choice((g.randrange(HEIGHT * 256), edge_v + g.randrange(-1, 2)))
            if g.random() < 0.1:
                track["u"] = track["v"] = -(1 << 18)  # there is no pixel
            for axis in "xy":
                turned = track[axis] + g.randrange(-spread, spread + 1)
                track["t" + axis] = max(-(1 << 18), min((1 << 18) - 1, turned))

    def row(self, track: dict[str, int]) -> int:
        """Return a row of the track table; what the controller must not look at is noise."""
        word = self.generator.getrandbits(408)
        fields = ((X, "x"), (Y, "y"), (X_KEY, "x_key"), (Y_KEY, "y_key"))
        for at, name in fields:
            word &= ~(((1 << 18) - 1) << at)
            word |= (track[name] & ((1 << 18) - 1)) << at
        return word

    async def tick(self) -> None:
        """Pass a cycle: answer what is due, note what is asked and started."""
        d, g = self.dut, self.generator
        d.a_valid.value = d.q_done.value = d.p_done.value = d.done.value = 0
        d.q_ready.value, d.p_ready.value = int(g.random() < 0.7), int(g.random() < 0.7)
        for n, (left, partner, index) in enumerate(self.answers):
            self.answers[n] = (left - 1, partner, index)
        for partner, index in [(p, i) for left, p, i in self.answers if left <= 0]:
            track = self.tracks[index] if index >= 0 else {}
            if partner == "row":
                d.a_valid.value, d.a_row.value = 1, self.row(track)
            elif partner == "pixel":
                d.q_done.value = 1
                d.q_u.value, d.q_v.value = track["u"] % (1 << 19), track["v"] % (1 << 19)
            else:
                d.p_done.value = 1
                d.p_ok.value = track.get("ahead", g.getrandbits(1))
                d.p_ray_x.value = track.get("tx", g.getrandbits(18)) % (1 << 19)
                d.p_ray_y.value = track.get("ty", g.getrandbits(18)) % (1 << 19)
        self.answers = [a for a in self.answers if a[0] > 0]
        if self.busy is not None:
            self.busy = (self.busy[0] - 1, self.busy[1])
            if not self.busy[0]:
                self.end_step(self.busy[1])
        await ReadOnly()
        if d.r_valid.value:
            self.index = int(d.r_index.value)
            self.ask("row", self.index, 4)
        if d.q_valid.value and d.q_ready.value:
            track = self.tracks[self.index]
            asked = (_signed(int(d.q_x.value), 18), _signed(int(d.q_y.value), 18))
            assert asked == (track["x"], track["y"])
            self.ask("pixel", self.index, 6)
        if d.p_valid.value and d.p_ready.value:
            self.operate()
        for step in range(7):
            if int(d.start.value) >> step & 1:
                self.begin_step(step)
        if d.commit.value:
            self.commits += 1
            self.committed = (int(d.commit_left.value), int(d.due.value), int(d.undue.value))
        self.keys += int(d.make_key.value)
        self.forgotten = bool(d.forgotten.value)
        await RisingEdge(d.clk)

    def operate(self) -> None:
        """Do what the projection unit is asked for."""
        d, m = self.dut, self.matrices
        op, x, y = int(d.p_op.value), int(d.p_x.value), int(d.p_y.value)
        matrix, index = int(d.p_matrix.value), -1
        if op == COMPOSE:
            other = m[y].T if d.p_transposed.value else m[y]
            m[x] = m[matrix] @ other
        elif op == COPY:
            m[x] = m[matrix].copy()
        elif op == IDENTITY:
            m[x] = np.eye(3)
        else:
            assert (op, matrix) == (TURN, LAST_KEY)
            index = self.index
            track = self.tracks[index]
            asked = (x % (1 << 18), y % (1 << 18))
            assert asked == (track["x_key"], track["y_key"])
            assert (_signed(x, 19), _signed(y, 19)) == tuple(_signed(a, 18) for a in asked)
        self.ask("point", index, 6)

    def ask(self, partner: str, index: int, limit: int) -> None:
        """Note what a partner was asked; it answers within a limit and is not asked meanwhile."""
        assert partner not in [p for _, p, _ in self.answers]
        self.answers.append((self.generator.randrange(1, limit), partner, index))

    def begin_step(self, step: int) -> None:
        """Note a step that was started; no other may be under way."""
        assert self.busy is None
        assert not self.answers
        self.started.append(step)
        # The right image is held until stereo is over. Where there is none, the next one is let in.
        needed = step <= STEREO and self.committed[1] and bool(self.dut.right.value)
        assert bool(self.dut.stereo_pending.value) == needed
        self.busy = (self.generator.randrange(1, 30), step)
        if step == STEREO:
            self.stereo_matrix = self.matrices[STEREO_ROTATION].copy()

    def end_step(self, step: int) -> None:
        """Say that a step is done, and how many tracks are left."""
        g = self.generator
        if step in (FOLLOW, MONO):
            lost = g.sample(range(len(self.tracks)), g.randrange(len(self.tracks) // 3 + 1))
            self.tracks = [t for n, t in enumerate(self.tracks) if n not in lost]
            if g.random() < 0.05:
                self.tracks = []
        elif step == ADD:
            self.tracks += [{} for _ in range(g.randrange(0, 9))]
        self.dut.done.value = 1 << step
        self.dut.kept.value = len(self.tracks)
        self.busy = None

    def moved(self, limit2: int) -> int:
        """Return how many rays moved beyond a limit, the turn taken off."""
        far = [
            (t["tx"] - t["x"]) ** 2 + (t["ty"] - t["y"]) ** 2 > limit2 or not t["ahead"]
            for t in self.tracks
        ]
        return sum(far)

    def alive(self) -> int:
        """Return how many predicted pixels lie inside, less half a window."""
        low = HALF_WINDOW * 256
        return sum(
            low <= t["u"] < WIDTH * 256 - low and low <= t["v"] < HEIGHT * 256 - low
            for t in self.tracks
        )


async def _wait(bench: Bench, what: str, limit: int = 6000) -> None:
    """Pass cycles until a port is high at an edge."""
    for _ in range(limit):
        await bench.tick()
        if what == "idle" and not bench.dut.busy.value and not bench.answers and not bench.busy:
            return
        if what == "committed" and bench.commits:
            return
    raise AssertionError(f"not {what} within {limit} cycles")


async def _frames(dut, bench: Bench, count: int, seen: set[str]) -> int:
    """Run frames; return how many decisions a parallax limit twice as far would change."""
    g = bench.generator
    age = tracks_at_key = 0
    otherwise = 0
    fresh = True  # nothing is known: after a reset and when tracks were forgotten
    for _ in range(count):
        if g.random() < 0.04:
            dut.forget.value = 1
            while True:
                await bench.tick()
                if bench.forgotten:
                    break
            dut.forget.value = 0
            bench.tracks = []
            age, tracks_at_key, fresh = 0, 0, True
            seen.add("forgotten")
        if fresh:
            await _wait(bench, "idle")
            for _ in range(20):
                await bench.tick()
            bench.matrices[PENDING] = bench.matrices[LAST_KEY] = np.eye(3)
            fresh = False
        bench.turn_tracks(g.random() < 0.6)
        before = [m.copy() for m in bench.matrices]
        bench.matrices[ROTATION] = before[ROTATION] = _rotation(g)
        dropped, right = g.random() < 0.15, g.random() < 0.8 and bench.aged2 is None
        cam_last = before[ROTATION] @ before[PENDING]
        cam_key = cam_last @ before[LAST_KEY]
        age += 1
        alive, moved, tracks = bench.alive(), bench.moved(bench.moved2), len(bench.tracks)
        mono = bench.aged2 is not None
        counted = counted_age(age, mono, bench.moved(bench.aged2 or 0), tracks)
        rules = (counted, bench.max_age, alive, MIN_ALIVE, tracks_at_key)
        due = tracks_at_key == 0 or is_keyframe(*rules, moved, tracks)
        otherwise += due != (tracks_at_key == 0 or is_keyframe(*rules, tracks - moved, tracks))
        if tracks_at_key and due:
            seen |= {"aged"} if counted >= bench.max_age else set()
            seen |= {"moved"} if 2 * moved > tracks else set()
            seen |= {"few"} if alive << 8 < MIN_ALIVE * tracks_at_key else set()
        seen |= {"young"} if counted != age and age >= bench.max_age and not due else set()
        bench.commits, bench.keys, bench.started, bench.stereo_matrix = 0, 0, [], None
        dut.s_held.value = 1
        for _ in range(g.randrange(3)):
            await bench.tick()
        dut.s_rotation.value = 1
        dut.s_dropped.value, dut.s_right.value = int(dropped), int(right)
        # The last pixel may come before the decision or long after it.
        for _ in range(g.choice((0, 0, 200 * len(bench.tracks)))):
            await bench.tick()
        assert not bench.commits
        dut.s_stored.value = 1
        await _wait(bench, "committed")
        # The decision on a frame whose left image was lost is given up: it is no keyframe.
        given_up = dropped and bench.committed == (0, 0, 1)
        assert given_up or bench.committed == (int(not dropped), int(due), int(not due))
        dut.s_held.value = dut.s_stored.value = dut.s_rotation.value = 0
        await _wait(bench, "idle")
        assert bench.commits == 1
        _check_frame(bench, dropped, right, due, tracks)
        expected = before[PENDING], before[LAST_KEY]
        expected = (
            (cam_last, before[LAST_KEY]) if dropped else (np.eye(3), np.eye(3) if due else cam_key)
        )
        for matrix, wanted in zip((PENDING, LAST_KEY), expected, strict=True):
            np.testing.assert_allclose(bench.matrices[matrix], wanted, atol=1e-9)
        if bench.stereo_matrix is not None:
            R = before[RECT_LEFT]
            np.testing.assert_allclose(bench.stereo_matrix, R @ cam_key @ R.T, atol=1e-9)
            seen.add("stereo")
        if due and not dropped:
            tracks_at_key, age = len(bench.tracks), 0
        seen |= {"dropped"} if dropped else set()
        seen |= {"no tracks"} if not bench.tracks else set()
    return otherwise


def _check_frame(bench: Bench, dropped: bool, right: bool, due: bool, tracks: int) -> None:
    """Compare the steps with those of `FixedFrontEnd.track`."""
    started = bench.started
    assert started[-1] == OUT
    assert bench.keys == int(due and not dropped)
    if dropped:
        assert started == [OUT]
        return
    # Whether anything is left is known only as the steps end.
    wanted = [FOLLOW, MONO] if tracks else []
    if tracks and MONO not in started:  # the tracker lost all
        wanted = [FOLLOW]
    if due:
        wanted.append(ADD)
        if bench.tracks:
            wanted += [MATCH, STEREO, KEY] if right else [MATCH, KEY]
    assert started == [*wanted, OUT], (started, wanted)


@cocotb.test()
async def frames_are_decided_and_worked_on_as_by_the_model(dut) -> None:
    """Old, lost, far tracks; left images lost, right ones missing, everything forgotten."""
    seen: set[str] = set()
    otherwise = 0
    far = (1 << 32) - 1
    for seed, *limits in ((1, 2, far), (2, 200, 1 << 30), (3, 40, 1 << 22), (4, 2, far, 1 << 22)):
        bench = Bench(dut, seed, *limits)
        await bench.start()
        otherwise += await _frames(dut, bench, int(str(cocotb.plusargs["frames"])), seen)
    dut._log.info("seen: %s; %d would be decided otherwise", sorted(seen), otherwise)
    assert seen == {"aged", "young", "moved", "few", "forgotten", "stereo", "dropped", "no tracks"}
    assert otherwise  # a wrong count of moved rays would be found


class FixedBench(Bench):
    """Four tracks that are never lost; how many are alive and have moved is set."""

    def end_step(self, step: int) -> None:
        """Say that a step is done: four tracks from the first keyframe on."""
        if step == ADD:
            self.tracks = [{} for _ in range(4)]
        self.dut.done.value = 1 << step
        self.dut.kept.value = len(self.tracks)
        self.busy = None

    async def decide(self, alive: int, moved: int) -> bool:
        """Work on a frame with so many tracks alive and moved; return whether it is a keyframe."""
        d = self.dut
        for n, track in enumerate(self.tracks):
            at = 100 * 256 if n < alive else -(1 << 18)
            track.update(x=0, y=0, x_key=0, y_key=0, ahead=1, u=at, v=at)
            track.update(tx=40_000 if n < moved else 0, ty=0)
        self.commits = 0
        d.s_held.value = d.s_rotation.value = d.s_stored.value = 1
        await _wait(self, "committed")
        d.s_held.value = d.s_rotation.value = d.s_stored.value = 0
        await _wait(self, "idle")
        return bool(self.committed[1])


@cocotb.test()
async def a_share_that_is_just_reached_makes_no_keyframe(dut) -> None:
    """Half of four tracks alive, half of them moved: equality decides as in the model."""
    bench = FixedBench(dut, 1, 200, 1 << 30)
    await bench.start()
    dut.cfg_min_alive.value = 128  # of 256: equality is possible
    assert await bench.decide(0, 0)  # the first frame
    for alive, moved in ((4, 0), (2, 0), (4, 2), (2, 2), (1, 0), (4, 3), (3, 1), (2, 2)):
        due = is_keyframe(1, 200, alive, 128, 4, moved, 4)
        assert due == (alive < 2 or moved > 2)
        assert await bench.decide(alive, moved) == due, (alive, moved)


@cocotb.test()
async def with_one_camera_an_old_keyframe_needs_parallax(dut) -> None:
    """Half of four tracks beyond the limit are not enough."""
    bench = FixedBench(dut, 1, 1, (1 << 32) - 1, 1 << 30)
    await bench.start()
    assert await bench.decide(0, 0)  # the first frame
    for moved in (0, 1, 2, 3, 2, 4):
        assert await bench.decide(4, moved) == (moved > 2), moved
    assert await bench.decide(1, 0)  # few are alive


@cocotb.test()
async def a_reset_at_any_time_leaves_nothing_behind(dut) -> None:
    """The frames after it are those after power-up."""
    for seed in range(6):
        bench = Bench(dut, 10 + seed, 20, 1 << 22)
        await bench.start()
        bench.matrices[PENDING] = bench.matrices[LAST_KEY] = np.eye(3)
        dut.s_held.value = dut.s_rotation.value = dut.s_stored.value = 1
        for _ in range(20 + 37 * seed):
            await bench.tick()
            if bench.commits:
                dut.s_held.value = dut.s_stored.value = 0
        again = Bench(dut, 20 + seed, 20, 1 << 22)
        await again.start()
        await _frames(dut, again, 4, set())


@needs_simulator
@pytest.mark.parametrize("simulator", simulators())
def test_keyframe(simulator: str) -> None:
    """With the widths of the preset; Icarus runs fewer frames."""
    frames = 60 if simulator == "verilator" else 25
    simulate("keyframe", __name__, simulator=simulator, plusargs={"frames": frames})
