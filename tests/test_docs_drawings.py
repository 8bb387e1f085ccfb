# SPDX-License-Identifier: Apache-2.0
"""The drawings of the documentation are those that tools/draw_docs.py makes."""

import re
from pathlib import Path

import pytest

from tools import draw_docs, svg


@pytest.mark.parametrize("name", sorted(draw_docs.DRAWINGS))
def test_a_drawing_is_the_one_that_its_script_makes(name: str) -> None:
    assert (draw_docs.IMAGES / name).read_text() == draw_docs.DRAWINGS[name]()


def test_the_drawings_name_folders_that_exist() -> None:
    root = Path(draw_docs.__file__).parents[1]
    named = re.findall(r">((?:vio|rtl|hls|sim)/[a-z0-9_./]*)", draw_docs.architecture())
    assert len(named) > 12
    assert [name for name in named if not (root / name).exists()] == []


def test_a_wave_of_another_length_and_a_label_too_many_are_refused() -> None:
    with pytest.raises(ValueError, match="has 2 cycles"):
        svg.timing([("clk", "ppp", []), ("x", "01", [])], [])
    with pytest.raises(ValueError, match="labels without a value"):
        svg.value_boxes("=.", ["a", "b"], 0.0)
