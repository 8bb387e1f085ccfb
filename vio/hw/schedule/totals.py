# SPDX-License-Identifier: Apache-2.0
"""What a keyframe's calls take in all: cycles by stage and kind, memory, bus words, energy."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from unittest import mock

from vio.backend.states import FULL_COLUMNS
from vio.float32.calls import DIFFERENCE, KIND, NAMES, RETRACT, STAGE, STAGES, CallList
from vio.float32.kernels import SIMPLE
from vio.float32.marginalize import marginalize
from vio.float32.memory_map import (
    FACTOR_WORDS,
    STATE_WORDS,
    marginal_columns,
    memory_map,
    step_columns,
)
from vio.float32.schedule import step
from vio.float32.structure import Leaving, Structure, leaving_of, structure_of
from vio.hw.estimates.energy import (
    FLOAT_ADD_PJ,
    FLOAT_MULTIPLY_PJ,
    SMALLEST_KIB,
    access_pj,
    operation_pj,
)
from vio.hw.schedule.cost import costs_of, factor_batches, observe_batches, state_batches
from vio.hw.schedule.lane_program import length
from vio.hw.schedule.machine import Cost, Machine

CLOCK_HZ = 83.3e6
LANES = (1, 2, 4, 8)
WORD = 4  # bytes
CALL_WORDS = 4  # of a host's call
BLOCK_RAM_WORDS = 1024  # of 36 bits in two block RAMs of 18
DIGITS = 26  # additions of 26 bits that a division or a root takes


@dataclass(frozen=True)
class Window:
    """Hold a window to estimate: the structures of its step and of its marginalisations."""

    name: str
    step: Structure
    leaving: tuple[Leaving, ...]

    @property
    def structures(self) -> list[Structure]:
        """All structures: of the step, then of the marginalisations."""
        return [self.step, *(leaving.structure for leaving in self.leaving)]


@dataclass(frozen=True)
class KeyframeCost:
    """Hold what a keyframe takes: one step and its marginalisations.

    calls: of the vector engine. kinds: how many there are of each kind, and their cycles. memory:
    words by region. bus: words from and to the host. program: words of the lanes' programs.
    """

    window: str
    lanes: int
    calls: int
    stages: dict[str, Cost]
    kinds: dict[str, tuple[int, int]]
    memory: dict[str, int]
    bus: dict[str, int]
    program: int

    @property
    def total(self) -> Cost:
        """The sum of the stages."""
        return sum(self.stages.values(), Cost())

    @property
    def keyframes_s(self) -> float:
        """Keyframes a second at 83.3 MHz."""
        return CLOCK_HZ / self.cycles

    @property
    def cycles(self) -> int:
        """Cycles of all calls, and of the words on the bus, one a cycle."""
        return self.total.cycles + sum(self.bus.values())

    @property
    def block_rams(self) -> int:
        """Block RAMs of 18 kbit: of the banks, and of the lanes' files (two copies of 36 bits)."""
        return block_rams(sum(self.memory.values()), self.lanes)

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
            "lanes": self.lanes,
            "calls": self.calls,
            "stages": {k: asdict(v) for k, v in self.stages.items()},
            "total": asdict(self.total),
            "kinds": {k: {"calls": n, "cycles": cycles} for k, (n, cycles) in self.kinds.items()},
            "cycles": self.cycles,
            "keyframes_s": round(self.keyframes_s, 2),
            "memory_words": self.memory,
            "memory_kib": round(self.memory_kib, 1),
            "block_rams": self.block_rams,
            "bus_words": self.bus,
            "program_words": self.program,
            "energy_pj": {k: round(v) for k, v in self.energy_pj().items()},
        }


def block_rams(words: int, lanes: int) -> int:
    """Return the block RAMs of 18 kbit of a memory in a bank a lane, and of the lanes' files."""
    return lanes * (2 * -(-words // lanes // BLOCK_RAM_WORDS) + 2)


def memory_words(w: Window) -> dict[str, int]:
    """Return the words of each region of the memory, in order of their addresses.

    It has room for a step and for each marginalisation, one after the other.
    """
    columns = [step_columns(w.step), *(marginal_columns(leaving) for leaving in w.leaving)]
    return memory_map(_together(w), columns).regions()


def _together(w: Window) -> Structure:
    """Return a structure with the landmarks of a step and of its marginalisations."""
    rows = {lm.row: lm for s in w.structures for lm in s.landmarks}
    return replace(w.step, landmarks=tuple(rows.values()))


def program_words(machine: Machine) -> int:
    """Return the words of the lanes' programs: each kernel's, as long as it takes."""
    units, both = machine.units, machine.side_by_side
    kernels: dict[tuple[str, tuple[int, ...] | None], None] = {}
    batches = [*observe_batches(1, 1, 1, True), *factor_batches()]
    for kind in (DIFFERENCE, RETRACT):
        batches += state_batches(kind, FULL_COLUMNS)
    for kernel, wanted, _ in batches:
        kernels[kernel, wanted] = None
    return sum(
        length(kernel, wanted, 1 if kernel in SIMPLE else both, units) for kernel, wanted in kernels
    )


def bus_words(w: Window) -> dict[str, int]:
    """Return the words that a host writes and reads for a frame, by what they are.

    A landmark is one call of the host and becomes many here. Observations: of the newest frame.
    """
    newest = len(w.step.dims) - 1
    seen = sum(mask.bit_count() for lm in w.step.landmarks for f, mask in lm.views if f == newest)
    leaving = sum(sum(lm.host in one.frames for lm in one.structure.landmarks) for one in w.leaving)
    landmarks = 2 * len(w.step.landmarks) + leaving
    states = len(w.step.dims)
    factors = len(w.step.factors) + sum(len(one.structure.factors) for one in w.leaving)
    others = 3 * states + factors + 8
    return {
        "calls": CALL_WORDS * (landmarks + others),
        "observations": 2 * seen,
        "preintegration": FACTOR_WORDS,
        "states read": states * STATE_WORDS // 2,
    }


def lists_of(w: Window) -> list[tuple[Structure, CallList]]:
    """Return the lists of a keyframe, each with its structure, in order."""
    one = step(w.step)
    lists = [(w.step, part) for part in (one.linearize, one.solve, one.update)]
    for leaving in w.leaving:
        marginal = marginalize(leaving)
        lists += [(leaving.structure, part) for part in (marginal.start, marginal.calls)]
    return lists


def keyframe_costs(w: Window, machines: Sequence[Machine]) -> list[KeyframeCost]:
    """Return what a keyframe of a window costs on each machine."""
    lists = lists_of(w)
    memory = memory_words(w)
    out = []
    for machine in machines:
        stages = dict.fromkeys(STAGES, Cost())
        kinds: dict[str, tuple[int, int]] = {}
        for s, calls in lists:
            costs = costs_of(calls, s, machine)
            counted = Counter(
                zip(calls.code[:, KIND].tolist(), calls.code[:, STAGE].tolist(), costs, strict=True)
            )
            for (kind, stage, one), count in counted.items():
                stages[STAGES[stage]] += one.times(count)
                times, cycles = kinds.get(NAMES[kind], (0, 0))
                kinds[NAMES[kind]] = times + count, cycles + count * one.cycles
        calls_in_all = sum(len(calls) for _, calls in lists)
        out.append(
            KeyframeCost(
                w.name,
                machine.lanes,
                calls_in_all,
                stages,
                kinds,
                memory,
                bus_words(w),
                program_words(machine),
            )
        )
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


def spread_windows(kept: Sequence[Window], at_most: int) -> list[Window]:
    """Return so many of the windows, spread evenly over all in the order of their observations."""
    ordered = sorted(kept, key=observations)
    count = min(at_most, len(kept))
    return [ordered[(2 * k + 1) * len(kept) // (2 * count)] for k in range(count)]


def observations(window: Window) -> int:
    """Return how many observations a window holds."""
    return sum(structure.observations for structure in window.structures)
