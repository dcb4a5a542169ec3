"""Rules about capacity: pods, records and topology hashes have to agree. Pure.

``ownership`` extracts who owns what; ``vms``, ``servers`` and ``bookkeeping`` have the other rules.

Each rule goes over ``Facts`` and yields every disagreement as a finding, with the items that it is based on.
The same rules are applied twice: to whole tables, whose parts were read at different times and may disagree
for that reason alone; and to the few items of one finding, which were read in one transaction. What the
second pass shows as well is true.
"""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING

from gpu_capacity.capacity_claims.record import CapacityClaim, ClaimStatus
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.tombstones import Tombstone
from gpu_capacity.holders.ids import tag_of_owner
from gpu_capacity.inventory.bookings import TAG_BYTES, Booking
from gpu_capacity.placement.slices import GPUS_PER_NODE_MAX, slice_mask
from gpu_capacity.reservations.observation import hash_of
from gpu_capacity.reservations.record import Reservation, Status
from gpu_capacity.upkeep.audit.facts import Asked, Facts, Question, Side, Table
from gpu_capacity.upkeep.audit.findings import (
    EndBooking,
    Finding,
    Kind,
    MarkPart,
    MarkRun,
    ReleasePart,
    SetHash,
)
from gpu_capacity.upkeep.audit.ownership import (
    Part,
    attribute,
    by_place,
    claims_of,
    is_of_gpus,
    listings,
    missing,
    owned,
    possible_listings,
    record_of,
    run_of,
)
from gpu_capacity.upkeep.audit.vms import vm_contradiction
from gpu_capacity.vms.record import Vm, VmStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from gpu_capacity.upkeep.audit.facts import Holder
    from gpu_capacity.upkeep.audit.ownership import Listing, Place

_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_FIRST_VERSION = 1


def capacity_findings(facts: Facts) -> Iterator[Finding]:
    """All findings about who owns which hardware."""
    shown, listed = by_place(owned(facts)), by_place(listings(facts))
    contested = {place for place, parts in listed.items() if _pairs(parts)}
    for place, parts in sorted(listed.items()):
        yield from _double(place, parts)
        for listing in parts:
            if not _is_booked(listing.tag):
                yield from _orphaned(facts, listing, shown.get(place, ()), contested=place in contested)
    accounted = by_place([*listings(facts), *possible_listings(facts)])
    for place, owners in shown.items():
        yield from _owned_twice(place, owners)
        for part in owners:
            if not _is_booked(part.tag):
                yield from _leaked(facts, part, accounted.get(place, ()))
    yield from _bookings_leaked(facts, accounted)
    yield from _runs_orphaned(facts, shown, contested)
    yield from _hosts_twice(facts, shown)
    for record, holder in facts.holders.items():
        if problem := contradiction(holder):
            yield Finding(Kind.CONTRADICTORY, str(record), problem, (record,))
        if isinstance(holder, Reservation):
            yield from _hashed(facts, record, holder, shown)


def _double(place: Place, listed: Sequence[Listing]) -> Iterator[Finding]:
    """Domains, hosts or GPUs that two records list."""
    for one, other in _pairs(listed):
        first, second = sorted((one.record, other.record))
        yield Finding(
            Kind.DOUBLE,
            f"{_where(place)}: {first} and {second}",
            "two holders list the same hardware",
            (place[0], first, second),
        )


def _owned_twice(place: Place, owners: Sequence[Part]) -> Iterator[Finding]:
    """Hosts or GPUs that a pod shows as owned by two holders."""
    for one, other in combinations(owners, 2):
        if one.overlaps(other):
            subject = f"{_where(place)}: tags {one.tag} and {other.tag}"
            yield Finding(Kind.DOUBLE, subject, "the pod has the same hardware twice", (place[0],))


def _hosts_twice(facts: Facts, shown: Collection[Place]) -> Iterator[Finding]:
    """Machines that the inventory has at two places, so that they can be sold twice.

    The sync never writes that: a host that a document moves is withheld until its old place is given back.
    """
    first_places: dict[str, Place] = {}
    for pod, known in sorted(facts.pods.items()):
        for domain in known.domains:
            for host in domain.hosts:
                here = (pod, domain.position)
                first = first_places.setdefault(host.id, here)
                if first is not here:
                    yield _host_twice(facts, shown, host.id, (first, here))


def _host_twice(facts: Facts, shown: Collection[Place], host_id: str, places: tuple[Place, Place]) -> Finding:
    pods = [pod for pod, _ in places]
    of_somebody = sum(place in shown for place in set(places))
    return Finding(
        Kind.HOST_TWICE,
        f"host {host_id}: {' and '.join(map(_where, places))}",
        f"the inventory has a host at two places; somebody has something in {of_somebody} of their domains",
        tuple(dict.fromkeys(s for s in (*pods, *(_hardware(facts, pod) for pod in pods)) if s)),
    )


def _orphaned(
    facts: Facts, listing: Listing, owners: Sequence[Part], *, contested: bool
) -> Iterator[Finding]:
    """What a record lists and the pod does not show as owned by its holder."""
    lacks = missing(listing, owners)
    if lacks is None or listing.pod in facts.unreadable:
        return
    others = [part for part in owners if part.tag != listing.tag or part.mask is None or lacks.mask is None]
    free = not any(part.overlaps(lacks) for part in others)
    holder = facts.holders[listing.record]
    repair = None
    if free and listing.pod in facts.owners and not contested and not isinstance(holder, Tombstone):
        owner = attribute(facts, listing.place)
        repair = MarkPart(
            listing.pod,
            listing.position,
            listing.tag,
            owner,
            listing.mask,
            listing.record,
            holder,
        )
    shown = "as free" if free else "as somebody else's"
    yield Finding(
        Kind.ORPHANED,
        f"{_where(listing.place)}: {listing.record}",
        f"the record lists what the pod shows {shown}",
        (listing.pod, listing.record),
        repair,
    )


def _leaked(facts: Facts, part: Part, listed: Sequence[Listing]) -> Iterator[Finding]:
    """What a pod shows as owned by a tag, and no record of that tag lists."""
    if part.mask != 0 and missing(part, listed) is None:
        return
    record = record_of(facts, part.tag)
    if record in facts.unreadable or (record is None and not facts.knows_every_holder):
        return
    sides = tuple(s for s in (part.pod, _hardware(facts, part.pod), record) if s)
    subject = f"{_where(part.place)}: tag {part.tag}"
    if record is not None and not _is_over(facts.holders.get(record)):
        message = f"owned by {record}, which does not list it"
        yield Finding(Kind.LEAKED, subject, message, sides)
        return
    left = _holders_of(facts, part.tag)
    message = "owned by a holder that is gone"
    if left:
        message += f" and holds hosts at its provider: {', '.join(left)}"
    repair = None if left else _release(facts, part, record)
    questions = tuple(Question(Asked.HOLDS, owner) for owner in left)
    yield Finding(Kind.LEAKED, subject, message, sides, repair, questions=questions)


def _is_booked(tag: str) -> bool:
    """Whether a tag is that of a booking, which owns its whole run of domains or nothing."""
    return len(tag) == 2 * TAG_BYTES


def _bookings_leaked(facts: Facts, accounted: Mapping[Place, Sequence[Listing]]) -> Iterator[Finding]:
    """Bookings that no record lists or names, each once.

    Pods are read before records, and a booking is made after its record names it and ends before the record
    does. So a booking that no record names, and that a second read still shows, will never have one.
    """
    for pod, claims in facts.owners.items():
        for booking in claims.bookings:
            parts = run_of(pod, booking)
            if any(missing(part, accounted.get(part.place, ())) for part in parts):
                yield from _booking_leaked(facts, pod, booking)


def _booking_leaked(facts: Facts, pod: Side, booking: Booking) -> Iterator[Finding]:
    tag = booking.tag.hex()
    record = record_of(facts, tag)
    if record is None and not facts.knows_every_holder:
        return
    sides = tuple(s for s in (pod, _hardware(facts, pod), record) if s)
    subject = f"{_where_of_run(pod, booking)}: tag {tag}"
    if record is not None:
        message = f"owned by {record}, which does not list it"
        yield Finding(Kind.LEAKED, subject, message, sides)
        return
    repair = _end(facts, pod, booking)
    hosts = repair.hosts if repair else ()
    left = sorted({hold.holder_id for hold in facts.holds if hold.host_id in hosts})
    message = "booked for no reservation that there is"
    if left:
        message += f", and its hosts are held: {', '.join(left)}"
    questions = tuple(Question(Asked.HOLDS, owner) for owner in left)
    yield Finding(Kind.LEAKED, subject, message, sides, None if left else repair, questions=questions)


def _end(facts: Facts, pod: Side, booking: Booking) -> EndBooking | None:
    """The repair that ends a booking; None unless the topology has the hosts of every domain.

    The providers have to confirm that those hosts are empty.
    """
    known = facts.pods.get(pod)
    domains = known.between(booking.first, booking.count) if known else ()
    if len(domains) < booking.count:
        return None
    hosts = tuple(host.id for domain in domains for host in domain.hosts)
    whole = slice_mask(0, GPUS_PER_NODE_MAX)
    slices = tuple((d.hosts[0].id, whole) for d in domains if len(d.hosts) == 1)
    return EndBooking(pod, booking, hosts, slices)


def _runs_orphaned(
    facts: Facts, shown: Mapping[Place, Sequence[Part]], contested: Collection[Place]
) -> Iterator[Finding]:
    """Runs of reservations that the pod does not show whole under the tag of their booking, each once."""
    runs: dict[tuple[Side, str], list[Listing]] = {}
    for listing in listings(facts):
        if _is_booked(listing.tag) and listing.pod not in facts.unreadable:
            runs.setdefault((listing.record, listing.tag), []).append(listing)
    for (record, _), run in sorted(runs.items()):
        if any(missing(part, shown.get(part.place, ())) for part in run):
            places = [part.place for part in run]
            free = not any(shown.get(place) for place in places)
            repair = None
            if free and not any(place in contested for place in places):
                repair = _mark_run(facts, record, run)
            message = f"the record lists what the pod shows {'as free' if free else 'as other than its own'}"
            subject = f"{_where(places[0])}: {record}"
            yield Finding(Kind.ORPHANED, subject, message, (run[0].pod, record), repair)


def _mark_run(facts: Facts, record: Side, run: Sequence[Listing]) -> MarkRun | None:
    holder, pod = facts.holders[record], run[0].pod
    claims = facts.owners.get(pod)
    tag = bytes.fromhex(run[0].tag)
    if claims is None or not isinstance(holder, Reservation) or tag in {b.tag for b in claims.bookings}:
        return None
    booking = Booking(tag, run[0].position, len(run), holder.created_at)
    stamps = tuple(claims.stamps.get(position) for position in booking.positions)
    return MarkRun(pod, booking, stamps, record, holder)


def _is_over(holder: Holder | None) -> bool:
    """Whether a holder can never own anything again. A VM's record is kept after that."""
    if isinstance(holder, Vm):
        final = holder.status in (VmStatus.DESTROYED, VmStatus.FAILED)
        return final and not holder.gpus and holder.unsettled_since is None
    return holder is None or isinstance(holder, Tombstone)


def _holders_of(facts: Facts, tag: str) -> list[str]:
    """The owners with holds, as the host provider lists them, that a tag of hosts could belong to."""
    owners = {hold.holder_id for hold in facts.holds}
    return sorted(owner for owner in owners if tag_of_owner(owner) == tag)


def _release(facts: Facts, part: Part, record: Side | None) -> ReleasePart | None:
    """The repair that releases a part; None unless the topology has its hosts.

    The providers have to confirm that those hosts are empty: one with a server on it must not be sold.
    """
    known, owner = facts.pods.get(part.pod), attribute(facts, part.place)
    domain = next(iter(known.between(part.position, 1)), None) if known else None
    if domain is None or owner is None:
        return None
    hosts = tuple(host.id for host in domain.hosts)
    gpus = slice_mask(0, GPUS_PER_NODE_MAX) if len(hosts) == 1 else 0
    if part.mask is not None and is_of_gpus(part.tag):
        gpus &= part.mask
    left = facts.holders.get(record) if record else None
    holder = left if isinstance(left, (Tombstone, Vm)) else None
    return ReleasePart(
        part.pod, part.position, part.tag, owner, hosts, gpus, record if holder else None, holder
    )


def contradiction(holder: Holder) -> str | None:
    """How a record contradicts its own status, in words; None if it does not."""
    match holder:
        case Reservation(status=Status.ERROR) if holder.runs:
            return "in error, and still lists capacity"
        case Reservation(status=Status.CLAIMING) if holder.runs:
            return "claiming, and lists capacity already"
        case Reservation(status=Status.PENDING | Status.PROVISIONING | Status.PROVISIONED):
            # Only one that has released all of its units has none, and the hash of none.
            released = holder.status is Status.PROVISIONED and holder.topology_hash == hash_of(holder, None)
            return None if holder.runs or released else f"{holder.status}, and lists no capacity"
        case CapacityClaim(status=ClaimStatus.READY) if holder.pending or holder.surplus:
            return "ready, and owns other than it asks for"
        case Vm():
            return vm_contradiction(holder)
        case _:
            return None


def _hashed(
    facts: Facts, record: Side, holder: Reservation, shown: Mapping[Place, Sequence[Part]]
) -> Iterator[Finding]:
    """A stored topology hash that does not follow from the hardware.

    The record does not have the version of the pod from which the hash was computed, and the sync may replace
    a host under a holder. So a hash that differs from that of the present hardware is certainly wrong only if
    it is no hash at all, or if the pod still has its first version. It is repaired only if the pod confirms
    the ownership: otherwise the ownership may be what is wrong. A record of an earlier version stores no hash
    of this one, and nothing is missing.
    """
    if holder.pod_id is None or (holder.topology_hash is None and holder.hardware is None):
        return
    claims = claims_of(holder.region_id, holder.flavor_id, holder.pod_id)
    pod = facts.pods.get(claims)
    hardware = _hardware(facts, claims)
    if pod is None or hardware is None:
        return
    expected = hash_of(holder, pod)
    stored = holder.topology_hash
    if stored == expected:
        return
    malformed = stored is None or not _HASH.fullmatch(stored)
    certain = malformed or pod.version == _FIRST_VERSION
    mine = (
        Part(claims, position, run.tag.hex(), None)
        for run in holder.runs
        for position in run.placement.positions
    )
    own = not any(missing(part, shown.get(part.place, ())) for part in mine)
    yield Finding(
        Kind.WRONG_HASH,
        str(record),
        "the stored topology hash does not follow from the hardware"
        if certain
        else "the stored topology hash is not that of the hardware, which may have changed since",
        (record, hardware, claims),
        SetHash(record, holder, hardware, pod.version, expected) if certain and own else None,
        certain,
    )


def _pairs(listed: Sequence[Listing]) -> list[tuple[Listing, Listing]]:
    return [
        (one, other)
        for one, other in combinations(listed, 2)
        if one.record != other.record and one.overlaps(other)
    ]


def _hardware(facts: Facts, claims: Side) -> Side | None:
    """The topology item of the pod that an ownership item belongs to."""
    pod = facts.pods.get(claims)
    return Side.of(Table.INVENTORY, keys.hosts(pod.region_id, pod.id)) if pod else None


def _where_of_run(pod: Side, booking: Booking) -> str:
    last = f"-{booking.positions[-1]}" if booking.count > 1 else ""
    return _where((pod, booking.first)) + last


def _where(domain: Place) -> str:
    pod, position = domain
    place = pod.pk.removeprefix(keys.owners_partition("", "")[:-1])
    return f"{place}/{pod.sk.removeprefix(keys.POD_PREFIX)} position {position}"
