# SPDX-License-Identifier: Apache-2.0
"""Measure frame-buffer codecs under the float engine: python tools/codec/measure_codecs.py --help.

windows: tracks a recording once without compression, notes the inputs of every Lucas-Kanade and
stereo call, and repeats those calls on decoded frames, so that the codec is all that differs.
With --truth (a rendered recording and the recording it was rendered along) it measures
against exact flow too. ate: runs on decoded frames, over start times, each with another RANSAC
seed. Both append one JSON line a result to --out; tools/codec/plot_codecs.py makes the tables and
figures of docs/golden/codec.md.

A frame store is named "dct27", or level by level and right image "dct27/dct18/dct18/dct27".
"""

import argparse
import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vio.camera import StereoRig
from vio.config import Config, load_config
from vio.data import StereoFrame
from vio.datasets import open_dataset
from vio.datasets.base import Dataset
from vio.engines import make_odometry
from vio.eval.metrics import evaluate
from vio.fixed.codec import Codec, get_codec
from vio.frontend.float import FloatFrontEnd
from vio.frontend.klt import TRACKED, track_windows
from vio.frontend.pyramid import Pyramid, build_pyramid
from vio.frontend.stereo import match_stereo
from vio.odometry import run, trajectory_of

LEVELS = 3
AGES = (1, 10)
# A keyframe every ten frames, so that each template is followed for one and for ten frames.
STEADY = ["keyframe.min_alive=0.0", "keyframe.max_parallax_px=1e9"]


@dataclass(frozen=True)
class FrameStore:
    """Hold the codecs of the left pyramid's levels and of the right image."""

    name: str
    levels: tuple[Codec, ...]
    right: Codec

    def left(self, image: np.ndarray) -> Pyramid:
        """Return the pyramid as read back; it is built before it is compressed."""
        pyramid = build_pyramid(image, len(self.levels))
        return tuple(c.roundtrip(level) for c, level in zip(self.levels, pyramid, strict=True))

    def bits(self) -> list[int]:
        """Return the bits a block of each level and of the right image."""
        return [c.bits for c in (*self.levels, self.right)]


def parse_store(name: str) -> FrameStore:
    """Return the frame store of a name."""
    parts = name.split("/")
    codecs = [get_codec(p) for p in (parts if len(parts) > 1 else parts * (LEVELS + 1))]
    if len(codecs) != LEVELS + 1:
        raise SystemExit(f"{name}: give one codec, or {LEVELS} levels and the right image")
    return FrameStore(name, tuple(codecs[:LEVELS]), codecs[LEVELS])


class StoredFrontEnd(FloatFrontEnd):
    """The float engine, reading frames that were compressed; corners see the raw stream."""

    def __init__(self, rig: StereoRig, config: Config, store: FrameStore) -> None:
        super().__init__(rig, config)
        self.store = store

    def build(self, image: np.ndarray) -> Pyramid:
        self.stored = self.store.left(image)
        return self.stored

    def match(self, left: np.ndarray, right: np.ndarray, uv: np.ndarray) -> np.ndarray:
        return super().match(self.stored[0], self.store.right.roundtrip(right), uv)


@dataclass
class Recorder(FloatFrontEnd):
    """The float engine, which notes what it was asked; indices count the left images seen."""

    rig: StereoRig
    full_config: Config
    follows: list[dict[str, Any]] = field(default_factory=list)
    matches: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.rig, self.full_config)
        self.key = 0

    def follow(self, key, current, uv_key, uv_start, warps):  # type: ignore[no-untyped-def]
        out = super().follow(key, current, uv_key, uv_start, warps)
        if self._age in AGES:
            call = {"key": self._frame_index - self._age, "frame": self._frame_index}
            arrays = {"uv_key": uv_key, "uv_start": uv_start, "warps": warps, "uv": out[0]}
            copies = {k: v.copy() for k, v in arrays.items()}
            self.follows.append({**call, "age": self._age, "status": out[1].copy(), **copies})
        return out

    def match(self, left: np.ndarray, right: np.ndarray, uv: np.ndarray) -> np.ndarray:
        out = super().match(left, right, uv)
        self.matches.append({"frame": self._frame_index, "uv": uv.copy(), "uv_right": out.copy()})
        return out


def record(path: str, frames: int) -> dict[str, Any]:
    """Return the calls of an uncompressed run and the images that they read."""
    dataset = open_dataset(path)
    recorder = Recorder(dataset.rig, load_config("euroc", STEADY))
    odometry = make_odometry(
        dataset.rig, dataset.imu_noise, recorder.full_config, frontend=recorder
    )
    states = run(dataset, odometry)
    t_ns = [state.t_ns for _, state in zip(range(frames), states, strict=False)]
    needed = {c[k] for c in recorder.follows for k in ("key", "frame")}
    needed |= {c["frame"] for c in recorder.matches}
    images = {i: f for i, f in zip(range(frames), dataset.frames(), strict=False) if i in needed}
    return {
        "rig": dataset.rig,
        "t_ns": np.array(t_ns),
        "follows": recorder.follows,
        "matches": recorder.matches,
        "images": images,
    }


def exact_flow(calls: dict[str, Any], source: str, seed: int) -> None:
    """Add where each template's centre truly is, NaN where it is hidden, to the follows."""
    from vio.render import truth
    from vio.render.sequence import open_hybrid

    renderer = open_hybrid(source, seed, (calls["t_ns"][-1] - calls["t_ns"][0]) / 1e9).renderer
    at = {int(t): k for k, t in enumerate(renderer.t_ns)}
    for c in calls["follows"]:
        key, frame = (at[int(calls["t_ns"][c[k]])] for k in ("key", "frame"))
        flow = truth.flow(renderer, key, frame, c["uv_key"])
        c["uv_true"] = np.where(flow.visible[:, None], flow.uv, np.nan)


def measure_windows(calls: dict[str, Any], store: FrameStore, config: Config) -> dict[str, Any]:
    """Return the figures of a store on recorded calls."""
    c = config.frontend
    images = calls["images"]
    left = {k: store.left(f.left) for k, f in images.items() if f.left is not None}
    square = [np.mean((images[k].left.astype(float) - p[0]) ** 2) for k, p in left.items()]
    row: dict[str, Any] = {"psnr_db": float(10 * np.log10(255**2 / max(np.mean(square), 1e-9)))}
    for age in AGES:
        change, error, before, after = [], [], 0, 0
        for f in calls["follows"]:
            if f["age"] != age or f["key"] not in left or f["frame"] not in left:
                continue
            uv, status, _, _ = track_windows(
                left[f["key"]], left[f["frame"]], f["uv_key"], f["uv_start"], f["warps"],
                c.window, c.max_iterations, c.step_px, c.min_eigenvalue, c.min_correlation,
                c.max_shift_px,
            )  # fmt: skip
            both = (f["status"] == TRACKED) & (status == TRACKED)
            before += int(np.count_nonzero(f["status"] == TRACKED))
            after += int(np.count_nonzero(status == TRACKED))
            change.append(np.linalg.norm(uv - f["uv"], axis=1)[both])
            if "uv_true" in f:
                error.append(np.linalg.norm(uv - f["uv_true"], axis=1)[status == TRACKED])
        row[f"klt{age}"] = percentiles(np.concatenate(change))
        row[f"alive{age}"] = after / before
        if error:
            all_errors = np.concatenate(error)
            row[f"flow{age}"] = percentiles(all_errors[~np.isnan(all_errors)])
    change, before, after = [], 0, 0
    for m in calls["matches"]:
        right = images[m["frame"]].right
        if right is None or m["frame"] not in left:
            continue
        out = match_stereo(
            calls["rig"], left[m["frame"]][0], store.right.roundtrip(right), m["uv"],
            c.stereo_half_width, c.stereo_half_height, c.min_depth_m, c.min_stereo_correlation,
            c.stereo_uniqueness, c.window // 2,
        )  # fmt: skip
        difference = np.abs(out[:, 0] - m["uv_right"][:, 0])
        change.append(difference[~np.isnan(difference)])
        before += int(np.count_nonzero(~np.isnan(m["uv_right"][:, 0])))
        after += int(np.count_nonzero(~np.isnan(out[:, 0])))
    row["stereo"] = percentiles(np.concatenate(change))
    row["matched"] = after / before
    return row


def percentiles(values: np.ndarray) -> list[float]:
    """Return the median and the 90th percentile."""
    return [float(v) for v in np.percentile(values, [50, 90])]


class LaterStart:
    """A dataset whose images begin later."""

    def __init__(self, dataset: Dataset, start_ns: int) -> None:
        self.dataset, self.start_ns = dataset, start_ns

    def __getattr__(self, name: str) -> Any:
        return getattr(self.dataset, name)

    def frames(self) -> Iterator[StereoFrame]:
        return self.dataset.frames(self.start_ns)


def measure_ate(
    path: str, store: FrameStore, seed: int, start_s: float, seconds: float
) -> dict[str, Any]:
    """Return the accuracy of a run and how long its tracks lived."""
    config = load_config("euroc", [f"frontend.seed={seed}"])
    dataset = open_dataset(path)
    start_ns = int(dataset.frame_t_ns[0] + start_s * 1e9)
    until_ns = int(start_ns + seconds * 1e9)
    frontend = StoredFrontEnd(dataset.rig, config, store)
    later = LaterStart(dataset, start_ns)
    odometry = make_odometry(dataset.rig, dataset.imu_noise, config, frontend=frontend)
    states = list(run(later, odometry, until_ns))
    estimate = trajectory_of(states)
    metrics = evaluate(
        estimate, dataset.ground_truth, start_ns=start_ns, until_ns=until_ns,
        frame_t_ns=dataset.frame_t_ns, relative=((1.0, "s"), (5.0, "s")),
    )  # fmt: skip
    counts = [len(s.tracks.ids) for s in states if s.tracks is not None]
    detected = sum(s.counters.get("detected", 0) for s in states)
    matched = [s.counters["stereo_matched"] for s in states if "stereo_matched" in s.counters]
    return {
        "ate_m": metrics.ate_se3_m,
        "rpe_m": [r.translation_m.rmse for r in metrics.relative],
        "rpe_deg": [r.rotation_deg.rmse for r in metrics.relative],
        "coverage": metrics.coverage,
        "tracks": float(np.mean(counts)),
        "life_frames": float(np.sum(counts) / max(detected, 1)),
        "stereo_matches": float(np.mean(matched)),
        "segments": int(max(s.segment for s in states)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["windows", "ate"])
    parser.add_argument("recording", help="a recording with images, in EuRoC layout")
    parser.add_argument("--stores", nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True, help="results, one JSON line each")
    parser.add_argument("--frames", type=int, default=400, help="windows: frames to track")
    parser.add_argument("--from-frame", type=int, default=0, help="windows: first to measure")
    parser.add_argument("--every", type=int, default=1, help="windows: keyframes to measure")
    parser.add_argument("--truth", help="windows: what the recording was rendered along")
    parser.add_argument("--truth-seed", type=int, default=1)
    parser.add_argument("--calls", type=Path, help="windows: keep the noted calls here")
    parser.add_argument("--starts", type=float, nargs="+", default=[0.0], help="ate: seconds")
    parser.add_argument("--seconds", type=float, default=1e4, help="ate: length of the runs")
    args = parser.parse_args()
    stores = [parse_store(name) for name in args.stores]
    name = Path(args.recording).name

    def write(row: dict[str, Any], store: FrameStore) -> None:
        row = {"what": args.what, "recording": name, "store": store.name, **row}
        row["bits"] = store.bits()
        with args.out.open("a") as file:
            file.write(json.dumps(row) + "\n")

    if args.what == "ate":
        for seed, start_s in enumerate(args.starts, 1):
            for store in stores:
                row = measure_ate(args.recording, store, seed, start_s, args.seconds)
                write({"start_s": start_s, **row}, store)
        return
    if args.calls is not None and args.calls.exists():
        calls = pickle.loads(args.calls.read_bytes())
    else:
        calls = record(args.recording, args.frames)
        if args.truth is not None:
            exact_flow(calls, args.truth, args.truth_seed)
        if args.calls is not None:
            args.calls.write_bytes(pickle.dumps(calls))
    keys = sorted({f["key"] for f in calls["follows"] if f["key"] >= args.from_frame})[
        :: args.every
    ]
    calls["follows"] = [f for f in calls["follows"] if f["key"] in keys]
    calls["matches"] = [m for m in calls["matches"] if m["frame"] in keys]
    needed = {f[k] for f in calls["follows"] for k in ("key", "frame")} | set(keys)
    calls["images"] = {k: v for k, v in calls["images"].items() if k in needed}
    for store in stores:
        write(measure_windows(calls, store, load_config("euroc")), store)


if __name__ == "__main__":
    main()
