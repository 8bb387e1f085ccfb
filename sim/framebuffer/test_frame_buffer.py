# SPDX-License-Identifier: Apache-2.0
"""frame_buffer.v gives back the frames that it holds, as vio/fixed/codec.py decodes them.

Frames follow each other as in the front end: over the current frame or where the key was, while
both are read, into the spare rows only. The golden side holds decoded images and knows of rings
only how many blocks fit beside a frame.
"""

import random
from collections.abc import Iterator

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from sim.needs import needs_simulator
from sim.runner import lint, params_header, simulate, simulators
from sim.streams import reset
from vio.fixed.codec import get_codec
from vio.fixed.pyramid import build_pyramid

KEY, CURRENT, RIGHT = 0, 1, 2
LATENCY = 9  # to the answer, of client 0 to its first quarter
BLOCKS = (8, 1)  # of an answer
PARTS = (4, 1)  # in which it comes
PLACES = ("left", "upper", "right")  # that have a codec each
BUILT = "dct27/dct18/dct27"  # of these, in the presets
Pyramid = tuple[np.ndarray, ...]
Request = tuple[int, int, int, int]  # buffer, level, column, row


def _changes(codecs: str, levels: int, height: int, width: int) -> tuple[str, ...]:
    """Return the settings that give a chip of the tiny preset these codecs, levels and sizes."""
    named = zip(PLACES, codecs.split("/"), strict=True)
    return (
        *(f"hw.codec_{place}={name}" for place, name in named),
        *(
            f"{place}.{name}={levels}"
            for place, name in (("frontend", "levels"), ("hw", "max_levels"))
        ),
        f"hw.max_height={height}",
        f"hw.max_width={width}",
    )


def _sizes(preset: str) -> dict[str, int]:
    """Return the plain numbers of this run's vio_params.vh; preset "changed": of `_changes`."""
    sizes = {}
    if preset == "changed":
        levels = int(str(cocotb.plusargs["levels"]))
        header = params_header("tiny", _changes(_codecs(), levels, *_size()))
    else:
        header = params_header(None if preset == "default" else preset)
    for line in header.read_text().splitlines():
        words = line.split()
        if words[:1] == ["localparam"] and words[3].rstrip(";").isdigit():
            sizes[words[1]] = int(words[3].rstrip(";"))
    return sizes


def _image(height: int, width: int, seed: int) -> np.ndarray:
    """Return a smooth picture with noise and some saturated patches."""
    generator = np.random.default_rng(seed)
    v, u = np.mgrid[0:height, 0:width]
    a, b = generator.uniform(0.02, 0.4, 2)
    image = 128 + 90 * np.sin(a * u + seed) * np.cos(b * v) + generator.normal(0, 12, v.shape)
    image[: height // 8, : width // 3] = 255 * generator.integers(0, 2, (height // 8, width // 3))
    return np.clip(image, 0, 255).astype(np.uint8)


def _defined(pixels, mask: int) -> int:
    """Return a vector as a number; what the mask holds must be 0 or 1."""
    if pixels.is_resolvable:
        return int(pixels)
    low, high = (int(pixels.resolve(kind)) for kind in ("zeros", "ones"))
    assert low & mask == high & mask
    return low


class Frame:
    """A stereo frame: its words, level by level, and what a reader must see."""

    def __init__(self, height: int, width: int, levels: int, seed: int) -> None:
        pyramid = build_pyramid(_image(height, width, 2 * seed), levels)
        left, upper, codec = map(get_codec, _codecs().split("/"))
        codecs = [left, *[upper] * (levels - 1)]
        right = _image(height, width, 2 * seed + 1)
        self.words = [
            codec.encode(image).reshape(-1) for codec, image in zip(codecs, pyramid, strict=True)
        ]
        self.words.append(codec.encode(right).reshape(-1))
        self.left: Pyramid = tuple(c.roundtrip(i) for c, i in zip(codecs, pyramid, strict=True))
        self.right = codec.roundtrip(right)


class Bench:
    """Drive the buffer; compare every answer with the frames that are held at its request."""

    def __init__(self, dut, preset: str, height: int, width: int, seed: int) -> None:
        self.dut, self.height, self.width = dut, height, width
        self.generator = random.Random(seed)
        self.sizes = _sizes(preset)
        self.levels = self.sizes["MAX_LEVELS"]
        self.ports = [f"left{level}" for level in range(self.levels)] + ["right"]
        self.held: dict[int, Pyramid] = {}  # by buffer
        self.expected: tuple[list, list] = ([], [])  # by client: (due clock, masked pixels)
        self.reads = [0, 0, 0]  # bank accesses that must be counted: left, upper, right
        self.counted = [0, 0, 0]
        self.written = [0, 0, 0]
        self.scale = max(6000 / (height * width), 0.05)  # of the reads under long writes
        self.overflows = 0
        self.both = 0  # cycles in which a memory was read and written
        self.answers = 0
        self.outside = 0  # requests of which no block is there
        self.cycle = 0
        self.share = (0.0, 0.0)  # of the cycles in which either client asks
        self.buffers: tuple[int, ...] = (KEY, CURRENT, RIGHT)  # that may be read
        self.offered: list[Request | None] = [None, None]

    async def start(self) -> None:
        """Reset, forget, and let the clock run."""
        d = self.dut
        for name in ("begin", "commit", "key", "forget", "r0", "r1", "left2", *self.ports):
            getattr(d, f"{name}_valid").value = 0
        d.reading.value, d.begin_ring.value, d.begin_right.value = 0, 0, 0
        d.cfg_width.value, d.cfg_height.value = self.width, self.height
        await reset(d)
        for _ in range(3):
            await self.tick()

    def spare(self, level: int) -> int:
        """Return the blocks of a level that fit beside a frame."""
        first, last = (0, 0) if level == 0 else (1, self.levels - 1)
        words = self.sizes["LEFT_WORDS" if level == 0 else "UPPER_WORDS"]
        others = sum(self.sizes[f"LEVEL{n}_WORDS"] for n in range(first, last + 1) if n != level)
        return 8 * (words - others) - (self.width >> level) * (self.height >> level) // 16

    def pixels(self, client: int, request: Request, part: int) -> tuple[int, int]:
        """Return a part of the wanted answer to a request and the mask of what is defined in it."""
        buffer, level, column, row = request
        image = self.held[buffer][level]
        value = mask = 0
        blocks, bits = BLOCKS[client] // PARTS[client], (64, 256)[client]
        first = column + blocks * part
        across = image[4 * row : 4 * row + 4, 4 * first : 4 * (first + blocks)]
        for i, line in enumerate(across):
            value |= int.from_bytes(line.tobytes(), "little") << bits * i
            mask |= ((1 << 8 * len(line)) - 1) << bits * i
        return value, mask

    def request(self) -> Request | None:
        """Return a random request of what is held; sometimes outside of the image."""
        buffers = [buffer for buffer in self.buffers if buffer in self.held]
        if not buffers:
            return None
        buffer = self.generator.choice(buffers)
        level = 0 if buffer == RIGHT else self.generator.randrange(self.levels)
        rows, columns = (n // 4 for n in self.held[buffer][level].shape)
        if self.generator.random() < 0.1:  # no block of it is there: no bank is read
            beyond = self.generator.randrange(3)
            column = columns + beyond if self.generator.random() < 0.5 else 0
            return (
                buffer,
                level,
                column,
                self.generator.randrange(rows) if column else rows + beyond,
            )
        column = self.generator.choice((self.generator.randrange(columns), 0, columns - 8))
        return buffer, level, max(column, 0), self.generator.choice((0, rows - 1, *range(rows)))

    async def tick(self) -> None:
        """Pass a cycle: offer requests, note what is taken, check what is answered."""
        d = self.dut
        for client in (0, 1):
            if self.offered[client] is None and self.generator.random() < self.share[client]:
                self.offered[client] = self.request()
            request = self.offered[client]
            getattr(d, f"r{client}_valid").value = int(request is not None)
            if request is not None:
                for name, field in zip(("buffer", "level", "column", "row"), request, strict=True):
                    getattr(d, f"r{client}_{name}").value = field
        await ReadOnly()
        taken = 0
        for client in (0, 1):
            request = self.offered[client]
            if request is not None and getattr(d, f"r{client}_ready").value:
                due_cycle = self.cycle + LATENCY
                for part in range(PARTS[client]):
                    due = due_cycle + part
                    self.expected[client].append((due, *self.pixels(client, request, part)))
                memory = 2 if request[0] == RIGHT else min(request[1], 1)
                rows, columns = (n // 4 for n in self.held[request[0]][request[1]].shape)
                blocks = columns - request[2] if request[3] < rows else 0
                self.reads[memory] += max(min(blocks, BLOCKS[client]), 0)
                self.outside += blocks <= 0
                self.offered[client] = None
                taken += 1
            due = bool(self.expected[client]) and self.expected[client][0][0] == self.cycle
            assert bool(getattr(d, f"m{client}_valid").value) == due, (client, self.cycle)
            if due:
                if client == 0:
                    assert int(d.m0_part.value) == -len(self.expected[0]) % 4
                _, value, mask = self.expected[client].pop(0)
                pixels = getattr(d, f"m{client}_pixels").value
                got = _defined(pixels, mask)
                assert got & mask == value, (client, self.cycle)
                assert got & mask != value ^ mask & 1 or not mask  # a changed pixel would show
                self.answers += client == 1 or int(d.m0_part.value) == 3
        assert taken <= 1
        reads, writes = int(d.count_reads.value), int(d.count_writes.value)
        for memory in range(3):
            self.counted[memory] += reads >> 4 * memory & 15
            self.written[memory] += writes >> 4 * memory & 15
        if writes and reads:
            self.check_ports(writes)
        self.overflows += int(d.m_overflow.value)
        await RisingEdge(d.clk)
        self.cycle += 1

    def check_ports(self, writes: int) -> None:
        """Assert that no bank is read and written at one address in this cycle."""
        d = self.dut
        valid, addresses, ring = (int(s.value) for s in (d.b_valid, d.b_address, d.ring_q))
        bits = self.sizes["LEFT_BITS"]
        ports = ((d.number0, ring), (d.upper_number, 2 + ring), (d.right_number_q, 4))
        for k, (number, memory) in enumerate(ports):
            if writes >> 4 * k & 1:
                bank, address = int(number.value) & 7, int(number.value) >> 3
                if valid >> (5 * bank + memory) & 1:
                    self.both += 1
                    assert addresses >> bits * bank & ((1 << bits) - 1) != address, self.cycle

    async def pulse(self, name: str, **fields: int) -> None:
        """Give a control pulse."""
        for field, value in fields.items():
            getattr(self.dut, field).value = value
        getattr(self.dut, f"{name}_valid").value = 1
        await self.tick()
        getattr(self.dut, f"{name}_valid").value = 0

    async def settle(self) -> None:
        """Let all requests be answered."""
        share, self.share = self.share, (0.0, 0.0)
        while any(self.offered) or any(self.expected):
            await self.tick()
        self.share = share

    def _streams(
        self, frame: Frame, right: bool, gap: int, junk: bool
    ) -> list[Iterator[int | None]]:
        """Return an endless iterator a port: a word or None for each cycle."""

        def words(values: np.ndarray, least: int) -> Iterator[int | None]:
            for value in values:
                yield int(value)
                for _ in range(self.generator.randint(least, max(gap, least)) - 1):
                    yield None
            while True:
                yield None

        least = [*[1, 2, 2][: self.levels], 1]
        out = [words(v, at) for v, at in zip(frame.words, least, strict=True)]
        if not right:
            out[-1] = words(np.full(40 * junk, 0x5555555, np.uint64), 2)  # must not be written
        return out

    async def write(
        self, frame: Frame, right: bool = False, gap: int = 3, most: list[int] | None = None
    ) -> None:
        """Write a frame's words: all, or the first `most` of each level (right: of level 0)."""
        streams = self._streams(frame, right, gap, junk=most is None)
        sent = [0] * len(streams)
        whole = [len(words) for words in frame.words[:-1]]
        last = len(frame.words[-1]) if most is None else most[0]
        wanted = [*(most or whole), last if right else 0]
        while any(n < want for n, want in zip(sent, wanted, strict=True)):
            for k, (port, stream) in enumerate(zip(self.ports, streams, strict=True)):
                word = next(stream) if sent[k] < wanted[k] or port == "right" else None
                getattr(self.dut, f"{port}_valid").value = int(word is not None)
                if word is not None:
                    getattr(self.dut, f"{port}_word").value = word
                    sent[k] += 1
            await self.tick()
        for port in self.ports:
            getattr(self.dut, f"{port}_valid").value = 0
        for _ in range(3):
            await self.tick()

    async def store(self, frame: Frame, other: int, right: bool = False, gap: int = 3) -> None:
        """Write a frame while only the key is read, and make it the current one."""
        await self.settle()
        if right:
            self.held.pop(RIGHT, None)
        self.buffers, self.share = (KEY,), (0.2 * self.scale, 0.2 * self.scale)
        before, overflows = list(self.written), self.overflows
        await self.pulse("begin", begin_ring=other, begin_right=int(right))
        await self.write(frame, right, gap)
        assert self.dut.m_left_done.value
        assert bool(self.dut.m_right_done.value) == right
        sizes = [len(words) for words in frame.words]
        wanted = [sizes[0], sum(sizes[1:-1]), sizes[-1] if right else 0]
        assert [a - b for a, b in zip(self.written, before, strict=True)] == wanted
        assert self.overflows == overflows
        self.buffers, self.share = (KEY, CURRENT, RIGHT), (0.0, 0.0)
        await self.settle()
        await self.pulse("commit")
        self.held[CURRENT] = frame.left
        if right:
            self.held[RIGHT] = (frame.right,)

    async def read(self, cycles: int, share: tuple[float, float]) -> None:
        """Let both clients ask for some cycles."""
        self.share = share
        for _ in range(cycles):
            await self.tick()
        await self.settle()
        self.share = (0.0, 0.0)

    async def key(self) -> None:
        """Make the current frame the key."""
        await self.pulse("key")
        self.held[KEY] = self.held[CURRENT]

    async def forget(self) -> None:
        """Forget all frames."""
        await self.settle()
        await self.pulse("forget")
        self.held.clear()


def _bench(dut, height: int, width: int, seed: int) -> Bench:
    preset = str(cocotb.plusargs["preset"])
    return Bench(dut, preset, height, width, seed)


def _size() -> tuple[int, int]:
    """Return height and width of the images of this run."""
    return int(str(cocotb.plusargs["height"])), int(str(cocotb.plusargs["width"]))


def _codecs() -> str:
    """Return the codecs of this run, by place."""
    return str(cocotb.plusargs["codecs"])


def _count() -> int:
    return int(str(cocotb.plusargs["frames"]))


@cocotb.test()
async def frames_come_back_as_the_model_decodes_them(dut) -> None:
    """Keyframes and others in turn, read by both clients at all rates, key and right included."""
    height, width = _size()
    bench = _bench(dut, height, width, 1)
    await bench.start()
    shares = [(1.0, 1.0), (0.4, 1.0), (0.0, 1.0), (0.7, 0.7), (1.0, 0.0)]
    follows_key = True
    for n in range(_count()):
        frame = Frame(height, width, bench.levels, n)
        key = n % 3 == 0
        # Into the key's ring after a keyframe; the port says so only where the key is not known.
        await bench.store(frame, int(follows_key and n % 2), right=key, gap=1 + 3 * (n % 2))
        dut.reading.value = 1
        await bench.read(150, shares[n % 5])
        dut.reading.value = 0
        follows_key = key
        if key:
            await bench.key()
            await bench.read(30, (0.5, 0.5))
    assert bench.answers > 100 * _count()
    assert bench.outside > 10
    assert bench.counted == bench.reads


@cocotb.test()
async def a_frame_that_comes_while_the_tracker_reads_fills_spare_rows_only(dut) -> None:
    """A word beyond them is not written, and both held frames are whole; other frames fit."""
    height, width = _size()
    bench = _bench(dut, height, width, 2)
    await bench.start()
    frames = [Frame(height, width, bench.levels, 50 + n) for n in range(4)]
    spare = [bench.spare(level) for level in range(bench.levels)]
    await bench.store(frames[0], 0, gap=1)
    await bench.key()
    await bench.store(frames[1], 0, gap=1)
    for other in (0, 1):  # over the current frame, over the key
        dut.reading.value = 1
        bench.share = (0.8 * bench.scale, 0.8 * bench.scale)  # a tenth asks for what is outside
        before = sum(bench.written)
        await bench.pulse("begin", begin_ring=other, begin_right=0)
        await bench.write(frames[2], gap=2, most=spare)
        assert bench.overflows == other * bench.levels
        assert sum(bench.written) == before + sum(spare)
        for level in range(bench.levels):
            before, overflows = sum(bench.written), bench.overflows
            most = [0] * bench.levels
            most[level] = spare[level] + 5
            await bench.pulse("begin", begin_ring=other, begin_right=1)
            await bench.write(frames[2], gap=2, most=most)
            assert bench.overflows == overflows + 1
            assert sum(bench.written) == before + spare[level]
            await bench.write(frames[2], right=True, most=[9] * bench.levels)  # is ignored
            assert sum(bench.written) == before + spare[level]
            assert not dut.m_left_done.value
            await bench.settle()
            await bench.pulse("commit")  # of no effect
            for _ in range(60):
                await bench.tick()
        # The tracker ends when the spare rows are half full: the rest overwrites.
        await bench.settle()
        bench.share = (0.8 * bench.scale, 0.8 * bench.scale)
        await bench.pulse("begin", begin_ring=other, begin_right=0)
        end = cocotb.start_soon(_end_of_reading(bench))
        await bench.write(frames[2 + other], gap=1)
        await end
        assert dut.m_left_done.value
        await bench.pulse("commit")
        bench.held[CURRENT] = frames[2 + other].left
        if other:
            await bench.key()
        dut.reading.value = 1
        await bench.read(60, (0.5, 0.5))
    assert bench.overflows == 2 * bench.levels
    assert bench.both > 25  # a cycle reads two banks of eight


async def _end_of_reading(bench: Bench) -> None:
    """Wait for half of the spare rows; let the clients stop, and say that the tracker is done."""
    place = min(bench.levels - 1, 1)  # of the coarser levels, if there are any
    spare = min(bench.spare(level) for level in range(place, bench.levels))
    enough = bench.written[place] + spare // 2
    while bench.written[place] < enough:
        await RisingEdge(bench.dut.clk)
    bench.share = (0.0, 0.0)
    for _ in range(LATENCY + 5):
        await RisingEdge(bench.dut.clk)
    bench.dut.reading.value = 0


@cocotb.test()
async def stereo_reads_the_key_while_the_next_frame_is_written(dut) -> None:
    """After a keyframe the next frame goes to the free ring; before the key pulse as well."""
    height, width = _size()
    bench = _bench(dut, height, width, 3)
    await bench.start()
    for n in range(4):
        frame, following = (Frame(height, width, bench.levels, 80 + 2 * n + k) for k in (0, 1))
        await bench.store(frame, 0, right=True)
        bench.buffers = (CURRENT, RIGHT)
        bench.share = (0.3, 0.9)
        if n % 2:
            await bench.key()
        await bench.pulse("begin", begin_ring=1 - n % 2, begin_right=0)
        await bench.write(following, gap=1)
        bench.share = (0.0, 0.0)
        if not n % 2:
            await bench.key()
        await bench.settle()
        await bench.pulse("commit")
        bench.held[CURRENT] = following.left
        bench.buffers = (KEY, CURRENT, RIGHT)
        await bench.read(80, (0.5, 0.5))
    assert bench.answers > 800


@cocotb.test()
async def client_0_goes_first_and_each_cycle_serves_two_blocks(dut) -> None:
    """While client 0 asks in every cycle, client 1 gets nothing; then it gets every cycle."""
    height, width = _size()
    bench = _bench(dut, height, width, 4)
    await bench.start()
    await bench.store(Frame(height, width, bench.levels, 7), 0, right=True)
    await bench.key()
    before = bench.answers
    bench.share = (1.0, 1.0)
    for n in range(60):
        await bench.tick()
        assert bool(dut.r0_ready.value) == (n % 4 == 0)
        parts = 4 * (n // 4 + 1)  # of what was taken so far
        assert len(bench.expected[0]) == parts - max(n - LATENCY + 1, 0)
        assert not bench.expected[1]
    bench.share = (0.0, 1.0)
    for n in range(40):
        await bench.tick()
        assert bool(dut.r1_ready.value) or n < 4  # a request of client 0 may be waiting
    await bench.settle()
    assert bench.answers - before >= 51


@cocotb.test()
async def what_was_forgotten_or_reset_protects_nothing(dut) -> None:
    """After `forget` and after a reset in mid-frame, another size: frames come whole again."""
    height, width = _size()
    bench = _bench(dut, height, width, 5)
    await bench.start()
    await bench.store(Frame(height, width, bench.levels, 1), 0)
    await bench.key()
    await bench.forget()
    bench.height, bench.width = height - 16, width - 32
    dut.cfg_height.value, dut.cfg_width.value = bench.height, bench.width
    dut.reading.value = 1  # protects no frame
    for n in range(3):
        frame = Frame(bench.height, bench.width, bench.levels, 20 + n)
        await bench.store(frame, 0, right=True)
        await bench.read(100, (0.9, 0.5))
        dut.reading.value = 0
    await bench.pulse("begin", begin_ring=0, begin_right=1)
    await bench.write(frame, most=[37] * bench.levels)
    dut.rst.value = 1
    bench.held.clear()
    await bench.tick()
    await bench.tick()
    dut.rst.value = 0
    before = list(bench.written)
    await bench.write(frame, most=[20] * bench.levels)  # no frame has begun: nothing is written
    assert bench.written == before
    await bench.store(Frame(bench.height, bench.width, bench.levels, 30), 0, right=True)
    await bench.read(100, (0.5, 0.9))


@needs_simulator
@pytest.mark.parametrize("simulator", simulators())
def test_frame_buffer_of_the_tiny_preset(simulator: str) -> None:
    """Two levels, images of full size."""
    plusargs = {"preset": "tiny", "codecs": BUILT, "height": 64, "width": 96, "frames": 14}
    simulate("frame_buffer", __name__, preset="tiny", plusargs=plusargs, simulator=simulator)


# Codecs, levels, height, width, frames: each codec in each place, one level (full images have
# three), each bit of a width.
OTHERS = (
    ("dct18/dct18/dct18", 1, 32, 1024, 5),
    ("dct18/dct27/dct27", 2, 32, 912, 5),
    ("dct27/dct27/dct18", 2, 64, 96, 14),
)


@needs_simulator
@pytest.mark.parametrize(("codecs", "levels", "height", "width", "frames"), OTHERS)
def test_frame_buffer_of_other_chips(
    codecs: str, levels: int, height: int, width: int, frames: int
) -> None:
    plusargs = {"preset": "changed", "codecs": codecs, "levels": levels, "height": height,
                "width": width, "frames": frames}  # fmt: skip
    changes = _changes(codecs, levels, height, width)
    simulate("frame_buffer", __name__, preset="tiny", changes=changes, plusargs=plusargs)


@needs_simulator
@pytest.mark.slow
@pytest.mark.parametrize("simulator", simulators()[:1])  # takes minutes in an interpreter
def test_frame_buffer_of_the_default_preset(simulator: str) -> None:
    """Three levels, images of full size: banks in two parts, frames across the ends of rings."""
    plusargs = {"preset": "default", "codecs": BUILT, "height": 480, "width": 752, "frames": 3}
    only = "frames_come_back|spare_rows_only"
    simulate("frame_buffer", __name__, plusargs=plusargs, only=only, simulator=simulator)


@needs_simulator
@pytest.mark.parametrize(
    ("stem", "parameter"),
    [("frame_bank", "WORDS=1"), ("frame_ring", "N_W=12"), ("window_reader", "A_W=11")],
)
def test_a_bad_parameter_stops_the_elaboration(stem: str, parameter: str) -> None:
    assert "bad_parameter" in lint(stem, parameter)
