"""What a step of a workflow came to, where the workflow is a loop over one step."""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class Step(StrEnum):
    """The outcome of a step that reads a record and does what it demands. State machines branch on the words.

    ``again``: the invocation's time is up, or the record changed, and there is more to do at once.
    ``waiting``: for the provider. ``done``: nothing is left to do. ``unfinished``: it took longer than it
    may; the execution ends with an alarm, and reconcile starts the next one. ``superseded``: the record does
    not belong to this workflow any more, because it was deleted, or settled by another execution.
    """

    AGAIN = "again"
    WAITING = "waiting"
    DONE = "done"
    UNFINISHED = "unfinished"
    SUPERSEDED = "superseded"

    @property
    def outcome(self) -> dict[str, Any]:
        """As the state machine reads it."""
        return {"outcome": self.value}
