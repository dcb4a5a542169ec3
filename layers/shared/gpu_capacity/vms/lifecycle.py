"""The steps of the VM workflows. Each is idempotent, and returns an outcome that the workflow branches on.

``start_vm``: wait until the notice is over and take the GPUs (``begin_vm_start``), start the server
(``start_vm_server``), wait until it is up (``complete_vm_start``). If that fails: record the reason
(``abandon_vm_start``), delete the server (``sweep_vm_server``), give the GPUs back (``fail_vm_start``).

``stop_vm``, for VMs that are stopped, interrupted or destroyed: delete the server (``sweep_vm_server``), then
settle the record and give back the GPUs that it does not keep (``settle_vm_stop``).

Every step reads the record first. If the record has changed so that the step does not apply any more, the
outcome is ``superseded``: the workflow of the new status does the rest.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.holders.workflows import start_workflow
from gpu_capacity.providers.port import StartOutcome, VmOrder, VmServerState
from gpu_capacity.vms.gpus import host_of, release, without_gpus, without_notice
from gpu_capacity.vms.preemption import evict, notices_withdrawn, start_deadline
from gpu_capacity.vms.record import RentalType, VmStatus

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.roles import HasEvents, HasPause, HasQuarantine, HasVmProvider, HasWorkflows
    from gpu_capacity.providers.port import VmServer
    from gpu_capacity.vms.preemption import Needs as VmPreemptionNeeds
    from gpu_capacity.vms.record import Vm

    class Needs(VmPreemptionNeeds, HasEvents, HasPause, HasQuarantine, HasVmProvider, HasWorkflows, Protocol):
        """What the functions of this module work with."""


ATTEMPTS_MAX: Final = 16
"""Writes that a step may lose to rivals before it gives up; the workflow then repeats the step."""

ACTOR: Final = "workflow:vm"
START: Final = "start_vm"
STOP: Final = "stop_vm"
_LEFT: Final = frozenset({VmStatus.STOPPED, VmStatus.INTERRUPTED, VmStatus.DESTROYED})
# Every outcome has all fields that expressions of the state machine read: a missing one is an error there.
SUPERSEDED: Final[dict[str, Any]] = {"outcome": "superseded", "message": "", "seconds": 0}


def begin_vm_start(services: Needs, organization_id: str, vm_id: str) -> dict[str, Any]:
    """Get all GPUs of the slice, and make the VM ``starting``.

    Returns:
        ``proceed``; ``waiting``, for at least ``seconds``; ``failed``; ``undo`` if an earlier execution died
        while it was undoing the start; or ``superseded``.
    """
    for attempt in range(ATTEMPTS_MAX):
        vm = _to_start(services, organization_id, vm_id)
        if vm is None:
            return SUPERSEDED
        if vm.failure is not None:
            return _outcome("undo", vm.failure)
        if host_of(services, vm) is None:
            return _outcome("failed", "the node was lost")
        answer = _await_notice(services, vm) if vm.waits_for else _begin(services, vm)
        if answer is not None:
            return answer
        services.pause(attempt)
    return _outcome("waiting")


def start_vm_server(services: Needs, organization_id: str, vm_id: str) -> dict[str, Any]:
    """Start the run's server, and remove the login from the record once the provider has it.

    Returns:
        ``started``; ``waiting`` while the provider refuses the server; ``failed``; or ``superseded``.
    """
    vm = services.vms.get(organization_id, vm_id)
    if vm is None or not _is_starting(vm):
        return SUPERSEDED
    order = VmOrder(
        owner=vm.server_owner,
        vm_id=vm.id,
        region_id=vm.region_id,
        host_id=vm.host_id,
        gpus=vm.gpus,
        storage_gb=vm.storage_gb,
        template_vmid=vm.template_vmid,
        ssh_public_key=vm.ssh_public_key,
        password_hash=vm.password_hash,
    )
    match services.vm_provider.start(order):
        case StartOutcome.FENCED | StartOutcome.OCCUPIED:
            # A run is fenced after its record has changed, which the next try of this step sees. If it has
            # not changed, the run never gets a server, and the deadline ends it.
            return _late(services, vm) or _outcome("waiting")
        case StartOutcome.STARTED:
            return _forget_login(services, vm)


def complete_vm_start(services: Needs, organization_id: str, vm_id: str) -> dict[str, Any]:
    """Make the VM ``running`` if its server is up.

    Returns:
        ``running``, ``waiting``, ``failed`` or ``superseded``.
    """
    for attempt in range(ATTEMPTS_MAX):
        vm = services.vms.get(organization_id, vm_id)
        if vm is not None and vm.status is VmStatus.RUNNING:
            # A repeat of a step that succeeded.
            return _outcome("running")
        if vm is None or not _is_starting(vm):
            return SUPERSEDED
        server = services.vm_provider.server(vm.server_owner)
        if server is None or server.state is not VmServerState.READY:
            return _not_up(services, vm, server)
        running = replace(
            vm,
            status=VmStatus.RUNNING,
            ip_address=server.ip_address,
            started_at=services.clock.now(),
            stopped_at=None,
            deadline=None,
            unsettled_since=None,
        )
        if not isinstance(services.vms.update([(vm, running)]), Refused):
            services.telemetry.count("VmsStarted")
            _audit(services, running, "complete_vm_start", "running")
            return _outcome("running")
        services.pause(attempt)
    return _outcome("waiting")


def abandon_vm_start(services: Needs, organization_id: str, vm_id: str, message: str) -> dict[str, Any]:
    """Begin to undo a start: record the reason, withdraw the notices, and fence the run.

    Returns:
        ``undo``, ``superseded``, or ``again`` after too many lost races.
    """
    for attempt in range(ATTEMPTS_MAX):
        vm = _to_start(services, organization_id, vm_id)
        if vm is None:
            return SUPERSEDED
        if vm.failure is not None:
            services.vm_provider.fence(vm.server_owner)
            return _outcome("undo", vm.failure)
        given_up = replace(
            vm, failure=message, waits_for=(), wants=0, ssh_public_key=None, password_hash=None
        )
        if not isinstance(services.vms.update([(vm, given_up), *notices_withdrawn(services, vm)]), Refused):
            _audit(services, given_up, "abandon_vm_start", "undoing", reason=message)
        services.pause(attempt)
    return _outcome("again")


def sweep_vm_server(services: Needs, organization_id: str, vm_id: str) -> dict[str, Any]:
    """Fence the run and delete its server.

    Returns:
        ``gone``, ``waiting`` while the server is still there, or ``superseded``.
    """
    vm = services.vms.get(organization_id, vm_id)
    if vm is None or vm.workflow is None or (vm.workflow == START and vm.failure is None):
        return SUPERSEDED
    services.vm_provider.fence(vm.server_owner)
    services.vm_provider.stop(vm.server_owner)
    if services.vm_provider.server(vm.server_owner) is not None:
        return _outcome("waiting")
    return _outcome("gone")


def fail_vm_start(services: Needs, organization_id: str, vm_id: str) -> dict[str, Any]:
    """Give the GPUs back, and make the VM ``failed``.

    Returns:
        ``failed``, ``waiting`` while a server is left on the GPUs, or ``superseded``.
    """
    for attempt in range(ATTEMPTS_MAX):
        vm = services.vms.get(organization_id, vm_id)
        if vm is not None and vm.status is VmStatus.FAILED:
            # A repeat of a step that succeeded.
            return _outcome("failed")
        if vm is None or vm.workflow != START or vm.failure is None:
            return SUPERSEDED
        if not _has_left(services, vm):
            return _outcome("waiting")
        failed = replace(
            without_gpus(vm),
            status=VmStatus.FAILED,
            stopped_at=services.clock.now(),
            deadline=None,
            unsettled_since=None,
        )
        if _settle(services, vm, failed):
            services.telemetry.count("VmsFailed")
            _audit(services, failed, "fail_vm_start", "failed")
            return _outcome("failed")
        services.pause(attempt)
    return _outcome("waiting")


def settle_vm_stop(services: Needs, organization_id: str, vm_id: str) -> dict[str, Any]:
    """Settle a VM whose server is gone: give back the GPUs that it does not keep.

    If the VM is destroyed its disk is deleted first. That happens here and not with the server, because this
    execution may have deleted the server before the VM was destroyed.

    Returns:
        ``settled``, ``waiting`` while a server is left on the GPUs, or ``superseded``.
    """
    for attempt in range(ATTEMPTS_MAX):
        vm = services.vms.get(organization_id, vm_id)
        if vm is not None and vm.unsettled_since is None and vm.status in _LEFT:
            # A repeat of a step that succeeded.
            return _outcome("settled")
        if vm is None or vm.workflow != STOP:
            return SUPERSEDED
        if not _has_left(services, vm):
            return _outcome("waiting")
        if vm.status is VmStatus.DESTROYED:
            services.vm_provider.delete_disk(vm.id)
        settled = replace(vm, unsettled_since=None)
        if vm.status is VmStatus.DESTROYED:
            settled = replace(settled, expires_at=services.clock.now() + services.limits.destroyed_vm_seconds)
        if vm.status is VmStatus.STOPPING:
            settled = replace(
                settled, status=VmStatus.STOPPED, ip_address=None, stopped_at=services.clock.now()
            )
        if vm.status is VmStatus.STOPPING and vm.rental_type is RentalType.RESERVED:
            is_written = not isinstance(services.vms.update([(vm, settled)]), Refused)
        else:
            is_written = _settle(services, vm, without_gpus(settled))
        if is_written:
            _audit(services, settled, "settle_vm_stop", settled.status.value)
            return _outcome("settled")
        services.pause(attempt)
    return _outcome("waiting")


def _begin(services: Needs, vm: Vm) -> dict[str, Any] | None:
    """Make a VM that has its whole slice ``starting``; None after a lost race."""
    if vm.status is VmStatus.STARTING:
        return _outcome("proceed")
    begun = replace(vm, status=VmStatus.STARTING, deadline=start_deadline(services))
    if isinstance(services.vms.update([(vm, begun)]), Refused):
        return None
    _audit(services, begun, "begin_vm_start", "starting")
    return _outcome("proceed")


def _await_notice(services: Needs, vm: Vm) -> dict[str, Any] | None:
    """Wait until the notice of the victims is over, then interrupt them; None after a lost race."""
    now = services.clock.now()
    victims = services.vms.by_key(vm.waits_for)
    notice_ends = max((v.preempt_at or now for v in victims.values()), default=now)
    if now < notice_ends:
        return _outcome("waiting", seconds=notice_ends - now)
    if any(v.status is not VmStatus.RUNNING for v in victims.values()):
        # A victim is leaving by itself, or its node is offline: its GPUs pass on when it gives them back.
        return _late(services, vm) or _outcome("waiting")
    evicted = evict(services, vm, _gpus_of_node(services, vm))
    if evicted is None:
        return None
    taken, interrupted = evicted
    _audit(services, taken, "begin_vm_start", "starting", interrupted=len(interrupted))
    for left in interrupted:
        start_workflow(services, left)
    return _outcome("proceed")


def _gpus_of_node(services: Needs, vm: Vm) -> int:
    """How many GPUs the VM's node has; if the node is unknown, at least as many as the slice reaches."""
    place = services.inventory.node(vm.node)
    return place.gpus if place is not None else vm.wants.bit_length()


def _forget_login(services: Needs, vm: Vm) -> dict[str, Any]:
    """Remove the login from the record, now that the provider has it."""
    if vm.password_hash is not None or vm.ssh_public_key is not None:
        forgetful = replace(vm, password_hash=None, ssh_public_key=None)
        if isinstance(services.vms.update([(vm, forgetful)]), Refused):
            # A rival changed the record: the next try of this step reads it again.
            return _outcome("waiting")
    return _outcome("started")


def _has_left(services: Needs, vm: Vm) -> bool:
    """Whether no server is left: neither the VM's own, nor one of its victims' on the GPUs that it took over.

    A victim's server may still be going down when the VM itself goes away. The next owner of the GPUs may be
    a reservation or a capacity claim, whose servers do not wait for servers of VMs.
    """
    if services.vm_provider.server(vm.server_owner) is not None:
        return False
    return services.vm_provider.is_vacant(vm.host_id, vm.gpus)


def _late(services: Needs, vm: Vm) -> dict[str, Any] | None:
    """``failed`` if the deadline of the start is over, else None."""
    if vm.deadline is not None and services.clock.now() >= vm.deadline:
        return _outcome("failed", "the VM was not up when the time was over")
    return None


def _settle(services: Needs, vm: Vm, settled: Vm) -> bool:
    """Write a VM that gives back its GPUs, and the VM that gets them, if any; false after a lost race."""
    freed = release(services, vm)
    if isinstance(services.vms.update([(vm, without_notice(settled)), *freed.others], freed.pod), Refused):
        return False
    if freed.node_is_free:
        services.events.freed(vm.region_id)
    return True


def _to_start(services: Needs, organization_id: str, vm_id: str) -> Vm | None:
    """The VM, if its record still calls for a start."""
    vm = services.vms.get(organization_id, vm_id)
    return vm if vm is not None and vm.workflow == START else None


def _is_starting(vm: Vm) -> bool:
    """Whether its start is under way: it has all its GPUs, and the start is not being undone."""
    return vm.workflow == START and vm.status is VmStatus.STARTING and not vm.waits_for and vm.failure is None


def _not_up(services: Needs, vm: Vm, server: VmServer | None) -> dict[str, Any]:
    """The outcome while the server is not up: ``failed`` with the reason, or ``waiting``.

    A node whose server failed is put into quarantine: other VMs on it run on, and nothing else starts there.
    """
    if server is None:
        return _outcome("failed", "the server is gone")
    if server.state is VmServerState.FAILED:
        evidence = f"run {vm.server_owner}: {server.message}"
        services.quarantine.set(
            vm.region_id, vm.host_id, "a server failed to start", evidence, by=ACTOR, pod_id=vm.pod_id
        )
        return _outcome("failed", f"the server failed: {server.message}")
    if host_of(services, vm) is None:
        return _outcome("failed", "the node was lost")
    return _late(services, vm) or _outcome("waiting")


def _outcome(outcome: str, message: str = "", seconds: int = 0) -> dict[str, Any]:
    return {"outcome": outcome, "message": message, "seconds": seconds}


def _audit(services: Needs, vm: Vm, action: str, outcome: str, **details: object) -> None:
    services.telemetry.audit(ACTOR, action, vm.id, outcome, organization=vm.organization_id, **details)
