"""List the records that a workflow or a request still has to settle, and what each waits for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.capacity_claims.record import CapacityClaim
from gpu_capacity.operations.kinds import HolderKind, sort_key_of, store_of
from gpu_capacity.placements.record import Placement
from gpu_capacity.reservations.record import Reservation, Status
from gpu_capacity.vms.record import Vm

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.roles import HasClock
    from gpu_capacity.operations.kinds import HasRecords, Record

    class Needs(HasClock, HasRecords, Protocol):
        """What the functions of this module work with."""


@dataclass(frozen=True, slots=True)
class UnsettledHolder:
    """A record with work to do. ``execution`` names that of its workflow; None if it has none."""

    record: Record
    since: int
    waits_for: str
    execution: str | None

    @property
    def id(self) -> str:
        """Its place in the list: the longest unsettled comes first."""
        return f"{self.since:012} {sort_key_of(self.record)}"

    @property
    def organization_id(self) -> str:
        """Whose it is."""
        return self.record.organization_id


def list_unsettled(
    services: Needs, kinds: frozenset[HolderKind] = frozenset(), older_than: int = 0
) -> list[UnsettledHolder]:
    """The unsettled records, the longest unsettled first.

    Args:
        services: collaborators.
        kinds: of holders; empty for all.
        older_than: for at least so many seconds.
    """
    until = services.clock.now() - older_than
    found = []
    for kind in HolderKind:
        if kinds and kind not in kinds:
            continue
        store = store_of(services, kind)
        for record in store.many(store.unsettled(until)):
            # The index is eventually consistent: a record may have settled since.
            if record.unsettled_since is not None and record.unsettled_since <= until:
                named = record.execution if record.workflow else None
                found.append(UnsettledHolder(record, record.unsettled_since, _waits_for(record), named))
    return sorted(found, key=lambda one: (one.id, one.organization_id))


def _waits_for(record: Record) -> str:
    match record:
        case Reservation():
            return _of_reservation(record)
        case Placement():
            what = "remove its servers" if record.deleted_at is not None else "bring its servers up"
            return f"the provider, to {what}"
        case CapacityClaim():
            return "a round that gives hosts back"
        case Vm():
            if record.waits_for:
                return f"{len(record.waits_for)} VMs with notice, to leave its GPUs"
            return f"the provider, to {'start' if record.workflow == 'start_vm' else 'remove'} its server"


def _of_reservation(reservation: Reservation) -> str:
    if reservation.status is Status.CLAIMING:
        return "its request; if that died, reconcile removes it"
    if reservation.status is Status.ERROR:
        return "reconcile, to give its units back"
    if reservation.is_releasing:
        return "the provider, to let go of the hosts of released units"
    if reservation.status is Status.DEPROVISIONING or reservation.failure is not None:
        return "its placements and the provider, to let go of its hosts"
    return "the provider, to hold its hosts"
