# SPDX-License-Identifier: Apache-2.0
"""The documentation uses the standard terms of the field, not the private words they replaced."""

import re

from tests.documented import ROOT, pages

# A private word -> the term to write instead.
REPLACED = {
    "verdict": "decision, accept flag",
    "surplus": "excess",
    "twins?": "negative test, fault-injected copy",
    "clocks": "cycles",
    "heading": "yaw",
    "the same bytes": "byte-identical",
    "to the bit": "bit-exact",
    "hand(?:s|ed)? on": "pass",
    "tak(?:es?|en) over": "accept, commit",
    "point units?": "projection unit",
    "peer": "baseline",
    "folded": "QR update",
    "misprediction": "prediction error",
}
WORD = re.compile(rf"\b(?:{'|'.join(REPLACED)})\b", re.IGNORECASE)


def private_words(text: str) -> list[str]:
    """Return the replaced words of a page's prose; code between backticks does not count."""
    return WORD.findall(re.sub(r"`[^`\n]*`", "", text))


def test_no_page_uses_a_private_word() -> None:
    found = {page: private_words((ROOT / page).read_text()) for page in pages()}
    assert {page: words for page, words in found.items() if words} == {}


def test_a_private_word_is_found_and_code_is_not_searched() -> None:
    assert private_words("The tracker takes over after 12 clocks.") == ["takes over", "clocks"]
    assert private_words("The field `clocks` of a record.") == []
