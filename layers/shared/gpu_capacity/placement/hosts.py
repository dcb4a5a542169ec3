"""Which hosts of a zone a request for single instances gets.

Instances need not be contiguous, so the question is only what to leave behind: whole domains and long runs,
because those are what reservations need. The order in which free hosts are taken:

1. from domains that are partly used already, the fullest first (and among equally full ones in pods already
   touched before others): these are lost to reservations anyway;
2. from domains that nobody owns but that are no complete units: they are lost to reservations, too;
3. from fresh units, and only when 1 and 2 are exhausted: from the pod with the fewest free hosts that holds
   all of the rest, else from the one with the most; within the pod from the shortest run, from its end.

It allocates as many instances as there are free hosts, up to the count; fewer is a normal answer. Where the
bounds of one transaction cut it short, it takes at least one host, and another round goes on. After a lost
race the order among domains of one kind is drawn by the seed, so that rivals spread.
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
    """A domain as far as its hosts go; bit ``i`` of a mask stands for the host in slot ``i``.

    ``usable`` hosts are present, in service and of the expected class (none where the domain is cordoned);
    ``owned`` ones belong to somebody. ``sellable`` tells that the domain is a complete unit.
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
        """Whether a reservation could still have it."""
        return self.sellable and not self.owned


@dataclass(frozen=True, slots=True)
class HostGrant:
    """Hosts of one domain that a request gets, as a mask over slots."""

    pod_id: str
    position: int
    hosts: int

    @property
    def count(self) -> int:
        """How many instances that is."""
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
    """Up to ``count`` instances within ``budget``; ``seed`` and ``attempt`` as for units."""

    count: int
    budget: RoundBudget
    seed: int
    attempt: int = 0


def place_hosts(domains: Iterable[HostDomain], request: HostRequest) -> tuple[HostGrant, ...]:
    """Choose as many free hosts as there are, up to the count, whatever the order of the domains."""
    known = sorted((d for d in domains if d.free), key=lambda d: (d.pod_id, d.position))
    budget = request.budget
    grants: list[HostGrant] = []
    # By pod, how many of its domains are touched.
    touched: Counter[str] = Counter()
    missing = request.count
    passed_over = False
    for domain in _in_order(known, request, touched):
        if missing == 0 or len(grants) == budget.domains or (passed_over and domain.is_fresh_unit):
            # A fresh unit is never opened while a partly used domain waits for the next round.
            break
        before = touched[domain.pod_id]
        if before == budget.domains_per_pod or (before == 0 and len(touched) == budget.pods):
            passed_over = True
            continue
        touched[domain.pod_id] = before + 1
        hosts = _lowest(domain.free, missing)
        grants.append(HostGrant(domain.pod_id, domain.position, hosts))
        missing -= hosts.bit_count()
    return tuple(grants)


def free_hosts(domains: Iterable[HostDomain]) -> int:
    """How many instances could be allocated in all."""
    return sum(domain.free.bit_count() for domain in domains)


def _in_order(
    known: Sequence[HostDomain], request: HostRequest, touched: Mapping[str, int]
) -> Iterator[HostDomain]:
    """Domains in the order of taking. ``touched`` grows while the caller takes."""
    used = [d for d in known if d.owned]
    broken = [d for d in known if not d.owned and not d.sellable]
    draw = {pod_id: _draw(pod_id, request) for pod_id in {d.pod_id for d in (*used, *broken)}}
    for kind in (used, broken):
        for _, equals in groupby(sorted(kind, key=lambda d: _rank(d, request)), lambda d: _rank(d, request)):
            # Among equally full ones, those of a pod that is touched already cost no further write.
            yield from sorted(
                equals, key=lambda d: (d.pod_id not in touched, draw[d.pod_id], d.pod_id, d.position)
            )
    left = request.count - free_hosts((*used, *broken))
    yield from _fresh(known, left, request)


def _rank(domain: HostDomain, request: HostRequest) -> int:
    """How full: fewer free hosts come first. After a lost race all are equal, and the draw decides."""
    return domain.free.bit_count() if request.attempt == 0 else 0


def _fresh(known: Sequence[HostDomain], hosts: int, request: HostRequest) -> Iterator[HostDomain]:
    """Fresh units, pod by pod, until ``hosts`` hosts are covered."""
    pods: dict[str, list[HostDomain]] = {}
    for domain in known:
        if domain.is_fresh_unit:
            pods.setdefault(domain.pod_id, []).append(domain)
    sizes = {pod_id: free_hosts(units) for pod_id, units in pods.items()}
    while sizes and hosts > 0:
        enough = [size for size in sizes.values() if size >= hosts]
        # Tightest that holds all; where none does, the roomiest, so that few pods are touched.
        wanted = min(enough) if enough else max(sizes.values())
        equals = sorted(pod_id for pod_id, size in sizes.items() if size == wanted)
        chosen = equals[mix(request.seed, request.attempt) % len(equals)]
        yield from _shortest_runs_first(pods[chosen], request)
        hosts -= sizes.pop(chosen)


def _shortest_runs_first(units: list[HostDomain], request: HostRequest) -> list[HostDomain]:
    """Units of one pod, those of short runs first; each run is eaten from one end."""
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
    """A place among equals that belongs to the pod and the seed."""
    salt = 0
    for byte in pod_id.encode():
        salt = mix(salt ^ byte, 0)
    return mix(request.seed ^ salt, request.attempt)


def _lowest(mask: int, count: int) -> int:
    """The ``count`` lowest set bits of a mask, or all of them."""
    taken = 0
    while mask and count:
        lowest = mask & -mask
        taken |= lowest
        mask ^= lowest
        count -= 1
    return taken
