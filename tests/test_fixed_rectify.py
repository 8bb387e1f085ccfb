# SPDX-License-Identifier: Apache-2.0
"""Points through the lens in integers, against the exact camera models."""

import math
from dataclasses import replace

import numpy as np
import pytest

from vio.camera import Camera
from vio.config import HwConfig
from vio.errors import VioError
from vio.fixed import rectify as rc
from vio.fixed.formats import formats
from vio.fixed.qformat import signal_table
from vio.geometry import exp_so3
from vio.render.calibration import euroc_rig

HW = HwConfig()
SIGNALS = signal_table(formats(HW), trace=False)
RIG = euroc_rig(20.0)
EQUIDISTANT = Camera(
    752, 480, 460.0, 461.0, 370.0, 245.0, (-0.01, 0.02, -0.01, 0.002), np.eye(4), "equidistant"
)
CAMERAS = pytest.mark.parametrize("camera", [RIG.left, RIG.right, EQUIDISTANT])
TURN = exp_so3(np.array([0.06, -0.11, 0.2]))


def pixels(camera: Camera) -> np.ndarray:
    """Return pixels (N, 2) in 1/256 over the whole image, the corners among them."""
    v, u = np.mgrid[0 : camera.height : 11, 0 : camera.width : 11]
    inner = np.stack([u.ravel(), v.ravel()], axis=1) * 256
    inner += np.random.default_rng(0).integers(0, 256, inner.shape)
    w, h = 256 * (camera.width - 1), 256 * (camera.height - 1)
    return np.concatenate([inner, [(0, 0), (w, 0), (0, h), (w, h)]])


def unprojection_error(camera: Camera, lens: rc.LensRegisters) -> np.ndarray:
    """Return how many pixels (N,) of the raw image the rays are off."""
    uv = pixels(camera)
    rays = np.array([rc.unproject(lens, SIGNALS, u, v) for u, v in uv]) / 2**16
    return np.linalg.norm(camera.project(rays) - uv / 256, axis=1)


def projection_error(camera: Camera, lens: rc.LensRegisters) -> np.ndarray:
    rays = np.rint(camera.unproject(pixels(camera) / 256) * 2**16).astype(np.int64)
    found = [rc.project(lens, SIGNALS, x, y) for x, y in rays]
    assert all(inside for _, _, inside in found)
    uv = np.array([pixel[:2] for pixel in found]) / 256
    return np.linalg.norm(uv - camera.project(rays / 2**16), axis=1)


@CAMERAS
def test_pixels_become_rays_within_a_fiftieth_of_a_pixel(camera: Camera) -> None:
    error = unprojection_error(camera, rc.lens_registers(camera, HW))
    assert error.max() < 0.02
    assert np.median(error) < 0.007


@CAMERAS
def test_rays_become_pixels_within_a_fiftieth_of_a_pixel(camera: Camera) -> None:
    error = projection_error(camera, rc.lens_registers(camera, HW))
    assert error.max() < 0.02
    assert np.median(error) < 0.007


@pytest.mark.parametrize("field", ["inverse", "forward"])
def test_one_wrong_knot_of_a_table_is_noticed(field: str) -> None:
    lens = rc.lens_registers(RIG.left, HW)
    table = getattr(lens, field).copy()
    table[40] += 2**16 // 2000
    spoilt = lens._replace(**{field: table})
    error = unprojection_error if field == "inverse" else projection_error
    assert error(RIG.left, spoilt).max() > 0.05


def test_one_wrong_tangential_register_is_noticed() -> None:
    lens = rc.lens_registers(RIG.left, HW)
    values = lens.values.copy()
    values[rc.P1] = -values[rc.P1]
    assert unprojection_error(RIG.left, lens._replace(values=values)).max() > 0.05
    assert projection_error(RIG.left, lens._replace(values=values)).max() > 0.05


def test_pixels_go_through_the_lens_and_back() -> None:
    lens = rc.lens_registers(RIG.left, HW)
    for u, v in pixels(RIG.left)[::17]:
        x, y = rc.unproject(lens, SIGNALS, u, v)
        ub, vb, _ = rc.project(lens, SIGNALS, x, y)
        assert max(abs(ub - u), abs(vb - v)) <= 6  # of 256


def test_a_ray_beyond_the_table_says_that_it_has_no_pixel() -> None:
    lens = rc.lens_registers(EQUIDISTANT, HW)
    assert rc.project(lens, SIGNALS, 20000, -30000)[2]
    assert not rc.project(lens, SIGNALS, 131071, 131071)[2]


def test_a_lens_that_sees_farther_than_rays_reach_is_refused() -> None:
    # Without distortion the model is r = f t: a corner tells its angle.
    wide = replace(EQUIDISTANT, fx=330.0, fy=330.0, distortion=(0.0, 0.0, 0.0, 0.0))
    angle = math.degrees(math.hypot(382.0, 245.0) / 330.0)
    assert 63.0 < angle < 84.0
    with pytest.raises(VioError, match=f"sees {angle:.0f} degrees off its axis"):
        rc.lens_registers(wide, HW)
    # Narrower, every pixel's ray is right: nothing saturates.
    narrow = replace(wide, fx=430.0, fy=430.0)
    assert unprojection_error(narrow, rc.lens_registers(narrow, HW)).max() < 0.05


def test_registers_of_a_rotation_are_the_nearest_words() -> None:
    R = rc.rotation_registers(TURN, HW)
    assert np.abs(R / 2**16 - TURN).max() <= 0.5 / 2**16
    assert R.dtype == np.int64


def test_rays_turn_like_the_exact_rotation() -> None:
    R = rc.rotation_registers(TURN, HW)
    rays = np.random.default_rng(1).uniform(-0.8, 0.8, (200, 2))
    words = np.rint(rays * 2**16).astype(np.int64)
    for matrix, turn in ((TURN, rc.rotate_ray), (TURN.T, rc.rotate_ray_back)):
        exact = np.column_stack([rays, np.ones(200)]) @ matrix.T
        exact = exact[:, :2] / exact[:, 2:]
        got = [turn(SIGNALS, R, x, y) for x, y in words]
        assert all(ahead for _, _, ahead in got)
        error = np.abs(np.array([ray[:2] for ray in got]) / 2**16 - exact) * 460.0
        assert error.max() < 0.03  # pixels
        # Twin: the transpose is another rotation.
        other = np.column_stack([rays, np.ones(200)]) @ matrix
        other = other[:, :2] / other[:, 2:]
        assert np.abs(np.array([ray[:2] for ray in got]) / 2**16 - other).max() > 0.05


def test_a_ray_that_turns_away_is_behind() -> None:
    R = rc.rotation_registers(exp_so3(np.array([0.0, 1.5, 0.0])), HW)
    assert not rc.rotate_ray(SIGNALS, R, 40000, 0)[2]
    assert rc.rotate_ray(SIGNALS, R, -40000, 0)[2]
    assert not rc.rotate_ray_back(SIGNALS, R, -40000, 0)[2]


def test_composed_rotations_stay_within_a_word_of_the_product() -> None:
    step = exp_so3(np.array([0.01, -0.02, 0.015]))
    exact, R = np.eye(3), rc.rotation_registers(np.eye(3), HW)
    for k in range(1, 11):
        exact = step @ exact
        R = rc.compose(SIGNALS, rc.rotation_registers(step, HW), R)
        assert np.abs(R / 2**16 - exact).max() < 1.5 * k / 2**16
    assert np.abs(R / 2**16 - step @ exact).max() > 100 / 2**16  # twin: one step more


@pytest.mark.parametrize("z", [1, 2, 3, 4095, 65535, 65536, 131071, 131072, 262143, 2**36 - 1])
def test_reciprocals_have_17_true_bits(z: int) -> None:
    m, n = rc.reciprocal(SIGNALS, z)
    assert n == z.bit_length()
    assert abs(m / 2.0 ** (n + 17) * z - 1.0) < 2**-16


def test_what_does_not_fit_is_refused_with_the_numbers() -> None:
    with pytest.raises(VioError, match=r"800 x 480.*752 x 480"):
        rc.lens_registers(replace(RIG.left, width=800), HW)
    with pytest.raises(VioError, match="2000"):
        rc.lens_registers(replace(RIG.left, fx=2000.0), HW)
    with pytest.raises(VioError, match=r"120.*128 px"):
        rc.lens_registers(replace(RIG.left, fx=120.0), HW)
