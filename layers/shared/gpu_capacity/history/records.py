"""What events tell of the records of each kind. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.capacity_claims.record import CapacityClaim, ClaimStatus
from gpu_capacity.history.event import Facts, Kind
from gpu_capacity.placements.record import Placement, PlacementStatus
from gpu_capacity.reservations.record import Reservation, Status
from gpu_capacity.vms.record import Vm, VmStatus

if TYPE_CHECKING:
    from typing import TypeAlias

    Record: TypeAlias = Reservation | Placement | CapacityClaim | Vm


def facts_of(record: Record) -> Facts:
    """What events tell of a record of any kind."""
    match record:
        case Reservation():
            return _of_reservation(record)
        case Placement():
            return _of_placement(record)
        case CapacityClaim():
            return _of_claim(record)
        case Vm():
            return _of_vm(record)


def life_of(record: Record) -> str:
    """The life of a record in hex; of a record of an earlier version, the time when it was made."""
    return record.life.hex() if record.life is not None else str(record.created_at)


def _of_reservation(record: Reservation) -> Facts:
    status = record.status
    return Facts(
        kind=Kind.RESERVATION,
        id=record.id,
        organization_id=record.organization_id,
        life=life_of(record),
        revision=record.revision,
        status=status.value,
        name=record.name,
        project_id=record.project_id,
        region_id=record.region_id,
        hosts=record.hosts_expected,
        shown=record.is_shown,
        whole=record.owned_units == record.count,
        ready=status is Status.PROVISIONED,
        ending=status is Status.DEPROVISIONING,
        failure=(record.failure or "") if status is Status.ERROR else None,
        detail=(len(record.leaving), len(record.occupied)),
    )


def _of_placement(record: Placement) -> Facts:
    status = record.status
    return Facts(
        kind=Kind.PLACEMENT,
        id=record.id,
        organization_id=record.organization_id,
        life=life_of(record),
        revision=record.revision,
        status=status.value,
        name=record.name,
        project_id=record.project_id,
        region_id=record.region_id,
        hosts=record.count,
        whole=True,
        ready=status is PlacementStatus.PROVISIONED,
        ending=status is PlacementStatus.DEPROVISIONING,
        failure=(record.failure or "") if status is PlacementStatus.ERROR else None,
        lack=None if record.lacking_since is None else record.failure or "",
        detail=(record.generation, record.hosts, record.modified_at),
    )


def _of_claim(record: CapacityClaim) -> Facts:
    return Facts(
        kind=Kind.CAPACITY_CLAIM,
        id=record.id,
        organization_id=record.organization_id,
        life=life_of(record),
        revision=record.revision,
        status=record.status.value,
        name=record.name,
        hosts=record.owned,
        whole=record.pending == 0,
        ending=record.status is ClaimStatus.DELETING,
        detail=(record.instance_count, record.zones),
    )


def _of_vm(record: Vm) -> Facts:
    status = record.status
    gone = status is VmStatus.DESTROYED
    return Facts(
        kind=Kind.VM,
        id=record.id,
        organization_id=record.organization_id,
        life=life_of(record),
        revision=record.revision,
        status=status.value,
        name=record.instance_label,
        region_id=record.region_id,
        gpus=record.gpus.bit_count(),
        whole=record.gpus.bit_count() == record.gpu_count,
        ready=status is VmStatus.RUNNING,
        ending=gone,
        released=gone and not record.gpus and record.unsettled_since is None,
        failure=(record.failure or "") if status is VmStatus.FAILED else None,
        leaves_at=record.interruption_at,
        interrupted=status is VmStatus.INTERRUPTED,
        detail=(record.rental_type.value, record.node),
    )
