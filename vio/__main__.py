# SPDX-License-Identifier: Apache-2.0
"""Make `python -m vio` the same as the command `vio`."""

import sys

from vio.cli import main

sys.exit(main())
