"""What the port says of a host, from the items of the ledger and the node of Ironic. Pure.

What was asked for in the present second is shown as under way: Ironic does everything in the background, and
may or may not be done with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.providers.aside import IN_MAINTENANCE
from gpu_capacity.providers.host_keys import HOST_PREFIX, SERVER_PREFIX
from gpu_capacity.providers.ironic import keys
from gpu_capacity.providers.port import Fitness, HoldState, Readiness, ServerState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from gpu_capacity.providers.ironic.api import Node

AVAILABLE: Final = "available"
ACTIVE: Final = "active"
DEPLOY_FAILED: Final = "deploy failed"
_DEPLOYING: Final = frozenset({"deploying", "wait call-back", "deploy hold"})
_CLEANING: Final = frozenset({"deleting", "cleaning", "clean wait", "clean hold", "verifying"})
_FAILED: Final = frozenset(
    {"error"} | {f"{what} failed" for what in ("adopt", "clean", "inspect", "rescue", "service", "unrescue")}
)
_VACANT: Final = frozenset({AVAILABLE, "manageable", "enroll"})
_REMOVABLE: Final = frozenset({ACTIVE, DEPLOY_FAILED, "error", "wait call-back", "deploy hold"})
_READY: Final = frozenset({AVAILABLE, ACTIVE, DEPLOY_FAILED}) | _DEPLOYING
_OFF: Final = frozenset({"power off", "soft power off"})

POWER_FAILURE: Final = "power failure"
"""The fault of a node whose machine has not answered Ironic several times."""
SILENT_TOGETHER_MIN: Final = 4

BUILDING, REBUILDING = "building", "rebuilding"
STARTING, STOPPING, REBOOTING = "starting", "stopping", "rebooting"
_OURS: Final = "[gpu-capacity]"
"""Ends the reason of a maintenance that this service has set."""

_BEGUN: Final = {
    BUILDING: ServerState.BUILDING,
    REBUILDING: ServerState.REBUILDING,
    STARTING: ServerState.QUEUED,
    STOPPING: ServerState.STOPPING,
    REBOOTING: ServerState.STOPPING,
}
"""The state in the second in which a phase begins."""


def hold_state(
    hold: Mapping[str, Any],
    host: Mapping[str, Any] | None,
    node: Node | None,
    now: int,
    refusal: Callable[[], str | None],
) -> tuple[HoldState | None, str]:
    """The state of a hold, with a message for operators; ``None`` once it is gone.

    ``refusal`` says why Ironic refused the allocation. It is asked for if the node does not say.
    """
    holder_id, host_id = holder_and_host(hold)
    if "gone_at" in hold:
        return (None if is_released(hold, host, node, now) else HoldState.RELEASING), ""
    if now <= hold["since"]:
        return HoldState.PREPARING, ""
    if node is None:
        return HoldState.UNFIT, "Ironic has no such node"
    if node.instance_uuid == keys.allocation(holder_id, host_id):
        return HoldState.HELD, ""
    return _unallocated(host, node, refusal)


def _unallocated(
    host: Mapping[str, Any] | None, node: Node, refusal: Callable[[], str | None]
) -> tuple[HoldState, str]:
    """The state of a hold whose node does not have its allocation."""
    if node.instance_uuid is not None:
        return HoldState.UNFIT, "Ironic has given the node to somebody else"
    if host is not None and "server" in host:
        # Ironic forgets an allocation with the server that stood on it. The next deploy writes it again.
        return HoldState.HELD, ""
    message = _out_of_order(node)
    if message is None and node.power_state is not None:
        message = refusal()
    return (HoldState.PREPARING, "") if message is None else (HoldState.UNFIT, message)


def is_released(
    hold: Mapping[str, Any] | None, host: Mapping[str, Any] | None, node: Node | None, now: int
) -> bool:
    """Whether nothing of a released hold is left, so that another holder can have the host."""
    if hold is None or host is None:
        return True
    holder_id, host_id = holder_and_host(hold)
    if host["holder"] != holder_id:
        return True
    if now <= hold.get("gone_at", now):
        return False
    if node is None:
        return True
    mine = node.instance_uuid == keys.allocation(holder_id, host_id)
    return not mine and node.name == keys.name_after(holder_id, host_id)


def are_faults_believed(nodes: Collection[Node]) -> bool:
    """Whether machines do not answer because of themselves.

    If many do not, and they are most of those that were looked at, Ironic cannot reach them, and their
    servers may well be up.
    """
    silent = sum(node.fault == POWER_FAILURE for node in nodes)
    return silent < SILENT_TOGETHER_MIN or 2 * silent <= len(nodes)


def server_state(
    server: Mapping[str, Any],
    host: Mapping[str, Any] | None,
    node: Node | None,
    now: int,
    *,
    faults_believed: bool = True,
) -> tuple[ServerState | None, str]:
    """The state of a server, with a message that customers see; ``None`` once it is gone.

    With ``faults_believed`` a machine that does not answer Ironic for long is taken to be down.
    """
    if "gone_at" in server:
        return (None if is_removed(server, host, node, now) else ServerState.DELETING), ""
    phase = str(server["phase"])
    if now <= server["changed_at"]:
        return _BEGUN[phase], ""
    if node is None:
        return ServerState.FAILED, "the host is missing"
    if (failure := _failure(server, node, faults_believed=faults_believed)) is not None:
        return ServerState.FAILED, failure
    if node.provision_state in _DEPLOYING or is_pending(server, node):
        return (ServerState.REBUILDING if int(server["boot"]) > 1 else ServerState.BUILDING), ""
    return (_switched(node) if node.provision_state == ACTIVE else ServerState.QUEUED), ""


def _failure(server: Mapping[str, Any], node: Node, *, faults_believed: bool) -> str | None:
    """Why a server is not up, for customers: Ironic's own words name what is none of their business."""
    if faults_believed and node.fault == POWER_FAILURE:
        return "the host does not answer"
    if "failure" in server:
        return "the host cannot boot this image"
    if is_pending(server, node) or node.provision_state in _DEPLOYING | {ACTIVE, AVAILABLE}:
        return None
    if node.provision_state == DEPLOY_FAILED:
        return "the host could not boot this image"
    return "the server was removed from its host"


def is_removed(
    server: Mapping[str, Any] | None, host: Mapping[str, Any] | None, node: Node | None, now: int
) -> bool:
    """Whether nothing of a removed server is left, so that the host can have another."""
    if server is None or host is None:
        return True
    owner, host_id = owner_and_host(server)
    if host.get("server") != owner:
        return True
    if now <= server.get("gone_at", now):
        return False
    return node is None or (node.provision_state in _VACANT and node.name == keys.name_after(owner, host_id))


def is_pending(server: Mapping[str, Any], node: Node) -> bool:
    """Whether a rebuild was accepted that Ironic could not be asked for yet."""
    owner, host_id, boot = *owner_and_host(server), int(server["boot"])
    begun = (keys.name_after(owner, host_id, boot), keys.name_after(owner, host_id))
    return boot > 1 and node.name not in begun


def is_removable(node: Node) -> bool:
    """Whether Ironic would begin to remove what is on a node. It cannot if the machine does not answer."""
    return node.provision_state in _REMOVABLE and node.fault != POWER_FAILURE


def fitness(node: Node | None) -> Fitness:
    """Whether a node can boot a server now."""
    if node is None:
        return Fitness(Readiness.UNKNOWN, "the host is missing")
    if (reason := _out_of_order(node)) is not None:
        return Fitness(Readiness.NOT_READY, IN_MAINTENANCE if node.maintenance else reason)
    if node.provision_state in _CLEANING:
        return Fitness(Readiness.NOT_READY, "the host is being cleaned")
    if node.power_state is None or node.power_state == "error":
        return Fitness(Readiness.UNKNOWN, "the host does not answer")
    return Fitness(Readiness.READY)


def maintenance_reason(reason: str) -> str:
    """The reason that a node shows while it is in a maintenance of this service."""
    return f"{reason} {_OURS}"


def is_set_aside_by_us(node: Node) -> bool:
    """Whether a node is in maintenance because of this service alone: Ironic has found no fault with it."""
    return node.maintenance and node.fault is None and (node.maintenance_reason or "").endswith(_OURS)


def usability(node: Node) -> str:
    """What a fleet document says of a node: ``in_service``, ``unhealthy`` or ``out_of_service``.

    What Ironic found wrong is ``unhealthy``; what somebody took out, or has not made available yet, is
    ``out_of_service``. A maintenance of this service is none of the document's business.
    """
    if node.fault or node.provision_state in _FAILED:
        return "unhealthy"
    if (node.maintenance and not is_set_aside_by_us(node)) or node.provision_state not in _READY | _CLEANING:
        return "out_of_service"
    return "unhealthy" if node.power_state in (None, "error") else "in_service"


def holder_and_host(hold: Mapping[str, Any]) -> tuple[str, str]:
    """Whose hold an item is, and of which host."""
    return (
        str(hold["pk"]).removeprefix(keys.HOSTS.holds_partition("")),
        str(hold["sk"]).removeprefix(HOST_PREFIX),
    )


def owner_and_host(server: Mapping[str, Any]) -> tuple[str, str]:
    """Whose server an item is, and on which host."""
    return (
        str(server["pk"]).removeprefix(keys.HOSTS.servers_partition("")),
        str(server["sk"]).removeprefix(SERVER_PREFIX),
    )


def _out_of_order(node: Node) -> str | None:
    """Why nothing can be begun on a node."""
    if node.maintenance or node.fault:
        return node.maintenance_reason or node.fault or "in maintenance"
    if node.provision_state not in _READY | _CLEANING:
        return f"the host is in state {node.provision_state}"
    return None


def _switched(node: Node) -> ServerState:
    if node.target_power_state is not None:
        return ServerState.QUEUED if node.target_power_state == "power on" else ServerState.STOPPING
    return ServerState.STOPPED if node.power_state in _OFF else ServerState.RUNNING
