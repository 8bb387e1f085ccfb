# SPDX-License-Identifier: Apache-2.0
"""Prove a preset on the Verilog: its whole chip beside the golden model, and through yosys."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from vio.config import Config
from vio.explore.evaluate import Case

CHIP = "frontend"  # the module that is simulated and synthesised


def check_tools() -> None:
    """Raise VioError when Verilator, yosys, or the sources of the chip are not there."""
    from vio.hw.cosim.verilated import verilator
    from vio.hw.synth.flow import versions
    from vio.hw.verilog_sources import source

    verilator()
    versions()
    source(CHIP)


def verify_chip(config: Config, case: Case, frames: int, preset: Path) -> dict[str, Any]:
    """Return how the chip of a configuration does on a recording's first frames, and its area.

    Every block and track of every frame is compared with the golden model bit for bit, as by
    `vio hw equivalence`. preset: the file that holds the configuration, from which the chip is
    synthesised (not placed and routed). Raises VioError where a tool fails or the chip does not
    take the configuration.
    """
    return {**_simulated(config, case, frames), "area": _area(preset)}


Verify = Callable[[Config, Case, int, Path], dict[str, Any]]


def _simulated(config: Config, case: Case, frames: int) -> dict[str, Any]:
    from vio.datasets import open_configured
    from vio.engines import make_odometry
    from vio.hw.cosim.equivalence import PairedFrontEnd, compare, summary

    seeded = replace(config, frontend=replace(config.frontend, seed=case.seed))
    dataset = open_configured(case.path, seeded.dataset)
    paired = PairedFrontEnd(dataset.rig, seeded)
    odometry = make_odometry(dataset.rig, dataset.imu_noise, seeded, frontend=paired)
    figures = summary(compare(dataset, odometry, paired, frames))
    return {
        "case": case.name,
        "frames": figures["frames"],
        "equal": figures["equal"],
        "blocks": len(figures["blocks"]),
        "different": {str(k): names for k, names in figures["different"].items()},
        "cycles": {
            kind: figures[f"{kind}_cycles"]
            for kind in ("tracking", "keyframe")
            if f"{kind}_cycles" in figures
        },
    }


def _area(preset: Path) -> dict[str, int]:
    from vio.hw.synth.blocks import block_of
    from vio.hw.synth.flow import prepare, synthesise
    from vio.hw.verilog_sources import modules

    _, folder = prepare(block_of(CHIP, list(modules())), str(preset))
    return asdict(synthesise(folder))
