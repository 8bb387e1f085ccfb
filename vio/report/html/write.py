# SPDX-License-Identifier: Apache-2.0
"""Write the page of what a folder holds: a run, suite, fault table and others; or of runs."""

from collections.abc import Callable, Sequence
from pathlib import Path

from vio.errors import VioError
from vio.report.html import equivalence, explore, faults, runs, suite
from vio.report.html.page import MAX_BYTES, Page
from vio.runs.files import replace_file

# Points of a curve and images of all runs together, tried until the page is small enough.
FITS = ((4000, 40), (3000, 28), (1500, 16), (800, 8), (300, 0))


def write_report(folders: Sequence[Path], out: Path) -> list[str]:
    """Write the page of folders to a file; return what is missing or damaged in them.

    Raises VioError for folders that no page can be made of, and when plotly is not installed.
    """
    make = _maker(folders, out.parent)
    for points, images in FITS:
        page, problems = make(points, images)
        text = page.html()
        if len(text.encode()) <= MAX_BYTES:
            break
    replace_file(out, text)
    return problems


Make = Callable[[int, int], tuple[Page, list[str]]]


def _maker(folders: Sequence[Path], page_folder: Path) -> Make:
    records = (suite.RECORD, faults.RECORD, explore.RECORD, equivalence.RECORD)
    tables = [f for f in folders if any((f / record).is_file() for record in records)]
    if not tables:
        found = runs.read_runs(folders)
        return lambda points, images: runs.runs_page(found, points, images, page_folder)
    if len(folders) > 1:
        raise VioError(f"{tables[0]} is no run: only runs are shown beside each other")
    (folder,) = folders
    if (folder / suite.RECORD).is_file():
        return lambda points, images: suite.suite_page(folder, page_folder, points // 5)
    if (folder / explore.RECORD).is_file():
        return lambda points, images: (explore.explore_page(folder), [])
    if (folder / equivalence.RECORD).is_file():
        return lambda points, images: (equivalence.equivalence_page(folder), [])
    return lambda points, images: (faults.faults_page(folder), [])
