"""What customers do with one server of a placement: power actions, and reconcile.

Each goes straight to the provider, and may be sent again: nothing of it is stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.access import Permission
from gpu_capacity.errors import StateConflict
from gpu_capacity.holders.visible import visible_holder
from gpu_capacity.placements.progress import Drift, drift_of
from gpu_capacity.placements.record import PlacementStatus
from gpu_capacity.placements.seating import seating_of
from gpu_capacity.placements.servers import ordinal_of
from gpu_capacity.placements.settling import settle_again
from gpu_capacity.providers.port import ActionOutcome, ServerState

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.holders.roles import (
        HasClock,
        HasPause,
        HasProvider,
        HasTelemetry,
        HasWorkflows,
    )
    from gpu_capacity.placements.record import Placement
    from gpu_capacity.placements.roles import HasPlacements
    from gpu_capacity.providers.port import PowerAction, Server

    class Needs(HasClock, HasPause, HasPlacements, HasProvider, HasTelemetry, HasWorkflows, Protocol):
        """What the functions of this module work with."""


_NOT_THERE: Final = "the server is not there yet: its placement has no server on this host"


def power_placement_server(
    services: Needs,
    caller: Caller,
    placement_id: str,
    server_id: str,
    action: PowerAction,
    organizations: frozenset[str],
) -> None:
    """Start, stop or reboot a server. The provider does it afterwards; the server shows how far it is.

    Raises:
        Forbidden: the token may not operate servers.
        NotFound: the caller may see no placement of this id, or it has no such server.
        StateConflict: the server is in a state that does not allow this, or its placement is being deleted.
        ProviderUnavailable: the provider did not answer.
    """
    placement, ordinal = wanted_server(services, caller, placement_id, server_id, organizations)
    server = _server(services, placement, ordinal)
    if server is None:
        raise StateConflict(_NOT_THERE)
    _check(services.provider.power(placement.server_owner, server.host_id, action))
    _audit(services, caller, placement, f"{action.value}_placement_server", server_id)


def reconcile_placement_server(
    services: Needs,
    caller: Caller,
    placement_id: str,
    server_id: str,
    if_match: str | None,
    organizations: frozenset[str],
) -> None:
    """Give a server the image of its placement. Does nothing if it has it, or is getting it.

    A server that failed is tried again, and one that the provider has lost is deployed again. A placement in
    ``error`` becomes ``provisioning``, because it may have all its servers now.

    Args:
        services: collaborators.
        caller: who sends the request.
        placement_id: as sent by the client.
        server_id: as sent by the client.
        if_match: the header of that name. No server has a tag yet, so none can be what it names.
        organizations: where to look; empty for all of the caller's.

    Raises:
        Forbidden: the token may not operate servers.
        NotFound: the caller may see no placement of this id, or it has no such server.
        StateConflict: there is an ``If-Match``, the server is in a state that does not allow this, or its
            placement is being deleted.
        ProviderUnavailable: the provider did not answer.
    """
    placement, ordinal = wanted_server(services, caller, placement_id, server_id, organizations)
    if if_match is not None:
        raise StateConflict("servers are not reconciled on a condition: leave out If-Match")
    server = _server(services, placement, ordinal)
    if server is not None and _needs_image(placement, server):
        owner, image_id = placement.server_owner, placement.image_id
        _check(services.provider.rebuild(owner, server.host_id, image_id, placement.generation))
    if placement.status is PlacementStatus.ERROR or (server is None and not placement.is_unsettled):
        settle_again(services, placement, afresh=True)
    elif server is None:
        raise StateConflict(_NOT_THERE)
    _audit(services, caller, placement, "reconcile_placement_server", server_id)


def wanted_server(
    services: Needs, caller: Caller, placement_id: str, server_id: str, organizations: frozenset[str]
) -> tuple[Placement, int]:
    """The placement and the ordinal of the server that a request names."""
    caller.require(Permission.OPERATE_PLACEMENTS)
    placement = visible_holder(services.placements, caller, placement_id, organizations, own=True)
    ordinal = ordinal_of(placement, server_id)
    if placement.status is PlacementStatus.DEPROVISIONING:
        raise StateConflict("the placement is being deleted")
    return placement, ordinal


def _server(services: Needs, placement: Placement, ordinal: int) -> Server | None:
    listed = services.provider.servers(placement.server_owner)
    found = seating_of(placement, listed).servers
    return next((server for server in found if server.ordinal == ordinal), None)


def _needs_image(placement: Placement, server: Server) -> bool:
    return server.state is ServerState.FAILED or drift_of(placement, server) is Drift.DRIFTED


def _check(outcome: ActionOutcome) -> None:
    """Refuse with 409 what the provider did not accept."""
    match outcome:
        case ActionOutcome.ACCEPTED:
            return
        case ActionOutcome.ABSENT:
            raise StateConflict(_NOT_THERE)
        case ActionOutcome.FENCED:
            raise StateConflict("the placement is being deleted")
        case ActionOutcome.NOT_ALLOWED:
            raise StateConflict("the server is in a state that does not allow this")


def _audit(services: Needs, caller: Caller, placement: Placement, action: str, server_id: str) -> None:
    services.telemetry.audit(
        caller.subject,
        action,
        placement.id,
        "accepted",
        organization=placement.organization_id,
        server=server_id,
    )
