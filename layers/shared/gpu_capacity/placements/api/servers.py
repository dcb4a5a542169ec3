"""Servers of placements in the reservations API: names, casing, required fields and enums as published."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import ConfigDict, Field

from gpu_capacity.http.call import Reply
from gpu_capacity.http.rendering import NO_CACHE, as_json
from gpu_capacity.inventory.units import Health
from gpu_capacity.placements.progress import Drift, drift_of, is_provisioned
from gpu_capacity.placements.record import PlacementStatus
from gpu_capacity.providers.port import PowerAction, Readiness, ServerState
from gpu_capacity.reservations.api.bodies import Body
from gpu_capacity.reservations.api.models import ProjectScopedMetadataRead

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.http.call import Call
    from gpu_capacity.placements.servers import PlacementServer

# What the API calls the states of servers. One that is being removed is no longer of use to anybody.
_POWER: Final = {
    ServerState.QUEUED: "Queued",
    ServerState.BUILDING: "Building",
    ServerState.REBUILDING: "Rebuilding",
    ServerState.RUNNING: "Running",
    ServerState.STOPPING: "Stopping",
    ServerState.STOPPED: "Stopped",
    ServerState.FAILED: "Error",
    ServerState.DELETING: "Stopping",
}


class PlacementServerStatus(Body):
    """The state of a server of a placement."""

    model_config = ConfigDict(title="placementServerV2Status")

    region_id: str
    reservation_id: str
    placement_id: str
    network_id: str
    infrastructure_ref: str = Field(description="The host. Empty if the inventory does not have it.")
    ordinal: int = Field(ge=0, description="The place within the placement, given once.")
    host_readiness: Literal["Ready", "NotReady", "Unresolved", "Unknown"]
    host_readiness_reason: str | None = None
    power_state: (
        Literal["Pending", "Queued", "Building", "Rebuilding", "Running", "Stopping", "Stopped", "Error"]
        | None
    ) = Field(None, description="Running means usable.")
    private_ip: str | None = Field(None, alias="privateIP")
    public_ip: str | None = Field(None, alias="publicIP")
    mac_address: str | None = None
    drift_state: Drift | None = None
    topology_path: list[str] | None = Field(
        None, description="Names for display, from the host outward: of its domain, then of its pod."
    )


class PlacementServerRead(Body):
    """A server of a placement."""

    model_config = ConfigDict(title="placementServerV2Read")

    metadata: ProjectScopedMetadataRead
    status: PlacementServerStatus


def servers(found: Sequence[PlacementServer]) -> Reply:
    """200 with a plain array."""
    return Reply(HTTPStatus.OK, [server_view(one) for one in found], NO_CACHE)


def server(found: PlacementServer) -> Reply:
    """200 with a server."""
    return Reply(HTTPStatus.OK, server_view(found), NO_CACHE)


def reboot_action(call: Call[object]) -> PowerAction:
    """The kind of reboot that a request asks for: soft unless it says ``hard=true``.

    Raises:
        InvalidRequest: ``hard`` is neither true nor false.
    """
    return PowerAction.HARD_REBOOT if call.flag("hard") else PowerAction.REBOOT


def server_view(found: PlacementServer) -> dict[str, Any]:
    """A server as JSON. The optional fields of the lifecycle are left out: there is no lifecycle yet."""
    placement, server = found.placement, found.server
    return as_json(
        PlacementServerRead.model_construct(
            metadata=ProjectScopedMetadataRead.of(
                placement,
                _provisioning(found),
                _health(found),
                id=found.id,
                name=placement.server_name(found.ordinal),
                description=None,
                tags=None,
            ),
            status=PlacementServerStatus.model_construct(
                region_id=placement.region_id,
                reservation_id=placement.reservation_id,
                placement_id=placement.id,
                network_id=placement.network_id,
                infrastructure_ref=found.host_id or "",
                ordinal=found.ordinal,
                host_readiness=_readiness(found),
                host_readiness_reason=found.fitness.reason if found.fitness else None,
                power_state=_POWER[server.state] if server else "Pending",
                private_ip=server.private_ip if server else None,
                public_ip=server.public_ip if server else None,
                mac_address=server.mac_address if server else None,
                drift_state=drift_of(placement, server) if server else Drift.CONVERGING,
                topology_path=list(found.path) or None,
            ),
        )
    )


def _provisioning(found: PlacementServer) -> tuple[str, str, str]:
    """Status, reason and explanation of a server's provisioning."""
    server = found.server
    if found.placement.status is PlacementStatus.DEPROVISIONING:
        return "deprovisioning", "Deprovisioning", "its placement is being deleted"
    if server is None:
        return "pending", "Provisioning", "there is no server on its host yet"
    if is_provisioned(server):
        return "provisioned", "Provisioned", "its image is on the host"
    if server.state is ServerState.FAILED:
        return "error", "Errored", server.message or "the server failed"
    return "provisioning", "Provisioning", "its image is being put on the host"


def _health(found: PlacementServer) -> tuple[Health, str, str]:
    """Health, reason and explanation of a server and its host."""
    server, fitness = found.server, found.fitness
    if server is not None and server.state is ServerState.FAILED:
        return Health.ERROR, "Degraded", server.message or "the server failed"
    if fitness is not None and fitness.readiness is Readiness.NOT_READY:
        return Health.DEGRADED, "Degraded", fitness.reason or "its host is not ready"
    if server is None or fitness is None or fitness.readiness is not Readiness.READY:
        return Health.UNKNOWN, "Unknown", "nothing is known of its host or its server"
    return Health.HEALTHY, "Healthy", "its host is ready"


def _readiness(found: PlacementServer) -> str:
    """Whether the host can do new boot work. A host that is not in the inventory is not resolved."""
    if found.host_id is None:
        return "Unresolved"
    return found.fitness.readiness.value if found.fitness else "Unknown"
