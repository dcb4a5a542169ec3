"""Shows how far a wait is: a bar for people, a line for each change otherwise."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gpucap.showing import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gpucap.looks import Look
    from gpucap.waiting import Progress


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Show progress on stderr for the time of the block."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    from gpucap.showing import console

    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=20),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=console(stderr=True)) as bars:
        yield Bar(bars, bars.add_task("", total=None))


def told(look: Look) -> str:
    """Return what a holder is at, in one line."""
    counted = f"{look.have} of {look.want} {look.of}" if look.have is not None else ""
    return ", ".join(part for part in (look.state, counted, look.message) if part)


class Lines:
    """A line for each change."""

    def __init__(self) -> None:
        self._last = ""

    def show(self, look: Look, seconds: float) -> None:
        """Print what changed."""
        line = told(look)
        if line != self._last:
            say(f"{seconds:4.0f} s  {line}")
            self._last = line


class Bar:
    """A bar that fills."""

    def __init__(self, bars: Any, task: Any) -> None:
        self._bars = bars
        self._task = task

    def show(self, look: Look, seconds: float) -> None:  # noqa: ARG002 - the bar has a clock of its own
        """Draw it anew."""
        self._bars.update(self._task, description=told(look), completed=look.have or 0, total=look.want)
