"""The result of a seed: its violations, its counts, and its history as bytes."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from proof.effects import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proof.cloud import Cloud
    from proof.faults import Work
    from proof.ledger import Ledger

BEGINS_AT: Final = 1_780_000_000
"""The virtual time (seconds) at which every run begins."""


@dataclass
class Outcome:
    """The result of a seed.

    Attributes:
        seed: the seed.
        violations: every violation; empty if everything holds.
        counts: how much was done: client operations, faulted ones, storage calls, and so on.
        faults: how often each kind of fault took effect.
        history: the whole run as bytes, if it was requested.
        answers: how often each operation got each answer.
    """

    seed: int
    violations: list[str]
    counts: Counter[str]
    faults: Counter[str]
    history: bytes = b""
    answers: Counter[str] = field(default_factory=Counter)


def outcome_of(
    violations: Sequence[str], cloud: Cloud, ledger: Ledger, works: Sequence[Work], *, history: bool
) -> Outcome:
    """Sum up a finished run; ``works`` are the operations of its clients."""
    counts: Counter[str] = Counter(
        {
            "client operations": len(works),
            "faulted operations": sum(work.faulted for work in works),
            "storage calls": sum(cloud.db.requests.values()),
            "writes": ledger.writes,
            "executions": len(cloud.executions),
            "virtual seconds": cloud.clock.now() - BEGINS_AT,
            "points": cloud.turns.points,
        }
    )
    return Outcome(
        cloud.seed,
        [*violations, *(defect for defect in cloud.turns.defects if defect not in violations)],
        counts,
        Counter({kind.value: n for kind, n in cloud.fault_source.counts.items()}),
        _history(cloud, ledger) if history else b"",
        Counter(f"{work.name}: {work.answer}" for work in works),
    )


def digest(history: bytes) -> str:
    """A history in 16 hex digits."""
    return hashlib.sha256(history).hexdigest()[:16]


def _history(cloud: Cloud, ledger: Ledger) -> bytes:
    lines = [json.dumps(list(note)) for note in cloud.notes]
    lines += [json.dumps(plain(effect)) for effect in ledger.effects]
    return "\n".join(lines).encode()
