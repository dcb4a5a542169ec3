"""Figures of a load run: rates, latencies and the load of the machine."""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tools.load.client import Call

_PROCESSES: Final = Path("/proc")
_IDLE: Final = slice(3, 5)
"""Numbers after `cpu` in /proc/stat: idle, and waiting for a disk."""


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least that share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def latencies(calls: Iterable[Call]) -> dict[str, dict[str, Any]]:
    """Return by operation: number of calls, statuses, and median and 99th percentile in milliseconds.

    ``waited`` is the time until the proxy forwarded the call, ``served`` the rest.
    """
    by_operation: dict[str, list[Call]] = {}
    for call in calls:
        by_operation.setdefault(call.operation, []).append(call)
    return {
        operation: {
            "calls": len(found),
            "statuses": {str(status): n for status, n in sorted(Counter(c.status for c in found).items())},
            **_median_and_p99("", [call.seconds for call in found]),
            **_median_and_p99("waited_", [call.waited for call in found]),
            **_median_and_p99("served_", [call.seconds - call.waited for call in found]),
        }
        for operation, found in sorted(by_operation.items())
    }


def waited_share(calls: Sequence[Call]) -> float:
    """Return the share of all calls' time in which they waited for their turns."""
    return round(sum(call.waited for call in calls) / max(sum(call.seconds for call in calls), 1e-9), 3)


def _median_and_p99(prefix: str, seconds: Sequence[float]) -> dict[str, int]:
    return {
        f"{prefix}median_ms": round(1000 * percentile(seconds, 0.5)),
        f"{prefix}p99_ms": round(1000 * percentile(seconds, 0.99)),
    }


@dataclass(frozen=True)
class Machine:
    """CPU counters of the machine at a moment, in ticks; ``None`` if the system has no /proc."""

    busy: int | None
    total: int | None
    when: float

    @staticmethod
    def now() -> Machine:
        """Read the counters."""
        try:
            first = (_PROCESSES / "stat").read_text(encoding="ascii").splitlines()[0]
        except FileNotFoundError:
            return Machine(None, None, time.monotonic())
        ticks = [int(number) for number in first.split()[1:9]]
        return Machine(sum(ticks) - sum(ticks[_IDLE]), sum(ticks), time.monotonic())

    def busy_share_until(self, later: Machine) -> float | None:
        """Return the busy share of all cores between the two moments."""
        if self.busy is None or self.total is None or later.busy is None or later.total is None:
            return None
        return round((later.busy - self.busy) / max(1, later.total - self.total), 3)


def descendants(process: int) -> int | None:
    """Count the descendants of a process; ``None`` if the system has no /proc."""
    if not (_PROCESSES / "stat").exists():
        return None
    parents: dict[int, list[int]] = {}
    for entry in _PROCESSES.iterdir():
        if entry.name.isdecimal():
            try:
                after_name = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents.setdefault(int(after_name.split()[1]), []).append(int(entry.name))
    below, todo = 0, [process]
    while todo:
        children = parents.get(todo.pop(), [])
        below += len(children)
        todo += children
    return below


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
