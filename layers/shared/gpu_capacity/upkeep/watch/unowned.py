"""What providers have and nobody owns. It is only reported: the audit sweeps it, by its own rule. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.providers.port import HoldState, ServerState, VmServerState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from gpu_capacity.upkeep.watch.listing import Listed


@dataclass(frozen=True, slots=True)
class Unowned:
    """A hold or a server that nobody owns, since it began or was first seen, whichever is earlier."""

    what: str
    since: int
    is_new: bool


def unowned_in(
    listed: Listed, owners: Collection[str], sighted: Mapping[str, int], now: int
) -> list[Unowned]:
    """What is listed under a name that no record has, by name.

    Lists are read before records, and a hold begins after its record. But the index of records may lag: so
    what is seen for the first time (``is_new``) may have an owner after all.

    Args:
        listed: what providers list.
        owners: the names under which providers know the holders of all records.
        sighted: when things were seen first, by what they are.
        now: the present time.
    """
    found: dict[str, int | None] = {}
    for holder_id, holds in listed.holds.items():
        if holder_id not in owners:
            staying = [hold for hold in holds if hold.state is not HoldState.RELEASING]
            found |= {f"hold of {holder_id} on {hold.host_id}": hold.since for hold in staying}
    for owner, servers in listed.servers.items():
        if owner not in owners:
            running = [server for server in servers if server.state is not ServerState.DELETING]
            found |= {f"server of {owner} on {server.host_id}": server.since for server in running}
    for owner, vm_servers in listed.vm_servers.items():
        if owner not in owners:
            there = [server for server in vm_servers if server.state is not VmServerState.DELETING]
            found |= {f"VM server of {owner} on {server.host_id}": server.started_at for server in there}
    return [
        Unowned(what, min(sighted.get(what, now), now if since is None else since), what not in sighted)
        for what, since in sorted(found.items())
    ]
