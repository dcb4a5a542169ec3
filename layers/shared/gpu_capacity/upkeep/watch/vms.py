"""What a running VM should have: its server, on its GPUs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.providers.port import VmServerState
from gpu_capacity.vms.record import VmStatus

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from gpu_capacity.holders.roles import HasTelemetry, HasVmProvider
    from gpu_capacity.providers.port import VmServer
    from gpu_capacity.upkeep.watch.listing import Budget, Listed
    from gpu_capacity.vms.record import Vm
    from gpu_capacity.vms.roles import HasVms

    class Needs(HasTelemetry, HasVmProvider, HasVms, Protocol):
        """What the functions of this module work with."""


ACTOR: Final = "schedule:watch"


def watch_vm(services: Needs, vm: Vm, listed: Listed | None, budget: Budget) -> bool:
    """Make a VM ``offline`` whose server is gone or has failed.

    ``watch_vm_nodes`` brings it back as soon as its node is in service: ``starting``, under a new run. The
    former run is fenced, so that its server cannot come back beside the new one.

    Args:
        services: collaborators.
        vm: the record as read.
        listed: what providers list; None if that is not known.
        budget: counts calls.

    Returns:
        Whether something was amiss.

    Raises:
        ProviderUnavailable: the provider did not answer.
    """
    if vm.status is not VmStatus.RUNNING or vm.unsettled_since is not None:
        return False
    owner = vm.server_owner
    if listed is not None and _is_served(vm, listed.vm_servers.get(owner, ())):
        return False
    budget.spend()
    server = services.vm_provider.server(owner)
    if _is_served(vm, () if server is None else (server,)):
        return False
    present = services.vms.get(vm.organization_id, vm.id)
    if present is None or present.revision != vm.revision:
        return False
    budget.spend(2)
    services.vm_provider.fence(owner)
    services.vm_provider.stop(owner)
    lost = replace(present, status=VmStatus.OFFLINE, offline_from=VmStatus.RUNNING, runs=present.runs + 1)
    if isinstance(services.vms.update([(present, lost)]), Refused):
        return True
    reason = "its server is gone" if server is None else f"its server failed: {server.message}"
    services.telemetry.count("VmServersLost")
    services.telemetry.warning("VM offline", vm=vm.id, host=vm.host_id, reason=reason)
    services.telemetry.audit(
        ACTOR, "lose_vm_server", vm.id, "offline", organization=vm.organization_id, host=vm.host_id
    )
    return True


def _is_served(vm: Vm, servers: Iterable[VmServer]) -> bool:
    return any(
        server.host_id == vm.host_id and server.state is not VmServerState.FAILED for server in servers
    )
