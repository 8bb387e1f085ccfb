# SPDX-License-Identifier: Apache-2.0
"""Find for each estimated pose the ground-truth pose at the same time."""

import numpy as np

from vio.errors import VioError
from vio.eval.hints import unit_hint
from vio.trajectory import Trajectory, interpolate, nearest_index

MAX_DIFF_S = 0.01


def associate(
    estimate: Trajectory,
    truth: Trajectory,
    max_diff_s: float = MAX_DIFF_S,
    nearest: bool = False,
) -> tuple[Trajectory, Trajectory]:
    """Return the poses of both trajectories that belong together, equally many.

    An estimated pose counts when a ground-truth pose lies within max_diff_s of it. The ground truth
    is then interpolated at its time, or, with nearest=True, the nearest pose is taken as it stands
    (each at most once; evo's default). Interpolating is more exact: at 1 m/s, a time difference of
    2.5 ms (half a period of 200 Hz) is already 2.5 mm. An estimate beyond the ends of the ground
    truth is taken with nearest=True only.
    Raises VioError with both spans when nothing belongs together.
    """
    if len(estimate) == 0 or len(truth) == 0:
        which = "estimate" if len(estimate) == 0 else "ground truth"
        raise VioError(f"the {which} holds no poses in the span asked for: nothing to compare")
    index = nearest_index(truth.t_ns, estimate.t_ns)
    diff_ns = np.abs(truth.t_ns[index] - estimate.t_ns)
    good = diff_ns <= round(max_diff_s * 1e9)
    if not good.any():
        raise VioError(_no_match(estimate, truth, max_diff_s, int(diff_ns.min())))
    if not nearest:
        good &= (estimate.t_ns >= truth.t_ns[0]) & (estimate.t_ns <= truth.t_ns[-1])
        if not good.any():
            raise VioError(_no_match(estimate, truth, 0.0, int(diff_ns.min())))
        return estimate.take(good), interpolate(truth, estimate.t_ns[good])
    # Of several estimates that share a nearest pose, the closest one keeps it.
    kept = np.flatnonzero(good)
    order = kept[np.lexsort((diff_ns[kept], index[kept]))]
    first = np.ones(len(order), bool)
    first[1:] = np.diff(index[order]) != 0
    chosen = np.sort(order[first])
    return estimate.take(chosen), truth.take(index[chosen])


def _no_match(estimate: Trajectory, truth: Trajectory, max_diff_s: float, gap_ns: int) -> str:
    """Return the message for trajectories without common times, with a guess at the reason."""
    spans = [f"{t[0] / 1e9:.3f} to {t[-1] / 1e9:.3f} s" for t in (estimate.t_ns, truth.t_ns)]
    if hint := unit_hint(estimate, truth):
        advice = f"the nearest ones are {gap_ns / 1e9:.3f} s apart, and {hint}"
    elif gap_ns < 1e9:
        advice = f"the nearest ones are {gap_ns / 1e9:.4f} s apart: raise the max. difference"
    else:
        advice = (
            f"the nearest ones are {gap_ns / 1e9:.3f} s apart: check that both belong to one "
            "recording and count time from the same clock"
        )
    return (
        f"no matching time stamps with max. difference {max_diff_s:g} s: the estimate covers "
        f"{spans[0]} ({len(estimate)} poses), the ground truth {spans[1]} ({len(truth)} poses); "
        f"{advice}"
    )
