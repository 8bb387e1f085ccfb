# SPDX-License-Identifier: Apache-2.0
"""Feed the odometry from a live source: samples in real time, late, and out of order.

    python examples/live.py RECORDING [--speed 1.0]

Two threads play a recording as its sensors would have sent it: each inertial sample and each
frame appears when its time has come, frames 15 to 40 ms later (exposure, transfer), and now and
then an inertial sample arrives after younger ones. What a driver has to do is small, and all of
it is in `Sorter`: hold inertial samples until older ones can no longer come, and hold a frame until
the inertial samples cover its time. The odometry does the rest (vio/odometry.py states its rules).
"""

import argparse
import heapq
import queue
import random
import threading
import time
from collections import deque
from collections.abc import Iterator

import numpy as np

from vio import make_odometry
from vio.config import load_config
from vio.data import StereoFrame
from vio.datasets import open_dataset
from vio.datasets.base import Dataset

HOLD_NS = 20_000_000  # an inertial sample is at most this much older than one that came before it
SHUFFLE_SAMPLES = 3  # of the simulated transport: the latest a sample comes, in samples

ImuSample = tuple[int, np.ndarray, np.ndarray]


class Player:
    """Play a recording into a queue, in real time divided by `speed`; None marks the end."""

    def __init__(self, dataset: Dataset, speed: float, seed: int = 1) -> None:
        self.queue: queue.Queue[ImuSample | StereoFrame | None] = queue.Queue(maxsize=4000)
        self._dataset = dataset
        self._speed = speed
        self._start_ns = min(int(dataset.imu.t_ns[0]), int(dataset.frame_t_ns[0]))
        self._start_s = time.monotonic()
        self._random = random.Random(seed)
        self._threads = [
            threading.Thread(target=play, daemon=True)
            for play in (self._play_imu, self._play_frames)
        ]
        for thread in self._threads:
            thread.start()
        threading.Thread(target=self._end, daemon=True).start()

    def now_ns(self) -> int:
        """Return the sensors' time."""
        return self._start_ns + int((time.monotonic() - self._start_s) * self._speed * 1e9)

    def _wait_until(self, t_ns: int) -> None:
        time.sleep(max(0.0, (t_ns - self.now_ns()) / 1e9 / self._speed))

    def _play_imu(self) -> None:
        imu = self._dataset.imu
        order = list(range(len(imu)))
        for i in range(0, len(order) - SHUFFLE_SAMPLES, 50):  # a sample in 50 is overtaken
            order.insert(i + self._random.randint(1, SHUFFLE_SAMPLES), order.pop(i))
        for i in order:
            self._wait_until(int(imu.t_ns[i]))
            self.queue.put((int(imu.t_ns[i]), imu.gyro_rad_s[i], imu.accel_m_s2[i]))

    def _play_frames(self) -> None:
        for frame in self._dataset.frames():
            self._wait_until(frame.t_ns + self._random.randint(15_000_000, 40_000_000))
            self.queue.put(frame)

    def _end(self) -> None:
        for thread in self._threads:
            thread.join()
        self.queue.put(None)


class Sorter:
    """Put what arrives into an order that the odometry accepts."""

    def __init__(self) -> None:
        self._imu: list[tuple[int, int, ImuSample]] = []
        self._frames: deque[StereoFrame] = deque()
        self._count = 0
        self._newest_ns = 0
        self._released_ns = 0

    def add(self, item: ImuSample | StereoFrame) -> Iterator[ImuSample | StereoFrame]:
        """Accept what arrived; yield what may now be passed on."""
        if isinstance(item, StereoFrame):
            self._frames.append(item)
        else:
            self._count += 1  # settles ties, so that the heap never compares arrays
            heapq.heappush(self._imu, (item[0], self._count, item))
            self._newest_ns = max(self._newest_ns, item[0])
        yield from self._release(self._newest_ns - HOLD_NS)

    def flush(self) -> Iterator[ImuSample | StereoFrame]:
        """Yield what is left, when nothing more will come."""
        yield from self._release(self._newest_ns)
        yield from self._frames

    def _release(self, until_ns: int) -> Iterator[ImuSample | StereoFrame]:
        while True:
            # The oldest frame goes as soon as the samples that went before cover its time.
            while self._frames and self._frames[0].t_ns <= self._released_ns:
                yield self._frames.popleft()
            if not self._imu or self._imu[0][0] > until_ns:
                return
            self._released_ns, _, sample = heapq.heappop(self._imu)
            yield sample


def main() -> None:
    """Play a recording and print where the body is, once a second."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recording", help="a recording: EuRoC layout or a bag")
    parser.add_argument("--speed", type=float, default=1.0, help="times real time (default: 1)")
    args = parser.parse_args()

    dataset = open_dataset(args.recording)
    odometry = make_odometry(dataset.rig, dataset.imu_noise, load_config("euroc"))
    player = Player(dataset, args.speed)
    sorter = Sorter()
    state = None
    printed_ns = 0

    while True:
        arrived = player.queue.get()
        for item in sorter.flush() if arrived is None else sorter.add(arrived):
            if not isinstance(item, StereoFrame):
                odometry.add_imu(*item)  # returns a pose at the rate of the IMU: control with it
                continue
            state = odometry.add_frame(item)
            if state.t_ns - printed_ns >= 1_000_000_000:
                printed_ns = state.t_ns
                delay_ms = (player.now_ns() - state.t_ns) / 1e6 / args.speed
                position = "no pose yet"
                if state.p_world_body is not None:
                    position = "p = ({:+.3f}, {:+.3f}, {:+.3f}) m".format(*state.p_world_body)
                print(
                    f"{state.frame_index:5d} {state.status:<12} {position}  {delay_ms:.0f} ms old"
                )
        if arrived is None:
            break
    assert state is not None
    x, y, z = (0.0, 0.0, 0.0) if state.p_world_body is None else state.p_world_body
    print(f"end: {state.frame_index + 1} frames, {x:.9f} {y:.9f} {z:.9f}, {odometry.counters}")


if __name__ == "__main__":
    main()
