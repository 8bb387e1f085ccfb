# SPDX-License-Identifier: Apache-2.0
"""rtl/frontend.v with one camera equals the golden model: no right image is waited for or taken."""

from sim.needs import needs_verilator
from sim.test_frontend import CONFIG, RIG, TURNS, frames, without
from vio.camera import StereoRig
from vio.data import StereoFrame, Tracks
from vio.fixed.frontend import FixedFrontEnd
from vio.hw.cosim.engine import RtlFrontEnd
from vio.hw.cosim.equivalence import PairedFrontEnd, different_fields
from vio.hw.registers.driver import TIMEOUT_CYCLES

pytestmark = needs_verilator
__all__ = ["frames"]  # the fixture
ONE = StereoRig(RIG.left, RIG.left)


def test_every_block_gives_the_words_of_the_golden_model(frames: list[StereoFrame]) -> None:
    twin = PairedFrontEnd(ONE, CONFIG)
    for k, frame in enumerate(frames):
        twin.track(without(frame, left=k == 6, right=True), TURNS[k])
    assert [(r.index, r.different) for r in twin.results if r.different] == []
    assert sum(r.keyframe for r in twin.results) >= 2
    assert {"tracker", "mono RANSAC", "corners"} <= {n for r in twin.results for n in r.compared}
    assert twin.rtl.driver.faults() == []


def test_a_right_camera_that_streams_is_left_out(frames: list[StereoFrame]) -> None:
    golden, rtl = FixedFrontEnd(ONE, CONFIG), RtlFrontEnd(ONE, CONFIG)
    for k, frame in enumerate(frames[:8]):
        wanted = golden.track(without(frame, right=True), TURNS[k])
        assert different_fields(wanted, rtl.track(frame, TURNS[k])) == []
    assert rtl.driver.faults() == []
    assert rtl.driver.counters()["stereo_columns"] == 0


def test_a_frame_does_not_wait_for_a_second_camera(frames: list[StereoFrame]) -> None:
    cycles = []
    for rig in (ONE, RIG):
        rtl = RtlFrontEnd(rig, CONFIG)
        before = rtl.chip.cycles
        rtl.track(without(frames[0], right=True), TURNS[0])
        cycles.append(rtl.chip.cycles - before)
    assert cycles[1] - cycles[0] >= TIMEOUT_CYCLES // 2


def test_at_rest_only_two_cameras_make_keyframes_of_age(frames: list[StereoFrame]) -> None:
    """As in the float engine: with one camera, depths come from parallax between keyframes."""

    def still(rig: StereoRig, right: bool) -> list[Tracks]:
        golden, rtl = FixedFrontEnd(rig, CONFIG), RtlFrontEnd(rig, CONFIG)
        out = []
        for k in range(14):
            frame = StereoFrame(k * 50_000_000, frames[0].left, frames[0].right if right else None)
            out.append(rtl.track(frame, TURNS[0]))
            assert different_fields(golden.track(frame, TURNS[0]), out[-1]) == []
        return out

    one, two = still(ONE, False), still(RIG, True)
    assert [t.is_keyframe for t in one] == [True] + [False] * 13
    assert sum(t.is_keyframe for t in two) >= 2
