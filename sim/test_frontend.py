# SPDX-License-Identifier: Apache-2.0
"""rtl/frontend.v, the whole chip, equals the golden model on rendered frames, whatever happens to
the streams: small images (preset tiny) in the Verilated library."""

import os
import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from sim.needs import needs_verilator
from sim.runner import BUILD
from tests.plane_scene import PlaneScene, make_rig, path, rotations
from vio.config import Config, load_config
from vio.data import StereoFrame
from vio.errors import VioError
from vio.fixed.frontend import FixedFrontEnd
from vio.hw.cosim.engine import BROKEN, END, START, RtlFrontEnd
from vio.hw.cosim.equivalence import PairedFrontEnd, different_fields, summary
from vio.hw.cosim.probes import PROBES

pytestmark = needs_verilator
CONFIG: Config = load_config("tiny")
RIG = make_rig(CONFIG.hw.max_width, CONFIG.hw.max_height, 160.0)
COUNT = 16
COVERAGE = bool(os.environ.get("KESTREL_COVERAGE"))
POSES = path(COUNT)
TURNS = rotations(POSES)
PAUSE = 9000  # cycles between two frames in which the tracker surely ends


@pytest.fixture(scope="module")
def frames() -> list[StereoFrame]:
    scene = PlaneScene(rig=RIG)
    return [scene.frame(k, pose) for k, pose in enumerate(POSES)]


_chips: list[RtlFrontEnd] = []  # of the test that runs


def _chip() -> RtlFrontEnd:
    _chips.append(RtlFrontEnd(RIG, CONFIG, COVERAGE))
    return _chips[-1]


def _twin(seed: int = 1) -> PairedFrontEnd:
    twin = PairedFrontEnd(RIG, CONFIG, COVERAGE, seed)
    _chips.append(twin.rtl)
    return twin


@pytest.fixture(autouse=True)
def kept_coverage(request: pytest.FixtureRequest) -> Iterator[None]:
    """Write what the chips of a test covered, where lines are counted."""
    yield
    if COVERAGE:
        folder = BUILD / "coverage"
        folder.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"\W+", "-", request.node.name)
        for number, rtl in enumerate(_chips):
            rtl.chip.write_coverage(folder / f"frontend-{name}-{number}.dat")
    _chips.clear()


def without(frame: StereoFrame, left: bool = False, right: bool = False) -> StereoFrame:
    """Return a frame that lacks images."""
    return StereoFrame(
        frame.t_ns, None if left else frame.left, None if right or left else frame.right
    )


def test_every_block_gives_the_words_of_the_golden_model(frames: list[StereoFrame]) -> None:
    """With a right image missing, a left one, and all tracks forgotten once."""
    twin = _twin()
    for k, frame in enumerate(frames):
        if k == 11:
            twin.reset()
        twin.track(without(frame, left=k == 6, right=k in (3, 11)), TURNS[k])
    assert [(r.index, r.different) for r in twin.results if r.different] == []
    seen = {name for r in twin.results for name in r.compared}
    # Two levels: the third one's words are not there.
    assert seen == set(PROBES) - {"pyramid level 2", "words level 2"}
    assert sum(r.keyframe for r in twin.results) >= 3
    assert twin.rtl.driver.faults() == ["right_missing"]
    figures = summary(twin.results)
    assert figures["equal"] == figures["frames"] == COUNT


def test_one_grey_level_in_one_pixel_is_found(frames: list[StereoFrame]) -> None:
    twin = _twin()
    twin.track(frames[0], TURNS[0])
    track = twin.rtl.track

    def spoilt(frame: StereoFrame, R: np.ndarray) -> object:
        assert frame.left is not None
        left = frame.left.copy()
        left[30, 40] ^= 1
        return track(StereoFrame(frame.t_ns, left, frame.right), R)

    twin.rtl.track = spoilt  # type: ignore[method-assign, assignment]
    twin.track(frames[1], TURNS[1])
    assert twin.results[0].different == []
    assert "pyramid level 1" in twin.results[1].different


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_what_has_no_reset_may_start_as_it_likes(frames: list[StereoFrame], seed: int) -> None:
    twin = _twin(seed)
    for frame, R in zip(frames[:7], TURNS, strict=False):
        twin.track(frame, R)
    assert [r.different for r in twin.results if r.different] == []
    assert twin.rtl.driver.faults() == []


@pytest.mark.parametrize("seed", [1, 77])
def test_stalls_on_all_streams_change_nothing(frames: list[StereoFrame], seed: int) -> None:
    twin = _twin()
    twin.rtl.chip.stall(seed)
    for frame, R in zip(frames[:8], TURNS, strict=False):
        twin.track(frame, R)
    assert [r.different for r in twin.results if r.different] == []


def test_the_next_frame_streams_in_while_tracks_are_followed(frames: list[StereoFrame]) -> None:
    """Begin each frame when the one before is in; its last pixel comes while that is worked on."""
    golden, rtl = FixedFrontEnd(RIG, CONFIG), _chip()
    rtl.offer(frames[0], TURNS[0])
    together = 0
    for k, frame in enumerate(frames):
        while not rtl.chip.idle:
            rtl.chip.run(50)
        if k + 1 < COUNT:
            # Late enough for the spare rows, and early enough to overlap with what follows.
            rtl.offer(frames[k + 1], TURNS[k + 1], delay=5600)
        start = rtl.chip.cycles
        found = rtl.collect(frame)
        assert not found.counters["flags"] & 2
        together += rtl.chip.cycles - start > 5700
        wanted = golden.track(frame, TURNS[k])
        assert different_fields(wanted, found) == []
    assert together >= COUNT // 2
    assert rtl.driver.faults() == []


def test_a_frame_that_finds_no_room_is_lost_as_a_whole(frames: list[StereoFrame]) -> None:
    """Frames at the greatest rate: the spare rows are full before the tracker has ended."""
    golden, rtl = FixedFrontEnd(RIG, CONFIG), _chip()
    rtl.offer(frames[0], TURNS[0])
    lost = 0
    for k, frame in enumerate(frames[:6]):
        while not rtl.chip.idle:
            rtl.chip.run(50)
        if k < 5:
            rtl.offer(frames[k + 1], TURNS[k + 1])
        found = rtl.collect(frame)
        missing = found.counters["flags"] & 2
        lost += bool(missing)
        wanted = golden.track(without(frame, left=bool(missing)), TURNS[k])
        assert different_fields(wanted, found) == []
    assert 1 <= lost <= 3
    assert "overflow" in rtl.driver.faults()


def test_a_third_frame_at_once_is_dropped_and_counted(frames: list[StereoFrame]) -> None:
    golden, rtl = FixedFrontEnd(RIG, CONFIG), _chip()
    tracks = [golden.track(frames[0], TURNS[0])]
    assert different_fields(tracks[0], rtl.track(frames[0], TURNS[0])) == []
    rtl.offer(frames[1], TURNS[1])
    while not rtl.chip.idle:
        rtl.chip.run(50)
    # Frame 1 is worked on; frame 2 is in the rings, or is lost there; frame 3 must wait: it cannot.
    rtl.offer(frames[2], TURNS[2])
    while not rtl.chip.idle:
        rtl.chip.run(10)
    before = rtl.driver.counters()["drops"]
    for camera, image in enumerate((frames[3].left, frames[3].right)):
        assert image is not None
        rtl.chip.image(camera, image)
    found = [rtl.collect(frames[1]), rtl.collect(frames[2])]
    assert different_fields(golden.track(frames[1], TURNS[1]), found[0]) == []
    lost = bool(found[1].counters["flags"] & 2)
    assert different_fields(golden.track(without(frames[2], left=lost), TURNS[2]), found[1]) == []
    while not rtl.chip.idle:
        rtl.chip.run(100)
    counters = rtl.driver.counters()
    assert counters["drops"] - before >= 1 or lost
    # The next one comes with the rotation since the last that was taken in.
    R = TURNS[4] @ TURNS[3]
    rtl.chip.run(PAUSE)
    assert different_fields(golden.track(frames[4], R), rtl.track(frames[4], R)) == []


def words_of(image: np.ndarray) -> np.ndarray:
    """Return the words of a whole image's stream."""
    words = image.astype(np.uint16)
    words[0, 0] |= START
    words[:, -1] |= END
    return words


def short_line(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a stream whose line 20 ends 5 pixels early, and the image that is made of it."""
    words, repaired = words_of(image), image.copy()
    repaired[20, -5:] = image[20, -6]
    flat = np.delete(words.reshape(-1), np.arange(21 * image.shape[1] - 5, 21 * image.shape[1]))
    flat[21 * image.shape[1] - 6] |= END
    return flat, repaired


def long_line(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a stream whose line 33 has 3 pixels more."""
    words = words_of(image)
    words[33, -1] &= ~np.uint16(END)
    more = np.array([7, 8, 9 | END], np.uint16)
    return np.insert(words.reshape(-1), 34 * image.shape[1], more), image


def missing_start(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a stream in which some pixels come before the start of frame."""
    words = words_of(image)
    return np.concatenate([words[5, :30], words.reshape(-1)]), image


FAULTS = {"short": short_line, "long": long_line, "start": missing_start}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_faulty_stream_is_repaired_and_said(
    frames: list[StereoFrame], fault: str, side: str
) -> None:
    """The tracks are those of the repaired image; the next frame is as if nothing had been."""
    make: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] = FAULTS[fault]
    golden, rtl = FixedFrontEnd(RIG, CONFIG), _chip()
    for k in range(3):
        frame = frames[k]
        assert frame.left is not None
        assert frame.right is not None
        # The first frame is a keyframe: its right image is matched. What comes before the first
        # start of all is no fault: cameras may stream when the chip is enabled.
        if k != int(fault == "start"):
            wanted = golden.track(frame, TURNS[k])
            assert different_fields(wanted, rtl.track(frame, TURNS[k])) == []
            continue
        images = {"left": frame.left, "right": frame.right}
        words, repaired = make(images[side])
        streams = {name: words_of(image) for name, image in images.items()} | {side: words}
        rtl.driver.begin_frame(k, TURNS[k])
        rtl._offered = k + 1
        for camera, name in enumerate(("left", "right")):
            rtl.chip.words(camera, streams[name])
        images[side] = repaired
        changed = StereoFrame(frame.t_ns, images["left"], images["right"])
        found = rtl.collect(changed)
        assert different_fields(golden.track(changed, TURNS[k]), found) == []
        assert bool(found.counters["flags"] & 8) == (fault != "start")
        assert rtl.driver.faults() == [f"{fault}_{side}"]


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("how", ["cut", "mark", "stop"])
def test_an_image_that_breaks_off_is_lost_and_the_next_frame_is_whole(
    frames: list[StereoFrame], side: str, how: str
) -> None:
    """Cut by the next start of frame, by the mark of a full queue, or because nothing comes."""
    golden, rtl = FixedFrontEnd(RIG, CONFIG), _chip()
    frame = frames[0]
    assert frame.left is not None
    assert frame.right is not None
    images = {"left": frame.left, "right": frame.right}
    part = words_of(images[side])[:40].reshape(-1)
    if how == "mark":
        part = np.append(part, np.uint16(BROKEN | 1))
    rtl.driver.begin_frame(0, TURNS[0])
    rtl._offered = 1
    for camera, name in enumerate(("left", "right")):
        rtl.chip.words(camera, part if name == side else words_of(images[name]))
    rtl.chip.run(80_000 if how == "stop" else 12_000)
    before = rtl.driver.counters()["drops"]
    rtl.offer(frames[1], TURNS[1])
    found, second = rtl.collect(frame), rtl.collect(frames[1])
    lost = without(frame, left=side == "left", right=True)
    assert different_fields(golden.track(lost, TURNS[0]), found) == []
    assert bool(found.counters["flags"] & 2) == (side == "left")
    assert found.counters["flags"] & 4 == 0
    # A right image that is cut by the next one ends as late as that begins: the keyframe is worked
    # on then, and as it has no right image, that of the next frame goes in.
    assert second.counters["flags"] & 14 == 4
    assert different_fields(golden.track(frames[1], TURNS[1]), second) == []
    rtl.chip.run(PAUSE)
    assert f"{'stop' if how == 'stop' else 'cut'}_{side}" in rtl.driver.faults()
    drops = rtl.driver.counters()["drops"]
    assert drops == (side == "left")
    assert before == drops * (how != "cut")
    wanted = golden.track(frames[2], TURNS[2])
    assert different_fields(wanted, rtl.track(frames[2], TURNS[2])) == []


def test_a_frame_without_its_set_is_refused_counted_and_changes_no_figure(
    frames: list[StereoFrame],
) -> None:
    """Its latency neither: that of the next frame is as if it had not come."""
    golden, rtl = FixedFrontEnd(RIG, CONFIG), _chip()
    assert different_fields(golden.track(frames[0], TURNS[0]), rtl.track(frames[0], TURNS[0])) == []
    for camera, image in enumerate((frames[1].left, frames[1].right)):
        assert image is not None
        rtl.chip.image(camera, image)
    rtl.chip.run(20_000)
    assert rtl.driver.faults() == ["drop", "unarmed"]
    assert rtl.driver.counters()["drops"] == 1
    found = rtl.track(frames[1], TURNS[1])
    assert different_fields(golden.track(frames[1], TURNS[1]), found) == []
    latency = rtl.driver.counters()["latency"]
    assert found.counters["cycles"] <= latency < found.counters["cycles"] + 20_000
    assert rtl.driver.faults() == []


def test_the_status_is_that_of_one_frame(frames: list[StereoFrame]) -> None:
    """Read again and again while the next frame is worked on: it changes once, all at once."""
    rtl = _chip()
    seen: list[tuple[int, ...]] = []
    last = -1
    for k in range(5):
        rtl.offer(frames[k], TURNS[k])
        for _ in range(1200):
            status, number = rtl.driver.read("status"), rtl.driver.read("done_frame")["done_frame"]
            if number != last:  # two reads: they may lie on either side of the change
                status, last = rtl.driver.read("status"), number
            word = (number, status["keyframe"], status["tracks"])
            if not seen or seen[-1] != word:
                seen.append(word)
            rtl.chip.run(20)
        found = rtl.collect(frames[k])
        assert seen[-1] == (k, int(found.is_keyframe), len(found.ids))
    numbers = [number for number, *_ in seen]
    assert len(set(seen)) == len(seen) <= 6, seen
    assert numbers == sorted(numbers)


def test_latency_and_cycles_of_a_packet_count_every_cycle_from_the_last_pixel(
    frames: list[StereoFrame],
) -> None:
    """Counted here cycle by cycle: of a frame without a corner (three words), and of another."""
    rtl = _chip()
    flat = np.full((CONFIG.hw.max_height, CONFIG.hw.max_width), 77, np.uint8)
    for k, frame in enumerate((StereoFrame(0, flat, flat), frames[0])):
        rtl.offer(frame, TURNS[0])
        while not rtl.chip.idle:
            rtl.chip.run(1)
        last_pixel = rtl.chip.cycles
        words = None
        while words is None:
            try:
                words = rtl.chip.packet(limit=1)
            except VioError:  # not yet, after one cycle more
                assert rtl.chip.cycles < last_pixel + 200_000
        # A pixel passes frame_guard a cycle after it was taken.
        latency = rtl.chip.cycles - last_pixel - 1
        assert rtl.driver.counters()["latency"] == latency
        assert (len(words) == 3) == (k == 0)
        # The header is made in the cycle before its first word; a word a cycle leaves.
        assert k == 1 or int(words[2]) == latency - len(words)
        assert int(words[2]) < latency


def test_forgetting_is_done_before_the_next_frame_though_frames_follow_at_once(
    frames: list[StereoFrame],
) -> None:
    """The next frame always streams in already: never is there a cycle without one."""
    golden, rtl = FixedFrontEnd(RIG, CONFIG), _chip()
    rtl.offer(frames[0], TURNS[0])
    for k in range(8):
        while not rtl.chip.idle:
            rtl.chip.run(50)
        rtl.offer(frames[k + 1], TURNS[k + 1], delay=200)
        if k == 3:
            rtl.chip.run(400)  # frame 4 streams in, frame 3 is worked on
            rtl.driver.forget()
        found = rtl.collect(frames[k])
        lost = bool(found.counters["flags"] & 2)
        if k == 4:
            assert rtl.driver.read("request") == {"forget": 0, "skip": 0}
            golden.reset()
        assert different_fields(golden.track(without(frames[k], left=lost), TURNS[k]), found) == []


def test_a_reset_in_mid_frame_leaves_nothing_behind(frames: list[StereoFrame]) -> None:
    rtl = _chip()
    rtl.track(frames[0], TURNS[0])
    rtl.driver.begin_frame(1, TURNS[1])
    assert frames[1].left is not None
    rtl.chip.words(0, words_of(frames[1].left)[:20])
    while not rtl.chip.idle:
        rtl.chip.run(100)
    rtl.driver.write("reset", reset=1)
    rtl.chip.run(100)
    rtl.driver.configure()
    golden = FixedFrontEnd(RIG, CONFIG)
    rtl._offered, rtl._frame_index = 0, -1
    for k in range(3):
        wanted = golden.track(frames[k], TURNS[k])
        assert different_fields(wanted, rtl.track(frames[k], TURNS[k])) == []


def test_settings_written_while_a_frame_streams_in_are_for_the_next(
    frames: list[StereoFrame],
) -> None:
    golden, rtl = FixedFrontEnd(RIG, CONFIG), _chip()
    rtl.offer(frames[0], TURNS[0])
    rtl.chip.run(3000)
    for name, value in (("max_tracks", 5), ("draws", 3), ("correlation_min", 60000)):
        rtl.driver.write(name, **{name: value})
    wanted = golden.track(frames[0], TURNS[0])
    assert different_fields(wanted, rtl.collect(frames[0])) == []


def test_the_library_is_refused_for_what_the_hardware_cannot_do() -> None:
    config = load_config("tiny", ["hw.codec_upper=dct20"])
    with pytest.raises(VioError, match="dct20"):
        RtlFrontEnd(RIG, config)
