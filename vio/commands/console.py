# SPDX-License-Identifier: Apache-2.0
"""What commands print: a progress bar on a terminal, nothing when piped; tables in both."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from vio.errors import VioError


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function to call with the number done so far; the bar is drawn on stderr if a tty."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.update(task, completed=done)


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table to stdout; as wide as it needs to be, and without colours, when piped."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console() if sys.stdout.isatty() else Console(width=240, color_system=None)
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for i, name in enumerate(header):
        table.add_column(name, justify="left" if i == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def parse_range(text: str, of: str = "seeds", least: int = 0) -> list[int]:
    """Return the whole numbers of "3", "1-5" or "1,4,7".

    of: what they are. Raises VioError for other texts and numbers below `least`.
    """
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise VioError(f"{text!r} is no list of {of}; write for example 1-5 or 1,4,7")
        numbers += range(int(first), int(last if dash else first) + 1)
    if not numbers:
        raise VioError(f"{text!r} is an empty range; write the smaller number first")
    if min(numbers) < least:
        raise VioError(f"{min(numbers)} {of}: {least} at least")
    return numbers
