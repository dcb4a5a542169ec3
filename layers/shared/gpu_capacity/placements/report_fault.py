"""A customer reports a fault of a server or its host.

The host and the server are looked at. If that confirms the fault, or shows nothing either way, the server is
condemned: the workflow moves it, and then puts the host into quarantine. If both are well, the report is only
kept for operators: a fault that the provider cannot see may be one of the customer's own software, and a
customer must not be able to take hardware out of service by asserting something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.errors import StateConflict
from gpu_capacity.placements.act_on_server import wanted_server
from gpu_capacity.placements.deploying import host_ids
from gpu_capacity.placements.fault_reports import FaultOutcome, FaultReport
from gpu_capacity.placements.moves import Condemned
from gpu_capacity.placements.seating import seating_of
from gpu_capacity.placements.settling import settle_again
from gpu_capacity.providers.port import Readiness, ServerState

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.holders.roles import HasInventory
    from gpu_capacity.placements.act_on_server import Needs as ActNeeds
    from gpu_capacity.placements.fault_reports import FaultReason, FaultReportStore
    from gpu_capacity.placements.record import Placement
    from gpu_capacity.providers.port import Fitness, Server

    class Needs(ActNeeds, HasInventory, Protocol):
        """What the functions of this module work with."""

        @property
        def fault_reports(self) -> FaultReportStore:
            """Reports of faults."""


def report_placement_server_fault(
    services: Needs,
    caller: Caller,
    placement_id: str,
    server_id: str,
    fault: tuple[FaultReason, str | None],
    organizations: frozenset[str],
) -> FaultReport:
    """Record a fault of a server or its host, and have the server moved unless both are found to be well.

    Args:
        services: collaborators.
        caller: who sends the request.
        placement_id: as sent by the client.
        server_id: as sent by the client.
        fault: what does not work, and what the customer says of it.
        organizations: where to look; empty for all of the caller's.

    Raises:
        Forbidden: the token may not operate servers.
        NotFound: the caller may see no placement of this id, or it has no such server.
        StateConflict: the server has not been up yet where it is now, or its placement is being deleted.
        ProviderUnavailable: the provider did not answer, so nothing is known and nothing was done.
    """
    placement, ordinal = wanted_server(services, caller, placement_id, server_id, organizations)
    server = _server(services, placement, ordinal)
    if server is None and placement.is_awaited(ordinal):
        raise StateConflict("the server is not there yet, and moves by itself if its host is of no use")
    host_id = server.host_id if server else host_ids(services, placement).get(ordinal, "")
    fitness = services.provider.fitness([host_id])[host_id] if host_id else None
    is_well, seen = _judged(server, fitness)
    reason, text = fault
    if not is_well:
        why = f"has a host that was reported for {reason.value}, and {seen}"
        settle_again(services, placement, condemned=[Condemned(ordinal, host_id, why)])
    report = FaultReport(
        region_id=placement.region_id,
        reported_at=services.clock.now(),
        organization_id=placement.organization_id,
        placement_id=placement.id,
        server_id=server_id,
        host_id=host_id,
        reason=reason,
        outcome=FaultOutcome.RECORDED if is_well else FaultOutcome.MOVING,
        seen=seen,
        by=caller.name,
        text=text,
    )
    services.fault_reports.add(report)
    _tell(services, caller, report)
    return report


def _server(services: Needs, placement: Placement, ordinal: int) -> Server | None:
    listed = services.provider.servers(placement.server_owner)
    found = seating_of(placement, listed).servers
    return next((server for server in found if server.ordinal == ordinal), None)


def _judged(server: Server | None, fitness: Fitness | None) -> tuple[bool, str]:
    """Whether server and host are well, as far as one can see, and what was seen."""
    if server is None:
        return False, "the provider does not have the server any more"
    if server.state is ServerState.FAILED:
        return False, f"the server failed: {server.message}" if server.message else "the server failed"
    if fitness is None or fitness.readiness is Readiness.UNKNOWN:
        return False, "the provider does not know whether its host is well"
    if fitness.readiness is Readiness.NOT_READY:
        return (
            False,
            f"its host is not ready: {fitness.reason}" if fitness.reason else "its host is not ready",
        )
    return True, "host and server are well, as far as the provider can see"


def _tell(services: Needs, caller: Caller, report: FaultReport) -> None:
    """The metric, and the lines for operators. The customer's own words are in the record only."""
    services.telemetry.count("FaultsReported", outcome=report.outcome.value)
    services.telemetry.warning(
        "fault reported",
        placement=report.placement_id,
        server=report.server_id,
        host=report.host_id,
        reason=report.reason.value,
        seen=report.seen,
        outcome=report.outcome.value,
    )
    services.telemetry.audit(
        caller.subject,
        "report_placement_server_fault",
        report.placement_id,
        report.outcome.value,
        organization=report.organization_id,
        server=report.server_id,
        host=report.host_id,
        reason=report.reason.value,
    )
