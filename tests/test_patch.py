# SPDX-License-Identifier: Apache-2.0
"""Windows in strips: what the kernels of vio/frontend/patch.py sum is what numpy sums."""

from dataclasses import dataclass

import numpy as np
import pytest

from vio.frontend import patch as p

SIDES = (3, 15, 16 + 1, 31)  # within one strip, and in two
RNG = np.random.default_rng(5)
IMAGE = RNG.integers(0, 256, (90, 110)).astype(np.uint8)
WARP = np.array([[1.02, 0.05], [-0.04, 0.97]])
U, V = 50.3, 44.8


@dataclass
class Made:
    """Hold what the kernels made of one template: flat arrays."""

    weights: np.ndarray
    basis: np.ndarray
    means: np.ndarray
    normal: np.ndarray
    acc: np.ndarray


def bilinear(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the image between pixels, float64."""
    x, y = np.floor(u).astype(int), np.floor(v).astype(int)
    a, b = u - x, v - y
    image = IMAGE.astype(np.float64)
    upper = image[y, x] * (1 - a) + image[y, x + 1] * a
    return upper * (1 - b) + (image[y + 1, x] * (1 - a) + image[y + 1, x + 1] * a) * b


def warped(side: int) -> np.ndarray:
    """Return the window (side, side) around (U, V), its offsets mapped by WARP."""
    offset = np.arange(side) - side // 2
    du, dv = np.meshgrid(offset, offset)
    return bilinear(U + WARP[0, 0] * du + WARP[0, 1] * dv, V + WARP[1, 0] * du + WARP[1, 1] * dv)


def template(side: int) -> list[np.ndarray]:
    """Return the gradients and the grey value of the template, less their weighted means."""
    wide, weights = warped(side + 2), p.window_weights(side).astype(np.float64)
    images = [
        0.5 * (wide[1:-1, 2:] - wide[1:-1, :-2]),
        0.5 * (wide[2:, 1:-1] - wide[:-2, 1:-1]),
        wide[1:-1, 1:-1],
    ]
    return [image - (weights * image).sum() for image in images]


def make(side: int) -> Made:
    """Run the kernels that make a template."""
    f = np.float32
    weights = p.in_strips(p.window_weights(side))
    offsets, taps = np.zeros(p.PATCH_ROW, np.int32), np.zeros(6 * p.PATCH_ROW, f)
    patch, basis = np.zeros((side + 2) * p.PATCH_ROW, f), np.zeros(p.BASIS * len(weights), f)
    acc, means, normal = np.zeros(6 * p.ROW, f), np.zeros(3, f), np.zeros(6, f)
    p.cut_template(IMAGE, U, V, WARP, weights, side, offsets, taps, patch, acc, basis, means)
    p.form_normal(weights, side, acc, basis, means, normal)
    return Made(weights, basis, means, normal, acc)


@pytest.mark.parametrize("side", SIDES)
def test_strips_hold_every_pixel_once_and_nothing_beside(side: int) -> None:
    window = np.arange(1.0, side * side + 1.0).reshape(side, side)
    flat = p.in_strips(window)
    strips = flat.reshape(-1, side, p.ROW)
    whole = np.concatenate(list(strips), axis=1)
    np.testing.assert_array_equal(whole[:, :side], window)
    assert not whole[:, side:].any()


@pytest.mark.parametrize("side", SIDES)
def test_weights_are_a_gaussian_of_sum_one(side: int) -> None:
    weights = p.window_weights(side)
    assert weights.sum() == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_array_equal(weights, weights[::-1, ::-1])
    ratio = weights[side // 2, 0] / weights[side // 2, side // 2]
    assert ratio == pytest.approx(np.exp(-0.5 * (side // 2 / (0.27 * side)) ** 2), rel=1e-5)


@pytest.mark.parametrize("side", SIDES)
def test_a_template_is_the_warped_window_with_its_gradients_less_their_means(side: int) -> None:
    made, images = make(side), template(side)
    weights = p.window_weights(side)
    basis = made.basis.reshape(-1, p.BASIS, p.ROW)
    for k, image in enumerate([*(i * weights for i in images), images[2]]):
        expected = p.in_strips(image)
        inside = p.in_strips(np.ones((side, side))) > 0.0
        found = basis[:, k].reshape(-1)
        np.testing.assert_allclose(found[inside], expected[inside], atol=2e-4)
    pairs = [(0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2)]
    expected = [(weights * images[i] * images[j]).sum() for i, j in pairs]
    np.testing.assert_allclose(made.normal, expected, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("side", SIDES)
def test_mismatch_and_correlation_are_the_weighted_sums(side: int) -> None:
    made, images = make(side), template(side)
    weights = p.window_weights(side).astype(np.float64)
    view = np.zeros(len(made.weights), np.float32)
    p.sample_window(IMAGE, U + 2.4, V - 1.7, side // 2, view)
    offset = np.arange(side) - side // 2
    seen = bilinear(*np.meshgrid(U + 2.4 + offset, V - 1.7 + offset))
    inside = p.in_strips(np.ones((side, side))) > 0.0
    np.testing.assert_allclose(view[inside], p.in_strips(seen)[inside], atol=1e-3)
    sums = np.zeros(3, np.float32)
    p.mismatch(view, side, made.acc, made.basis, sums)
    expected = [(weights * image * (seen - images[2])).sum() for image in images]
    np.testing.assert_allclose(sums, expected, rtol=1e-3, atol=0.05)
    power = float(made.normal[5])
    found = p.correlation(view, made.weights, side, made.acc, made.basis, power)
    centred = seen - (weights * seen).sum()
    expected = (weights * images[2] * centred).sum()
    expected /= np.sqrt((weights * centred**2).sum() * (weights * images[2] ** 2).sum())
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("u", "v"), [(4.0, 40.0), (106.4, 40.0), (50.0, 3.2), (50.0, 87.9)])
def test_a_window_over_the_border_repeats_it(u: float, v: float) -> None:
    view = np.zeros(15 * p.ROW, np.float32)
    p.sample_window(IMAGE, u, v, 7, view)
    offset = np.arange(15) - 7
    us = np.clip(u + offset, 0.0, IMAGE.shape[1] - 1.001)
    vs = np.clip(v + offset, 0.0, IMAGE.shape[0] - 1.001)
    expected = bilinear(*np.meshgrid(us, vs))
    np.testing.assert_allclose(view.reshape(15, p.ROW)[:, :15], expected, atol=1e-3)


def test_no_place_at_all_reads_the_first_pixels_and_no_other_memory() -> None:
    side, view = 15, np.zeros(15 * p.ROW, np.float32)
    p.sample_window(IMAGE, np.nan, np.nan, side // 2, view)
    assert set(view) == {IMAGE[0, 0]}
    offsets, taps = np.zeros(p.PATCH_ROW, np.int32), np.zeros(6 * p.PATCH_ROW, np.float32)
    patch = np.zeros((side + 2) * p.PATCH_ROW, np.float32)
    p.sample_warped(IMAGE, np.nan, np.nan, WARP, side + 2, offsets, taps, patch)
    assert not offsets.any()
    rows = patch.reshape(side + 2, p.PATCH_ROW)[:, : side + 2]
    assert set(rows.reshape(-1)) == {IMAGE[0, 0]}
