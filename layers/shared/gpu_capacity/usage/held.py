"""What a record holds: GPUs by line of usage. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from gpu_capacity.capacity_claims.record import CapacityClaim
from gpu_capacity.reservations.record import Reservation
from gpu_capacity.vms.record import RentalType, Vm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    Record: TypeAlias = Reservation | CapacityClaim | Vm
    Hardware: TypeAlias = Callable[[str, str], "Hosts | None"]


class Kind(StrEnum):
    """Kinds of holders that have hardware of their own. Placements use that of reservations."""

    RESERVATION = "reservation"
    CAPACITY_CLAIM = "capacityclaim"
    VM = "vm"


@dataclass(frozen=True, slots=True)
class Hosts:
    """The GPUs of a host of some flavor."""

    model: str
    gpus: int


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """What is counted by itself of one holder.

    ``terms`` are those of a VM: its rental type, and the months of a term.
    """

    region_id: str
    accelerator: str
    terms: str = ""


@dataclass(frozen=True, slots=True)
class Amount:
    """GPUs that are held, and how many of them placements use; a VM and a claim use all of theirs."""

    gpus: int
    used: int


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose usage it is. ``life`` distinguishes holders that have the same id one after the other."""

    organization_id: str
    kind: Kind
    id: str
    life: str
    project_id: str = ""
    name: str = ""


def holder_of(record: Record) -> Holder:
    """The holder that a record is of."""
    life = record.life.hex() if record.life is not None else str(record.created_at)
    match record:
        case Reservation():
            kind, project_id, name = Kind.RESERVATION, record.project_id, record.name
        case CapacityClaim():
            kind, project_id, name = Kind.CAPACITY_CLAIM, "", record.name
        case Vm():
            kind, project_id, name = Kind.VM, "", record.instance_label
    return Holder(record.organization_id, kind, record.id, life, project_id, name)


def held_by(record: Record, hardware: Hardware) -> dict[Line, Amount]:
    """The GPUs that a record holds, by line; a line without any is left out.

    Args:
        record: of a holder; a reservation that is still claiming holds nothing.
        hardware: the hosts of a flavor, by region id and flavor id; None if the catalogue does not have it,
            and then the hosts count as one GPU each.
    """
    match record:
        case Reservation():
            found = _of_reservation(record, hardware)
        case CapacityClaim():
            found = _of_claim(record, hardware)
        case Vm():
            found = _of_vm(record)
    return {line: amount for line, amount in found.items() if amount.gpus}


def _of_reservation(record: Reservation, hardware: Hardware) -> dict[Line, Amount]:
    """Runs that are leaving count until their bookings end: nobody else can have them before."""
    if not record.is_shown:
        return {}
    each = _gpus(hardware(record.region_id, record.flavor_id))
    units = sum(run.placement.count for run in (*record.runs, *record.leaving))
    used = sum(mask.bit_count() for mask in record.occupied_hosts.values())
    amount = Amount(units * record.hosts_per_unit * each, used * each)
    return {Line(record.region_id, record.accelerator): amount}


def _of_claim(record: CapacityClaim, hardware: Hardware) -> dict[Line, Amount]:
    gpus: defaultdict[Line, int] = defaultdict(int)
    for allocation in record.allocations:
        hosts = hardware(allocation.zone, allocation.flavor_id)
        line = Line(allocation.zone, hosts.model if hosts else record.instance_id)
        gpus[line] += allocation.count * _gpus(hosts)
    return {line: Amount(count, count) for line, count in gpus.items()}


def _of_vm(record: Vm) -> dict[Line, Amount]:
    """Stopped VMs that keep their GPUs hold them; interrupted ones have none."""
    reserved = record.rental_type is RentalType.RESERVED and record.reservation_months is not None
    months = f" {record.reservation_months}" if reserved else ""
    count = record.gpus.bit_count()
    return {Line(record.region_id, record.gpu_type, f"{record.rental_type}{months}"): Amount(count, count)}


def _gpus(hosts: Hosts | None) -> int:
    return hosts.gpus if hosts else 1


def changed(before: Mapping[Line, Amount], after: Mapping[Line, Amount]) -> set[Line]:
    """The lines whose amounts differ."""
    return {line for line in {*before, *after} if before.get(line) != after.get(line)}
