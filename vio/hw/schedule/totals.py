# SPDX-License-Identifier: Apache-2.0
"""What a schedule takes in all: cycles by stage, keyframes a second, memory, energy."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from unittest import mock

from vio.hw.estimates.energy import (
    FLOAT_ADD_PJ,
    FLOAT_MULTIPLY_PJ,
    SMALLEST_KIB,
    access_pj,
    operation_pj,
)
from vio.hw.schedule.cost import cost_of
from vio.hw.schedule.machine import Call, Cost, Machine
from vio.hw.schedule.schedule import (
    FRAME_ROWS,
    GROUP,
    LANDMARK_BATCH,
    STAGES,
    marginalize,
    optimize,
)
from vio.hw.schedule.structure import Landmark, Leaving, Structure, leaving_of, structure_of

CLOCK_HZ = 83.3e6
LANES = (1, 2, 4, 8)
WORD = 4  # bytes
MOST_ROWS = 4  # of a landmark in one frame: two cameras
DIGITS = 26  # additions of 26 bits that a division or a root takes


@dataclass(frozen=True)
class Window:
    """Hold a window to estimate: the structures of its step and of its marginalisations.

    batch: landmarks that a schedule eliminates at once.
    """

    name: str
    step: Structure
    leaving: tuple[Leaving, ...]
    batch: int = LANDMARK_BATCH


@dataclass(frozen=True)
class KeyframeCost:
    """Hold what a keyframe takes: one step and its marginalisations."""

    window: str
    variant: str
    lanes: int
    calls: int
    stages: dict[str, Cost]
    memory: dict[str, int]

    @property
    def total(self) -> Cost:
        """The sum of the stages."""
        return sum(self.stages.values(), Cost())

    @property
    def keyframes_s(self) -> float:
        """Keyframes a second at 83.3 MHz."""
        return CLOCK_HZ / self.total.cycles

    @property
    def memory_kib(self) -> float:
        """Memory in KiB."""
        return sum(self.memory.values()) * WORD / 1024

    @property
    def energy_uj(self) -> float:
        """Microjoule of a keyframe by the costs of docs/chip/budgets.md: dynamic, 45 nm."""
        return sum(self.energy_pj().values()) * 1e-6

    def energy_pj(self) -> dict[str, float]:
        """Return picojoule by part: arithmetic, memory, registers."""
        c = self.total
        digit = DIGITS * operation_pj("add", DIGITS)
        # One memory of `lanes` banks; an access goes to one of them.
        word = access_pj(32, self.memory_kib / self.lanes)
        return {
            "arithmetic": c.mul * FLOAT_MULTIPLY_PJ
            + c.add * FLOAT_ADD_PJ
            + (c.div + c.sqrt) * digit,
            "memory": (c.read + c.write) * word,
            "registers": c.register * access_pj(32, SMALLEST_KIB),
        }

    def record(self) -> dict[str, object]:
        """Return the costs for JSON."""
        return {
            "window": self.window,
            "variant": self.variant,
            "lanes": self.lanes,
            "calls": self.calls,
            "stages": {k: asdict(v) for k, v in self.stages.items()},
            "total": asdict(self.total),
            "keyframes_s": round(self.keyframes_s, 2),
            "memory_words": self.memory,
            "memory_kib": round(self.memory_kib, 1),
            "energy_pj": {k: round(v) for k, v in self.energy_pj().items()},
        }


def memory_map(w: Window, variant: str) -> dict[str, int]:
    """Return the words of each region of the memory, in order of their addresses."""
    s = w.step
    n, frames = s.columns, len(s.dims)
    landmarks = [lm for leaving in w.leaving for lm in leaving.structure.landmarks] or []
    table = max(len(s.landmarks), len({lm.row for lm in landmarks}))
    observations = max(
        s.observations,
        *(leaving.structure.observations for leaving in w.leaving),
    ) if w.leaving else s.observations  # fmt: skip
    hosted = [
        [lm for lm in leaving.structure.landmarks if lm.host in leaving.frames]
        for leaving in w.leaving
    ]
    by_host = [[lm for lm in s.landmarks if lm.host == h] for h in range(frames)]
    updates = by_host + hosted if variant == "qr" else [] if variant == "schur" else hosted
    largest = max((lm.rows for lm in [*s.landmarks, *landmarks]), default=0)
    update = max((_batch_words(group, n, w.batch) for group in updates), default=0)
    kept = s.observations * 3
    prior = s.prior_rows * (s.prior_rows + 1) // 2 + s.prior_rows
    return {
        "states and first estimates": frames * 2 * (9 + 12) + frames,
        "inertial factors": (len(s.factors) + 1) * (1 + 9 + 6 + 54 + 45 + 6 + 6),
        "landmarks": table * 5,
        "observations": observations * 2 + table * -(-frames * 2 // 32),
        "prior": prior,
        "H or R, g": n * (n + 1) // 2 + 2 * n,
        "step, scales": 3 * n,
        "a landmark's block": largest * 16
        + 3 * (4 + 6 * frames)
        + 3 * largest
        + (largest * (4 + 6 * frames) if variant == "rows" else 0),
        "inertial rows": 15 * 31,
        # Residuals are for the substitution; QR updates, but for the variant qr, come after it.
        "residuals and weights, QR update": (
            kept + update if variant == "qr" else max(kept, update)
        ),
        "calls": 1024,
    }


def _batch_words(landmarks: Sequence[Landmark], n: int, most: int) -> int:
    """Return the words to eliminate one host's landmarks: blocks, triangle, rows of frames."""
    landmarks = sorted(landmarks, key=lambda lm: -lm.rows)[:most]  # at once; the largest
    count = len(landmarks)
    if not count:
        return 0
    frames = len({f for lm in landmarks for f, _ in lm.views})
    blocks = sum(lm.rows * 16 for lm in landmarks)
    triangle = (3 * count + 6) * (3 * count + n + 1)
    return blocks + triangle + frames * 6 * (3 * count + 13) + waiting_words(count, n)


def waiting_words(landmarks: int, n: int) -> int:
    """Return the words of the rows that wait for a step, of so many landmarks and n columns.

    Rows of one frame, which know its pose, the host's and the landmarks; or, freed of the landmarks
    by their triangle, a group's, beside six that are not yet.
    """
    of_frame = (FRAME_ROWS + MOST_ROWS - 1) * (3 * landmarks + 13)
    of_group = (GROUP - 1) * (n + 1) + 6 * (3 * landmarks + n + 1)
    return max(of_frame, of_group)


def calls_of(w: Window, variant: str) -> list[Call]:
    """Return all calls of a keyframe."""
    calls = optimize(w.step, variant, w.batch)
    for leaving in w.leaving:
        calls += marginalize(leaving, variant, w.batch)
    return calls


def keyframe_costs(w: Window, variant: str, machines: Sequence[Machine]) -> list[KeyframeCost]:
    """Return what a keyframe of a window costs on each machine."""
    calls = calls_of(w, variant)
    counted: dict[tuple[str, str, tuple[int, ...]], int] = {}
    for call in calls:
        key = (call.stage, call.kernel, call.sizes)
        counted[key] = counted.get(key, 0) + 1
    memory = memory_map(w, variant)
    out = []
    for m in machines:
        stages = dict.fromkeys(STAGES, Cost())
        for (stage, kernel, sizes), count in counted.items():
            one = cost_of(Call(stage, kernel, sizes), m)
            stages[stage] += Cost(*(count * v for v in asdict(one).values()))
        out.append(KeyframeCost(w.name, variant, m.lanes, len(calls), stages, memory))
    return out


@contextmanager
def traced_windows(kept: list[Window]) -> Iterator[None]:
    """Append the structures of every keyframe's step and marginalisations while it is entered."""
    import vio.backend.estimator as estimator
    from vio.backend.window import Window as BackEnd

    steps: list[Structure] = []
    optimize_, marginalize_ = BackEnd.optimize, estimator.marginalize

    def step(window: BackEnd, iterations: int) -> float:
        steps.append(structure_of(window))
        kept.append(Window(f"frame {len(steps)}", steps[-1], ()))
        return optimize_(window, iterations)

    def leave(window: BackEnd, frames: list[int], motions: list[int]) -> None:
        if kept:
            last = kept[-1]
            gone = (*last.leaving, leaving_of(window, frames, motions))
            kept[-1] = Window(last.name, last.step, gone)
        marginalize_(window, frames, motions)

    with (
        mock.patch.object(BackEnd, "optimize", step),
        mock.patch.object(estimator, "marginalize", leave),
    ):
        yield
