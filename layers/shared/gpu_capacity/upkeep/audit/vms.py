"""Rules about VMs: statuses, notices, the roster, lists, API keys. Pure.

See ``rules`` for who owns which GPUs and for how rules are applied, and ``servers`` for servers of VMs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.placement.slices import slice_mask
from gpu_capacity.upkeep.audit.facts import Facts, Side, Table
from gpu_capacity.upkeep.audit.findings import (
    Finding,
    Kind,
    ListKey,
    SetEntry,
    SetListing,
    TakeNoticeBack,
    UnlistKey,
)
from gpu_capacity.vms.items import roster_entry
from gpu_capacity.vms.record import RentalType, Vm, VmStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gpu_capacity.vms.record import VmKey

_BEING_STARTED: Final = (VmStatus.CREATING, VmStatus.STARTING)
_WITHOUT_WORK: Final = (VmStatus.RUNNING, VmStatus.STOPPED, VmStatus.FAILED, VmStatus.OFFLINE)


def vm_findings(facts: Facts) -> Iterator[Finding]:
    """All findings about VMs, and about API keys."""
    vms = {record: holder for record, holder in facts.holders.items() if isinstance(holder, Vm)}
    for record, vm in vms.items():
        yield from _notice(facts, record, vm)
        yield from _waiting(facts, record, vm)
    yield from _roster(facts, vms)
    yield from _listings(facts, vms)
    yield from _api_keys(facts)


def has_work(vm: Vm) -> bool:
    """Whether a workflow has work to do for a VM, so that reconcile has to find it."""
    if vm.status in (*_BEING_STARTED, VmStatus.STOPPING) or vm.unsettled_since is not None:
        return True
    return vm.status is VmStatus.DESTROYED and bool(vm.gpus)


# Records


def vm_contradiction(vm: Vm) -> str | None:
    """How a VM's record contradicts itself, in words; None if it does not."""
    if vm.status in _WITHOUT_WORK and vm.unsettled_since is not None:
        return f"{vm.status}, and has work for a workflow"
    if vm.rental_type is RentalType.RESERVED and vm.term_ends_at is None:
        return "reserved, and for no term"
    if (vm.preempt_at is None) is not (vm.preempted_by is None):
        return "has notice, and not until when or for whom"
    if vm.waits_for and vm.status not in _BEING_STARTED:
        return f"{vm.status}, and waits for GPUs"
    if bool(vm.wants) is not bool(vm.waits_for):
        return "wants GPUs and waits for nobody" if vm.wants else "waits for VMs and wants nothing of them"
    return _end_problem(vm) or _gpu_problem(vm)


def _end_problem(vm: Vm) -> str | None:
    """How ``expires_at`` contradicts the VM's status, in words."""
    is_over = vm.status is VmStatus.DESTROYED and not has_work(vm)
    return None if vm.expires_at is None or is_over else f"{vm.status}, and its record is swept away"


def _gpu_problem(vm: Vm) -> str | None:
    """How the GPUs of a VM contradict its status, in words."""
    if vm.waits_for:
        whole = _is_slice(vm.wants, vm.gpu_count) and not vm.gpus & ~vm.wants
        return None if whole else f"{vm.status}, and waits for something else than its slice"
    if vm.failure is not None and vm.status in _BEING_STARTED:
        # Its start is being undone: it gives back what it has, which may be a part of its slice.
        return None
    status = vm.status
    if status is VmStatus.OFFLINE:
        if vm.offline_from is None:
            return "offline, and was nothing before"
        status = vm.offline_from
    match status:
        case VmStatus.INTERRUPTED | VmStatus.FAILED:
            holds = False
        case VmStatus.STOPPED:
            holds = vm.rental_type is RentalType.RESERVED
        case VmStatus.DESTROYED:
            # It keeps its GPUs until its server is gone. If it keeps them for ever, that is reported as work
            # that reconcile does not find: see ``has_work``.
            return None
        case _:
            holds = True
    if holds and not _is_slice(vm.gpus, vm.gpu_count):
        return f"{vm.status}, and holds no slice of {vm.gpu_count} GPUs"
    return f"{vm.status}, and holds GPUs" if vm.gpus and not holds else None


def _is_slice(gpus: int, count: int) -> bool:
    """Whether the mask has exactly ``count`` consecutive GPUs, beginning at a multiple of ``count``."""
    start = (gpus & -gpus).bit_length() - 1
    return gpus > 0 and start % count == 0 and gpus == slice_mask(start, count)


def _notice(facts: Facts, record: Side, vm: Vm) -> Iterator[Finding]:
    """A finding if a VM has notice, and its preemptor does not wait for it."""
    if vm.preempted_by is None:
        return
    waiting = _record(vm.preempted_by)
    preemptor = facts.holders.get(waiting)
    if waiting in facts.unreadable or (isinstance(preemptor, Vm) and vm.key in preemptor.waits_for):
        return
    repair = None
    if preemptor is None or isinstance(preemptor, Vm):
        repair = TakeNoticeBack(record, vm, waiting, preemptor)
    message = "has notice for a VM that does not wait for it"
    yield Finding(Kind.NOTICE_STALE, str(record), message, (record, waiting), repair)


def _waiting(facts: Facts, record: Side, vm: Vm) -> Iterator[Finding]:
    """A finding if a VM waits for another one that has no notice for it, or for GPUs that no victim has."""
    victims = [_record(key) for key in vm.waits_for]
    if facts.unreadable.intersection(victims):
        return
    reachable, all_have_notice = vm.gpus, True
    for side in victims:
        other = facts.holders.get(side)
        if isinstance(other, Vm) and other.preempted_by == vm.key:
            reachable |= other.gpus
            continue
        all_have_notice = False
        message = f"waits for {side}, which has no notice for it"
        yield Finding(Kind.NOTICE_MISSING, f"{record}: {side}", message, (record, side))
    if all_have_notice and vm.wants & ~reachable:
        message = "waits for GPUs that nobody leaves to it"
        yield Finding(Kind.CONTRADICTORY, f"{record}: wants", message, (record, *victims))


def _record(key: VmKey) -> Side:
    return Side.of(Table.HOLDERS, keys.vm(*key))


# The roster


def _roster(facts: Facts, vms: Mapping[Side, Vm]) -> Iterator[Finding]:
    """Roster entries that disagree with their VM's record, and VMs without an entry."""
    expected: dict[Side, tuple[Side, Vm]] = {}
    for record, vm in vms.items():
        if vm.is_on_roster:
            expected[Side.of(Table.HOLDERS, keys.on_roster(vm.node, vm.id))] = (record, vm)
    for side, entry in facts.roster.items():
        record = _record(entry.key)
        holder: Vm | None = vms.get(record)
        now = None
        if side in expected:
            record, holder = expected[side]
            now = roster_entry(holder)
        if entry != now and record not in facts.unreadable:
            repair = SetEntry(side, entry, now, record, holder)
            message = "says of a VM what its record does not"
            yield Finding(Kind.ROSTER_STALE, str(side), message, (side, record), repair)
    for side, (record, vm) in expected.items():
        if side not in facts.roster and side not in facts.unreadable:
            message = f"{vm.status}, and not on the roster"
            repair = SetEntry(side, None, roster_entry(vm), record, vm)
            yield Finding(Kind.ROSTER_MISSING, str(record), message, (record, side), repair)


def _listings(facts: Facts, vms: Mapping[Side, Vm]) -> Iterator[Finding]:
    """List entries of VMs that do not exist (any more), and VMs without an entry in their list."""
    expected: dict[Side, tuple[Side, Vm]] = {}
    for record, vm in vms.items():
        if vm.expires_at is None:
            listing = keys.vm_listing(vm.organization_id, vm.age, ended=False)
            expected[Side.of(Table.HOLDERS, listing)] = (record, vm)
    for side in facts.vm_listings - expected.keys():
        organization = side.pk.removeprefix(keys.organization_partition(""))
        record = _record((organization, side.sk.rpartition("#")[2]))
        if record not in facts.unreadable:
            repair = SetListing(side, None, record, vms.get(record))
            message = "lists a VM that there is not, or not at this age"
            yield Finding(Kind.LISTING_STALE, str(side), message, (side, record), repair)
    for side, (record, vm) in expected.items():
        if side not in facts.vm_listings and side not in facts.unreadable:
            repair = SetListing(side, vm, record, vm)
            message = f"{vm.status}, and not in the list of its organization"
            yield Finding(Kind.LISTING_MISSING, str(record), message, (record, side), repair)


# API keys


def _api_keys(facts: Facts) -> Iterator[Finding]:
    """API keys in no list, so that nobody can revoke them, and list entries of keys that do not exist."""
    for record, key in facts.api_keys.items():
        listing = Side.of(Table.HOLDERS, keys.api_key_of(key.organization_id, key.digest))
        if listing not in facts.key_listings and listing not in facts.unreadable:
            message = f"an API key of {key.organization_id} that its list does not show"
            repair = ListKey(listing, record, key)
            yield Finding(Kind.API_KEY_UNLISTED, str(record), message, (record, listing), repair)
    for listing in facts.key_listings:
        record = Side.of(Table.HOLDERS, keys.api_key(listing.sk.removeprefix(keys.API_KEY_PREFIX)))
        known = facts.api_keys.get(record)
        organization = listing.pk.removeprefix(keys.organization_partition(""))
        if record in facts.unreadable or (known is not None and known.organization_id == organization):
            continue
        message = "lists an API key that the organization does not have"
        repair_list = UnlistKey(listing, record, known)
        yield Finding(Kind.API_KEY_MISSING, str(listing), message, (listing, record), repair_list)
