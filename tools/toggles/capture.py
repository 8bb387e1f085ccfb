# SPDX-License-Identifier: Apache-2.0
"""Capture what blocks have at their ports in each cycle while the front end runs a recording."""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vio.config import Config
from vio.datasets import open_dataset
from vio.datasets.base import end_ns
from vio.engines import make_odometry
from vio.errors import VioError
from vio.hw import verilog_sources
from vio.odometry import run

IDLE = 64  # cycles without work after which a block's state no longer changes: they are left out


@dataclass(frozen=True)
class Monitor:
    """Say what is written of an instance of a module.

    active: the Verilog condition of a cycle with work. skip: cycles of work that are left out
    first. limit: cycles that are written.
    """

    module: str
    instance: str
    active: str
    skip: int
    limit: int


def ports_of(text: str) -> tuple[list[str], list[str]]:
    """Return the inputs, but for the clock, and the outputs of a module, in their order."""
    head = re.sub(r"//[^\n]*", "", text[: text.index(");\n")])
    found = re.findall(r"^\s*(input|output)\s+(?:wire|reg)\s*(?:\[[^\]]*\]\s*)*(\w+)", head, re.M)
    names = [n for way, n in found if way == "input" and n != "clk"]
    return names, [n for way, n in found if way == "output"]


def with_monitor(text: str, monitor: Monitor, where: Path) -> str:
    """Return a module's text that writes its ports, cycle by cycle, to a file of its instance.

    Cycles that come more than IDLE cycles after the last work are left out.
    """
    inputs, outputs = ports_of(text)
    active, skip, limit = monitor.active, monitor.skip, monitor.limit
    added = f"""
  // verilator coverage_off
  integer monitor_file, monitor_idle, monitor_worked, monitor_written;
  reg [8*400-1:0] monitor_name;
  initial begin
    $sformat(monitor_name, "{where}/%m.txt");
    monitor_file = $fopen(monitor_name, "w");
    monitor_idle = 0;
    monitor_worked = 0;
    monitor_written = 0;
  end
  always @(posedge clk) begin
    if ({active}) begin
      monitor_idle <= 0;
      monitor_worked <= monitor_worked + 1;
    end else monitor_idle <= monitor_idle + 1;
    if (monitor_written < {limit} && (monitor_written == 0
        || (({active}) || monitor_idle < {IDLE}) && monitor_worked >= {skip})) begin
      monitor_written <= monitor_written + 1;
      $fwrite(monitor_file, "%h %h\\n", {{{", ".join(inputs)}}}, {{{", ".join(outputs)}}});
      if (monitor_written == {limit - 1}) $fflush(monitor_file);
    end
  end
"""
    at = text.rindex("endmodule")
    return text[:at] + added + text[at:]


@contextmanager
def _sources(folder: Path) -> Iterator[None]:
    """Have the front end built from another copy of rtl/."""
    before = verilog_sources.RTL
    verilog_sources.RTL = folder
    try:
        yield
    finally:
        verilog_sources.RTL = before


def capture(
    recording: Path, config: Config, monitors: Sequence[Monitor], seconds: float, folder: Path
) -> list[Path]:
    """Run the front end in Verilator and return the file of each monitor's instance.

    Raises VioError when an instance had no work, or there is more than one of its name.
    """
    rtl, out = folder / "rtl", folder / "ports"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(verilog_sources.RTL, rtl)
    out.mkdir()
    for module in {m.module for m in monitors}:
        (path,) = rtl.rglob(f"{module}.v")
        first = next(m for m in monitors if m.module == module)
        path.write_text(with_monitor(path.read_text(), first, out))
    dataset = open_dataset(recording)
    with _sources(rtl):
        odometry = make_odometry(dataset.rig, dataset.imu_noise, config)
        for _ in run(dataset, odometry, end_ns(dataset, seconds)):
            pass
    del odometry  # closes the files
    found = []
    for monitor in monitors:
        files = [p for p in out.glob(f"*.{monitor.instance}.txt") if p.stat().st_size]
        if len(files) != 1:
            raise VioError(
                f"{len(files)} captures of {monitor.instance} ({monitor.module}) in {seconds:g} s "
                "of the recording, expected 1"
            )
        found += files
    return found
