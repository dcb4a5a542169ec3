"""Items of the inventory table to values and back.

Short attribute names where an item is hot: DynamoDB bills an update by the size of the whole item.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import Item, encode
from gpu_capacity.topology.model import (
    DomainShape,
    Flavor,
    Gpu,
    GpuVendor,
    Offering,
    Pod,
    PodShape,
    Region,
    VmShape,
)
from gpu_capacity.topology.text import domains_of, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class PodClaims:
    """Who owns what in a pod.

    ``owners`` maps the position of a claimed domain to the claim tag of its holder, or to the parts that
    holders own of it: the hosts of each, as a mask over slots, by claim tag in hex. An absent position is
    free.
    """

    pod_id: str
    version: int
    owners: Mapping[int, bytes | dict[str, int]]


def decode_claims(item: dict[str, Any]) -> PodClaims:
    """The claims item of a pod."""
    return PodClaims(
        pod_id=item["sk"].removeprefix(keys.POD_PREFIX),
        version=int(item["v"]),
        owners={
            int(name[1:]): owner if isinstance(owner, bytes) else {tag: int(m) for tag, m in owner.items()}
            for name, owner in item.items()
            if name[0] == "d" and name[1:].isdigit()
        },
    )


def encode_shape(shape: PodShape) -> Item:
    """The shape item of a pod. A domain is a list: position, hosts, usable mask, complete, cordoned."""
    return keys.shape(shape.region_id, shape.flavor_id, shape.pod_id) | encode(
        {
            "v": shape.version,
            "region": shape.region_id,
            "flavor": shape.flavor_id,
            "domains": [[d.position, d.hosts, d.usable, d.complete, d.cordoned] for d in shape.domains],
        }
    )


def decode_shape(item: dict[str, Any]) -> PodShape:
    """The shape item of a pod."""
    return PodShape(
        region_id=item["region"],
        pod_id=item["sk"].removeprefix(keys.POD_PREFIX),
        flavor_id=item["flavor"],
        version=int(item["v"]),
        domains=tuple(
            DomainShape(int(position), int(hosts), int(usable), complete, cordoned)
            for position, hosts, usable, complete, cordoned in item["domains"]
        ),
    )


def encode_pod(pod: Pod) -> Item:
    """The hosts item of a pod. Domains are kept as JSON text: they are read and written whole."""
    return keys.hosts(pod.region_id, pod.id) | encode(
        {
            "v": pod.version,
            "region": pod.region_id,
            "flavor": pod.flavor_id,
            "domains": text_of(pod.domains),
        }
    )


def decode_pod(item: dict[str, Any]) -> Pod:
    """The hosts item of a pod."""
    return Pod(
        region_id=item["region"],
        id=item["sk"].removeprefix(keys.POD_PREFIX),
        flavor_id=item["flavor"],
        version=int(item["v"]),
        domains=domains_of(item["domains"]),
    )


def encode_region(region: Region) -> Item:
    """The catalogue entry of a region. Offerings carry their flavor, so one read answers for all."""
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


def decode_region(item: dict[str, Any]) -> Region:
    """The catalogue entry of a region."""
    region_id = item["sk"].removeprefix(keys.REGION_PREFIX)
    return Region(
        id=region_id,
        organizations=frozenset(item.get("organizations", ())),
        observed_at=int(item["observed_at"]),
        offerings=tuple(_decode_offering(region_id, offering) for offering in item["offerings"]),
        instance_types=tuple((name, flavor_id) for name, flavor_id in item.get("instance_types", ())),
        vm_flavors=tuple(_decode_flavor(flavor) for flavor in item.get("vm_flavors", ())),
        withdrawn=item.get("withdrawn", False),
    )


def _decode_offering(region_id: str, item: dict[str, Any]) -> Offering:
    return Offering(
        region_id=region_id,
        accelerator=item["accelerator"],
        unit=item["unit"],
        device_type_resource_class=item["device_type_resource_class"],
        hosts_per_unit=int(item["hosts_per_unit"]),
        flavor=_decode_flavor(item["flavor"]),
    )


def _decode_flavor(item: dict[str, Any]) -> Flavor:
    gpu, vm = item["gpu"], item.get("vm")
    return Flavor(
        id=item["id"],
        cpus=int(item["cpus"]),
        memory_gib=int(item["memory_gib"]),
        disk_gb=int(item["disk_gb"]),
        instance_type=item.get("instance_type"),
        gpu=Gpu(
            vendor=GpuVendor(gpu["vendor"]),
            model=gpu["model"],
            physical_count=int(gpu["physical_count"]),
            logical_count=int(gpu["logical_count"]),
            memory_gib=int(gpu["memory_gib"]),
        ),
        vm=vm
        and VmShape(
            gpu_type=vm["gpu_type"],
            gpu_ram_mb=int(vm["gpu_ram_mb"]),
            cpu_model=vm["cpu_model"],
            pcie_gen=vm["pcie_gen"],
        ),
    )
