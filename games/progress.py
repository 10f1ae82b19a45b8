"""One progress bar for all commands: a bar in a terminal, a plain line every tenth elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Report = Callable[[int, int, str], None]
"""Called with (done, total, message)."""


@contextmanager
def bar(title: str) -> Iterator[Report]:
    """
    >>> with bar("counting") as report:
    ...     report(1, 2, "half")
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _plain(title)
        return
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.fields[message]}"))
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(title, total=None, message="")
        yield lambda done, total, message: progress.update(task, completed=done, total=total or None, message=message)


def _plain(title: str) -> Report:
    last = -1

    def report(done: int, total: int, message: str) -> None:
        nonlocal last
        tenth = 10 * done // total if total else 0
        if tenth != last:
            last = tenth
            print(f"{title}: {done}/{total} {message}", file=sys.stderr, flush=True)  # noqa: T201  # this is the progress display

    return report
