"""Search holders over all organizations: by region, hardware, kind, status, organization and age."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import NotFound
from gpu_capacity.holders.held import LATEST, HeldEntry
from gpu_capacity.operations.kinds import kind_and_id, records_of, sort_key_of
from gpu_capacity.operations.parts import parts_of, regions_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from gpu_capacity.holders.held import HeldIndex
    from gpu_capacity.holders.roles import HasClock, HasInventory
    from gpu_capacity.inventory.cordons import Target
    from gpu_capacity.operations.kinds import HasRecords, HolderKind, Record

    class HasHeld(Protocol):
        """The index of all holders."""

        @property
        def held(self) -> HeldIndex: ...  # noqa: D102 - the class describes it

    class Needs(HasClock, HasHeld, HasInventory, HasRecords, Protocol):
        """What the functions of this module work with."""


RECORDS_AT_ONCE: Final = 100
"""Records that are read in one request: a batch of DynamoDB."""

_EVERY_SLOT: Final = -1


@dataclass(frozen=True, slots=True)
class HolderSearch:
    """Which holders to list: those that all of this is true of. Empty and None restrict nothing.

    ``target`` names hardware of the only region. Ages are in seconds, of the record.
    """

    regions: frozenset[str] = frozenset()
    target: Target | None = None
    kinds: frozenset[HolderKind] = frozenset()
    statuses: frozenset[str] = frozenset()
    organizations: frozenset[str] = frozenset()
    older_than: int | None = None
    younger_than: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Hardware of a region by position: a pod, a domain of it, or hosts of that as a mask over slots."""

    region_id: str
    pod_id: str
    position: int | None = None
    hosts: int = _EVERY_SLOT


def find_holders(
    services: Needs, wanted: HolderSearch, after: HeldEntry | None = None, limit: int | None = None
) -> list[Record]:
    """The holders that are wanted, the oldest first, from the index of holders and their records.

    The index is eventually consistent: a holder may show up a moment after it was made.

    Args:
        services: collaborators.
        wanted: which.
        after: where a list before ended.
        limit: how many at most; None for all.

    Raises:
        NotFound: the region does not have the hardware.
    """
    place = None
    if wanted.target is not None:
        (region_id,) = wanted.regions
        place = place_of(services, region_id, wanted.target)
    regions = wanted.regions or frozenset(region.id for region in services.inventory.regions())
    now = services.clock.now()
    last = LATEST if wanted.older_than is None else now - wanted.older_than
    first = 0 if wanted.younger_than is None else max(0, now - wanted.younger_than)
    entries = (e for e in services.held.entries(regions, (first, last), after) if _may_match(wanted, e))
    found = (
        record
        for record in _records(services, entries)
        if _matches(wanted, regions, record) and (place is None or has_part_of(record, place))
    )
    return list(islice(found, limit))


def entry_of(record: Record) -> HeldEntry:
    """The entry of a record in the index of holders."""
    return HeldEntry(record.created_at, record.organization_id, sort_key_of(record))


def place_of(services: HasInventory, region_id: str, target: Target) -> Place:
    """Where the hardware is that a target names.

    Raises:
        NotFound: the region does not have it.
    """
    if target.pod_id is not None:
        pods = [*services.inventory.pods({(region_id, target.pod_id)}).values()]
    else:
        pods = services.inventory.pods_of(region_id)
    for pod in pods:
        if not target.is_in(pod):
            continue
        if target.host_id is not None:
            for domain in pod.domains:
                for host in domain.hosts:
                    if host.id == target.host_id:
                        return Place(region_id, pod.id, domain.position, 1 << host.slot)
        if target.domain_id is not None:
            (position,) = (d.position for d in pod.domains if d.id == target.domain_id)
            return Place(region_id, pod.id, position)
        return Place(region_id, pod.id)
    raise NotFound(f"{target} does not exist in the region")


def has_part_of(record: Record, place: Place) -> bool:
    """Whether a record has something of a place."""
    return any(
        (part.region_id, part.pod_id) == (place.region_id, place.pod_id)
        and place.position in (None, part.position)
        and bool(place.hosts & (_EVERY_SLOT if part.hosts is None else part.hosts))
        for part in parts_of(record)
    )


def _may_match(wanted: HolderSearch, entry: HeldEntry) -> bool:
    """What the key of a record already says."""
    kind, _ = kind_and_id(entry.sort_key)
    return (not wanted.kinds or kind in wanted.kinds) and (
        not wanted.organizations or entry.organization_id in wanted.organizations
    )


def _matches(wanted: HolderSearch, regions: frozenset[str], record: Record) -> bool:
    # A holder of several regions is in the list of each.
    return bool(regions & regions_of(record)) and (
        not wanted.statuses or record.status.value in wanted.statuses
    )


def _records(services: HasRecords, entries: Iterator[HeldEntry]) -> Iterator[Record]:
    while chunk := list(islice(entries, RECORDS_AT_ONCE)):
        yield from records_of(services, chunk)
