# SPDX-License-Identifier: Apache-2.0
"""Lucas-Kanade in integers: known motions, the float kernel, and exact solutions of its sums."""

from dataclasses import replace

import numpy as np
import pytest

from tests.plane_scene import make_texture
from tests.test_klt import FIRST, POINTS, SIZE, view
from tests.test_klt import follow as follow_float
from vio.config import FrontEndConfig, HwConfig
from vio.fixed import klt
from vio.fixed import patch as patches
from vio.fixed.buffers import FrameBuffers
from vio.fixed.corners import corner_scores, tile_candidates
from vio.fixed.formats import formats
from vio.fixed.qformat import signal_table
from vio.frontend.klt import BORDER, DIVERGED, FLAT, RESIDUAL, TRACKED
from vio.frontend.klt import track_windows as float_kernel
from vio.frontend.predict import predict_pixels, window_maps
from vio.frontend.pyramid import build_pyramid
from vio.render import truth
from vio.render.sequence import open_scenario
from vio.workers import threads

HW = HwConfig()
SIGNALS = signal_table(formats(HW), trace=False)
CONFIG = FrontEndConfig()
REGISTERS = klt.klt_registers(FrontEndConfig(min_correlation=0.85), HW)
ONE = 2.0**HW.coord_frac


def words(values: np.ndarray, frac_bits: int) -> np.ndarray:
    return np.rint(values * 2.0**frac_bits).astype(np.int64)


def follow(
    second: np.ndarray,
    points: np.ndarray = POINTS,
    start: np.ndarray | None = None,
    warp: np.ndarray | None = None,
    first: np.ndarray = FIRST,
    registers: klt.KltRegisters = REGISTERS,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return uv (N, 2) in pixels, status and iterations; points and starts are quantised."""
    uv = np.rint(points * ONE).astype(np.int64)
    maps = np.rint((np.eye(2) if warp is None else warp) * 2.0**HW.warp_frac).astype(np.int64)
    found, status, iterations = klt.track_windows(
        build_pyramid(first, 3),
        build_pyramid(second, 3),
        uv,
        uv.copy() if start is None else np.rint(start * ONE).astype(np.int64),
        np.tile(maps, (len(points), 1, 1)),
        registers,
        SIGNALS,
    )
    assert found.dtype == np.int64
    # The part of a point that its word cannot hold is no error of the tracker.
    return found / ONE + (points - uv / ONE), status, iterations


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.5, 0.5), (-3.3, 2.6), (5.25, -4.75)])
def test_a_shift_is_found_to_a_few_hundredths_of_a_pixel(shift: tuple[float, float]) -> None:
    image = view(np.eye(2), np.array(shift))
    uv, status, _ = follow(image)
    good = status == TRACKED
    assert good.mean() > 0.95
    error = (uv - POINTS - shift)[good]
    assert np.abs(error.mean(axis=0)).max() < 0.012
    assert np.linalg.norm(error, axis=1).max() < 0.15
    assert np.median(np.linalg.norm(error, axis=1)) < 0.035
    # Twin: a shift that is a tenth of a pixel off is not this one.
    assert np.abs(error.mean(axis=0) - 0.1).max() > 0.08


@pytest.mark.parametrize(
    ("linear", "shift"),
    [
        (np.eye(2), (2.37, -1.61)),
        (np.array([[1.01, -0.01], [0.012, 0.995]]), (3.4, 1.8)),
        (np.array([[0.98, 0.02], [-0.03, 1.02]]), (-2.0, 4.0)),
    ],
)
def test_end_points_agree_with_the_float_kernel(
    linear: np.ndarray, shift: tuple[float, float]
) -> None:
    image = view(linear, np.array(shift))
    uv, status, _ = follow(image)
    exact, status_float, _, _ = follow_float(image)
    both = (status == TRACKED) & (status_float == TRACKED)
    assert both.sum() >= 0.97 * max((status == TRACKED).sum(), (status_float == TRACKED).sum())
    difference = np.linalg.norm(uv - exact, axis=1)[both]
    # Steps end at 1/128 px here, at 1/100 there; words are 1/256 px.
    assert np.median(difference) < 0.015
    assert difference.max() < 0.2
    truth = POINTS @ linear.T + shift
    ours = np.median(np.linalg.norm(uv - truth, axis=1)[both])
    theirs = np.median(np.linalg.norm(exact - truth, axis=1)[both])
    assert ours <= 1.25 * theirs + 1 / 256


def test_gain_and_offset_do_not_move_the_answer() -> None:
    shift = np.array([2.3, -1.6])
    for gain, offset in ((0.7, 10.0), (1.3, -20.0), (1.0, 40.0)):
        uv, status, _ = follow(view(np.eye(2), shift, gain, offset))
        good = status == TRACKED
        assert good.mean() > 0.9
        assert np.median(np.linalg.norm(uv - POINTS - shift, axis=1)[good]) < 0.04


def test_a_rotated_and_scaled_view_is_found_when_the_warp_says_so() -> None:
    angle, size = 0.5, 1.2
    turn = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = np.array([160.0, 120.0]) - turn @ np.array([160.0, 120.0])
    truth = POINTS @ turn.T + shift
    inside = ((truth > 30) & (truth < np.array([290, 210]))).all(axis=1)
    start = truth + np.array([2.0, -1.5])
    image = view(turn, shift)
    # At 29 degrees the coarser levels need the map as well; between keyframes turns are smaller.
    all_levels = REGISTERS._replace(warp_levels=3)
    given = (image, POINTS[inside], start[inside])
    uv, status, _ = follow(*given, np.linalg.inv(turn), registers=all_levels)
    assert np.all(status == TRACKED)
    assert np.median(np.linalg.norm(uv - truth[inside], axis=1)) < 0.04
    _, unwarped, _ = follow(*given, registers=all_levels)
    assert np.mean(unwarped == TRACKED) < 0.2


def test_a_small_turn_is_found_with_straight_coarse_levels() -> None:
    turn = np.array([[np.cos(0.15), -np.sin(0.15)], [np.sin(0.15), np.cos(0.15)]])
    shift = np.array([160.0, 120.0]) - turn @ np.array([160.0, 120.0])
    truth = POINTS @ turn.T + shift
    inside = ((truth > 30) & (truth < np.array([290, 210]))).all(axis=1)
    given = (view(turn, shift), POINTS[inside], truth[inside] + np.array([2.0, -1.5]))
    uv, status, _ = follow(*given, np.linalg.inv(turn))
    assert np.mean(status == TRACKED) > 0.95
    error = np.linalg.norm(uv - truth[inside], axis=1)[status == TRACKED]
    assert np.median(error) < 0.035
    wrong, _, _ = follow(*given, turn)  # the map from keyframe to image instead
    assert np.median(np.linalg.norm(wrong - truth[inside], axis=1)) > np.median(error) + 0.02


def test_windows_that_leave_the_image_are_lost() -> None:
    points = np.array([[10.0, 100.0], [100.0, 10.0], [310.0, 100.0], [100.0, 230.0]])
    shifts = np.array([[-8.0, 0.0], [0.0, -8.0], [8.0, 0.0], [0.0, 8.0]])
    seen = [
        follow(view(np.eye(2), shift), point[None])[1][0]
        for point, shift in zip(points, shifts, strict=True)
    ]
    # A coarse level may have moved the window back to where something else is.
    assert set(seen) <= {BORDER, RESIDUAL}
    assert seen.count(BORDER) >= 2
    start = np.array([[-1024.0, -1024.0], [1023.0, 5.0], [-50.0, 100.0]])
    assert np.all(follow(FIRST, POINTS[:3], start)[1] == BORDER)


def test_a_flat_window_and_an_edge_are_lost_as_flat() -> None:
    flat = np.full(SIZE, 100, np.uint8)
    assert np.all(follow(flat, first=flat)[1] == FLAT)
    edge = np.full(SIZE, 60, np.uint8)
    edge[:, 160:] = 180
    assert follow(edge, np.array([[160.0, 120.0]]), first=edge)[1][0] == FLAT
    noisy = np.clip(make_texture(3)[: SIZE[0], : SIZE[1]] / 64 + 100, 0, 255).astype(np.uint8)
    assert np.all(follow(noisy, first=noisy)[1] == FLAT)
    easy = REGISTERS._replace(flat_min=0)
    assert np.mean(follow(noisy, first=noisy, registers=easy)[1] == FLAT) < 0.5


def test_other_content_is_lost_by_its_correlation() -> None:
    other = np.clip(make_texture(77)[: SIZE[0], : SIZE[1]], 0, 255).astype(np.uint8)
    status = follow(other)[1]
    assert np.all(np.isin(status, (RESIDUAL, DIVERGED, BORDER)))
    assert np.mean(status == RESIDUAL) > 0.5
    trusting = REGISTERS._replace(correlation_min=0)
    assert np.any(follow(other, registers=trusting)[1] == TRACKED)


def test_a_window_that_runs_away_has_diverged() -> None:
    second = view(np.eye(2), np.array([2.4, 1.8]))
    one_level = REGISTERS._replace(levels=1)
    assert np.mean(follow(second, registers=one_level)[1] == TRACKED) > 0.7
    short = one_level._replace(max_shift=256)
    assert np.mean(follow(second, registers=short)[1] == DIVERGED) > 0.95


def test_iterations_stay_within_their_bound_and_a_still_image_needs_hardly_any() -> None:
    second = view(np.eye(2), np.array([4.0, 3.0]))
    few = REGISTERS._replace(max_iterations=3)
    assert follow(second, registers=few)[2].max() == 3
    still = follow(FIRST)[2]
    assert np.all(still[:, 1:] == 1)
    # A coarse level's word is 4/256 px of the finest: now and then that costs one iteration.
    assert still[:, 0].max() <= 2
    assert still[:, 0].mean() < 1.1


def window_at(image: np.ndarray, u: int, v: int, reach: int) -> np.ndarray:
    side = 2 * reach + 1
    out = np.zeros((side, klt.LANES + 2), np.int32)
    assert patches.sample_window(image, u, v, reach, HW.coord_frac, HW.pixel_frac, out)
    return out


def make_template(patch: np.ndarray, basis: np.ndarray, t: np.ndarray) -> bool:
    """Form the basis and the scalars of a patch."""
    k = REGISTERS
    patches.form_basis(patch, k.weights, k.weight_bits, k.pixel_frac, basis, SIGNALS)
    return bool(klt.form_normal(patch, basis, k, SIGNALS, t) and klt.invert_normal(t, SIGNALS))


def sum_window(view: np.ndarray, basis: np.ndarray, sums: np.ndarray) -> None:
    """Write the sums of a window with the basis."""
    k = REGISTERS
    patches.window_sums(view, basis, k.weights, k.weight_bits, k.pixel_frac, SIGNALS, sums)


def test_windows_are_bilinear_to_half_a_word() -> None:
    rng = np.random.default_rng(0)
    u, v = 100 * 256 + 77, 90 * 256 + 201
    image = rng.integers(0, 256, SIZE, dtype=np.uint8)
    a, b = 77 / 256, 201 / 256
    block = image[81:100, 91:110].astype(float)
    top = (1 - a) * block[:, :-1] + a * block[:, 1:]
    exact = (1 - b) * top[:-1] + b * top[1:]
    got = window_at(image, u, v, 8)[:, :17] / 2.0**HW.pixel_frac
    assert np.abs(got - exact[1:18, 1:18]).max() <= 0.5 / 2**HW.pixel_frac
    straight = np.zeros((17, klt.LANES + 2), np.int32)
    one = 1 << HW.warp_frac
    warp = np.array([[one, 0], [0, one]])
    args = (HW.coord_frac, HW.pixel_frac, HW.warp_frac)
    assert patches.sample_warped(image, u, v, warp, 8, *args, straight)
    assert np.array_equal(straight, window_at(image, u, v, 8))


def solved_step(
    shift: np.ndarray, point: np.ndarray, scale: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return one step in pixels: by the integer solver, and by least squares of the patches."""
    k = REGISTERS
    u, v = (np.rint(point * ONE)).astype(np.int64)
    patch = window_at(FIRST, u, v, k.window // 2 + 1)
    seen = window_at(view(np.eye(2), shift, 1.1, -8.0), u, v, k.window // 2)
    basis = np.zeros((3, k.window, klt.LANES), np.int32)
    t, sums = np.zeros(17, np.int64), np.zeros(5, np.int64)
    assert make_template(patch, basis, t)
    sum_window(seen, basis, sums)
    t[klt.DET_RECIPROCAL] *= scale
    dx, dy = klt.mismatch(t, sums, SIGNALS)
    step = np.array(klt.solve_step(t, dx, dy, k.coord_frac, SIGNALS)) / ONE
    # Float: current = template + gradient . step + gain * template + offset, weighted.
    grey = patch[:, : k.window + 2].astype(np.float64)
    columns = [
        0.5 * (grey[1:-1, 2:] - grey[1:-1, :-2]),
        0.5 * (grey[2:, 1:-1] - grey[:-2, 1:-1]),
        grey[1:-1, 1:-1],
        np.ones((k.window, k.window)),
    ]
    A = np.stack([c.ravel() for c in columns], axis=1)
    w = np.sqrt(k.weights[:, : k.window].ravel().astype(np.float64))
    d = (seen[:, : k.window] - grey[1:-1, 1:-1]).ravel()
    exact = np.linalg.lstsq(A * w[:, None], d * w, rcond=None)[0][:2]
    return step, exact


@pytest.mark.parametrize("shift", [(0.3, -0.2), (-0.8, 0.6), (1.4, 1.1)])
def test_a_step_is_the_weighted_least_squares_solution(shift: tuple[float, float]) -> None:
    both = [solved_step(np.array(shift), p) for p in POINTS[:30]]
    step, exact = np.array([s for s, _ in both]), np.array([e for _, e in both])
    # Weighted products are rounded to a quarter grey level, steps to 1/256 px.
    error = np.linalg.norm(step - exact, axis=1)
    assert error.max() < 0.02 * np.linalg.norm(exact, axis=1).max() + 0.012
    assert np.median(error) < 0.008
    doubled = np.array([solved_step(np.array(shift), p, scale=2)[0] for p in POINTS[:30]])
    assert np.median(np.linalg.norm(doubled - exact, axis=1)) > 0.1


def test_the_solver_is_exact_on_its_own_normal_equations() -> None:
    rng = np.random.default_rng(4)
    for _ in range(200):
        a, c = rng.integers(30000, 131072, 2)
        b = int(rng.uniform(-0.95, 0.95) * np.sqrt(float(a) * float(c)))
        x = rng.uniform(-12.0, 12.0, 2)
        dx, dy = np.rint(0.5 * np.array([[a, b], [b, c]]) @ x * 16).astype(np.int64)
        if max(abs(dx), abs(dy)) >= 2**24:
            continue
        det = int(a * c - b * b)
        n = det.bit_length()
        t = np.zeros(17, np.int64)
        t[klt.NORMAL_XX], t[klt.NORMAL_XY], t[klt.NORMAL_YY] = a, b, c
        t[klt.DET_RECIPROCAL] = (1 << 35) // (det >> (n - 18))
        t[klt.DET_SHIFT] = n - 18
        got = np.array(klt.solve_step(t, dx, dy, HW.coord_frac, SIGNALS)) / ONE
        exact = np.linalg.solve(np.array([[a, b], [b, c]], float), 2 * np.array([dx, dy]) / 16)
        assert np.abs(got - exact).max() < 0.006 + 2e-4 * np.abs(exact).max()


def test_correlation_is_accepted_like_its_exact_value() -> None:
    k = REGISTERS
    rng = np.random.default_rng(2)
    u, v = 150 * 256, 120 * 256
    patch = window_at(FIRST, u, v, k.window // 2 + 1)
    template = patch[1:-1, 1 : k.window + 1].astype(np.float64)
    w = k.weights[:, : k.window].astype(np.float64)
    basis, t = np.zeros((3, k.window, klt.LANES), np.int32), np.zeros(17, np.int64)
    assert make_template(patch, basis, t)
    accepted = set()
    for noise in np.linspace(5.0, 400.0, 60):
        view_ = np.zeros((k.window, klt.LANES), np.int32)
        mixed = template + rng.normal(0.0, noise, template.shape)
        view_[:, : k.window] = np.clip(np.rint(mixed), 0, 1023)
        g, x = template, view_[:, : k.window].astype(np.float64)
        g, x = g - (w * g).sum() / w.sum(), x - (w * x).sum() / w.sum()
        exact = (w * g * x).sum() / np.sqrt((w * g * g).sum() * (w * x * x).sum())
        sums = np.zeros(5, np.int64)
        sum_window(view_, basis, sums)
        accept = klt.correlates(t, sums, k, k.correlation_min, SIGNALS)
        if abs(exact - 0.85) > 0.01:
            assert accept == (exact > 0.85)
            accepted.add(bool(accept))
    assert accepted == {True, False}


def test_results_are_the_same_on_one_and_two_threads() -> None:
    second = view(np.array([[1.02, -0.03], [0.03, 0.99]]), np.array([2.4, 0.8]))
    results = []
    for count in (1, 2):
        with threads(count):
            results.append([part.tobytes() for part in follow(second)])
    assert results[0] == results[1]


@pytest.mark.slow
def test_errors_on_rendered_flow_are_at_most_a_quarter_above_the_float_kernels() -> None:
    renderer = open_scenario("handheld", seconds=0.3).renderer
    camera, levels = renderer.rig.left, CONFIG.levels
    R_world_cam, _ = renderer.camera_poses(renderer.t_ns, 0)
    images = [renderer.image(k, 0) for k in range(5)]
    scores = corner_scores(images[0], SIGNALS)
    corners = tile_candidates(scores, HW.tile_px, 12, 30).reshape(-1, 3)
    points = corners[corners[:, 2] > 0][:, :2].astype(np.float64)
    assert len(points) > 300
    ours, coded, theirs = [], [], []
    for k in range(1, 5):
        R = R_world_cam[k].T @ R_world_cam[0]
        warp = window_maps(camera, points, R)
        start = predict_pixels(camera, camera.unproject(points), R)
        flow = truth.flow(renderer, 0, k, points)
        exact, status_float, _, _ = float_kernel(
            build_pyramid(images[0], levels),
            build_pyramid(images[k], levels),
            points, start, warp, 15, 30, 0.01, 0.5, 0.7, 12.0,
        )  # fmt: skip
        for codec, out in (("none", ours), ("dct27", coded)):
            buffers = FrameBuffers(replace(HW, codec_left=codec, codec_upper=codec))
            uv, status, _ = klt.track_windows(
                buffers.store_left(build_pyramid(images[0], levels)),
                buffers.store_left(build_pyramid(images[k], levels)),
                words(points, HW.coord_frac),
                words(start, HW.coord_frac),
                words(warp, HW.warp_frac),
                klt.klt_registers(CONFIG, HW),
                SIGNALS,
            )
            both = (status == TRACKED) & (status_float == TRACKED) & flow.visible
            assert both.mean() > 0.6
            out.append(np.linalg.norm(uv / ONE - flow.uv, axis=1)[both])
            if codec == "none":
                theirs.append(np.linalg.norm(exact - flow.uv, axis=1)[both])
    medians = [float(np.median(np.concatenate(e))) for e in (ours, coded, theirs)]
    assert medians[0] <= 1.05 * medians[2]
    assert medians[0] < medians[1] <= 1.25 * medians[2]
