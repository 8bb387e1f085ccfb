# SPDX-License-Identifier: Apache-2.0
"""Which values of the exploration's knobs today's Verilog takes: the whole chip is elaborated."""

from pathlib import Path

import pytest

from sim.runner import lint
from vio.config import Config, load_config
from vio.explore.formats import make_formats
from vio.explore.knobs import Knob, configure, make_knobs
from vio.hw import verilog_sources
from vio.hw.params import sizes, verilog_text

KNOBS = make_knobs(load_config("ecp5_85k"))


def said(config: Config, folder: Path) -> str:
    """Return what the linter says of the chip with the parameters of a configuration."""
    (folder / "vio_params.vh").write_text(verilog_text(config, "a test"))
    return lint("frontend", folders=[folder, *verilog_sources.folders()])


def test_the_chip_takes_the_furthest_buildable_value_of_every_knob(tmp_path: Path) -> None:
    point = tuple(max(k for k, takes in enumerate(knob.built) if takes) for knob in KNOBS)
    assert sum(index > 0 for index in point) >= 14
    assert said(configure(load_config("ecp5_85k"), KNOBS, point), tmp_path) == ""


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_chip_takes_every_kind_of_size(size: int, tmp_path: Path) -> None:
    base = load_config("ecp5_85k")
    formats = make_formats(base, ("bin2", "bin4", "crop75"), ())
    config = configure(base, formats, (size, 0))
    least = next(p.value for p in sizes(config) if p.name == "MIN_WIDTH")
    assert least <= config.hw.max_width < base.hw.max_width
    assert said(config, tmp_path) == ""


@pytest.mark.parametrize("knob", [k for k in KNOBS if not all(k.built)], ids=lambda knob: knob.name)
def test_the_chip_does_not_take_the_next_value(knob: Knob, tmp_path: Path) -> None:
    """Where this fails, the Verilog takes more than before: let the knob say so."""
    index = knob.built.index(False)
    assert said(configure(load_config("ecp5_85k"), [knob], (index,)), tmp_path) != ""
