# SPDX-License-Identifier: Apache-2.0
"""What commands print: a progress bar on a terminal, nothing when piped; tables in both."""

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from vio.errors import VioError


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[..., None]]:
    """Yield a function to call with the number done so far, and perhaps a note beside the label.

    The bar is drawn on stderr if that is a terminal.
    """
    if not sys.stderr.isatty():
        yield lambda done, note="": None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total)

        def show(done: int, note: str = "") -> None:
            bar.update(task, completed=done, description=f"{label}: {note}" if note else label)

        yield show


def print_finding(level: str, what: str, found: str, advice: str) -> None:
    """Print what was looked at, what was found, and what to do unless that is empty."""
    print(f"{level:<5} {what:<24} {found}" + (f"  ->  {advice}" if advice else ""))


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table to stdout; as wide as it needs to be, and without colours, when piped."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    # Piped, it is printed as one text: rich ends the process when a reader has gone.
    piped = io.StringIO()
    tty = sys.stdout.isatty()
    console = Console() if tty else Console(file=piped, width=240, color_system=None)
    wide = (sys.stdout.encoding or "ascii").lower().startswith("utf")
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD if wide else box.ASCII_DOUBLE_HEAD
    )
    for i, name in enumerate(header):
        table.add_column(name, justify="left" if i == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    print(piped.getvalue(), end="")


MAX_RANGE = 10_000  # numbers that a range may name


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9


def parse_range(text: str, of: str = "seeds", least: int = 0) -> list[int]:
    """Return the whole numbers of "3", "1-5" or "1,4,7".

    of: what they are. Raises VioError for other texts and numbers below `least`.
    """
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not _is_number(first) or (dash and not _is_number(last)):
            raise VioError(f"{text!r} is no list of {of}; write for example 1-5 or 1,4,7")
        numbers += range(int(first), int(last if dash else first) + 1)[: MAX_RANGE + 1]
        if len(numbers) > MAX_RANGE:
            raise VioError(f"{text!r} names more than {MAX_RANGE} {of}; give fewer")
    if not numbers:
        raise VioError(f"{text!r} is an empty range; write the smaller number first")
    if min(numbers) < least:
        raise VioError(f"{min(numbers)} {of}: {least} at least")
    return numbers
