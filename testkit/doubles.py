"""In-memory implementations of the small ports."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field

from gpu_capacity.errors import WorkflowUnavailable
from gpu_capacity.ports import Letter, WorkflowState


class FakeClock:
    """A clock that moves only when a test moves it."""

    def __init__(self, now: int = 1_780_000_000) -> None:
        self._now_ms = now * 1000

    def now(self) -> int:
        return self._now_ms // 1000

    def now_ms(self) -> int:
        return self._now_ms

    def now_us(self) -> int:
        return self._now_ms * 1000

    def advance(self, seconds: int) -> None:
        self._now_ms += seconds * 1000

    def advance_ms(self, milliseconds: int) -> None:
        self._now_ms += milliseconds


class CountingIds:
    """Evenly distributed bytes, the same in every run."""

    def __init__(self, seed: str = "ids") -> None:
        self._seed = seed
        self.given = 0

    def random_bytes(self) -> bytes:
        self.given += 1
        return hashlib.sha256(f"{self._seed}:{self.given}".encode()).digest()[:16]


@dataclass
class RecordedPause:
    """Does not wait; records the calls."""

    attempts: list[int] = field(default_factory=list)

    def __call__(self, attempt: int) -> None:
        self.attempts.append(attempt)


@dataclass(frozen=True)
class AuditLine:
    actor: str
    action: str
    target: str
    outcome: str
    details: dict[str, object]


@dataclass
class RecordedTelemetry:
    """Records metrics, audit lines and logs."""

    counts: Counter[str] = field(default_factory=Counter)
    audits: list[AuditLine] = field(default_factory=list)
    lines: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def count(self, metric: str, value: int = 1, **dimensions: str) -> None:
        self.counts[metric] += value
        for text in dimensions.values():
            self.counts[f"{metric}:{text}"] += value

    def audit(self, actor: str, action: str, target: str, outcome: str, **details: object) -> None:
        self.audits.append(AuditLine(actor, action, target, outcome, details))

    def info(self, message: str, **details: object) -> None:
        self.lines.append((message, details))

    def warning(self, message: str, **details: object) -> None:
        self.lines.append((message, details))


class RecordedWorkflows:
    """Records executions; none runs. ``down`` makes every call fail."""

    def __init__(self) -> None:
        self.executions: dict[str, dict[str, object]] = {}
        self.states: dict[str, WorkflowState] = {}
        self.down = False

    def __len__(self) -> int:
        return len(self.executions)

    def __contains__(self, name: str) -> bool:
        return name in self.executions

    def start(self, machine: str, name: str, payload: dict[str, object]) -> bool:
        self._answer()
        if name in self.executions:
            return False
        self.executions[name] = {"machine": machine, **payload}
        self.states[name] = WorkflowState.RUNNING
        return True

    def state(self, machine: str, name: str) -> WorkflowState:
        self._answer()
        return self.states.get(name, WorkflowState.ABSENT)

    def stop(self, machine: str, name: str, cause: str) -> None:
        self._answer()
        if name in self.states:
            self.states[name] = WorkflowState.ENDED

    def end(self, name: str) -> None:
        """End an execution, with any result."""
        self.states[name] = WorkflowState.ENDED

    def _answer(self) -> None:
        if self.down:
            raise WorkflowUnavailable("down")


@dataclass
class RecordedAudits:
    """Records which audits, and which repairs, were asked for; none runs."""

    started: list[str] = field(default_factory=list)
    repairing: list[str] = field(default_factory=list)

    def start(self, run_id: str) -> None:
        self.started.append(run_id)

    def repair(self, run_id: str) -> None:
        self.repairing.append(run_id)


class NoLetters:
    """A queue without letters."""

    def count(self) -> int:
        return 0

    def peek(self) -> list[Letter]:
        return []


@dataclass
class RecordedEvents:
    """Records the zones in which capacity was freed."""

    zones: list[str] = field(default_factory=list)

    def freed(self, zone: str) -> None:
        self.zones.append(zone)
