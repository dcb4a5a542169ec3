"""Which hosts are in maintenance, as a provider keeps it in its table.

A maintenance of a host is an item while it lasts; all such items are in one partition, so that one read tells
that a host is in none. An item elsewhere says that it has ended, so that a request for it is refused, however
late it arrives.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb.client import encode
from gpu_capacity.dynamodb.tombstones import IS_FREE, TTL_ATTRIBUTE, free_at
from gpu_capacity.dynamodb.writes import Check, Delete, Put
from gpu_capacity.providers.table import FENCE_SECONDS, ProviderTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gpu_capacity.dynamodb.keys import Key
    from gpu_capacity.dynamodb.writes import Action

IN_MAINTENANCE: Final = "the host is in maintenance"
"""Customers may see it."""

_ASIDE, _ENDED = "aside", "ended"
_ENDED_PREFIX: Final = "ENDED#"


class AsideTable(ProviderTable):
    """The servers table, with what is in maintenance."""

    @abstractmethod
    def _aside_partition(self) -> str:
        """The partition of all maintenances of hosts that last."""

    def maintained(self, host_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """See ``HostProvider.maintained``."""
        lasting = self._lasting(host_ids)
        return {host_id: sorted(lasting.get(host_id, ())) for host_id in host_ids}

    def _lasting(self, host_ids: Iterable[str]) -> dict[str, dict[str, str]]:
        """The reasons of the maintenances that last, by host and name. Other hosts are in none."""
        wanted = set(host_ids)
        found: dict[str, dict[str, str]] = {}
        for item in self._query(self._aside_partition(), "") if wanted else ():
            maintenance, _, host_id = str(item["sk"]).partition(" ")
            if host_id in wanted:
                found.setdefault(host_id, {})[maintenance] = str(item["reason"])
        return found

    def _set_aside(self, maintenance: str, host_ids: Iterable[str], reason: str) -> dict[str, bool]:
        """Note that hosts are in a maintenance. By host, whether it had not ended there."""
        now = self._clock.now()
        parts: dict[str, list[Action]] = {
            host_id: [
                Put(
                    f"{_ASIDE} {host_id}",
                    self._table,
                    self._aside_key(maintenance, host_id) | encode({"reason": reason}),
                ),
                Check(
                    f"{_ENDED} {host_id}",
                    self._table,
                    self._ended_key(maintenance, host_id),
                    IS_FREE,
                    {},
                    free_at(now),
                ),
            ]
            for host_id in dict.fromkeys(host_ids)
        }
        return {host_id: not refused for host_id, refused in self._commit_each(parts).items()}

    def _bring_back(self, maintenance: str, host_ids: Iterable[str]) -> None:
        """Note that a maintenance has ended for hosts."""
        ended = encode({TTL_ATTRIBUTE: self._clock.now() + FENCE_SECONDS})
        self._commit_each(
            {
                host_id: [
                    Delete(f"{_ASIDE} {host_id}", self._table, self._aside_key(maintenance, host_id)),
                    Put(f"{_ENDED} {host_id}", self._table, self._ended_key(maintenance, host_id) | ended),
                ]
                for host_id in dict.fromkeys(host_ids)
            }
        )

    def _aside_key(self, maintenance: str, host_id: str) -> Key:
        return {"pk": {"S": self._aside_partition()}, "sk": {"S": f"{maintenance} {host_id}"}}

    def _ended_key(self, maintenance: str, host_id: str) -> Key:
        return {"pk": {"S": f"{_ENDED_PREFIX}{self._aside_partition()}#{maintenance}"}, "sk": {"S": host_id}}
