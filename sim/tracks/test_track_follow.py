# SPDX-License-Identifier: Apache-2.0
"""track_follow.v follows every track once, in order, and writes what is left as `_advance` does."""

import random
from dataclasses import dataclass

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from sim.needs import needs_simulator
from sim.runner import simulate, simulators
from sim.streams import reset
from vio.config import HwConfig
from vio.fixed import formats as sig
from vio.fixed.formats import formats
from vio.fixed.qformat import narrow_all, signal_table

pytestmark = needs_simulator
SIGNALS = signal_table(formats(HwConfig()), trace=False)
TRACKED = 0
# Fields of a row, as in rtl/track_row.vh: first bit, bits.
FIELDS = {
    "age": (32, 15),
    "u": (64, 18),
    "v": (82, 18),
    "x": (100, 18),
    "y": (118, 18),
    "u_key": (136, 18),
    "v_key": (154, 18),
    "x_key": (172, 18),
    "y_key": (190, 18),
    "drift_u": (208, 16),
    "drift_v": (224, 16),
    "scale": (240, 11),
}
STAYS, MOVES_UP = 0b001011, 0b011111  # groups that are written


def field(row: int, name: str, signed: bool = False) -> int:
    """Return a field of a row."""
    at, bits = FIELDS[name]
    value = row >> at & (1 << bits) - 1
    return value - (1 << bits) if signed and value >> (bits - 1) else value


def with_fields(row: int, **fields: int) -> int:
    """Return a row with other values in some fields."""
    for name, value in fields.items():
        at, bits = FIELDS[name]
        row = row & ~(((1 << bits) - 1) << at) | (value & (1 << bits) - 1) << at
    return row


@dataclass
class Answers:
    """Hold what the partners find for a track."""

    u: int  # predicted, sQ10.8
    v: int
    warp: int
    found_u: int
    found_v: int
    status: int
    ray_x: int
    ray_y: int


class Bench:
    """Hold the partners of the pass: the table, prediction, tracker and rays, each at its pace."""

    def __init__(self, dut, seed: int, room: int = 4) -> None:
        self.dut, self.generator, self.room = dut, random.Random(seed), room
        self.rows: list[int] = []
        self.answers: list[Answers] = []
        self.due: list[tuple[int, str, int]] = []  # cycles left, partner, track
        self.asked = {"row": 0, "pixel": 0, "track": 0, "ray": 0}  # requests so far
        self.read: list[int] = []
        self.writes: list[tuple[int, int, int]] = []  # index, row, mask
        self.results: list[int] = []
        self.following = 0  # the track that the tracker was done with last
        self.in_flight: list[int] = []  # that the tracker has
        self.most = 0  # at a time
        self.ripe = 0  # cycles until the first of them is done
        self.done = False

    def draw(self, count: int) -> None:
        """Draw rows and what is found; a third of the tracks is lost, errors reach 300 pixels."""
        g = self.generator
        self.rows = [g.getrandbits(408) for _ in range(count)]
        if count:
            self.rows[0] = with_fields(self.rows[0], age=0x7FFF)  # stays
        self.answers = []
        for _ in range(count):
            u, v = g.randrange(1 << 17), g.randrange(1 << 17)
            far = g.choice((300, 40_000, 1 << 17))
            found = [min(max(x + g.randrange(-far, far + 1), 0), (1 << 18) - 1) for x in (u, v)]
            if g.random() < 0.3:  # 128 pixels, or just less or more
                found = [max(x + g.choice((32_767, 32_768, -32_768, -32_769)), 0) for x in (u, v)]
            status = TRACKED if g.random() < 0.67 else g.randrange(1, 6)
            rays = g.getrandbits(18), g.getrandbits(18)
            self.answers.append(Answers(u, v, g.getrandbits(64), *found, status, *rays))

    def expected(self) -> list[tuple[int, int, int]]:
        """Return the writes of `_advance` (vio/fixed/frontend.py)."""
        writes = []
        for index, (row, a) in enumerate(zip(self.rows, self.answers, strict=True)):
            if a.status != TRACKED:
                continue
            drift = narrow_all(SIGNALS, sig.DRIFT, np.array(self.errors(a)))
            moved = with_fields(
                row,
                age=min(field(row, "age") + 1, 0x7FFF),
                u=a.found_u,
                v=a.found_v,
                x=a.ray_x,
                y=a.ray_y,
                drift_u=int(drift[0]),
                drift_v=int(drift[1]),
            )
            mask = STAYS if len(writes) == index else MOVES_UP
            writes.append((len(writes), moved, mask))
        return writes

    @staticmethod
    def errors(a: Answers) -> tuple[int, int]:
        """Return found less predicted pixel."""
        return a.found_u - a.u, a.found_v - a.v

    async def start(self) -> None:
        """Reset; no partner has anything to say."""
        d = self.dut
        for name in ("start", "a_valid", "w_ready", "q_ready", "q_done", "k_ready", "k_done"):
            getattr(d, name).value = 0
        d.p_ready.value = d.p_done.value = 0
        await reset(d)

    def answer(self) -> None:
        """Give the answers that are due; what nobody asked for is noise."""
        d, g = self.dut, self.generator
        d.a_valid.value = d.q_done.value = d.k_done.value = d.p_done.value = 0
        d.a_row.value, d.q_warp.value = g.getrandbits(408), g.getrandbits(64)
        for port in ("q_u", "q_v", "k_found_u", "k_found_v", "p_ray_x", "p_ray_y"):
            getattr(d, port).value = g.getrandbits(18)
        d.k_status.value = g.randrange(6)
        self.due = [(left - 1, partner, track) for left, partner, track in self.due]
        for _, partner, track in [x for x in self.due if x[0] <= 0]:
            a = self.answers[track]
            if partner == "row":
                d.a_valid.value, d.a_row.value = 1, self.rows[track]
            elif partner == "pixel":
                d.q_done.value, d.q_u.value, d.q_v.value, d.q_warp.value = 1, a.u, a.v, a.warp
            else:
                d.p_done.value, d.p_ray_x.value, d.p_ray_y.value = 1, a.ray_x, a.ray_y
        self.due = [x for x in self.due if x[0] > 0]
        self.ripe -= 1
        if self.in_flight and self.ripe <= 0:  # it waits until it is taken
            a = self.answers[self.in_flight[0]]
            d.k_done.value, d.k_status.value = 1, a.status
            d.k_found_u.value, d.k_found_v.value = a.found_u, a.found_v

    def ask(self, partner: str, track: int, limit: int) -> None:
        """Note a request; a partner has one at a time."""
        assert partner not in [p for _, p, _ in self.due]
        self.due.append((self.generator.randrange(1, limit), partner, track))

    async def tick(self) -> None:
        """Pass a cycle: answer, and check what is asked and written."""
        d, g = self.dut, self.generator
        self.answer()
        for name in ("q_ready", "k_ready", "p_ready", "w_ready"):
            getattr(d, name).value = int(g.random() < 0.6)
        if len(self.in_flight) >= self.room:
            d.k_ready.value = 0
        await ReadOnly()
        if d.k_done.value and d.k_done_ready.value:
            self.following = self.in_flight.pop(0)
            self.ripe = g.randrange(1, 30)
        if d.r_valid.value:
            self.ask("row", int(d.r_index.value), 4)
            self.read.append(int(d.r_index.value))
        if d.q_valid.value and d.q_ready.value:
            track = self.asked["pixel"]
            row = self.rows[track]
            for port, name in (("q_x", "x"), ("q_y", "y"), ("q_x_key", "x_key")):
                assert int(getattr(d, port).value) == field(row, name)
            assert int(d.q_y_key.value) == field(row, "y_key")
            assert int(d.q_scale.value) == field(row, "scale")
            self.ask("pixel", track, 12)
            self.asked["pixel"] += 1
        if d.k_valid.value and d.k_ready.value:
            track = self.asked["track"]
            row, a = self.rows[track], self.answers[track]
            assert int(d.k_u_key.value) == field(row, "u_key")
            assert int(d.k_v_key.value) == field(row, "v_key")
            assert int(d.k_u.value) == (a.u + field(row, "drift_u", True)) % (1 << 20)
            assert int(d.k_v.value) == (a.v + field(row, "drift_v", True)) % (1 << 20)
            assert int(d.k_warp.value) == a.warp
            self.in_flight.append(track)
            self.most = max(self.most, len(self.in_flight))
            self.asked["track"] += 1
        if d.p_valid.value and d.p_ready.value:
            a = self.answers[self.following]
            assert (int(d.p_x.value), int(d.p_y.value)) == (a.found_u, a.found_v)
            self.ask("ray", self.following, 6)
        if d.w_valid.value and d.w_ready.value:
            write = int(d.w_index.value), int(d.w_row.value), int(d.w_mask.value)
            self.writes.append(write)
        if d.event_result.value:
            self.results.append(int(d.event_status.value))
        self.done = bool(d.done.value)
        await RisingEdge(d.clk)

    async def follow(self, count: int) -> None:
        """Follow `count` new tracks and compare what is written."""
        self.draw(count)
        self.asked = dict.fromkeys(self.asked, 0)
        self.read, self.writes, self.results, self.done = [], [], [], False
        self.dut.start.value, self.dut.count.value = 1, count
        await self.tick()
        self.dut.start.value = 0
        for _ in range(200 * count):
            await self.tick()
            if self.done:
                break
        else:
            raise AssertionError(f"{count} tracks were not followed within {200 * count} cycles")
        expected = self.expected()
        assert self.writes == expected
        assert int(self.dut.kept.value) == len(expected)
        assert self.results == [a.status for a in self.answers]
        assert self.asked["pixel"] == self.asked["track"] == count
        kept = [n for n, a in enumerate(self.answers) if a.status == TRACKED]
        assert sorted(self.read) == sorted([*range(count), *kept])
        for _ in range(40):  # nothing follows
            await self.tick()
            assert not self.done
        assert self.writes == expected


@cocotb.test()
async def tracks_are_followed_in_order_and_what_is_left_moves_up(dut) -> None:
    """Any answers at any pace; prediction errors on both sides of where they saturate."""
    bench = Bench(dut, 1)
    await bench.start()
    beyond = {"below": 0, "inside": 0, "above": 0}
    lost = 0
    for count, room in ((1, 4), (1, 1), (2, 4), (3, 4), (17, 8), (40, 4), (9, 2), (5, 1)):
        bench.room, bench.most = room, 0
        await bench.follow(count)
        assert bench.most == min(room, 4) or count < 9  # the block's own limit is 4
        for a in bench.answers:
            for error in bench.errors(a) if a.status == TRACKED else ():
                side = "below" if error < -32768 else "above" if error > 32767 else "inside"
                beyond[side] += 1
        lost += sum(a.status != TRACKED for a in bench.answers)
    assert min(beyond.values()) > 5, beyond
    assert lost > 10


@cocotb.test()
async def a_reset_at_any_time_leaves_nothing_behind(dut) -> None:
    """The next pass is as the first one."""
    for seed in range(6):
        bench = Bench(dut, 10 + seed)
        await bench.start()
        bench.draw(6)
        dut.start.value, dut.count.value = 1, 6
        await bench.tick()
        dut.start.value = 0
        for _ in range(11 + 17 * seed):
            await bench.tick()
        again = Bench(dut, 20 + seed)
        await again.start()
        for _ in range(30):
            await again.tick()
        assert not again.writes
        await again.follow(4)


@pytest.mark.parametrize("simulator", simulators())
def test_track_follow(simulator: str) -> None:
    """With the widths of the preset."""
    simulate("track_follow", __name__, simulator=simulator)
