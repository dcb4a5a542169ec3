"""Distinguishes a repeated request for a VM from a new one: by idempotency key, or as a recent equal one."""

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
    """The id of a new VM, and, if the id is made of an idempotency key, the fingerprint of the request."""
    if key is None:
        return holder_id(services.ids.random_bytes()), None
    identity = keyed_holder_id(account.organization_id, account.subject, key, "vm")
    return identity, request.fingerprint(identity)


def answer_repeat(services: Needs, found: Vm, fingerprint: str, *, dry_run: bool = False) -> Vm:
    """The VM that an earlier request under the same key made, destroyed or not.

    Raises:
        KeyReused: that was another request.
    """
    if found.fingerprint != fingerprint:
        raise KeyReused("VM", found.id)
    return found if dry_run else resumed(services, found)


def recent_vm_request(services: Needs, account: Account, request: VmRequest) -> RecentRequest | None:
    """An equal request of the account within ``limits.repeat_seconds``, or a new entry for this one.

    None if such repeats are not recognized at all.
    """
    if not services.limits.repeat_seconds:
        return None
    salt = keyed_holder_id(account.organization_id, account.subject, "", "vm", "repeat")
    fingerprint = request.fingerprint(salt)
    return recent_request(services, account.organization_id, account.subject, "vm", fingerprint)


def still_there(services: Needs, recent: RecentRequest) -> Vm | None:
    """The VM that the recent request made; None if there is none, or if it is destroyed or failed.

    A customer who asks again after the VM is gone wants a new one.
    """
    vm = services.vms.get(recent.organization_id, recent.holder) if recent.holder else None
    return None if vm is None or vm.status in (VmStatus.DESTROYED, VmStatus.FAILED) else vm


def resumed(services: Needs, found: Vm) -> Vm:
    """An existing VM, after the steps that its first request may have missed: quota and workflow."""
    confirm(services.quotas, services.vms, found)
    if found.workflow == START:
        # The first request may have died before it started the workflow. If not, this changes nothing: an
        # execution of that name starts once.
        start_workflow(services, found)
    return found
