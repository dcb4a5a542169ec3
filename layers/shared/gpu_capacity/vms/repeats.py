"""Tells a repeated request for a VM from a new one: by its idempotency key, or as equal to one before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.errors import KeyReused
from gpu_capacity.holders.ids import holder_id, keyed_holder_id
from gpu_capacity.holders.quotas import confirm
from gpu_capacity.holders.repeats import recent_request
from gpu_capacity.holders.workflows import start_workflow
from gpu_capacity.vms.lifecycle import START
from gpu_capacity.vms.record import VmStatus

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.accounts.account import Account
    from gpu_capacity.holders.repeat_store import RecentRequest
    from gpu_capacity.holders.roles import (
        HasClock,
        HasIds,
        HasLimits,
        HasQuotas,
        HasRepeats,
        HasTelemetry,
        HasWorkflows,
    )
    from gpu_capacity.vms.record import Vm
    from gpu_capacity.vms.request import VmRequest
    from gpu_capacity.vms.roles import HasVms

    class Needs(
        HasClock, HasIds, HasLimits, HasQuotas, HasRepeats, HasTelemetry, HasVms, HasWorkflows, Protocol
    ):
        """What the functions of this module work with."""


def identity_of(
    services: Needs, account: Account, request: VmRequest, key: str | None
) -> tuple[str, str | None]:
    """The id of a new VM, and the fingerprint of its request where the id stands for a key."""
    if key is None:
        return holder_id(services.ids.random_bytes()), None
    identity = keyed_holder_id(account.organization_id, account.subject, key, "vm")
    return identity, request.fingerprint(identity)


def answer_again(services: Needs, found: Vm, fingerprint: str, *, dry_run: bool = False) -> Vm:
    """The answer to a repeated request: the VM that the first one made, destroyed or not."""
    if found.fingerprint != fingerprint:
        raise KeyReused("VM", found.id)
    return found if dry_run else resumed(services, found)


def recent_vm_request(services: Needs, account: Account, request: VmRequest) -> RecentRequest | None:
    """What an equal request of the account has made a moment ago."""
    if not services.limits.repeat_seconds:
        return None
    salt = keyed_holder_id(account.organization_id, account.subject, "", "vm", "repeat")
    fingerprint = request.fingerprint(salt)
    return recent_request(services, account.organization_id, account.subject, "vm", fingerprint)


def still_there(services: Needs, recent: RecentRequest) -> Vm | None:
    """The VM that an equal request made. One that is destroyed answers no repeat: it is asked for anew."""
    vm = services.vms.get(recent.organization_id, recent.holder) if recent.holder else None
    return None if vm is None or vm.status in (VmStatus.DESTROYED, VmStatus.FAILED) else vm


def resumed(services: Needs, found: Vm) -> Vm:
    """A VM that is there, with what its first request may have left undone."""
    confirm(services.quotas, services.vms, found)
    if found.workflow == START:
        # The first try may have died between its commit and its start; the name makes this harmless.
        start_workflow(services, found)
    return found
