"""Bugs to plant in promises other than ownership: limits, queues, notices, keys, servers that are ready."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.capacity_claims import fill_queues
from gpu_capacity.capacity_claims import settle as settle_claim
from gpu_capacity.capacity_claims.record import CapacityClaim
from gpu_capacity.capacity_claims.store import ClaimStore
from gpu_capacity.dynamodb import database
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.holders import workflows
from gpu_capacity.holders.quota import INSTANCES, PLACEMENT_SERVERS, VM_GPUS, VMS
from gpu_capacity.holders.quota_store import QuotaStore
from gpu_capacity.holders.steps import Step
from gpu_capacity.inventory.fleet import changes
from gpu_capacity.inventory.fleet import sync as sync_inventory
from gpu_capacity.operations.set_quota import QuotaSetter
from gpu_capacity.providers.port import VmServerState
from gpu_capacity.reservations import deprovisioning, provisioning
from gpu_capacity.reservations import repeats as reservation_repeats
from gpu_capacity.upkeep import reconcile
from gpu_capacity.vms import lifecycle as vm_lifecycle
from gpu_capacity.vms import preemption as vm_preemption
from gpu_capacity.vms import schedule as vm_schedule
from proof import cloud
from proof.planting import Bug

if TYPE_CHECKING:
    from collections.abc import Callable

    from proof.planting import Patches


class _Silent:
    """Events that are never sent."""

    def freed(self, _zone: str) -> None:
        pass


# Limits.


def _read_no_limit_of(*subjects: str) -> Callable[[Patches], None]:
    def plant(patches: Patches) -> None:
        def wrapper(read: Any) -> Any:
            def read_others(self: Any, organization: str, wanted: Any) -> Any:
                found = read(self, organization, wanted)
                return {subject: quota for subject, quota in found.items() if subject not in subjects}

            return read_others

        patches.wrap(QuotaStore, "read_many", wrapper)

    return plant


def _limit_before_counting(patches: Patches) -> None:
    def set_it(self: Any, organization: str, subject: str, limit: int) -> None:
        self.quotas.set_limit(organization, subject, limit)
        sum(self._counted_in(organization, subject))

    patches.replace(QuotaSetter, "set", set_it)


def _count_in_none(patches: Patches) -> None:
    patches.replace(QuotaSetter, "_counted_in", lambda _self, *_more: [])


# Queues.


def _keep_no_turn(patches: Patches) -> None:
    """A round does not check that its claim is still the first when it is written."""

    def wrapper(change: Any) -> Any:
        def changed(self: Any, *more: Any, **rest: Any) -> Any:
            return change(self, *more, **{**rest, "turns": None})

        return changed

    patches.wrap(ClaimStore, "update", wrapper)


def _serve_anybody(patches: Patches) -> None:
    """A round takes free instances although older claims wait."""

    def wrapper(settle: Any) -> Any:
        def settled(services: Any, organization: str, claim_id: str, **more: Any) -> Any:
            class Store:
                def __getattr__(self, name: str) -> Any:
                    return getattr(services.claims, name)

                def head_of_queue(self, zone: str, instance_id: str) -> Any:
                    head = services.claims.head_of_queue(zone, instance_id)
                    return replace(head, holder=(organization, claim_id))

            return settle(replace(services, claims=Store()), organization, claim_id, **more)

        return settled

    patches.wrap(fill_queues, "settle_capacity_claim", wrapper)


def _sync_wakes_none(patches: Patches) -> None:
    patches.replace(sync_inventory, "_wake", lambda _events, _report: None)


def _free_without_waking(patches: Patches) -> None:
    patches.wrap(
        deprovisioning,
        "complete_deprovisioning",
        lambda complete: lambda services, *more: complete(replace(services, events=_Silent()), *more),
    )


def _leave_queues_silently(patches: Patches) -> None:
    patches.wrap_everywhere(
        settle_claim.wake_next, lambda _wake: lambda _services, _instance_id, _zones: None
    )


# Hardware, and terms.


def _forget_cordons(patches: Patches) -> None:
    """The sync stores cordoned racks as not cordoned."""

    def wrapper(merge: Any) -> Any:
        def merged(stored: Any, reported: Any, *more: Any, **rest: Any) -> Any:
            if reported is not None:
                domains = tuple(replace(domain, cordoned=False) for domain in reported.domains)
                reported = replace(reported, domains=domains)
            return merge(stored, reported, *more, **rest)

        return merged

    patches.wrap(changes, "merge", wrapper)


def _end_terms_early(patches: Patches) -> None:
    """The schedule ends all terms."""
    patches.wrap(
        vm_schedule,
        "_end_term",
        lambda end: (
            lambda services, vm: end(services, (vm.term_ends_at and replace(vm, term_ends_at=0)) or vm)
        ),
    )
    patches.replace(cloud, "end_vm_terms", _end_all_terms)


def _end_all_terms(services: Any) -> int:
    due = [entry.key for entry in services.vms.roster() if entry.term_ends_at is not None]
    return vm_schedule._each(services, due, vm_schedule._end_term)


# Keys and answers.


def _share_keys(patches: Patches) -> None:
    patches.wrap(
        reservation_repeats,
        "keyed_holder_id",
        lambda real: lambda organization, _subject, key: real(organization, "", key),
    )


def _take_timeouts_for_unwritten(patches: Patches) -> None:
    def wrapper(call: Any) -> Any:
        def called(self: Any, operation: str, **request: Any) -> Any:
            try:
                return call(self, operation, **request)
            except StorageUnavailable as error:
                raise StorageUnavailable(str(error), outcome_unknown=False) from error

        return called

    patches.wrap(database.Database, "_call", wrapper)


def _change_ahead_of_the_clock(patches: Patches) -> None:
    """Each change gets a time one second after the last one, as if times had no fractions."""

    def updated(self: CapacityClaim, now_us: int) -> CapacityClaim:
        second = max(now_us // 1_000_000, self.updated_at + 1)
        return replace(self, updated_at=second, updated_microsecond=0)

    patches.replace(CapacityClaim, "updated", updated)


def _change_without_telling(patches: Patches) -> None:
    """A change by a round does not update the time of the last change."""
    patches.replace(CapacityClaim, "updated", lambda self, _now_us: self)


# Servers and notices.


def _run_before_the_server_does(patches: Patches) -> None:
    def wrapper(complete: Any) -> Any:
        def completed(services: Any, *more: Any) -> Any:
            class Provider:
                def __getattr__(self, name: str) -> Any:
                    return getattr(services.vm_provider, name)

                def server(self, owner: str) -> Any:
                    found = services.vm_provider.server(owner)
                    return found and replace(found, state=VmServerState.READY)

            return complete(replace(services, vm_provider=Provider()), *more)

        return completed

    patches.wrap(vm_lifecycle, "complete_vm_start", wrapper)


def _provisioned_before_hosts_are_held(patches: Patches) -> None:
    def wrapper(hold: Any) -> Any:
        def held(services: Any, reservation: Any) -> Any:
            found = hold(services, reservation)
            key = (reservation.organization_id, reservation.id)
            return provisioning.complete_provisioning(services, key) if found is Step.WAITING else found

        return held

    patches.wrap(provisioning, "_hold", wrapper)


def _interrupt_within_the_notice(patches: Patches) -> None:
    patches.wrap(
        vm_lifecycle,
        "_await_notice",
        lambda wait: (
            lambda services, vm: (
                {**answer, "seconds": 0} if (answer := _evicted(services, vm)) else wait(services, vm)
            )
        ),
    )


def _evicted(services: Any, vm: Any) -> Any:
    """Does what ``_await_notice`` does at its end, without waiting."""
    if any(v.status.value != "running" for v in services.vms.by_key(vm.waits_for).values()):
        return None
    evicted = vm_preemption.evict(services, vm, vm_lifecycle._gpus_of_node(services, vm))
    if evicted is None:
        return None
    for left in evicted[1]:
        workflows.start_workflow(services, left)
    return vm_lifecycle._outcome("proceed")


def _give_no_notice(patches: Patches) -> None:
    patches.wrap_everywhere(
        vm_preemption.take_slice,
        lambda take: (
            lambda services, *more: take(
                replace(services, limits=replace(services.limits, vm_notice_seconds=0)), *more
            )
        ),
    )


# Records that cannot be read.


def _end_at_the_unreadable(patches: Patches) -> None:
    patches.replace(reconcile, "SKIPPED_ERRORS", ())


def _remember_what_has_ended(patches: Patches) -> None:
    """A tombstone is valid until the database deletes it, and not only for its day."""
    patches.replace(database, "has_expired", lambda _item, _now: False)


BUGS: Final = (
    Bug("read-no-limit", "a reservation ignores the limit", _read_no_limit_of("GB300")),
    Bug(
        "read-no-limit-of-claims",
        "a claim ignores the limit",
        _read_no_limit_of(INSTANCES),
    ),
    Bug(
        "read-no-limit-of-placements",
        "a placement is decided as if there were no limit",
        _read_no_limit_of(PLACEMENT_SERVERS),
    ),
    Bug("read-no-limit-of-vms", "a VM ignores the limit", _read_no_limit_of(VMS, VM_GPUS)),
    Bug(
        "limit-before-counting",
        "a first limit is written before existing holders are counted",
        _limit_before_counting,
    ),
    Bug("count-in-none", "a first limit does not count existing holders", _count_in_none),
    Bug(
        "keep-no-turn",
        "a round does not check that its claim is still the first",
        _keep_no_turn,
        orders="fill x grow",
    ),
    Bug("serve-anybody", "a round takes instances although older claims wait", _serve_anybody),
    Bug("sync-wakes-none", "the sync adds capacity and does not wake waiting claims", _sync_wakes_none),
    Bug("free-without-waking", "a teardown does not wake waiting claims", _free_without_waking),
    Bug(
        "leave-queues-silently", "a claim that leaves a queue does not wake the next", _leave_queues_silently
    ),
    Bug("forget-cordons", "the sync stores cordoned racks as not cordoned", _forget_cordons),
    Bug("end-terms-early", "a term ends too early", _end_terms_early),
    Bug("share-keys", "subjects of an organization share idempotency keys", _share_keys),
    Bug(
        "take-timeouts-for-unwritten",
        "a write without an answer counts as not written",
        _take_timeouts_for_unwritten,
    ),
    Bug("change-ahead-of-the-clock", "a change has a time in the future", _change_ahead_of_the_clock),
    Bug("change-without-telling", "a change does not update its time", _change_without_telling),
    Bug("run-before-the-server-does", "a VM is running before its server is up", _run_before_the_server_does),
    Bug(
        "provisioned-before-hosts-are-held",
        "a reservation is provisioned before its hosts are held",
        _provisioned_before_hosts_are_held,
    ),
    Bug(
        "interrupt-within-the-notice",
        "a VM is interrupted before its notice is over",
        _interrupt_within_the_notice,
    ),
    Bug("give-no-notice", "a preempted VM gets no notice period", _give_no_notice),
    Bug("end-at-the-unreadable", "an unreadable record ends the reconcile", _end_at_the_unreadable),
    Bug(
        "remember-what-has-ended",
        "an idempotency key is valid for more than its day",
        _remember_what_has_ended,
    ),
)
