# SPDX-License-Identifier: Apache-2.0
"""Feed every reader with generated files, mutations of good ones: only VioError may come out.

Each reader works in a process of its own whose memory is limited; a file that takes longer than
the time limit is a failure. The files depend on the seed alone. They lie in memory where the
system has a folder for that, and the calibrations beside a generated file are parsed once.

    python tools/fuzz_readers.py --count 10000
"""

import argparse
import io
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tools.fuzz_bags import bag_seeds  # noqa: E402
from tools.mutate_files import mutated, with_checksums  # noqa: E402

MEMORY_BYTES = 10**9
SECONDS = 10.0
MAX_MESSAGE = 2000  # several shortened values and paths fit
IN_MEMORY = Path("/dev/shm")  # thousands of small files are written


class Overtime(BaseException):
    """Interrupt a reader; a BaseException, so that no reader takes it for a damaged file."""


@dataclass(frozen=True)
class Reader:
    """Hold a reader: the good files that are mutated, and the function that reads one."""

    seeds: list[bytes]
    read: Callable[[bytes], object]
    repair: Callable[[bytes], bytes] | None = None


# Readers -----------------------------------------------------------------------------------------


def readers(folder: Path) -> dict[str, Reader]:
    """Return all readers by their names; folder: a place for their files."""
    import numpy as np
    from PIL import Image

    from vio.config import dump_config, load_config
    from vio.datasets import kalibr, open_dataset
    from vio.datasets.calibration import parse_camera, parse_imu
    from vio.datasets.files import FolderFiles, read_text
    from vio.datasets.images import UNDECODABLE, decode
    from vio.datasets.trajectories import read_trajectory, write_euroc, write_kitti, write_tum
    from vio.geometry import invert_transform
    from vio.hw.hls.operand_files import load_operands, save_operands
    from vio.imu import ImuNoise
    from vio.render import asl
    from vio.render.calibration import euroc_rig
    from vio.render.scenario import SCENARIOS, load_scenario
    from vio.trajectory import Trajectory

    parse_once()
    noise = ImuNoise(200.0, 1.7e-4, 1.9e-5, 2e-3, 3e-3)
    rig = euroc_rig()
    small = [
        replace(c, width=64, height=48, fx=50.0, fy=50.0, cx=32.0, cy=24.0)
        for c in (rig.left, rig.right)
    ]
    frames = 10**18 + np.arange(3) * 50_000_000
    times = 10**18 + np.arange(-4, 24) * 5_000_000
    zeros = np.zeros((len(times), 3))
    one = np.tile([1.0, 0.0, 0.0, 0.0], (len(times), 1))
    truth = Trajectory(times, zeros + 0.5, one, zeros, zeros, zeros)

    def png(image: np.ndarray, **options: Any) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "PNG", **options)
        return stream.getvalue()

    grey = np.arange(64 * 48, dtype=np.uint16).reshape(48, 64)
    picture = png((grey // 16).astype(np.uint8))

    def recording(root: Path) -> Path:
        mav0 = root / "mav0"
        for k, camera in enumerate(small):
            (mav0 / f"cam{k}" / "data").mkdir(parents=True)
            asl.write_frame_list(mav0 / f"cam{k}", frames)
            (mav0 / f"cam{k}" / "sensor.yaml").write_text(asl.camera_yaml(camera, "fuzz"))
            for t in frames:
                (mav0 / f"cam{k}" / "data" / f"{t}.png").write_bytes(picture)
        asl.write_imu(mav0, times, zeros + 0.1, zeros + 9.8, noise)
        asl.write_truth(mav0, truth)
        return mav0

    mav0 = recording(folder / "recording")
    kept = {str(p.relative_to(mav0)): p.read_bytes() for p in mav0.rglob("*") if p.is_file()}

    def matrix(T: np.ndarray) -> str:
        return "[" + ", ".join(str(row.tolist()) for row in T) + "]"

    chain = ""
    for k, camera in enumerate(small):
        chain += (
            f"cam{k}:\n  camera_model: pinhole\n  distortion_model: radtan\n"
            f"  distortion_coeffs: {list(camera.distortion)}\n  resolution: [64, 48]\n"
            f"  intrinsics: [50.0, 50.0, 32.0, 24.0]\n  timeshift_cam_imu: 0.0\n"
            f"  T_cam_imu: {matrix(invert_transform(camera.T_body_cam))}\n"
        )

    def in_recording(name: str) -> Reader:
        """Return the reader of a recording one of whose files is another."""

        def read(data: bytes) -> None:
            (mav0 / name).write_bytes(data)
            try:
                for _ in open_dataset(mav0).frames():
                    pass
            finally:
                (mav0 / name).write_bytes(kept[name])

        return Reader([kept[name]], read)

    tracks = folder / "tracks"
    (tracks / "calib").mkdir(parents=True)
    for k, camera in enumerate(small):
        (tracks / "calib" / f"cam{k}.yaml").write_text(asl.camera_yaml(camera, "fuzz"))
        rows = [f"{t},{i},{i}.5,9.5,0,0,0" for t in frames for i in range(4)]
        (tracks / f"cam{k}_corners.csv").write_text("#t,id,u,v,x,y,z\n" + "\n".join(rows) + "\n")
    (tracks / "calib" / "imu0.yaml").write_text(asl.imu_yaml(noise))
    shutil.copy(mav0 / "imu0" / "data.csv", tracks / "imu0.csv")
    poses = [f"{t},0.1,0.2,0.3,1,0,0,0" for t in frames]
    (tracks / "cam0_pnp_pose.csv").write_text("#t,p,q\n" + "\n".join(poses) + "\n")

    def in_tracks(name: str) -> Reader:
        good = (tracks / name).read_bytes()

        def read(data: bytes) -> None:
            (tracks / name).write_bytes(data)
            try:
                list(open_dataset(tracks).frames())
            finally:
                (tracks / name).write_bytes(good)

        return Reader([good], read)

    def in_file(seeds: list[bytes], suffix: str, read: Callable[[Path], object]) -> Reader:
        path = folder / f"input{suffix}"

        def write_and_read(data: bytes) -> None:
            path.write_bytes(data)
            read(path)

        return Reader(seeds, write_and_read)

    def text_of(path: Path) -> str:
        return read_text(FolderFiles(path.parent), path.name, "a test")

    def calibrations(path: Path) -> None:
        text = text_of(path)
        (parse_imu if "gyroscope" in text else parse_camera)(text, path.name)

    def camchain(path: Path) -> None:
        kalibr.read_camchain(kalibr.Found(FolderFiles(path.parent), path.name), [])

    def images(data: bytes) -> None:
        with suppress(*UNDECODABLE):  # what a run counts as a lost image
            decode(data, small[0], "image")

    def trajectory(write: Callable[..., None], *more: str) -> bytes:
        write(folder / "good", *(folder / m for m in more), truth)
        return (folder / "good").read_bytes()

    def kitti(path: Path) -> None:
        read_trajectory(path, folder / "good_times")

    def kitti_times(path: Path) -> None:
        read_trajectory(folder / "good_kitti", path)

    zips = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", method) as archive:
            for name, data in sorted(kept.items()):
                archive.writestr(f"mav0/{name}", data)
        zips.append(stream.getvalue())
    save_operands(folder / "good.npz", {"a": np.arange(6.0).reshape(2, 3), "b": np.arange(4)})
    openvins = b"# timestamp(s) q p v bg ba\n" + b"".join(
        b"%d.05000 0 0 0 1 1 2 3" % k + b" 0.1" * 9 + b" 0.00000 0 \n" for k in range(4)
    )
    vins = b"".join(b"1403636579%d63555584,1,2,3,1,0,0,0,4,5,6,\n" % k for k in range(4))
    kitti_seed = trajectory(write_kitti, "good_times")
    (folder / "good_kitti").write_bytes(kitti_seed)
    scenarios = [p.read_bytes() for p in sorted(SCENARIOS.glob("*.toml"))]
    yamls = [kept["cam0/sensor.yaml"], kept["imu0/sensor.yaml"]]
    bits16 = png(grey * 20)
    bags = {
        f"bag {name}": in_file(seeds, ending, lambda path: list(open_dataset(path).frames()))
        for name, ending, seeds in bag_seeds(open_dataset(mav0), folder, mav0)
    }
    return {
        "calibration yaml": in_file(yamls, ".yaml", calibrations),
        "calibration in a recording": in_recording("cam1/sensor.yaml"),
        "kalibr camchain": in_file([chain.encode()], ".yaml", camchain),
        "camera csv": in_recording("cam0/data.csv"),
        "imu csv": in_recording("imu0/data.csv"),
        "ground truth csv": in_recording("state_groundtruth_estimate0/data.csv"),
        "tracks csv": in_tracks("cam0_corners.csv"),
        "trajectory tum": in_file([trajectory(write_tum)], ".txt", read_trajectory),
        "trajectory euroc": in_file([trajectory(write_euroc)], ".csv", read_trajectory),
        "trajectory of others": in_file([openvins, vins], ".txt", read_trajectory),
        "trajectory kitti": in_file([kitti_seed], ".txt", kitti),
        "times kitti": in_file([(folder / "good_times").read_bytes()], ".txt", kitti_times),
        "png": Reader([picture, bits16], images),
        "png with right checksums": Reader([picture, bits16], images, with_checksums),
        "zip": in_file(zips, ".zip", lambda path: list(open_dataset(path).frames())),
        "preset toml": in_file(
            [dump_config(load_config()).encode()], ".toml", lambda path: load_config(str(path))
        ),
        "scenario toml": in_file(scenarios, ".toml", lambda path: load_scenario(str(path))),
        "operands npz": in_file([(folder / "good.npz").read_bytes()], ".npz", load_operands),
        **bags,
    }


def parse_once() -> None:
    """Keep what a YAML text was parsed to, for the next time that the same text is read.

    Of a recording one file is changed; most of the time went into its three good calibrations.
    """
    from vio.datasets import calibration, ground_truth, kalibr, yaml_text

    parsed = lru_cache(maxsize=32)(yaml_text.parse_entries)

    def parse_entries(text: str, where: str) -> dict[str, Any]:
        return deepcopy(parsed(text, where))

    for module in (calibration, ground_truth, kalibr):
        module.parse_entries = parse_entries  # type: ignore[attr-defined]


def working_folder() -> tempfile.TemporaryDirectory:
    """Return a new folder, in memory where the system has a place for that."""
    usable = IN_MEMORY.is_dir() and os.access(IN_MEMORY, os.W_OK)
    return tempfile.TemporaryDirectory(dir=IN_MEMORY if usable else None)


# Running -----------------------------------------------------------------------------------------


def limit_memory(least: int = MEMORY_BYTES) -> None:
    """Let this process's resident memory grow to `least` bytes at most."""
    status = Path("/proc/self/status").read_text()
    size, resident = (
        int(re.search(rf"{key}:\s+(\d+)", status).group(1)) * 1024  # type: ignore[union-attr]
        for key in ("VmSize", "VmRSS")
    )
    limit = size + max(least - resident, 0)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def fuzz(name: str, reader: Reader, count: int, seed: int) -> dict[str, Any]:
    """Return how many files were read, refused, and failed (with what came out)."""
    from vio.errors import VioError

    def stop(*_: object) -> None:
        raise Overtime

    signal.signal(signal.SIGALRM, stop)
    result: dict[str, Any] = {"reader": name, "read": 0, "refused": 0, "failures": []}
    slowest = 0.0
    for index in range(count):
        rng = random.Random(f"{name} {seed} {index}")
        data = mutated(rng, reader.seeds)
        if reader.repair is not None:
            data = reader.repair(data)
        start = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        what = ""
        try:
            reader.read(data)
            result["read"] += 1
        except VioError as error:
            result["refused"] += 1
            if "\n" in str(error) or len(str(error)) > MAX_MESSAGE:
                what = f"a message that is not one short line: {str(error)[:200]!r}"
        except Overtime:
            what = f"more than {SECONDS:g} s"
        except BaseException as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__}: {str(error)[:200]} ({frame.filename}:{frame.lineno})"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        slowest = max(slowest, time.perf_counter() - start)
        if what:
            result["failures"].append({"index": index, "what": what})
    result["slowest_s"] = round(slowest, 3)
    result["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
    return result


def work(names: list[str], count: int, seed: int) -> None:
    """Fuzz the readers of these names (all, when there are none); print a JSON line for each."""
    import warnings

    warnings.simplefilter("ignore")
    with working_folder() as folder:
        known = readers(Path(folder))
        limit_memory()
        for name in names or known:
            print(json.dumps(fuzz(name, known[name], count, seed)), flush=True)


def main() -> int:
    """Run the readers one after another, each in its own process; exit 1 on a failure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200, help="files for each reader")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reader", action="append", default=[], help="only these readers")
    parser.add_argument("--work", action="store_true", help="run in this process, limited")
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if args.work:
        work(args.reader, args.count, args.seed)
        return 0
    with working_folder() as folder:
        known = list(readers(Path(folder)))
    failed = 0
    print(
        f"{'reader':28s} {'read':>6s} {'refused':>8s} {'failed':>7s} {'slowest':>9s} {'peak':>7s}"
    )
    for name in args.reader or known:
        words = ["--work", "--count", str(args.count), "--seed", str(args.seed), "--reader", name]
        job = subprocess.run(
            [sys.executable, __file__, *words],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
        lines = job.stdout.splitlines()
        if job.returncode or not lines:
            failed += 1
            print(f"{name:28s} the process ended with {job.returncode}: {job.stderr[-300:]}")
            continue
        r = json.loads(lines[-1])
        failed += len(r["failures"])
        print(
            f"{name:28s} {r['read']:6d} {r['refused']:8d} {len(r['failures']):7d} "
            f"{r['slowest_s']:7.2f} s {r['peak_mb']:4d} MB",
            flush=True,
        )
        for failure in r["failures"][:10]:
            print(f"    file {failure['index']}: {failure['what']}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
