"""What applies to placements only: their hosts, and servers on them."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final

from testkit.items import RESERVATION
from testkit.placed import count_of, occupied_of, placed_of, placed_server_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from testkit.items import Domain, Item, Record, RecordKey
    from testkit.placed import Placed, PlacedServer

OCCUPIED: Final = frozenset({"provisioned", "deprovisioning"})
"""The statuses in which a reservation may have placements."""


def placements_of(holders: Mapping[RecordKey, Item]) -> list[Placed]:
    """Every placement that is not gone."""
    return [placed for key, item in holders.items() if (placed := placed_of(key, item)) is not None]


def judge(
    holders: Mapping[RecordKey, Item], live: Iterable[Record], placements: Sequence[Placed]
) -> Iterator[str]:
    """Everything that is wrong in the records of placements, and in what reservations say of them."""
    by_reservation: defaultdict[RecordKey, dict[RecordKey, Placed]] = defaultdict(dict)
    for placed in placements:
        by_reservation[placed.reservation][placed.key] = placed
        if count_of(placed.hosts) != placed.count + len(placed.leaving):
            yield f"{placed.key} has {count_of(placed.hosts)} of {placed.count} hosts"
    reservations = {record.key: record for record in live if record.kind == RESERVATION}
    for key in sorted(by_reservation.keys() - reservations.keys()):
        yield f"{key} is gone, and has placements {sorted(by_reservation[key])}"
    for key, record in reservations.items():
        occupied = occupied_of(key, holders[key])
        taken: Counter[tuple[Domain, int]] = Counter()
        for placement in sorted(occupied.keys() | by_reservation[key].keys()):
            mine = by_reservation[key].get(placement)
            if mine is None or mine.hosts != occupied.get(placement) or mine.life != record.life:
                yield f"{key} and {placement} do not agree about hosts"
            taken.update(_slots(occupied.get(placement, {})))
        if several := [place for place, times in taken.items() if times > 1]:
            yield f"{key}: several placements have {several}"
        if strange := {domain for domain, _ in taken} - record.holds.keys():
            yield f"{key}: placements have hosts of {sorted(strange)}, which it does not own"
        if taken and record.status not in OCCUPIED:
            yield f"{key} is {record.status} and has placements"


def judge_servers(
    present: Sequence[Item], live: Iterable[Record], placements: Iterable[Placed]
) -> Iterator[str]:
    """A server belongs to a placement, and its reservation holds the host; a host has one server."""
    owners = {record.key: record.hold_owner for record in live if record.kind == RESERVATION}
    by_owner = {placed.owner: placed for placed in placements}
    holds = {
        (item["pk"]["S"].removeprefix("HOLDER#"), item["sk"]["S"].removeprefix("HOST#"))
        for item in present
        if item["sk"]["S"].startswith("HOST#")
    }
    on_host = {
        (item["server"]["S"], item["pk"]["S"].removeprefix("HOST#"))
        for item in present
        if item["sk"]["S"] == "HOST" and "server" in item
    }
    for item in present:
        server = placed_server_of(_key(item), item)
        if server is None:
            continue
        placed = by_owner.get(server.owner)
        if placed is None:
            yield f"the server of {server.owner} on {server.host} has no placement"
        elif (owners.get(placed.reservation), server.host) not in holds:
            yield f"the server of {placed.key} is on {server.host}, which its reservation does not hold"
        if (server.owner, server.host) not in on_host:
            yield f"the server of {server.owner} is on {server.host}, and the host does not say so"


def judge_rest(present: Iterable[Item], placements: Iterable[Placed]) -> Iterator[str]:
    """A provisioned placement has all servers, with its image if the service sees to that.

    One whose record says why may lack servers. No placement has two servers of one ordinal for good.
    """
    running: defaultdict[str, list[PlacedServer]] = defaultdict(list)
    for item in present:
        if (server := placed_server_of(_key(item), item)) is not None and server.gone_at is None:
            running[server.owner].append(server)
    for placed in placements:
        servers = running[placed.owner]
        wanted = [server for server in servers if not placed.budget or server.image == placed.image]
        if placed.status == "provisioned" and len(wanted) != placed.count and not placed.is_impaired:
            yield f"{placed.key} is provisioned with {len(wanted)} of {placed.count} servers"
        ordinals = Counter(server.ordinal for server in servers)
        if twice := sorted(ordinal for ordinal, times in ordinals.items() if times > 1):
            yield f"{placed.key} has two servers of {twice}"


def _slots(hosts: Mapping[Domain, int]) -> Iterator[tuple[Domain, int]]:
    for domain, mask in hosts.items():
        yield from ((domain, slot) for slot in range(mask.bit_length()) if mask >> slot & 1)


def _key(item: dict[str, Any]) -> RecordKey:
    return item["pk"]["S"], item["sk"]["S"]
