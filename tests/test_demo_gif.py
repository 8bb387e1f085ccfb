# SPDX-License-Identifier: Apache-2.0
"""The moving picture of the README: of rendered images only, small, and drawn again."""

import subprocess
import sys
from pathlib import Path

from PIL import Image

from tests.run_folders import write_run
from tests.states import make_run

ROOT = Path(__file__).parents[1]


def draw(run: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools/draw_demo_gif.py"), str(run), str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_run_on_rendered_images_gives_a_frame_for_each_step(tmp_path: Path) -> None:
    result = write_run(tmp_path / "run", make_run())
    assert draw(tmp_path / "run", tmp_path / "a.gif").returncode == 0
    picture = Image.open(tmp_path / "a.gif")
    assert (picture.size, getattr(picture, "n_frames", 0)) == ((752, 240), len(result.features))


def test_images_of_a_recording_are_refused(tmp_path: Path) -> None:
    write_run(tmp_path / "run", rendered=False)
    done = draw(tmp_path / "run", tmp_path / "a.gif")
    assert done.returncode == 1
    assert "holds no rendered images" in done.stderr
    assert not (tmp_path / "a.gif").exists()


def test_the_picture_of_the_readme_is_below_a_megabyte() -> None:
    file = ROOT / "docs/images/demo.gif"
    assert f"]({file.relative_to(ROOT)})" in (ROOT / "README.md").read_text()
    assert file.stat().st_size < 1_000_000
