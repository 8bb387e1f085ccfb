# SPDX-License-Identifier: Apache-2.0
"""Write the tables of the codecs into rtl/codec/ (a test diffs them).

Run by: python tools/codec/make_codec_rtl.py
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.codec.codec_rtl import codec_files
from vio.hw.verilog_sources import RTL

for name, text in codec_files().items():
    (RTL / "codec" / name).write_text(text)
