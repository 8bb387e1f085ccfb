# SPDX-License-Identifier: Apache-2.0
"""Measure front ends against exact flow: python tools/measure_tracking.py RECORDING|SCENARIO.

Renders along a recording's ground truth (or a scenario), tracks the frames with each engine as
they appear, with the true rotation in place of the gyroscope's, and prints the table of
docs/odometry/frontend.md. Errors are those of all tracks, at depth edges and behind occlusions too.
"""

import argparse
from pathlib import Path

import numpy as np

from vio.config import load_config
from vio.data import StereoFrame, Tracks
from vio.engines import make_frontend
from vio.render import truth
from vio.render.renderer import Renderer
from vio.render.sequence import open_hybrid, open_scenario

AFTER = (1, 10, 20)
STEP = 5  # every so many frames the tracks are taken as starting points


def flow_errors(renderer: Renderer, tracks: list[Tracks], after: int) -> tuple[np.ndarray, float]:
    """Return the errors in pixels of tracks so many frames old, and the part still alive."""
    errors, alive, visible = [], 0, 0
    for k in range(0, len(tracks) - after, STEP):
        first, last = tracks[k], tracks[k + after]
        flow = truth.flow(renderer, k, k + after, first.uv_left)
        visible += int(np.count_nonzero(flow.visible))
        _, i, j = np.intersect1d(first.ids, last.ids, return_indices=True)
        alive += len(i)
        error = np.linalg.norm(last.uv_left[j] - flow.uv[i], axis=1)
        errors.append(np.where(flow.visible[i], error, np.inf))
    return np.concatenate(errors), alive / max(visible, 1)


def stereo_errors(renderer: Renderer, tracks: list[Tracks]) -> np.ndarray:
    """Return the errors of the right column in pixels, over all keyframes."""
    errors = []
    for k, t in enumerate(tracks):
        matched = ~np.isnan(t.uv_right[:, 0])
        exact = truth.stereo(renderer, k, t.uv_left[matched])
        error = np.abs(t.uv_right[matched, 0] - exact.uv[:, 0])
        errors.append(np.where(exact.visible, error, np.inf))
    return np.concatenate(errors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", help="a recording in ASL layout, or a scenario")
    parser.add_argument("--seconds", type=float, default=25.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engines", nargs="+", default=["opencv", "float"])
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    args = parser.parse_args()
    opener = open_hybrid if Path(args.source).exists() else open_scenario
    sequence = opener(args.source, args.seed, args.seconds)
    renderer = sequence.renderer
    configs = [load_config("euroc", [f"frontend.engine={e}", *args.set]) for e in args.engines]
    engines = [make_frontend(renderer.rig, c) for c in configs]
    tracks: list[list[Tracks]] = [[] for _ in engines]
    R_world_cam, _ = renderer.camera_poses(renderer.t_ns, 0)
    for k, t_ns in enumerate(renderer.t_ns):
        frame = StereoFrame(int(t_ns), renderer.image(k, 0), renderer.image(k, 1))
        R_cam_prev = R_world_cam[k].T @ R_world_cam[max(k - 1, 0)]
        for engine, out in zip(engines, tracks, strict=True):
            out.append(engine.track(frame, R_cam_prev))
    for name, out in zip(args.engines, tracks, strict=True):
        cells = []
        for after in AFTER:
            errors, alive = flow_errors(renderer, out, after)
            median, p90 = np.percentile(errors, [50, 90])
            cells.append(f"{median:.3f} / {p90:.2f} ({alive:.2f} alive)")
        median, p90 = np.percentile(stereo_errors(renderer, out), [50, 90])
        print(f"| {sequence.name}, {name} | {' | '.join(cells)} | {median:.3f} / {p90:.2f} |")


if __name__ == "__main__":
    main()
