"""Chooses the hosts of a zone that a request for single instances gets.

Instances need not be contiguous. So the choice depends only on what it leaves behind: whole domains and long
runs, which reservations need. Free hosts are taken in this order:

1. from domains that are already partly owned, the fullest first, and among equally full ones those in pods
   that this request already takes from: reservations cannot use these domains anyway;
2. from domains without an owner that are not complete units: reservations cannot use them either;
3. from fresh units, only when 1 and 2 are exhausted: from the pod with the fewest free hosts that has all of
   the remaining count, else from the pod with the most; within the pod from the shortest run, from one of its
   ends.

The result has as many hosts as are free, up to the count; fewer is a normal result. If the limits of one
transaction cut the result short, it still has at least one host, and the next round takes more. After a lost
race the seed decides the order among domains of one kind, so that rivals spread.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from gpu_capacity.placement.choose import mix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class HostDomain:
    """The hosts of a domain as masks; bit ``i`` is the host in slot ``i``.

    ``usable`` hosts are present, in service and of the expected class; none are if the domain is cordoned.
    ``owned`` hosts have an owner. ``sellable`` is true if the domain is a complete unit and not cordoned.
    """

    pod_id: str
    position: int
    usable: int
    owned: int
    sellable: bool

    @property
    def free(self) -> int:
        """Hosts that can be allocated."""
        return self.usable & ~self.owned

    @property
    def is_fresh_unit(self) -> bool:
        """Whether a reservation could still take the domain."""
        return self.sellable and not self.owned


@dataclass(frozen=True, slots=True)
class HostGrant:
    """Hosts of one domain that a request gets, as a mask over slots."""

    pod_id: str
    position: int
    hosts: int

    @property
    def count(self) -> int:
        """The number of instances."""
        return self.hosts.bit_count()


@dataclass(frozen=True, slots=True)
class RoundBudget:
    """Limits of one transaction: how many pods, domains in all, and domains of one pod it may write."""

    pods: int
    domains: int
    domains_per_pod: int

    def without(self, grants: Sequence[HostGrant]) -> RoundBudget:
        """What remains after these grants."""
        return RoundBudget(
            self.pods - len({grant.pod_id for grant in grants}),
            self.domains - len(grants),
            self.domains_per_pod,
        )

    @property
    def is_used_up(self) -> bool:
        """Whether the transaction can write nothing more."""
        return self.pods == 0 or self.domains == 0


@dataclass(frozen=True, slots=True)
class HostRequest:
    """A request for up to ``count`` instances within ``budget``. ``seed``, ``attempt``: see ``Request``."""

    count: int
    budget: RoundBudget
    seed: int
    attempt: int = 0


def place_hosts(domains: Iterable[HostDomain], request: HostRequest) -> tuple[HostGrant, ...]:
    """Choose as many free hosts as there are, up to the count. The order of ``domains`` has no effect."""
    known = sorted((d for d in domains if d.free), key=lambda d: (d.pod_id, d.position))
    budget = request.budget
    grants: list[HostGrant] = []
    # The number of domains taken from, by pod.
    touched: Counter[str] = Counter()
    missing = request.count
    passed_over = False
    for domain in _in_order(known, request, touched):
        if missing == 0 or len(grants) == budget.domains or (passed_over and domain.is_fresh_unit):
            # Do not break a fresh unit while a partly used domain was skipped: the next round takes that one.
            break
        before = touched[domain.pod_id]
        if before == budget.domains_per_pod or (before == 0 and len(touched) == budget.pods):
            passed_over = True
            continue
        touched[domain.pod_id] = before + 1
        hosts = lowest(domain.free, missing)
        grants.append(HostGrant(domain.pod_id, domain.position, hosts))
        missing -= hosts.bit_count()
    return tuple(grants)


def free_hosts(domains: Iterable[HostDomain]) -> int:
    """The number of instances that could be allocated in total."""
    return sum(domain.free.bit_count() for domain in domains)


def _in_order(
    known: Sequence[HostDomain], request: HostRequest, touched: Mapping[str, int]
) -> Iterator[HostDomain]:
    """Yield domains in the order in which to take from them. The caller updates ``touched`` in between."""
    used = [d for d in known if d.owned]
    broken = [d for d in known if not d.owned and not d.sellable]
    draw = {pod_id: _draw(pod_id, request) for pod_id in {d.pod_id for d in (*used, *broken)}}
    for kind in (used, broken):
        for _, equals in groupby(sorted(kind, key=lambda d: _rank(d, request)), lambda d: _rank(d, request)):
            # Among equally full domains prefer those of a pod that is written anyway: they cost no further
            # write.
            yield from sorted(
                equals, key=lambda d: (d.pod_id not in touched, draw[d.pod_id], d.pod_id, d.position)
            )
    left = request.count - free_hosts((*used, *broken))
    yield from _fresh(known, left, request)


def _rank(domain: HostDomain, request: HostRequest) -> int:
    """The sort key by fullness: fewer free hosts first. After a lost race all are equal: the seed decides."""
    return domain.free.bit_count() if request.attempt == 0 else 0


def _fresh(known: Sequence[HostDomain], hosts: int, request: HostRequest) -> Iterator[HostDomain]:
    """Yield fresh units, pod by pod, until they have ``hosts`` hosts in total."""
    pods: dict[str, list[HostDomain]] = {}
    for domain in known:
        if domain.is_fresh_unit:
            pods.setdefault(domain.pod_id, []).append(domain)
    sizes = {pod_id: free_hosts(units) for pod_id, units in pods.items()}
    while sizes and hosts > 0:
        enough = [size for size in sizes.values() if size >= hosts]
        # The smallest pod with enough hosts; if none has enough, the largest, so that few pods are written.
        wanted = min(enough) if enough else max(sizes.values())
        equals = sorted(pod_id for pod_id, size in sizes.items() if size == wanted)
        chosen = equals[mix(request.seed, request.attempt) % len(equals)]
        yield from _shortest_runs_first(pods[chosen], request)
        hosts -= sizes.pop(chosen)


def _shortest_runs_first(units: list[HostDomain], request: HostRequest) -> list[HostDomain]:
    """Units of one pod, those of short runs first, each run from one end."""
    runs: list[list[HostDomain]] = []
    for unit in units:
        if runs and unit.position == runs[-1][-1].position + 1:
            runs[-1].append(unit)
        else:
            runs.append([unit])
    from_right = mix(request.seed, request.attempt) >> 63
    ordered = sorted(runs, key=lambda run: (len(run), run[0].position))
    return [unit for run in ordered for unit in (reversed(run) if from_right else run)]


def _draw(pod_id: str, request: HostRequest) -> int:
    """A sort key among equals, derived from the pod and the seed."""
    return mix(request.seed ^ salt_of(pod_id), request.attempt)


def salt_of(pod_id: str) -> int:
    """64 evenly distributed bits from the id of a pod."""
    salt = 0
    for byte in pod_id.encode():
        salt = mix(salt ^ byte, 0)
    return salt


def lowest(mask: int, count: int) -> int:
    """The ``count`` lowest set bits of a mask, or all of them."""
    taken = 0
    while mask and count:
        lowest = mask & -mask
        taken |= lowest
        mask ^= lowest
        count -= 1
    return taken
