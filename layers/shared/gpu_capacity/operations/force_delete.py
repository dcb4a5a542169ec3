"""Delete a holder of any organization, as its customer would: by the same marks, fences and workflows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.access import ALL_PROJECTS, Permission
from gpu_capacity.accounts.account import Account
from gpu_capacity.capacity_claims.delete import delete_capacity_claim
from gpu_capacity.errors import NotFound, StateConflict
from gpu_capacity.operations.kinds import HolderKind, store_of
from gpu_capacity.operations.reasons import check_reason
from gpu_capacity.placements.delete import delete_placement
from gpu_capacity.reservations.delete import delete_reservation
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.record import Vm

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.accounts.roles import HasAccounts
    from gpu_capacity.capacity_claims.roles import HasClaims
    from gpu_capacity.holders.roles import (
        HasClock,
        HasEvents,
        HasIds,
        HasInventory,
        HasLimits,
        HasPause,
        HasQuotas,
        HasRepeats,
        HasTelemetry,
        HasVmProvider,
        HasWorkflows,
    )
    from gpu_capacity.placements.roles import HasPlacements
    from gpu_capacity.reservations.roles import HasReservations
    from gpu_capacity.vms.roles import HasVms

    class Needs(
        HasAccounts,
        HasClaims,
        HasClock,
        HasEvents,
        HasIds,
        HasInventory,
        HasLimits,
        HasPause,
        HasPlacements,
        HasQuotas,
        HasRepeats,
        HasReservations,
        HasTelemetry,
        HasVmProvider,
        HasVms,
        HasWorkflows,
        Protocol,
    ):
        """What the functions of this module work with: what the deletes of all kinds do."""


_NEEDED: Final = frozenset(
    {
        Permission.DELETE_RESERVATIONS,
        Permission.DELETE_PLACEMENTS,
        Permission.WRITE_CAPACITY_CLAIMS,
        Permission.WRITE_VMS,
    }
)


def force_delete(
    services: Needs, caller: Caller, kind: HolderKind, organization_id: str, holder_id: str, reason: str
) -> None:
    """Begin to delete a holder. The reason is in its record and in an audit line. A repeat changes nothing.

    Args:
        services: collaborators.
        caller: an operator.
        kind: of the holder.
        organization_id: who has it.
        holder_id: its id.
        reason: why; its owner reads it.

    Raises:
        InvalidRequest: there is no reason, or it is too long.
        NotFound: the organization has no holder of this kind and id.
        StateConflict: the request that makes it has not ended. It ends by itself.
        RaceLost: rivals changed the holder every time.
    """
    check_reason(reason)
    record = store_of(services, kind).present(organization_id, holder_id)
    if record is None:
        raise NotFound(f"the {kind.value} does not exist")
    if not record.is_shown:
        raise StateConflict("its request is in progress: it is settled or removed within a minute")
    acting = replace(
        caller,
        organizations=frozenset({organization_id}),
        projects=frozenset({ALL_PROJECTS}),
        permissions=_NEEDED,
    )
    # Before it is done: there is no forced delete without this line.
    services.telemetry.audit(
        caller.subject,
        "force_delete",
        holder_id,
        "requested",
        organization=organization_id,
        kind=kind.value,
        reason=reason,
    )
    match kind:
        case HolderKind.RESERVATION:
            delete_reservation(services, acting, holder_id, frozenset(), reason)
        case HolderKind.PLACEMENT:
            delete_placement(services, acting, holder_id, frozenset(), reason)
        case HolderKind.CAPACITY_CLAIM:
            delete_capacity_claim(services, acting, holder_id, reason)
        case HolderKind.VM:
            subject = record.subject if isinstance(record, Vm) else caller.subject
            destroy_vm(services, acting, holder_id, Account(organization_id, subject), reason)
