"""Whether a domain is a complete unit, the health of owned hardware, and its fingerprint.

A domain is *complete* if it has as many hosts as the offering expects, and each of them is of the expected
device type resource class and in service. A customer can prove with ``topology_hash`` which hardware a
reservation owned.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from gpu_capacity.inventory.cordons import NO_CORDONS, Cause
from gpu_capacity.inventory.model import DomainShape, HostState, PodShape
from gpu_capacity.inventory.opaque_ids import opaque_domain_id, opaque_pod_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from gpu_capacity.inventory.cordons import Cordons
    from gpu_capacity.inventory.model import Domain, Offering, Pod


IDENTITY_BYTES: Final = 8


class Health(StrEnum):
    """Health of owned hardware, in the words of the Reservation API."""

    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    ERROR = "error"


def shape_of(pod: Pod, offering: Offering | None, cordons: Cordons = NO_CORDONS) -> PodShape:
    """Reduce a pod to what placement needs.

    Without an offering the pod sells no units, so no domain is complete. Hosts of any resource class are
    usable then, because parts of domains are sold by flavor alone.

    A cordon of a domain changes neither ``usable`` nor ``complete``. A host that is out of sale by itself is
    not usable, so its domain is not complete. It counts as in service, because health is about hardware,
    unless it is in quarantine.
    """
    unsold, quarantined = cordons.hosts, cordons.quarantines.keys()
    return PodShape(
        region_id=pod.region_id,
        pod_id=pod.id,
        flavor_id=pod.flavor_id,
        version=pod.version,
        domains=tuple(
            replace(
                _domain_shape(domain, offering, unsold),
                cordoned=domain.cordoned or cordons.covers(pod.id, domain),
                in_service=_in_service(domain, quarantined),
            )
            for domain in pod.domains
        ),
        maintained=any(
            cordon.cause is Cause.MAINTENANCE and cordon.target.is_in(pod) for cordon in cordons.entries
        ),
    )


def _domain_shape(domain: Domain, offering: Offering | None, unsold: AbstractSet[str]) -> DomainShape:
    """The shape of a domain under its own cordon, all of its hosts out of quarantine."""
    expected_class = offering.device_type_resource_class if offering else None
    usable = 0
    for host in domain.hosts:
        sold = host.state is HostState.IN_SERVICE and host.id not in unsold
        if sold and expected_class in (None, host.resource_class):
            usable |= 1 << host.slot
    complete = (
        offering is not None
        and len(domain.hosts) == offering.hosts_per_unit
        and usable.bit_count() == offering.hosts_per_unit
    )
    return DomainShape(
        position=domain.position,
        hosts=len(domain.hosts),
        usable=usable,
        complete=complete,
        cordoned=domain.cordoned,
        identity=identity_of(domain),
    )


def health_of(
    domains: Sequence[Domain], hosts_expected: int, quarantined: AbstractSet[str] = frozenset()
) -> Health:
    """The health of owned hardware.

    Args:
        domains: the owned domains that the inventory has.
        hosts_expected: the number of owned hosts. Hosts that the inventory does not have count as unhealthy.
        quarantined: ids of hosts in quarantine.

    Returns:
        ``unknown`` if the inventory has none of the domains or no host is expected, ``error`` if no host is
        in service, ``degraded`` if some are not, else ``healthy``.
    """
    return _judged([_in_service(domain, quarantined) for domain in domains], hosts_expected)


def health_of_shapes(domains: Sequence[DomainShape], hosts_expected: int) -> Health:
    """Like ``health_of``, from the shapes of the domains."""
    return _judged([domain.in_service for domain in domains], hosts_expected)


def shows_quarantines(shapes: Sequence[DomainShape], domains: Sequence[Domain]) -> bool:
    """Whether shapes count fewer hosts in service than their domains have: some are in quarantine."""
    return sum(shape.in_service for shape in shapes) < sum(_in_service(d, frozenset()) for d in domains)


def _judged(in_service: Sequence[int], hosts_expected: int) -> Health:
    if not in_service or hosts_expected == 0:
        return Health.UNKNOWN
    found = sum(in_service)
    if found == 0:
        return Health.ERROR
    return Health.HEALTHY if found >= hosts_expected else Health.DEGRADED


def _in_service(domain: Domain, quarantined: AbstractSet[str]) -> int:
    return sum(host.state is HostState.IN_SERVICE and host.id not in quarantined for host in domain.hosts)


def identity_of(domain: Domain) -> bytes:
    """An 8-byte digest of what ``topology_hash`` covers of a domain: its id and the ids of its hosts."""
    parts = [domain.id, sorted(host.id for host in domain.hosts)]
    return hashlib.sha256(json.dumps(parts).encode()).digest()[:IDENTITY_BYTES]


def hardware_digest(identities: Iterable[bytes]) -> bytes:
    """An 8-byte digest of the identities of domains, which come in position order.

    While it does not change, the topology hash of a reservation of these domains does not change either.
    """
    return hashlib.sha256(b"".join(identities)).digest()[:IDENTITY_BYTES]


def topology_hash(offering: tuple[str, str, str], pod_id: str, domains: Sequence[Domain]) -> str:
    """Fingerprint of a reservation's hardware: ``sha256:`` and 64 hex digits.

    The digest is over canonical JSON (UTF-8, keys sorted, no white space)::

        {"accelerator": …, "regionId": …, "unit": …,
         "units": [{"domainId": …, "hostIds": [sorted], "podId": …}, …]}

    with units in position order. Ids of pods and domains are the opaque ones, so that customers can recompute
    the hash from the topology that they read. Names, times and health are not included, so the hash changes
    if and only if the hardware changes.

    Args:
        offering: region id, accelerator and unit of the reservation.
        pod_id: the pod that has the domains.
        domains: the owned domains, in any order.
    """
    region_id, accelerator, unit = offering
    document = {
        "regionId": region_id,
        "accelerator": accelerator,
        "unit": unit,
        "units": [
            {
                "podId": opaque_pod_id(region_id, pod_id),
                "domainId": opaque_domain_id(region_id, domain.id),
                "hostIds": sorted(host.id for host in domain.hosts),
            }
            for domain in sorted(domains, key=lambda d: d.position)
        ],
    }
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
