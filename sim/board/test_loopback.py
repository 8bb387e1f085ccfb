# SPDX-License-Identifier: Apache-2.0
"""The whole board of a small chip: images over the cameras' buses in, tracks over SPI out.

Driver and link are those of a host's program; the board's answers are those of engine `rtl`.
"""

from pathlib import Path

import cocotb
import numpy as np
import pytest
from cocotb.task import bridge, resume
from cocotb.triggers import RisingEdge

from sim.board.host import start_board
from sim.cameras import Camera
from sim.needs import needs_verilator
from sim.runner import simulate
from tests.plane_scene import PlaneScene, make_rig, path, rotations
from vio.config import Config, load_config
from vio.data import StereoFrame
from vio.hw.cosim.engine import RtlFrontEnd, packet_tracks
from vio.hw.cosim.equivalence import different_fields
from vio.hw.registers.driver import Driver
from vio.hw.registers.link import PACKET, Link, Packet

CONFIG: Config = load_config("tiny")
RIG = make_rig(CONFIG.hw.max_width, CONFIG.hw.max_height, 160.0)
COUNT = 50
POSES = path(COUNT)
TURNS = rotations(POSES)
PERIOD = 50_000  # cycles from frame to frame: the cameras take 16,000, the chip some thousand
POLLS = 2000
LONGEST = 60.0  # ms of simulated time


def _frames() -> list[StereoFrame]:
    scene = PlaneScene(rig=RIG)
    return [scene.frame(k, pose) for k, pose in enumerate(POSES)]


def _program(link: Link) -> list[Packet]:
    """Do what a host does: set up, then a frame's own registers, its packet, and the next."""
    driver = Driver(link.read32, link.write32, CONFIG, RIG)
    driver.configure()
    driver.begin_frame(0, TURNS[0])
    link.trigger(PERIOD, 100)
    packets: list[Packet] = []
    while len(packets) < COUNT:
        for _ in range(POLLS):
            if link.status() & PACKET:
                break
        if len(packets) + 1 < COUNT:  # the next frame begins while this one's packet is read
            driver.begin_frame(len(packets) + 1, TURNS[len(packets) + 1])
        else:
            link.trigger(0)
        packet = link.packet()
        assert packet is not None, f"no packet of frame {len(packets)}"
        packets.append(packet)
    assert driver.faults() == []
    assert link.packet() is None
    return packets


@cocotb.test(timeout_time=LONGEST, timeout_unit="ms")
async def images_in_give_tracks_out(dut) -> None:
    frames = _frames()

    async def expose(camera: Camera, side: str) -> None:
        for frame in frames:
            await RisingEdge(dut.camera_trigger)
            image = getattr(frame, side)
            await camera.frame(list(image))

    for side in ("left", "right"):
        cocotb.start_soon(expose(Camera(dut, f"{side}_"), side))
    host = await start_board(dut)
    transfer = resume(host.transfer)
    packets = await bridge(lambda: _program(Link(lambda data: bytes(transfer(list(data))))))()
    lengths = [len(p.words) for p in packets]
    np.savez(
        str(cocotb.plusargs["packets"]),
        words=np.concatenate([p.words for p in packets]),
        lengths=np.array(lengths),
        begins=np.array([p.begin_cycle for p in packets]),
    )


@pytest.mark.slow
@needs_verilator
def test_fifty_frames_through_the_board_are_those_of_engine_rtl(tmp_path: Path) -> None:
    saved = tmp_path / "packets.npz"
    simulate(
        "board",
        __name__,
        parameters={"FRONT_END": 1},
        plusargs={"packets": str(saved)},
        preset="tiny",
    )
    found = np.load(saved)
    packets = np.split(found["words"], np.cumsum(found["lengths"])[:-1])
    assert len(packets) == COUNT
    # The trigger's period, but for a pixel's clock and its crossing.
    assert np.abs(np.diff(found["begins"]) - PERIOD).max() <= 4
    rtl = RtlFrontEnd(RIG, CONFIG)
    keyframes = matched = 0
    for k, (frame, words) in enumerate(zip(_frames(), packets, strict=True)):
        wanted = rtl.track(frame, TURNS[k])
        tracks = packet_tracks(words, frame, k, CONFIG.hw.coord_frac, {}, {})
        assert different_fields(wanted, tracks) == [], k
        keyframes += tracks.is_keyframe
        matched += int(np.isfinite(tracks.uv_right[:, 0]).sum())
    assert keyframes >= 5
    assert matched > 50
