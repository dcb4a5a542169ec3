"""The sample fleet: two small regions with the figures of the published example, a large one, and VM nodes.

``python -m tools.sample_fleet > fleet.json`` writes it. Everything is deterministic. Between the complete
racks are broken ones, so that after ``SAMPLE_RESERVATIONS`` best fit leaves the published figures:

===========  ==========================  =================  =====================  =====================
region       runs of complete racks      total              reserved               available, longest run
===========  ==========================  =================  =====================  =====================
uk-lon-1     4 and 3 in pod1, 1 in pod2  8                  the run of 4           4, 3
us-chi-1     4 and 2                     6                  the run of 4           2, 2
us-tex-1     16 x 8 racks, 32 x 32 HGX   128 and 1024       nothing                all, 8 and 32
eu-ams-1     4, 2 and 2 PCIe machines    4, 2 and 2         nothing                all, 4, 2 and 2
===========  ==========================  =================  =====================  =====================

The machines of eu-ams-1 have 8 GPUs each and are rented in slices as well, under their names: vm01 to vm04
(5090), vm05 and vm06 (4090), vm07 and vm08 (6000pro). Three smaller ones are rented in slices alone: vm09
(4090) has 4 GPUs, vm10 and vm11 (5090) have 2 and 1.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

TRAYS_PER_RACK: Final = 18
OBSERVED_AT: Final = "2026-01-01T00:00:00Z"

SAMPLE_ORGANIZATION: Final = "b1f0c3a2-6d54-4e8a-9c17-2f5d8e0a4b61"
SAMPLE_PROJECT: Final = "c7d2e9b4-1a38-4f60-8b25-90e3f6a7d512"


class SampleReservation(NamedTuple):
    """A reservation of the sample tenant, to be created through the API."""

    organization: str
    project: str
    region: str
    accelerator: str
    unit: str
    units: int


class _NodeKind(NamedTuple):
    """Machines rented in slices; the memory of one GPU in GiB. Those with 8 GPUs are sold whole too."""

    gpu_type: str
    model: str
    gpu_memory_gib: int
    cpus: int
    memory_gib: int
    cpu_model: str
    pcie_gen: str
    nodes: range
    gpus: int = 8

    @property
    def flavor_id(self) -> str:
        return f"v.{self.gpus}.{self.gpu_type}.pcie"


_NODE_KINDS: Final = (
    _NodeKind("5090", "RTX 5090", 32, 192, 1536, "AMD EPYC 9654", "5.0", range(1, 5)),
    _NodeKind("4090", "RTX 4090", 24, 128, 1024, "AMD EPYC 7763", "4.0", range(5, 7)),
    _NodeKind("6000pro", "RTX PRO 6000", 96, 192, 1536, "AMD EPYC 9655", "5.0", range(7, 9)),
    _NodeKind("4090", "RTX 4090", 24, 64, 512, "AMD EPYC 7763", "4.0", range(9, 10), gpus=4),
    _NodeKind("5090", "RTX 5090", 32, 48, 384, "AMD EPYC 9654", "5.0", range(10, 11), gpus=2),
    _NodeKind("5090", "RTX 5090", 32, 24, 192, "AMD EPYC 9654", "5.0", range(11, 12), gpus=1),
)
_SOLD_WHOLE: Final = 8


SAMPLE_RESERVATIONS: Final = (
    SampleReservation(SAMPLE_ORGANIZATION, SAMPLE_PROJECT, "uk-lon-1", "GB300", "NVL72", 4),
    SampleReservation(SAMPLE_ORGANIZATION, SAMPLE_PROJECT, "us-chi-1", "GB300", "NVL72", 4),
)


def sample_fleet(sequence: int = 1) -> dict[str, Any]:
    """Return the fleet document, valid by the schema in ``docs``."""
    return {
        "schemaVersion": 1,
        "sequence": sequence,
        "observedAt": OBSERVED_AT,
        "flavors": [
            _gb300("g.72.gb300.pinned"),
            _gb300("gb300-nvl72-metal"),
            {
                "id": "g.8.h200.sxm",
                "cpus": 192,
                "memoryGib": 2048,
                "diskGb": 30720,
                "architecture": "x86_64",
                "instanceType": "h200-8x",
                "gpu": _gpu("H200", count=8, memory_gib=141),
            },
            *(_node_flavor(kind) for kind in _NODE_KINDS),
        ],
        "regions": [_london(), _chicago(), _texas(), _amsterdam()],
    }


def metal_fleet() -> dict[str, Any]:
    """Return one region of it, us-tex-1, with its first pod of racks and its first of machines: 176 hosts."""
    document = sample_fleet()
    (texas,) = (region for region in document["regions"] if region["id"] == "us-tex-1")
    flavors = [offering["flavorId"] for offering in texas["offerings"]]
    pods = [next(pod for pod in texas["pods"] if pod["flavorId"] == flavor) for flavor in flavors]
    return {
        **document,
        "flavors": [flavor for flavor in document["flavors"] if flavor["id"] in flavors],
        "regions": [{**texas, "pods": pods}],
    }


def _gb300(flavor_id: str) -> dict[str, Any]:
    return {
        "id": flavor_id,
        "cpus": 144,
        "memoryGib": 960,
        "diskGb": 0,
        "architecture": "aarch64",
        "instanceType": "gb300-4x",
        "gpu": _gpu("GB300", count=4, memory_gib=288),
    }


def _node_flavor(kind: _NodeKind) -> dict[str, Any]:
    return {
        "id": kind.flavor_id,
        "cpus": kind.cpus,
        "memoryGib": kind.memory_gib,
        "diskGb": 15360,
        "architecture": "x86_64",
        "instanceType": f"{kind.gpu_type}-{kind.gpus}x",
        "gpu": _gpu(kind.model, count=kind.gpus, memory_gib=kind.gpu_memory_gib),
        "vm": {
            "gpuType": kind.gpu_type,
            "gpuRamMb": kind.gpu_memory_gib * 1024,
            "cpuModel": kind.cpu_model,
            "pcieGen": kind.pcie_gen,
        },
    }


def _gpu(model: str, *, count: int, memory_gib: int) -> dict[str, Any]:
    return {
        "vendor": "NVIDIA",
        "model": model,
        "physicalCount": count,
        "logicalCount": count,
        "memoryGib": memory_gib,
    }


def _london() -> dict[str, Any]:
    first = _rack_pod("uk-lon-1-pod1", "g.72.gb300.pinned", racks=8)
    _break_a_tray(first, rack=5)
    second = _rack_pod("uk-lon-1-pod2", "g.72.gb300.pinned", racks=4)
    _take_out_for_repair(second, rack=1)
    # rack 2 is the only complete rack of this pod
    _equip_otherwise(second, rack=3)
    _lose_a_tray(second, rack=4)
    return _region("uk-lon-1", [_nvl72("g.72.gb300.pinned")], [first, second])


def _chicago() -> dict[str, Any]:
    pod = _rack_pod("us-chi-1-pod1", "gb300-nvl72-metal", racks=8)
    _break_a_tray(pod, rack=5)
    _lose_a_tray(pod, rack=8)
    return _region("us-chi-1", [_nvl72("gb300-nvl72-metal")], [pod])


def _texas() -> dict[str, Any]:
    racks = [_rack_pod(f"us-tex-1-gb300-pod{n:02}", "g.72.gb300.pinned", racks=8) for n in range(1, 17)]
    machines = [_machine_pod(f"us-tex-1-h200-pod{n:02}", machines=32) for n in range(1, 33)]
    hgx = _offering("H200", "HGX", "g.8.h200.sxm", "H200_HOST", hosts_per_unit=1)
    return _region("us-tex-1", [_nvl72("g.72.gb300.pinned"), hgx], [*racks, *machines])


def _amsterdam() -> dict[str, Any]:
    """Machines without NVLink between them: each is its own domain, sold whole or in slices."""
    offerings = [
        _offering(kind.gpu_type, "NODE", kind.flavor_id, _node_class(kind), hosts_per_unit=1)
        for kind in _NODE_KINDS
        if kind.gpus == _SOLD_WHOLE
    ]
    return _region("eu-ams-1", offerings, [_node_pod(kind) for kind in _NODE_KINDS])


def _node_pod(kind: _NodeKind) -> dict[str, Any]:
    size = "" if kind.gpus == _SOLD_WHOLE else f"-{kind.gpus}x"
    pod_id = f"eu-ams-1-{kind.gpu_type}{size}-pod1"
    domains = []
    for position, number in enumerate(kind.nodes):
        name = f"vm{number:02}"
        domain = _domain(position, f"eu-ams-1-{name}", [f"eu-ams-1-{name}-host"], _node_class(kind))
        domain["hosts"][0]["name"] = name
        domains.append(domain)
    return {"id": pod_id, "flavorId": kind.flavor_id, "domains": domains}


def _node_class(kind: _NodeKind) -> str:
    return f"RTX{kind.gpu_type.upper()}_HOST"


def _region(region_id: str, offerings: list[dict[str, Any]], pods: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": region_id, "offerings": offerings, "pods": pods}


def _nvl72(flavor_id: str) -> dict[str, Any]:
    return _offering("GB300", "NVL72", flavor_id, "GB300_HOST", hosts_per_unit=TRAYS_PER_RACK)


def _offering(
    accelerator: str, unit: str, flavor_id: str, resource_class: str, *, hosts_per_unit: int
) -> dict[str, Any]:
    return {
        "accelerator": accelerator,
        "unit": unit,
        "flavorId": flavor_id,
        "deviceTypeResourceClass": resource_class,
        "hostsPerUnit": hosts_per_unit,
    }


def _rack_pod(pod_id: str, flavor_id: str, *, racks: int) -> dict[str, Any]:
    return {
        "id": pod_id,
        "flavorId": flavor_id,
        "domains": [
            _domain(
                rack - 1,
                f"{pod_id}-rack{rack:02}",
                [f"{pod_id}-rack{rack:02}-tray{tray:02}" for tray in range(1, TRAYS_PER_RACK + 1)],
                "GB300_HOST",
            )
            for rack in range(1, racks + 1)
        ],
    }


def _machine_pod(pod_id: str, *, machines: int) -> dict[str, Any]:
    return {
        "id": pod_id,
        "flavorId": "g.8.h200.sxm",
        "domains": [
            _domain(n - 1, f"{pod_id}-hgx{n:02}", [f"{pod_id}-hgx{n:02}-host"], "H200_HOST")
            for n in range(1, machines + 1)
        ],
    }


def _domain(position: int, domain_id: str, host_ids: list[str], resource_class: str) -> dict[str, Any]:
    return {
        "position": position,
        "id": domain_id,
        "hosts": [
            {"slot": slot, "id": host_id, "resourceClass": resource_class, "state": "in_service"}
            for slot, host_id in enumerate(host_ids)
        ],
    }


def _rack(pod: dict[str, Any], rack: int) -> dict[str, Any]:
    domain: dict[str, Any] = pod["domains"][rack - 1]
    return domain


def _break_a_tray(pod: dict[str, Any], rack: int) -> None:
    _rack(pod, rack)["hosts"][6]["state"] = "unhealthy"


def _lose_a_tray(pod: dict[str, Any], rack: int) -> None:
    del _rack(pod, rack)["hosts"][-1]


def _equip_otherwise(pod: dict[str, Any], rack: int) -> None:
    for host in _rack(pod, rack)["hosts"]:
        host["resourceClass"] = "GB200_HOST"


def _take_out_for_repair(pod: dict[str, Any], rack: int) -> None:
    """Cordon a rack and take a host out of service: a cordoned rack alone would still be a complete unit."""
    _rack(pod, rack)["cordoned"] = True
    _rack(pod, rack)["hosts"][11]["state"] = "out_of_service"
