# SPDX-License-Identifier: Apache-2.0
"""Right camera against left one: swapped, vertical, turned, late, or with a wrong lens."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from vio.camera import StereoRig
from vio.diagnosis.axes import angle_deg
from vio.diagnosis.recording.alignment import lens_change_px, lens_text
from vio.diagnosis.recording.finding import Finding, bad, good, undetermined
from vio.diagnosis.recording.stereo_fit import (
    LEAST_MATCHES,
    StereoFit,
    StereoMatches,
    fit_stereo,
    stereo_distances,
)
from vio.geometry import exp_so3

LEAST_SHARE = 0.1  # of the tracks that find a partner
SWAPPED_SHARE = 0.8  # of the disparities that are negative
LEAST_DISPARITY_PX = 1.0
VERTICAL = 2.0  # times the sideways displacement
LEAST_VERTICAL_PX = 8.0
# Of the epipolar distances, what an offset of the clocks must explain to be believed.
LEAST_SEEN_PX = 0.1
# Rows that are a pixel apart cost the matcher half of its correlation (windows of 7 rows).
MOST_ROW_PX = 0.5  # systematic distance from the epipolar lines
EXPLAINED = 0.8
# Of the distances, and pixels, that exchanged images may leave to be called swapped.
EXCHANGED, EXCHANGED_PX = 0.3, 2.0
NEARLY = 1.25  # times the residual of all parameters, that a single group may leave
MOST_OFFSET_S, KNOWN_OFFSET_S, SIGMAS = 2e-3, 1e-3, 5.0


@dataclass
class Stereo:
    """Hold the findings, the matches and the fits."""

    findings: list[Finding] = field(default_factory=list)
    matches: StereoMatches | None = None
    fits: dict[str, StereoFit] = field(default_factory=dict)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong with the stereo geometry."""
        return all(f.level == "ok" for f in self.findings if f.kind in ("stereo", "right_camera"))


def check_stereo_geometry(
    rig: StereoRig, matches: StereoMatches, searched: int, is_left_wrong: bool
) -> Stereo:
    """Return what the stereo matches say; rig: with the left lens as corrected."""
    out = Stereo(matches=matches)
    count = len(matches.uv_left)
    figures = f"{count} of {searched} corners find a partner in the right image"
    if count < LEAST_MATCHES:
        if searched >= 5 * LEAST_MATCHES and count < LEAST_SHARE * searched:
            out.findings.append(
                bad(
                    "stereo",
                    "stereo",
                    figures,
                    "check that both cameras see the same, at the "
                    "same time, and focus and exposure of both",
                    share=count / searched,
                )
            )
        else:
            out.findings.append(undetermined("stereo", "stereo", figures))
        return out
    displacement = _displacement(rig, matches)
    shift = np.nanmedian(displacement, axis=0)
    disparity = -displacement[np.isfinite(displacement[:, 0]), 0]
    negative = float((disparity < 0.0).mean())
    middle = float(np.median(disparity))
    figures += f", displaced by ({shift[0]:+.1f}, {shift[1]:+.1f}) px when rectified"
    if (negative > SWAPPED_SHARE and middle < -LEAST_DISPARITY_PX) or _fit_exchanged(rig, matches):
        out.findings.append(
            bad(
                "stereo",
                "stereo",
                f"the cameras are swapped: {figures}, {100 * negative:.0f} % of "
                "the disparities are negative",
                "cam0 must be the left camera: swap the folders, or their calibrations",
                disparity_px=middle,
            )
        )
        return out
    if abs(shift[1]) > max(VERTICAL * abs(shift[0]), LEAST_VERTICAL_PX):
        out.findings.append(
            bad(
                "stereo",
                "stereo",
                f"the stereo pair is vertical in the images: {figures}",
                "turn images and calibration by 90 degrees, or correct the T_BS of both cameras",
                shift_v_px=float(shift[1]),
            )
        )
        return out
    out.findings.append(
        good("stereo", "stereo", f"{figures}, disparity {middle:.1f} px", disparity_px=middle)
    )
    out.fits = fit_stereo(rig, matches)
    out.findings += _explain(rig, out.fits, matches, is_left_wrong)
    return out


def _displacement(rig: StereoRig, matches: StereoMatches) -> np.ndarray:
    """Return by how far the matches (M, 2) lie apart in the rectified images, pixels.

    Not in the raw ones: their principal points differ by as much as distant points move.
    """
    r = rig.rectification
    xy = []
    for camera, uv, R in (
        (rig.left, matches.uv_left, r.R_rect_left),
        (rig.right, matches.uv_right, r.R_rect_right),
    ):
        q = np.column_stack([camera.unproject(uv), np.ones(len(uv))]) @ R.T
        xy.append(q[:, :2] / q[:, 2:])
    return r.focal * (xy[1] - xy[0])


def _fit_exchanged(rig: StereoRig, matches: StereoMatches) -> bool:
    """Return whether the matches fit the rig clearly better with the images exchanged.

    Intrinsics that are exchanged as well displace the rows, so that disparities may not tell.
    """
    other = replace(matches, uv_left=matches.uv_right, uv_right=matches.uv_left)
    given, exchanged = (
        float(np.median(np.abs(stereo_distances(rig, m)))) for m in (matches, other)
    )
    positive = _displacement(rig, other)[:, 0] < -LEAST_DISPARITY_PX
    fits = exchanged < min(EXCHANGED * given, EXCHANGED_PX)
    return fits and float(positive.mean()) > SWAPPED_SHARE


def _explain(
    rig: StereoRig, fits: dict[str, StereoFit], matches: StereoMatches, is_left_wrong: bool
) -> Iterator[Finding]:
    """Yield which single change explains the epipolar distances, if they are wrong."""
    given, best = fits["nothing"].left_px, fits["all"].left_px
    systematic = float(np.sqrt(max(given**2 - best**2, 0.0)))
    figures = {"given_px": given, "best_px": best, "systematic_px": systematic}
    text = f"epipolar distances {given:.3f} px, {best:.3f} px with all corrected"
    kind, what = "right_camera", "right camera"
    wrong = systematic > MOST_ROW_PX and best < EXPLAINED * given
    single = [n for n in ("time", "rotation", "lens") if fits[n].left_px < NEARLY * best]
    late = fits["time"]
    if wrong and "time" not in single:
        found, advice = _cause(rig, fits, matches, single)
        if is_left_wrong:
            found += " (after the left lens was corrected)"
        yield bad(kind, what, f"{text}; {found}", advice, **figures)
        why = "the right camera's geometry is wrong"
        yield undetermined("stereo_offset", "left-right clock", why)
        return
    if wrong:
        yield undetermined(kind, what, f"{text}; the clocks are apart", figures=figures)
    else:
        yield good(kind, what, text, **figures)
    yield judge_offset(late, float(np.sqrt(max(given**2 - late.left_px**2, 0.0))))


def judge_offset(fit: StereoFit, seen_px: float) -> Finding:
    """Return what the clocks' offset is; seen_px: what of the distances it explains."""
    late, sigma = float(fit.values[5]), float(fit.sigmas[5])
    text = (
        f"the right images are {1e3 * abs(late):.2f} ms {'later' if late > 0.0 else 'earlier'} "
        f"than the left ones of the same frame (standard deviation {1e3 * sigma:.2f} ms)"
    )
    kind, what = "stereo_offset", "left-right clock"
    figures = {"offset_s": late, "sigma_s": sigma}
    if abs(late) > max(MOST_OFFSET_S, SIGMAS * sigma):
        if seen_px < LEAST_SEEN_PX:  # at rest, the matches' own small errors would be a long time
            text += f", which explains only {seen_px:.2f} px"
            return undetermined(kind, what, text, "move the cameras up and down faster", figures)
        return bad(
            kind, what, text, "trigger both cameras together; if whole frames were lost, pair the "
            "images by their true times", **figures,
        )  # fmt: skip
    if SIGMAS * sigma > KNOWN_OFFSET_S:
        return undetermined(kind, what, text, "move the cameras up and down faster", figures)
    return good(kind, what, text, **figures)


def _cause(
    rig: StereoRig, fits: dict[str, StereoFit], matches: StereoMatches, single: list[str]
) -> tuple[str, str]:
    """Return what the right camera's error is, and what to do."""
    if "rotation" in single:
        x = fits["rotation"].values
        turned = angle_deg(exp_so3(np.ascontiguousarray(x[:3])))
        return (
            f"{fits['rotation'].left_px:.3f} px if it is rotated by {turned:.2f} deg and its "
            "baseline's direction changed",
            "calibrate the rig again: the two T_BS do not fit each other (a bent mount?)",
        )
    name = "lens" if "lens" in single else "all"
    fit = fits[name]
    change = lens_change_px(rig.right, fit.camera, matches.uv_right)
    return (
        f"{fit.left_px:.3f} px with another right lens ({lens_text(rig.right, fit.camera)}, rms "
        f"{change:.1f} px away)" + ("" if name == "lens" else " and other T_BS"),
        "calibrate the lenses again; check that intrinsics and distortion model belong to this "
        "camera and resolution",
    )
