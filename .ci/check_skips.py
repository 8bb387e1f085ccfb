# SPDX-License-Identifier: Apache-2.0
"""Fail on skipped tests that the allow-list does not name: check_skips.py JUNIT_XML ALLOW_LIST."""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def skipped_tests(junit: Path) -> dict[str, str]:
    """Return {"tests.test_x::name": reason} of the tests that pytest's JUnit file calls skipped."""
    found = {}
    for case in ET.parse(junit).iter("testcase"):
        skip = case.find("skipped")
        if skip is not None:
            found[f"{case.get('classname')}::{case.get('name')}"] = skip.get("message", "")
    return found


def main(junit: str, allow_list: str) -> int:
    """Print each skip that is not expected; return 1 if there is one."""
    lines = (line.strip() for line in Path(allow_list).read_text().splitlines())
    expected = {line for line in lines if line and not line.startswith("#")}
    unexpected = {k: v for k, v in skipped_tests(Path(junit)).items() if k not in expected}
    for name, reason in unexpected.items():
        print(f"unexpected skip: {name}: {reason}")
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
