# SPDX-License-Identifier: Apache-2.0
"""The renderer's geometry against an independent ray caster written with numpy alone."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from vio.camera import Camera, StereoRig
from vio.render import truth
from vio.render.calibration import euroc_rig
from vio.render.places import build_place
from vio.render.renderer import Renderer
from vio.render.scenario import load_scenario, scenario_trajectory
from vio.render.sensor import SensorModel, sample_pattern
from vio.render.spline import Motion, SplineTrajectory


def small_rig() -> StereoRig:
    """Return EuRoC's rig at a quarter of the resolution."""

    def quarter(c: Camera) -> Camera:
        return Camera(188, 120, c.fx / 4, c.fy / 4, c.cx / 4, c.cy / 4, c.distortion, c.T_body_cam)

    rig = euroc_rig()
    return StereoRig(quarter(rig.left), quarter(rig.right))


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    """A room with four moving objects, nine frames of the hand-held scenario."""
    rig = small_rig()
    trajectory = scenario_trajectory(load_scenario("handheld"), rig, 3, 2.0)
    times = trajectory.start_ns + 500_000_000 + np.arange(9, dtype=np.int64) * 100_000_000
    path = trajectory.at(np.arange(0, trajectory.end_ns, 50_000_000)).p_world_body
    world = build_place("room", path, 3, movers=4)
    return Renderer(world, rig, trajectory, times, 3, SensorModel())


def cast(
    renderer: Renderer, index: int, which: int, uv: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return depth (N,) and rectangle (N,) of pixels: plain ray-plane intersections in numpy."""
    motion = renderer.trajectory.at(renderer.t_ns[index : index + 1])
    T_world_body = np.eye(4)
    T_world_body[:3, :3], T_world_body[:3, 3] = motion.R_world_body[0], motion.p_world_body[0]
    camera = renderer.cameras[which]
    T = T_world_body @ camera.T_body_cam
    rays = np.column_stack([camera.unproject(uv), np.ones(len(uv))]) @ T[:3, :3].T
    world = renderer.world
    R, p = world.owner_poses(renderer.seconds(renderer.t_ns[index : index + 1]))
    depth, which_quad = np.full(len(uv), np.inf), np.full(len(uv), -1)
    for k, row in enumerate(world.quad):
        o = world.owner[k]
        corner, u, v = R[0, o] @ row[:3] + p[0, o], R[0, o] @ row[3:6], R[0, o] @ row[6:]
        normal = np.cross(u, v)
        slope = rays @ normal
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (corner - T[:3, 3]) @ normal / slope
        at = T[:3, 3] + z[:, None] * rays - corner
        a, b = at @ u / (u @ u), at @ v / (v @ v)
        hit = (slope < 0) & (z > 0) & (a >= 0) & (a <= 1) & (b >= 0) & (b <= 1) & (z < depth)
        depth[hit], which_quad[hit] = z[hit], k
    return depth, which_quad


def pixels(count: int, seed: int) -> np.ndarray:
    """Return random pixels of the small image."""
    return np.random.default_rng(seed).uniform((0.0, 0.0), (187.0, 119.0), (count, 2))


@pytest.mark.slow
def test_cast_pixels_find_the_rectangle_and_depth_of_the_plain_ray_caster(
    renderer: Renderer,
) -> None:
    uv = pixels(400, 1)
    for which in (0, 1):
        depth, quad = cast(renderer, 4, which, uv)
        hits = truth.cast_pixels(renderer, 4, uv, which)
        np.testing.assert_array_equal(hits.quad, quad)
        np.testing.assert_allclose(hits.depth_m, depth, rtol=1e-9)
    assert len(np.unique(quad)) > 10


@pytest.mark.slow
def test_depth_images_through_culled_tiles_equal_the_plain_ray_caster(renderer: Renderer) -> None:
    v, u = np.mgrid[0:120:3, 0:188:3]
    uv = np.column_stack([u.ravel(), v.ravel()]).astype(float)
    depth, _ = cast(renderer, 2, 0, uv)
    image = truth.depth_image(renderer, 2)[::3, ::3].ravel()
    # The table of rays is float32, so a pixel on an edge may see the other side of it.
    agree = np.abs(image / depth - 1.0) < 1e-5
    assert agree.mean() > 0.999
    assert np.isfinite(image).all()


def test_culling_does_not_change_what_a_moving_camera_sees(renderer: Renderer) -> None:
    """Beside images for which every rectangle is tested at every sample of every pixel."""
    plain = copy.copy(renderer)
    plain.tables = []
    for table in renderer.tables:
        everywhere = {
            name: np.tile([0.0, 0.0, 1e3, 1e3], (*getattr(table, name).shape[:2], 1))
            for name in ("block_box", "tile_box", "part_box")
        }
        plain.tables.append(replace(table, **everywhere))
    for index, which in ((0, 0), (4, 1), (8, 0)):
        culled, wanted = (r.image(index, which).astype(int) for r in (renderer, plain))
        differs = culled != wanted
        # A tile that sees one rectangle sums its light in another order: rounding, one grey level.
        assert np.abs(culled - wanted)[differs].max(initial=0) <= 1
        assert differs.mean() < 1e-3
    assert (renderer.image(0, 0) != renderer.image(8, 0)).mean() > 0.5


def test_every_sample_of_the_images_sees_a_rectangle(renderer: Renderer) -> None:
    assert truth.depth_image(renderer, 0).max() < 50.0
    assert renderer.image(0, 0).std() > 5.0


def test_flow_there_and_back_ends_where_it_began(renderer: Renderer) -> None:
    uv = pixels(400, 2)
    there = truth.flow(renderer, 1, 5, uv)
    assert 0.3 < there.visible.mean() < 1.0
    back = truth.flow(renderer, 5, 1, there.uv[there.visible])
    assert back.visible.mean() > 0.99
    np.testing.assert_allclose(back.uv[back.visible], uv[there.visible][back.visible], atol=1e-6)


def test_flow_calls_a_pixel_visible_exactly_when_the_other_view_sees_the_same_point(
    renderer: Renderer,
) -> None:
    uv = pixels(500, 4)
    moved = truth.flow(renderer, 0, 8, uv)
    known = ~np.isnan(moved.uv[:, 0])
    _, quad = cast(renderer, 8, 0, moved.uv[known])
    hits = truth.cast_pixels(renderer, 0, uv)
    same = quad == hits.quad[known]
    assert np.mean(same == moved.visible[known]) > 0.99
    assert np.count_nonzero(~moved.visible[known]) > 0


def test_flow_follows_a_moving_object(renderer: Renderer) -> None:
    owner = renderer.world.owner
    v, u = np.mgrid[0:120:2, 0:188:2]
    uv = np.column_stack([u.ravel(), v.ravel()]).astype(float)
    for index in range(9):
        hits = truth.cast_pixels(renderer, index, uv)
        on = owner[hits.quad] > 0
        if on.sum() > 20:
            break
    else:
        pytest.skip("the moving object is in no frame of this seed")
    other = index - 1 if index else 1
    before = truth.points_world(renderer, hits, index)[on]
    after = truth.points_world(renderer, hits, other)[on]
    assert np.linalg.norm(after - before, axis=1).min() > 1e-3
    still = truth.points_world(renderer, hits, index)[~on]
    np.testing.assert_array_equal(still, truth.points_world(renderer, hits, other)[~on])


def test_stereo_matches_lie_on_rectified_rows_at_the_disparity_of_their_depth(
    renderer: Renderer,
) -> None:
    uv = pixels(300, 5)
    match = truth.stereo(renderer, 3, uv)
    rect = renderer.rig.rectification
    left = np.column_stack([renderer.rig.left.unproject(uv), np.ones(len(uv))])
    depth = truth.cast_pixels(renderer, 3, uv).depth_m
    point = (left * depth[:, None]) @ rect.R_rect_left.T
    right = renderer.rig.right.unproject(match.uv[match.visible])
    right = np.column_stack([right, np.ones(len(right))]) @ rect.R_rect_right.T
    right = right[:, :2] / right[:, 2:]
    left_rect = (point[:, :2] / point[:, 2:])[match.visible]
    np.testing.assert_allclose(left_rect[:, 1], right[:, 1], atol=1e-9)
    disparity = (left_rect[:, 0] - right[:, 0]) * rect.focal
    wanted = rect.focal * rect.baseline_m / point[match.visible, 2]
    np.testing.assert_allclose(disparity, wanted, atol=1e-7)
    assert match.visible.mean() > 0.5


def test_images_move_as_the_flow_says(renderer: Renderer) -> None:
    """Correlate patches of two images: the true flow beats a flow that is one pixel wrong."""
    a, b = renderer.image(0, 0).astype(float), renderer.image(1, 0).astype(float)
    v, u = np.mgrid[10:110:4, 10:178:4]
    uv = np.column_stack([u.ravel(), v.ravel()]).astype(float)
    moved = truth.flow(renderer, 0, 1, uv)
    inside = moved.visible & (moved.uv > 6).all(axis=1)
    inside &= (moved.uv[:, 0] < 180) & (moved.uv[:, 1] < 112)

    def difference(offset: tuple[float, float]) -> float:
        x, y = (moved.uv[inside] + offset).T
        ix, iy = x.astype(int), y.astype(int)
        fx, fy = x - ix, y - iy
        top = b[iy, ix] * (1 - fx) + b[iy, ix + 1] * fx
        low = b[iy + 1, ix] * (1 - fx) + b[iy + 1, ix + 1] * fx
        here = a[uv[inside, 1].astype(int), uv[inside, 0].astype(int)]
        return float(np.median(np.abs(top * (1 - fy) + low * fy - here)))

    right = difference((0.0, 0.0))
    for wrong in ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)):
        assert right < difference(wrong)


@pytest.mark.parametrize("samples", [2, 4, 5, 8, 16, 32])
def test_sample_patterns_are_centred_and_spread_as_said(samples: int) -> None:
    pattern = sample_pattern(samples, 0.5)
    points, level = pattern[:, :2], pattern[:, 2]
    time = np.arange(samples) - (samples - 1) / 2
    np.testing.assert_allclose(points.mean(axis=0), 0.0, atol=1e-6)
    if samples > 5:  # fewer cannot be unrelated to time and spread in two directions
        np.testing.assert_allclose(time @ points, 0.0, atol=1e-4)
        np.testing.assert_allclose(points.T @ points / samples, 0.25 * np.eye(2), atol=1e-6)
    assert abs(np.sqrt(np.mean(points**2)) - 0.5) < 1e-6
    assert abs(level.mean() - 0.5) < 1e-6
    assert abs(level @ time) < 1e-4


@pytest.mark.parametrize("samples", [5, 8, 16, 32])
def test_a_moving_points_image_has_no_phase_at_any_texture_level(samples: int) -> None:
    """Its transform over the samples is real: nothing of it, coarse or fine, is early or late."""
    pattern = sample_pattern(samples, 0.5).astype(float)
    time = (np.arange(samples) + 0.5) / samples - 0.5
    rng = np.random.default_rng(1)
    for _ in range(200):
        wave, velocity = rng.normal(0.0, 1.5, 2), rng.normal(0.0, 5.0, 2)  # rad/px, px an exposure
        phase = (pattern[:, :2] + time[:, None] * velocity) @ wave
        fine = pattern[:, 2] < rng.uniform(0.2, 1.0)
        assert abs(np.sin(phase[fine]).sum()) < 1e-5


def test_an_exposures_image_shows_the_middle_of_the_exposure(renderer: Renderer) -> None:
    """The same path flown backwards gives the same image: else it would be early or late.

    What differs is compared with the change of the image a second; fine structure is taken alone,
    since trackers hold on to it, and without depth edges.
    """
    shutter_s, step_ns = 0.024, 2_000_000

    def fine(forwards: bool, t_ns: int) -> np.ndarray:
        flown = copy.copy(renderer)
        if not forwards:
            flown.trajectory = Mirrored(renderer.trajectory, t_ns)
        slots = np.rint(((np.arange(8) + 0.5) / 8 - 0.5) * shutter_s * 1e9).astype(np.int64)
        table = flown.tables[0]
        out = np.empty(table.rays.shape[:2], np.float32)
        flown._radiance(t_ns + slots, 0, table, -0.5, out)
        out = out.astype(float)
        around = out[:-2, 1:-1] + out[2:, 1:-1] + out[1:-1, :-2] + out[1:-1, 2:]
        return 4.0 * out[1:-1, 1:-1] - around

    early_s = []
    for t in renderer.t_ns[0] + np.arange(20) * 50_000_000:
        rate = (fine(True, t + step_ns) - fine(True, t - step_ns)) / (2e-9 * step_ns)
        differs = fine(True, t) - fine(False, t)
        inner = np.abs(rate) < np.percentile(np.abs(rate), 95)
        early_s.append(-0.5 * (differs[inner] @ rate[inner]) / (rate[inner] @ rate[inner]))
    assert abs(np.median(early_s)) < 1e-4


class Mirrored(SplineTrajectory):
    """A motion with time reversed about mirror_ns."""

    def __init__(self, forwards: SplineTrajectory, mirror_ns: int) -> None:
        super().__init__(*forwards.splines, forwards.start_ns, forwards.end_ns)
        self._mirror_ns = mirror_ns

    def at(self, t_ns: np.ndarray) -> Motion:
        """Return the motion as far before the mirror as the time asked for is after it."""
        return super().at(2 * self._mirror_ns - np.asarray(t_ns))
