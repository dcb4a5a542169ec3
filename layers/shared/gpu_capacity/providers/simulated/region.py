"""A host provider that simulates holds in a table. They take time, fail or hang as configured.

Nothing runs between invocations: a read computes a state from the clock. Two things are real, as in any
provider: a host has at most one holder, and the fence. Conditions of the writes ensure both.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from gpu_capacity.dynamodb.client import encode, encode_value
from gpu_capacity.dynamodb.database import Busy, Committed, Refused
from gpu_capacity.dynamodb.tombstones import IS_FREE, TTL_ATTRIBUTE, free_at
from gpu_capacity.dynamodb.writes import Check, Put, Update
from gpu_capacity.errors import ProviderUnavailable, StorageUnavailable
from gpu_capacity.providers.port import Hold, HoldOutcome, HoldState, Page
from gpu_capacity.providers.simulated import keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gpu_capacity.dynamodb.database import Database
    from gpu_capacity.dynamodb.keys import Key
    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.ports import Clock, Pause

Entry = TypeVar("Entry")

FENCE_SECONDS: Final = 7 * 24 * 3600
"""How long fences and ended items are kept: far longer than a request can be in progress."""

_CONFLICTS_MAX: Final = 8
_HOLD, _FENCE, _HOST = "hold", "fence", "host"


@dataclass(frozen=True, slots=True)
class SimulatedBehaviour:
    """How simulated servers behave: times in seconds, shares between 0 and 1, and hosts by id.

    The share of hosts is selected by host id, so that a run can be repeated.
    """

    ready_seconds: int = 2
    delete_seconds: int = 1
    failure_share: float = 0.0
    stuck_share: float = 0.0
    failing_hosts: frozenset[str] = frozenset()
    stuck_hosts: frozenset[str] = frozenset()

    def fails(self, host_id: str) -> bool:
        """Whether a server on this host fails instead of getting ready."""
        return host_id in self.failing_hosts or _draw("fail", host_id) < self.failure_share

    def hangs(self, host_id: str) -> bool:
        """Whether a server on this host stays in state ``starting``."""
        return host_id in self.stuck_hosts or _draw("hang", host_id) < self.stuck_share


class SimulatedRegion:
    """A ``HostProvider`` over the servers table."""

    def __init__(
        self, database: Database, table: str, clock: Clock, pause: Pause, behaviour: SimulatedBehaviour
    ) -> None:
        self._database = database
        self._table = table
        self._clock = clock
        self._pause = pause
        self._behaviour = behaviour

    def hold(self, holder_id: str, region_id: str, host_ids: Sequence[str]) -> Mapping[str, HoldOutcome]:
        """See ``HostProvider.hold``."""
        return {host_id: self._hold(holder_id, region_id, host_id) for host_id in host_ids}

    def _hold(self, holder_id: str, region_id: str, host_id: str) -> HoldOutcome:
        """Hold a host. One transaction checks the fence and the host, and writes the hold."""
        now = self._clock.now()
        hold = keys.hold(holder_id, host_id) | encode(
            {"region": region_id, "started_at": now, "ready_at": now + self._behaviour.ready_seconds}
        )
        occupation = keys.held_host(host_id) | encode({"holder": holder_id})
        outcome = self._commit(
            Check(_FENCE, self._table, keys.fence(holder_id), IS_FREE, {}, free_at(now)),
            Put(_HOLD, self._table, hold, IS_FREE, {}, free_at(now)),
            Put(
                _HOST,
                self._table,
                occupation,
                "attribute_not_exists(pk) OR gone_at <= :now",
                {},
                {":now": encode_value(now)},
            ),
        )
        if isinstance(outcome, Committed):
            return HoldOutcome.HELD
        if _FENCE in outcome.items:
            return HoldOutcome.FENCED
        return HoldOutcome.HELD if _HOLD in outcome.items else HoldOutcome.OCCUPIED

    def fence(self, holder_id: str) -> None:
        """See ``HostProvider.fence``."""
        expires = self._clock.now() + FENCE_SECONDS
        self._commit(Put(_FENCE, self._table, keys.fence(holder_id) | encode({TTL_ATTRIBUTE: expires})))

    def release(self, holder_id: str, host_ids: Sequence[str]) -> None:
        """See ``HostProvider.release``. A repeated call does not begin again.

        One transaction marks both items of a hold, so that the host becomes free when the hold is gone.
        """
        gone_at = self._clock.now() + self._behaviour.delete_seconds
        values = {":gone_at": encode_value(gone_at), ":sweep_at": encode_value(gone_at + FENCE_SECONDS)}
        for host_id in host_ids:
            self._commit(
                Update(
                    _HOLD,
                    self._table,
                    keys.hold(holder_id, host_id),
                    f"SET gone_at = :gone_at, {TTL_ATTRIBUTE} = :sweep_at",
                    "attribute_exists(pk) AND attribute_not_exists(gone_at)",
                    {},
                    values,
                ),
                Update(
                    _HOST,
                    self._table,
                    keys.held_host(host_id),
                    f"SET gone_at = :gone_at, {TTL_ATTRIBUTE} = :sweep_at",
                    "holder = :holder",
                    {},
                    {**values, ":holder": {"S": holder_id}},
                ),
            )

    def held(self, holder_id: str) -> Sequence[Hold]:
        """See ``HostProvider.held``. Does not delete items of holds that are gone: these expire."""
        try:
            partition = keys.holds_partition(holder_id)
            items = list(self._database.query(self._table, partition, keys.HOST_PREFIX))
        except StorageUnavailable as error:
            raise ProviderUnavailable("the simulated region does not answer") from error
        return [hold for item in items if (hold := self._observe(holder_id, item))]

    def held_on(self, host_ids: Sequence[str]) -> Sequence[Hold]:
        """See ``HostProvider.held_on``. Uses the items of held hosts, like ``hold``."""
        now = self._clock.now()
        occupations = self._read_many([keys.held_host(host_id) for host_id in host_ids])
        holders = {
            str(item["pk"]).removeprefix(keys.HOST_PREFIX): str(item["holder"])
            for item in occupations
            if item.get("gone_at", now + 1) > now
        }
        places = [keys.hold(holder_id, host_id) for host_id, holder_id in holders.items()]
        known = {h.host_id: h for item in self._read_many(places) if (h := self._observed(item))}
        return [
            known.get(host_id)
            or Hold(holders[host_id], host_id, HoldState.UNFIT, "of which nothing is known")
            for host_id in sorted(holders)
        ]

    def every_hold(self, after: str | None = None) -> Page[Hold]:
        """See ``HostProvider.every_hold``."""
        return page_of(self._database, self._table, after, self._observed)

    def _read_many(self, wanted: Sequence[Key]) -> list[dict[str, Any]]:
        try:
            return self._database.get_many(self._table, wanted)
        except StorageUnavailable as error:
            raise ProviderUnavailable("the simulated region does not answer") from error

    def _observed(self, item: dict[str, Any]) -> Hold | None:
        """The hold in an item of the table; ``None`` if the item is not a hold, or the hold is gone."""
        partition, sort_key = str(item["pk"]), str(item["sk"])
        holder_id = partition.removeprefix(keys.holds_partition(""))
        if holder_id == partition or not sort_key.startswith(keys.HOST_PREFIX):
            return None
        return self._observe(holder_id, item)

    def _observe(self, holder_id: str, item: dict[str, Any]) -> Hold | None:
        host_id, now = item["sk"].removeprefix(keys.HOST_PREFIX), self._clock.now()
        hold = partial(Hold, holder_id, host_id, since=int(item["started_at"]))
        if "gone_at" in item:
            return hold(HoldState.RELEASING) if now < item["gone_at"] else None
        if self._behaviour.hangs(host_id) or now < item["ready_at"]:
            return hold(HoldState.PREPARING)
        if self._behaviour.fails(host_id):
            return hold(HoldState.UNFIT, "simulated hardware fault")
        return hold(HoldState.HELD)

    def _commit(self, *actions: Action) -> Committed | Refused:
        try:
            for attempt in range(_CONFLICTS_MAX):
                outcome = self._database.commit(*actions)
                if not isinstance(outcome, Busy):
                    return outcome
                self._pause(attempt)
        except StorageUnavailable as error:
            raise ProviderUnavailable("the simulated region does not answer") from error
        raise ProviderUnavailable("the simulated region is busy")


def page_of(
    database: Database, table: str, after: str | None, entry: Callable[[dict[str, Any]], Entry | None]
) -> Page[Entry]:
    """A page of entries from a page of the table's items. ``entry`` returns ``None`` for other items.

    If an item cannot be read, because it was edited by hand, the whole page fails. A list without the item
    would be wrong.
    """
    try:
        items, last = database.scan_page(table, json.loads(after) if after is not None else None)
        found = tuple(value for item in items if (value := entry(item)) is not None)
    except StorageUnavailable as error:
        raise ProviderUnavailable("the simulated region does not answer") from error
    except (LookupError, TypeError, ValueError) as error:
        raise ProviderUnavailable("the simulated region has an item that cannot be read") from error
    return Page(found, json.dumps(last) if last is not None else None)


def _draw(purpose: str, host_id: str) -> float:
    """A number in [0, 1) that depends on the purpose and the host only."""
    digest = hashlib.sha256(f"{purpose}:{host_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
