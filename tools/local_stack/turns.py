"""Turns: of each name only so many are busy at a time, the others wait in the order in which they came.

The emulator starts a process for each call of a function that finds all others busy. A start costs a second
of a core and 50 MB, so that sixty calls at once would keep each other from being served at all. On AWS more
calls get more machines; here they have to wait for one of the processes that there are.

Standard library only: the emulator's interpreter imports it as well.
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
"""Of one function. More would wait for a core instead."""


class Turns:
    """Whoever asks gets its turn after all who asked before it under the same name."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._lock = threading.Lock()
        self._busy: dict[str, int] = {}
        self._waiting: dict[str, deque[threading.Event]] = {}

    @contextmanager
    def turn(self, name: str) -> Iterator[float]:
        """Have a turn for the time of the block; yields the seconds that it was waited for."""
        began = time.monotonic()
        self._begin(name)
        try:
            yield time.monotonic() - began
        finally:
            self._end(name)

    def waiting(self, name: str) -> int:
        """How many wait now."""
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
        """Hand the turn to the one who waits longest: nobody who comes now may overtake."""
        with self._lock:
            if waiting := self._waiting.get(name):
                waiting.popleft().set()
            else:
                self._busy[name] -= 1
