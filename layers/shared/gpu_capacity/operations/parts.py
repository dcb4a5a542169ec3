"""What a record has of the hardware, in one form for all kinds. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.capacity_claims.record import CapacityClaim
from gpu_capacity.placements.record import Placement
from gpu_capacity.reservations.record import Reservation
from gpu_capacity.vms.record import Vm

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gpu_capacity.operations.kinds import Record
    from gpu_capacity.reservations.record import Run


@dataclass(frozen=True, slots=True)
class HeldPart:
    """A domain, or a part of it, that a record lists or names.

    ``hosts`` is a mask over slots, None for all of them. ``gpus`` is a mask of GPUs of the only host; 0 where
    whole hosts are held.
    """

    region_id: str
    pod_id: str
    position: int
    hosts: int | None = None
    gpus: int = 0


def parts_of(record: Record) -> Iterator[HeldPart]:
    """What a record has, and of a reservation also what it is claiming or giving back, in order."""
    match record:
        case Reservation():
            runs = (*record.runs, *record.leaving, *((record.named,) if record.named else ()))
            yield from _of_runs(record.region_id, runs)
        case Placement():
            yield from (HeldPart(record.region_id, record.pod_id, at, mask) for at, mask in record.hosts)
        case CapacityClaim():
            yield from (HeldPart(a.zone, a.pod_id, a.position, a.hosts) for a in record.allocations)
        case Vm():
            # A stopped VM has no GPUs, and stays on its node.
            yield HeldPart(record.region_id, record.pod_id, record.position, 1, record.gpus)


def regions_of(record: Record) -> frozenset[str]:
    """The regions in which a record has hardware or asks for it."""
    return record.regions if isinstance(record, CapacityClaim) else frozenset({record.region_id})


def _of_runs(region_id: str, runs: Iterable[Run]) -> Iterator[HeldPart]:
    positions = {(run.placement.pod_id, at) for run in runs for at in run.placement.positions}
    return (HeldPart(region_id, pod_id, position) for pod_id, position in sorted(positions))
