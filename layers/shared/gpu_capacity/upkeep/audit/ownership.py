"""Who owns what according to pods, and according to records, in one form for both. Pure; judges nothing.

``rules`` compares the two. Only this module and the repairs that write owners know how items store them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from gpu_capacity.capacity_claims.record import CapacityClaim
from gpu_capacity.dynamodb import keys
from gpu_capacity.reservations.record import Reservation, Status
from gpu_capacity.upkeep.audit.facts import Side, Table
from gpu_capacity.vms.record import Vm

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gpu_capacity.inventory.bookings import Booking
    from gpu_capacity.reservations.record import Run
    from gpu_capacity.upkeep.audit.facts import Facts, Owner

Place: TypeAlias = "tuple[Side, int]"
"""An ownership item and a position: one domain."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a tag owns of one domain.

    ``mask`` has the hosts, or, with a tag of GPUs, the GPUs of the only host; None for the whole domain.
    """

    pod: Side
    position: int
    tag: str
    mask: int | None

    @property
    def place(self) -> Place:
        """The domain."""
        return self.pod, self.position

    def overlaps(self, other: Part) -> bool:
        """Whether two parts of one domain share hardware. A host includes all of its GPUs."""
        if self.mask is None or other.mask is None:
            return True
        if is_of_gpus(self.tag) is not is_of_gpus(other.tag):
            return bool(self.mask) and bool(other.mask)
        return bool(self.mask & other.mask)


@dataclass(frozen=True, slots=True)
class Listing(Part):
    """What a record lists as owned by its holder, of one domain."""

    record: Side


def owned(facts: Facts) -> Iterator[Part]:
    """Everything that pods show as owned, by whatever tag."""
    for pod, claims in sorted(facts.owners.items()):
        for position, owner in sorted(claims.owners.items()):
            if isinstance(owner, bytes):
                yield Part(pod, position, owner.hex(), None)
            else:
                for tag, mask in sorted(owner.items()):
                    yield Part(pod, position, tag, mask)
        for booking in claims.bookings:
            yield from run_of(pod, booking)


def run_of(pod: Side, booking: Booking) -> Iterator[Part]:
    """The domains of a booking."""
    for position in booking.positions:
        yield Part(pod, position, booking.tag.hex(), None)


def attribute(facts: Facts, place: Place) -> Owner | None:
    """The attribute that records who owns a domain, as read: repairs demand that it is unchanged.

    For a domain without an owner it is the stamp; None if it has none.
    """
    pod, position = place
    claims = facts.owners.get(pod)
    return claims.owners.get(position, claims.stamps.get(position)) if claims else None


def listings(facts: Facts) -> Iterator[Listing]:
    """Everything that records list as certainly owned by their holders."""
    for record, holder in facts.holders.items():
        tag = facts.tags.get(record, "")
        match holder:
            case Reservation() if not _gives_back(holder):
                yield from _runs(record, holder, holder.runs)
            case CapacityClaim():
                for a in holder.allocations:
                    pod = claims_of(a.zone, a.flavor_id, a.pod_id)
                    yield Listing(pod, a.position, tag, a.hosts, record)
            case Vm() if holder.gpus:
                yield Listing(claims_of(*holder.pod), holder.position, tag, holder.gpus, record)
            case _:
                pass


def possible_listings(facts: Facts) -> Iterator[Listing]:
    """Everything that holders may own: runs that are being claimed, and runs that are being given back.

    If a pod shows such a run as owned, its owner is known. But the pod need not show it yet, or any more.
    """
    for record, holder in facts.holders.items():
        if isinstance(holder, Reservation):
            named = (holder.named,) if holder.named else ()
            given_back = holder.runs if _gives_back(holder) else ()
            yield from _runs(record, holder, (*named, *holder.leaving, *given_back))


def _gives_back(holder: Reservation) -> bool:
    return holder.status is Status.DEPROVISIONING


def _runs(record: Side, holder: Reservation, runs: Iterable[Run]) -> Iterator[Listing]:
    for run in runs:
        pod = claims_of(holder.region_id, holder.flavor_id, run.placement.pod_id)
        for position in run.placement.positions:
            yield Listing(pod, position, run.tag.hex(), None, record)


def record_of(facts: Facts, tag: str) -> Side | None:
    """The record of a tag; a reservation is found by its holder tag and by every run that it names."""
    for record, own in facts.tags.items():
        holder = facts.holders.get(record)
        tags = [own]
        if isinstance(holder, Reservation):
            named = (holder.named,) if holder.named else ()
            tags += [run.tag.hex() for run in (*holder.runs, *holder.leaving, *named)]
        if tag in tags:
            return record
    return None


AnyPart = TypeVar("AnyPart", bound=Part)


def by_place(parts: Iterable[AnyPart]) -> Mapping[Place, Sequence[AnyPart]]:
    """The same, domain by domain."""
    found: dict[Place, list[AnyPart]] = defaultdict(list)
    for part in parts:
        found[part.place].append(part)
    return found


def missing(part: Part, among: Iterable[Part]) -> Part | None:
    """The rest of a part that ``among``, parts of the same domain, does not have under its tag, if any."""
    same = [other.mask for other in among if other.tag == part.tag]
    if part.mask is None:
        return None if None in same else part
    left = part.mask
    for mask in same:
        left &= ~(mask or 0)
    return Part(part.pod, part.position, part.tag, left) if left else None


def is_of_gpus(tag: str) -> bool:
    """Whether a tag marks GPUs and not hosts."""
    return tag.startswith(keys.GPU_TAG_PREFIX)


def claims_of(region_id: str, flavor_id: str, pod_id: str) -> Side:
    """The ownership item of a pod."""
    return Side.of(Table.INVENTORY, keys.owners(region_id, flavor_id, pod_id))
