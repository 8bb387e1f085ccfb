# SPDX-License-Identifier: Apache-2.0
"""Measure what each block costs when it alone is made fixed, and what word lengths cost.

    python tools/measure_fixed.py DATASET... [--blocks klt corners ...] [--seeds 1-5]
                                             [--set hw.pixel_frac=0] [--json FILE] [--jobs 2]

Runs the float engine with one block after the other replaced by the golden model's kernels, and
prints the ATE (SE3, metres) of each dataset and RANSAC seed. `float` and `fixed` are the whole
engines; `fixed:uv-3` is the golden model with 3 fraction bits less in the tracks' pixels,
`fixed:ray-3` in their rays, `fixed:rotation-3` in the rotation from the host.
"""

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from vio.camera import StereoRig
from vio.config import Config, load_config
from vio.data import StereoFrame, Tracks
from vio.datasets import open_dataset
from vio.engines import make_odometry
from vio.errors import VioError
from vio.eval.metrics import evaluate
from vio.fixed import stereo as fixed_stereo
from vio.fixed.frontend import FixedFrontEnd
from vio.fixed.klt import track_windows
from vio.fixed.ransac import inverse_scale_change, mono_ransac
from vio.fixed.rectify import rotation_registers
from vio.fixed.stereo_search import NO_MATCH
from vio.frontend.base import FrontEnd
from vio.frontend.float import FloatFrontEnd
from vio.odometry import run, trajectory_of

BLOCKS = ("codec", "klt", "corners", "ransac", "stereo")


class AblatedFrontEnd(FloatFrontEnd):
    """The float engine with some blocks replaced by the golden model's."""

    def __init__(self, rig: StereoRig, config: Config, blocks: frozenset[str]) -> None:
        super().__init__(rig, config)
        self._fixed = FixedFrontEnd(rig, config)
        self._blocks = blocks
        self._hw = config.hw
        self._unit = 2.0**config.hw.coord_frac
        for block in blocks:  # a block that is not named keeps the float engine's method
            name = {"codec": "build", "klt": "follow", "corners": "find"}.get(block)
            if name:
                setattr(self, name, getattr(self, f"_{name}_fixed"))
        if "ransac" in blocks:
            self._verify_motion = self._verify_motion_fixed  # type: ignore[method-assign]

    def _to_fixed(self, x: np.ndarray, unit: float) -> np.ndarray:
        return np.round(np.nan_to_num(x, nan=-1000.0) * unit).astype(np.int64)

    def _build_fixed(self, image: np.ndarray) -> tuple[np.ndarray, ...]:
        return self._fixed._codec.store_left(FloatFrontEnd.build(self, image))

    def _follow_fixed(self, key, current, uv_key, uv_start, warps):  # type: ignore[no-untyped-def]
        start = np.clip(uv_start, -1000, 1000)
        uv, status, iterations = track_windows(
            key,
            current,
            self._to_fixed(uv_key, self._unit),
            self._to_fixed(start, self._unit),
            self._to_fixed(np.clip(warps, -1.99, 1.99), 2.0**self._hw.warp_frac),
            self._fixed._klt,
            self._fixed._signals,
        )
        return uv / self._unit, status, iterations

    def _find_fixed(self, image, occupied, room):  # type: ignore[no-untyped-def]
        f, c, hw = self._fixed, self.config, self._hw
        from vio.fixed.corners import corner_scores, select_corners, tile_candidates

        candidates = tile_candidates(
            corner_scores(image, f._signals), hw.tile_px, f._min_score, c.window // 2 + 1
        )
        uv, score = select_corners(
            candidates,
            self._to_fixed(occupied, self._unit),
            hw.coord_frac,
            hw.tile_px,
            f._cell[0],
            f._cell[1],
            c.cell_budget,
            room,
            c.min_distance_px,
        )
        return uv / self._unit, score.astype(np.float32)

    def match(self, left: np.ndarray, right: np.ndarray, uv: np.ndarray) -> np.ndarray:
        """Return the right pixels (N, 2) by either engine, from either kind of frames."""
        f = self._fixed
        if "codec" in self._blocks:
            left, right = f._codec.store_left((left,))[0], f._codec.store_right(right)
        if "stereo" not in self._blocks:
            return super().match(left, right, uv)
        uv_right, _, _ = fixed_stereo.match_rows(
            left,
            right,
            f._left,
            f._right,
            self._to_fixed(uv, self._unit),
            f._stereo,
            f._klt,
            self._hw.search_columns,
            f._signals,
        )
        none = uv_right == NO_MATCH
        return np.where(none, np.nan, uv_right / self._unit)

    def _verify_motion_fixed(self, R_cam_key: np.ndarray) -> None:
        t, f, R = self._tracks, self._fixed, R_cam_key
        if len(t):
            R_q = rotation_registers(R, self._hw)
            unit = 2.0**self._hw.ray_frac
            key, now = self._to_fixed(t.rays_key, unit), self._to_fixed(t.rays, unit)
            inlier, direction = mono_ransac(
                R_q,
                key,
                now,
                f._mono_threshold2,
                f._mono_loose2,
                self.config.ransac_hypotheses,
                max(self.config.seed + self._frame_index, 1),
                f._signals,
            )
            self._counters["lost_ransac"] = int(len(inlier) - np.count_nonzero(inlier))
            self._tracks = t.keep(inlier)
            sizes = inverse_scale_change(
                R_q, direction, key[inlier], now[inlier], self._hw.scale_frac, f._signals
            )
            self._tracks.scale_change[:] = 2.0**self._hw.scale_frac / sizes
        self._R_last_key = R


class CoarseFrontEnd(FixedFrontEnd):
    """The golden model with fraction bits taken from one format."""

    def __init__(self, rig: StereoRig, config: Config, format_name: str, bits: int) -> None:
        if format_name not in ("uv", "ray", "rotation"):
            raise VioError(f"format {format_name!r} cannot be cut; known: uv, ray, rotation")
        self._cut, self._bits = format_name, bits
        super().__init__(rig, config)

    def _coarse(self, values: np.ndarray) -> np.ndarray:
        unit = 1 << self._bits
        return (values + unit // 2) // unit * unit

    def track(self, frame: StereoFrame, R_cam_prev: np.ndarray) -> Tracks:
        """Process one frame with the rotation as coarse as asked for."""
        if self._cut == "rotation":
            unit = 2.0 ** (self._bits - self.hw.ray_frac)
            R_cam_prev = np.round(np.asarray(R_cam_prev) / unit) * unit
        return super().track(frame, R_cam_prev)

    def unproject(self, uv: np.ndarray) -> np.ndarray:
        """Return the rays (N, 2), of pixels made coarse in place or made coarse themselves."""
        if self._cut == "uv":
            uv[:] = self._coarse(uv)
        rays = super().unproject(uv)
        return self._coarse(rays) if self._cut == "ray" else rays


def measure(dataset: str, engine: str, seed: int, overrides: list[str]) -> float:
    """Return the ATE of one run; engine: float, fixed or blocks joined by +."""
    config = load_config("euroc", overrides)
    config = replace(config, frontend=replace(config.frontend, seed=seed))
    data = open_dataset(dataset)
    frontend: FrontEnd
    if engine == "fixed":
        frontend = FixedFrontEnd(data.rig, config)
    elif engine.startswith("fixed:"):
        name, _, bits = engine.removeprefix("fixed:").partition("-")
        frontend = CoarseFrontEnd(data.rig, config, name, int(bits))
    elif engine == "float":
        frontend = FloatFrontEnd(data.rig, config)
    else:
        frontend = AblatedFrontEnd(data.rig, config, frozenset(engine.split("+")))
    odometry = make_odometry(data.rig, data.imu_noise, config, frontend=frontend)
    estimate = trajectory_of(run(data, odometry))
    return evaluate(estimate, data.ground_truth).ate_se3_m


def main() -> int:
    """Run the measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("datasets", nargs="+")
    parser.add_argument("--engines", nargs="+", default=["float", *BLOCKS, "fixed"])
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    first, _, last = args.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    jobs = {}
    with ProcessPoolExecutor(args.jobs) as pool:
        for engine in args.engines:
            for dataset in args.datasets:
                for seed in seeds:
                    jobs[engine, dataset, seed] = pool.submit(
                        measure, dataset, engine, seed, args.set
                    )
        rows = []
        for (engine, dataset, seed), job in jobs.items():
            rows.append(
                {
                    "engine": engine,
                    "dataset": Path(dataset).name,
                    "seed": seed,
                    "ate_m": job.result(),
                }
            )
            print(engine, Path(dataset).name, seed, f"{rows[-1]['ate_m']:.4f}", flush=True)
    for engine in args.engines:
        means = [
            np.mean([r["ate_m"] for r in rows if (r["engine"], r["dataset"]) == (engine, d)])
            for d in dict.fromkeys(r["dataset"] for r in rows)
        ]
        print(f"{engine:12s} mean {np.mean(means):.4f}  ", "  ".join(f"{m:.4f}" for m in means))
    if args.json:
        args.json.write_text(json.dumps({"set": args.set, "rows": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
