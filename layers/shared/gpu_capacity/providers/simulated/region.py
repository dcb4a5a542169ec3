"""A host provider that simulates holds and servers in a table. They take time, fail or hang as configured.

Nothing runs between invocations: a read computes a state from the clock. What any provider has to ensure is
ensured by conditions of the writes: a host has at most one holder and one server, a server stands on a held
host only, and a fence is respected.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from gpu_capacity.dynamodb.client import encode, encode_value
from gpu_capacity.dynamodb.tombstones import IS_FREE, TTL_ATTRIBUTE, free_at
from gpu_capacity.dynamodb.writes import Check, Put, Update
from gpu_capacity.providers.aside import IN_MAINTENANCE
from gpu_capacity.providers.host_keys import HOST_PREFIX
from gpu_capacity.providers.port import (
    Fitness,
    Hold,
    HoldOutcome,
    HoldState,
    MaintenanceOutcome,
    Readiness,
)
from gpu_capacity.providers.simulated import keys
from gpu_capacity.providers.simulated.servers import SimulatedServers
from gpu_capacity.providers.table import FENCE, FENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.providers.port import Page

_HOLD, _HOST = "hold", "host"
_FAULT = "simulated hardware fault"


class SimulatedRegion(SimulatedServers):
    """A ``HostProvider`` over the servers table. The servers are in ``SimulatedServers``."""

    def hold(self, holder_id: str, region_id: str, host_ids: Sequence[str]) -> Mapping[str, HoldOutcome]:
        """See ``HostProvider.hold``. One transaction checks the fence and the hosts, and writes the holds."""
        now = self._clock.now()
        ready_at = now + self._behaviour.ready_seconds
        values = {"region": region_id, "started_at": now, "ready_at": ready_at}
        aside = {
            host_id: {"aside": "; ".join(why.values())} for host_id, why in self._lasting(host_ids).items()
        }
        refusals = self._commit_each(
            {h: self._taking(holder_id, h, values | aside.get(h, {})) for h in host_ids},
            Check(FENCE, self._table, keys.HOSTS.fence(holder_id), IS_FREE, {}, free_at(now)),
        )
        return {host_id: _outcome(refused) for host_id, refused in refusals.items()}

    def fence(self, owner: str) -> None:
        """See ``HostProvider.fence``."""
        expires = self._clock.now() + FENCE_SECONDS
        self._commit(Put(FENCE, self._table, keys.HOSTS.fence(owner) | encode({TTL_ATTRIBUTE: expires})))

    def release(self, holder_id: str, host_ids: Sequence[str]) -> None:
        """See ``HostProvider.release``. A repeated call does not begin again.

        One transaction marks both items of a hold, so that the host becomes free when the hold is gone.
        """
        gone_at = self._clock.now() + self._behaviour.delete_seconds
        self._commit_each({host_id: self._releasing(holder_id, host_id, gone_at) for host_id in host_ids})

    def held(self, holder_id: str) -> Sequence[Hold]:
        """See ``HostProvider.held``. Does not delete items of holds that are gone: these expire."""
        items = self._query(keys.HOSTS.holds_partition(holder_id), HOST_PREFIX)
        return [hold for item in items if (hold := self._hold_in(item))]

    def held_on(self, host_ids: Sequence[str]) -> Sequence[Hold]:
        """See ``HostProvider.held_on``. Uses the items of held hosts, like ``hold``."""
        now = self._clock.now()
        occupations = self._read_many([keys.HOSTS.host(host_id) for host_id in host_ids])
        holders = {
            str(item["pk"]).removeprefix(HOST_PREFIX): str(item["holder"])
            for item in occupations
            if item.get("gone_at", now + 1) > now
        }
        places = [keys.HOSTS.hold(holder_id, host_id) for host_id, holder_id in holders.items()]
        known = {h.host_id: h for item in self._read_many(places) if (h := self._hold_in(item))}
        unknown = HoldState.UNFIT, "of which nothing is known"
        return [
            known.get(host_id) or Hold(holders[host_id], host_id, *unknown) for host_id in sorted(holders)
        ]

    def every_hold(self, after: str | None = None) -> Page[Hold]:
        """See ``HostProvider.every_hold``."""
        return self._page(after, self._hold_in)

    def fitness(self, host_ids: Sequence[str]) -> Mapping[str, Fitness]:
        """See ``HostProvider.fitness``. It is as configured, except during a maintenance."""
        aside = dict.fromkeys(self._lasting(host_ids), Fitness(Readiness.NOT_READY, IN_MAINTENANCE))
        return {host_id: aside.get(host_id) or self._fitness(host_id) for host_id in host_ids}

    def maintain(
        self, maintenance: str, host_ids: Sequence[str], reason: str
    ) -> Mapping[str, MaintenanceOutcome]:
        """See ``HostProvider.maintain``."""
        begun = self._set_aside(maintenance, host_ids, reason)
        outcome = {True: MaintenanceOutcome.IN_MAINTENANCE, False: MaintenanceOutcome.FENCED}
        return {host_id: outcome[lasts] for host_id, lasts in begun.items()}

    def end_maintenance(self, maintenance: str, host_ids: Sequence[str]) -> None:
        """See ``HostProvider.end_maintenance``."""
        self._bring_back(maintenance, host_ids)

    def _fitness(self, host_id: str) -> Fitness:
        if self._behaviour.fails(host_id):
            return Fitness(Readiness.NOT_READY, _FAULT)
        if self._behaviour.hangs(host_id):
            return Fitness(Readiness.UNKNOWN, "the host does not answer")
        return Fitness(Readiness.READY)

    def _taking(self, holder_id: str, host_id: str, values: dict[str, Any]) -> list[Action]:
        """The writes that hold a free host."""
        now = self._clock.now()
        return [
            Put(
                f"{_HOLD} {host_id}",
                self._table,
                keys.HOSTS.hold(holder_id, host_id) | encode(values),
                IS_FREE,
                {},
                free_at(now),
            ),
            Put(
                f"{_HOST} {host_id}",
                self._table,
                keys.HOSTS.host(host_id) | encode({"holder": holder_id}),
                "attribute_not_exists(pk) OR gone_at <= :now",
                {},
                {":now": encode_value(now)},
            ),
        ]

    def _releasing(self, holder_id: str, host_id: str, gone_at: int) -> list[Action]:
        """The writes that release a held host without a server."""
        ends = {":gone_at": encode_value(gone_at), ":sweep_at": encode_value(gone_at + FENCE_SECONDS)}
        return [
            Update(
                f"{_HOLD} {host_id}",
                self._table,
                keys.HOSTS.hold(holder_id, host_id),
                f"SET gone_at = :gone_at, {TTL_ATTRIBUTE} = :sweep_at",
                "attribute_exists(pk) AND attribute_not_exists(gone_at)",
                {},
                ends,
            ),
            Update(
                f"{_HOST} {host_id}",
                self._table,
                keys.HOSTS.host(host_id),
                f"SET gone_at = :gone_at, {TTL_ATTRIBUTE} = :sweep_at",
                "holder = :holder AND (attribute_not_exists(#server) OR server_gone_at <= :now)",
                {"#server": "server"},
                {**ends, ":holder": {"S": holder_id}, ":now": encode_value(self._clock.now())},
            ),
        ]

    def _hold_in(self, item: dict[str, Any]) -> Hold | None:
        """The hold in an item of the table; ``None`` if the item is not a hold, or the hold is gone."""
        partition, sort_key = str(item["pk"]), str(item["sk"])
        holder_id = partition.removeprefix(keys.HOSTS.holds_partition(""))
        if holder_id == partition or not sort_key.startswith(HOST_PREFIX):
            return None
        host_id, now = sort_key.removeprefix(HOST_PREFIX), self._clock.now()
        hold = partial(Hold, holder_id, host_id, since=int(item["started_at"]))
        if "gone_at" in item:
            return hold(HoldState.RELEASING) if now < item["gone_at"] else None
        if self._behaviour.hangs(host_id) or now < item["ready_at"]:
            return hold(HoldState.PREPARING)
        if self._behaviour.fails(host_id):
            return hold(HoldState.UNFIT, _FAULT)
        if "aside" in item:
            return hold(HoldState.UNFIT, f"in maintenance: {item['aside']}")
        return hold(HoldState.HELD)


def _outcome(refused: Mapping[str, dict[str, Any] | None]) -> HoldOutcome:
    """What became of a request for one host, from the items that refused it."""
    if not refused:
        return HoldOutcome.HELD
    known = refused.get(_HOLD)
    if FENCE in refused or (known is not None and "gone_at" in known):
        return HoldOutcome.FENCED
    return HoldOutcome.HELD if known is not None else HoldOutcome.OCCUPIED
