"""Changes VMs by schedule: restarts, ends of terms, nodes that are lost and come back.

The roster has the candidates. Each is read again before it is changed, and every write is conditional, so a
run may overlap with another one, with requests and with workflows. What a run does not finish, the next one
does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.errors import ActionRefused
from gpu_capacity.holders.records import SKIPPED_ERRORS, report_skipped
from gpu_capacity.holders.workflows import start_workflow
from gpu_capacity.inventory.model import HostState
from gpu_capacity.vms.gpus import release, without_gpus
from gpu_capacity.vms.preemption import start_deadline, take_slice, update_writer
from gpu_capacity.vms.record import RentalType, VmStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Protocol

    from gpu_capacity.holders.roles import HasEvents, HasPause, HasWorkflows
    from gpu_capacity.inventory.nodes import NodePlace
    from gpu_capacity.vms.preemption import Needs as VmPreemptionNeeds
    from gpu_capacity.vms.record import Vm, VmKey

    class Needs(VmPreemptionNeeds, HasEvents, HasPause, HasWorkflows, Protocol):
        """What the functions of this module work with."""


ACTOR: Final = "schedule:vms"
_ATTEMPTS_MAX: Final = 4
_GOES_OFFLINE: Final = frozenset({VmStatus.RUNNING, VmStatus.STOPPED, VmStatus.INTERRUPTED})


def restart_vms(services: Needs, node: str | None = None) -> int:
    """Restart interrupted VMs that their nodes have room for, oldest first.

    A VM that is too large for the room does not keep younger, smaller ones waiting.

    Args:
        services: collaborators.
        node: only VMs of this node; None for all nodes.

    Returns:
        How many were restarted.
    """
    waiting = [entry.key for entry in services.vms.roster(node) if entry.restarts]
    return _each(services, waiting, _restart)


def restart_vms_beside(services: Needs, organization_id: str, vm_id: str) -> int:
    """The same for the node of a VM that has just left it; 0 if the VM has no record any more."""
    vm = services.vms.get(organization_id, vm_id)
    return restart_vms(services, vm.node) if vm is not None else 0


def end_vm_terms(services: Needs) -> int:
    """Turn reserved VMs whose term is over into on-demand ones; returns how many."""
    now = services.clock.now()
    due = [e.key for e in services.vms.roster() if e.term_ends_at is not None and e.term_ends_at <= now]
    return _each(services, due, _end_term)


def watch_vm_nodes(services: Needs) -> int:
    """Make VMs ``offline`` whose nodes the inventory has lost, and bring back VMs whose nodes are back.

    Returns:
        How many were changed.
    """
    nodes = services.inventory.nodes()
    concerned = [
        entry.key
        for entry in services.vms.roster()
        if entry.status is VmStatus.OFFLINE
        or (entry.status in _GOES_OFFLINE and _is_lost(nodes.get(entry.node), entry.host_id))
    ]
    return _each(services, concerned, lambda s, vm: _follow_node(s, vm, nodes.get(vm.node)))


def _each(services: Needs, keys: Iterable[VmKey], change: Callable[[Needs, Vm], bool | None]) -> int:
    """Apply a change to each VM, and skip VMs that cannot be read.

    Args:
        services: collaborators.
        keys: the VMs.
        change: returns whether it changed the VM; None after a lost race, to be called again.

    Returns:
        How many were changed.
    """
    done = 0
    for key in keys:
        try:
            for attempt in range(_ATTEMPTS_MAX):
                vm = services.vms.get(*key)
                changed = vm is not None and change(services, vm)
                if changed is not None:
                    done += changed
                    break
                services.pause(attempt)
        except SKIPPED_ERRORS as error:
            report_skipped(services.telemetry, error, key[1])
    return done


def _restart(services: Needs, vm: Vm) -> bool | None:
    settled = vm.unsettled_since is None
    if vm.status is not VmStatus.INTERRUPTED or not vm.auto_restart or not settled:
        return False
    place = services.inventory.node(vm.node)
    if place is None or place.host.id != vm.host_id:
        return False
    try:
        begun = take_slice(services, next_run(services, vm), place.gpus, update_writer(services, vm))
    except ActionRefused:
        return False
    if begun is None:
        return None
    _audit(services, begun, "restart_vm", "starting")
    start_workflow(services, begun)
    return True


def _end_term(services: Needs, vm: Vm) -> bool | None:
    over = vm.term_ends_at is not None and vm.term_ends_at <= services.clock.now()
    if vm.rental_type is not RentalType.RESERVED or not over:
        return False
    after = replace(vm, rental_type=RentalType.ON_DEMAND, reservation_id=None)
    if VmStatus.STOPPED in (vm.status, vm.offline_from):
        # A stopped VM keeps its GPUs only during its term.
        freed = release(services, vm)
        written = services.vms.update([(vm, without_gpus(after)), *freed.others], freed.pod)
        if freed.node_is_free and not isinstance(written, Refused):
            services.events.freed(vm.region_id)
    else:
        written = services.vms.update([(vm, after)])
    if isinstance(written, Refused):
        return None
    _audit(services, after, "end_vm_term", "on_demand")
    services.telemetry.count("VmTermsEnded")
    return True


def _follow_node(services: Needs, vm: Vm, place: NodePlace | None) -> bool | None:
    lost = _is_lost(place, vm.host_id)
    after: Vm | None = None
    if lost and vm.status in _GOES_OFFLINE and vm.unsettled_since is None:
        after = replace(vm, status=VmStatus.OFFLINE, offline_from=vm.status)
    elif place is not None and not lost and place.host.state is HostState.IN_SERVICE:
        after = _back(services, vm) if vm.status is VmStatus.OFFLINE else None
    if after is None:
        return False
    if isinstance(services.vms.update([(vm, after)]), Refused):
        return None
    _audit(services, after, "follow_node", after.status.value)
    start_workflow(services, after)
    return True


def _back(services: Needs, vm: Vm) -> Vm:
    """The VM after its node came back: ``starting`` if it ran before, else in its former status."""
    if vm.offline_from is not VmStatus.RUNNING:
        return replace(vm, status=vm.offline_from or VmStatus.STOPPED, offline_from=None)
    return replace(
        vm,
        status=VmStatus.STARTING,
        offline_from=None,
        attempt=vm.attempt + 1,
        unsettled_since=services.clock.now(),
        deadline=start_deadline(services),
    )


def next_run(services: Needs, vm: Vm) -> Vm:
    """The VM ``starting`` once more, but for its slice: a new run, which gets a server of its own."""
    return replace(
        vm,
        status=VmStatus.STARTING,
        runs=vm.runs + 1,
        attempt=vm.attempt + 1,
        unsettled_since=services.clock.now(),
        deadline=start_deadline(services),
    )


def _is_lost(place: NodePlace | None, host_id: str) -> bool:
    """Whether the VM's machine is gone. Another machine under the node's name does not have the disk."""
    return place is None or place.host.id != host_id or place.host.state is HostState.MISSING


def _audit(services: Needs, vm: Vm, action: str, outcome: str) -> None:
    services.telemetry.audit(ACTOR, action, vm.id, outcome, organization=vm.organization_id)
