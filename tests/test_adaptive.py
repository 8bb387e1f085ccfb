# SPDX-License-Identifier: Apache-2.0
"""The effort of a run: the rules of its state machine, and runs on simulated tracks."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.simulation import Simulation, odometry_of
from tests.test_pipeline import config, same
from vio.adaptive import AdaptiveConfig, Decision, Evidence, Level, Policy, Vision
from vio.config import Config, load_config
from vio.data import State, Status, StereoFrame, Tracks
from vio.datasets.tracks import TrackFrame
from vio.effort import settings_at
from vio.engines import make_odometry
from vio.errors import VioError
from vio.eval.metrics import evaluate
from vio.frontend.replay import ReplayFrontEnd
from vio.geometry import mul33
from vio.odometry import Odometry, run, trajectory_of

FRAME_NS = 50_000_000
RULES = AdaptiveConfig(on=True)
GOOD = Vision(True, 180, 120, 0.05, 0.02, 0.4, 0.1, 0.005)
TROUBLE = {
    "is_tracking": False,
    "tracks": RULES.least_tracks - 1,
    "landmarks": RULES.least_landmarks - 1,
    "lost": RULES.max_lost + 0.01,
    "flow_rad_s": RULES.cruise_motion_rad_s + 0.01,
    "vision_innovation": RULES.max_vision_innovation + 0.01,
    "inertial_innovation": RULES.max_inertial_innovation + 0.01,
    "speed_sigma_m_s": RULES.max_speed_sigma_m_s + 0.001,
}


class Flight:
    """Feed a policy frame by frame."""

    def __init__(self, rules: AdaptiveConfig = RULES) -> None:
        self.policy, self.frame = Policy(rules), 0
        self.decision = Decision(Level.FULL, False)

    def add(self, frames: int = 1, rate: float = 0.02, gap: bool = False, **seen: Any) -> None:
        """Add frames that are like GOOD but for what is given; skipped ones have no vision."""
        for _ in range(frames):
            vision = None if self.decision.skip else replace(GOOD, **seen)
            self.decision = self.policy.after(Evidence(self.frame * FRAME_NS, rate, gap, vision))
            self.frame += 1


def test_effort_is_full_until_there_is_tracking_and_falls_one_level_at_a_time() -> None:
    flight = Flight()
    flight.add(40, is_tracking=False)
    assert flight.decision == Decision(Level.FULL, False)
    levels = []
    for _ in range(40):
        flight.add()
        levels.append(flight.decision.level)
    wait = round(RULES.settle_s / (FRAME_NS * 1e-9))
    assert levels[:wait] == [Level.FULL] * wait
    assert levels[wait] is Level.CRUISE
    assert levels.index(Level.REST) >= 2 * wait
    assert levels[-1] is Level.REST


@pytest.mark.parametrize("what", TROUBLE)
def test_trouble_of_each_kind_asks_for_full_effort_at_once(what: str) -> None:
    flight = Flight()
    flight.add(60)
    assert flight.decision.level is Level.REST
    while flight.decision.skip:
        flight.add()
    flight.add(**{what: TROUBLE[what]})
    assert flight.decision == Decision(Level.FULL, False)


@pytest.mark.parametrize("trouble", [{"rate": RULES.cruise_motion_rad_s + 0.01}, {"gap": True}])
def test_what_inertial_data_show_in_a_skipped_frame_ends_the_skipping(
    trouble: dict[str, Any],
) -> None:
    flight = Flight()
    flight.add(60)
    while not flight.decision.skip:
        flight.add()
    flight.add(**trouble)
    assert flight.decision == Decision(Level.FULL, False)


def test_a_value_that_is_not_known_counts_as_trouble() -> None:
    for what in ("flow_rad_s", "vision_innovation", "inertial_innovation", "speed_sigma_m_s"):
        flight = Flight()
        flight.add(60, **{what: float("nan")})
        assert flight.decision.level is Level.FULL, what


def test_between_limit_and_margin_the_level_stays_whichever_it_is() -> None:
    between = (RULES.margin + 1.0) / 2.0 * RULES.cruise_motion_rad_s
    high = Flight()
    high.add(60, flow_rad_s=between)
    assert high.decision.level is Level.FULL
    low = Flight()
    low.add(20, flow_rad_s=0.5 * between)
    assert low.decision.level is Level.CRUISE
    low.add(60, flow_rad_s=between)
    assert low.decision.level is Level.CRUISE


def test_one_frame_of_trouble_begins_the_wait_anew() -> None:
    flight = Flight()
    wait = round(RULES.settle_s / (FRAME_NS * 1e-9))
    for _ in range(10):
        flight.add(wait)
        flight.add(lost=0.9)
    assert flight.decision.level is Level.FULL


def test_images_are_skipped_as_the_level_says_and_never_for_too_long() -> None:
    for rules, most in (
        (RULES, RULES.rest_skip),
        (replace(RULES, rest_skip=15), 3),  # 0.2 s is four intervals
        (replace(RULES, rest_skip=15, longest_skip_s=0.12), 1),
        (replace(RULES, longest_skip_s=0.05), 0),
    ):
        flight = Flight(rules)
        flight.add(60)
        skipped = []
        for _ in range(40):
            skipped.append(flight.decision.skip)
            flight.add()
        runs = "".join("s" if s else " " for s in skipped).split()
        assert max(map(len, runs), default=0) == most


def test_a_level_lowers_settings_only_and_keeps_room_for_the_table() -> None:
    base = load_config("ecp5_85k")
    assert settings_at(base, Level.FULL) == base
    for level in (Level.CRUISE, Level.REST):
        low = settings_at(base, level)
        assert low.frontend.max_tracks < base.frontend.max_tracks
        assert low.frontend.max_iterations < base.frontend.max_iterations
        assert low.backend.keyframes < base.backend.keyframes
        assert low.backend.recent_frames < base.backend.recent_frames
        assert settings_at(base, level, 170).frontend.max_tracks == 170
    small = load_config("tiny")
    for level in Level:
        assert settings_at(small, level).frontend.max_tracks == small.frontend.max_tracks
        assert settings_at(small, level).frontend.max_iterations <= small.hw.max_iterations


class Moved(ReplayFrontEnd):
    """Replay tracks; note settings, and compose the rotation of skipped frames."""

    events: list[str]

    def configure(self, config: Config) -> None:
        """Note the settings."""
        self.events.append(f"set {config.frontend.max_tracks}")

    def track(self, frame: StereoFrame, R_cam_prev: np.ndarray) -> Tracks:
        """Process one frame."""
        if isinstance(frame, TrackFrame):
            self.events.append("frame")
            return super().track(frame, R_cam_prev)
        assert frame.left is None
        self.events.append("skip")
        self._age += 1
        self._R_last_key = mul33(R_cam_prev, self._R_last_key)
        none = np.empty((0, 2))
        return Tracks(
            -1, frame.t_ns, np.empty(0, np.int64), none, none,
            np.empty(0, np.int32), np.empty(0, np.float32), False,
        )  # fmt: skip


def adaptive(sim: Simulation, *overrides: str) -> tuple[Odometry, Moved]:
    """Return an adaptive odometry on simulated tracks, and its front end."""
    settings = config("adaptive.on=true", "adaptive.cruise_motion_rad_s=2", *overrides)
    settings = replace(settings, frontend=replace(settings.frontend, engine="float"))
    frontend = Moved(sim.rig, settings)
    frontend.events = []
    return make_odometry(sim.rig, sim.imu_noise, settings, frontend=frontend), frontend


def ate_m(sim: Simulation, states: list[State]) -> float:
    """Return the ATE over all poses."""
    return evaluate(trajectory_of(states), sim.ground_truth).ate_se3_m


@pytest.mark.parametrize("seed", [0, 2])
def test_every_frame_has_a_pose_as_good_as_that_of_full_effort(seed: int) -> None:
    sim = Simulation(seed)
    full = list(run(sim, odometry_of(sim, config())))
    odometry, frontend = adaptive(sim)
    states = list(run(sim, odometry))
    assert [s.t_ns for s in states] == [s.t_ns for s in full]
    first = next(k for k, s in enumerate(states) if s.p_world_body is not None)
    assert all(s.p_world_body is not None for s in states[first:])
    assert all(same(a, b) for a, b in zip(states[: first + 5], full, strict=False))
    predicted = [s for s in states if s.status is Status.PREDICTED]
    assert 0.2 * len(states) < len(predicted) == frontend.events.count("skip")
    assert {s.effort for s in predicted} <= {"cruise", "rest"}
    assert ate_m(sim, states) < max(1.3 * ate_m(sim, full), 0.01)
    # A prediction is about as good as the frames, and less certain of the biases, which walk.
    assert ate_m(sim, predicted) < max(1.3 * ate_m(sim, full), 0.01)
    for before, after in pairwise(states[first:]):
        if after.status is Status.PREDICTED:
            now, then = (np.diag(s.covariance)[9:] for s in (after, before))
            assert (now > then).all()


def test_settings_are_written_between_frames_only_and_when_they_change() -> None:
    sim = Simulation(0)
    odometry, frontend = adaptive(sim)
    states = list(run(sim, odometry))
    events = frontend.events
    assert len([e for e in events if not e.startswith("set")]) == len(states)
    changes = sum(a.effort != b.effort for a, b in pairwise(states))
    written = [k for k, e in enumerate(events) if e.startswith("set")]
    assert 0 < changes <= len(written)
    assert all(not events[k + 1].startswith("set") for k in written)


def test_the_same_tracks_give_the_same_decisions_and_poses() -> None:
    runs = []
    for _ in range(2):
        sim = Simulation(2)
        runs.append(list(run(sim, adaptive(sim)[0])))
    assert [s.effort for s in runs[0]] == [s.effort for s in runs[1]]
    assert all(same(a, b) for a, b in zip(*runs, strict=True))


def test_no_decision_looks_ahead() -> None:
    """A flight that ends earlier has the same states up to there."""
    sim = Simulation(2)
    states = list(run(sim, adaptive(sim)[0]))
    until_ns = states[100].t_ns
    early = list(run(sim, adaptive(sim)[0], until_ns))
    assert all(same(a, b) for a, b in zip(early, states[:101], strict=True))


def test_vision_that_fails_is_met_with_full_effort_in_the_next_frame() -> None:
    sim = Simulation(0, blind=(4.0, 4.4))
    states = list(run(sim, adaptive(sim)[0]))
    start = sim.frame_t_ns[0]
    blind = [k for k, s in enumerate(states) if 4.0 <= (s.t_ns - start) * 1e-9 < 4.4]
    first = next(k for k in blind if states[k].status is not Status.PREDICTED)
    assert states[first].effort != "full"  # nobody could know
    assert all(states[k].effort == "full" for k in range(first + 1, blind[-1] + 1))
    assert all(states[k].status is not Status.PREDICTED for k in range(first + 1, blind[-1] + 1))
    wait = round(RULES.settle_s / 0.05)
    assert all(s.effort == "full" for s in states[blind[-1] : blind[-1] + wait])


def test_the_window_is_smaller_below_full_effort_and_grows_again() -> None:
    sim = Simulation(0, blind=(4.0, 4.4))
    odometry, _ = adaptive(sim)
    seen: list[tuple[str, int]] = []
    for state in run(sim, odometry):
        if state.status is Status.TRACKING and odometry.estimator.window is not None:
            seen.append((state.effort, len(odometry.estimator.window.order)))
    c = config().backend
    whole = c.keyframes + c.recent_frames
    low = min(c.keyframes, RULES.cruise_keyframes) + min(c.recent_frames, RULES.cruise_recent)
    assert max(size for effort, size in seen if effort == "cruise") == low < whole
    raised = next(k for k, (a, b) in enumerate(pairwise(seen)) if a[0] != "full" == b[0]) + 1
    assert low <= seen[raised][1] <= low + 1
    assert max(size for effort, size in seen[raised:] if effort == "full") == whole


def test_held_levels_are_kept_while_the_odometry_tracks() -> None:
    sim = Simulation(0, seconds=3.0)
    for level in ("full", "cruise", "rest"):
        states = list(run(sim, adaptive(sim, f"adaptive.hold={level}")[0]))
        tracking = [k for k, s in enumerate(states) if s.status is Status.TRACKING]
        assert all(s.effort == level for s in states[tracking[0] + 1 :])


def test_engines_without_such_settings_are_refused() -> None:
    sim = Simulation(0, seconds=0.5)
    with pytest.raises(VioError, match="no settings that move in flight"):
        odometry_of(sim, config("adaptive.on=true"))
    plain = config("adaptive.on=true", "frontend.engine=float")
    with pytest.raises(VioError, match="ReplayFrontEnd"):
        make_odometry(sim.rig, sim.imu_noise, plain, frontend=ReplayFrontEnd(sim.rig, plain))
    with pytest.raises(VioError, match="do not go together"):
        odometry_of(
            sim, config("adaptive.on=true", "frontend.engine=float", "calibrate.extrinsics=true")
        )
