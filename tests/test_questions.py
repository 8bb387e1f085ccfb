# SPDX-License-Identifier: Apache-2.0
"""docs/questions.md: twenty questions, each with one file that exists and answers it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| (\d+) \| (.+?) \| `([^`]+)` \| `([^`]+)` \|$", re.MULTILINE)


def unanswered(page: str) -> list[str]:
    """Return the rows whose file is missing or does not hold what to look for."""
    bad = []
    for number, _, name, words in ROW.findall(page):
        file = ROOT / name
        if not file.is_file():
            bad.append(f"{number}: there is no {name}")
        elif words not in file.read_text():
            bad.append(f"{number}: {name} does not hold {words!r}")
    return bad


def test_each_of_the_twenty_questions_has_a_file_that_answers_it() -> None:
    page = (ROOT / "docs/questions.md").read_text()
    assert [int(row[0]) for row in ROW.findall(page)] == list(range(1, 21))
    assert unanswered(page) == []


def test_a_missing_file_and_a_missing_word_are_found() -> None:
    assert unanswered("| 1 | Where? | `vio/no_such_file.py` | `x` |") != []
    assert unanswered("| 2 | What? | `vio/data.py` | `no such words` |") != []
