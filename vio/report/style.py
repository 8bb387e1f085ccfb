# SPDX-License-Identifier: Apache-2.0
"""The look that all figures share; colours stay apart for colour-blind readers (Okabe and Ito)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ESTIMATE = "#0072B2"
TRUTH = "#444444"
ACCENT = "#D55E00"
FAINT = "#BBBBBB"
AXES = ("#D55E00", "#009E73", "#0072B2")  # x, y, z
STATUS = {
    "initializing": "#BBBBBB",
    "unscaled": "#56B4E9",
    "tracking": "#009E73",
    "contradicted": "#CC79A7",
    "inertial": "#E69F00",
    "lost": "#D55E00",
    "predicted": "#0072B2",
}

_RC: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.3,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 130,
    "svg.hashsalt": "kestrel",
}


@contextmanager
def figure(path: Path, width: float, height: float, **kwargs: Any) -> Iterator[tuple[Any, Any]]:
    """Yield a figure and its axes (as plt.subplots), then save them to path; sizes in inches.

    Drawn without pyplot's global state: it needs no screen and leaves nothing behind.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_RC):
        fig = Figure(figsize=(width, height))
        FigureCanvasAgg(fig)
        axes = fig.subplots(**kwargs)
        yield fig, axes
        fig.savefig(path, metadata={"Software": None})
