"""Doing one thing beside another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")


def run_now(work: Callable[[], Value]) -> Callable[[], Value]:
    """One after the other: for commands and tests, where time does not matter and order does."""
    value = work()
    return lambda: value


class BackgroundThread:
    """Background what follows, in a thread that is kept for the next time."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None

    def __call__(self, work: Callable[[], Value]) -> Callable[[], Value]:
        """Begin."""
        self._pool = self._pool or ThreadPoolExecutor(max_workers=1, thread_name_prefix="background")
        return self._pool.submit(work).result
