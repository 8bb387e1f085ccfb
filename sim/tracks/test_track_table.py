# SPDX-License-Identifier: Apache-2.0
"""track_table.v remembers what was written, group by group, as a table of Python would."""

import random

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from sim.needs import needs_simulator, needs_verilator
from sim.runner import lint, simulate, simulators
from sim.streams import reset
from vio.config import load_config

pytestmark = needs_simulator
GROUPS = (  # fields of each bit of w_mask
    ("id", "quality"),
    ("age",),
    ("u", "v"),
    ("x", "y"),
    ("u_key", "v_key"),
    ("x_key", "y_key"),
    ("drift_u", "drift_v"),
    ("scale", "point"),
    ("u_right", "v_right", "x_stereo", "y_stereo", "disparity"),
    ("matched",),
)
FIELDS = [name for group in GROUPS for name in group]
Track = dict[str, int]


def cycles(mask: int) -> int:
    """Return the cycles of a write: one for each half of the record."""
    return max(bool(mask & 0x7F) + bool(mask & 0x381), 1)


class Table:
    """Drive the table's ports and keep what it must hold."""

    def __init__(self, dut, tracks: int) -> None:
        """Take the table's ports, and write each track in whole later."""
        self.dut = dut
        self.tracks: list[Track] = [{} for _ in range(tracks)]

    def random_track(self, dice: random.Random) -> Track:
        """Return fields of any bits; some of all ones or all zeros."""
        kind = dice.randrange(4)
        bits = {name: len(getattr(self.dut, f"w_{name}")) for name in FIELDS}
        return {
            name: (0, (1 << n) - 1, dice.getrandbits(n), dice.getrandbits(n))[kind]
            for name, n in bits.items()
        }

    async def write(self, index: int, mask: int, track: Track) -> None:
        """Write the groups of the mask."""
        dut = self.dut
        dut.w_valid.value, dut.w_index.value, dut.w_mask.value = 1, index, mask
        for name, value in track.items():
            port = getattr(dut, f"w_{name}")
            port.value = value - (1 << len(port)) if self._is_negative(name, value) else value
        for cycle in range(cycles(mask)):
            await ReadOnly()
            assert bool(dut.w_ready.value) == (cycle == cycles(mask) - 1)
            await RisingEdge(dut.clk)
        dut.w_valid.value = 0
        for bit, group in enumerate(GROUPS):
            if mask >> bit & 1:
                self.tracks[index] |= {name: track[name] for name in group}

    def _is_negative(self, name: str, value: int) -> bool:
        signed = ("x", "y", "drift", "u_right", "v_right")
        return name.startswith(signed) and bool(value >> len(getattr(self.dut, f"w_{name}")) - 1)

    def answer(self) -> Track:
        """Return the fields at the output, as bits."""
        return {name: int(getattr(self.dut, f"a_{name}").value) for name in FIELDS}

    async def read(self, index: int) -> Track:
        """Read a track, and see that it comes after three cycles and stays."""
        dut = self.dut
        dut.r_valid.value, dut.r_index.value = 1, index
        await ReadOnly()
        assert dut.r_ready.value
        for cycle in range(1, 6):
            await RisingEdge(dut.clk)
            dut.r_valid.value = 0
            await ReadOnly()
            assert bool(dut.a_valid.value) == (cycle == 3)
        got = self.answer()
        await RisingEdge(dut.clk)
        return got


async def _start(dut) -> Table:
    """Reset and fill the table."""
    dut.r_valid.value = dut.w_valid.value = 0
    await reset(dut)
    table = Table(dut, int(cocotb.plusargs["tracks"]))
    dice = random.Random(9)
    for index in range(len(table.tracks)):
        await table.write(index, 0x3FF, table.random_track(dice))
    return table


@cocotb.test()
async def each_group_is_written_alone(dut) -> None:
    """Every group and random sets of groups, at random tracks; the rest stays as it was."""
    table, dice = await _start(dut), random.Random(1)
    masks = [1 << bit for bit in range(10)] + [dice.getrandbits(10) for _ in range(60)] + [0]
    for mask in masks:
        index = dice.randrange(len(table.tracks))
        before = dict(table.tracks[index])
        track = table.random_track(dice)
        if mask.bit_count() == 1:
            track = {
                name: x ^ (1 << len(getattr(dut, f"w_{name}"))) - 1 for name, x in before.items()
            }
        await table.write(index, mask, track)
        got = await table.read(index)
        assert got == table.tracks[index], bin(mask)
        if mask.bit_count() == 1:
            assert got != before  # fault-injected copy: a write that is lost would be seen
    for index, track in enumerate(table.tracks):
        assert await table.read(index) == track


@cocotb.test()
async def reads_follow_each_other_while_others_are_written(dut) -> None:
    """A read in two cycles; track i + 1 is read while track i is written back."""
    table, dice = await _start(dut), random.Random(2)
    count = len(table.tracks)
    got: list[Track] = []
    expected = [dict(track) for track in table.tracks]

    async def collect() -> None:
        while True:
            await ReadOnly()
            if dut.a_valid.value:
                got.append(table.answer())
            await RisingEdge(dut.clk)

    async def write_back() -> None:
        for index in range(count):
            while len(got) <= index:
                await RisingEdge(dut.clk)
            mask = dice.choice((0x4E, 0x380, 0x3FF, 0x80))
            await table.write(index, mask, table.random_track(dice))

    collector, writer = cocotb.start_soon(collect()), cocotb.start_soon(write_back())
    for index in range(count):
        dut.r_valid.value, dut.r_index.value = 1, index
        for ready in (1, 0):
            await ReadOnly()
            assert int(dut.r_ready.value) == ready
            await RisingEdge(dut.clk)
            if dice.random() < 0.5:
                dut.r_valid.value = 0
        dut.r_valid.value = 0
    await writer
    collector.cancel()
    assert got == expected
    await RisingEdge(dut.clk)
    for index in dice.sample(range(count), min(count, 20)):
        assert await table.read(index) == table.tracks[index]


@cocotb.test()
async def fields_stay_until_two_cycles_after_the_next_read(dut) -> None:
    """As the header says."""
    table = await _start(dut)
    await table.read(3)
    dut.r_valid.value, dut.r_index.value = 1, 4
    for _ in range(2):
        await ReadOnly()
        assert table.answer() == table.tracks[3]
        await RisingEdge(dut.clk)
        dut.r_valid.value = 0
    await ReadOnly()
    assert table.answer() != table.tracks[3]


@cocotb.test()
async def a_reset_ends_a_read_and_a_write_halfway(dut) -> None:
    """The next ones are whole."""
    table, dice = await _start(dut), random.Random(3)
    track = table.random_track(dice)
    dut.w_valid.value, dut.w_index.value, dut.w_mask.value = 1, 2, 0x3FF
    dut.r_valid.value, dut.r_index.value = 1, 5
    await RisingEdge(dut.clk)
    dut.rst.value, dut.w_valid.value, dut.r_valid.value = 1, 0, 0
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    await table.write(2, 0x3FF, track)
    assert await table.read(5) == table.tracks[5]
    assert await table.read(2) == track


@needs_verilator
def test_more_tracks_than_memory_stop_the_elaboration() -> None:
    assert "bad_parameter" in lint("track_table", "INDEX_W=13")


@pytest.mark.parametrize("preset", ["tiny", "ecp5_85k"])
@pytest.mark.parametrize("simulator", simulators())
def test_track_table(simulator: str, preset: str) -> None:
    """All tests of this file on a preset's number of tracks."""
    tracks = load_config(preset).hw.max_tracks
    simulate(
        "track_table",
        __name__,
        parameters={"INDEX_W": (tracks - 1).bit_length()},
        plusargs={"tracks": tracks},
        simulator=simulator,
    )
