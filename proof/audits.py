"""Runs the independent auditor of the tests over the tables of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proof.unreadable import MARK
from testkit.auditor import audit_tables

if TYPE_CHECKING:
    from testkit.dynamodb import MemoryDynamoDB


def findings(db: MemoryDynamoDB, now: int, *, at_rest: bool = False) -> list[str]:
    """All findings about the tables at a time (seconds), servers included."""
    readable = {table: [item for item in items if MARK not in item] for table, items in db.dump().items()}
    return audit_tables(readable, now=now, at_rest=at_rest)
