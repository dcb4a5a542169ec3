"""Part 10: the inventory sync of 10,000 racks, in CPU time and memory."""

from __future__ import annotations

import gzip
import json
import resource
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from benchmarks.report import Section
from testkit.fleet.world import FleetWorld, MemoryFeed

if TYPE_CHECKING:
    from benchmarks.options import Options

RACKS: Final = 10_000
RACKS_PER_POD: Final = 72
TRAYS: Final = 18
CPU_SECONDS_MAX: Final = 30
MEGABYTES_MAX: Final = 512
EVERY: Final = 50
"""In the last document one rack in this many loses a tray."""


def document(sequence: int, racks: int, *, broken: bool = False) -> bytes:
    """Return a fleet document of NVL72 racks in one region, as JSON."""
    pods = []
    for first in range(0, racks, RACKS_PER_POD):
        pod_id = f"us-tex-1-gb300-pod{first // RACKS_PER_POD:03}"
        domains = [_rack(pod_id, n) for n in range(min(RACKS_PER_POD, racks - first))]
        for domain in domains[::EVERY] if broken else ():
            domain["hosts"][3]["state"] = "unhealthy"
        pods.append({"id": pod_id, "flavorId": "gb300", "domains": domains})
    gpu = {"vendor": "NVIDIA", "model": "GB300", "physicalCount": 4, "logicalCount": 4, "memoryGib": 288}
    offering = {
        "accelerator": "GB300",
        "unit": "NVL72",
        "flavorId": "gb300",
        "deviceTypeResourceClass": "GB300_HOST",
        "hostsPerUnit": TRAYS,
    }
    return json.dumps(
        {
            "schemaVersion": 1,
            "sequence": sequence,
            "observedAt": "2026-01-01T00:00:00Z",
            "flavors": [{"id": "gb300", "cpus": 144, "memoryGib": 960, "diskGb": 0, "gpu": gpu}],
            "regions": [{"id": "us-tex-1", "offerings": [offering], "pods": pods}],
        }
    ).encode()


def _rack(pod_id: str, position: int) -> dict[str, Any]:
    name = f"{pod_id}-rack{position:02}"
    hosts = [
        {"slot": n, "id": f"{name}-tray{n:02}", "resourceClass": "GB300_HOST", "state": "in_service"}
        for n in range(TRAYS)
    ]
    return {"position": position, "id": name, "hosts": hosts}


def measure(options: Options) -> Section:
    """Measure three documents: a new fleet, the same again, and some broken trays."""
    section = Section("Inventory sync of a large fleet")
    racks = options.sized(RACKS, 200)
    documents = {
        "all of it new": document(1, racks),
        "the same again": document(1, racks),
        f"a tray broken in each {EVERY}th rack": document(2, racks, broken=True),
    }
    world, rows = FleetWorld(), []
    plain = len(documents["all of it new"])
    packed = {name: gzip.compress(content) for name, content in documents.items()}
    documents.clear()
    for name, content in packed.items():
        began = time.process_time()
        report = world.sync_from(MemoryFeed(content))
        seconds = time.process_time() - began
        if report.refused is not None:
            raise RuntimeError(report.message)
        rows.append((name, f"{sum(r.pods_changed for r in report.regions)}", f"{seconds:.1f}", _megabytes()))
    slowest, megabytes = max(float(row[2]) for row in rows), _megabytes()
    section.text(
        f"{racks:,} racks of {TRAYS} hosts in pods of {RACKS_PER_POD}: {plain / 1e6:.1f} MB of JSON, "
        f"{len(packed['all of it new']) / 1e6:.2f} MB as gzip. The sync runs against the tables in "
        "memory, so what they cost is in the figures, and the network is not. The memory is the most "
        "that the process ever had, the tables and the making of the documents included."
    )
    section.figure(
        f"CPU seconds of the slowest sync of {racks:,} racks",
        f"{slowest:.1f}",
        f"at most {CPU_SECONDS_MAX}",
        met=slowest <= CPU_SECONDS_MAX,
    )
    section.figure(
        "memory of it, MB",
        f"{megabytes}",
        f"at most {MEGABYTES_MAX}",
        met=megabytes <= MEGABYTES_MAX,
        detail=True,
    )
    section.table(("document", "pods written", "CPU s", "most memory so far, MB"), rows)
    return section


def _megabytes() -> int:
    """Return the peak memory of this process; Linux reports KB, macOS bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most // (1_000_000 if sys.platform == "darwin" else 1000)
