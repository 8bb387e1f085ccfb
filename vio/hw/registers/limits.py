# SPDX-License-Identifier: Apache-2.0
"""The legal values of registers: the hardware and the driver refuse what lies outside."""

from collections.abc import Mapping
from typing import NamedTuple


class Limits(NamedTuple):
    """Hold the least and the largest legal value: numbers, or localparams of vio_params.vh.

    step: legal values are its multiples, a power of two.
    """

    low: int | str
    high: int | str | None = None  # None: what the field holds
    step: int = 1


LIMITS: dict[str, Limits] = {
    "width": Limits("MIN_WIDTH", "MAX_WIDTH", 16),
    "height": Limits("MIN_HEIGHT", "MAX_HEIGHT", 16),
    "timeout": Limits(1),
    "stop": Limits(1),
    "seed": Limits(1),
    "max_tracks": Limits(1, "MAX_TRACKS"),
    "border": Limits("MIN_BORDER", "MAX_BORDER"),
    "min_score": Limits(1),
    "min_distance": Limits(1),
    "cell_budget": Limits(1, "MAX_TRACKS"),
    "cell_cols": Limits(1, "TILE_COLUMNS"),
    "cell_rows": Limits(1, "TILE_ROWS"),
    "levels": Limits(1, "MAX_LEVELS"),
    "max_iterations": Limits(1, "MAX_ITERATIONS"),
    "correlation_min": Limits(0, 1 << 16),
    "draws": Limits(1, "MAX_DRAWS"),
    "disparity_step": Limits(1),
    "segments": Limits(1, "STEREO_SEGMENTS"),
    "reach_u": Limits(1, "MAX_REACH_U"),
    "reach_v": Limits(0, "MAX_REACH_V"),
    "search_min": Limits(0, 1 << 16),
    "uniqueness": Limits(0, 1 << 16),
    "stereo_correlation_min": Limits(0, 1 << 16),
    "stereo_iterations": Limits(1, "MAX_ITERATIONS"),
    "max_age": Limits(1),
    "min_alive": Limits(0, 1 << 8),
}


def limit_values(limits: Limits, bits: int, bounds: Mapping[str, int]) -> tuple[int, int, int]:
    """Return the least and the largest legal value, and the step.

    bits: of the field. bounds: values of the localparams of vio_params.vh.
    """
    low, high, step = limits
    least = bounds[low] if isinstance(low, str) else low
    if high is None:
        return least, (1 << bits) - 1, step
    return least, bounds[high] if isinstance(high, str) else high, step


def largest(limits: Limits, bits: int | str) -> str:
    """Return the Verilog of the largest legal value.

    bits: of the field, a number or the name of a parameter.
    """
    if isinstance(limits.high, str):
        return limits.high
    if limits.high is not None:
        return f"32'd{limits.high}"
    if isinstance(bits, str):
        return f"(32'd1 << {bits}) - 32'd1"
    return f"32'd{(1 << bits) - 1}"


def limit_case(limits: Limits, bits: int | str) -> str:
    """Return the Verilog of a register's limits: least, largest, bits that a legal value has not.

    bits: of the field, a number or the name of a parameter.
    """
    low, _, step = limits
    assert step & (step - 1) == 0
    assert step <= 16
    top = largest(limits, bits)
    least = low if isinstance(low, str) else f"32'd{low}"
    assigned = [f"least_d = {least};", f"largest_d = {top};"]
    if step > 1:
        assigned.append(f"zeros_d = 4'd{step - 1};")
    return f"begin {' '.join(assigned)} end"
