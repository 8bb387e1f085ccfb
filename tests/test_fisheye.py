# SPDX-License-Identifier: Apache-2.0
"""Fisheye images reach beyond their lens model: what lies there is tracked and used by nobody."""

from dataclasses import replace

import numpy as np
import pytest

from tests.test_camera import EQUIDISTANT
from tools import study_fisheye
from vio.camera import StereoRig, distort
from vio.config import Config, FrontEndConfig, HwConfig
from vio.data import StereoFrame
from vio.engines import make_odometry
from vio.errors import VioError
from vio.geometry import transform_from
from vio.imu import ImuNoise

RIG = StereoRig(
    EQUIDISTANT, replace(EQUIDISTANT, T_body_cam=transform_from(np.eye(3), np.array([0.1, 0, 0])))
)


def config(engine: str) -> Config:
    front = FrontEndConfig(engine=engine, min_depth_m=1.0)
    return Config(frontend=front, hw=HwConfig(max_height=512))


def noise_frame(k: int) -> StereoFrame:
    """Return blobs everywhere, the corners that no lens reaches included."""
    rng = np.random.default_rng(3)
    image = np.repeat(np.repeat(rng.integers(0, 255, (64, 64), dtype=np.uint8), 8, 0), 8, 1)
    return StereoFrame(1_000_000_000 + k * 50_000_000, image, image)


@pytest.mark.parametrize("engine", ["float", "opencv"])
def test_no_observation_lies_beyond_the_lens_model(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    odometry = make_odometry(RIG, ImuNoise(200.0, 1e-4, 1e-5, 1e-3, 1e-4), config(engine))
    given: list[np.ndarray] = []

    def process(frame: object) -> None:
        given.append(frame.rays)  # type: ignore[attr-defined]

    monkeypatch.setattr(odometry.estimator, "process", process)
    tracked = 0
    for k in range(3):
        frame = noise_frame(k)
        for t_ns in range(frame.t_ns - 45_000_000, frame.t_ns + 1, 5_000_000):
            odometry.add_imu(t_ns, np.zeros(3), np.array([0.0, 0.0, 9.81]))
        state = odometry.add_frame(frame)
        assert state.tracks is not None
        rays = RIG.left.unproject(state.tracks.uv_left)
        tracked += int(np.isnan(rays[:, 0]).sum())
    assert len(given) == 3
    assert all(len(rays) > 20 and np.isfinite(rays[:, :2]).all() for rays in given)
    assert tracked == 0
    beyond = np.isnan(RIG.left.unproject(np.array([[20.0, 20.0], [490.0, 490.0]]))[:, 0])
    assert beyond.all()


def test_the_hardware_refuses_a_lens_that_its_rays_do_not_reach() -> None:
    with pytest.raises(
        VioError, match=r"84 degrees off its axis.* end at 63; choose --engine float"
    ):
        make_odometry(RIG, ImuNoise(200.0, 1e-4, 1e-5, 1e-3, 1e-4), config("fixed"))


def test_the_study_of_words_has_the_lens_of_the_camera_model() -> None:
    k = study_fisheye.TUMVI[1]
    params = replace(EQUIDISTANT, distortion=k).params
    radius = np.array([1e-3, 0.3, 1.0, 3.7])
    exact = [distort(params, r, 0.0)[0] for r in radius]
    np.testing.assert_allclose(study_fisheye.distorted(k, radius), exact, rtol=1e-12)
    few, many = (study_fisheye.errors_px(k, 191.0, 15, steps)[1] for steps in (64, 128))
    assert 3.0 < few / many < 5.0  # chords err with the square of their length
