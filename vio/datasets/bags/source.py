# SPDX-License-Identifier: Apache-2.0
"""What a bag does not say itself: calibration, names of topics, and which stamps to take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

STAMPS = ("header", "arrival")


@dataclass(frozen=True)
class Source:
    """Hold how a recording is to be read, beyond its own files.

    calibration: a folder with the calibration, or a camchain; None: beside the recording.
    topics: {role: topic} for left, right, imu, truth; those left out are guessed.
    stamps: one of STAMPS, the time in each message's header or that of its arrival.
    """

    calibration: Path | None = None
    topics: Mapping[str, str] = field(default_factory=dict)
    stamps: str = STAMPS[0]
