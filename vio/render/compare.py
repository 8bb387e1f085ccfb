# SPDX-License-Identifier: Apache-2.0
"""Measure rendered frames against the real frames of the same flight: is rendered easier?"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vio.camera import Camera, unproject_pixels
from vio.datasets.euroc import EurocDataset
from vio.errors import VioError
from vio.render.sequence import Sequence, open_hybrid

CORNER_SCORES = (10.0, 40.0, 160.0)  # thresholds on the smaller eigenvalue, (grey level / px)^2
START_STEP = 20  # frames between starts of tracks
FOLLOW = 20  # frames that tracks are followed: 1 s
EPIPOLAR = 5  # frames over which the epipolar residual is taken
STARTS_MAX = 250  # corners followed from each start
FORWARD_BACKWARD_PX = 1.0


@dataclass(frozen=True)
class Figures:
    """Hold what was measured on one set of frames: names to values."""

    values: dict[str, float]
    gradient_histogram: np.ndarray


def _opencv() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise VioError(
            "vio render --compare needs OpenCV as a neutral tracker; "
            "pip install 'kestrel-vio[bench]'"
        ) from error
    return cv2


def _corners(image: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the local maxima (N, 2) of the corner score above `least` and their scores."""
    cv2 = _opencv()
    # ksize 3 sums 8 weights and OpenCV divides by 255 * 8 * blockSize for 8-bit images.
    score = cv2.cornerMinEigenVal(image, 5, ksize=3) * 255.0**2
    peak = (score >= cv2.dilate(score, np.ones((9, 9)))) & (score >= least)
    peak[:12], peak[-12:], peak[:, :12], peak[:, -12:] = False, False, False, False
    v, u = np.nonzero(peak)
    return np.stack([u, v], axis=1).astype(np.float32), score[v, u]


def _spread(uv: np.ndarray, score: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the best corners of each cell of a 10 x 7 grid, as a front end would take them."""
    order = np.argsort(-score, kind="stable")
    uv = uv[order]
    cell = (uv[:, 1] * 7 / shape[0]).astype(int) * 10 + (uv[:, 0] * 10 / shape[1]).astype(int)
    rank = np.zeros(len(uv), int)
    for c in np.unique(cell):
        rank[cell == c] = np.arange(np.count_nonzero(cell == c))
    return uv[rank < 4][:STARTS_MAX]


def _step(
    a: np.ndarray, b: np.ndarray, uv: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the tracked pixels, whether the way back agrees, and the way back's error."""
    cv2 = _opencv()
    options = {"winSize": (15, 15), "maxLevel": 2, "criteria": (3, 30, 0.01)}
    there, ok, _ = cv2.calcOpticalFlowPyrLK(a, b, uv[:, None], None, **options)
    back, ok2, _ = cv2.calcOpticalFlowPyrLK(b, a, there, None, **options)
    error = np.linalg.norm(back[:, 0] - uv, axis=1)
    good = (ok[:, 0] == 1) & (ok2[:, 0] == 1) & (error < FORWARD_BACKWARD_PX)
    return there[:, 0], good, error


def _epipolar_px(
    camera: Camera, R_b_a: np.ndarray, t_b_a: np.ndarray, uv_a: np.ndarray, uv_b: np.ndarray
) -> np.ndarray:
    """Return the distances (N,) in pixels of uv_b from the epipolar lines of uv_a."""
    ray_a = np.column_stack([unproject_pixels(camera.params, uv_a), np.ones(len(uv_a))])
    ray_b = np.column_stack([unproject_pixels(camera.params, uv_b), np.ones(len(uv_b))])
    line = np.cross(np.broadcast_to(t_b_a, ray_a.shape), ray_a @ R_b_a.T)
    return np.abs(np.sum(line * ray_b, axis=1)) / np.linalg.norm(line[:, :2], axis=1) * camera.fx


def _fitted_px(camera: Camera, uv_a: np.ndarray, uv_b: np.ndarray) -> list[float]:
    """Return the distances in pixels from the epipolar lines of the motion that fits best."""
    cv2 = _opencv()
    if len(uv_a) < 12:
        return []
    ray_a = unproject_pixels(camera.params, uv_a.astype(np.float64))
    ray_b = unproject_pixels(camera.params, uv_b.astype(np.float64))
    cv2.setRNGSeed(1)
    E, _ = cv2.findEssentialMat(ray_a, ray_b, np.eye(3), method=cv2.LMEDS, prob=0.9999)
    if E is None or E.shape != (3, 3):
        return []
    a, b = (
        np.column_stack([ray_a, np.ones(len(ray_a))]),
        np.column_stack([ray_b, np.ones(len(ray_b))]),
    )
    line = a @ E.T
    return (np.abs((line * b).sum(1)) / np.linalg.norm(line[:, :2], axis=1) * camera.fx).tolist()


def measure(
    frame: Callable[[int], np.ndarray], count: int, camera: Camera, R: np.ndarray, p: np.ndarray
) -> Figures:
    """Return the figures of `count` left frames; R (N, 3, 3), p (N, 3): camera in the world."""
    cv2 = _opencv()
    rows: dict[str, list[float]] = {}
    histogram = np.zeros(64)

    def note(name: str, value: float) -> None:
        rows.setdefault(name, []).append(value)

    flow_error: list[float] = []
    epipolar: list[float] = []
    fitted: list[float] = []
    started, alive, left = 0, 0, 0
    for start in range(0, count - FOLLOW, START_STEP):
        image = frame(start)
        uv, score = _corners(image, CORNER_SCORES[0])
        for least in CORNER_SCORES:
            note(f"corners, score >= {least:g}", int(np.count_nonzero(score >= least)))
        gx = cv2.Sobel(image, cv2.CV_32F, 1, 0, ksize=3) / 8.0
        gy = cv2.Sobel(image, cv2.CV_32F, 0, 1, ksize=3) / 8.0
        size = np.hypot(gx, gy)[2:-2, 2:-2]
        histogram += np.histogram(size, 64, (0.0, 64.0))[0]
        note("mean grey level", float(image.mean()))
        note("share of saturated pixels, %", 100.0 * float(np.mean(image >= 254)))
        first = _spread(uv, score, image.shape)
        here, inside = first, np.ones(len(first), bool)
        lost = np.zeros(len(first), bool)
        for k in range(1, FOLLOW + 1):
            following = frame(start + k)
            index = np.flatnonzero(inside & ~lost)
            if len(index) == 0:
                break
            there, good, error = _step(image, following, here[index])
            if k == 1:
                flow_error += error[good].tolist()
            out = (
                (there < 8).any(axis=1)
                | (there[:, 0] > camera.width - 9)
                | (there[:, 1] > camera.height - 9)
            )
            inside[index[out]] = False
            lost[index[~good & ~out]] = True
            here = here.copy()
            here[index] = there
            if k == EPIPOLAR:
                still = np.flatnonzero(inside & ~lost)
                R_b_a = R[start + k].T @ R[start]
                t_b_a = R[start + k].T @ (p[start] - p[start + k])
                if np.linalg.norm(t_b_a) > 0.02 and len(still):
                    fitted += _fitted_px(camera, first[still], here[still])
                    epipolar += _epipolar_px(
                        camera,
                        R_b_a,
                        t_b_a,
                        first[still].astype(np.float64),
                        here[still].astype(np.float64),
                    ).tolist()
            image = following
        started += len(first)
        left += int(np.count_nonzero(~inside))
        alive += int(np.count_nonzero(inside & ~lost))
    centres = np.arange(64) + 0.5
    cumulative = np.cumsum(histogram) / histogram.sum()
    values = {name: float(np.mean(v)) for name, v in rows.items()}
    for share in (50, 75, 90, 99):
        values[f"gradient, {share} % below, grey / px"] = float(
            np.interp(share / 100.0, cumulative, centres + 0.5)
        )
    values["KLT survival over 1 s, % of those not leaving the image"] = (
        100.0 * alive / max(1, started - left)
    )
    values["tracks that left the image, %"] = 100.0 * left / max(1, started)
    values["flow residual: forward-backward, median, px"] = float(np.median(flow_error))
    values["flow residual: forward-backward, 90 %, px"] = float(np.percentile(flow_error, 90))
    values["flow residual: fitted epipolar, 0.25 s, median, px"] = float(np.median(fitted))
    values["flow residual: fitted epipolar, 0.25 s, 90 %, px"] = float(np.percentile(fitted, 90))
    values["flow residual: true epipolar, 0.25 s, median, px"] = float(np.median(epipolar))
    values["flow residual: true epipolar, 0.25 s, 90 %, px"] = float(np.percentile(epipolar, 90))
    return Figures(values, histogram / histogram.sum())


@dataclass
class _Rendered:
    """Hold the rendered left images of a sequence at some times, made when asked for."""

    sequence: Sequence
    t_ns: list[int]
    images: dict[int, np.ndarray] = field(default_factory=dict)

    def __call__(self, k: int) -> np.ndarray:
        if k not in self.images:
            index = int(np.searchsorted(self.sequence.t_ns, self.t_ns[k]))
            self.images[k] = self.sequence.renderer.image(index, 0)
        return self.images[k]


def compare(real: Path, seeds: list[int], out: Path, place: str = "auto") -> str:
    """Write side-by-side pictures and compare.md into `out` and return the table's text.

    real: a recording in EuRoC layout with images and ground truth; every seed renders its flight.
    Raises VioError when it has no images, or OpenCV is missing.
    """
    _opencv()
    recording = EurocDataset(real)
    frames = {f.t_ns: f.left for f in recording.frames() if f.left is not None}
    camera = recording.rig.left
    out.mkdir(parents=True, exist_ok=True)
    sets: list[Figures] = []
    for seed in seeds:
        sequence = open_hybrid(real, seed, place=place)
        times = [t for t in sequence.t_ns.tolist() if t in frames]
        if len(times) <= FOLLOW:
            raise VioError(
                f"{real} has {len(times)} left images within its ground truth; a comparison needs "
                f"more than {FOLLOW}"
            )
        R, p = sequence.renderer.camera_poses(np.array(times), 0)
        pictures = [frames[t] for t in times]
        if not sets:
            sets.append(measure(pictures.__getitem__, len(times), camera, R, p))
        rendered = _Rendered(sequence, times)
        sets.append(measure(rendered, len(times), camera, R, p))
        for k in range(0, len(times), 60):
            pair = np.hstack([pictures[k], rendered(k)])
            Image.fromarray(pair).save(out / f"side_by_side_seed{seed}_{k:04d}.png")
    text = _table(sets, seeds)
    (out / "compare.md").write_text(text)
    return text


def _table(sets: list[Figures], seeds: list[int]) -> str:
    """Return a Markdown table: the real frames, the mean of the seeds, each seed."""
    head = ["", "real", "rendered", *(f"seed {s}" for s in seeds)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, value in sets[0].values.items():
        each = [s.values[name] for s in sets[1:]]
        cells = [value, float(np.mean(each)), *each]
        lines.append(f"| {name} | " + " | ".join(f"{c:.3g}" for c in cells) + " |")
    distance = [
        0.5 * float(np.abs(s.gradient_histogram - sets[0].gradient_histogram).sum())
        for s in sets[1:]
    ]
    cells = [0.0, float(np.mean(distance)), *distance]
    lines.append(
        "| gradient histogram, total variation to real | "
        + " | ".join(f"{c:.3f}" for c in cells)
        + " |"
    )
    return "\n".join(lines) + "\n"
