# SPDX-License-Identifier: Apache-2.0
"""Compare the energy model of the front end with toggles of netlists, as ratios between blocks.

    python tools/study_toggles.py RECORDING [--blocks encoder corners ...] [--cycles 20000]

A recording runs through the Verilog front end, and the ports of blocks are captured. Each block is
synthesised to Debian's 0.18 um standard cells, the capture is replayed on that netlist (its outputs
must be the same), and OpenSTA says what toggles take. Beside it stands what `vio hw energy` counts
as arithmetic for the same work (45 nm). Memories, wires and glitches are in neither. Only ratios
between rows mean something. Needs: apt-get install opensta qflow-tech-osu018.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.toggles.capture import Monitor, capture
from tools.toggles.netlist import Netlist, make_netlist
from tools.toggles.power import energies, energy_pj
from tools.toggles.replay import toggles
from vio.config import Config, load_config
from vio.errors import VioError
from vio.hw.estimates import operations
from vio.hw.estimates.energy import arithmetic_pj
from vio.hw.params import params_of

BLOCK_PIXELS = 16  # of a word of the codec


@dataclass(frozen=True)
class Block:
    """Hold a block of the table: an instance of a module, its parameters, and what it works on.

    unit: name of a piece of work, of which the model knows `model_pj`; the input `counted` is high
    for a cycle for each.
    """

    module: str
    instance: str
    parameters: Callable[[dict[str, int]], dict[str, int]]
    active: str
    unit: str
    counted: str
    model_pj: Callable[[Config], float]


def _encoder(instance: str, bits: str, divisor: int) -> Block:
    return Block(
        "codec_encoder", instance,
        lambda p: {"BITS": p[bits], "MAX_WIDTH": p["MAX_WIDTH"] // divisor},
        "s_valid", "pixel", "s_valid",
        lambda _: arithmetic_pj(operations.codec(1.0, 0.0)) / BLOCK_PIXELS,
    )  # fmt: skip


def _corner_pj(config: Config) -> float:
    """Return the model's energy of a pixel's score, without the maxima, which come behind it."""
    ops = operations.corners(config)
    del ops["add", 17]
    return arithmetic_pj(ops) / (config.hw.max_width * config.hw.max_height)


def _row_pj(config: Config) -> float:
    """Return the model's energy of a row of a compared window, without the scalars behind it."""
    ops = operations.windows(0.0, 0.0, 1.0, config)
    del ops["mul", 18, 27]
    return arithmetic_pj(ops) / (config.frontend.window + 1)


BLOCKS = {
    "encoder": _encoder("encode0", "LEFT_WORD_BITS", 1),
    "encoder, dct18": _encoder("encode1", "UPPER_WORD_BITS", 2),
    "corners": Block(
        "corner_scores", "scores",
        lambda p: {"MAX_WIDTH": p["MAX_WIDTH"], "SCORE_W": p["CORNER_SCORE_BITS"]},
        "s_valid", "pixel", "s_valid", _corner_pj,
    ),
    "tracker's rows": Block(
        "klt_mac_array", "rows",
        lambda p: {"SIDE": p["WINDOW"], "FRAC": p["PIXEL_FRAC"]},
        "s_valid || w_valid", "row", "s_valid", _row_pj,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """Hold a row of the table: cells, flip-flops, cycles, work, and pJ of a piece of work."""

    name: str
    unit: str
    cells: int
    work: int
    toggle_pj: float
    clock_pj: float
    model_pj: float


def _input_bits(path: Path, netlist: Netlist, name: str) -> np.ndarray:
    """Return an input's lowest bit in each cycle of a capture."""
    at = netlist.width(netlist.inputs[netlist.inputs.index(name) + 1 :])
    return np.array([int(line.split()[0], 16) >> at & 1 for line in path.read_text().splitlines()])


def measure(name: str, block: Block, path: Path, config: Config) -> Row:
    """Return the row of a block; raises VioError as the steps do."""
    known = {p.name: p.value for section in params_of(config).values() for p in section}
    netlist = make_netlist(block.module, block.parameters(known), config)
    cycles, counts = toggles(netlist, path)
    work = int(_input_bits(path, netlist, block.counted).sum())
    found = energies(netlist)
    return Row(
        name, block.unit, len(netlist.cells), work, energy_pj(netlist, found, counts) / work,
        found.clock_pj * cycles / work, block.model_pj(config),
    )  # fmt: skip


def main() -> None:
    """Print a row for each block, and its ratio to the first one's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recording", type=Path)
    parser.add_argument("--blocks", nargs="+", choices=BLOCKS, default=list(BLOCKS))
    parser.add_argument("--cycles", type=int, default=20_000, help="of each block (20000)")
    parser.add_argument("--skip", type=int, default=2_000, help="cycles of work left out (2000)")
    parser.add_argument("--seconds", type=float, default=0.2, help="of the recording (0.2)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    config = load_config("ecp5_85k", ['frontend.engine="rtl"', *given.set])
    chosen = {name: BLOCKS[name] for name in given.blocks}
    monitors = [
        # A pixel stream's blocks count positions from the start of a frame on: nothing is skipped.
        Monitor(b.module, b.instance, b.active, given.skip * (b.unit == "row"), given.cycles)
        for b in chosen.values()
    ]
    try:
        with tempfile.TemporaryDirectory() as folder:
            paths = capture(given.recording, config, monitors, given.seconds, Path(folder))
            print(
                f"{'block':16} {'unit':6} {'cells':>7} {'work':>7} {'toggles':>9} {'clock':>9} "
                f"{'model':>8} {'toggles':>8} {'model':>8} of the first"
            )
            first: Row | None = None
            for (name, block), path in zip(chosen.items(), paths, strict=True):
                row = measure(name, block, path, config)
                first = first or row
                print(
                    f"{row.name:16} {row.unit:6} {row.cells:7} {row.work:7} "
                    f"{row.toggle_pj:6.1f} pJ {row.clock_pj:6.1f} pJ {row.model_pj:5.2f} pJ "
                    f"{row.toggle_pj / first.toggle_pj:8.2f} {row.model_pj / first.model_pj:8.2f}",
                    flush=True,
                )
    except VioError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
