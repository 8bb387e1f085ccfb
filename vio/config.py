# SPDX-License-Identifier: Apache-2.0
"""Configuration: frozen dataclasses <- TOML preset <- --set a.b=c; unknown keys are refused.

The fields are the one place for names, types, defaults, ranges and choices (`vio.settings`).
"""

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vio.adaptive import AdaptiveConfig
from vio.errors import VioError
from vio.limits import quoted, read_toml, shown
from vio.settings import Choice, Real, Section, choice, kind_of, real, switch, whole, word


@dataclass(frozen=True)
class DatasetConfig(Section):
    """Settings of reading a recording."""

    name = "dataset"

    mono: bool = switch(False)  # use the left camera only
    # What the right camera's stamps are late by, for pairing only.
    right_offset_ms: float = real(0.0, -1000.0, 1000.0)
    # Resampling: the share of width and height that a central crop keeps, the side of the bins
    # whose pixels are then averaged, and the frames of which one is used.
    crop: float = real(1.0, 0.1, 1.0)
    binning: int = whole(1, 1, 4, power=True)
    every: int = whole(1, 1, 50)

    @property
    def is_resampled(self) -> bool:
        """Whether images are changed, or left out."""
        return self.crop != 1.0 or self.binning != 1 or self.every != 1


def choices(section: str, key: str) -> tuple[str, ...]:
    """Return the values that a setting may have, its default first."""
    (found,) = (f for f in dataclasses.fields(getattr(Config(), section)) if f.name == key)
    kind = kind_of(found)
    assert isinstance(kind, Choice), f"{section}.{key} has no choices"
    return kind.known


@dataclass(frozen=True)
class FrontEndConfig(Section):
    """Settings of all front ends."""

    name = "frontend"

    engine: str = choice("float", "fixed", "rtl", "opencv", "replay")
    max_tracks: int = whole(200, 1, 4096)  # tracks kept over the whole image
    grid_cols: int = whole(10, 1, 256)  # budget cells across the image
    grid_rows: int = whole(7, 1, 256)  # budget cells down the image
    cell_budget: int = whole(4, 1, 4096)  # tracks a cell may hold when new ones are added
    # Averaging window of the corner score is 2 radius + 1, pixels.
    corner_radius: int = whole(2, 1, 10)
    # Least min-eigenvalue of a new corner, (grey level / px)^2.
    min_corner_score: float = real(2.0, 0.0, 1e6)
    min_distance_px: int = whole(14, 0, 255)  # least distance of a new corner from other tracks
    levels: int = whole(3, 1, 6)  # pyramid levels, full resolution included
    window: int = whole(15, 3, 31, odd=True)  # Lucas-Kanade window side, pixels, odd
    max_iterations: int = whole(30, 1, 255)  # Lucas-Kanade iterations a level
    # Lucas-Kanade stops at a smaller step, pixels of its level.
    step_px: float = real(0.01, 1e-4, 10.0)
    max_shift_px: float = real(12.0, 0.1, 200.0)  # largest correction of the prediction on a level
    # Least eigenvalue of the shift's normal matrix, a pixel.
    min_eigenvalue: float = real(0.5, 0.0, 1e6)
    # Least correlation of a followed window with its template.
    min_correlation: float = real(0.7, 0.0, 1.0)
    stereo_every_frame: bool = switch(False)  # match in every frame, not in keyframes only
    stereo_half_width: int = whole(15, 1, 31)  # stereo window is 2 half + 1 rectified pixels
    stereo_half_height: int = whole(3, 1, 15)
    min_depth_m: float = real(0.4, 0.05, 1000.0)  # sets the largest disparity
    min_stereo_correlation: float = real(0.85, 0.0, 1.0)  # least correlation of a stereo match
    stereo_uniqueness: float = real(0.05, 0.0, 1.0)  # by which a match must exceed the next best
    ransac_px: float = real(1.0, 0.01, 100.0)  # largest distance from the epipolar line
    # Added to it where the rotation is not refined (engine fixed).
    rotation_margin_px: float = real(0.5, 0.0, 100.0)
    stereo_ransac_px: float = real(3.0, 0.01, 100.0)  # largest error of a moved stereo point
    ransac_hypotheses: int = whole(64, 1, 1024)  # motions tried a frame
    # Error of the predicted rate of rotation, bias unknown.
    gyro_sigma_rad_s: float = real(0.1, 1e-5, 20.0)
    seed: int = whole(1, 0, 2**32 - 1)  # of the RANSAC hypotheses
    # Time without left images after which the right camera goes on alone (engine float; 0: never).
    right_after_s: float = real(0.1, 0.0, 60.0)


@dataclass(frozen=True)
class KeyframeConfig(Section):
    """Rules of the keyframe decision."""

    name = "keyframe"

    max_age_s: float = real(0.5, 0.001, 60.0)  # a keyframe is requested at the latest after this
    # Fraction of the keyframe's tracks below which one is requested.
    min_alive: float = real(0.7, 0.0, 1.0)
    # Median displacement without rotation that requests one.
    max_parallax_px: float = real(30.0, 0.0, 1000.0)
    # With one camera, the displacement without which age alone requests none.
    mono_parallax_px: float = real(5.0, 0.0, 1000.0)


@dataclass(frozen=True)
class ImuConfig(Section):
    """Noise of the inertial sensor: the calibration's densities times these factors."""

    name = "imu"

    # A calibration at rest measures the sensor alone. On a vehicle, vibration above half the sample
    # rate folds into both signals, more into the accelerometer; scale, alignment and time stamps
    # add errors that grow with the motion. 1 for a sensor whose densities hold in motion.
    gyro_noise_scale: float = real(2.0, 0.01, 1000.0)
    accel_noise_scale: float = real(4.0, 0.01, 1000.0)
    # The gyroscope's bias moves with its temperature, faster than at rest.
    gyro_walk_scale: float = real(2.0, 0.01, 1000.0)
    accel_walk_scale: float = real(1.0, 0.01, 1000.0)
    # Densities that no sensor is taken to be below, rad/s/sqrt(Hz) and m/s^2/sqrt(Hz): errors of
    # scale, alignment, time stamps and linearisation do not shrink with the sensor's noise.
    gyro_noise_floor: float = real(3e-4, 0.0, 1.0)
    accel_noise_floor: float = real(6e-3, 0.0, 10.0)
    # A sample that differs from both neighbours by more than this is a spike, and dropped.
    spike_gyro_rad_s: float = real(3.0, 0.01, 1e6)
    spike_accel_m_s2: float = real(30.0, 0.1, 1e6)
    # Standard deviations of what a gap hides that is bridged by interpolation.
    gap_gyro_rad_s: float = real(0.05, 0.0, 100.0)
    gap_accel_m_s2: float = real(1.0, 0.0, 1000.0)
    max_gap_s: float = real(0.1, 0.0, 10.0)  # longest gap in the inertial data that is bridged


@dataclass(frozen=True)
class BackEndConfig(Section):
    """Settings of the sliding window."""

    name = "backend"

    precision: str = choice("float64", "float32")  # of arithmetic float
    # Preintegration: float; float32, as hls/imu.x; rtl, the block hls/imu.v in Verilator.
    imu: str = choice(
        *("float", "float32", "rtl"),
        refused={
            "numpy": "it is now called float32",
            "hls": "it is now called rtl",
        },
    )
    # float; float32, as hls/; xls, compiled for the CPU by XLS; xls-rtl, its Verilog in Verilator;
    # rtl, the vector engine rtl/backend/vector_engine.v in Verilator.
    arithmetic: str = choice(
        *("float", "float32", "xls", "xls-rtl", "rtl"),
        refused={
            "numpy": "it is now called float32",
            "hls": "it is now called xls",
            "hls-rtl": "it is now called xls-rtl",
        },
    )
    # Lanes of the vector engine, and banks of its memory: cycles and energy, never results.
    lanes: int = whole(4, 1, 8, power=True)
    solver: str = choice("cholesky", "qr")  # normal equations of the reduced system, or all rows
    recent_frames: int = whole(3, 2, 50)  # frames with velocity and biases
    # A frame nearer than this to the one before it is replaced by the next one.
    frame_spacing_s: float = real(0.03, 0.0, 1.0)
    keyframes: int = whole(7, 1, 50)  # older keyframes, poses only
    iterations: int = whole(1, 1, 50)  # Gauss-Newton steps a frame, at most
    # Relative decrease of the cost that ends the iterations.
    tolerance: float = real(1e-3, 0.0, 1.0)
    # Of the system scaled to unit diagonal; float32 needs it (see docs).
    damping: float = real(1e-6, 0.0, 1.0)
    pixel_sigma: float = real(0.6, 0.01, 100.0)  # standard deviation of a left observation, pixels
    # Standard deviation of a right observation, pixels.
    stereo_sigma: float = real(0.6, 0.01, 100.0)
    huber: float = real(1.5, 0.01, 1000.0)  # robust threshold in sigmas
    outlier: float = real(5.0, 0.1, 1000.0)  # observations beyond this many sigmas are removed
    max_landmarks: int = whole(1000, 20, 100_000)  # rows of the landmark table
    min_depth_m: float = real(0.2, 1e-3, 1e4)
    max_depth_m: float = real(100.0, 1e-3, 1e6)
    min_parallax_deg: float = real(1.0, 0.0, 90.0)  # to triangulate without stereo
    # Relative deviation of the scale above which a pose of one camera is reported as `unscaled`.
    scale_sigma: float = real(0.05, 1e-4, 10.0)
    min_visible: int = whole(8, 1, 1000)  # landmarks in view below which vision counts as lost
    # Dead reckoning ends in `lost` after this, or with this deviation from the last frame seen.
    max_inertial_s: float = real(1.0, 0.0, 3600.0)
    max_inertial_sigma_m: float = real(0.006, 0.0, 1e6)
    # Squared normalised innovation (nine components) beyond which vision contradicts an inertial
    # factor; the second, lower one holds for contradiction_s after that.
    inertial_gate: float = real(36.0, 0.1, 1e9)
    inertial_gate_low: float = real(8.0, 0.1, 1e9)
    # Squared normalised mean of the newest factors' innovations, over about bias_gate_s, likewise.
    bias_gate: float = real(18.0, 0.1, 1e9)
    bias_gate_s: float = real(0.5, 0.01, 60.0)
    # Median error of the newest frame's observations, in standard deviations, likewise.
    vision_gate: float = real(3.0, 0.1, 1e9)
    contradiction_s: float = real(1.2, 0.0, 60.0)
    # By how much the biases may step at such a factor, rad/s and m/s^2.
    freed_gyro_bias_sigma: float = real(0.1, 0.0, 100.0)
    freed_accel_bias_sigma: float = real(1.0, 0.0, 1000.0)
    # At rest for this time, the window is left as it is until the body moves. Rest is: turning
    # (rad/s), acceleration (m/s^2), speed with two deviations (m/s), and what the image has moved
    # since (in deviations of an observation) below these. The gyroscope's bias is known so well.
    hold_at_rest: bool = switch(True)
    rest_s: float = real(0.5, 0.0, 3600.0)
    rest_gyro_rad_s: float = real(0.01, 0.0, 100.0)
    rest_accel_m_s2: float = real(0.1, 0.0, 100.0)
    rest_speed_m_s: float = real(0.025, 0.0, 100.0)
    rest_image_sigmas: float = real(0.5, 0.0, 1000.0)
    rest_gyro_bias_sigma: float = real(5e-4, 0.0, 100.0)

    def __post_init__(self) -> None:
        """Raise VioError for a setting out of range, and for depths in the wrong order."""
        super().__post_init__()
        if self.min_depth_m >= self.max_depth_m:
            raise VioError(
                f"backend.min_depth_m = {self.min_depth_m:g} must be less than "
                f"backend.max_depth_m = {self.max_depth_m:g}"
            )


@dataclass(frozen=True)
class InitConfig(Section):
    """Settings of the initialisation."""

    name = "init"

    min_span_s: float = real(0.4, 0.05, 60.0)  # motion to watch before the first pose
    max_span_s: float = real(0.575, 0.05, 60.0)  # older frames are let go without success
    # From a failed attempt to the next, at most; the first follow one another more closely.
    retry_s: float = real(0.4, 0.0, 60.0)
    min_landmarks: int = whole(20, 4, 1000)  # stereo landmarks of the first frame still in view
    # With one camera: motion to watch before the first pose, and the longest that is kept.
    mono_min_span_s: float = real(0.8, 0.1, 60.0)
    mono_span_s: float = real(2.5, 0.1, 60.0)
    # Median movement of the tracks, rotation removed, below which no start is tried.
    mono_parallax_deg: float = real(1.0, 0.01, 90.0)
    # Relative deviation of the scale, with which the first pose is given.
    mono_scale_sigma: float = real(0.1, 1e-4, 10.0)
    # Time without right images after which a stereo rig starts, and reports, as one camera.
    mono_after_s: float = real(1.0, 0.0, 60.0)
    # After blind time, the state carried on by inertial data starts the next window while its
    # velocity is known this well, m/s; later, the start is one from nothing.
    carried_speed_sigma: float = real(0.5, 0.0, 100.0)
    max_error_px: float = real(2.0, 0.01, 1000.0)  # mean reprojection error of an accepted start
    # M/s^2 from 9.81, accelerometer bias included.
    max_gravity_error: float = real(1.5, 0.01, 100.0)
    gyro_bias_sigma: float = real(0.1, 1e-6, 100.0)  # rad/s, prior about zero
    accel_bias_sigma: float = real(0.2, 1e-6, 100.0)  # m/s^2, prior about zero


@dataclass(frozen=True)
class CalibrateConfig(Section):
    """Settings of the calibration that a run estimates."""

    name = "calibrate"

    time_offset: bool = switch(False)  # estimate what the images' stamps are off by
    extrinsics: bool = switch(False)  # estimate the pose of the rig, as a whole, on the body
    # An image with the stamp t was taken at t plus this: where the estimate starts.
    time_offset_ms: float = real(0.0, -100.0, 100.0)
    # Standard deviations of what is given; smaller ones trust it more.
    time_offset_sigma_ms: float = real(10.0, 1e-3, 100.0)
    rotation_sigma_deg: float = real(3.0, 1e-4, 30.0)
    position_sigma_m: float = real(0.02, 1e-5, 1.0)

    @property
    def is_on(self) -> bool:
        """Whether the back end needs more than what is given."""
        return self.time_offset or self.extrinsics or self.time_offset_ms != 0.0


@dataclass(frozen=True)
class HwConfig(Section):
    """Sizes and word lengths of the hardware: what the golden model and the Verilog are built for.

    Sizes are bounds; the front end's settings are registers that must lie within them.
    """

    name = "hw"

    max_width: int = whole(752, 16, 1024)  # image line, pixels
    max_height: int = whole(480, 16, 1024)  # image rows
    max_tracks: int = whole(200, 1, 4096)  # rows of the track table
    max_levels: int = whole(3, 1, 3)  # pyramid levels
    max_window: int = whole(15, 3, 15, odd=True)  # Lucas-Kanade window side, pixels
    max_iterations: int = whole(30, 1, 255)  # Lucas-Kanade iterations a level
    max_hypotheses: int = whole(64, 1, 1024)  # RANSAC hypotheses a frame
    search_columns: int = whole(152, 8, 1024)  # columns of the stereo search
    # Segments of the epipolar curve, 32 px of disparity each.
    stereo_segments: int = whole(4, 1, 7)
    max_stereo_width: int = whole(31, 3, 31, odd=True)  # stereo window, pixels
    max_stereo_height: int = whole(7, 3, 15, odd=True)
    # One corner candidate is kept for each tile of this side, whose places the chip holds as bits.
    tile_px: int = whole(16, 4, 64, power=True)
    # Rows of a frame buffer that the next frame may fill during tracking.
    spare_rows: int = whole(96, 0, 1024)
    lens_table: int = whole(128, 16, 255)  # intervals of the radial distortion tables
    coord_frac: int = whole(8, 4, 10)  # fraction bits of a pixel coordinate
    ray_frac: int = whole(16, 10, 18)  # of a ray, and of a rotation matrix
    pixel_frac: int = whole(2, 0, 3)  # of a resampled grey value
    weight_bits: int = whole(5, 2, 8)  # of a window weight
    warp_frac: int = whole(14, 8, 16)  # of the map of a window
    scale_frac: int = whole(10, 6, 14)  # of a scale change
    score_bits: int = whole(17, 8, 24)  # of a corner score
    warp_levels: int = whole(1, 0, 3)  # levels, from the finest, whose template is warped
    codec_left: str = word("dct27")  # frame compression, full resolution of the left image
    codec_upper: str = word("dct18")  # coarser levels
    codec_right: str = word("dct27")  # right image
    clock_mhz: float = real(62.5, 0.1, 10_000.0)  # of the front end


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    dataset: DatasetConfig = field(default_factory=DatasetConfig)
    frontend: FrontEndConfig = field(default_factory=FrontEndConfig)
    keyframe: KeyframeConfig = field(default_factory=KeyframeConfig)
    imu: ImuConfig = field(default_factory=ImuConfig)
    backend: BackEndConfig = field(default_factory=BackEndConfig)
    init: InitConfig = field(default_factory=InitConfig)
    calibrate: CalibrateConfig = field(default_factory=CalibrateConfig)
    adaptive: AdaptiveConfig = field(default_factory=AdaptiveConfig)
    hw: HwConfig = field(default_factory=HwConfig)


PRESETS = Path(__file__).parent / "presets"

# Keys of older configurations, and what they are called now.
RENAMED_KEYS = {
    "frontend.ransac_draws": "frontend.ransac_hypotheses",
    "hw.max_draws": "hw.max_hypotheses",
    "frontend.gyro_sigma_rad": "frontend.gyro_sigma_rad_s",
    "init.max_frames": "init.max_span_s",
    "keyframe.max_age": "keyframe.max_age_s",
}


def load_config(preset: str = "euroc", overrides: list[str] | None = None) -> Config:
    """Return the configuration of a preset (a name or a path to a TOML file) with overrides.

    overrides: strings "section.key=value". Raises VioError for an unknown preset, key or value.
    """
    path = PRESETS / f"{preset}.toml" if "/" not in preset and "." not in preset else Path(preset)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in PRESETS.glob("*.toml")))
        raise VioError(f"no preset {preset!r}; known presets: {known}; or give a path to a .toml")
    values = read_toml(path, "a preset's name or a .toml file")
    for item in overrides or []:
        key, sep, text = item.partition("=")
        section, dot, name = key.strip().partition(".")
        if not sep or not dot:
            raise VioError(f"--set {item!r} is not of the form section.key=value")
        try:
            value = tomllib.loads(f"x = {text}")["x"]
        except (ValueError, RecursionError):
            value = text.strip()
        entries = values.setdefault(section, {})
        if isinstance(entries, dict):  # what is no table is refused below
            entries[name] = value
    return config_from_dict(values)


def config_from_dict(values: dict[str, Any]) -> Config:
    """Return the configuration of nested dictionaries; raises VioError on a wrong key or value."""
    sections: dict[str, Any] = {f.name: f.type for f in dataclasses.fields(Config)}
    parts = {}
    for section, entries in values.items():
        if section not in sections:
            raise VioError(f"unknown section [{shown(section)}]; known: {', '.join(sections)}")
        cls = sections[section]
        if not isinstance(entries, dict):
            raise VioError(f"[{section}] must be a table of settings, got {quoted(entries)}")
        known = {f.name: f for f in dataclasses.fields(cls)}
        for name, value in entries.items():
            if new := RENAMED_KEYS.get(f"{section}.{name}"):
                unit = ", and its value is per second or in seconds" if new.endswith("_s") else ""
                raise VioError(f"{section}.{name} is now called {new}; rename it{unit}")
            if name not in known:
                raise VioError(f"unknown key {section}.{shown(name)}; known: {', '.join(known)}")
            if isinstance(kind_of(known[name]), Real) and type(value) is int:
                try:
                    entries[name] = float(value)
                except OverflowError:
                    raise VioError(f"{section}.{name} is too large for a number") from None
        parts[section] = cls(**entries)
    return Config(**parts)


def dump_config(config: Config) -> str:
    """Return the configuration as TOML text that load_config reads back to an equal Config."""
    lines = ["# SPDX-License-Identifier: Apache-2.0", "# Kestrel configuration, as resolved."]
    for section, entries in dataclasses.asdict(config).items():
        lines += ["", f"[{section}]"]
        for key, value in entries.items():
            text = f'"{value}"' if isinstance(value, str) else str(value).lower()
            lines.append(f"{key} = {text}")
    return "\n".join(lines) + "\n"
