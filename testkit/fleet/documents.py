"""Small fleet documents for tests, with racks of three hosts."""

from __future__ import annotations

import json
from typing import Any

HOSTS_PER_RACK = 3
FLAVOR = {
    "id": "flavor-a",
    "cpus": 144,
    "memoryGib": 960,
    "diskGb": 0,
    "gpu": {"vendor": "NVIDIA", "model": "GB300", "physicalCount": 4, "logicalCount": 4, "memoryGib": 288},
}


def host(host_id: str, slot: int, state: str = "in_service") -> dict[str, Any]:
    return {"slot": slot, "id": host_id, "resourceClass": "CLASS_A", "state": state}


def rack(pod_id: str, position: int) -> dict[str, Any]:
    """Domain ``<pod>-r<position>`` with hosts ``<pod>-r<position>-h<slot>``."""
    name = f"{pod_id}-r{position}"
    return {
        "position": position,
        "id": name,
        "hosts": [host(f"{name}-h{slot}", slot) for slot in range(HOSTS_PER_RACK)],
    }


def pod(pod_id: str, racks: int = 4, flavor_id: str = "flavor-a") -> dict[str, Any]:
    return {"id": pod_id, "flavorId": flavor_id, "domains": [rack(pod_id, n) for n in range(racks)]}


def offering(flavor_id: str = "flavor-a", **changes: Any) -> dict[str, Any]:
    return {
        "accelerator": "GB300",
        "unit": "NVL3",
        "flavorId": flavor_id,
        "deviceTypeResourceClass": "CLASS_A",
        "hostsPerUnit": HOSTS_PER_RACK,
    } | changes


def region(region_id: str = "r1", pods: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    pods = [pod("p1"), pod("p2")] if pods is None else pods
    return {"id": region_id, "offerings": [offering()], "pods": pods}


def document(sequence: int = 1, regions: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "schemaVersion": 1,
        "sequence": sequence,
        "observedAt": "2026-01-01T00:00:00Z",
        "flavors": [dict(FLAVOR)],
        "regions": [region()] if regions is None else regions,
    }


def raw(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode()


def without_rack(sequence: int, pod_id: str, position: int) -> dict[str, Any]:
    content = document(sequence)
    (wanted,) = [p for p in content["regions"][0]["pods"] if p["id"] == pod_id]
    del wanted["domains"][position]
    return content
