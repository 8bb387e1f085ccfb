# SPDX-License-Identifier: Apache-2.0
"""The work of a frame: what the golden model counted, or the bounds that the sizes give."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from vio.config import Config
from vio.data import StereoFrame, Tracks
from vio.datasets.base import Dataset
from vio.errors import VioError
from vio.frontend.base import FrontEnd
from vio.frontend.klt import LOST_REASONS
from vio.odometry import MakeOdometry, run

REFETCHES = 0.006  # of a window, all levels: measured on MH_01_easy (docs/chip/budgets.md)
STEREO_ITERATIONS = 10  # bound of the stereo refinement (vio.fixed.stereo)


@dataclass(frozen=True)
class FrameWork:
    """Hold the counted work of one frame, or the mean of many.

    windows: tracks that went into the tracker; iterations: of all of them, by level from the
    finest; tracked: left after it; verified: left after the mono RANSAC; corners: new ones; tracks:
    at the end; refetches: regions read again because the window left them. Stereo, 0 but for
    keyframes: matched tracks, searched columns, iterations of the refinement.
    """

    windows: float
    iterations: tuple[float, ...]
    tracked: float
    verified: float
    corners: float
    tracks: float
    stereo_matched: float
    stereo_columns: float
    stereo_iterations: float
    refetches: float = 0.0
    keyframe: float = 0.0  # 1 for a keyframe

    @property
    def stereo_tracks(self) -> float:
        """Tracks that stereo is searched for: none without a right image."""
        return self.tracks * self.keyframe if self.stereo_columns else 0.0


def frame_work(tracks: Tracks, levels: int) -> FrameWork:
    """Return the work of a frame of the engine `fixed` from its counters."""
    c = tracks.counters
    tracked = c.get("tracked", 0)
    windows = tracked + sum(c.get(f"lost_{reason}", 0) for reason in LOST_REASONS.values())
    return FrameWork(
        windows=windows,
        iterations=tuple(c.get(f"iterations_level{level}", 0) for level in range(levels)),
        tracked=tracked,
        verified=tracked - c.get("lost_ransac", 0),
        corners=c.get("detected", 0),
        tracks=len(tracks.ids),
        stereo_matched=c.get("stereo_matched", 0),
        stereo_columns=c.get("stereo_columns", 0),
        stereo_iterations=c.get("stereo_iterations", 0),
        refetches=REFETCHES * windows,
        keyframe=float(tracks.is_keyframe),
    )


def mean_work(works: Sequence[FrameWork]) -> FrameWork:
    """Return the mean of one or more frames' work."""
    values: dict[str, float] = {
        f.name: float(np.mean([getattr(w, f.name) for w in works]))
        for f in fields(FrameWork)
        if f.name != "iterations"
    }
    iterations = np.mean([w.iterations for w in works], axis=0)
    return FrameWork(iterations=tuple(float(x) for x in iterations), **values)


def worst_work(config: Config, keyframe: bool) -> FrameWork:
    """Return the most that one frame can ask for within the settings' bounds."""
    c, hw = config.frontend, config.hw
    n = c.max_tracks
    stereo = n if keyframe and not config.dataset.mono else 0
    # Every window runs to its last iteration on every level, and all tracks survive. On a keyframe
    # all of them might be replaced as well; selection is charged for a full table of new corners.
    return FrameWork(
        windows=n,
        iterations=(n * c.max_iterations,) * c.levels,
        tracked=n,
        verified=n,
        corners=n if keyframe else 0,
        tracks=n,
        stereo_matched=stereo,
        stereo_columns=stereo * hw.search_columns,
        stereo_iterations=stereo * min(STEREO_ITERATIONS, c.max_iterations),
        refetches=n * c.levels * (c.max_iterations - 1),  # a window may leave its region each time
        keyframe=float(keyframe),
    )


@dataclass(frozen=True)
class MeasuredWork:
    """Hold the work of a recording: frames that tracked something, by kind."""

    dataset: str
    frames: int
    tracking: list[FrameWork]
    keyframes: list[FrameWork]

    @property
    def tracking_per_keyframe(self) -> float:
        """Tracking frames that come with one keyframe."""
        return len(self.tracking) / len(self.keyframes)

    def mean(self, keyframe: bool) -> FrameWork:
        """Return the mean work of a kind of frame."""
        return mean_work(self.keyframes if keyframe else self.tracking)


def measure_work(
    dataset: Dataset,
    config: Config,
    make_odometry: MakeOdometry,
    until_ns: int | None = None,
    on_frame: Callable[[int], None] = lambda done: None,
) -> MeasuredWork:
    """Run the odometry on the golden model and return its work.

    Frames without a window to follow (the first one) are left out of the lists. make_odometry:
    `vio.make_odometry`. until_ns: stop after the last frame not later than this. Raises VioError
    when a kind of frame never occurs.
    """
    from vio.fixed.frontend import FixedFrontEnd

    recorder = _Recorder(FixedFrontEnd(dataset.rig, config), config.frontend.levels, on_frame)
    odometry = make_odometry(dataset.rig, dataset.imu_noise, config, frontend=recorder)
    for _ in run(dataset, odometry, until_ns):
        pass
    tracking = [w for w in recorder.works if w.windows > 0 and not w.keyframe]
    keyframes = [w for w in recorder.works if w.windows > 0 and w.keyframe]
    if not tracking or not keyframes:
        raise VioError(
            f"{dataset.name}: {len(recorder.works)} frames hold {len(tracking)} tracking frames "
            f"and {len(keyframes)} keyframes after the first; both are needed: run longer (--until)"
        )
    return MeasuredWork(dataset.name, len(recorder.works), tracking, keyframes)


class _Recorder:
    """Pass frames on to a front end and keep each one's work (protocol `FrontEnd`)."""

    def __init__(self, inner: FrontEnd, levels: int, on_frame: Callable[[int], None]) -> None:
        self.works: list[FrameWork] = []
        self._inner = inner
        self._levels = levels
        self._on_frame = on_frame

    def track(self, frame: StereoFrame, R_cam_prev: np.ndarray) -> Tracks:
        """Process one frame."""
        tracks = self._inner.track(frame, R_cam_prev)
        self.works.append(frame_work(tracks, self._levels))
        self._on_frame(len(self.works))
        return tracks

    def reset(self) -> None:
        """Forget all tracks."""
        self._inner.reset()
