"""Interceptors of the fake's calls: rivals, faults, lost answers."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    # Receives the operation in snake case and the keyword arguments; may call the fake, or raise.
    Interceptor = Callable[[str, dict[str, Any]], object]
    Filter = Callable[[dict[str, Any]], bool]

BEFORE = "before"
AFTER = "after"
ANY_OPERATION = "*"


class Hook:
    """One registered interceptor. `fired` counts how often it ran."""

    def __init__(
        self,
        when: str,
        operation: str,
        interceptor: Interceptor,
        *,
        times: int | None,
        skip: int,
        only: Filter | None,
    ) -> None:
        self.fired = 0
        self._when = when
        self._operation = operation
        self._interceptor = interceptor
        self._left = times
        self._skip = skip
        self._only = only

    def cancel(self) -> None:
        """Never fire again."""
        self._left = 0

    @property
    def spent(self) -> bool:
        """Whether it will never fire again."""
        return self._left == 0

    def claim(self, when: str, operation: str, parameters: dict[str, Any]) -> bool:
        """Whether to fire for this call; counts the call."""
        if self.spent or when != self._when or self._operation not in {operation, ANY_OPERATION}:
            return False
        if self._only is not None and not self._only(parameters):
            return False
        if self._skip > 0:
            self._skip -= 1
            return False
        if self._left is not None:
            self._left -= 1
        self.fired += 1
        return True

    def run(self, operation: str, parameters: dict[str, Any]) -> None:
        """Run the interceptor."""
        self._interceptor(operation, parameters)


_RUNNING: ContextVar[frozenset[Hooks]] = ContextVar("_RUNNING", default=frozenset())
"""Whose interceptors run now. Every thread and every greenlet has its own value."""


class Hooks:
    """All interceptors of one fake, run in the order in which they were registered.

    Calls that an interceptor makes itself are not intercepted, so that an interceptor cannot call itself
    endlessly.
    """

    def __init__(self) -> None:
        self._hooks: list[Hook] = []
        self._lock = threading.Lock()

    def add(self, hook: Hook) -> Hook:
        """Register a hook and return it."""
        with self._lock:
            self._hooks = [known for known in self._hooks if not known.spent] + [hook]
        return hook

    def clear(self) -> None:
        """Remove all hooks."""
        with self._lock:
            self._hooks = []

    def __len__(self) -> int:
        return len(self._hooks)

    def run(self, when: str, operation: str, parameters: dict[str, Any]) -> None:
        """Run the hooks of this call before or after it. Errors of an interceptor are raised."""
        if not self._hooks or self in _RUNNING.get():
            return
        with self._lock:
            registered = list(self._hooks)
        for hook in registered:
            with self._lock:
                claimed = hook.claim(when, operation, parameters)
            if not claimed:
                continue
            before = _RUNNING.set(_RUNNING.get() | {self})
            try:
                hook.run(operation, parameters)
            finally:
                _RUNNING.reset(before)
