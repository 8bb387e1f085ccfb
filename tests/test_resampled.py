# SPDX-License-Identifier: Apache-2.0
"""Binned, cropped and thinned recordings: their pixels, their calibration, their frames."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import FRAME_STEP_NS, FRAMES, SIZE
from vio.camera import Camera
from vio.config import DatasetConfig, load_config
from vio.datasets import open_configured, open_dataset
from vio.datasets.resampled import resampled_camera, resampled_image, resampled_side
from vio.errors import VioError

LENS = (-0.28, 0.07, 2e-4, 2e-5)  # of EuRoC's left camera, nearly
CAMERA = Camera(752, 480, 458.654, 457.296, 367.215, 248.375, LENS, np.eye(4))
FORMATS = ((1.0, 2), (0.75, 1), (0.8, 2), (1.0, 4))  # crop, binning
POINTS = np.array([[0.3, -0.2, 2.0], [-0.5, 0.3, 2.5], [0.02, 0.01, 1.0], [0.4, 0.35, 2.2]])


def projected(camera: Camera) -> np.ndarray:
    """Return the pixels (N, 2) of POINTS by the model's textbook form (OpenCV's documentation)."""
    K = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
    k1, k2, p1, p2 = camera.distortion
    x, y = (POINTS[:, :2] / POINTS[:, 2:]).T
    r2 = x**2 + y**2
    radial = 1 + k1 * r2 + k2 * r2**2
    xd = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x**2)
    yd = y * radial + p1 * (r2 + 2 * y**2) + 2 * p2 * x * y
    return (K @ np.stack([xd, yd, np.ones_like(x)]))[:2].T


def spot(width: int, height: int, u: float, v: float) -> np.ndarray:
    """Return the image of a round spot of light about (u, v); samples lie at whole coordinates."""
    y, x = np.mgrid[:height, :width]
    return np.round(255 * np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * 5.0**2))).astype(np.uint8)


def centroid(image: np.ndarray) -> np.ndarray:
    """Return the centre of an image's light."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    light = image.astype(np.float64)
    return np.array([(light * x).sum(), (light * y).sum()]) / light.sum()


def misses(resampled: Camera, crop: float, binning: int) -> np.ndarray:
    """Return how far spots lie, in the resampled images, from where a calibration has them."""
    expected = projected(resampled)
    return np.array([
        np.abs(centroid(resampled_image(spot(752, 480, *uv), crop, binning)) - there).max()
        for uv, there in zip(projected(CAMERA), expected, strict=True)
    ])  # fmt: skip


@pytest.mark.parametrize(("crop", "binning"), FORMATS)
def test_a_spot_lies_where_the_new_calibration_projects_its_point(
    crop: float, binning: int
) -> None:
    """But for the rounding to grey levels, twice, which moves a centroid by up to 0.01 px."""
    assert (misses(resampled_camera(CAMERA, crop, binning, 1), crop, binning) < 0.02).all()


@pytest.mark.parametrize("binning", [2, 4])
def test_a_principal_point_scaled_from_pixel_edges_misses(binning: int) -> None:
    camera = resampled_camera(CAMERA, 1.0, binning, 1)
    wrong = replace(camera, cx=CAMERA.cx / binning, cy=CAMERA.cy / binning)
    assert (misses(wrong, 1.0, binning) > 0.1).all()


@pytest.mark.parametrize(("crop", "binning"), FORMATS)
def test_a_pixel_keeps_its_ray(crop: float, binning: int) -> None:
    camera = resampled_camera(CAMERA, crop, binning, 1)
    uv = projected(camera)
    np.testing.assert_allclose(camera.unproject(uv), POINTS[:, :2] / POINTS[:, 2:], atol=1e-9)


def test_a_bin_is_the_rounded_mean_of_its_pixels() -> None:
    image = np.random.default_rng(1).integers(0, 256, (480, 752), dtype=np.uint8)
    found = resampled_image(image, 1.0, 2)
    assert (found.shape, found.dtype, found.flags.c_contiguous) == ((240, 368), np.uint8, True)
    for y, x in ((0, 0), (17, 200), (239, 367)):
        four = image[2 * y : 2 * y + 2, 8 + 2 * x : 10 + 2 * x].astype(int)  # 736 of 752 columns
        assert found[y, x] == int(four.sum() / 4 + 0.5)
    assert np.array_equal(resampled_image(image, 0.75, 1), image[64:416, 96:656])
    assert np.array_equal(resampled_image(image, 1.0, 1), image)


def test_sides_are_what_the_chip_takes() -> None:
    assert [resampled_side(752, 1.0, b) for b in (1, 2, 4)] == [752, 368, 176]
    assert [resampled_side(480, c, 1) for c in (1.0, 0.75, 0.5)] == [480, 352, 240]
    with pytest.raises(VioError, match="leave 16 of 48 pixels of a side; at least 32"):
        resampled_side(48, 1.0, 2)


def test_a_recording_is_read_resampled(recording: Path) -> None:
    whole = open_dataset(recording)
    settings = DatasetConfig(crop=0.7, every=3)
    data = open_configured(recording, settings)
    frames, every = list(data.frames()), list(whole.frames())
    assert len(frames) == len(data.frame_t_ns) == FRAMES // 3
    assert (np.diff(data.frame_t_ns) == 3 * FRAME_STEP_NS).all()
    for frame, source in zip(frames, every[::3], strict=True):
        assert frame.t_ns == source.t_ns
        assert np.array_equal(frame.left, source.left[8:40, 16:48])
        assert np.array_equal(frame.right, source.right[8:40, 16:48])
    left = data.rig.left
    assert (left.width, left.height, left.rate_hz) == (32, 32, 20 / 3)
    assert (left.cx, left.cy) == (whole.rig.left.cx - 16, whole.rig.left.cy - 8)
    assert np.array_equal(data.rig.T_right_left, whole.rig.T_right_left)
    assert (SIZE, whole.rig.left.width) == ((64, 48), 64)  # what was opened is as it was


def test_a_part_of_a_recording_has_the_same_frames_as_the_whole(recording: Path) -> None:
    data = open_configured(recording, DatasetConfig(every=2))
    second, last = data.frame_t_ns[[1, 3]]
    part = [f.t_ns for f in data.frames(int(second) - 1, int(last))]
    assert part == data.frame_t_ns[1:4].tolist()


def test_a_lost_image_stays_lost(recording: Path) -> None:
    next(iter(sorted((recording / "cam1" / "data").glob("*.png")))).unlink()
    first = next(open_configured(recording, DatasetConfig(crop=0.7)).frames())
    assert first.right is None
    assert first.left is not None


def test_one_camera_is_resampled_as_one(recording: Path) -> None:
    data = open_configured(recording, DatasetConfig(mono=True, crop=0.7))
    assert data.rig.is_mono
    assert data.rig.left.width == 32
    assert all(f.right is None for f in data.frames())


def test_tracks_have_no_size_but_a_rate(real_data: Path) -> None:
    path = real_data / "euroc_tracks" / "imu_april"
    with pytest.raises(VioError, match="holds tracks, no images"):
        open_configured(path, DatasetConfig(binning=2))
    every = len(open_dataset(path).frame_t_ns)
    assert len(open_configured(path, DatasetConfig(every=2)).frame_t_ns) == -(-every // 2)


def test_settings_out_of_range_are_refused() -> None:
    for setting in ("dataset.binning=3", "dataset.crop=0", "dataset.every=0"):
        with pytest.raises(VioError, match=f"{setting.partition('=')[0]} = "):
            load_config("euroc", [setting])
