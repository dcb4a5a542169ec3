"""Rent, read, start, stop and destroy VMs; what follows is in ``vm_lifecycle``.

Every change is decided on a fresh reading and written under its conditions: the record's status and revision,
the owners of the node's GPUs, and the status of every VM that has to leave. A lost race is planned anew.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from gpu_capacity.access import Permission
from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.dynamodb.tombstones import Tombstone
from gpu_capacity.errors import ActionRefused, NodeCannotGive, NotFound, RaceLost
from gpu_capacity.holders.ids import holder_id, new_life
from gpu_capacity.holders.quotas import allowed, confirm
from gpu_capacity.holders.repeats import remembered
from gpu_capacity.holders.workflows import start_workflow
from gpu_capacity.vms.login import login_of
from gpu_capacity.vms.preemption import (
    marks_taken_back,
    plan_slice,
    start_deadline,
    take_slice,
    written_over,
)
from gpu_capacity.vms.record import TRANSITIONS, Login, RentalType, Vm, VmStatus, months_later
from gpu_capacity.vms.repeats import (
    answer_again,
    gone_on,
    identity_of,
    recent_vm_request,
    still_there,
)
from gpu_capacity.vms.schedule import begun_again

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.accounts.account import Account
    from gpu_capacity.accounts.roles import HasAccounts
    from gpu_capacity.holders.roles import HasQuotas, HasRepeats, HasVmProvider
    from gpu_capacity.holders.tries import Tries
    from gpu_capacity.inventory.store import NodePlace
    from gpu_capacity.providers.port import Usage
    from gpu_capacity.vms.record import Login, PageOfVms
    from gpu_capacity.vms.request import VmRequest
    from gpu_capacity.vms.schedule import Needs as VmScheduleNeeds

    class Needs(VmScheduleNeeds, HasAccounts, HasQuotas, HasRepeats, HasVmProvider, Protocol):
        """What the functions of this module work with."""


ATTEMPTS_MAX: Final = 16
"""Lost races before a request is answered "try again": all rivals are at the same node."""

_LABEL_DIGITS: Final = 8


def create_vm(
    services: Needs,
    caller: Caller,
    request: VmRequest,
    account: Account,
    *,
    idempotency_key: str | None = None,
    dry_run: bool = False,
) -> Vm:
    """Rent a VM: take its slice, tell those who have to leave, and start the workflow.

    A repeat under the same key answers with the VM that the first request made, as it is by now; so does one
    without a key, where a time is set for that, as long as the VM is not destroyed. With ``dry_run``
    everything is checked and placed and nothing is written.

    Raises:
        Forbidden: the token may not write VMs; ``QuotaExceeded``.
        KeyReused: the idempotency key stands for another request.
        ActionRefused: no such node, another GPU type there, or no room.
        RaceLost: other requests changed the node every time.
    """
    caller.require(Permission.WRITE_VMS)
    identity, fingerprint = identity_of(services, account, request, idempotency_key)
    # Looked up first, so that a repeat gets its answer even when the node is full by now.
    earlier = None if fingerprint is None else services.vms.find(account.organization_id, identity)
    if fingerprint is not None and isinstance(earlier, Vm):
        return answer_again(services, earlier, fingerprint, dry_run=dry_run)
    recent = None if fingerprint is not None else recent_vm_request(services, account, request)
    if recent is not None and (found := still_there(services, recent)):
        return found if dry_run else gone_on(services, found)
    place = _node(services, caller, request)
    login = login_of(services, account, request.login)
    wanted = replace(_new_vm(services, request, login, account, place, identity), fingerprint=fingerprint)
    if dry_run:
        allowed(services.quotas, wanted.organization_id, wanted.uses)
        return plan_slice(services, wanted, place.gpus).vm
    with services.vms.creating(wanted, wanted.created_at) as tries:
        for attempt in range(ATTEMPTS_MAX):
            quotas = allowed(services.quotas, wanted.organization_id, wanted.uses)
            counted = replace(wanted, counted=tuple(sorted(quotas)))
            more = remembered(services, recent, wanted.id)
            add = partial(
                services.vms.add,
                counted_in=quotas,
                more=more,
                over=earlier if isinstance(earlier, Tombstone) else None,
                tries=tries,
            )
            vm = take_slice(services, counted, place.gpus, add) or _own(services, wanted, tries)
            if vm is not None:
                confirm(services.quotas, services.vms, vm)
                services.telemetry.count("VmsCreated")
                return _proceed(services, caller, "create_vm", vm)
            services.pause(attempt)
            earlier = None if fingerprint is None else services.vms.find(*wanted.key)
            if fingerprint is not None and isinstance(earlier, Vm):
                return answer_again(services, earlier, fingerprint)
            if recent is not None:
                recent = recent_vm_request(services, account, request)
                if recent is not None and (found := still_there(services, recent)):
                    return gone_on(services, found)
        raise RaceLost("other requests changed the node every time")


def _own(services: Needs, wanted: Vm, tries: Tries) -> Vm | None:
    """The VM, where a try that went unseen has made it."""
    found = services.vms.get(*wanted.key) if tries.unseen else None
    return found if found is not None and found.life == wanted.life else None


def get_vm(services: Needs, caller: Caller, vm_id: str, account: Account) -> Vm:
    """One VM of the account's organization, destroyed or not.

    Raises:
        Forbidden: the token may not read VMs.
        NotFound: absent, or another organization's.
    """
    caller.require(Permission.READ_VMS)
    return _of(services, account, vm_id)


def list_vms(services: Needs, caller: Caller, account: Account, asked: PageOfVms) -> list[Vm]:
    """Some of the organization's VMs, destroyed ones included as long as they are kept, newest first.

    Raises:
        Forbidden: the token may not read VMs.
    """
    caller.require(Permission.READ_VMS)
    return services.vms.page(account.organization_id, asked)


def start_vm(services: Needs, caller: Caller, vm_id: str, account: Account) -> Vm:
    """Start a stopped or interrupted VM: it takes a slice again, unless its term let it keep its own.

    Raises:
        Forbidden, NotFound: as for reading.
        ActionRefused: its status does not allow it, or its node has no room.
        RaceLost: other requests changed the VM or the node every time.
    """
    caller.require(Permission.WRITE_VMS)
    for attempt in range(ATTEMPTS_MAX):
        vm = _of(services, account, vm_id)
        if vm.status not in (VmStatus.STOPPED, VmStatus.INTERRUPTED):
            raise ActionRefused(f"a VM that is {vm.status.value} cannot be started")
        if vm.unsettled_since is not None:
            raise ActionRefused("the VM is still being interrupted")
        begun = _begin(services, vm)
        if begun is not None:
            return _proceed(services, caller, "start_vm", begun)
        services.pause(attempt)
    raise RaceLost("other requests changed the VM or the node every time")


def stop_vm(services: Needs, caller: Caller, vm_id: str, account: Account) -> Vm:
    """Stop a running VM; it will not be started again by itself.

    Raises:
        Forbidden, NotFound: as for reading.
        ActionRefused: its status does not allow it.
        RaceLost: other requests changed the VM every time.
    """
    caller.require(Permission.WRITE_VMS)
    for attempt in range(ATTEMPTS_MAX):
        vm = _of(services, account, vm_id)
        if VmStatus.STOPPING not in TRANSITIONS[vm.status]:
            raise ActionRefused(f"a VM that is {vm.status.value} cannot be stopped")
        stopping = replace(
            _unsettled(services, vm),
            status=VmStatus.STOPPING,
            auto_restart=None if vm.auto_restart is None else False,
        )
        if not isinstance(services.vms.update([(vm, stopping)]), Refused):
            return _proceed(services, caller, "stop_vm", stopping)
        services.pause(attempt)
    raise RaceLost("other requests changed the VM every time")


def destroy_vm(services: Needs, caller: Caller, vm_id: str, account: Account) -> Vm:
    """Destroy a VM for good; repeated, it changes nothing. Those told to leave for it may stay.

    Raises:
        Forbidden, NotFound: as for reading.
        RaceLost: other requests changed the VM every time.
    """
    caller.require(Permission.WRITE_VMS)
    for attempt in range(ATTEMPTS_MAX):
        vm = _of(services, account, vm_id)
        if vm.status is VmStatus.DESTROYED:
            return vm
        destroyed = replace(
            _unsettled(services, vm),
            status=VmStatus.DESTROYED,
            waits_for=(),
            wants=0,
            ssh_public_key=None,
            password_hash=None,
            ip_address=None,
            deadline=None,
            stopped_at=vm.stopped_at or services.clock.now(),
        )
        if not isinstance(services.vms.update([(vm, destroyed), *marks_taken_back(services, vm)]), Refused):
            return _proceed(services, caller, "destroy_vm", destroyed)
        services.pause(attempt)
    raise RaceLost("other requests changed the VM every time")


def usage_of(services: HasVmProvider, vms: Sequence[Vm]) -> Mapping[str, Usage]:
    """How busy the VMs are that run, by VM id, in one call of the provider.

    Raises:
        ProviderUnavailable: it does not answer.
    """
    owners = {vm.server_owner: vm.id for vm in vms if vm.status is VmStatus.RUNNING}
    known = services.vm_provider.usage(sorted(owners)) if owners else {}
    return {owners[owner]: usage for owner, usage in known.items()}


def _new_vm(
    services: Needs, request: VmRequest, login: Login, account: Account, place: NodePlace, identity: str
) -> Vm:
    now = services.clock.now()
    shape, months = place.flavor.vm, request.reservation_months
    assert shape is not None, "a node's flavor is one that is rented in slices"  # noqa: S101 - for the types
    return Vm(
        id=identity,
        organization_id=account.organization_id,
        subject=account.subject,
        node=place.host.name,
        region_id=place.region.id,
        flavor_id=place.flavor.id,
        pod_id=place.pod_id,
        position=place.position,
        host_id=place.host.id,
        gpu_type=shape.gpu_type,
        gpu_count=request.gpu_count,
        storage_gb=request.storage_gb,
        ram_gb=place.flavor.memory_gib * request.gpu_count // place.gpus,
        cpu_cores=place.flavor.cpus * request.gpu_count // place.gpus,
        cpu_model=shape.cpu_model,
        pcie_gen=shape.pcie_gen,
        template_vmid=request.template_vmid,
        rental_type=request.rental_type,
        reservation_id=holder_id(services.ids.random_bytes()) if months else None,
        reservation_months=months,
        term_ends_at=months_later(now, months) if months else None,
        auth_method=login.method,
        ssh_key_id=login.ssh_key_id,
        ssh_public_key=login.ssh_public_key,
        password_hash=login.password_hash,
        auto_restart=True if request.rental_type is RentalType.INTERRUPTIBLE else None,
        status=VmStatus.CREATING,
        created_at=now,
        instance_label=f"{place.host.name}-{identity[:_LABEL_DIGITS]}",
        runs=1,
        revision=1,
        unsettled_since=now,
        life=new_life(services.ids.random_bytes()),
    )


def _node(services: Needs, caller: Caller, request: VmRequest) -> NodePlace:
    """The node that is asked for, as far as the caller may know of it; a "no" is said on a fresh reading.

    On one, whether the node is unknown or only hidden: the time of the answer must not tell.
    """
    place = services.inventory.known_node(request.node)
    if _mismatch(place, caller, request):
        place = services.inventory.nodes().get(request.node)
    problem = _mismatch(place, caller, request)
    if place is None or problem is not None:
        raise problem or ActionRefused("the node does not exist")
    return place


def _mismatch(place: NodePlace | None, caller: Caller, request: VmRequest) -> ActionRefused | None:
    if place is None or not (caller.is_operator or place.region.is_visible_to(caller.organizations)):
        return ActionRefused("the node does not exist")
    if place.flavor.vm is None:
        return ActionRefused("the node is not rented")
    if place.flavor.vm.gpu_type != request.gpu_type:
        return ActionRefused(f"gpu_type: the node has GPUs of type {place.flavor.vm.gpu_type}")
    if request.gpu_count > place.gpus:
        detail = f"gpu_count: the node has only {place.gpus} GPU{'s' if place.gpus > 1 else ''}"
        return NodeCannotGive(detail, requested=request.gpu_count, largest=None, most=place.gpus)
    return None


def _begin(services: Needs, vm: Vm) -> Vm | None:
    """Write a VM that is being started by its user; ``None`` after a lost race."""
    place = services.inventory.node(vm.node)
    if place is None or place.host.id != vm.host_id:
        raise ActionRefused("the node is out of service")
    begun = begun_again(services, vm)
    if vm.auto_restart is not None:
        begun = replace(begun, auto_restart=True)
    if vm.gpus:
        begun = replace(begun, deadline=start_deadline(services))
        return begun if not isinstance(services.vms.update([(vm, begun)]), Refused) else None
    return take_slice(services, begun, place.gpus, written_over(services, vm))


def _unsettled(services: Needs, vm: Vm) -> Vm:
    """With work for the next execution of a workflow."""
    return replace(vm, unsettled_since=services.clock.now(), attempt=vm.attempt + 1)


def _of(services: Needs, account: Account, vm_id: str) -> Vm:
    vm = services.vms.get(account.organization_id, vm_id)
    if vm is None:
        raise NotFound("the VM does not exist")
    return vm


def _proceed(services: Needs, caller: Caller, action: str, vm: Vm) -> Vm:
    services.telemetry.audit(
        caller.subject, action, vm.id, "accepted", organization=vm.organization_id, node=vm.node
    )
    start_workflow(services, vm)
    return vm
