# SPDX-License-Identifier: Apache-2.0
"""How much effort the next frame gets: a state machine over what the estimator knows so far.

Three levels. Effort is raised at once, to what the newest frame asks for, and lowered one level at
a time, after `settle_s` of evidence that keeps a margin to every limit. The decision for frame
k + 1 uses frames up to k only, and no clock but the frames' stamps.
"""

from dataclasses import dataclass
from enum import IntEnum

from vio.settings import Section, choice, real, switch, whole


@dataclass(frozen=True)
class AdaptiveConfig(Section):
    """Settings that move in flight, and when (`vio run --adaptive`)."""

    name = "adaptive"

    on: bool = switch(False)
    # auto: by the rules below. A level: always that one once the odometry tracks, for comparisons.
    hold: str = choice("auto", "full", "cruise", "rest")
    # Settings of the levels below full. A register is never set above its value in [frontend], nor
    # a keyframe rule to ask for more keyframes than [keyframe] does.
    cruise_tracks: int = whole(140, 1, 4096)
    rest_tracks: int = whole(100, 1, 4096)
    cruise_iterations: int = whole(8, 1, 255)
    rest_iterations: int = whole(6, 1, 255)
    cruise_parallax_px: float = real(40.0, 0.0, 1000.0)
    rest_parallax_px: float = real(40.0, 0.0, 1000.0)
    cruise_alive: float = real(0.6, 0.0, 1.0)
    rest_alive: float = real(0.6, 0.0, 1.0)
    cruise_keyframes: int = whole(6, 1, 50)  # of the window, at most
    rest_keyframes: int = whole(6, 1, 50)
    cruise_recent: int = whole(2, 2, 50)  # its frames with velocity and biases, at most
    rest_recent: int = whole(2, 2, 50)
    cruise_skip: int = whole(1, 0, 15)  # images left out after each one that is processed
    rest_skip: int = whole(3, 0, 15)
    longest_skip_s: float = real(0.21, 0.0, 1.0)  # from one processed image to the next, at most
    # Motion below which a level suffices: the larger of the image's (median of the tracks, rotation
    # included) and the gyroscope's mean rate.
    cruise_motion_rad_s: float = real(1.0, 0.0, 100.0)
    rest_motion_rad_s: float = real(0.1, 0.0, 100.0)
    # Limits whose violation asks for full effort at once.
    least_tracks: int = whole(60, 0, 4096)  # tracks of the last processed frame
    least_landmarks: int = whole(40, 0, 4096)  # of them, landmarks seen and accepted
    max_lost: float = real(0.4, 0.0, 1.0)  # share of the last processed frame's tracks
    # See State.vision_innovation: 1.18 where an observation has just the deviation that is set.
    max_vision_innovation: float = real(2.0, 0.0, 1000.0)
    max_inertial_innovation: float = real(2.0, 0.0, 1e6)  # see State.inertial_innovation
    max_speed_sigma_m_s: float = real(0.06, 0.0, 1000.0)  # deviation of the velocity
    # To lower the effort: for so long, each limit with this margin (a share of it).
    settle_s: float = real(0.3, 0.0, 60.0)
    margin: float = real(0.8, 0.1, 1.0)


class Level(IntEnum):
    """Order the levels by effort."""

    REST = 0
    CRUISE = 1
    FULL = 2

    @property
    def label(self) -> str:
        """Its name in settings and files."""
        return self.name.lower()


@dataclass(frozen=True)
class Vision:
    """Hold what a processed frame showed.

    is_tracking: the status was `tracking`. tracks: how many there are. landmarks: seen and
    accepted. lost: share of the last processed frame's tracks that are gone. flow_rad_s: median
    movement of the others. Innovations: as of State; infinite where they are not known.
    speed_sigma_m_s: deviation of the velocity.
    """

    is_tracking: bool
    tracks: int
    landmarks: int
    lost: float
    flow_rad_s: float
    vision_innovation: float
    inertial_innovation: float
    speed_sigma_m_s: float


@dataclass(frozen=True)
class Evidence:
    """Hold what is known after a frame.

    rate_rad_s: norm of the gyroscope's mean rate since the last frame, bias removed. has_gap: its
    inertial data have a gap. vision: None for a skipped frame.
    """

    t_ns: int
    rate_rad_s: float
    has_gap: bool
    vision: Vision | None


@dataclass(frozen=True)
class Decision:
    """Hold what the next frame gets: a level, and whether its image is skipped."""

    level: Level
    skip: bool


class Policy:
    """Decide, frame by frame."""

    def __init__(self, config: AdaptiveConfig) -> None:
        self._config = config
        self._level = Level.FULL
        self._calm: tuple[Level, int] | None = None  # a lower level suffices since this time, ns
        self._skipped = 0  # images since the last one that was processed
        self._processed_ns = 0
        self._last_ns: int | None = None

    def after(self, evidence: Evidence) -> Decision:
        """Return the decision for the next frame, after the evidence of this one."""
        if evidence.vision is None:
            self._skipped += 1
        else:
            self._skipped, self._processed_ns = 0, evidence.t_ns
        self._level = self._next_level(evidence)
        interval_ns = 0 if self._last_ns is None else evidence.t_ns - self._last_ns
        self._last_ns = evidence.t_ns
        next_s = (evidence.t_ns + interval_ns - self._processed_ns) * 1e-9
        c = self._config
        most = {Level.FULL: 0, Level.CRUISE: c.cruise_skip, Level.REST: c.rest_skip}[self._level]
        # The image after a skipped one comes one interval later still.
        is_short = next_s + interval_ns * 1e-9 <= c.longest_skip_s
        return Decision(self._level, self._skipped < most and interval_ns > 0 and is_short)

    def _next_level(self, evidence: Evidence) -> Level:
        if self._config.hold != "auto":
            held = Level[self._config.hold.upper()]
            vision = evidence.vision
            return held if vision is None or vision.is_tracking else Level.FULL
        needed = self._needed(evidence, 1.0)
        if needed >= self._level:
            self._calm = None
            return needed
        enough = self._needed(evidence, self._config.margin)
        if enough >= self._level:
            self._calm = None
            return self._level
        lower = Level(self._level - 1)
        if self._calm is None or self._calm[0] is not lower:
            self._calm = lower, evidence.t_ns
        if (evidence.t_ns - self._calm[1]) * 1e-9 < self._config.settle_s:
            return self._level
        self._calm = None
        return lower

    def _needed(self, evidence: Evidence, margin: float) -> Level:
        """Return the least level that suffices; margin: share of each limit that may be used."""
        c, vision = self._config, evidence.vision
        motions = [evidence.rate_rad_s]
        if evidence.has_gap:
            return Level.FULL
        if vision is not None:
            motions.append(vision.flow_rad_s)
            if not (
                vision.is_tracking
                and margin * vision.tracks >= c.least_tracks
                and margin * vision.landmarks >= c.least_landmarks
                and vision.lost <= margin * c.max_lost
                and vision.vision_innovation <= margin * c.max_vision_innovation
                and vision.inertial_innovation <= margin * c.max_inertial_innovation
                and vision.speed_sigma_m_s <= margin * c.max_speed_sigma_m_s
            ):
                return Level.FULL
        for level, limit in (
            (Level.REST, c.rest_motion_rad_s),
            (Level.CRUISE, c.cruise_motion_rad_s),
        ):
            if all(motion <= margin * limit for motion in motions):  # false for NaN
                return level
        return Level.FULL
