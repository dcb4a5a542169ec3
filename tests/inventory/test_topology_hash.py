"""The fingerprint of owned hardware, recomputed as a customer would from the documentation alone."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.inventory.model import Domain, HostState
from gpu_capacity.inventory.opaque_ids import opaque_domain_id, opaque_pod_id
from gpu_capacity.inventory.units import topology_hash
from testkit.world import rack

if TYPE_CHECKING:
    from collections.abc import Callable

OFFERING = ("uk-lon-1", "GB300", "NVL72")
RACKS = [rack("pod1", 3), rack("pod1", 4)]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _recomputed(offering: tuple[str, str, str], pod_id: str, domains: list[Domain]) -> str:
    """Written by hand, without a JSON library: keys in alphabetical order, no white space, UTF-8."""
    region, accelerator, unit = map(_quoted, offering)
    pod = _quoted(opaque_pod_id(offering[0], pod_id))
    units = []
    for domain in sorted(domains, key=lambda d: d.position):
        hosts = ",".join(_quoted(host) for host in sorted(h.id for h in domain.hosts))
        rack_id = _quoted(opaque_domain_id(offering[0], domain.id))
        units.append(f'{{"domainId":{rack_id},"hostIds":[{hosts}],"podId":{pod}}}')
    text = f'{{"accelerator":{accelerator},"regionId":{region},"unit":{unit},"units":[{",".join(units)}]}}'
    return "sha256:" + hashlib.sha256(text.encode("utf-8")).hexdigest()


def _hash(domains: list[Domain]) -> str:
    return topology_hash(OFFERING, "pod1", domains)


def _host(domain: Domain, **changes: object) -> Domain:
    first, *rest = domain.hosts
    return replace(domain, hosts=(replace(first, **changes), *rest))  # type: ignore[arg-type]


def test_the_hash_is_what_the_documentation_says_to_compute() -> None:
    assert _hash(RACKS) == _recomputed(OFFERING, "pod1", RACKS)


def test_ids_outside_of_ascii_are_hashed_as_utf_8() -> None:
    domains = [_host(rack("pod1", 0), id="Köln “7”")]

    assert _hash(domains) == _recomputed(OFFERING, "pod1", domains)


def test_the_hash_has_the_published_format() -> None:
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", _hash(RACKS))


def test_the_order_of_domains_and_hosts_does_not_matter() -> None:
    backwards = [replace(domain, hosts=domain.hosts[::-1]) for domain in RACKS[::-1]]

    assert _hash(backwards) == _hash(RACKS)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: replace(d, name="renamed"),
        lambda d: replace(d, cordoned=True),
        lambda d: _host(d, name="renamed"),
        lambda d: _host(d, state=HostState.UNHEALTHY),
        lambda d: _host(d, resource_class="OTHER"),
        lambda d: _host(d, slot=40),
    ],
    ids=["domain name", "cordon", "host name", "health", "resource class", "slot"],
)
def test_the_hash_stays_the_same_while_the_owned_hardware_does(change: Callable[[Domain], Domain]) -> None:
    assert _hash([change(RACKS[0]), RACKS[1]]) == _hash(RACKS)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: replace(d, id="another"),
        lambda d: _host(d, id="replaced"),
        lambda d: replace(d, hosts=d.hosts[:1]),
    ],
    ids=["domain", "host replaced", "host lost"],
)
def test_the_hash_changes_with_the_owned_hardware(change: Callable[[Domain], Domain]) -> None:
    assert _hash([change(RACKS[0]), RACKS[1]]) != _hash(RACKS)


def test_hosts_that_change_places_between_racks_change_the_hash() -> None:
    one, two = RACKS
    traded = [
        replace(one, hosts=(two.hosts[0], one.hosts[1])),
        replace(two, hosts=(one.hosts[0], two.hosts[1])),
    ]

    assert _hash(traded) != _hash(RACKS)


@pytest.mark.parametrize("part", range(3))
def test_region_accelerator_and_unit_are_part_of_the_hash(part: int) -> None:
    other = tuple("other" if place == part else word for place, word in enumerate(OFFERING))

    assert topology_hash(other, "pod1", RACKS) != _hash(RACKS)  # type: ignore[arg-type]


def test_the_pod_is_part_of_the_hash() -> None:
    assert topology_hash(OFFERING, "pod2", RACKS) != _hash(RACKS)
