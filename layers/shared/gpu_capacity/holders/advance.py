"""Changes a record, and tries again if others change it at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.errors import RaceLost, StorageUnavailable
from gpu_capacity.holders.store import RECORD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.holders.store import H, HolderKey, HolderStore
    from gpu_capacity.ports import Pause

ATTEMPTS_MAX: Final = 16
"""Attempts to change a record that changes every time. In each lost attempt another writer made progress."""


def advance(
    store: HolderStore[H],
    key: HolderKey,
    step: Callable[[H], H | None],
    pause: Pause,
    extra_actions: Callable[[H], Sequence[Action]] = lambda _before: (),
) -> H | None:
    """Read a record, compute its next state with ``step``, and write it, until a write succeeds.

    Args:
        store: the store that has the record.
        key: organization id and id of the record.
        step: returns the new record; ``None`` if the status of the record does not allow this step.
        pause: waits after a lost race.
        extra_actions: given the record as read, returns the other actions of the same transaction.

    Returns:
        The record as written; ``None`` if there is no record or ``step`` returned ``None``.

    Raises:
        RaceLost: other writers changed the record in every attempt.
        StorageUnavailable: the record has not changed, but another action of the transaction was refused.
    """
    lost: tuple[H, Refused] | None = None
    for attempt in range(ATTEMPTS_MAX):
        before = store.get(*key)
        if lost is not None:
            demand_change(before, *lost)
        after = None if before is None else step(before)
        if before is None or after is None:
            return None
        written = store.change(before, after, *extra_actions(before))
        if not isinstance(written, Refused):
            return written
        lost = before, written
        pause(attempt)
    raise RaceLost("the record changed every time")


def demand_change(found: object, before: object, refused: Refused) -> None:
    """Check that another writer has changed a record whose write was refused.

    Args:
        found: the record as read after the refusal.
        before: the record that the refused write was decided on.
        refused: the refusal.

    Raises:
        StorageUnavailable: the record has not changed, so it contradicts another item of the transaction.
            Only manual edits of the tables cause this, and only a manual edit can repair it.
    """
    if found == before:
        others = " and the ".join(sorted(refused.items.keys() - {RECORD}))
        raise StorageUnavailable(f"the record and the {others} disagree", outcome_unknown=False)
