"""Clients of the servers of placements."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.placements.act_on_server import power_placement_server, reconcile_placement_server
from gpu_capacity.placements.fault_reports import FaultReason, FaultReport
from gpu_capacity.placements.report_fault import report_placement_server_fault
from gpu_capacity.placements.servers import get_placement_server, list_placement_servers
from gpu_capacity.providers.port import PowerAction, ServerState
from proof.reservations import NOWHERE
from testkit.items import PLACEMENT

if TYPE_CHECKING:
    from gpu_capacity.placements.servers import PlacementServer
    from proof.cloud import Cloud
    from proof.faults import Work
    from proof.ledger import Ledger
    from proof.tenants import Tenant
    from testkit.items import RecordKey

LOSS_SHARE: Final = 0.5
"""The share of runs in which the provider loses a server, if there is one."""

_ACTIONS: Final = (
    ("list", 1),
    ("get", 1),
    *((action, 1) for action in PowerAction),
    ("reconcile", 4),
    ("report fault", 2),
)
_PHASES: Final = {
    PowerAction.STOP: "stopping",
    PowerAction.REBOOT: "rebooting",
    PowerAction.HARD_REBOOT: "rebooting",
}


class PlacementServers:
    """Acts on servers of a placement."""

    def act(self, who: Tenant, holder: RecordKey) -> None:
        """List the servers of a placement, and do something with one of them."""
        servers = self.look(who, holder)
        if not servers:
            return
        names, weights = zip(*_ACTIONS, strict=True)
        up = [found for found in servers if found.server and found.server.state is ServerState.RUNNING]
        server = who.draw.choice(up or servers)
        match who.draw.choices(names, weights)[0]:
            case PowerAction() as action:
                self.power(who, holder, server, action)
            case "reconcile":
                self.reconcile(who, holder, server)
            case "report fault":
                self.report_fault(who, holder, server)
            case "get":
                self._get(who, holder, server)
            case _:
                pass

    def look(self, who: Tenant, holder: RecordKey) -> list[PlacementServer]:
        """List the servers of a placement."""
        found: list[PlacementServer] = []

        def read(answer: Any, _work: Work) -> None:
            if isinstance(answer, list):
                found.extend(answer)
                _judge_list(who, holder, answer)

        who.office.ask(
            who.name,
            "list_placement_servers",
            holder,
            lambda s: list_placement_servers(s, who.caller, _id(holder), NOWHERE),
            read,
        )
        return found

    def power(self, who: Tenant, holder: RecordKey, server: PlacementServer, action: PowerAction) -> None:
        """Start, stop or reboot a server."""
        place = (server.placement.server_owner, server.host_id or "")

        def read(answer: Any, _work: Work) -> None:
            if answer is None and action in _PHASES and _PHASES[action] not in phases:
                who.office.tell(f"{place} was asked to {action}, and was {phases} since")

        with who.office.ledger.placements.following(place) as phases:
            who.office.ask(
                who.name,
                f"{action}_placement_server",
                (holder, server.ordinal),
                lambda s: power_placement_server(s, who.caller, _id(holder), server.id, action, NOWHERE),
                read,
            )

    def reconcile(self, who: Tenant, holder: RecordKey, server: PlacementServer) -> None:
        """Give a server the image of its placement."""
        who.office.ask(
            who.name,
            "reconcile_placement_server",
            (holder, server.ordinal),
            lambda s: reconcile_placement_server(s, who.caller, _id(holder), server.id, None, NOWHERE),
            partial(_judge_reconciled, who, server, _image(who, holder)),
        )

    def report_fault(self, who: Tenant, holder: RecordKey, server: PlacementServer) -> None:
        """Report that a server does not work. Where all is well, that changes nothing."""
        fault = FaultReason.GPU, None

        def read(answer: Any, _work: Work) -> None:
            well = server.server is not None and server.server.state is ServerState.RUNNING
            if isinstance(answer, FaultReport) and answer.server_id != server.id:
                who.office.tell(f"{holder}: a report of {server.id} is kept as one of {answer.server_id}")
            if isinstance(answer, FaultReport) and well and not answer.seen:
                who.office.tell(f"{holder}: a report of {server.id} says nothing of what was seen")

        who.office.ask(
            who.name,
            "report_placement_server_fault",
            (holder, server.ordinal),
            lambda s: report_placement_server_fault(s, who.caller, _id(holder), server.id, fault, NOWHERE),
            read,
        )

    def _get(self, who: Tenant, holder: RecordKey, server: PlacementServer) -> None:
        def read(answer: Any, _work: Work) -> None:
            if hasattr(answer, "ordinal") and (answer.id, answer.ordinal) != (server.id, server.ordinal):
                who.office.tell(f"{holder}: the server {server.id} became {answer.id}")

        who.office.ask(
            who.name,
            "get_placement_server",
            (holder, server.ordinal),
            lambda s: get_placement_server(s, who.caller, _id(holder), server.id, NOWHERE),
            read,
        )


def _judge_list(who: Tenant, holder: RecordKey, servers: list[PlacementServer]) -> None:
    ordinals = [server.ordinal for server in servers]
    if ordinals != list(range(servers[0].placement.count)) or len({s.id for s in servers}) < len(servers):
        who.office.tell(f"{holder} shows the servers {ordinals}")


def _judge_reconciled(
    who: Tenant, server: PlacementServer, before: tuple[int, str] | None, answer: Any, _work: Work
) -> None:
    """An accepted request has given the server the image of its placement, or a later one."""
    if answer is not None or before is None or server.host_id is None:
        return
    generation, image = before
    now = who.office.ledger.placements.servers.get((server.placement.server_owner, server.host_id))
    if now is not None and now.generation < generation and now.image != image:
        who.office.tell(f"{server.id} was reconciled, and has {now.image}")


def _image(who: Tenant, holder: RecordKey) -> tuple[int, str] | None:
    placed = who.office.ledger.placements.placed.get(holder)
    return (placed.generation, placed.image) if placed else None


def _id(holder: RecordKey) -> str:
    return holder[1].removeprefix(PLACEMENT)


def lose_a_server(cloud: Cloud, ledger: Ledger) -> None:
    """The provider forgets a server of a placement, in some runs."""
    living = sorted(ledger.placements.living())
    if living and cloud.fault_source.chance(LOSS_SHARE):
        cloud.lose_server(*cloud.draw.choice(living))
