# SPDX-License-Identifier: Apache-2.0
"""Cameras, queues and intake at full size: after any one fault at most one good frame is lost.

752x480 pixels at 26.7 MHz, 94 clocks and 45 lines of blanking, the chip at 62.5 MHz.
"""

import numpy as np
import pytest

from sim.camera_world import (
    HSYNC,
    LOST,
    REPAIRED,
    RIGHT,
    VSYNC,
    Blanking,
    World,
    bus_samples,
    glitched,
)
from sim.needs import needs_verilator

pytestmark = needs_verilator
WIDTH, HEIGHT = 752, 480
LINE = WIDTH + 94
BLANKING = Blanking(94, LINE, 44 * LINE)
PERIOD_PS = 37_453  # 26.7 MHz
FRAME_CYCLES = (HEIGHT + 45) * LINE * PERIOD_PS // 16_000
FAULT = 2  # the frame that is struck
FRAMES = 5


def images(seed: int, count: int = FRAMES) -> list[np.ndarray]:
    """Return random images."""
    generator = np.random.default_rng(seed)
    return [generator.integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8) for _ in range(count)]


LEFT, RIGHT_IMAGES = images(1), images(2)


def whole(frame, k: int, right: bool = True) -> bool:
    """Return whether a frame is the k-th one of both cameras, unrepaired."""
    return (
        not frame.flags & (LOST | REPAIRED)
        and np.array_equal(frame.left, LEFT[k].reshape(-1))
        and (not right or np.array_equal(frame.right, RIGHT_IMAGES[k].reshape(-1)))
        and bool(frame.flags & RIGHT) >= right
    )


def stream(world: World, faults: dict[tuple[int, int], np.ndarray | None]) -> None:
    """Queue all frames of both cameras; faults: bus samples of (camera, frame), None: it is off."""
    for camera, pool in enumerate((LEFT, RIGHT_IMAGES)):
        world.bus(camera, np.zeros(100, np.uint16), PERIOD_PS)  # the reset crosses to its clock
        rest = 0
        for k, image in enumerate(pool):
            good = bus_samples(image, BLANKING)
            samples = faults.get((camera, k), good)
            if samples is None:
                rest = good.size * PERIOD_PS
                continue
            world.bus(camera, samples, PERIOD_PS, rest)
            rest = 0


def at_line(line: int, pixel: int = 0) -> int:
    """Return the place of a pixel among the bus samples of a frame."""
    return BLANKING.before + line * LINE + pixel


def _samples(camera: int) -> np.ndarray:
    return bus_samples((LEFT, RIGHT_IMAGES)[camera][FAULT], BLANKING)


def _without_lines(samples: np.ndarray, first: int, end: int) -> np.ndarray:
    """Return a frame without some lines, and with as much more blanking: a common trigger."""
    rest = np.delete(samples, np.arange(at_line(first), at_line(end)))
    return np.concatenate([rest, np.zeros(len(samples) - len(rest), samples.dtype)])


FAULTS = {
    "vsync glitch in mid-frame": lambda s: glitched(s, at_line(200, 300), 20, VSYNC),
    "vsync glitch in the first line": lambda s: glitched(s, at_line(0, 100), 20, VSYNC),
    "vsync glitch in the last line": lambda s: glitched(s, at_line(479, 700), 20, VSYNC),
    "vsync glitch in the blanking": lambda s: glitched(s, at_line(490), 20, VSYNC),
    "hsync glitch in a line": lambda s: glitched(s, at_line(100, 300), 20, HSYNC),
    "hsync glitch between lines": lambda s: glitched(s, at_line(100, 780), 20, HSYNC),
    "a line is missing": lambda s: _without_lines(s, 50, 51),
    "half a frame is missing": lambda s: _without_lines(s, 240, 480),
    "no image": lambda s: None,
}


@pytest.mark.parametrize(
    ("fault", "camera"),
    [
        pytest.param(fault, camera, marks=[pytest.mark.slow] if i + camera else [])
        for i, fault in enumerate(FAULTS)
        for camera in (0, 1)
    ],
)
def test_one_fault_costs_the_frame_that_it_strikes_and_at_most_one_good_one(
    fault: str, camera: int
) -> None:
    world = World("camera_intake")
    world.settings(1, WIDTH, HEIGHT)
    stream(world, {(camera, FAULT): FAULTS[fault](_samples(camera))})
    world.run((FRAMES + 1) * FRAME_CYCLES)
    frames, counts = world.frames(), world.counts()
    good = [k for k in range(FRAMES) if any(whole(frame, k) for frame in frames)]
    unharmed = [k for k in range(FRAMES) if k != FAULT]
    assert len(set(unharmed) - set(good)) <= 1, (good, counts)
    assert good[-1] == FRAMES - 1
    # A fault of the right camera does not cost a left image.
    if camera == 1:
        left = [f.left for f in frames if not f.flags & LOST]
        assert all(any(np.array_equal(x, image.reshape(-1)) for x in left) for image in LEFT)
    # Each frame that began at the left bus is whole, or its loss was counted.
    passed = sum(not f.flags & LOST for f in frames)
    assert (
        passed + counts["drops"] + counts["left_lost"] + counts["left_late"]
        >= counts["left_starts"]
    )


def test_the_settings_may_be_written_while_the_cameras_stream() -> None:
    """Enabled in the middle of a frame: that one is ignored, the next is the first."""
    world = World("camera_intake")
    world.settings(0, 64, 48)
    stream(world, {})
    world.run(FRAME_CYCLES * 3 // 2)
    assert world.counts()["begun"] == 0
    world.settings(1, WIDTH, HEIGHT)
    world.run(FRAMES * FRAME_CYCLES)
    frames = world.frames()
    assert [whole(frame, k) for k, frame in enumerate(frames, 2)] == [True] * (FRAMES - 2)
    assert world.counts()["drops"] == 0
