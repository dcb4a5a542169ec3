"""The hardware of a run, and the fleet documents that describe it: valid ones and poisoned ones."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, Final

from testkit.vms.scene import GPU5090, NODE_OFFERING
from testkit.world import GB300

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from gpu_capacity.inventory.model import Flavor
    from testkit.items import Domain

LONDON, CHICAGO = "uk-lon-1", "us-chi-1"
REGIONS: Final = (LONDON, CHICAGO)
HOSTS_PER_RACK: Final = 2
RESOURCE_CLASS: Final = "GB300_HOST"
STATES: Final = ("in_service", "in_service", "unhealthy", "out_of_service")

SOLD: Final = {
    GB300.id: (HOSTS_PER_RACK, RESOURCE_CLASS),
    GPU5090.id: (NODE_OFFERING.hosts_per_unit, NODE_OFFERING.device_type_resource_class),
}
"""By flavor: how many hosts of which resource class are a unit."""

Document = dict[str, Any]
Shape = dict[str, dict[str, int]]
"""How many domains each pod has, by region and pod."""

_OFFERING: Final[Document] = {
    "accelerator": "GB300",
    "unit": "NVL72",
    "flavorId": GB300.id,
    "deviceTypeResourceClass": RESOURCE_CLASS,
    "hostsPerUnit": HOSTS_PER_RACK,
}
_NODES: Final[Document] = {
    "accelerator": NODE_OFFERING.accelerator,
    "unit": NODE_OFFERING.unit,
    "flavorId": GPU5090.id,
    "deviceTypeResourceClass": NODE_OFFERING.device_type_resource_class,
    "hostsPerUnit": NODE_OFFERING.hosts_per_unit,
}


class Fleet:
    """The hardware, and the documents that are published about it.

    Args:
        pods: how many racks each pod has, by region and pod.
        nodes: how many nodes of eight GPUs, sold whole and in slices, each pod has.
    """

    def __init__(self, pods: Shape, nodes: Shape | None = None) -> None:
        self.sequence = 0
        self._replaced = 0
        self._removed: tuple[list[Document], Document] | None = None
        self._regions: list[Document] = [
            {
                "id": region,
                "offerings": [_OFFERING, _NODES],
                "pods": [
                    *[_pod(pod, GB300.id, racks, _rack) for pod, racks in sorted(racks_of.items())],
                    *[
                        _pod(pod, GPU5090.id, n, _node)
                        for pod, n in sorted((nodes or {}).get(region, {}).items())
                    ],
                ],
            }
            for region, racks_of in sorted(pods.items())
        ]

    def racks(self, pod_id: str) -> list[Document]:
        """The racks of a pod, to be changed."""
        (pod,) = [pod for region in self._regions for pod in region["pods"] if pod["id"] == pod_id]
        racks: list[Document] = pod["domains"]
        return racks

    def publish(self) -> bytes:
        """A new document that describes the current hardware."""
        self.sequence += 1
        return _raw(self._document())

    def publish_half(self, draw: Random) -> bytes:
        """A new document that lost a region's pods or relabels a rack: parts of it are deferred."""
        self.sequence += 1
        document = copy.deepcopy(self._document())
        region = draw.choice(document["regions"])
        if draw.random() < 0.5:
            region["pods"] = []
        else:
            domain = draw.choice([d for pod in region["pods"] for d in pod["domains"]])
            domain["id"] = f"{domain['id']}-relabelled"
        return _raw(document)

    def poison(self, draw: Random, accepted: int) -> bytes:
        """A document that the sync has to refuse while the one of sequence ``accepted`` is in use."""
        return draw.choice(_POISONS)(self, draw, accepted)

    def change(self, draw: Random) -> None:
        """Apply a random change to the hardware."""
        domain = self._any_domain(draw)
        host = draw.choice(domain["hosts"])
        match draw.randrange(9):
            case 0:
                domain["cordoned"] = not domain.get("cordoned", False)
            case 1:
                # A board is replaced: the slot has another host.
                self._replaced += 1
                host["id"] = f"{host['id'].split('+')[0]}+{self._replaced}"
            case 2:
                for other in domain["hosts"]:
                    other["state"] = "in_service"
                domain["cordoned"] = False
            case 3:
                self._remove_or_return(draw)
            case 4:
                # Two machines change places.
                other = draw.choice(self._any_domain(draw)["hosts"])
                if other["resourceClass"] == host["resourceClass"]:
                    host["id"], other["id"] = other["id"], host["id"]
            case _:
                host["state"] = draw.choice(STATES)

    def repair(self) -> None:
        """Put all hardware back into service."""
        if self._removed is not None:
            self._return()
        for domain in self._domains():
            domain["cordoned"] = False
            for host in domain["hosts"]:
                host["state"] = "in_service"

    def _document(self) -> Document:
        return {
            "schemaVersion": 1,
            "sequence": self.sequence,
            "observedAt": f"2026-01-01T00:{self.sequence // 60 % 60:02}:{self.sequence % 60:02}Z",
            "flavors": [_RACKS_FLAVOR, _NODES_FLAVOR],
            "regions": self._regions,
        }

    def _domains(self) -> list[Document]:
        return [d for region in self._regions for pod in region["pods"] for d in pod["domains"]]

    def _any_domain(self, draw: Random) -> Document:
        domain: Document = draw.choice(self._domains())
        return domain

    def _remove_or_return(self, draw: Random) -> None:
        """Remove a rack of the larger region, or return the removed one."""
        if self._removed is not None:
            self._return()
            return
        region = max(self._regions, key=lambda r: sum(len(p["domains"]) for p in r["pods"]))
        domains = draw.choice(region["pods"])["domains"]
        self._removed = (domains, domains.pop(draw.randrange(len(domains))))

    def _return(self) -> None:
        if self._removed is not None:
            domains, domain = self._removed
            domains.append(domain)
            domains.sort(key=lambda d: int(d["position"]))
            self._removed = None

    # Poisons. Each is refused as a whole.

    def _cut_off(self, draw: Random, accepted: int) -> bytes:
        raw = self._next(accepted)
        return raw[: draw.randrange(1, len(raw))]

    def _old(self, draw: Random, accepted: int) -> bytes:
        return _raw(self._document() | {"sequence": draw.randrange(max(accepted, 1))})

    def _contradictory(self, draw: Random, accepted: int) -> bytes:
        document = copy.deepcopy(self._document()) | {"sequence": accepted}
        document["regions"][0]["pods"][0]["domains"][0]["name"] = f"rack {draw.random()}"
        return _raw(document)

    def _far_ahead(self, draw: Random, accepted: int) -> bytes:
        return _raw(self._document() | {"sequence": 2**53 - 1 - draw.randrange(1000)})

    def _misspelt(self, draw: Random, accepted: int) -> bytes:
        document = json.loads(self._next(accepted))
        draw.choice(document["regions"][0]["pods"][0]["domains"])["cordonned"] = True
        return _raw(document)

    def _twice_there(self, draw: Random, accepted: int) -> bytes:
        document = json.loads(self._next(accepted))
        first, second = draw.choice(document["regions"][0]["pods"][0]["domains"])["hosts"][:2]
        first["id"] = second["id"]
        return _raw(document)

    def _next(self, accepted: int) -> bytes:
        return _raw(self._document() | {"sequence": max(accepted, self.sequence) + 1})


_POISONS: Final = (
    Fleet._cut_off,
    Fleet._old,
    Fleet._contradictory,
    Fleet._far_ahead,
    Fleet._misspelt,
    Fleet._twice_there,
)


class Feed:
    """A feed with one document in it; see ``FleetFeed``."""

    def __init__(self, document: bytes) -> None:
        self._document = document

    def read(self) -> bytes:
        return self._document


def node_places(nodes: Shape) -> dict[str, Domain]:
    """The places of the fleet's nodes, by name: a replacement keeps the name."""
    return {
        _node_name(pod, position): (region, pod, position)
        for region, counts in sorted(nodes.items())
        for pod, count in sorted(counts.items())
        for position in range(count)
    }


def _flavor(flavor: Flavor) -> Document:
    gpu = flavor.gpu
    document: Document = {
        "id": flavor.id,
        "cpus": flavor.cpus,
        "memoryGib": flavor.memory_gib,
        "diskGb": flavor.disk_gb,
        "architecture": flavor.architecture.value,
        "instanceType": flavor.instance_type,
        "gpu": {
            "vendor": gpu.vendor.value,
            "model": gpu.model,
            "physicalCount": gpu.physical_count,
            "logicalCount": gpu.logical_count,
            "memoryGib": gpu.memory_gib,
        },
    }
    if (vm := flavor.vm) is not None:
        document["vm"] = {
            "gpuType": vm.gpu_type,
            "gpuRamMb": vm.gpu_ram_mb,
            "cpuModel": vm.cpu_model,
            "pcieGen": vm.pcie_gen,
        }
    return document


_RACKS_FLAVOR, _NODES_FLAVOR = _flavor(GB300), _flavor(GPU5090)


def _pod(pod_id: str, flavor: str, count: int, make: Callable[[str, int], Document]) -> Document:
    return {"id": pod_id, "flavorId": flavor, "domains": [make(pod_id, n) for n in range(count)]}


def _node_name(pod_id: str, position: int) -> str:
    return f"{pod_id}-node{position:02}"


def _node(pod_id: str, position: int) -> Document:
    name = _node_name(pod_id, position)
    host = {"slot": 0, "id": f"{name}-board", "name": name, "state": "in_service"}
    host["resourceClass"] = NODE_OFFERING.device_type_resource_class
    return {"position": position, "id": name, "cordoned": False, "hosts": [host]}


def _rack(pod_id: str, position: int) -> Document:
    name = f"{pod_id}-rack{position:02}"
    return {
        "position": position,
        "id": name,
        "cordoned": False,
        "hosts": [
            {
                "slot": slot,
                "id": f"{name}-tray{slot:02}",
                "resourceClass": RESOURCE_CLASS,
                "state": "in_service",
            }
            for slot in range(HOSTS_PER_RACK)
        ],
    }


def _raw(document: Document) -> bytes:
    return json.dumps(document).encode()
