# SPDX-License-Identifier: Apache-2.0
"""Cameras equal OpenCV's, rays come back from pixels, and rectified rows are epipolar lines."""

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from vio.camera import (
    MAX_RAY,
    Camera,
    StereoRig,
    invertible_radius,
    project_rays,
    rectify,
    unproject_pixels,
)
from vio.errors import VioError
from vio.geometry import hat, invert_transform, transform_from

# The size and lens of EuRoC's cameras (radial-tangential) and of a 512x512 fisheye (equidistant).
RADIAL = Camera(
    752, 480, 458.6, 457.3, 367.2, 248.4, (-0.2834, 0.0740, 0.00019, 0.0000176), np.eye(4)
)
EQUIDISTANT = Camera(
    512, 512, 190.98, 190.97, 254.93, 256.90, (0.0034, 0.0007, -0.0020, 0.0002), np.eye(4),
    "equidistant",
)  # fmt: skip
CAMERAS = {"radial": RADIAL, "equidistant": EQUIDISTANT}
T_BODY_LEFT = transform_from(Rotation.from_rotvec([0.02, -0.01, 1.55]).as_matrix(), [0.0, -0.06, 0])


def grid(camera: Camera, step: int = 16) -> np.ndarray:
    """Return pixels (N, 2) over the whole image, of a fisheye up to 80 degrees off the axis.

    Beyond 90 degrees (the corners of a fisheye's image) a ray (x, y, 1) does not exist.
    """
    u = np.linspace(0, camera.width - 1, camera.width // step)
    v = np.linspace(0, camera.height - 1, camera.height // step)
    uv = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
    return uv[np.linalg.norm(uv - [camera.cx, camera.cy], axis=1) < radius(camera)]


def radius(camera: Camera) -> float:
    """Return the distance from the centre within which pixels are tested."""
    return np.inf if camera.model == "radial-tangential" else camera.fx * np.radians(80.0)


def opencv_pixels(camera: Camera, rays: np.ndarray) -> np.ndarray:
    points = np.column_stack([rays, np.ones(len(rays))])[:, None]
    K = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1.0]])
    d = np.array(camera.distortion)
    project = (
        cv2.projectPoints if camera.model == "radial-tangential" else cv2.fisheye.projectPoints
    )
    uv, _ = project(points, np.zeros(3), np.zeros(3), K, d)
    return uv.reshape(-1, 2)


@st.composite
def rigs(draw: st.DrawFn) -> StereoRig:
    """Draw rigs with baselines of 5 cm to 1 m off the axis, turned by up to 0.2 rad per axis."""
    small = st.floats(-0.2, 0.2)
    turn = Rotation.from_rotvec([draw(small) for _ in range(3)]).as_matrix()
    length = draw(st.floats(0.05, 1.0))
    offset = length * np.array([1.0, draw(small), draw(small)])
    kind = CAMERAS[draw(st.sampled_from(sorted(CAMERAS)))]
    left = dataclasses.replace(kind, T_body_cam=T_BODY_LEFT)
    right = dataclasses.replace(
        kind, fx=kind.fx + 3.0, cx=kind.cx + 12.0, cy=kind.cy - 7.0,
        T_body_cam=T_BODY_LEFT @ transform_from(turn, offset),
    )  # fmt: skip
    return StereoRig(left, right)


@pytest.mark.parametrize("name", sorted(CAMERAS))
def test_projection_equals_opencvs(name: str) -> None:
    camera = CAMERAS[name]
    rays = camera.unproject(grid(camera))
    assert np.abs(camera.project(rays) - opencv_pixels(camera, rays)).max() < 1e-9
    spoilt = dataclasses.replace(camera, distortion=(*camera.distortion[:3], 0.01))
    assert np.abs(spoilt.project(rays) - opencv_pixels(camera, rays)).max() > 1e-3


@pytest.mark.parametrize("name", sorted(CAMERAS))
def test_every_pixel_of_the_image_has_a_ray_that_projects_onto_it(name: str) -> None:
    camera = CAMERAS[name]
    uv = grid(camera)
    assert np.abs(camera.project(camera.unproject(uv)) - uv).max() < 1e-8


@pytest.mark.parametrize("name", sorted(CAMERAS))
@given(u=st.floats(0, 511), v=st.floats(0, 479))
def test_rays_come_back_from_their_pixels(name: str, u: float, v: float) -> None:
    camera = CAMERAS[name]
    assume(np.hypot(u - camera.cx, v - camera.cy) < radius(camera))
    ray = camera.unproject(np.array([[u, v]]))
    assert np.abs(camera.unproject(camera.project(ray)) - ray).max() < 1e-10


def test_a_point_on_the_axis_is_seen_at_the_principal_point() -> None:
    for camera in CAMERAS.values():
        assert camera.project(np.zeros((1, 2)))[0].tolist() == [camera.cx, camera.cy]
        assert np.abs(camera.unproject(np.array([[camera.cx, camera.cy]]))).max() < 1e-12


@pytest.mark.parametrize("name", sorted(CAMERAS))
def test_parameters_in_single_precision_give_pixels_to_their_precision(name: str) -> None:
    camera = CAMERAS[name]
    uv = grid(camera)
    narrow = camera.params.astype(np.float32)
    rays = unproject_pixels(narrow, uv.astype(np.float32))
    assert np.abs(rays - camera.unproject(uv)).max() < 1e-4
    assert np.abs(project_rays(narrow, rays.astype(np.float32)) - uv).max() < 1e-2


def test_an_equidistant_lens_without_coefficients_maps_angles_to_radii() -> None:
    camera = dataclasses.replace(EQUIDISTANT, distortion=(0.0, 0.0, 0.0, 0.0))
    for angle in np.radians([1.0, 30.0, 60.0, 85.0]):
        u, _ = camera.project(np.array([[np.tan(angle), 0.0]]))[0]
        assert u == pytest.approx(camera.cx + camera.fx * angle, abs=1e-9)


def test_unknown_camera_models_are_refused() -> None:
    with pytest.raises(VioError, match="'omni' is unknown; known: radial-tangential, equidistant"):
        dataclasses.replace(RADIAL, model="omni")


@given(rig=rigs(), seed=st.integers(0, 1000))
def test_rectified_points_share_their_row_and_disparity_is_inverse_depth(
    rig: StereoRig, seed: int
) -> None:
    rect = rectify(rig)
    rng = np.random.default_rng(seed)
    z = rng.uniform(0.5, 20.0, 50)
    p_left = np.column_stack([rng.uniform(-0.7, 0.7, (50, 2)) * z[:, None], z])
    T_body_left, T_body_right = rig.left.T_body_cam, rig.right.T_body_cam
    p_body = p_left @ T_body_left[:3, :3].T + T_body_left[:3, 3]
    p_right = (p_body - T_body_right[:3, 3]) @ T_body_right[:3, :3]
    q_left, q_right = p_left @ rect.R_rect_left.T, p_right @ rect.R_rect_right.T
    uv_left = rect.focal * q_left[:, :2] / q_left[:, 2:] + [rect.cx, rect.cy]
    uv_right = rect.focal * q_right[:, :2] / q_right[:, 2:] + [rect.cx, rect.cy]
    scale = np.abs(uv_left).max()
    assert np.abs(uv_left[:, 1] - uv_right[:, 1]).max() < 1e-12 * scale
    disparity = uv_left[:, 0] - uv_right[:, 0]
    assert np.abs(disparity - rect.focal * rect.baseline_m / q_left[:, 2]).max() < 1e-11 * scale
    assert rect.baseline_m == pytest.approx(
        np.linalg.norm(T_body_left[:3, 3] - T_body_right[:3, 3])
    )


@given(rig=rigs())
def test_rows_are_epipolar_lines_by_the_essential_matrix(rig: StereoRig) -> None:
    # Independent of depth: x_right' E x_left = 0 with E = [t] R; in rectified coordinates E must be
    # that of a shift along x, for which the lines are the rows (Hartley and Zisserman, 9.6).
    T = invert_transform(rig.right.T_body_cam) @ rig.left.T_body_cam
    E = hat(T[:3, 3].copy()) @ T[:3, :3]
    rect = rectify(rig)
    E_rect = rect.R_rect_right @ E @ rect.R_rect_left.T / rect.baseline_m
    shift = np.array([[0.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    assert np.abs(E_rect - shift).max() < 1e-12
    for R in (rect.R_rect_left, rect.R_rect_right):
        assert np.abs(R @ R.T - np.eye(3)).max() < 1e-14
        assert np.linalg.det(R) > 0.99


@given(rig=rigs())
def test_both_cameras_turn_by_the_same_angle_about_the_baseline(rig: StereoRig) -> None:
    rect = rectify(rig)
    # Seen along the baseline, the rectified axis halves the angle between the viewing directions.
    z_left, z_right = rect.R_rect_left[:, 2], rect.R_rect_right[:, 2]
    assert np.arctan2(z_left[1], z_left[2]) == pytest.approx(
        -np.arctan2(z_right[1], z_right[2]), abs=0.02
    )
    assert z_left[1] == pytest.approx(-z_right[1], abs=1e-12)


def test_the_test_of_rows_fails_when_the_right_camera_is_turned() -> None:
    right = transform_from(np.eye(3), [0.11, 0.0, 0.0])
    rig = StereoRig(RADIAL, dataclasses.replace(RADIAL, T_body_cam=right))
    rect = rectify(rig)
    wrong = Rotation.from_rotvec([0.001, 0, 0]).as_matrix() @ rect.R_rect_right
    E_rect = wrong @ hat(rig.T_right_left[:3, 3].copy()) @ rect.R_rect_left.T / rect.baseline_m
    assert np.abs(E_rect - [[0, 0, 0], [0, 0, 1], [0, -1, 0]]).max() > 1e-4


def test_swapped_cameras_are_refused_with_the_offset() -> None:
    right = dataclasses.replace(RADIAL, T_body_cam=transform_from(np.eye(3), [0.11, 0, 0]))
    with pytest.raises(VioError, match=r"-0\.11.*swap the cameras or check T_BS"):
        rectify(StereoRig(right, RADIAL))


def test_the_baseline_is_the_distance_of_the_centres() -> None:
    right = dataclasses.replace(RADIAL, T_body_cam=transform_from(np.eye(3), [0.3, 0.0, 0.4]))
    assert StereoRig(RADIAL, right).baseline_m == pytest.approx(0.5)


def every_pixel(camera: Camera) -> np.ndarray:
    """Return pixels (N, 2) over the whole image, corners included."""
    return np.stack(
        np.meshgrid(
            np.arange(0.0, camera.width, 3.0), np.arange(0.0, camera.height, 3.0), indexing="xy"
        ),
        axis=-1,
    ).reshape(-1, 2)


FOLDING = dataclasses.replace(RADIAL, fx=600.0, fy=600.0, distortion=(-0.4, 0.05, 0.0, 0.0))


@pytest.mark.parametrize(
    ("camera", "masked"), [(RADIAL, 0.0), (EQUIDISTANT, 0.12), (FOLDING, 0.045)]
)
def test_pixels_that_the_lens_model_does_not_reach_have_no_ray(
    camera: Camera, masked: float
) -> None:
    uv = every_pixel(camera)
    rays = camera.unproject(uv)
    none = np.isnan(rays).any(axis=1)
    assert np.isnan(rays[none]).all()
    assert none.mean() == pytest.approx(masked, abs=0.1 * masked)
    np.testing.assert_allclose(camera.project(rays[~none]), uv[~none], atol=1e-6)
    assert np.linalg.norm(rays[~none], axis=1).max() <= MAX_RAY
    # The image is not folded there: a step outwards on the ray is one outwards in the image.
    centre = np.array([camera.cx, camera.cy])
    out = np.linalg.norm(camera.project(rays[~none] * 1.001) - centre, axis=1)
    assert (out > np.linalg.norm(uv[~none] - centre, axis=1) - 1e-6).all()


def test_the_radius_that_a_lens_model_inverts_ends_where_the_image_folds() -> None:
    for model, distortion in (
        ("radial-tangential", (-0.4, 0.05, 0.0, 0.0)),
        ("equidistant", (-0.2, 0.0, 0.0, 0.0)),
    ):
        camera = dataclasses.replace(RADIAL, model=model, distortion=distortion)
        reach = invertible_radius(model, distortion)
        assert reach < MAX_RAY
        r = np.array([[0.999 * reach, 0.0], [reach, 0.0], [1.001 * reach, 0.0]])
        u = camera.project(r)[:, 0]
        assert u[0] < u[1] > u[2]
    assert invertible_radius("equidistant", (0.0, 0.0, 0.0, 0.0)) == MAX_RAY
    assert invertible_radius("radial-tangential", RADIAL.distortion) == MAX_RAY
