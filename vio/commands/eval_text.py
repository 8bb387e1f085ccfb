# SPDX-License-Identifier: Apache-2.0
"""What `vio eval` prints: the figures as tables, the association in two lines."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vio.eval.association import Association
    from vio.eval.by_segment import Jump, SegmentMetrics
    from vio.eval.metrics import AbsoluteError, Metrics

_HEAD = ["RMSE m", "mean m", "median m", "max m"]


def print_metrics(metrics: "Metrics", title: str) -> None:
    """Print the figures as tables."""
    from vio.commands.console import print_table

    rows = [
        [
            _alignment(error),
            *(f"{v:.4f}" for v in vars(error.translation_m).values()),
            "-" if error.percent_of_distance is None else f"{error.percent_of_distance:.3f}",
            *_rotation(error),
        ]
        for error in metrics.absolute.values()
    ]
    head = ["ATE, alignment", *_HEAD, "% of path", "RMSE deg", "max deg"]
    print_table(title, head, rows)
    relative = [
        [
            f"{r.delta:g} {r.unit}",
            *(f"{v:.4f}" for v in vars(r.translation_m).values()),
            str(r.pairs),
            f"{r.rotation_deg.rmse:.3f}",
            f"{r.rotation_deg.max:.3f}",
        ]
        for r in metrics.relative
    ]
    print_table("", ["RPE, over", *_HEAD, "pairs", "RMSE deg", "max deg"], relative)
    print(
        f"{metrics.matched} of {metrics.poses} poses matched over {metrics.duration_s:.2f} s and "
        f"{metrics.distance_m:.2f} m; coverage {100 * metrics.coverage:.1f} %; first pose at "
        f"{metrics.first_pose_s:.2f} s"
    )


def _alignment(error: "AbsoluteError") -> str:
    if error.alignment != "sim3":
        return {"se3": "SE(3)", "yaw": "yaw and position"}[error.alignment]
    if error.scale is None:
        return f"Sim(3), scale undetermined ({error.undetermined['scale']})"
    return f"Sim(3), scale {error.scale:.5f}"


def _rotation(error: "AbsoluteError") -> list[str]:
    """Return the two cells of the rotation error."""
    if error.rotation_deg is None:
        return [f"undetermined ({error.undetermined['rotation']})", "-"]
    return [f"{error.rotation_deg.rmse:.3f}", f"{error.rotation_deg.max:.3f}"]


def print_association(association: "Association") -> None:
    """Print what the association rests on."""
    a, clock = association, association.clock
    gaps = f"{a.gaps} gaps, longest {a.longest_gap_s:.2f} s" if a.gaps else "no gaps"
    print(
        f"association: {a.method}, max. difference {a.max_diff_s:g} s (mean "
        f"{1e3 * a.mean_diff_s:.2f} ms); estimate {a.estimate_span_s:.2f} s, ground truth "
        f"{a.truth_span_s:.2f} s, common {a.overlap_s:.2f} s; {gaps} in the estimate"
    )
    if clock.offset_s is None or clock.std_s is None:
        print(f"clock offset: undetermined ({clock.undetermined})")
    else:
        print(
            f"clock offset: {1e3 * clock.offset_s:+.2f} ms (standard deviation "
            f"{1e3 * clock.std_s:.2f} ms, from the {clock.source}) from the estimate's time stamps "
            "to the ground truth's"
        )


def print_segments(segments: list["SegmentMetrics"], pooled_m: float | None) -> None:
    """Print the figures of segments that are aligned one by one."""
    from vio.commands.console import print_table

    rows = []
    for part in segments:
        if part.metrics is None:
            rows.append([str(part.segment), str(part.poses), "-", "-", "-", part.unknown_because])
            continue
        se3, yaw = part.metrics.absolute["se3"], part.metrics.absolute["yaw"]
        rows.append(
            [
                str(part.segment),
                str(part.poses),
                f"{part.metrics.duration_s:.2f}",
                f"{se3.translation_m.rmse:.4f}",
                f"{yaw.translation_m.rmse:.4f}",
                _rotation(se3)[0],
            ]
        )
    head = ["segment", "poses", "duration s", "ATE SE(3) m", "ATE yaw m", "RMSE deg"]
    print_table("each segment aligned by itself", head, rows)
    if pooled_m is not None:
        print(f"all segments, each aligned by itself: ATE {pooled_m:.4f} m (SE(3))")


def print_jumps(jumps: list["Jump"]) -> None:
    """Print by how much the segments are displaced against one another."""
    for jump in jumps:
        where = f"from segment {jump.before} to {jump.after} ({jump.gap_s:.2f} s without a pose)"
        if jump.unknown_because:
            print(f"jump {where}: unknown: {jump.unknown_because}")
            continue
        values = jump.to_dict()
        x, y, z = jump.translation_m
        print(
            f"jump {where}: {values['distance_m']:.4f} m ({x:+.4f}, {y:+.4f}, {z:+.4f}) and yaw "
            f"{jump.yaw_deg:+.3f} deg beyond the true motion"
        )
