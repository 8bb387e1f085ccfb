# SPDX-License-Identifier: Apache-2.0
"""Settings out of range: refused in one line that names key, value and range; the rest runs."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plane_scene import PlaneScene
from vio.config import Config, dump_config, load_config
from vio.engines import make_frontend
from vio.errors import VioError
from vio.settings import Choice, Real, Section, Switch, Whole, Word, kind_of

SETTINGS = {
    f"{section.name}.{f.name}": kind_of(f)
    for section in dataclasses.fields(Config)
    for f in dataclasses.fields(getattr(Config(), section.name))
}
NUMBERS = {key: kind for key, kind in SETTINGS.items() if isinstance(kind, Whole | Real)}


def change(key: str, value: Any) -> Config:
    """Return the default configuration with one setting of any type."""
    section, name = key.split(".")
    part = getattr(Config(), section)
    return dataclasses.replace(Config(), **{section: dataclasses.replace(part, **{name: value})})


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("frontend.window=14", "frontend.window = 14 .* an odd number from 3 to 31"),
        ("frontend.levels=0", "frontend.levels = 0 .* from 1 to"),
        ("frontend.max_tracks=-1", "frontend.max_tracks = -1 .* from 1 to"),
        ("frontend.ransac_px=nan", "frontend.ransac_px = nan .* from 0.01 to 100"),
        ("backend.huber=-1", r"backend.huber = -1.0 .* from 0.01 to 1000"),
        ("backend.outlier=inf", "backend.outlier = inf .* from"),
        ("backend.solver=lu", "backend.solver = 'lu' is not a choice; choose from cholesky, qr"),
        ("hw.clock_mhz=0", "hw.clock_mhz = 0.0 .* from"),
        ("hw.tile_px=9", "hw.tile_px = 9 .* a power of two from 4 to 64"),
        ("hw.tile_px=20", "hw.tile_px = 20 .* a power of two"),
        ("hw.codec_left=a b", "hw.codec_left = 'a b' is no name"),
        ("frontend.window=true", r"frontend.window must be a whole number, got True \(bool\)"),
        ("frontend.window=15.0", r"frontend.window must be a whole number, got 15.0 \(float\)"),
        ("frontend.stereo_every_frame=1", r"must be true or false, got 1 \(int\)"),
        ("imu.max_gap_s=[1]", r"imu.max_gap_s must be a number, got \[1\] \(list\)"),
        ("backend.min_depth_m=200", "min_depth_m = 200 must be less than .*max_depth_m = 100"),
    ],
)
def test_a_bad_value_is_refused_with_key_value_and_range(override: str, message: str) -> None:
    with pytest.raises(VioError, match=message) as refused:
        load_config("euroc", [override])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("key", NUMBERS)
def test_a_number_is_allowed_up_to_its_bounds_and_not_beyond(key: str) -> None:
    kind = NUMBERS[key]
    step = (2 if kind.odd else 1) if isinstance(kind, Whole) else 1e-3
    pair = key.startswith("backend.m") and key.endswith("_depth_m")  # less than one another
    for inside in () if pair else (kind.least, kind.greatest):
        change(key, inside)
    for outside in (kind.least - step, kind.greatest + max(step, 1e-3 * kind.greatest)):
        with pytest.raises(VioError, match=key):
            change(key, type(kind.least)(outside))


def test_a_setting_without_a_range_is_a_defect_that_names_it() -> None:
    @dataclasses.dataclass(frozen=True)
    class Unchecked(Section):
        huber: float = 1.0

    with pytest.raises(TypeError, match="huber has no range"):
        Unchecked()


def test_a_section_that_is_no_table_is_refused_also_beside_an_override(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text("frontend = 3\n")
    with pytest.raises(VioError, match=r"\[frontend\] must be a table"):
        load_config(str(tmp_path / "p.toml"), ["frontend.window=9"])


ANYTHING = st.one_of(
    st.integers(-10, 300),
    st.integers(),
    st.floats(-10.0, 1000.0),
    st.floats(),
    st.booleans(),
    st.text(max_size=20),
    st.lists(st.integers(), max_size=2),
    st.sampled_from(["fixed", "qr", "float32", "1e400", "[", '"', "inf", "nan", "{}", "0x10"]),
)


@given(st.sampled_from(sorted(SETTINGS)), ANYTHING)
def test_any_value_is_refused_in_one_line_or_makes_a_valid_configuration(
    key: str, value: Any
) -> None:
    for text in (json.dumps(value), str(value)):
        try:
            config = load_config("euroc", [f"{key}={text}"])
        except VioError as error:
            message = str(error)
        else:
            message = ""
            section, name = key.split(".")
            assert not kind_of_key(key).problem(getattr(getattr(config, section), name))
        assert message.isprintable()


def kind_of_key(key: str) -> Choice | Whole | Real | Switch | Word:
    """Return the kind of a setting "section.key"."""
    return SETTINGS[key]


@given(st.data())
def test_a_configuration_at_its_bounds_reads_back_as_it_was_written(data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(NUMBERS)))
    kind = NUMBERS[key]
    config = Config()
    try:
        config = change(key, data.draw(st.sampled_from([kind.least, kind.greatest])))
    except VioError:
        assert key.endswith("_depth_m")  # less than one another
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"settings-{os.getpid()}.toml"
    try:
        path.write_text(dump_config(config))
        assert load_config(str(path)) == config
    finally:
        path.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"levels": 6}, r"frontend.levels = 6 needs images of 8 pixels .* they have 7"),
        ({"stereo_half_height": 15, "stereo_half_width": 31, "levels": 1}, ""),
    ],
)
def test_images_too_small_for_the_settings_are_refused(
    changes: dict[str, int], message: str
) -> None:
    rig = PlaneScene(2.0, 0.2).rig  # 320 x 240
    config = dataclasses.replace(
        Config(), frontend=dataclasses.replace(Config().frontend, **changes)
    )
    if message:
        with pytest.raises(VioError, match=message):
            make_frontend(rig, config)
    else:
        make_frontend(rig, config)
