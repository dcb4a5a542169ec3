"""Runs work while its caller goes on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")


def run_now(work: Callable[[], Value]) -> Callable[[], Value]:
    """Run the work at once. For commands and tests, where the order matters and the time does not."""
    value = work()
    return lambda: value


class BackgroundThread:
    """Runs work in one thread, which is kept for later calls."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None

    def __call__(self, work: Callable[[], Value]) -> Callable[[], Value]:
        """Start the work. Calling the result waits for it."""
        self._pool = self._pool or ThreadPoolExecutor(max_workers=1, thread_name_prefix="background")
        return self._pool.submit(work).result
