"""A provider's own table: how providers read and write what they keep there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeVar

from gpu_capacity.dynamodb.database import Busy, Committed, Refused
from gpu_capacity.errors import ProviderUnavailable, StorageUnavailable
from gpu_capacity.providers.port import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gpu_capacity.dynamodb.database import Database
    from gpu_capacity.dynamodb.keys import Key
    from gpu_capacity.dynamodb.writes import Action, Check
    from gpu_capacity.ports import Clock, Pause

Entry = TypeVar("Entry")

FENCE_SECONDS: Final = 7 * 24 * 3600
"""How long fences and ended items are kept: far longer than a request can be in progress."""

FENCE: Final = "fence"
_CONFLICTS_MAX: Final = 8
_HOSTS_PER_WRITE: Final = 25
"""With four actions for a host, one transaction has room for them."""


class ProviderTable:
    """The servers table, as one provider uses it.

    Args:
        name: what the provider is called in messages.
        database: where the table is.
        table: its name.
        clock: tells when fences expire.
        pause: waits before a transaction that met another one is sent again.
    """

    def __init__(self, name: str, database: Database, table: str, clock: Clock, pause: Pause) -> None:
        self._name = name
        self._database = database
        self._table = table
        self._clock = clock
        self._pause = pause

    def _commit(self, *actions: Action) -> Committed | Refused:
        try:
            for attempt in range(_CONFLICTS_MAX):
                outcome = self._database.commit(*actions)
                if not isinstance(outcome, Busy):
                    return outcome
                self._pause(attempt)
        except StorageUnavailable as error:
            raise ProviderUnavailable(f"{self._name} does not answer") from error
        raise ProviderUnavailable(f"{self._name} is busy")

    def _commit_each(
        self, parts: Mapping[str, Sequence[Action]], fence: Check | None = None
    ) -> dict[str, Mapping[str, dict[str, Any] | None]]:
        """Write the part of each host whole or not at all, many in one transaction.

        The labels of a part end with a space and its host.

        Returns:
            By host, the items that refused its part, by label without the host: nothing if it was written.
            A fence that refuses is under ``FENCE``.
        """
        done: dict[str, Mapping[str, dict[str, Any] | None]] = {}
        waiting = list(parts)
        while waiting:
            now, later = waiting[:_HOSTS_PER_WRITE], waiting[_HOSTS_PER_WRITE:]
            actions = [action for host_id in now for action in parts[host_id]]
            outcome = self._commit(*([fence] if fence else ()), *actions)
            if isinstance(outcome, Committed):
                done |= {host_id: {} for host_id in now}
                waiting = later
            elif FENCE in outcome.items:
                return done | {host_id: {FENCE: outcome.items[FENCE]} for host_id in waiting}
            else:
                refused: dict[str, dict[str, dict[str, Any] | None]] = {}
                for label, item in outcome.items.items():
                    what, _, host_id = label.partition(" ")
                    refused.setdefault(host_id, {})[what] = item
                done |= refused
                waiting = [host_id for host_id in waiting if host_id not in refused]
        return done

    def _read(self, key: Key) -> dict[str, Any] | None:
        try:
            return self._database.get(self._table, key)
        except StorageUnavailable as error:
            raise ProviderUnavailable(f"{self._name} does not answer") from error

    def _read_many(self, wanted: Sequence[Key]) -> list[dict[str, Any]]:
        try:
            return self._database.get_many(self._table, wanted)
        except StorageUnavailable as error:
            raise ProviderUnavailable(f"{self._name} does not answer") from error

    def _query(self, partition: str, prefix: str) -> list[dict[str, Any]]:
        try:
            return list(self._database.query(self._table, partition, prefix))
        except StorageUnavailable as error:
            raise ProviderUnavailable(f"{self._name} does not answer") from error

    def _page(self, after: str | None, entry: Callable[[dict[str, Any]], Entry | None]) -> Page[Entry]:
        """A page of entries from a page of the table's items. ``entry`` returns ``None`` for other items.

        If an item cannot be read, because it was edited by hand, the whole page fails. A list without the
        item would be wrong.
        """
        try:
            last = json.loads(after) if after is not None else None
            items, last = self._database.scan_page(self._table, last)
            found = tuple(value for item in items if (value := entry(item)) is not None)
        except StorageUnavailable as error:
            raise ProviderUnavailable(f"{self._name} does not answer") from error
        except (LookupError, TypeError, ValueError) as error:
            raise ProviderUnavailable(f"{self._name} has an item that cannot be read") from error
        return Page(found, json.dumps(last) if last is not None else None)
