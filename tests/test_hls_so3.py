# SPDX-License-Identifier: Apache-2.0
"""The float32 rotations of the hardware against float64: stated errors over all angles."""

import numpy as np
import pytest

from vio import geometry
from vio.float32 import so3 as so3_32
from vio.hw.hls.operands import matrices, vectors

COUNT = 8000


@pytest.fixture(scope="module")
def phis():
    phi = np.delete(vectors(COUNT, seed=3), np.s_[7::8], axis=0).view(np.float32)
    return phi[np.linalg.norm(phi.astype(np.float64), axis=1) <= np.pi * (1 + 1e-6)]


@pytest.mark.parametrize(
    ("name", "most"),
    [("exp_so3", 6e-7), ("right_jacobian_so3", 4e-7), ("inverse_right_jacobian_so3", 4e-7)],
)
def test_rotations_and_jacobians_are_as_near_as_float32_allows(phis, name, most):
    small, large = getattr(so3_32, name), getattr(geometry, name)
    worst = max(np.abs(small(v) - large(v.astype(np.float64))).max() for v in phis)
    assert 1e-8 < worst < most, worst


def test_tiny_rotation_vectors_survive_exp_and_log():
    for length in (1e-15, 1e-10, 1e-6, 1e-3):
        phi = np.float32(length) * np.array([0.6, 0.0, -0.8], np.float32)
        np.testing.assert_allclose(so3_32.log_so3(so3_32.exp_so3(phi)), phi, rtol=3e-6, atol=0)


def test_the_logarithm_inverts_the_exponential_up_to_half_a_turn():
    words = matrices(COUNT, seed=4)
    keep = np.ones(COUNT, bool)
    keep[7::8] = keep[3::4] = False
    worst = 0.0
    for r in words[keep].view(np.float32).reshape(-1, 3, 3):
        exact = geometry.log_so3(r.astype(np.float64))
        got = so3_32.log_so3(r).astype(np.float64)
        # About half a turn, the axis may come out with either sign.
        turned = geometry.exp_so3(got) - geometry.exp_so3(exact)
        worst = max(worst, np.abs(turned).max())
    assert worst < 1.2e-6, worst


def test_the_inverse_jacobian_inverts_the_jacobian(phis):
    for phi in phis[::10]:
        product = so3_32.right_jacobian_so3(phi) @ so3_32.inverse_right_jacobian_so3(phi)
        np.testing.assert_allclose(product, np.eye(3), atol=1.5e-6)
