# SPDX-License-Identifier: Apache-2.0
"""Pyramidal Lucas-Kanade: follow windows from a reference image into the current one."""

import math

import numpy as np
from numba import njit

from vio.frontend.patch import (
    BASIS,
    PATCH_ROW,
    ROW,
    correlation,
    cut_template,
    form_normal,
    invert_normal,
    mismatch,
    sample_window,
    strip_weights,
    window_inside,
)
from vio.frontend.pyramid import Pyramid
from vio.workers import share

TRACKED, BORDER, FLAT, DIVERGED, RESIDUAL = 0, 1, 2, 3, 4
LOST_REASONS = {BORDER: "border", FLAT: "flat", DIVERGED: "diverged", RESIDUAL: "residual"}


@njit(cache=True, nogil=True)
def solve_step(inverse: np.ndarray, sums: np.ndarray) -> tuple[float, float]:
    """Return the step (u, v) in pixels of the level that the mismatch asks for."""
    du = inverse[0, 0] * sums[0] + inverse[0, 1] * sums[1] + inverse[0, 2] * sums[2]
    dv = inverse[1, 0] * sums[0] + inverse[1, 1] * sums[1] + inverse[1, 2] * sums[2]
    dg = inverse[2, 0] * sums[0] + inverse[2, 1] * sums[1] + inverse[2, 2] * sums[2]
    gain = min(max(1.0 + dg, 0.5), 2.0)
    return du / gain, dv / gain


@njit(cache=True, nogil=True)
def update(
    u: float,
    v: float,
    du: float,
    dv: float,
    u_start: float,
    v_start: float,
    step_px: float,
    max_shift_px: float,
) -> tuple[float, float, bool, bool]:
    """Return the pixel after a step, whether to stop there, and whether the shift is too large."""
    u -= du
    v -= dv
    stop = du * du + dv * dv < step_px * step_px
    too_far = abs(u - u_start) > max_shift_px or abs(v - v_start) > max_shift_px
    return u, v, stop, too_far


@njit(cache=True, nogil=True)
def is_flat(normal: np.ndarray, min_eigenvalue: float) -> bool:
    """Return whether the shift's normal matrix, offset and gain projected out, is too small."""
    xx = float(normal[0]) - float(normal[3]) * normal[3] / normal[5]
    xy = float(normal[1]) - float(normal[3]) * normal[4] / normal[5]
    yy = float(normal[2]) - float(normal[4]) * normal[4] / normal[5]
    smaller = 0.5 * (xx + yy - math.sqrt((xx - yy) * (xx - yy) + 4.0 * xy * xy))
    return smaller < min_eigenvalue


@njit(cache=True, nogil=True)
def accept(
    image: np.ndarray,
    u: float,
    v: float,
    weights: np.ndarray,
    side: int,
    acc: np.ndarray,
    basis: np.ndarray,
    normal: np.ndarray,
    view: np.ndarray,
    min_eigenvalue: float,
    min_correlation: float,
) -> tuple[int, np.float32]:
    """Return the status of a window that came to rest at (u, v), and its correlation."""
    half = side // 2
    score = np.float32(0.0)
    if not window_inside(image, u, v, half):
        return BORDER, score
    if is_flat(normal, min_eigenvalue):
        return FLAT, score
    sample_window(image, u, v, half, view)
    score = np.float32(correlation(view, weights, side, acc, basis, float(normal[5])))
    return RESIDUAL if score < min_correlation else TRACKED, score


def track_windows(
    reference: Pyramid,
    current: Pyramid,
    uv_reference: np.ndarray,
    uv_start: np.ndarray,
    warps: np.ndarray,
    window: int,
    max_iterations: int,
    step_px: float,
    min_eigenvalue: float,
    min_correlation: float,
    max_shift_px: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Follow N windows: return uv (N, 2), status (N,), correlation (N,) and iterations (N, levels).

    uv_reference, uv_start: (N, 2) float64, pixels at full resolution in the reference and in the
    current image. warps: (N, 2, 2), takes pixel offsets of the current image to the reference
    image, so that the template looks like the current view. The model of the brightness is
    current = gain * reference + offset, both estimated by the window's own normal equations.
    status: TRACKED, or why not: BORDER (window leaves the image), FLAT (smaller eigenvalue of the
    shift's normal matrix, a pixel, below min_eigenvalue), DIVERGED (further than max_shift_px from
    the start on some level, or a singular system), RESIDUAL (correlation below min_correlation).
    Sources: Lucas and Kanade, IJCAI 1981; Bouguet, "Pyramidal implementation of the Lucas Kanade
    feature tracker", 2000 (template gradients, one normal matrix a level); Baker and Matthews,
    "Lucas-Kanade 20 years on", IJCV 2004 (linear appearance variation).
    """
    count = len(uv_reference)
    uv = uv_start.copy()
    status = np.zeros(count, np.uint8)
    scores = np.zeros(count, np.float32)
    iterations = np.zeros((count, len(reference)), np.int32)
    share(
        track_span,
        count,
        reference,
        current,
        uv_reference,
        uv_start,
        warps,
        window,
        strip_weights(window),
        max_iterations,
        step_px,
        min_eigenvalue,
        min_correlation,
        max_shift_px,
        uv,
        status,
        scores,
        iterations,
    )
    return uv, status, scores, iterations


@njit(cache=True, nogil=True)
def track_span(
    first: int,
    last: int,
    reference: Pyramid,
    current: Pyramid,
    uv_reference: np.ndarray,
    uv_start: np.ndarray,
    warps: np.ndarray,
    window: int,
    weights: np.ndarray,
    max_iterations: int,
    step_px: float,
    min_eigenvalue: float,
    min_correlation: float,
    max_shift_px: float,
    uv: np.ndarray,
    status: np.ndarray,
    scores: np.ndarray,
    iterations: np.ndarray,
) -> None:
    """Follow the windows first..last - 1 of `track_windows` and write their results.

    weights: `strip_weights`.
    """
    half = window // 2
    patch = np.zeros((window + 2) * PATCH_ROW, np.float32)
    offsets, taps = np.zeros(PATCH_ROW, np.int32), np.zeros(6 * PATCH_ROW, np.float32)
    basis, view = np.zeros(BASIS * len(weights), np.float32), np.zeros(len(weights), np.float32)
    acc = np.zeros(6 * ROW, np.float32)
    means, normal, sums = np.zeros(3, np.float32), np.zeros(6, np.float32), np.zeros(3, np.float32)
    inverse = np.zeros((3, 3))
    for i in range(first, last):
        u, v = uv_start[i, 0], uv_start[i, 1]
        code = TRACKED
        place = u + v + uv_reference[i, 0] + uv_reference[i, 1]
        warped = warps[i, 0, 0] + warps[i, 0, 1] + warps[i, 1, 0] + warps[i, 1, 1]
        if not abs(place + warped) < 1e6:
            status[i] = BORDER  # NaN or far away: no such pixel
            continue
        for level in range(len(reference) - 1, -1, -1):
            scale = 1.0 / (1 << level)
            ul, vl = u * scale, v * scale
            if level == 0 and not window_inside(current[level], ul, vl, half):
                code = BORDER
                break
            uk, vk = uv_reference[i, 0] * scale, uv_reference[i, 1] * scale
            cut_template(
                reference[level],
                uk,
                vk,
                warps[i],
                weights,
                window,
                offsets,
                taps,
                patch,
                acc,
                basis,
                means,
            )
            form_normal(weights, window, acc, basis, means, normal)
            if not invert_normal(normal, inverse):
                if level == 0:
                    code = FLAT
                continue
            u0, v0 = ul, vl
            too_far = False
            for iteration in range(max_iterations):
                sample_window(current[level], ul, vl, half, view)
                mismatch(view, window, acc, basis, sums)
                du, dv = solve_step(inverse, sums)
                ul, vl, stop, too_far = update(ul, vl, du, dv, u0, v0, step_px, max_shift_px)
                iterations[i, level] = iteration + 1
                if stop or too_far:
                    break
            if too_far:
                # A coarse level that runs away is ignored; the finest one decides.
                if level == 0:
                    code = DIVERGED
                continue
            u, v = ul / scale, vl / scale
            if level == 0:
                code, scores[i] = accept(
                    current[level],
                    ul,
                    vl,
                    weights,
                    window,
                    acc,
                    basis,
                    normal,
                    view,
                    min_eigenvalue,
                    min_correlation,
                )
        uv[i, 0], uv[i, 1] = u, v
        status[i] = code
