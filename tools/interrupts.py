"""Signals of the commands of this repository."""

from __future__ import annotations

import signal


def heed_interrupts() -> None:
    """Let SIGINT end this process, and the processes that it starts.

    A shell without job control, ``nohup`` and some build servers start commands with SIGINT ignored. A
    process keeps that, and hands it on, until it sets a handler of its own.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
