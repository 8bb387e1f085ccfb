# SPDX-License-Identifier: Apache-2.0
"""The faults of the table with their bars, and the recordings that they are planted into."""

from dataclasses import dataclass

from tools.faults import plant


@dataclass(frozen=True)
class Case:
    """Hold a fault: what it is called, what plants it, and what a run with it may cost.

    bar: largest mean ATE over the undisturbed one, of each segment over the same time; None: any.
    segments: at most. named: words that the run's diagnoses must hold.
    """

    title: str
    plant: plant.Plant
    bar: float | None
    segments: int = 1
    named: str = ""

    @property
    def name(self) -> str:
        """The name for the command line."""
        return self.plant.__name__


CASES = (
    Case("10 % of the images dropped", plant.dropped_images, 1.5),
    Case("1 s without images", plant.no_images, 1.5, segments=2),
    Case("right camera dead", plant.right_dead, 3.0),
    Case("left camera dead for 5 s", plant.left_dead, 1.5),
    Case("10 % of the PNGs truncated", plant.truncated_images, 1.5),
    Case("inertial gap of 50 ms every 2 s", plant.short_gaps, 1.5),
    Case("inertial gap of 500 ms", plant.long_gap, 1.5, segments=2),
    Case("ten inertial samples with NaN", plant.not_a_number, 1.5),
    Case("saturation: 2 % of the inertial samples", plant.saturation, 3.0),
    Case("ten inertial spikes", plant.spikes, 1.5),
    Case("doubled stamps", plant.doubled_stamps, 1.5),
    Case("swapped stamps", plant.swapped_stamps, 1.5),
    Case("10 s of standing still", plant.stand_still, 1.5),
    Case("white wall for 2 s", plant.white_wall, 1.5, segments=2),
    Case("a fifth of the image moves otherwise", plant.moving_fifth, 3.0),
    Case("brightness falls by 50 %, rises again", plant.brightness_step, 1.5),
    Case("inertial stamps 20 ms late", plant.clock_offset, None, named="stamps of the images are"),
)


@dataclass(frozen=True)
class Source:
    """Hold a recording of the data folder; rendered: along its ground truth, which span of it."""

    sequence: str
    label: str
    rendered_s: tuple[float, float] | None = None
    seed: int = 1


# The flights begin at rest on the ground, and take off within the span.
SOURCES = (
    Source("MH_01_easy", "real clip"),
    Source("V1_02_medium", "V1_02, rendered", (2.0, 20.0)),
    Source("MH_04_difficult", "MH_04, rendered", (17.0, 35.0)),
)
FIRST_FAULT_S, FAULT_STEP_S = 6.0, 0.7  # when the faults of the first and of the next seeds begin
