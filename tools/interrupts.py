"""Interrupts of the commands of this repository."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


def heed_interrupts() -> None:
    """Let SIGINT end this process, and the processes that it starts, without a traceback.

    A shell without job control, ``nohup`` and some build servers start commands with SIGINT ignored. A
    process keeps that, and hands it on, until it sets a handler of its own.
    """
    sys.excepthook = _tell
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """An interrupt in one word; of every other error what Python says."""
    if issubclass(kind, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)
