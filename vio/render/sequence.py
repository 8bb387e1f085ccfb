# SPDX-License-Identifier: Apache-2.0
"""Make a sequence: from a scenario, or hybrid along the ground truth of a recording."""

import io
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from vio.camera import StereoRig
from vio.datasets.euroc import RENDERED, EurocDataset
from vio.errors import VioError
from vio.imu import ImuNoise
from vio.render import asl
from vio.render.calibration import euroc_rig
from vio.render.inertial import ImuModel, make_imu
from vio.render.places import build_place
from vio.render.renderer import DarkSpell, Renderer
from vio.render.scenario import LEAD_S, Scenario, load_scenario, scenario_trajectory
from vio.render.scenario_values import CAMERA_RATES_HZ, IMU_RATES_HZ
from vio.render.sensor import SensorModel
from vio.render.smoothing import MAX_GAP_S, fuse_truth, gap_free_spans
from vio.render.spline import SplineTrajectory
from vio.render.truth import depth_image, flow_image
from vio.trajectory import Trajectory

EPOCH_NS = 1_500_000_000_000_000_000  # time stamps of scenarios start here
PATH_STEP_NS = 20_000_000  # the path is checked for clearance at this step


@dataclass(frozen=True)
class Sequence:
    """Hold a sequence ready to be rendered: its renderer, its ground truth, where it came from.

    source: the recording of a hybrid sequence, else None; imu: (t_ns, gyro, accel, noise) where it
    is simulated, else None (the recording's file is copied). noise: of a recording without
    sensor.yaml of its own, which are then written; else None (they are copied). notes: what a user
    should know.
    """

    name: str
    renderer: Renderer
    truth: Trajectory
    source: Path | None
    imu: tuple[np.ndarray, np.ndarray, np.ndarray, ImuNoise] | None
    noise: ImuNoise | None = None
    notes: tuple[str, ...] = ()

    @property
    def t_ns(self) -> np.ndarray:
        """Time stamps (N,) of the frames."""
        return self.renderer.t_ns


def open_scenario(
    name: str,
    seed: int = 1,
    seconds: float | None = None,
    sensor: SensorModel | None = None,
    camera_rate_hz: float | None = None,
    imu_rate_hz: float | None = None,
    rig: StereoRig | None = None,
) -> Sequence:
    """Return the sequence of a scenario, a name or a path to a TOML file.

    seconds: cut after so many seconds of images. camera_rate_hz, imu_rate_hz: instead of the
    scenario's; the motion and the world stay the same. rig: instead of EuRoC's; its rate is set.
    Raises VioError when the scenario is unknown, and for rates out of range.
    """
    _check(seed, seconds)
    scenario = load_scenario(name)
    rate_hz = scenario.rate_hz if camera_rate_hz is None else float(camera_rate_hz)
    imu_hz = scenario.imu_rate_hz if imu_rate_hz is None else float(imu_rate_hz)
    for what, value, (least, most) in (
        ("camera", rate_hz, CAMERA_RATES_HZ),
        ("IMU", imu_hz, IMU_RATES_HZ),
    ):
        if not least <= value <= most:
            raise VioError(
                f"the {what} rate {value:g} Hz is out of range: {least:g} to {most:g} Hz"
            )
    scenario = replace(scenario, rate_hz=rate_hz, imu_rate_hz=imu_hz)
    return _scenario(scenario, rig or euroc_rig(), seed, seconds, sensor)


def open_hybrid(
    recording: str | Path,
    seed: int = 1,
    seconds: float | None = None,
    sensor: SensorModel | None = None,
    place: str = "auto",
    simulated_imu: bool = False,
    span: int = 1,
) -> Sequence:
    """Return the hybrid sequence of a recording in ASL layout (a folder or a zip).

    seconds: cut after so many seconds of images. place: hall, room, corridor, or auto: a hall for
    flights that span more than 7 m, else a room. simulated_imu: inertial data that agree with the
    images' motion exactly but for a sensor's noise, instead of the recording's. span: of the parts
    of a ground truth of poses between its gaps, which to render; 1: the longest. Raises VioError
    when the recording has no ground truth or no such span, or no camera time stamp is in it.
    """
    _check(seed, seconds)
    return _hybrid(Path(recording), seed, seconds, sensor, place, simulated_imu, span)


def render_scenario(
    name: str, out: str | Path, seed: int = 1, seconds: float | None = None
) -> None:
    """Write the sequence of a scenario into out/mav0; raises VioError as open_scenario does."""
    for _ in write_sequence(open_scenario(name, seed, seconds), Path(out)):
        pass


def render_hybrid(
    recording: str | Path, out: str | Path, seed: int = 1, seconds: float | None = None
) -> None:
    """Write a hybrid sequence into out/mav0; raises VioError as open_hybrid does."""
    for _ in write_sequence(open_hybrid(recording, seed, seconds), Path(out)):
        pass


def _check(seed: int, seconds: float | None) -> None:
    if seconds is not None and not seconds > 0.0:
        raise VioError(f"--seconds {seconds:g} is not a positive number of seconds")
    if seed < 0:
        raise VioError(f"--seed {seed} is negative; give a whole number from 0 on")


def _path(trajectory: SplineTrajectory, rig: StereoRig) -> np.ndarray:
    """Return the places (N, 3) that the body and both cameras pass, for clearance."""
    times = np.arange(trajectory.start_ns, trajectory.end_ns, PATH_STEP_NS)
    motion = trajectory.at(times)
    places = [motion.p_world_body]
    for camera in (rig.left, rig.right):
        places.append(motion.p_world_body + motion.R_world_body @ camera.T_body_cam[:3, 3])
    return np.concatenate(places)


def _hybrid(
    source: Path,
    seed: int,
    seconds: float | None,
    sensor: SensorModel | None,
    place: str,
    simulated_imu: bool,
    span: int,
) -> Sequence:
    recording = EurocDataset(source, images=False)
    raw = recording.ground_truth
    if raw is None:
        raise VioError(
            recording.truth_error
            or f"{source} has no ground truth: a hybrid rendering needs poses in "
            "mav0/state_groundtruth_estimate0/data.csv or mav0/mocap0/data.csv"
        )
    notes = []
    if span < 1:
        raise VioError(f"--span {span}: the parts between gaps count from 1 on, the longest")
    if raw.accel_bias_m_s2 is None:
        whole, spans = raw, gap_free_spans(raw)
        if span > len(spans):
            raise VioError(
                f"--span {span}: the ground truth of {source} has {len(spans)} part(s) without a "
                f"gap longer than {MAX_GAP_S:g} s"
            )
        raw = spans[span - 1]
        if len(spans) > 1:
            which = "the longest" if span == 1 else f"number {span} by length"
            notes.append(
                f"the ground truth has gaps longer than {MAX_GAP_S:g} s: rendered is {which} of "
                f"{len(spans)} parts without one, {seconds_between(whole, raw)}"
            )
    elif span > 1:
        raise VioError(
            f"--span {span}: the ground truth of {source} was estimated and has no gaps; leave "
            "--span away"
        )
    trajectory = fuse_truth(raw, recording.imu)
    t_ns = recording.frame_t_ns
    t_ns = t_ns[(t_ns >= raw.t_ns[0]) & (t_ns <= raw.t_ns[-1])]
    if len(t_ns) == 0:
        raise VioError(f"{source}: the ground truth covers none of the camera's time stamps")
    if seconds is not None:
        t_ns = t_ns[t_ns <= t_ns[0] + round(seconds * 1e9)]
    readings = None
    gyro_bias, accel_bias = raw.gyro_bias_rad_s, raw.accel_bias_m_s2
    if simulated_imu:
        imu = make_imu(trajectory, ImuModel(recording.imu_noise), seed)
        readings = (imu.t_ns, imu.gyro_rad_s, imu.accel_m_s2, recording.imu_noise)
        at = np.clip(np.searchsorted(imu.t_ns, raw.t_ns), 0, len(imu.t_ns) - 1)
        gyro_bias, accel_bias = imu.gyro_bias_rad_s[at], imu.accel_bias_m_s2[at]
    motion = trajectory.at(raw.t_ns)
    truth = Trajectory(
        raw.t_ns,
        motion.p_world_body,
        motion.q_world_body,
        motion.v_world_body,
        gyro_bias,
        accel_bias,
    )
    world = build_place(place, _path(trajectory, recording.rig), seed)
    renderer = Renderer(world, recording.rig, trajectory, t_ns, seed, sensor)
    noise = None if recording.has_sensor_yaml else recording.imu_noise
    return Sequence(recording.name, renderer, truth, source, readings, noise, tuple(notes))


def seconds_between(whole: Trajectory, part: Trajectory) -> str:
    """Return where a part of a trajectory begins and ends, in seconds from the whole's start."""
    first, last = (part.t_ns[[0, -1]] - whole.t_ns[0]) * 1e-9
    return f"{first:.2f} to {last:.2f} s"


def _scenario(
    scenario: Scenario,
    rig: StereoRig,
    seed: int,
    seconds: float | None,
    sensor: SensorModel | None,
) -> Sequence:
    rig = StereoRig(*(replace(c, rate_hz=scenario.rate_hz) for c in (rig.left, rig.right)))
    trajectory = scenario_trajectory(scenario, rig, seed, seconds).shifted(EPOCH_NS)
    duration = min(scenario.duration_s, seconds or scenario.duration_s)
    first = trajectory.start_ns + round(LEAD_S * 1e9)
    count = int(duration * scenario.rate_hz)
    t_ns = first + np.rint(np.arange(count) * 1e9 / scenario.rate_hz).astype(np.int64)
    model = ImuModel(ImuNoise(rate_hz=scenario.imu_rate_hz))
    # No shutter is open for longer than a frame.
    sensor = sensor or SensorModel()
    sensor = replace(sensor, max_exposure_s=min(sensor.max_exposure_s, 1.0 / scenario.rate_hz))
    imu = make_imu(trajectory, model, seed)
    motion = trajectory.at(imu.t_ns)
    truth = Trajectory(
        imu.t_ns,
        motion.p_world_body,
        motion.q_world_body,
        motion.v_world_body,
        imu.gyro_bias_rad_s,
        imu.accel_bias_m_s2,
    )
    world = build_place(
        scenario.place, _path(trajectory, rig), seed, scenario.movers, light=scenario.light
    )
    dark = tuple(DarkSpell(*spell) for spell in scenario.dark_s)
    renderer = Renderer(world, rig, trajectory, t_ns, seed, sensor, dark)
    readings = (imu.t_ns, imu.gyro_rad_s, imu.accel_m_s2, model.noise)
    return Sequence(scenario.name, renderer, truth, None, readings)


def _png(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _in_order(work: Callable[[int], None], count: int, threads: int) -> Iterator[int]:
    """Yield 0..count-1 as work(k) ends, at most a few frames ahead, on so many threads."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: list[Future[None]] = []
        try:
            for k in range(count):
                waiting.append(pool.submit(work, k))
                if len(waiting) > 2 * threads:
                    waiting.pop(0).result()
                    yield k - len(waiting)
            while waiting:
                waiting.pop(0).result()
                yield count - len(waiting) - 1
        finally:
            for future in waiting:
                future.cancel()


def write_sequence(
    sequence: Sequence,
    out: Path,
    threads: int | None = None,
    depth: bool = False,
    flow: bool = False,
) -> Iterator[tuple[int, int]]:
    """Write the sequence into out/mav0, yielding (images done, images in all).

    The csv tables are written first, each image as it is rendered; the bytes do not depend on
    the number of threads. depth: also mav0/depth0, 16-bit PNG, millimetres, of the left camera.
    flow: also mav0/flow0, one .npy (height, width, 2) float32 a left frame: the flow to the next
    frame in pixels, NaN where the pixel is not visible there.
    Raises VioError when out/mav0 exists.
    """
    root = out / "mav0"
    if root.exists():
        raise VioError(f"{root} exists already; remove it or choose another --out")
    renderer = sequence.renderer
    for which in range(2):
        (root / f"cam{which}" / "data").mkdir(parents=True)
        asl.write_frame_list(root / f"cam{which}", sequence.t_ns)
    if depth:
        (root / "depth0" / "data").mkdir(parents=True)
        asl.write_frame_list(root / "depth0", sequence.t_ns)
    if flow:
        (root / "flow0" / "data").mkdir(parents=True)
        asl.write_frame_list(root / "flow0", sequence.t_ns[:-1], "npy")
    asl.write_truth(root, sequence.truth)
    (root / RENDERED).write_text(f"images rendered by Kestrel: {sequence.name}\n")
    if sequence.imu is not None:
        asl.write_imu(root, *sequence.imu)
    else:
        assert sequence.source is not None
        names = ["imu0/data.csv"]
        if sequence.noise is None:
            names += ["cam0/sensor.yaml", "cam1/sensor.yaml", "imu0/sensor.yaml"]
        asl.copy_untouched(sequence.source, root, names)
        if sequence.noise is not None:
            (root / "imu0" / "sensor.yaml").write_text(asl.imu_yaml(sequence.noise))
    if sequence.imu is not None or sequence.noise is not None:
        for which, camera in enumerate(renderer.cameras):
            text = asl.camera_yaml(camera, f"rendered cam{which}")
            (root / f"cam{which}" / "sensor.yaml").write_text(text)

    def work(job: int) -> None:
        index, which = divmod(job, 2)
        name = f"{sequence.t_ns[index]}.png"
        (root / f"cam{which}" / "data" / name).write_bytes(_png(renderer.image(index, which)))
        if depth and which == 0:
            millimetres = np.rint(np.minimum(depth_image(renderer, index) * 1e3, 65535.0))
            (root / "depth0" / "data" / name).write_bytes(_png(millimetres.astype(np.uint16)))
        if flow and which == 0 and index + 1 < len(sequence.t_ns):
            path = root / "flow0" / "data" / f"{sequence.t_ns[index]}.npy"
            np.save(path, flow_image(renderer, index, index + 1))

    jobs = 2 * len(sequence.t_ns)
    for done in _in_order(work, jobs, threads or os.cpu_count() or 1):
        yield done + 1, jobs
