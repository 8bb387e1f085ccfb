# SPDX-License-Identifier: Apache-2.0
"""Measure the odometry on images at other rates and with uneven stamps, of one rendered motion.

    python tools/measure_rendered_rates.py [--scenario handheld] [--seconds 15] [--keep DIR]

The scenario is rendered once at 60 Hz, in half the size of EuRoC's images to save time; lower
rates are every second, third, sixth or twelfth of those pairs. The inertial data of each rate are
of the same motion, with noise of their own. Two tables are printed: the ATE at each pair of rates
over that at 20 and 200 Hz, and at 20 and 200 Hz with uneven stamps, dropped frames and changing
light. Each is the mean of several seeds of the RANSAC and of the inertial noise. A figure is marked
* where the track was lost or never started.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vio import make_odometry
from vio.camera import Camera, StereoRig
from vio.config import load_config
from vio.data import ImuData, StereoFrame
from vio.datasets.base import LostImages
from vio.datasets.euroc import EurocDataset
from vio.eval.metrics import evaluate
from vio.imu import ImuNoise
from vio.odometry import run, trajectory_of
from vio.render import open_scenario, write_sequence
from vio.render.calibration import euroc_rig
from vio.render.inertial import ImuModel, make_imu
from vio.render.scenario import SCENARIOS
from vio.render.sequence import Sequence
from vio.trajectory import Trajectory

BASE_HZ = 60
USUAL = (20.0, 200.0)
# Spans in seconds, and the light that is left over: the shutter follows with its lag.
CHANGES_OF_LIGHT = (
    "dark_s = [[2.0, 3.5, 0.3], [5.0, 5.6, 0.15], [7.0, 9.0, 0.5], [11.0, 13.0, 0.2]]"
)


@dataclass
class Picked:
    """A dataset: some pairs of a sequence, with other stamps and inertial data."""

    rig: StereoRig
    imu: ImuData
    imu_noise: ImuNoise
    frame_t_ns: np.ndarray
    images: list[StereoFrame]
    ground_truth: Trajectory | None
    name: str = "rendered"
    truth_error: str = ""

    def __post_init__(self) -> None:
        """Begin without any complaint."""
        self.warnings: list[str] = []
        self.lost_images: LostImages = LostImages()

    def frames(
        self, start_ns: int | None = None, until_ns: int | None = None
    ) -> Iterator[StereoFrame]:
        """Yield the pairs under their stamps (the whole sequence)."""
        for t_ns, image in zip(self.frame_t_ns, self.images, strict=True):
            yield replace(image, t_ns=int(t_ns))


class Rendered:
    """Hold the images of a rendered sequence and make datasets of them."""

    def __init__(self, sequence: Sequence, folder: Path, seed: int) -> None:
        if not (folder / "mav0").is_dir():
            for _ in write_sequence(sequence, folder):
                pass
        self.trajectory = sequence.renderer.trajectory
        self.truth = sequence.truth
        self.seed = seed
        recording = EurocDataset(folder)
        self.rig = recording.rig
        self.pairs = list(recording.frames())
        self.t_ns = recording.frame_t_ns

    def dataset(
        self,
        picked: np.ndarray,
        camera_hz: float,
        imu_hz: float,
        variant: int,
        late_s: np.ndarray | None = None,
    ) -> Picked:
        """Return pairs (indices) as a dataset; late_s: by how much their stamps are wrong."""
        cameras = (replace(c, rate_hz=camera_hz) for c in (self.rig.left, self.rig.right))
        noise = ImuNoise(rate_hz=imu_hz)
        imu = make_imu(self.trajectory, ImuModel(noise), 1000 * self.seed + variant)
        stamps = self.t_ns[picked]
        if late_s is not None:
            stamps = stamps + np.round(late_s * 1e9).astype(np.int64)
        return Picked(
            StereoRig(*cameras),
            ImuData(imu.t_ns, imu.gyro_rad_s, imu.accel_m_s2),
            noise,
            stamps,
            [self.pairs[k] for k in picked],
            self.truth,
        )

    def every(self, camera_hz: float) -> np.ndarray:
        """Return the indices of the pairs at a rate that divides the sequence's."""
        return np.arange(0, len(self.pairs), round(self.rig.left.rate_hz / camera_hz))


def smaller_rig(share: float) -> StereoRig:
    """Return EuRoC's rig with images of a share of its size."""

    def smaller(camera: Camera) -> Camera:
        # The centre of the first pixel is at 0, its edge at -0.5.
        cx, cy = (share * (c + 0.5) - 0.5 for c in (camera.cx, camera.cy))
        return replace(
            camera,
            width=round(share * camera.width),
            height=round(share * camera.height),
            fx=share * camera.fx,
            fy=share * camera.fy,
            cx=cx,
            cy=cy,
        )

    rig = euroc_rig()
    return StereoRig(smaller(rig.left), smaller(rig.right))


def error_m(dataset: Picked, seed: int, engine: str) -> tuple[float, bool]:
    """Return the ATE, NaN without a pose, and whether one segment holds from the start on."""
    config = load_config("euroc", [f"frontend.seed={seed}", f'frontend.engine="{engine}"'])
    states = list(run(dataset, make_odometry(dataset.rig, dataset.imu_noise, config)))
    posed = [s for s in states if s.p_world_body is not None]
    if len(posed) < 3:
        return float("nan"), False
    estimate = trajectory_of(posed)
    assert dataset.ground_truth is not None
    whole = posed[-1].segment == 1 and len(posed) == len(states) - posed[0].frame_index
    return evaluate(estimate, dataset.ground_truth).ate_se3_m, whole


def mean_error(make: Callable[[int], Picked], seeds: int, engine: str) -> tuple[float, str]:
    """Return the mean ATE over seeds, and a mark when some run was lost."""
    results = [error_m(make(seed), seed, engine) for seed in range(1, seeds + 1)]
    return float(np.mean([e for e, _ in results])), "" if all(w for _, w in results) else "*"


def uneven(rendered: Rendered) -> dict[str, Callable[[int], Picked]]:
    """Return what makes the datasets at 20 and 200 Hz with uneven frames, by their names."""
    usual = rendered.every(USUAL[0])

    def random_steps(seed: int) -> Picked:
        """Intervals of 17 to 83 ms, 50 ms in the mean."""
        steps = np.random.default_rng([seed, 1]).integers(1, 6, len(usual))
        picked = np.cumsum(steps)
        return rendered.dataset(picked[picked < len(rendered.pairs)], *USUAL, seed)

    def dropped(share: float) -> Callable[[int], Picked]:
        def make(seed: int) -> Picked:
            kept = np.random.default_rng([seed, 2]).random(len(usual)) >= share
            return rendered.dataset(usual[kept], *USUAL, seed)

        return make

    def wrong(sigma_s: float) -> Callable[[int], Picked]:
        def make(seed: int) -> Picked:
            late_s = np.random.default_rng([seed, 3]).normal(0.0, sigma_s, len(usual))
            return rendered.dataset(usual, *USUAL, seed, late_s)

        return make

    return {
        "intervals of 17 to 83 ms": random_steps,
        "10 % of the frames dropped": dropped(0.1),
        "30 % of the frames dropped": dropped(0.3),
        "stamps wrong by 1 ms (sigma)": wrong(0.001),
        "stamps wrong by 2 ms (sigma)": wrong(0.002),
        "stamps wrong by 3 ms (sigma)": wrong(0.003),
    }


def changing_light(name: str, folder: Path, seed: int, seconds: float, rig: StereoRig) -> Rendered:
    """Return the same motion in changing light, at 20 Hz: the exposure varies."""
    path = SCENARIOS / f"{name}.toml" if not name.endswith(".toml") else Path(name)
    with tempfile.TemporaryDirectory() as temporary:
        changed = Path(temporary) / path.name
        changed.write_text(f"{path.read_text()}\n{CHANGES_OF_LIGHT}\n")
        sequence = open_scenario(str(changed), seed, seconds, camera_rate_hz=USUAL[0], rig=rig)
    shutters = [x.shutter_s * 1e3 for x in sequence.renderer.exposures[0]]
    print(
        f"in changing light the shutter is open for {min(shutters):.1f} to {max(shutters):.1f} ms"
    )
    return Rendered(sequence, folder, seed)


def main() -> None:
    """Render where needed, run all cases and print the two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenario", default="handheld")
    parser.add_argument("--seed", type=int, default=1, help="of the world and the motion")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--size", type=float, default=0.5, help="of the images, EuRoC's being 1")
    parser.add_argument("--seeds", type=int, default=3, help="of RANSAC and inertial noise")
    parser.add_argument("--frames", type=float, nargs="+", default=[5, 10, 20, 30, 60])
    parser.add_argument("--imu", type=float, nargs="+", default=[100, 200, 400])
    parser.add_argument("--engine", default="float")
    parser.add_argument("--keep", type=Path, help="folder of the rendered sequences, to use again")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        name = f"{Path(given.scenario).stem}-{given.seed}-{given.seconds:g}s-{given.size:g}"
        rig = smaller_rig(given.size)
        sequence = open_scenario(
            given.scenario, given.seed, given.seconds, camera_rate_hz=float(BASE_HZ), rig=rig
        )
        rendered = Rendered(sequence, folder / f"{name}-{BASE_HZ}hz", given.seed)

        def at(camera_hz: float, imu_hz: float) -> tuple[float, str]:
            picked = rendered.every(camera_hz)
            return mean_error(
                lambda seed: rendered.dataset(picked, camera_hz, imu_hz, seed),
                given.seeds,
                given.engine,
            )

        usual, mark = at(*USUAL)
        print(
            f"ATE at 20 and 200 Hz: {usual:.4f} m{mark}; below: ratio to it, rows by frame rate",
            flush=True,
        )
        print("frames " + "".join(f"{imu:>9g}" for imu in given.imu))
        for camera_hz in given.frames:
            row = [at(camera_hz, imu_hz) for imu_hz in given.imu]
            print(
                f"{camera_hz:6g} " + "".join(f"{e / usual:8.2f}{m or ' '}" for e, m in row),
                flush=True,
            )
        rows = uneven(rendered)
        dim = changing_light(
            given.scenario, folder / f"{name}-light", given.seed, given.seconds, rig
        )
        rows["changing light, stamps at mid-exposure"] = lambda seed: dim.dataset(
            dim.every(USUAL[0]), *USUAL, seed
        )
        for what, make in rows.items():
            error, mark = mean_error(make, given.seeds, given.engine)
            print(f"{what:40s} {error / usual:6.2f}{mark}", flush=True)


if __name__ == "__main__":
    main()
