"""Chooses the hosts of a reservation that a placement gets.

A placement takes ``count`` hosts, all of one reservation, whose units are complete NVLink domains. Hosts that
other placements hold are taken already. Of each unit as many free, fit hosts are left as the reservation
keeps spare, so that a server that loses its host can move to one. Which of them makes no difference, so those
in the highest slots are set aside first. What is chosen is the best by four concerns, in this order:

1. **The policy.** *Pack* takes from as few domains as possible. *Spread* fills all domains level by level:
   one host of each that has a free one, then another, until there are enough.
2. **Readiness.** With *Require* only hosts that pass the readiness check are free at all. With *Prefer* as
   many as possible of the chosen ones pass it; with *Ignore* it does not matter.
3. **What is left behind.** As few domains as possible that were whole, without a host of another placement:
   whole ones can be released, and are what the next placement packs best. Then pack leaves as few free hosts
   as possible in the domains that it takes from, and spread takes from those with the most free hosts, so
   that the next placement can spread as well.
4. **The seed** decides between equal domains.

Pack is right because with the fewest domains, say ``k``, any ``k`` domains with enough free hosts will do,
and nothing else will. If some of them have ``count`` hosts that are ready, only ready hosts are taken, and
the best set is the one with the fewest whole domains and the fewest free hosts among all that have enough
*ready* ones. Otherwise every ready host of the set is taken, so the best set is the one with the most ready
hosts among all that have enough *free* ones. Both are the question that ``best_set`` answers exactly. A set
of the fewest domains is never left with a domain unused, because then fewer would do.

Spread is right because levels are the most even distribution: a domain below the last full level has no free
host left, and no other domain is more than one host above that level. So the fullest domain cannot have fewer
hosts, the emptiest cannot have more, and no distribution uses more domains. The difference between the first
two is the *skew*, which counts over all domains of the reservation, those without a free host included. As
levels give the least skew and the most domains at the same time, constraints can be met if and only if levels
meet them, and what is as near as possible to constraints that cannot be met is the same choice. All that is
open is which domains get a host of the last, incomplete level. Each of them adds the same whatever the others
are, so the best ones in the order of the concerns make up the best choice.

A snapshot may be old: the write that takes the hosts demands that they are still free.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from gpu_capacity.placement.choose import mix
from gpu_capacity.placement.fewest import best_set, fewest
from gpu_capacity.placement.hosts import HostGrant, lowest, salt_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Policy(StrEnum):
    """How hosts are distributed over domains, in the words of the API."""

    PACK = "pack"
    SPREAD = "spread"


class Readiness(StrEnum):
    """What the readiness check of a host means to a choice, in the words of the API."""

    REQUIRE = "Require"
    PREFER = "Prefer"
    IGNORE = "Ignore"


@dataclass(frozen=True, slots=True)
class Constraints:
    """How a placement wants its hosts distributed.

    ``max_skew`` and ``min_domains`` are for spread; None if not sent. With ``best_effort`` a choice that does
    not meet them is better than none.
    """

    policy: Policy
    max_skew: int | None = None
    min_domains: int | None = None
    best_effort: bool = False


@dataclass(frozen=True, slots=True)
class UnitHosts:
    """The hosts of one unit of a reservation as masks; bit ``i`` is the host in slot ``i``.

    ``hosts`` are all of them, ``free`` those that no placement holds, ``ready`` those that pass the readiness
    check. So many free hosts that pass it are left free as ``spare`` says, or all if there are not as many.
    """

    pod_id: str
    position: int
    hosts: int
    free: int
    ready: int
    spare: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether no placement holds a host of it."""
        return self.free == self.hosts

    @property
    def set_aside(self) -> int:
        """The hosts that are left free."""
        fit = self.free & self.ready
        return fit & ~lowest(fit, max(0, fit.bit_count() - self.spare))

    @property
    def most(self) -> int:
        """How many hosts placements can have of it at best."""
        return max(0, self.hosts.bit_count() - self.spare)


@dataclass(frozen=True, slots=True)
class NotEnoughHosts:
    """Too few hosts are free. Of the ``hosts`` of the reservation no placement holds ``free``.

    ``ready`` of these pass the readiness check; None if they need not. ``spare`` of these are left free, and
    ``kept`` is how many have to be left free when no placement holds a host.
    """

    requested: int
    hosts: int
    free: int
    ready: int | None
    spare: int = 0
    kept: int = 0

    @property
    def available(self) -> int:
        """How many hosts could be chosen."""
        return (self.free if self.ready is None else self.ready) - self.spare

    @property
    def is_lasting(self) -> bool:
        """Whether waiting cannot help, because the reservation does not have so many hosts for placements."""
        return self.requested > self.hosts - self.kept

    def describe(self) -> str:
        """One sentence for the customer."""
        excluded = [f"{self.hosts - self.free} held by placements"]
        helps = [f"ask for at most {self.available}"] if self.available else []
        if self.is_lasting:
            beside = " beside its spare hosts" if self.kept else ""
            outlook = f"the reservation has no more{beside}, so it can never fit"
        else:
            if self.requested > self.free - self.spare:
                helps.append("delete a placement")
            elif self.ready is not None:
                helps += ["wait until more are ready", "take others with the readiness policy Prefer"]
            outlook = f"it may fit later: {', or '.join(helps)}"
        if self.spare:
            excluded.append(f"{self.spare} left free as spares")
        if self.ready is not None:
            excluded.append(f"{self.free - self.ready} not ready")
        return (
            f"not enough free hosts: {self.requested} requested, {self.available} of {self.hosts} available "
            f"(excluded: {', '.join(excluded)}); {outlook}"
        )


@dataclass(frozen=True, slots=True)
class ConstraintsNotMet:
    """Enough hosts are free, but no choice of them meets the constraints.

    ``skew`` is the least that any choice has, and ``domains`` the most that any choice uses. ``lasting`` is
    true if they could not be met with all hosts of the reservation free and ready either.
    """

    requested: int
    constraints: Constraints
    skew: int
    domains: int
    lasting: bool

    @property
    def is_lasting(self) -> bool:
        """Whether waiting cannot help."""
        return self.lasting

    def describe(self) -> str:
        """One sentence for the customer."""
        wanted, unmet, helps = self.constraints, [], []
        if wanted.max_skew is not None and self.skew > wanted.max_skew:
            unmet.append(f"the least skew is {self.skew}, and maxSkew is {wanted.max_skew}")
            helps.append(f"raise maxSkew to {self.skew}")
        if wanted.min_domains is not None and self.domains < wanted.min_domains:
            noun = "domain" if self.domains == 1 else "domains"
            unmet.append(f"hosts in at most {self.domains} {noun}, and minDomains is {wanted.min_domains}")
            helps.append(f"lower minDomains to {self.domains}")
        outlook = "no choice of its hosts can" if self.lasting else "other free hosts may change that"
        return (
            f"{self.requested} hosts of the reservation cannot meet the constraints: {'; '.join(unmet)}; "
            f"{outlook}: {' and '.join(helps)}, or send whenUnsatisfiable bestEffort"
        )


def choose_hosts(
    units: Iterable[UnitHosts], count: int, constraints: Constraints, readiness: Readiness, seed: int
) -> tuple[HostGrant, ...] | NotEnoughHosts | ConstraintsNotMet:
    """Choose ``count`` hosts, or explain why there is no choice. The order of ``units`` has no effect.

    Args:
        units: every unit that the reservation has, those without a free host included.
        count: how many hosts, from 1.
        constraints: how they are distributed over domains.
        readiness: what the readiness check means.
        seed: decides between equal domains.

    Returns:
        The hosts, by pod and position; or why there are not as many, or why none meet the constraints.
    """
    domains = _domains(units, readiness, seed)
    sizes = [domain.size for domain in domains]
    if sum(sizes) < count:
        return _shortage([domain.unit for domain in domains], count, sum(sizes), readiness)
    if constraints.policy is Policy.PACK:
        return _filled(_packed(domains, count), count)
    skew, most = _evenness(sizes, count)
    if not constraints.best_effort and not _meets(constraints, skew, most):
        lasting = not _meets(constraints, *_evenness([domain.unit.most for domain in domains], count))
        return ConstraintsNotMet(count, constraints, skew, most, lasting)
    return _spread(domains, count)


def _shortage(units: Sequence[UnitHosts], count: int, available: int, readiness: Readiness) -> NotEnoughHosts:
    hosts = sum(unit.hosts.bit_count() for unit in units)
    spare = sum(unit.set_aside.bit_count() for unit in units)
    return NotEnoughHosts(
        requested=count,
        hosts=hosts,
        free=sum(unit.free.bit_count() for unit in units),
        ready=available + spare if readiness is Readiness.REQUIRE else None,
        spare=spare,
        kept=hosts - sum(unit.most for unit in units),
    )


class _Domain(NamedTuple):
    """A unit with the hosts that may be chosen and those of them to prefer. ``draw`` orders equal ones."""

    unit: UnitHosts
    free: int
    preferred: int
    size: int
    draw: int


def _domains(units: Iterable[UnitHosts], readiness: Readiness, seed: int) -> list[_Domain]:
    """All units, in the order in which equal ones are chosen."""
    salts: dict[str, int] = {}
    domains = []
    for unit in units:
        pod_id, free = unit.pod_id, unit.free & ~unit.set_aside
        if pod_id not in salts:
            salts[pod_id] = seed ^ salt_of(pod_id)
        if readiness is Readiness.REQUIRE:
            free &= unit.ready
        preferred = free & unit.ready if readiness is Readiness.PREFER else 0
        draw = mix(salts[pod_id], unit.position)
        domains.append(_Domain(unit, free, preferred, free.bit_count(), draw))
    return sorted(domains, key=lambda domain: (domain.draw, domain.unit.pod_id, domain.unit.position))


def _packed(domains: Sequence[_Domain], count: int) -> list[_Domain]:
    """The domains to take from, in the order in which to fill them."""
    sizes = [domain.size for domain in domains]
    chosen = fewest(sizes, count) or 0
    # Larger than any sum of hosts or of domains, so that the first concern outweighs the next.
    weight = sum(sizes) + len(domains) + 1
    left = [-weight * domain.unit.is_whole - domain.size for domain in domains]
    preferred = [domain.preferred.bit_count() for domain in domains]
    places = best_set(preferred, left, chosen, count)
    if places is None:
        values = [weight * weight * number + value for number, value in zip(preferred, left, strict=True)]
        places = best_set(sizes, values, chosen, count)
    taken = [domains[place] for place in places or ()]
    return sorted(taken, key=lambda domain: (domain.unit.is_whole, -domain.size))


def _filled(domains: Sequence[_Domain], count: int) -> tuple[HostGrant, ...]:
    """``count`` hosts of these domains: the preferred ones first, one domain after the other."""
    hosts = [0] * len(domains)
    missing = count
    for masks in ([domain.preferred for domain in domains], [domain.free for domain in domains]):
        for place, mask in enumerate(masks):
            more = lowest(mask & ~hosts[place], missing)
            hosts[place] |= more
            missing -= more.bit_count()
    return _grants(zip(domains, hosts, strict=True))


def _spread(domains: Sequence[_Domain], count: int) -> tuple[HostGrant, ...]:
    """``count`` hosts, level by level."""
    level, rest = _levels([domain.size for domain in domains], count)

    def rank(domain: _Domain) -> tuple[bool, bool, int]:
        # Of two domains without a host so far, the one that other placements use leaves the other whole.
        breaks = level == 0 and domain.unit.is_whole
        return domain.preferred.bit_count() <= level, breaks, -domain.size

    last = sorted((domain for domain in domains if domain.size > level), key=rank)[:rest]
    highest = {domain.unit for domain in last}
    hosts = []
    for domain in domains:
        number = level + (domain.unit in highest)
        mask = lowest(domain.preferred, number)
        hosts.append(mask | lowest(domain.free & ~mask, number - mask.bit_count()))
    return _grants(zip(domains, hosts, strict=True))


def _grants(chosen: Iterable[tuple[_Domain, int]]) -> tuple[HostGrant, ...]:
    """What is taken, by pod and position."""
    grants = [HostGrant(domain.unit.pod_id, domain.unit.position, hosts) for domain, hosts in chosen if hosts]
    return tuple(sorted(grants, key=lambda grant: (grant.pod_id, grant.position)))


def _levels(sizes: Sequence[int], count: int) -> tuple[int, int]:
    """How many hosts every domain gives as far as it has them, and how many domains give one more."""
    number = Counter(sizes)
    level, rest, larger = 0, count, len(sizes) - number[0]
    while rest >= larger > 0:
        level, rest = level + 1, rest - larger
        larger -= number[level]
    return level, rest


def _evenness(sizes: Sequence[int], count: int) -> tuple[int, int]:
    """The least skew that ``count`` hosts can have, and the most domains that they can be in."""
    level, rest = _levels(sizes, count)
    return level + (rest > 0) - min(level, *sizes), min(count, sum(size > 0 for size in sizes))


def _meets(constraints: Constraints, skew: int, domains: int) -> bool:
    """Whether a choice of this skew over so many domains meets the constraints."""
    return (constraints.max_skew is None or skew <= constraints.max_skew) and (
        constraints.min_domains is None or domains >= constraints.min_domains
    )
