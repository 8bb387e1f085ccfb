# SPDX-License-Identifier: Apache-2.0
"""The hardware's linearisation of an observation against the back end's, in float64."""

import numpy as np
import pytest

from vio.backend.factors import project_landmark
from vio.float32 import linearize as linearize32
from vio.hw.hls.operands import observations

COUNT = 1600


def expected_rows(w, same):
    """Return the weighted rows (2, 16) of the back end, None for a landmark not in front."""
    host, target = w[:9].reshape(3, 3), w[12:21].reshape(3, 3)
    R_cam, p_cam = w[24:33].reshape(1, 3, 3), w[33:36].reshape(1, 3)
    rig = (R_cam, p_cam, w[36:45].reshape(3, 3), w[45:48])
    J = np.zeros((2, 16))
    seen = project_landmark(host, w[9:12], target, w[21:24], same, 0, *rig, w[50:53], J)
    if not seen:
        return None
    residual = (J[:, 15] - w[53:55]) * w[48]
    e = np.hypot(*residual)
    factor = np.sqrt(w[49] / e) if e > w[49] else 1.0
    weighted = J[:, :15] * factor * w[48]
    return np.column_stack([weighted[:, :3], residual * factor, weighted[:, 3:]])


@pytest.mark.parametrize("same", [False, True])
def test_rows_equal_the_back_ends_up_to_float32(same):
    words = observations(COUNT, seed=6)
    words = np.delete(words, [k for k in range(COUNT) if k % 16 in (3, 11)], axis=0)
    compared = 0
    for row in words.view(np.float32):
        wanted = expected_rows(row.astype(np.float64), same)
        got = np.zeros((2, 4 if same else 16), np.float32)
        if same:
            seen = linearize32.linearize_own(row[24:50], row[50:53], row[53:55], got)
        else:
            parts = row[:12], row[12:24], row[24:50], row[50:53], row[53:55]
            seen = linearize32.linearize(*parts, got)
        if wanted is None or not seen:
            assert (wanted is not None) == seen
            continue
        wanted = wanted[:, : got.shape[1]]
        # Rays far off the axis magnify rounding: compare against the size of the row.
        assert np.abs(got - wanted).max() < 3e-5 * np.abs(wanted).max()
        compared += 1
    assert compared > 500
