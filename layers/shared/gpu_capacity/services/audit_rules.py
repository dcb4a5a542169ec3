"""What has to agree about capacity: pods, holders and hashes. Pure.

`audit_vms` has what else has to agree about VMs, `audit_upkeep` the other rules.

Each rule goes over ``Facts`` and tells every disagreement, with the items that it rests on. The same rules
run over whole tables, which were read over some time and may disagree for that reason alone, and over the
few items of one finding, which were read in one moment: what the second shows as well is true.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.audit_facts import (
    Facts,
    Finding,
    Kind,
    MarkPart,
    ReleasePart,
    SetHash,
    Side,
    Table,
)
from gpu_capacity.dynamodb.tombstones import Tombstone
from gpu_capacity.holders.capacity_claim import CapacityClaim, ClaimStatus
from gpu_capacity.holders.reservation import Reservation, Status
from gpu_capacity.holders.vm import Vm, VmStatus
from gpu_capacity.placement.slices import GPUS_PER_NODE_MAX, slice_mask
from gpu_capacity.topology.units import topology_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gpu_capacity.dynamodb.audit_facts import Holder, Owner

_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_FIRST_VERSION = 1


@dataclass(frozen=True, slots=True)
class Listing:
    """What a record says that its holder owns of one domain.

    ``mask`` tells which hosts, or by a tag of GPUs which GPUs of the only host; ``None`` is the whole domain.
    """

    record: Side
    tag: str
    pod: Side
    position: int
    mask: int | None

    def overlaps(self, other: Listing) -> bool:
        """Whether both list the same hardware; a host is all of its GPUs."""
        if self.mask is None or other.mask is None:
            return True
        return _share((self.tag, self.mask), (other.tag, other.mask))


def listings(facts: Facts) -> Iterator[Listing]:
    """Everything that records list."""
    for record, holder in facts.holders.items():
        tag = facts.tags[record]
        match holder:
            case Reservation() if holder.placement is not None:
                pod = _claims(holder.region_id, holder.flavor_id, holder.placement.pod_id)
                for position in holder.placement.positions:
                    yield Listing(record, tag, pod, position, None)
            case CapacityClaim():
                for a in holder.allocations:
                    yield Listing(record, tag, _claims(a.zone, a.flavor_id, a.pod_id), a.position, a.hosts)
            case Vm() if holder.gpus:
                yield Listing(record, tag, _claims(*holder.pod), holder.position, holder.gpus)
            case _:
                pass


def capacity_findings(facts: Facts) -> Iterator[Finding]:
    """Everything that disagrees about who owns which hardware."""
    by_place: dict[tuple[Side, int], list[Listing]] = defaultdict(list)
    for listing in listings(facts):
        by_place[listing.pod, listing.position].append(listing)
    contested = {place for place, listed in by_place.items() if _pairs(listed)}
    for place in sorted(by_place):
        yield from _double(place, by_place[place])
        for listing in by_place[place]:
            yield from _orphaned(facts, listing, contested=place in contested)
    yield from _leaked(facts, by_place)
    yield from _owned_twice(facts)
    yield from _hosts_twice(facts)
    for record, holder in facts.holders.items():
        yield from _contradictory(record, holder)
        if isinstance(holder, Reservation):
            yield from _hashed(facts, record, holder)


def _double(place: tuple[Side, int], listed: Sequence[Listing]) -> Iterator[Finding]:
    """A domain, a host or a GPU of it, that two records list."""
    pod, position = place
    for one, other in _pairs(listed):
        first, second = sorted((one.record, other.record))
        yield Finding(
            Kind.DOUBLE,
            f"{_where(pod, position)}: {first} and {second}",
            "two holders list the same hardware",
            (pod, first, second),
        )


def _owned_twice(facts: Facts) -> Iterator[Finding]:
    """A host or a GPU that one pod shows as two holders'."""
    for pod, claims in facts.owners.items():
        for position, owner in sorted(claims.owners.items()):
            if isinstance(owner, dict):
                for one, other in combinations(sorted(owner), 2):
                    if _share((one, owner[one]), (other, owner[other])):
                        subject = f"{_where(pod, position)}: tags {one} and {other}"
                        yield Finding(Kind.DOUBLE, subject, "the pod has the same hardware twice", (pod,))


def _hosts_twice(facts: Facts) -> Iterator[Finding]:
    """A machine that the inventory has at two places, each of which can be sold.

    The sync never writes that: a host that a document moves is withheld until its old place is given back.
    """
    stands: dict[str, tuple[Side, int]] = {}
    for pod, known in sorted(facts.pods.items()):
        for domain in known.domains:
            for host in domain.hosts:
                here = (pod, domain.position)
                first = stands.setdefault(host.id, here)
                if first is not here:
                    yield _host_twice(facts, host.id, first, here)


def _host_twice(facts: Facts, host_id: str, *places: tuple[Side, int]) -> Finding:
    pods = [pod for pod, _ in places]
    owned = sum(at in facts.owners[pod].owners for pod, at in set(places) if pod in facts.owners)
    return Finding(
        Kind.HOST_TWICE,
        f"host {host_id}: {' and '.join(_where(*place) for place in places)}",
        f"the inventory has one host at two places; somebody owns something in {owned} of their domains",
        tuple(dict.fromkeys(s for s in (*pods, *(_hardware(facts, pod) for pod in pods)) if s)),
    )


def _orphaned(facts: Facts, listing: Listing, *, contested: bool) -> Iterator[Finding]:
    """What a record lists and the pod does not show as its holder's."""
    if listing.pod in facts.unreadable:
        return
    claims = facts.owners.get(listing.pod)
    owner = claims.owners.get(listing.position) if claims else None
    if listing.mask is None:
        if owner == bytes.fromhex(listing.tag):
            return
        free = owner is None
    else:
        parts = owner if isinstance(owner, dict) else {}
        missing = listing.mask & ~parts.get(listing.tag, 0)
        if not missing:
            return
        others = (part for part in parts.items() if part[0] != listing.tag)
        free = not isinstance(owner, bytes) and not any(_share((listing.tag, missing), o) for o in others)
    holder = facts.holders[listing.record]
    repair = None
    if free and claims is not None and not contested and not isinstance(holder, Tombstone):
        repair = MarkPart(
            listing.pod,
            listing.position,
            listing.tag,
            owner if isinstance(owner, dict) else None,
            listing.mask,
            listing.record,
            holder,
        )
    shown = "as free" if free else "as somebody else's"
    yield Finding(
        Kind.ORPHANED,
        f"{_where(listing.pod, listing.position)}: {listing.record}",
        f"the record lists what the pod shows {shown}",
        (listing.pod, listing.record),
        repair,
    )


def _leaked(facts: Facts, by_place: Mapping[tuple[Side, int], Sequence[Listing]]) -> Iterator[Finding]:
    """What is owned in a pod and listed by no record of that owner."""
    record_of = {tag: record for record, tag in facts.tags.items()}
    for pod, claims in sorted(facts.owners.items()):
        for position, owner in sorted(claims.owners.items()):
            listed = by_place.get((pod, position), ())
            for tag in _leaking(owner, listed):
                record = record_of.get(tag)
                if record in facts.unreadable or (record is None and not facts.knows_every_holder):
                    continue
                gone = record is None or _is_over(facts.holders.get(record))
                yield Finding(
                    Kind.LEAKED,
                    f"{_where(pod, position)}: tag {tag}",
                    "owned by a holder that is gone"
                    if gone
                    else f"owned by {record}, which does not list it",
                    tuple(s for s in (pod, _hardware(facts, pod), record) if s),
                    _release(facts, pod, position, tag, record) if gone else None,
                )


def _is_over(holder: Holder | None) -> bool:
    """Whether a holder can never own anything again; the record of a VM stays when that is so."""
    if isinstance(holder, Vm):
        final = holder.status in (VmStatus.DESTROYED, VmStatus.FAILED)
        return final and not holder.gpus and holder.unsettled_since is None
    return holder is None or isinstance(holder, Tombstone)


def _leaking(owner: Owner, listed: Sequence[Listing]) -> list[str]:
    """Tags that own more of a domain than their records list."""
    if isinstance(owner, bytes):
        tag = owner.hex()
        return [] if any(x.tag == tag and x.mask is None for x in listed) else [tag]
    found = []
    for tag, mask in sorted(owner.items()):
        known = 0
        for listing in listed:
            known |= (listing.mask or 0) if listing.tag == tag else 0
        if not mask or mask & ~known:
            found.append(tag)
    return found


def _release(facts: Facts, pod: Side, position: int, tag: str, record: Side | None) -> ReleasePart | None:
    """Only where the topology tells which hosts those are: one with a server on it must not be sold."""
    known = facts.pods.get(pod)
    domain = next(iter(known.between(position, 1)), None) if known else None
    if domain is None:
        return None
    owner = facts.owners[pod].owners[position]
    hosts = tuple(host.id for host in domain.hosts)
    gpus = slice_mask(0, GPUS_PER_NODE_MAX) if len(hosts) == 1 else 0
    if isinstance(owner, dict) and _of_gpus(tag):
        gpus &= owner[tag]
    left = facts.holders.get(record) if record else None
    holder = left if isinstance(left, (Tombstone, Vm)) else None
    return ReleasePart(pod, position, tag, owner, hosts, gpus, record if holder else None, holder)


def _contradictory(record: Side, holder: Holder) -> Iterator[Finding]:
    """A record whose status does not go with what it lists."""
    problem = None
    match holder:
        case Reservation(status=Status.ERROR) if holder.placement is not None:
            problem = "in error, and still lists capacity"
        case Reservation(status=Status.PENDING | Status.PROVISIONING | Status.PROVISIONED):
            problem = None if holder.placement is not None else f"{holder.status}, and lists no capacity"
        case CapacityClaim(status=ClaimStatus.READY) if holder.pending or holder.surplus:
            problem = "ready, and owns other than it asks for"
        case _:
            pass
    if problem:
        yield Finding(Kind.CONTRADICTORY, str(record), problem, (record,))


def _hashed(facts: Facts, record: Side, holder: Reservation) -> Iterator[Finding]:
    """A stored hash that does not follow from the hardware.

    The record does not say which version of the pod it was computed from, and the sync may replace a host
    under a holder. So a hash that differs from the hardware of today is certainly wrong only when it is no
    hash at all, or when the pod is still in the first version it ever had; else either may have happened.
    It is only put right where the pod confirms the claim: else it may be the claim that is wrong.
    """
    if holder.placement is None:
        return
    claims = _claims(holder.region_id, holder.flavor_id, holder.placement.pod_id)
    pod = facts.pods.get(claims)
    hardware = _hardware(facts, claims)
    if pod is None or hardware is None:
        return
    offering = (holder.region_id, holder.accelerator, holder.unit)
    domains = pod.between(holder.placement.start, holder.placement.count)
    expected = topology_hash(offering, pod.id, domains)
    stored = holder.topology_hash
    if stored == expected:
        return
    malformed = stored is None or not _HASH.fullmatch(stored)
    certain = malformed or pod.version == _FIRST_VERSION
    owners = facts.owners[claims].owners if claims in facts.owners else {}
    own = all(owners.get(p) == bytes.fromhex(facts.tags[record]) for p in holder.placement.positions)
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


def _share(one: tuple[str, int], other: tuple[str, int]) -> bool:
    """Whether two parts (tag and mask) of a domain have hardware in common.

    GPUs are those of the domain's only host, so beside a host that is owned as such there are none.
    """
    if _of_gpus(one[0]) is not _of_gpus(other[0]):
        return bool(one[1]) and bool(other[1])
    return bool(one[1] & other[1])


def _of_gpus(tag: str) -> bool:
    return tag.startswith(keys.GPU_TAG_PREFIX)


def _claims(region_id: str, flavor_id: str, pod_id: str) -> Side:
    return Side.of(Table.INVENTORY, keys.claims(region_id, flavor_id, pod_id))


def _hardware(facts: Facts, claims: Side) -> Side | None:
    """The topology item of the pod that a claims item belongs to."""
    pod = facts.pods.get(claims)
    return Side.of(Table.INVENTORY, keys.hosts(pod.region_id, pod.id)) if pod else None


def _where(pod: Side, position: int) -> str:
    place = pod.pk.removeprefix(keys.claims_partition("", "")[:-1])
    return f"{place}/{pod.sk.removeprefix(keys.POD_PREFIX)} position {position}"
