# SPDX-License-Identifier: Apache-2.0
"""Compile what a run calls before it begins, front end and back end in a process each.

numba compiles a function when it is first called, one at a time in a process. The first run of a
version would spend most of its time so, on one core. Compiled code is kept in numba's cache, where
the run finds it.
"""

import fcntl
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from vio.camera import Camera, StereoRig
from vio.config import Config
from vio.data import StereoFrame, Tracks
from vio.errors import VioError
from vio.exits import EXIT_DEFECT

FRAMES = 60  # of the back end's input: until landmarks and states have left the window
IMU_PER_FRAME = 10
STEP_NS = 50_000_000
POINTS = 90
DEPTH_M = 3.0  # of the picture before the cameras
MARGIN = 80  # of the picture beyond the image, pixels: more than it moves
COMPILED_FRONT_ENDS = ("float", "fixed")  # opencv and replay have few kernels, rtl none
COMPILED_ARITHMETIC = ("float", "float32")  # the others need tools


def needs_warm_up(config: Config) -> bool:
    """Return whether what a configuration calls may have to be compiled."""
    mark = _mark(config)
    return mark is not None and not mark.exists()


def warm_up(config: Config) -> None:
    """Compile the kernels of a configuration into the cache, unless that has been done.

    A process that finds another one at it waits for its end. Whatever goes wrong is left to the
    run, which then compiles by itself.
    """
    mark = _mark(config)
    if mark is None or mark.exists():
        return
    with suppress(OSError), _one_at_a_time(mark.parent):
        if not mark.exists() and _in_processes(_parts(config), config):
            mark.touch()


def _parts(config: Config) -> list[Callable[[Config], None]]:
    """Return the parts of a configuration, the longer one first."""
    parts: list[Callable[[Config], None]] = [run_back_end]
    if config.frontend.engine in COMPILED_FRONT_ENDS:
        parts.append(run_front_end)
    return parts


def _mark(config: Config) -> Path | None:
    """Return the file that tells that a configuration's kernels are compiled; None: no cache."""
    folder = os.environ.get("NUMBA_CACHE_DIR")
    if not folder or config.backend.arithmetic not in COMPILED_ARITHMETIC:
        return None
    if config.backend.imu == "rtl":
        return None
    backend = [v for v in vars(config.backend).values() if isinstance(v, str)]
    bounds = os.environ.get("NUMBA_BOUNDSCHECK", "0")
    return Path(folder) / "-".join(["compiled", config.frontend.engine, *backend, bounds])


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait until no other process compiles into a folder; raises OSError without a lock."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "compiling.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _in_processes(parts: Sequence[Callable[[Config], None]], config: Config) -> bool:
    """Return whether all parts have run to their end, each in a process."""
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_silently, args=(part, config), daemon=True) for part in parts
    ]
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.join()
    finally:
        for process in processes:
            if process.is_alive():
                process.kill()
                process.join()
    return all(process.exitcode == 0 for process in processes)


def _silently(part: Callable[[Config], None], config: Config) -> None:
    """Run a part; end this process with its code, and without a word."""
    import signal

    from vio.workers import set_thread_count

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    set_thread_count(1)
    code = 0
    try:
        part(config)
    except Exception:
        code = EXIT_DEFECT
    os._exit(code)


# What the kernels are called with: types and layouts count, the values hardly do ---------------


def run_front_end(config: Config) -> None:
    """Call every kernel of a front end: a moving picture before both cameras.

    Both see the same picture, shifted as in the middle of the image; there they find matches.
    """
    from vio.engines import make_frontend
    from vio.render.calibration import euroc_rig

    rig = euroc_rig()
    front_end = make_frontend(rig, config)
    middle = np.array([0.0, 0.0, DEPTH_M, 1.0])
    x, y, z = (rig.T_right_left @ middle)[:3]
    pair = (
        rig.left.project(np.zeros((1, 2)))[0],
        rig.right.project(np.array([[x / z, y / z]]))[0],
    )
    texture = _texture(rig.left.height + 2 * MARGIN, rig.left.width + 2 * MARGIN)
    keyframes = 0
    for k in range(40):
        left, right = (
            _cut(texture, rig, np.rint(MARGIN + k + pair[0] - uv).astype(int)) for uv in pair
        )
        keyframes += front_end.track(StereoFrame(k * STEP_NS, left, right), np.eye(3)).is_keyframe
        if keyframes > 2:  # matches are verified against those of the keyframe before
            break


def _texture(height: int, width: int) -> np.ndarray:
    """Return smooth noise (height, width) uint8, which has corners."""
    noise = np.random.default_rng(1).normal(size=(height + 8, width + 8))
    for axis in (0, 1):
        total = np.cumsum(noise, axis=axis)
        size = noise.shape[axis] - 8
        noise = np.take(total, range(8, size + 8), axis) - np.take(total, range(size), axis)
    return np.clip(128.0 + 6.0 * noise, 0.0, 255.0).astype(np.uint8)


def _cut(texture: np.ndarray, rig: StereoRig, start: np.ndarray) -> np.ndarray:
    column, row = start
    window = texture[row : row + rig.left.height, column : column + rig.left.width]
    return np.ascontiguousarray(window)


def run_back_end(config: Config) -> None:
    """Run the odometry on ideal tracks of points before a swaying rig."""
    from vio.engines import make_odometry
    from vio.imu import ImuNoise
    from vio.render.calibration import euroc_rig

    rig = euroc_rig()
    plain = replace(config, frontend=replace(config.frontend, engine="float"))
    odometry = make_odometry(rig, ImuNoise(), plain, frontend=_IdealTracks(rig))
    image = np.zeros((rig.left.height, rig.left.width), np.uint8)
    step_ns = STEP_NS // IMU_PER_FRAME
    for k in range(FRAMES * IMU_PER_FRAME):
        t_ns = k * step_ns
        odometry.add_imu(t_ns, np.zeros(3), sway(t_ns * 1e-9, 2) + np.array([0.0, 0.0, 9.81]))
        if k and k % IMU_PER_FRAME == 0:
            with suppress(VioError):  # an odd configuration may refuse what suits the others
                odometry.add_frame(StereoFrame(t_ns, image, image))
    odometry.landmarks()
    odometry.finish()


def sway(t_s: float, derivative: int = 0) -> np.ndarray:
    """Return the body's position (3,) in the world, metres, or a derivative of it."""
    rate = np.array([3.1, 2.3, 1.7])
    phase = rate * t_s + 0.5 * np.pi * derivative
    return np.array([0.25, 0.2, 0.15]) * rate**derivative * np.sin(phase)


class _IdealTracks:
    """A front end that knows where its points are; they are new ones after some frames."""

    def __init__(self, rig: StereoRig) -> None:
        self.rig = rig
        rng = np.random.default_rng(2)
        rays = rng.uniform((-0.6, -0.4), (0.6, 0.4), (POINTS, 2))
        points = np.column_stack([rays, np.ones(POINTS)]) * rng.uniform(2.0, 6.0, (POINTS, 1))
        T = rig.left.T_body_cam
        self._points = points @ T[:3, :3].T + T[:3, 3]
        self._index = -1

    def track(self, frame: StereoFrame, R_cam_prev: np.ndarray) -> Tracks:
        """Return the points as both cameras see them (see `FrontEnd.track`)."""
        self._index += 1
        body = self._points - sway(frame.t_ns * 1e-9)
        life = 12 + np.arange(POINTS) % 9
        ids = np.arange(POINTS) + POINTS * (self._index // life)
        order = np.argsort(ids)
        left, right = (_pixels(camera, body)[order] for camera in (self.rig.left, self.rig.right))
        right[ids[order] % 3 == 0] = np.nan  # never matched: triangulated over time
        return Tracks(
            frame_index=self._index,
            t_ns=frame.t_ns,
            ids=ids[order].astype(np.int64),
            uv_left=left,
            uv_right=right,
            age=(1 + self._index % life)[order].astype(np.int32),
            quality=np.ones(POINTS, np.float32),
            is_keyframe=self._index % 4 == 0,
        )

    def reset(self) -> None:
        """Forget nothing: the points stay where they are."""


def _pixels(camera: Camera, body: np.ndarray) -> np.ndarray:
    """Return the pixels (N, 2) of points (N, 3) in the body frame."""
    T = camera.T_body_cam
    local = (body - T[:3, 3]) @ T[:3, :3]
    return camera.project(local[:, :2] / local[:, 2:])
