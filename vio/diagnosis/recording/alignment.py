# SPDX-License-Identifier: Apache-2.0
"""Camera against gyroscope: units, axes, T_BS, time offset, and the left lens."""

from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np

from vio.camera import Camera
from vio.data import ImuData
from vio.diagnosis.axes import angle_deg, best_rotation
from vio.diagnosis.recording.finding import Finding, bad, good, undetermined
from vio.diagnosis.recording.gyro_fit import FOCAL, TIME, GyroFit, fit_gyro
from vio.diagnosis.recording.lag import Lag, find_lag
from vio.diagnosis.recording.pairs import ViewPair, image_rotations
from vio.diagnosis.rotation import RotationHistory, RotationPair, name_fault

SIGMAS = 5.0  # from zero, of a complaint: one false one in a million, errors of the sigmas aside
# Beyond these a complaint is worth it: at 1 rad/s and 460 pixels, 2 ms move a point by one pixel,
# and 1 degree changes the predicted rate by 0.02 rad/s. Calibrations that are good have 0.3 ms and
# 0.4 deg (gyroscopes are misaligned in their packages by up to 0.5 deg).
MOST_OFFSET_S = 2e-3
MOST_TILT_DEG = 1.0
KNOWN_OFFSET_S, KNOWN_TILT_DEG = 1e-3, 1.0  # five sigmas above: undetermined
MOST_LENS_PX = 2.0  # rms over the tracks; 1 % of the focal length is 1.8 px at 180 px
# A lens is called wrong when its correction takes away at least a third of the residuals' variance;
# a correction that the residuals hardly notice is no evidence (planar targets, little rotation).
EXPLAINED = 0.8
BENT = 0.3  # share of the rotation that the gyroscope explains through a lens that is far off
MOST_RESIDUAL_PX = 1.0  # of a fit that is believed
OTHER_KINDS = {"gyro_units": "gyroscope units", "gyro_axes": "axes and T_BS"}


@dataclass
class Alignment:
    """Hold what was found: the findings, the lag, and the fits with and without the lens.

    rotations: of the images. camera: the left one, its lens corrected if it was found wrong.
    is_sound: whether gyroscope and images agree but for small corrections.
    """

    findings: list[Finding] = field(default_factory=list)
    rotations: list[RotationPair] = field(default_factory=list)
    lag: Lag | None = None
    kept: GyroFit | None = None
    free: GyroFit | None = None
    camera: Camera | None = None
    is_sound: bool = False


def check_alignment(
    pairs: list[ViewPair], imu: ImuData, camera: Camera, useless: str = ""
) -> Alignment:
    """Return what gyroscope and left camera say about each other.

    useless: why the gyroscope is of no use, if that is known.
    """
    out = Alignment(camera=camera)
    R_body_cam = camera.T_body_cam[:3, :3].copy()
    if useless:
        return _left_open(out, useless)
    if len(imu) < 2:
        return _left_open(out, "there are no inertial data")
    out.rotations = image_rotations(pairs, camera)
    lag = out.lag = find_lag(out.rotations, imu)
    if not np.isfinite(lag.lag_s):
        # A lens that is far off bends the image rotations; the fit finds it where it is the cause.
        if not (np.nanmax(lag.explained, initial=0.0) > BENT and _is_bent(out, pairs, imu)):
            return _left_open(out, lag.why)
        assert out.camera is not None
        straight = check_alignment(pairs, imu, out.camera)
        straight.findings = out.findings + [f for f in straight.findings if f.kind != "left_lens"]
        straight.kept, straight.free = out.kept, out.free
        return straight
    kind, text, X, tilt = _name_axes(out.rotations, imu, R_body_cam, lag.lag_s)
    if kind == "gyro_units":
        out.findings.append(bad(kind, OTHER_KINDS[kind], text.split("; ")[0], text.split("; ")[1]))
        return _left_open(out, "the gyroscope's units are wrong", kinds=("gyro_axes",))
    sensor = imu
    if kind == "gyro_axes":  # go on with the axes that fit best, mirrored ones included
        sensor = ImuData(imu.t_ns, np.ascontiguousarray(imu.gyro_rad_s @ X), imu.accel_m_s2)
    kept = out.kept = fit_gyro(pairs, sensor, camera, R_body_cam, lag.lag_s, free_lens=False)
    free = out.free = fit_gyro(pairs, sensor, camera, R_body_cam, lag.lag_s, free_lens=True)
    if kept is None or free is None:
        if kind:
            out.findings.append(bad(kind, OTHER_KINDS[kind], *_parts(text)))
        return _left_open(out, "too few pairs of views")
    if min(kept.fitted_px, free.fitted_px) > MOST_RESIDUAL_PX:
        why = (
            f"the epipolar distances stay at {free.fitted_px:.2f} px with the best rotation, time "
            "offset and lens"
        )
        if kind:
            out.findings.append(bad(kind, OTHER_KINDS[kind], *_parts(text)))
        return _left_open(out, why)
    is_lens = _lens(out, kept, free, camera)
    best = free if is_lens else kept
    if is_lens:
        out.camera = free.camera
    out.findings.append(_axes(best, R_body_cam, kind, text, tilt))
    out.findings.append(_offset(best))
    out.is_sound = not any(f.level == "bad" and f.kind == "gyro_axes" for f in out.findings)
    return out


def _is_bent(out: Alignment, pairs: list[ViewPair], imu: ImuData) -> bool:
    """Add a finding, and the lens that fits, if the lens is why the rotations do not agree."""
    camera = out.camera
    assert camera is not None
    R_body_cam = camera.T_body_cam[:3, :3].copy()
    kept = out.kept = fit_gyro(pairs, imu, camera, R_body_cam, free_lens=False)
    free = out.free = fit_gyro(pairs, imu, camera, R_body_cam, free_lens=True)
    if kept is None or free is None or free.fitted_px > MOST_RESIDUAL_PX:
        return False
    if free.fitted_px > 0.5 * kept.fitted_px or not _lens(out, kept, free, camera):
        return False
    out.camera = free.camera
    return True


def _parts(text: str) -> tuple[str, str]:
    found, _, advice = text.partition("; ")
    return found, advice


def _left_open(
    out: Alignment, why: str, kinds: tuple[str, ...] = ("gyro_axes", "time_offset", "left_lens")
) -> Alignment:
    titles = {
        "gyro_axes": OTHER_KINDS["gyro_axes"],
        "time_offset": "camera-IMU clock",
        "left_lens": "left lens",
    }
    there = {f.kind for f in out.findings}
    advice = "record half a minute with rotations about all three axes, in a textured place"
    out.findings += [undetermined(k, titles[k], why, advice) for k in kinds if k not in there]
    return out


def _name_axes(
    rotations: list[RotationPair], imu: ImuData, R_body_cam: np.ndarray, lag_s: float
) -> tuple[str, str, np.ndarray, float]:
    """Return kind and text of wrong units or axes, at the lag, and what fits instead.

    The orthogonal matrix (3, 3) takes the images' rates, body axes as given, to the gyroscope's;
    its angle in degrees, NaN for a mirrored one.
    """
    history = RotationHistory(R_body_cam)
    late = round(lag_s * 1e9)
    moved = [p._replace(t0_ns=p.t0_ns + late, t1_ns=p.t1_ns + late) for p in rotations]
    mean = 0.5 * (imu.gyro_rad_s[1:] + imu.gyro_rad_s[:-1])
    history.add_gyro(int(imu.t_ns[0]), np.diff(imu.t_ns) * 1e-9, mean)
    history.pairs = deque(moved)
    rates = history.compare()
    if rates is None:
        return "", "", np.eye(3), 0.0
    v, g = rates.vision - rates.vision.mean(axis=0), rates.gyro - rates.gyro.mean(axis=0)
    X = best_rotation(v, g)
    size = np.linalg.norm(g - v @ X.T, axis=1)
    near = size < 4.0 * float(np.median(size)) + 1e-9
    near &= np.linalg.norm(g, axis=1) < 100.0
    rates = rates._replace(
        vision=rates.vision[near], gyro=rates.gyro[near], gyro_at=rates.gyro_at[:, near]
    )
    kind, text = name_fault(rates, R_body_cam)
    if kind not in OTHER_KINDS:
        return "", "", np.eye(3), 0.0
    U, _, Vt = np.linalg.svd(g[near].T @ v[near])
    X = U @ Vt
    return kind, text, X, angle_deg(X) if np.linalg.det(X) > 0.0 else float("nan")


def _axes(fit: GyroFit, R_body_cam: np.ndarray, kind: str, text: str, tilt_deg: float) -> Finding:
    what = OTHER_KINDS["gyro_axes"]
    sigma = float(np.degrees(np.max(fit.sigmas[:3])))
    tilt = angle_deg(R_body_cam.T @ fit.R_body_cam)
    figures = {"tilt_deg": tilt, "sigma_deg": sigma}
    if kind == "gyro_axes":
        found, advice = _parts(text)
        if np.isfinite(tilt_deg):
            found += f"; the given rotation errs by {tilt_deg:.0f} deg"
        figures["tilt_deg"] = tilt_deg
        return bad(kind, what, found, advice, **figures)
    measured = (
        f"the rotation between camera and gyroscope differs by {tilt:.2f} deg from T_BS (standard "
        f"deviation {sigma:.2f} deg)"
    )
    if tilt > max(MOST_TILT_DEG, SIGMAS * sigma):
        return bad(
            "gyro_axes", what, measured, "calibrate T_BS again (Kalibr), or the principal point: "
            "8 px are 1 deg at 460 px", **figures,
        )  # fmt: skip
    if SIGMAS * sigma > KNOWN_TILT_DEG:
        return undetermined("gyro_axes", what, measured, "rotate about all three axes", figures)
    return good("gyro_axes", what, measured, **figures)


def _offset(fit: GyroFit) -> Finding:
    what = "camera-IMU clock"
    lag, sigma = float(fit.values[TIME]), float(fit.sigmas[TIME])
    side = "early" if lag > 0.0 else "late"
    text = (
        f"the stamps of the images are {1e3 * abs(lag):.2f} ms {side} against the gyroscope's "
        f"(standard deviation {1e3 * sigma:.2f} ms, {fit.pairs} pairs of views)"
    )
    figures = {"offset_s": lag, "sigma_s": sigma}
    if abs(lag) > max(MOST_OFFSET_S, SIGMAS * sigma):
        return bad(
            "time_offset", what, text,
            f"add {1e3 * lag:+.2f} ms to the stamps of the images, or synchronise by hardware",
            **figures,
        )  # fmt: skip
    if SIGMAS * sigma > KNOWN_OFFSET_S:
        return undetermined("time_offset", what, text, "rotate faster", figures)
    return good("time_offset", what, text, **figures)


def lens_change_px(given: Camera, fitted: Camera, points: np.ndarray) -> float:
    """Return by how far two lenses put the same rays apart at pixels (M, 2): rms, pixels."""
    rays = given.unproject(points)
    rays = rays[np.isfinite(rays[:, 0])]
    moved = fitted.project(rays) - given.project(rays)
    moved = moved[np.isfinite(moved).all(axis=1)]
    return float(np.sqrt(np.mean(np.sum(moved**2, axis=1)))) if len(moved) else float("nan")


def lens_text(given: Camera, fitted: Camera) -> str:
    """Return focal length and radial coefficients of two lenses."""
    both = zip(given.distortion[:2], fitted.distortion[:2], strict=True)
    k = ", ".join(f"{a:.4g} -> {b:.4g}" for a, b in both)
    return f"focal length {given.fx:.1f} -> {fitted.fx:.1f} px, k1 and k2 {k}"


def _lens(out: Alignment, kept: GyroFit, free: GyroFit, camera: Camera) -> bool:
    """Add the finding on the left lens; return whether it is wrong."""
    change = lens_change_px(camera, free.camera, free.points)
    ratio = free.fitted_px / kept.fitted_px
    text = (
        f"epipolar distances {kept.fitted_px:.3f} px with the lens as given, {free.fitted_px:.3f} "
        f"with the one that fits best (rms {change:.1f} px away: {lens_text(camera, free.camera)})"
    )
    figures = {
        "change_px": change,
        "focal_percent": 100.0 * float(free.values[FOCAL]),
        "focal_sigma_percent": 100.0 * float(free.sigmas[FOCAL]),
        "kept_px": kept.fitted_px,
        "free_px": free.fitted_px,
    }
    what = "left lens"
    wrong = change > MOST_LENS_PX
    if wrong and ratio < EXPLAINED:
        out.findings.append(
            bad(
                "left_lens",
                what,
                text,
                "calibrate the lens again; check that intrinsics and "
                "distortion model belong to this camera and resolution",
                **figures,
            )
        )
        return True
    if wrong or not np.isfinite(change):
        out.findings.append(
            undetermined("left_lens", what, text, "rotate more, in a place with depth", figures)
        )
    else:
        out.findings.append(good("left_lens", what, text, **figures))
    return False


def corrected(camera: Camera, lens: Camera | None) -> Camera:
    """Return the camera with another one's lens."""
    if lens is None:
        return camera
    return replace(camera, fx=lens.fx, fy=lens.fy, distortion=lens.distortion)
