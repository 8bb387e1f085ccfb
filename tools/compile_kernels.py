# SPDX-License-Identifier: Apache-2.0
"""Compile the kernels of the engines float and fixed into numba's cache, where they are missing.

python -m tools.compile_kernels
"""

from dataclasses import replace

from vio.config import Config
from vio.runs.warm_up import COMPILED_FRONT_ENDS, warm_up


def main() -> None:
    """Compile front ends and back end; processes that start later find the code in the cache."""
    config = Config()
    for engine in COMPILED_FRONT_ENDS:
        warm_up(replace(config, frontend=replace(config.frontend, engine=engine)))


if __name__ == "__main__":
    main()
