# SPDX-License-Identifier: Apache-2.0
"""Render the small recording of the golden vectors: python tools/render_vector_source.py OUT.

It is checked in (sim/vectors/source), because rendering computes with floats: the vectors made from
it are the same to the byte on any machine. The rig is EuRoC's, seen by small distorted sensors.
"""

import argparse
import dataclasses
import shutil
from pathlib import Path
from unittest import mock

from vio.camera import Camera, StereoRig
from vio.render import sequence
from vio.render.calibration import euroc_rig

WIDTH, HEIGHT, FOCAL = 66, 46, 132.0
SECONDS = 0.3
FRAMES = 4  # of them are kept
MARGIN_NS = 50_000_000  # of inertial samples before and after the images


def small_rig(rate_hz: float) -> StereoRig:
    """Return EuRoC's rig with cameras of 66x46 pixels and a focal length of about 132."""
    full = euroc_rig(rate_hz)

    def small(camera: Camera, du: float, dv: float) -> Camera:
        return dataclasses.replace(
            camera, width=WIDTH, height=HEIGHT, fx=FOCAL, fy=FOCAL - 0.5,
            cx=WIDTH / 2 + du, cy=HEIGHT / 2 + dv,
        )  # fmt: skip

    return StereoRig(small(full.left, -0.8, 1.3), small(full.right, 1.1, -0.6))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scenario", default="handheld")
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    with mock.patch.object(sequence, "euroc_rig", small_rig):
        sequence.render_scenario(args.scenario, args.out, args.seed, SECONDS)
    root = args.out / "mav0"
    shutil.rmtree(root / "state_groundtruth_estimate0")
    times = sorted(int(path.stem) for path in (root / "cam0" / "data").glob("*.png"))[:FRAMES]
    for camera in ("cam0", "cam1"):
        for path in (root / camera / "data").glob("*.png"):
            if int(path.stem) not in times:
                path.unlink()
        lines = (root / camera / "data.csv").read_text().splitlines()
        (root / camera / "data.csv").write_text("\n".join(lines[: 1 + FRAMES]) + "\n")
    head, *rows = (root / "imu0" / "data.csv").read_text().splitlines()
    near = [
        row
        for row in rows
        if min(times) - MARGIN_NS <= int(row.split(",")[0]) <= max(times) + MARGIN_NS
    ]
    (root / "imu0" / "data.csv").write_text("\n".join([head, *near]) + "\n")


if __name__ == "__main__":
    main()
