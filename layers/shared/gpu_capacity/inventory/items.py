"""Encodes and decodes the items of the inventory table.

Items that are updated often have short attribute names, because DynamoDB bills an update by the size of the
whole item.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import Item, encode
from gpu_capacity.dynamodb.decoding import (
    binary,
    decoder,
    flag,
    json_list,
    rows,
    second,
    text,
    text_or_none,
    texts,
    whole,
    whole_number,
)
from gpu_capacity.inventory.bookings import TAG_BYTES, Booking
from gpu_capacity.inventory.cordons import Cause, Cordon, Cordons, Target
from gpu_capacity.inventory.model import (
    Architecture,
    Domain,
    DomainShape,
    Flavor,
    Gpu,
    GpuVendor,
    Host,
    HostState,
    Offering,
    Pod,
    PodShape,
    Region,
    VmShape,
)
from gpu_capacity.inventory.text import text_of
from gpu_capacity.inventory.units import IDENTITY_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping


_HOST: Final = (int, str, str, str, str)


_BOOKING_BYTES: Final = (7, 11)
"""Length of a booking's value: first position (2), count (1), ``since`` (4) and, if known, ``until`` (4)."""


@dataclass(frozen=True, slots=True)
class PodOwners:
    """Who owns which domains of a pod, or parts of domains.

    ``version`` is the pod's topology version. ``owners`` maps the position of a domain to one of three: the
    tag of its booking; the holder tag (8 bytes) of a holder that owns it without a booking; the parts that
    holders own of it, as masks by holder tag in hex (after ``g`` if the mask is over GPUs). An absent
    position is free. ``stamps`` has the stamp of each domain that was ever booked or emptied, whether it is
    owned now or not.
    """

    pod_id: str
    version: int
    owners: Mapping[int, bytes | dict[str, int]]
    stamps: Mapping[int, bytes] = field(default_factory=dict)
    bookings: tuple[Booking, ...] = ()

    def with_booking(self, booking: Booking) -> PodOwners:
        """A copy with one more booking."""
        booked = dict.fromkeys(booking.positions, booking.tag)
        return replace(
            self,
            owners={**self.owners, **booked},
            stamps={**self.stamps, **booked},
            bookings=(*self.bookings, booking),
        )


@decoder
def decode_owners(item: Mapping[str, Any]) -> PodOwners:
    """Decode the ownership item of a pod."""
    owners: dict[int, bytes | dict[str, int]] = {}
    stamps: dict[int, bytes] = {}
    bookings = []
    for name, value in item.items():
        if name[0] == "d" and name[1:].isdigit():
            if not isinstance(value, bytes):
                owners[int(name[1:])] = _parts(value)
            elif len(value) == TAG_BYTES:
                stamps[int(name[1:])] = value
            else:
                owners[int(name[1:])] = value
        elif name[0] == "b":
            bookings.append(_booking(name, value))
    for booking in bookings:
        owners |= dict.fromkeys(booking.positions, booking.tag)
    return PodOwners(
        pod_id=item["sk"].removeprefix(keys.POD_PREFIX),
        version=whole(item, "v"),
        owners=owners,
        stamps=stamps,
        bookings=tuple(bookings),
    )


def encode_booking(booking: Booking) -> bytes:
    """The value of a booking's attribute. ``until`` is omitted if no end is known."""
    until = b"" if booking.until is None else booking.until.to_bytes(4, "big")
    run = booking.first.to_bytes(2, "big") + booking.count.to_bytes(1, "big")
    return run + booking.since.to_bytes(4, "big") + until


def _booking(name: str, value: bytes) -> Booking:
    if len(value) not in _BOOKING_BYTES:
        raise ValueError("a booking of another length")
    first, count, since = value[:2], value[2:3], value[3:7]
    return Booking(
        urlsafe_b64decode(name[1:]),
        int.from_bytes(first, "big"),
        int.from_bytes(count, "big"),
        int.from_bytes(since, "big"),
        int.from_bytes(value[7:], "big") if value[7:] else None,
    )


def _parts(owner: Mapping[str, Any]) -> dict[str, int]:
    return {tag: whole_number(mask) for tag, mask in owner.items()}


def encode_shape(shape: PodShape) -> Item:
    """The shape item of a pod. A domain is a list: position, hosts, usable mask, complete, cordoned.

    ``serving`` has the number of hosts in service of each domain, and ``identities`` its 8 bytes of identity,
    both in the order of the domains.
    """
    return keys.shape(shape.region_id, shape.flavor_id, shape.pod_id) | encode(
        {
            "v": shape.version,
            "region": shape.region_id,
            "flavor": shape.flavor_id,
            "domains": [[d.position, d.hosts, d.usable, d.complete, d.cordoned] for d in shape.domains],
            "serving": [d.in_service for d in shape.domains],
            "identities": b"".join(d.identity for d in shape.domains) or None,
            "maintained": shape.maintained or None,
        }
    )


@decoder
def decode_shape(item: Mapping[str, Any]) -> PodShape:
    """Decode the shape item of a pod. Earlier versions wrote neither ``serving`` nor ``identities``."""
    domains = tuple(DomainShape(*row) for row in rows(item["domains"], int, int, int, bool, bool))
    if "identities" in item:
        serving = [whole_number(hosts) for hosts in item["serving"]]
        identities = binary(item, "identities")
        domains = tuple(
            replace(domain, in_service=hosts, identity=identities[at : at + IDENTITY_BYTES])
            for domain, hosts, at in zip(
                domains, serving, range(0, len(identities), IDENTITY_BYTES), strict=True
            )
        )
    return PodShape(
        region_id=text(item, "region"),
        pod_id=item["sk"].removeprefix(keys.POD_PREFIX),
        flavor_id=text(item, "flavor"),
        version=whole(item, "v"),
        domains=domains,
        maintained=flag(item, "maintained"),
    )


def encode_pod(pod: Pod) -> Item:
    """The hosts item of a pod. Domains are stored as JSON text: they are always read and written together."""
    return keys.hosts(pod.region_id, pod.id) | encode(
        {
            "v": pod.version,
            "region": pod.region_id,
            "flavor": pod.flavor_id,
            "domains": text_of(pod.domains),
        }
    )


@decoder
def decode_pod(item: Mapping[str, Any]) -> Pod:
    """Decode the hosts item of a pod."""
    return pod_of(item)


def pod_of(item: Mapping[str, Any], domains: tuple[Domain, ...] | None = None) -> Pod:
    """The pod of a hosts item, for decoders. Domains that the caller passes are not decoded again."""
    return Pod(
        region_id=text(item, "region"),
        id=item["sk"].removeprefix(keys.POD_PREFIX),
        flavor_id=text(item, "flavor"),
        version=whole(item, "v"),
        domains=_domains(item) if domains is None else domains,
    )


def _domains(item: Mapping[str, Any]) -> tuple[Domain, ...]:
    return tuple(
        Domain(
            position=position,
            id=domain_id,
            name=name,
            cordoned=cordoned,
            hosts=tuple(
                Host(slot, host_id, host_name, resource_class, HostState(state))
                for slot, host_id, host_name, resource_class, state in rows(hosts, int, str, str, str, str)
            ),
        )
        for position, domain_id, name, cordoned, hosts in rows(
            json_list(item, "domains"), int, str, str, bool, list
        )
    )


def encode_cordons(cordons: Cordons) -> Item:
    """The item about all that is out of sale in a region. A version before 0.9.0 knew no causes."""
    return keys.cordons(cordons.region_id) | encode(
        {
            "v": cordons.revision,
            "cordons": [
                {
                    **{name: value for name, value in _cordoned(cordon).items() if value is not None},
                    "reason": cordon.reason,
                    "since": cordon.since,
                    "by": cordon.by,
                }
                for cordon in cordons.entries
            ],
        }
    )


def _cordoned(cordon: Cordon) -> dict[str, str | None]:
    return {
        "pod": cordon.target.pod_id,
        "domain": cordon.target.domain_id,
        "host": cordon.target.host_id,
        "cause": cordon.cause.value if cordon.cause is not Cause.CORDON else None,
        "evidence": cordon.evidence,
        "maintenance": cordon.maintenance_id,
    }


@decoder
def decode_cordons(item: Mapping[str, Any]) -> Cordons:
    """Decode the item about a region's cordons."""
    return Cordons(
        region_id=item["sk"].removeprefix(keys.REGION_PREFIX),
        revision=whole(item, "v"),
        entries=tuple(
            Cordon(
                decode_target(row),
                reason=text(row, "reason"),
                since=second(row, "since"),
                by=text(row, "by"),
                cause=Cause(text_or_none(row, "cause") or Cause.CORDON),
                evidence=text_or_none(row, "evidence"),
                maintenance_id=text_or_none(row, "maintenance"),
            )
            for row in item["cordons"]
        ),
    )


def decode_target(row: Mapping[str, Any]) -> Target:
    """A host is named alone, also where an older entry has its pod."""
    host_id = text_or_none(row, "host")
    return (
        Target(host_id=host_id) if host_id else Target(text_or_none(row, "pod"), text_or_none(row, "domain"))
    )


def encode_region(region: Region) -> Item:
    """The catalogue entry of a region. Each offering contains its flavor, so that one read gets all."""
    return keys.region(region.id) | encode(
        {
            "organizations": sorted(region.organizations) or None,
            "observed_at": region.observed_at,
            "offerings": [_encode_offering(offering) for offering in region.offerings],
            "instance_types": [list(pair) for pair in region.instance_types] or None,
            "vm_flavors": [_encode_flavor(flavor) for flavor in region.vm_flavors] or None,
            "withdrawn": region.withdrawn or None,
        }
    )


def _encode_offering(offering: Offering) -> dict[str, Any]:
    return {
        "accelerator": offering.accelerator,
        "unit": offering.unit,
        "device_type_resource_class": offering.device_type_resource_class,
        "hosts_per_unit": offering.hosts_per_unit,
        "flavor": _encode_flavor(offering.flavor),
    }


def _encode_flavor(flavor: Flavor) -> dict[str, Any]:
    gpu, vm = flavor.gpu, flavor.vm
    return {
        "id": flavor.id,
        "cpus": flavor.cpus,
        "memory_gib": flavor.memory_gib,
        "disk_gb": flavor.disk_gb,
        "architecture": flavor.architecture.value,
        "instance_type": flavor.instance_type,
        "gpu": {
            "vendor": gpu.vendor.value,
            "model": gpu.model,
            "physical_count": gpu.physical_count,
            "logical_count": gpu.logical_count,
            "memory_gib": gpu.memory_gib,
        },
        "vm": vm
        and {
            "gpu_type": vm.gpu_type,
            "gpu_ram_mb": vm.gpu_ram_mb,
            "cpu_model": vm.cpu_model,
            "pcie_gen": vm.pcie_gen,
        },
    }


@decoder
def decode_region(item: Mapping[str, Any]) -> Region:
    """Decode the catalogue entry of a region."""
    region_id = item["sk"].removeprefix(keys.REGION_PREFIX)
    return Region(
        id=region_id,
        organizations=frozenset(texts(item.get("organizations", ()))),
        observed_at=second(item, "observed_at"),
        offerings=tuple(_decode_offering(region_id, offering) for offering in item["offerings"]),
        instance_types=tuple((row[0], row[1]) for row in rows(item.get("instance_types", ()), str, str)),
        vm_flavors=tuple(_decode_flavor(flavor) for flavor in item.get("vm_flavors", ())),
        withdrawn=flag(item, "withdrawn"),
    )


def _decode_offering(region_id: str, item: Mapping[str, Any]) -> Offering:
    return Offering(
        region_id=region_id,
        accelerator=text(item, "accelerator"),
        unit=text(item, "unit"),
        device_type_resource_class=text(item, "device_type_resource_class"),
        hosts_per_unit=whole(item, "hosts_per_unit"),
        flavor=_decode_flavor(item["flavor"]),
    )


def _decode_flavor(item: Mapping[str, Any]) -> Flavor:
    gpu, vm = item["gpu"], item.get("vm")
    return Flavor(
        id=text(item, "id"),
        cpus=whole(item, "cpus"),
        memory_gib=whole(item, "memory_gib"),
        disk_gb=whole(item, "disk_gb"),
        # Earlier versions wrote no architecture.
        architecture=Architecture(text(item, "architecture") if "architecture" in item else "UNKNOWN"),
        instance_type=_text_or_null(item, "instance_type"),
        gpu=Gpu(
            vendor=GpuVendor(text(gpu, "vendor")),
            model=text(gpu, "model"),
            physical_count=whole(gpu, "physical_count"),
            logical_count=whole(gpu, "logical_count"),
            memory_gib=whole(gpu, "memory_gib"),
        ),
        vm=vm
        and VmShape(
            gpu_type=text(vm, "gpu_type"),
            gpu_ram_mb=whole(vm, "gpu_ram_mb"),
            cpu_model=text(vm, "cpu_model"),
            pcie_gen=text(vm, "pcie_gen"),
        ),
    )


def _text_or_null(item: Mapping[str, Any], name: str) -> str | None:
    return None if item.get(name) is None else text(item, name)
