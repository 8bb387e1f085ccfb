# SPDX-License-Identifier: Apache-2.0
"""Images of a world along a trajectory: exposures first, then frames independent of each other."""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from vio.camera import StereoRig
from vio.render.forms import make_forms
from vio.render.kernel import render_radiance
from vio.render.noise import expose
from vio.render.sensor import (
    Exposure,
    ExposureControl,
    RayTable,
    SensorModel,
    ray_table,
    sample_pattern,
)
from vio.render.shade import LEVEL_OFFSET
from vio.render.spline import SplineTrajectory
from vio.render.world import World

METER_STRIDE = 16  # pixels between the rays of the light meter
METER_EVERY = 3  # frames between measurements, as sensors meter less often than they expose
METER_LOD = 4.0  # mip levels to blur what it sees


@dataclass(frozen=True)
class DarkSpell:
    """Hold a span in seconds after the first frame in which the light falls to `level`."""

    start_s: float
    end_s: float
    level: float = 0.01


class Renderer:
    """Render the frames of a stereo rig that follows a trajectory through a world.

    Each image depends only on its index, so any number of threads gives the same bytes.
    """

    def __init__(
        self,
        world: World,
        rig: StereoRig,
        trajectory: SplineTrajectory,
        t_ns: np.ndarray,
        seed: int,
        sensor: SensorModel | None = None,
        dark: tuple[DarkSpell, ...] = (),
    ) -> None:
        self.world = world
        self.rig = rig
        self.trajectory = trajectory
        self.t_ns = t_ns
        self.seed = seed
        self.sensor = sensor or SensorModel()
        self.dark = dark
        self.cameras = (rig.left, rig.right)
        self.tables = [ray_table(c, self.sensor, seed + i) for i, c in enumerate(self.cameras)]
        self._normal = np.random.default_rng([seed, 13]).standard_normal(65536).astype(np.float32)
        self.exposures = [self._meter(i) for i in range(2)]

    def camera_poses(self, t_ns: np.ndarray, which: int) -> tuple[np.ndarray, np.ndarray]:
        """Return R_world_cam (N, 3, 3) and p_world_cam (N, 3) of camera 0 or 1 at t_ns (N,)."""
        motion = self.trajectory.at(t_ns)
        T = self.cameras[which].T_body_cam
        R = motion.R_world_body @ T[:3, :3]
        return R, motion.p_world_body + motion.R_world_body @ T[:3, 3]

    def seconds(self, t_ns: np.ndarray) -> np.ndarray:
        """Return seconds since the first frame, the clock of movers and dark spells."""
        return (np.asarray(t_ns) - self.t_ns[0]).astype(np.float64) * 1e-9

    def forms(self, t_ns: np.ndarray, which: int) -> np.ndarray:
        """Return the kernel's linear forms at the times t_ns (S,) for camera 0 or 1."""
        cam_R, cam_p = self.camera_poses(t_ns, which)
        owner_R, owner_p = self.world.owner_poses(self.seconds(t_ns))
        world = self.world
        return make_forms(world.quad, world.owner, owner_R, owner_p, cam_R, cam_p)

    def _level(self, t_ns: int) -> float:
        t = (t_ns - int(self.t_ns[0])) * 1e-9
        return min([1.0] + [d.level for d in self.dark if d.start_s <= t < d.end_s])

    def _meter(self, which: int) -> list[Exposure]:
        """Return the exposure of every frame: metered on sparse rays, controlled with a lag."""
        coarse = ray_table(self.cameras[which], self.sensor, self.seed, METER_STRIDE)

        def measure(t: int) -> np.ndarray:
            out = np.empty(coarse.rays.shape[:2], np.float32)
            self._radiance(np.array([t]), which, coarse, METER_LOD, out)
            return out * coarse.vignette * self._level(t)

        control = ExposureControl(self.sensor)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            metered = list(pool.map(measure, self.t_ns[::METER_EVERY].tolist()))
        return [control.next(metered[k // METER_EVERY]) for k in range(len(self.t_ns))]

    def _radiance(
        self, t_ns: np.ndarray, which: int, table: RayTable, lod: float, out: np.ndarray
    ) -> None:
        world = self.world
        # The middle of the exposure comes last: there light and texture levels are looked up.
        middle = (t_ns[:1] + t_ns[-1:]) // 2
        forms = self.forms(np.append(t_ns, middle), which)
        R_world_cam = self.camera_poses(middle, which)[0][0]
        render_radiance(
            forms,
            table.rays,
            sample_pattern(len(t_ns), self.sensor.spread_px),
            table.block_box,
            table.tile_box,
            table.part_box,
            world.atlas,
            LEVEL_OFFSET,
            world.tex_base,
            world.tex_map,
            world.light,
            world.light_map,
            world.gloss,
            (world.mirror_world @ R_world_cam).astype(np.float32),
            lod,
            out,
        )

    def slots(self, index: int, which: int) -> tuple[np.ndarray, float]:
        """Return the sample times (S,) int64 of a frame's exposure and the blur in pixels.

        The exposure is centred on the time stamp. S is at least the model's samples, doubled
        while the rotation moves the image by more than 1.5 pixels between samples.
        """
        t = int(self.t_ns[index])
        shutter = self.exposures[which][index].shutter_s
        rate = float(np.linalg.norm(self.trajectory.at(np.array([t])).w_body[0]))
        blur = rate * shutter * self.cameras[which].fx
        counts = self.sensor.sample_counts
        samples = next((n for n in counts if blur <= 1.5 * n), counts[-1])
        steps = (np.arange(samples) + 0.5) / samples - 0.5
        return t + np.rint(steps * shutter * 1e9).astype(np.int64), blur / samples

    def image(self, index: int, which: int) -> np.ndarray:
        """Return frame `index` of camera 0 (left) or 1 (right): (height, width) uint8."""
        table = self.tables[which]
        times, step_px = self.slots(index, which)
        # A sample stands for its share of the pixel, or for the blur up to the next sample.
        lod = 0.5 * math.log2(0.3 + min(step_px, 4.0) ** 2 * 0.5)
        radiance = np.empty(table.rays.shape[:2], np.float32)
        self._radiance(times, which, table, lod, radiance)
        exposure = self.exposures[which][index]
        out = np.empty(radiance.shape, np.uint8)
        expose(
            radiance,
            table.vignette,
            exposure.gain * self._level(int(self.t_ns[index])),
            self.sensor.electrons / exposure.analog_gain,
            self.sensor.read_noise,
            table.fixed_pattern,
            self._normal,
            (self.seed * 2 + which) * 1_000_003 + index,
            out,
        )
        return out
