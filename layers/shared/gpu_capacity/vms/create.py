"""Create a VM."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from gpu_capacity.access import Permission
from gpu_capacity.dynamodb.tombstones import Tombstone
from gpu_capacity.errors import ActionRefused, RaceLost, SliceUnavailable
from gpu_capacity.holders.ids import holder_id, new_life
from gpu_capacity.holders.quotas import allowed, confirm
from gpu_capacity.holders.repeats import remembered
from gpu_capacity.vms.login import login_of
from gpu_capacity.vms.preemption import plan_slice, take_slice
from gpu_capacity.vms.proceed import ATTEMPTS_MAX, proceed
from gpu_capacity.vms.record import Login, RentalType, Vm, VmStatus, months_later
from gpu_capacity.vms.repeats import answer_repeat, identity_of, recent_vm_request, resumed, still_there

if TYPE_CHECKING:
    from gpu_capacity.access import Caller
    from gpu_capacity.accounts.account import Account
    from gpu_capacity.holders.tries import Tries
    from gpu_capacity.inventory.nodes import NodePlace
    from gpu_capacity.vms.proceed import Needs
    from gpu_capacity.vms.record import Login
    from gpu_capacity.vms.request import VmRequest


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
    """Create a VM: take its slice, give notice to the VMs that have to leave, and start the workflow.

    A repeat returns the VM that the first request made, in its current state. A repeat has the same
    idempotency key; without a key it is an equal request of the same account within
    ``limits.repeat_seconds``, and the VM must not be destroyed or failed.

    Args:
        services: collaborators.
        caller: who sends the request.
        request: what to rent.
        account: on whose behalf.
        idempotency_key: as sent by the client.
        dry_run: check and place everything, write nothing, and return the VM as it would be created.

    Raises:
        Forbidden: the token may not write VMs.
        QuotaExceeded: the organization would exceed its limit on VMs or on their GPUs.
        KeyReused: another request used this idempotency key.
        ActionRefused: the node does not exist, has another GPU type, or has no room.
        RaceLost: rivals changed the node ``ATTEMPTS_MAX`` times in a row.
    """
    caller.require(Permission.WRITE_VMS)
    identity, fingerprint = identity_of(services, account, request, idempotency_key)
    # Before the placement: a repeat gets its response even if the node is full by now.
    earlier = None if fingerprint is None else services.vms.find(account.organization_id, identity)
    if fingerprint is not None and isinstance(earlier, Vm):
        return answer_repeat(services, earlier, fingerprint, dry_run=dry_run)
    recent = None if fingerprint is not None else recent_vm_request(services, account, request)
    if recent is not None and (found := still_there(services, recent)):
        return found if dry_run else resumed(services, found)
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
                return proceed(services, caller, "create_vm", vm)
            services.pause(attempt)
            earlier = None if fingerprint is None else services.vms.find(*wanted.key)
            if fingerprint is not None and isinstance(earlier, Vm):
                return answer_repeat(services, earlier, fingerprint)
            if recent is not None:
                recent = recent_vm_request(services, account, request)
                if recent is not None and (found := still_there(services, recent)):
                    return resumed(services, found)
        raise RaceLost("other requests changed the node every time")


def _own(services: Needs, wanted: Vm, tries: Tries) -> Vm | None:
    """The VM, if a try whose answer got lost has created it."""
    found = services.vms.get(*wanted.key) if tries.outcome_unknown else None
    return found if found is not None and found.life == wanted.life else None


def _new_vm(
    services: Needs, request: VmRequest, login: Login, account: Account, place: NodePlace, identity: str
) -> Vm:
    """The record as it is to be, but for its slice."""
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
        runs=now,
        attempt=now,
        revision=1,
        unsettled_since=now,
        life=new_life(services.ids.random_bytes()),
    )


def _node(services: Needs, caller: Caller, request: VmRequest) -> NodePlace:
    """The node that the request names.

    Refuses only after a fresh read. An unknown node and a hidden one cost the same reads, so that the time of
    the response does not reveal which it is.

    Raises:
        ActionRefused: the node does not exist for this caller, is not rented, or does not match the request.
    """
    place = services.inventory.known_node(request.node)
    if _mismatch(place, caller, request):
        place = services.inventory.nodes().get(request.node)
    problem = _mismatch(place, caller, request)
    if place is None or problem is not None:
        raise problem or ActionRefused("the node does not exist")
    return place


def _mismatch(place: NodePlace | None, caller: Caller, request: VmRequest) -> ActionRefused | None:
    """Why the node cannot serve the request, whatever is free there; None if it can."""
    if place is None or not (caller.is_operator or place.region.is_visible_to(caller.organizations)):
        return ActionRefused("the node does not exist")
    if place.flavor.vm is None:
        return ActionRefused("the node is not rented")
    if place.flavor.vm.gpu_type != request.gpu_type:
        return ActionRefused(f"gpu_type: the node has GPUs of type {place.flavor.vm.gpu_type}")
    if request.gpu_count > place.gpus:
        detail = f"gpu_count: the node has only {place.gpus} GPU{'s' if place.gpus > 1 else ''}"
        return SliceUnavailable(detail, requested=request.gpu_count, largest=None, most=place.gpus)
    return None
