# SPDX-License-Identifier: Apache-2.0
"""From frames to evidence, and from levels of effort to settings of both ends."""

from dataclasses import replace

import numpy as np

from vio.adaptive import Decision, Evidence, Level, Policy, Vision
from vio.backend.estimator import Estimator
from vio.config import Config
from vio.data import State, Status
from vio.errors import VioError
from vio.frontend.base import AdaptiveFrontEnd, FrontEnd

VELOCITY = slice(6, 9)  # of a State's covariance


def settings_at(config: Config, level: Level, tracks: int = 0) -> Config:
    """Return the settings of a level: those of `config` with less effort.

    tracks: in the table. The register `max_tracks` is not set below them, which would only mean
    once more that there is no room.
    """
    a, c, rules, window = config.adaptive, config.frontend, config.keyframe, config.backend
    if level is not Level.FULL:
        is_rest = level is Level.REST
        c = replace(
            c,
            max_tracks=min(c.max_tracks, a.rest_tracks if is_rest else a.cruise_tracks),
            max_iterations=min(
                c.max_iterations, a.rest_iterations if is_rest else a.cruise_iterations
            ),
        )
        rules = replace(
            rules,
            max_parallax_px=max(
                rules.max_parallax_px, a.rest_parallax_px if is_rest else a.cruise_parallax_px
            ),
            min_alive=min(rules.min_alive, a.rest_alive if is_rest else a.cruise_alive),
        )
        window = replace(
            window,
            keyframes=min(window.keyframes, a.rest_keyframes if is_rest else a.cruise_keyframes),
            recent_frames=min(window.recent_frames, a.rest_recent if is_rest else a.cruise_recent),
        )
    c = replace(c, max_tracks=max(c.max_tracks, tracks))
    return replace(config, frontend=c, keyframe=rules, backend=window)


class Effort:
    """Hold the level of effort of a run; set the front end's registers and the window's size.

    estimator: whose window is meant.
    """

    def __init__(self, config: Config, frontend: FrontEnd, estimator: Estimator) -> None:
        """Begin with full effort; raises VioError for a front end that has no other."""
        if not isinstance(frontend, AdaptiveFrontEnd):
            raise VioError(
                f"adaptive.on: the front end {type(frontend).__name__} has no settings that move "
                "in flight; leave it out"
            )
        self._config, self._frontend, self._estimator = config, frontend, estimator
        self._policy = Policy(config.adaptive)
        self._next = Decision(Level.FULL, False)
        self._set = config  # what the front end has
        self._tracks = 0  # in its table
        self._seen: tuple[int, np.ndarray, np.ndarray] | None = None  # time, ids, rays

    @property
    def skips_next(self) -> bool:
        """Whether the next image is skipped."""
        return self._next.skip

    @property
    def level(self) -> Level:
        """The level of the next frame."""
        return self._next.level

    def prepare(self) -> None:
        """Set both ends for the next frame; the front end must not be at work."""
        wanted = settings_at(self._config, self._next.level, self._tracks)
        if wanted != self._set:
            self._frontend.configure(wanted)
            self._estimator.size = wanted.backend
            self._set = wanted

    def add_skipped(self, t_ns: int, rate_rad_s: float, has_gap: bool) -> None:
        """Take note of a frame whose image was skipped."""
        self._next = self._policy.after(Evidence(t_ns, rate_rad_s, has_gap, None))

    def add_frame(
        self, state: State, rays: np.ndarray, rate_rad_s: float, has_gap: bool, has_image: bool
    ) -> None:
        """Take note of a frame that was processed; rays: (N, 4) of its tracks.

        has_image: its left image was there, so that these are all tracks of the table.
        """
        assert state.tracks is not None
        ids = state.tracks.ids
        lost, flow = self._change(state.t_ns, ids, rays)
        self._seen = state.t_ns, ids, rays[:, :2]
        if has_image:
            self._tracks = len(ids)
        sigma = np.inf
        if state.segment_covariance is not None:
            variance = np.diag(state.segment_covariance)[VELOCITY].sum()
            sigma = float(np.sqrt(max(variance, 0.0)))
        vision = Vision(
            state.status is Status.TRACKING,
            len(ids),
            state.counters["landmarks_in_view"],
            lost,
            flow,
            np.inf if state.vision_innovation is None else state.vision_innovation,
            np.inf if state.inertial_innovation is None else state.inertial_innovation,
            sigma,
        )
        self._next = self._policy.after(Evidence(state.t_ns, rate_rad_s, has_gap, vision))

    def _change(self, t_ns: int, ids: np.ndarray, rays: np.ndarray) -> tuple[float, float]:
        """Return the share of tracks lost since the last processed frame, and the median flow."""
        if self._seen is None:
            return 1.0, np.inf
        before_ns, before_ids, before = self._seen
        _, here, there = np.intersect1d(ids, before_ids, return_indices=True)
        if not len(here):
            return 1.0, np.inf
        lost = 1.0 - len(here) / len(before_ids)
        moved = rays[here, :2] - before[there]
        moved = moved[np.isfinite(moved[:, 0])]
        if not len(moved):
            return lost, np.inf
        flow = float(np.median(np.sqrt(moved[:, 0] ** 2 + moved[:, 1] ** 2)))
        return lost, flow / ((t_ns - before_ns) * 1e-9)
