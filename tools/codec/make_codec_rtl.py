# SPDX-License-Identifier: Apache-2.0
"""Write the codecs' tables into rtl/: python tools/codec/make_codec_rtl.py (a test diffs them)."""

from pathlib import Path

from tools.codec.codec_rtl import codec_files

for name, text in codec_files().items():
    (Path(__file__).resolve().parents[2] / "rtl" / name).write_text(text)
