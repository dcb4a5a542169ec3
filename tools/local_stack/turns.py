"""Limits how many calls of a name run at the same time; the others wait in the order of arrival.

The emulator starts a process for each call of a function that finds all others busy. A start costs a second
of a core and 50 MB, so that sixty calls at once would time out. On AWS more calls get more machines; here
they wait for one of the existing processes.

Standard library only: the emulator's interpreter imports this module as well.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

PROCESSES_MAX: Final = max(2, os.cpu_count() or 1)
"""For one function. More would only wait for a core."""


class Turns:
    """Turns for each name, in the order of the requests."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._lock = threading.Lock()
        self._busy: dict[str, int] = {}
        self._waiting: dict[str, deque[threading.Event]] = {}

    @contextmanager
    def turn(self, name: str) -> Iterator[float]:
        """Hold a turn for the time of the block; yields the seconds of waiting."""
        began = time.monotonic()
        self._begin(name)
        try:
            yield time.monotonic() - began
        finally:
            self._end(name)

    def waiting(self, name: str) -> int:
        """Return how many calls wait now."""
        with self._lock:
            return len(self._waiting.get(name, ()))

    def _begin(self, name: str) -> None:
        with self._lock:
            if self._busy.get(name, 0) < self._at_once:
                self._busy[name] = self._busy.get(name, 0) + 1
                return
            called = threading.Event()
            self._waiting.setdefault(name, deque()).append(called)
        called.wait()

    def _end(self, name: str) -> None:
        """Pass the turn to the call that waits longest, so that no new call overtakes it."""
        with self._lock:
            if waiting := self._waiting.get(name):
                waiting.popleft().set()
            else:
                self._busy[name] -= 1
