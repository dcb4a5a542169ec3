"""Read the history of a holder, for whoever may read the holder; also after it is gone."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Protocol

    from gpu_capacity.history.event import Kind
    from gpu_capacity.history.items import Entry
    from gpu_capacity.history.store import HistoryStore
    from gpu_capacity.holders.windows import Window

    class Needs(Protocol):
        """What the functions of this module work with."""

        @property
        def history(self) -> HistoryStore:
            """What happened to holders."""


_FETCHED: Final = 100
"""How many events one request fetches, where everything is asked for."""


def history_of(
    services: Needs,
    kind: Kind,
    holder_id: str,
    organizations: Iterable[str],
    may_see: Callable[[Entry], bool],
    window: Window,
) -> list[Entry]:
    """The events of a holder that the caller may see, newest first; empty if there are none.

    Args:
        services: collaborators.
        kind: of the holder.
        holder_id: as sent by the client, in canonical form.
        organizations: where to look. The first that has any history of this id is the holder's.
        may_see: whether the caller may see an event.
        window: which part of the history.
    """
    for organization_id in organizations:
        if window.after is not None and window.after[1] != organization_id:
            continue
        below = None if window.after is None else window.after[0]
        chunk = window.chunk or _FETCHED
        entries = services.history.newest_first(kind, (organization_id, holder_id), below, chunk)
        if found := list(islice(filter(may_see, entries), window.limit)):
            return found
    return []


def known_or_not_found(entries: list[Entry], window: Window, look: Callable[[], object]) -> list[Entry]:
    """The entries, if the caller may know of the holder.

    Args:
        entries: what ``history_of`` found.
        window: what was asked for.
        look: looks for the holder itself, and raises ``NotFound`` if the caller may see none.

    Raises:
        NotFound: the caller may see neither the holder nor anything of its past.
    """
    if not entries and window.after is None:
        look()
    return entries
