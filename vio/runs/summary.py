# SPDX-License-Identifier: Apache-2.0
"""What metrics.json says of a run, and the run's segments beside the ground truth for figures."""

import signal
from typing import Any

import numpy as np

from vio import __version__
from vio.adaptive import Level
from vio.data import Calibration, Status
from vio.datasets.base import Dataset, LostImages
from vio.datasets.images import SIDES
from vio.errors import VioError
from vio.eval.align import align, undetermined
from vio.eval.aligned import AlignedSegment
from vio.eval.metrics import evaluate
from vio.geometry import log_so3
from vio.limits import reason
from vio.runs.execute import RunResult
from vio.runs.log import STATUSES, RunLog
from vio.trajectory import Trajectory, interpolate, quaternion_product

# cos(20 deg): an odometry knows the vertical better, so beyond it is the truth that is tilted.
MIN_LEVEL = 0.94


def summarise(dataset: Dataset, result: RunResult) -> dict[str, Any]:
    """Return the metrics of a run as plain values for JSON (accuracy: None without truth)."""
    log = result.log
    posed = log.has_pose()
    first = int(np.argmax(posed)) if posed.any() else None
    status = log.column("status").astype(int)
    return {
        "kestrel": __version__,
        "dataset": dataset.name,
        "complete": result.error is None,
        "ended_by": ended_by(result.error),
        "frames": len(log),
        "poses": int(posed.sum()),
        "first_pose_s": None if first is None else (log.t_ns[first] - log.t_ns[0]) / 1e9,
        "segments": len(np.unique(log.column("segment")[posed])),
        "no_pose_because": result.reason,
        "diagnoses": result.diagnoses,
        "lost_images": lost_images(result.lost_images),
        "frames_by_status": {s.value: int((status == i).sum()) for i, s in enumerate(STATUSES)},
        "innovations": innovations(log),
        "scale": scale(log),
        "effort": effort(log),
        "energy": result.energy,
        "calibration": calibration(result.calibration),
        "timing_ms": {name: time_statistics(ms) for name, ms in log.stages_ms().items()},
        "peak_memory_mb": round(result.peak_memory_mb, 1),
        "accuracy": accuracy(dataset, log),
    }


def ended_by(error: BaseException | None) -> str:
    """Return what ended a run early, in one line; empty when nothing did."""
    if error is None:
        return ""
    if isinstance(error, KeyboardInterrupt):
        return signal.Signals(error.args[0]).name if error.args else "interrupted"
    return reason(error) if isinstance(error, VioError) else f"{type(error).__name__}: {error}"


def lost_images(counts: LostImages) -> dict[str, dict[str, int]]:
    """Return {left: {why: number}, right: ...}."""
    return {
        side: {why: number for (where, why), number in sorted(counts.items()) if where == side}
        for side in SIDES
    }


def lost_image_lines(metrics: dict[str, Any]) -> list[str]:
    """Return how many images were lost and why, in one line; nothing when none was."""
    parts = []
    for side, counts in metrics["lost_images"].items():
        if counts:
            whys = ", ".join(f"{number} {why}" for why, number in counts.items())
            parts.append(f"{sum(counts.values())} {side} ({whys})")
    return [f"images that could not be used: {'; '.join(parts)}"] if parts else []


def innovations(log: RunLog) -> dict[str, dict[str, float]]:
    """Return {vision: ..., inertial: ...} of the frames that have them; see State."""
    values: dict[str, dict[str, float]] = {}
    for name in ("vision", "inertial"):
        x = log.column(f"{name}_innovation")
        x = x[np.isfinite(x)]
        values[name] = {"frames": len(x)}
        if len(x):
            values[name] |= {
                "median": round(float(np.median(x)), 4),
                "p95": round(float(np.percentile(x, 95)), 4),
                "max": round(float(x.max()), 4),
            }
    return values


def scale(log: RunLog) -> dict[str, float] | None:
    """Return how well one camera knew its scale, at its first and last pose; None with a pair."""
    sigma = log.column("scale_sigma")
    known = np.isfinite(sigma)
    if not known.any():
        return None
    t_s = (log.t_ns - log.t_ns[0]) / 1e9
    values = sigma[known]
    return {
        "frames": int(known.sum()),
        "first_at_s": float(t_s[known][0]),
        "first_sigma": round(float(values[0]), 5),
        "last_sigma": round(float(values[-1]), 5),
    }


def effort(log: RunLog) -> dict[str, Any] | None:
    """Return the share of frames at each level and of skipped images; None with fixed settings."""
    level = log.column("effort")
    known = np.isfinite(level)
    if not known.any():
        return None
    skipped = log.column("status") == STATUSES.index(Status.PREDICTED)
    shares: dict[str, Any] = {
        one.label: round(float(np.mean(level[known] == one)), 4) for one in reversed(Level)
    }
    changes = np.count_nonzero(np.diff(level[known]))
    return {**shares, "skipped": round(float(skipped.mean()), 4), "changes": int(changes)}


def effort_lines(metrics: dict[str, Any]) -> list[str]:
    """Return how much effort a run took, in a line each for levels and energy."""
    lines = []
    if found := metrics["effort"]:
        shares = ", ".join(
            f"{one.label} {100.0 * found[one.label]:.0f} %" for one in reversed(Level)
        )
        skipped = 100.0 * found["skipped"]
        lines.append(f"effort: {shares} of the frames; {skipped:.0f} % of the images skipped")
    if energy := metrics["energy"]:
        lines.append(
            f"energy by the model: {energy['mean_uw']:.0f} uJ a second of flight (front end "
            f"{energy['frontend_uw']:.0f}, back end {energy['backend_uw']:.0f})"
        )
    return lines


def calibration(found: Calibration | None) -> dict[str, Any] | None:
    """Return what a run estimated of its calibration, with deviations; None where nothing."""
    if found is None:
        return None
    turn = np.degrees(log_so3(np.ascontiguousarray(found.R)))
    return {
        "time_offset_ms": 1e3 * found.time_offset_s,
        "rotation_deg": [float(x) for x in turn],
        "position_m": [float(x) for x in found.p],
        "sigma": {
            "time_offset_ms": 1e3 * float(found.sigma[0]),
            "rotation_deg": [float(x) for x in np.degrees(found.sigma[1:4])],
            "position_m": [float(x) for x in found.sigma[4:]],
        },
    }


def calibration_lines(metrics: dict[str, Any]) -> list[str]:
    """Return the estimated calibration in one line; nothing where none is estimated."""
    found = metrics["calibration"]
    if found is None:
        return []
    sigma = found["sigma"]
    turn, shift = (np.linalg.norm(found[k]) for k in ("rotation_deg", "position_m"))
    return [
        f"calibration: time offset {found['time_offset_ms']:+.2f} ms (deviation "
        f"{sigma['time_offset_ms']:.2f}), rig turned by {turn:.2f} deg "
        f"({max(sigma['rotation_deg']):.2f}) and moved by {1e3 * shift:.1f} mm "
        f"({1e3 * max(sigma['position_m']):.1f}): calibration.yaml"
    ]


def scale_lines(metrics: dict[str, Any]) -> list[str]:
    """Return how well one camera knew its scale, in one line; nothing with a pair."""
    found = metrics["scale"]
    if found is None:
        return []
    first, last = 100.0 * found["first_sigma"], 100.0 * found["last_sigma"]
    return [
        f"one camera in {found['frames']} frames: scale known to {first:.1f} % at "
        f"{found['first_at_s']:.2f} s, to {last:.1f} % at the end"
    ]


def diagnosis_lines(metrics: dict[str, Any]) -> list[str]:
    """Return what was found wrong with the data of a run that has poses, in a line each."""
    return [f"diagnosis: {text}" for text in metrics["diagnoses"]] if metrics["poses"] else []


def time_statistics(ms: np.ndarray) -> dict[str, float]:
    """Return mean, median, 99th percentile and maximum of times (N,), NaN where a stage rested."""
    known = ms[np.isfinite(ms)]
    if len(known) == 0:
        return {"frames": 0}
    values = {
        "frames": len(known),
        "mean": float(known.mean()),
        "p50": float(np.percentile(known, 50)),
        "p99": float(np.percentile(known, 99)),
        "max": float(known.max()),
    }
    return {k: round(v, 3) for k, v in values.items()}


def accuracy(dataset: Dataset, log: RunLog) -> dict[str, Any] | None:
    """Return the accuracy of the segment with most poses, or None without enough ground truth.

    Segments have no common world: aligning them together would mean nothing.
    """
    return accuracy_against(dataset.ground_truth, log)


def accuracy_against(truth: Trajectory | None, log: RunLog) -> dict[str, Any] | None:
    """Return the accuracy against a ground truth; see `accuracy`."""
    segments = segment_rows(log)
    if truth is None or not segments:
        return None
    number, rows = max(segments.items(), key=lambda item: len(item[1]))
    try:
        metrics = evaluate(log.trajectory(rows), truth, frame_t_ns=log.t_ns)
    except VioError as error:  # a run of a few frames, or one beyond the ground truth
        return {"segment": number, "unknown_because": str(error)}
    return {"segment": number, **metrics.to_dict()}


def segment_rows(log: RunLog) -> dict[int, np.ndarray]:
    """Return {segment: indices of its frames with a pose}."""
    posed, segment = log.has_pose(), log.column("segment")
    return {int(n): np.flatnonzero(posed & (segment == n)) for n in np.unique(segment[posed])}


def aligned_segments(
    dataset: Dataset, result: RunResult
) -> tuple[list[AlignedSegment], np.ndarray]:
    """Return the segments and the landmarks (M, 3), moved onto the ground truth if there is one.

    Moved by yaw and position only, which is what the estimator cannot know; but by all of attitude
    and position when the ground truth's z axis is not the vertical.
    """
    return align_segments(result.log, dataset.ground_truth, result.landmarks)


def align_segments(
    log: RunLog, truth: Trajectory | None, points: np.ndarray
) -> tuple[list[AlignedSegment], np.ndarray]:
    """Return the segments and the landmarks (M, 3) moved onto the truth; see `aligned_segments`."""
    landmarks = points
    segments = []
    for rows in segment_rows(log).values():
        estimate = log.trajectory(rows)
        p_truth = error = None
        moved = "nothing"
        if truth is not None:
            covered = (estimate.t_ns >= truth.t_ns[0]) & (estimate.t_ns <= truth.t_ns[-1])
            if not covered.any():
                continue
            rows, estimate = rows[covered], estimate.take(covered)
            reference = interpolate(truth, estimate.t_ns)
            alignment = align(estimate.p_world_body, reference.p_world_body, "yaw")
            moved = "yaw and position"
            full = align(estimate.p_world_body, reference.p_world_body, "se3")
            open_parts = undetermined(estimate.p_world_body, reference.p_world_body, "se3")
            if alignment.R[2] @ full.R[2] < MIN_LEVEL and not open_parts:
                alignment, moved = full, "attitude and position"
            estimate = alignment.apply(estimate)
            landmarks = points @ alignment.R.T + alignment.t
            p_truth = reference.p_world_body
            error = rotation_error_rad(estimate.q_world_body, reference.q_world_body)
        segments.append(
            AlignedSegment(
                t_s=(estimate.t_ns - log.t_ns[0]) / 1e9,
                p_world_body=estimate.p_world_body,
                std_position_m=log.column("segment_std_position_m")[rows],
                std_rotation_rad=log.column("segment_std_rotation_rad")[rows],
                p_truth=p_truth,
                rotation_error_rad=error,
                alignment=moved,
            )
        )
    return segments, landmarks


def rotation_error_rad(q_estimate: np.ndarray, q_truth: np.ndarray) -> np.ndarray:
    """Return the rotation vectors (N, 3), world frame, that turn the truth into the estimate.

    q_estimate, q_truth: (N, 4) unit wxyz.
    """
    q = quaternion_product(q_estimate, q_truth * np.array([1.0, -1.0, -1.0, -1.0]))
    q = np.where(q[:, :1] < 0.0, -q, q)
    sine = np.linalg.norm(q[:, 1:], axis=1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, q[:, :1])
    return q[:, 1:] * np.where(sine > 1e-12, angle / np.maximum(sine, 1e-12), 2.0)


def summary_lines(metrics: dict[str, Any]) -> list[str]:
    """Return what a user wants to know of a run, in a few lines."""
    frames, poses = metrics["frames"], metrics["poses"]
    if not poses:
        reasons = metrics["diagnoses"] or [metrics["no_pose_because"]]
        because = f": {'; '.join(reasons)}" if any(reasons) else ""
        return [
            f"{metrics['dataset']}: {frames} frames, no pose: the odometry never started{because}"
        ]
    status = metrics["frames_by_status"]
    lines = [
        f"{metrics['dataset']}: {frames} frames, first pose {metrics['first_pose_s']:.2f} s after "
        f"the first image, tracking {100.0 * status['tracking'] / frames:.1f} % of the frames"
    ]
    if metrics["segments"] > 1:
        lines.append(f"lost and started again {metrics['segments'] - 1} times")
    lines += scale_lines(metrics) + calibration_lines(metrics) + effort_lines(metrics)
    lines += accuracy_lines(metrics["accuracy"])
    total = metrics["timing_ms"]["total"]
    # No stage takes a second, but numba's compiler does, when a function is called the first time.
    compiled = "; first use: compiling is in there" if total["max"] > 1000.0 else ""
    lines.append(
        f"time of a frame: median {total['p50']:.1f} ms, mean {total['mean']:.1f}, "
        f"p99 {total['p99']:.1f} (without image decoding{compiled}); "
        f"peak memory {metrics['peak_memory_mb']:.0f} MB"
    )
    return lines


def accuracy_lines(accuracy: dict[str, Any] | None) -> list[str]:
    """Return the accuracy in one line; without ground truth, none."""
    if accuracy is None:
        return []
    if "unknown_because" in accuracy:
        return [f"accuracy unknown: {accuracy['unknown_because']}"]
    se3, yaw = accuracy["absolute"]["se3"], accuracy["absolute"]["yaw"]
    percent = se3["percent_of_distance"]
    share = f" = {percent:.2f} % of {accuracy['distance_m']:.1f} m" if percent is not None else ""
    return [
        f"ATE {se3['translation_m']['rmse']:.4f} m{share} (SE3 alignment; yaw only "
        f"{yaw['translation_m']['rmse']:.4f} m), rotation {rotation_text(se3)}"
    ]


def rotation_text(absolute: dict[str, Any]) -> str:
    """Return the rotation error of one alignment (a value of `absolute`), or why it is open."""
    if absolute["rotation_deg"] is None:
        return f"undetermined ({absolute['undetermined']['rotation']})"
    return f"{absolute['rotation_deg']['rmse']:.2f} deg"
