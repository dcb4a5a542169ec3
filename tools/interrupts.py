"""How the commands of this repository react to interrupts."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


def heed_interrupts() -> None:
    """Let SIGINT end this process, and the processes that it starts, without a traceback.

    A shell without job control, ``nohup`` and some build servers start commands with SIGINT ignored. A
    process and its children ignore it until they set a handler.
    """
    sys.excepthook = _tell
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print one word for an interrupt, and the usual traceback for every other error."""
    if issubclass(kind, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)
