"""Makes a fleet document of machines that say where they stand. Pure.

The facts of a machine:

==============  ====================================================================================
name            meaning
==============  ====================================================================================
``region``      a region of the catalogue
``pod``         the pod, in its region
``domain``      the NVLink domain, in its region; all machines of a domain agree on pod and position
``position``    of the domain in its pod: a permanent whole number
``slot``        of the machine in its domain: a permanent whole number
``flavor``      a flavor of the catalogue; needed where no single offering has the resource class
``domain_name`` a name of the domain for people; may be left out
``repaired_at`` when the machine was last repaired, in RFC 3339; may be left out
==============  ====================================================================================

People write facts by hand, so identifiers may be whole numbers, and whole numbers may be texts. A machine
that cannot be placed is left out, with the reason. Of two that contradict each other, the one that was
enrolled earlier stays: a slip in the facts of a new machine must not put an old one out of service.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity import plain_numbers
from gpu_capacity.inventory.fleet.document import IDENTIFIER, LABEL, OBSERVED_AT_MIN, SCHEMA_VERSION
from gpu_capacity.inventory.model import DOMAINS_PER_POD_MAX, HOSTS_PER_DOMAIN_MAX
from gpu_capacity.times import LAST_SECOND, parse_rfc3339, rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gpu_capacity.ports import Machine

REGION, POD, DOMAIN, POSITION, SLOT = "region", "pod", "domain", "position", "slot"
FLAVOR, DOMAIN_NAME, REPAIRED_AT = "flavor", "domain_name", "repaired_at"

_IDENTIFIER: Final = re.compile(IDENTIFIER)
_LABEL: Final = re.compile(LABEL)
_LABEL_LENGTH_MAX: Final = 63


@dataclass(frozen=True, slots=True)
class Assembly:
    """A document, and why machines are not in it, by host id."""

    document: dict[str, Any]
    left_out: Mapping[str, str]


class _Unplaced(Exception):
    """A machine cannot be placed; the message says why."""


@dataclass(frozen=True, slots=True)
class _Place:
    region: str
    pod: str
    domain: str
    position: int
    slot: int
    flavor: str | None
    domain_name: str | None
    repaired_at: str | None


@dataclass(slots=True)
class _Domain:
    pod: str
    id: str
    position: int
    machines: dict[int, tuple[Machine, _Place]] = field(default_factory=dict)


@dataclass(slots=True)
class _Region:
    """A region while machines are put into it. Ids are compared without their case."""

    flavor_of_class: Mapping[str, str]
    pods: dict[str, str] = field(default_factory=dict)
    domains: dict[str, _Domain] = field(default_factory=dict)
    positions: dict[tuple[str, int], str] = field(default_factory=dict)


def assemble(
    catalogue: Mapping[str, Any], machines: Iterable[Machine], sequence: int, observed_at: int
) -> Assembly:
    """Make the document.

    Args:
        catalogue: a valid catalogue, as parsed from JSON.
        machines: in any order.
        sequence: of the document.
        observed_at: seconds since the epoch.
    """
    regions = {entry["id"]: _Region(_flavor_of_class(entry)) for entry in catalogue["regions"]}
    flavors = {flavor["id"]: "vm" in flavor for flavor in catalogue["flavors"]}
    left_out: dict[str, str] = {}
    seen: set[str] = set()
    for machine in sorted(machines, key=lambda each: (each.enrolled, each.host_id)):
        try:
            _check_host(machine, seen)
            _put(regions, machine, _place(machine, regions, flavors))
        except _Unplaced as reason:
            left_out.setdefault(machine.host_id, str(reason))
    document = {
        "schemaVersion": SCHEMA_VERSION,
        "sequence": sequence,
        "observedAt": rfc3339(observed_at),
        "flavors": catalogue["flavors"],
        "regions": [
            {**entry, "pods": list(_pods(regions[entry["id"]], flavors, left_out))}
            for entry in catalogue["regions"]
        ],
    }
    return Assembly(document, left_out)


def _flavor_of_class(region: Mapping[str, Any]) -> dict[str, str]:
    """The flavor of each resource class that one flavor alone is offered with."""
    named: dict[str, set[str]] = {}
    for offering in region["offerings"]:
        named.setdefault(offering["deviceTypeResourceClass"], set()).add(offering["flavorId"])
    return {name: flavor for name, (flavor, *others) in named.items() if not others}


def _check_host(machine: Machine, seen: set[str]) -> None:
    if machine.problem:
        raise _Unplaced(machine.problem)
    if not _IDENTIFIER.fullmatch(machine.host_id):
        raise _Unplaced("its name is no identifier")
    if not _IDENTIFIER.fullmatch(machine.resource_class or ""):
        raise _Unplaced("its resource class is missing or no identifier")
    if machine.host_id.lower() in seen:
        raise _Unplaced("another machine has its name")
    seen.add(machine.host_id.lower())


def _place(machine: Machine, regions: Mapping[str, _Region], flavors: Mapping[str, bool]) -> _Place:
    facts = machine.facts
    missing = [name for name in (REGION, POD, DOMAIN, POSITION, SLOT) if facts.get(name) in (None, "")]
    if missing:
        raise _Unplaced(f"missing: {', '.join(missing)}")
    place = _Place(
        region=_identifier(facts, REGION),
        pod=_identifier(facts, POD),
        domain=_identifier(facts, DOMAIN),
        position=_number(facts, POSITION, DOMAINS_PER_POD_MAX),
        slot=_number(facts, SLOT, HOSTS_PER_DOMAIN_MAX),
        flavor=_identifier(facts, FLAVOR) if facts.get(FLAVOR) else None,
        domain_name=_label(facts, DOMAIN_NAME) if facts.get(DOMAIN_NAME) else None,
        repaired_at=_time(facts, REPAIRED_AT) if facts.get(REPAIRED_AT) else None,
    )
    if place.region not in regions:
        raise _Unplaced("its region is not in the catalogue")
    if place.flavor is not None and place.flavor not in flavors:
        raise _Unplaced("its flavor is not in the catalogue")
    return place


def _identifier(facts: Mapping[str, Any], name: str) -> str:
    value = facts[name]
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or not _IDENTIFIER.fullmatch(text):
        raise _Unplaced(f"{name}: no identifier")
    return text


def _label(facts: Mapping[str, Any], name: str) -> str:
    value = facts[name]
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or len(text) > _LABEL_LENGTH_MAX or not _LABEL.fullmatch(text):
        raise _Unplaced(f"{name}: more than {_LABEL_LENGTH_MAX} characters, or unprintable ones")
    return text


def _time(facts: Mapping[str, Any], name: str) -> str:
    try:
        seconds = parse_rfc3339(str(facts[name]))
    except ValueError:
        seconds = -1
    if not OBSERVED_AT_MIN <= seconds <= LAST_SECOND:
        raise _Unplaced(f"{name}: no RFC 3339 date-time with an offset")
    return str(facts[name])


def _number(facts: Mapping[str, Any], name: str, end: int) -> int:
    value = facts[name]
    try:
        number = plain_numbers.whole(value) if isinstance(value, str) else value
    except ValueError:
        number = None
    if type(number) is not int or not 0 <= number < end:
        raise _Unplaced(f"{name}: no whole number from 0 to {end - 1}")
    return number


def _put(regions: Mapping[str, _Region], machine: Machine, place: _Place) -> None:
    """Put a machine into its region, unless it contradicts one that is there."""
    region, key = regions[place.region], place.domain.lower()
    if region.pods.get(place.pod.lower(), place.pod) != place.pod:
        raise _Unplaced("another pod has its pod's id but for upper and lower case")
    domain = region.domains.get(key) or _Domain(place.pod, place.domain, place.position)
    if (domain.id, domain.pod, domain.position) != (place.domain, place.pod, place.position):
        raise _Unplaced("an older machine has its domain in another pod or position, or spells it otherwise")
    if region.positions.get((place.pod, place.position), key) != key:
        raise _Unplaced("an older machine has another domain at its position")
    if place.slot in domain.machines:
        raise _Unplaced(f"{domain.machines[place.slot][0].host_id} has its slot")
    region.pods[place.pod.lower()] = place.pod
    region.positions[place.pod, place.position] = key
    region.domains[key] = domain
    domain.machines[place.slot] = (machine, place)


def _pods(region: _Region, flavors: Mapping[str, bool], left_out: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the pods of a region. Notes machines that do not go with the flavor of their pod."""
    for pod_id in sorted(region.pods.values()):
        domains = [domain for domain in region.domains.values() if domain.pod == pod_id]
        flavor = _flavor(region, domains)
        kept = []
        for domain in sorted(domains, key=lambda each: each.position):
            for slot, (machine, place) in list(domain.machines.items()):
                reason = _misfit(flavor, place, is_rented=flavors.get(flavor or "", False))
                if reason is not None:
                    left_out[machine.host_id] = reason
                    del domain.machines[slot]
            if domain.machines:
                kept.append(_domain(domain))
        if flavor is not None and kept:
            yield {"id": pod_id, "flavorId": flavor, "domains": kept}


def _flavor(region: _Region, domains: Iterable[_Domain]) -> str | None:
    """The flavor of a pod: the first that a machine names, or else is sold as; oldest first."""
    entries = sorted(
        (entry for domain in domains for entry in domain.machines.values()),
        key=lambda entry: (entry[0].enrolled, entry[0].host_id),
    )
    said = [place.flavor for _, place in entries if place.flavor is not None]
    classes = [machine.resource_class or "" for machine, _ in entries]
    sold = [region.flavor_of_class[name] for name in classes if name in region.flavor_of_class]
    return next(iter([*said, *sold]), None)


def _misfit(flavor: str | None, place: _Place, *, is_rented: bool) -> str | None:
    if flavor is None:
        return "no machine of its pod names a flavor, or has a resource class that one flavor is offered with"
    if place.flavor not in (None, flavor):
        return "an older machine of its pod names another flavor"
    if is_rented and place.slot != 0:
        return "a machine that is rented in slices is alone in its domain, in slot 0"
    return None


def _domain(domain: _Domain) -> dict[str, Any]:
    entries = [domain.machines[slot] for slot in sorted(domain.machines)]
    names = [place.domain_name for _, place in entries if place.domain_name is not None]
    return {
        "position": domain.position,
        "id": domain.id,
        **({"name": names[0]} if names else {}),
        "cordoned": any(machine.retired for machine, _ in entries),
        "hosts": [
            {
                "slot": place.slot,
                "id": machine.host_id,
                "resourceClass": machine.resource_class,
                "state": machine.state,
                **({} if place.repaired_at is None else {"repairedAt": place.repaired_at}),
            }
            for machine, place in entries
        ],
    }
