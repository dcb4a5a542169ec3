"""Move a record along its lifecycle, however often others change it meanwhile."""

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
"""Looks at a record that changes every time: each loss means that somebody else went on with it."""


def advance(
    store: HolderStore[H],
    key: HolderKey,
    step: Callable[[H], H | None],
    pause: Pause,
    beside: Callable[[H], Sequence[Action]] = lambda _before: (),
) -> H | None:
    """Write what ``step`` makes of the record as it stands.

    Args:
        store: where the record is.
        key: organization id and id.
        step: what becomes of the record; ``None`` where it is not in a state to become that.
        pause: waits after a lost race.
        beside: what is written with it, given the record as it was.

    Returns:
        The record as it stands now; ``None`` where there is none, or ``step`` made nothing of it.

    Raises:
        RaceLost: others changed it every time.
        StorageUnavailable: nobody changes it, and what is written with it is refused.
    """
    met: tuple[H, Refused] | None = None
    for attempt in range(ATTEMPTS_MAX):
        before = store.get(*key)
        if met is not None:
            demand_change(before, *met)
        after = None if before is None else step(before)
        if before is None or after is None:
            return None
        written = store.change(before, after, *beside(before))
        if not isinstance(written, Refused):
            return written
        met = before, written
        pause(attempt)
    raise RaceLost("the record changed every time")


def demand_change(found: object, before: object, refused: Refused) -> None:
    """Insist that a record was refused because somebody changed it.

    Raises:
        StorageUnavailable: it is as it was, so what was written with it says something else. Edits by hand
            do that, and nothing makes it good but another one.
    """
    if found == before:
        beside = " and the ".join(sorted(refused.items.keys() - {RECORD}))
        raise StorageUnavailable(f"the record and the {beside} disagree", outcome_unknown=False)
