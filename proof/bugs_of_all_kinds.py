"""Bugs to plant in capacity claims, quotas, the sync, the schedules, and the handling of faults."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.capacity_claims import settle as settle_claim
from gpu_capacity.capacity_claims.store import ClaimStore
from gpu_capacity.dynamodb import database
from gpu_capacity.dynamodb.database import Busy, Committed, Database
from gpu_capacity.dynamodb.writes import Delete, Put, Update
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.holders import quota_store as quotas
from gpu_capacity.holders.store import HolderStore
from gpu_capacity.inventory import merge
from gpu_capacity.inventory.fleet import changes
from gpu_capacity.inventory.fleet import store as fleet_store
from gpu_capacity.ports import WorkflowState
from gpu_capacity.reservations import claiming, deprovisioning, provisioning, releasing
from gpu_capacity.reservations import store as reservation_store
from gpu_capacity.upkeep import reconcile
from proof.planting import Bug, under, without

if TYPE_CHECKING:
    from proof.planting import Patches


def _take_conflict_for_done(patches: Patches) -> None:
    def wrapper(commit: Any) -> Any:
        def committed(self: Any, *actions: Any) -> Any:
            outcome = commit(self, *actions)
            return Committed() if isinstance(outcome, Busy) else outcome

        return committed

    patches.wrap(Database, "commit", wrapper)


def _take_errors_for_done(patches: Patches) -> None:
    def wrapper(call: Any) -> Any:
        def called(self: Any, operation: str, **request: Any) -> Any:
            try:
                return call(self, operation, **request)
            except StorageUnavailable:
                if operation in {"update_item", "put_item", "delete_item", "transact_write_items"}:
                    return {}
                raise

        return called

    patches.wrap(database.Database, "_call", wrapper)


def _forestall_nothing(patches: Patches) -> None:
    patches.replace(HolderStore, "_prevented", lambda _self, _holder, _now: True)


# Capacity claims.


def _write_over_revisions(patches: Patches) -> None:
    patches.wrap(ClaimStore, "_put", under(lambda _: ""))


def _set_without_comparing(patches: Patches) -> None:
    patches.wrap(settle_claim, "change_parts", under(without("d")))


def _leave_entries_in_queues(patches: Patches) -> None:
    def wrapper(changes: Any) -> Any:
        return lambda self, before, after: [
            change for change in changes(self, before, after) if not isinstance(change, Delete)
        ]

    patches.wrap(ClaimStore, "_queue_changes", wrapper)


def _forget_claims_ids(patches: Patches) -> None:
    patches.wrap(
        ClaimStore,
        "remove",
        lambda remove: lambda self, claim, now, *beside: remove(self, claim, now, *beside, finished=False),
    )


def _remove_what_owns(patches: Patches) -> None:
    """A deleted claim is removed at once, while it still owns hosts."""

    def wrapper(settle: Any) -> Any:
        def settled(services: Any, organization: str, claim_id: str, **more: Any) -> Any:
            claim = services.claims.get(organization, claim_id)
            if claim is not None and claim.status.value == "STATUS_DELETING":
                return settle_claim._remove(services, claim) or settle_claim.Step.AGAIN
            return settle(services, organization, claim_id, **more)

        return settled

    patches.wrap_everywhere(settle_claim.settle_capacity_claim, wrapper)


# Quotas.


def _count_beyond_the_limit(patches: Patches) -> None:
    for module in (claiming, quotas):
        patches.wrap(module, "count", under(without("used <=")))


def _never_uncount(patches: Patches) -> None:
    for module in (deprovisioning, provisioning, releasing):
        patches.replace(module, "refund", lambda _services, _reservation: [])


# The sync.


def _sync_over_owners(patches: Patches) -> None:
    def wrapper(change: Any) -> Any:
        def changed(*arguments: Any) -> Any:
            return [
                Put(a.label, a.table, a.key | {"v": a.values[":new"]}) if isinstance(a, Update) else a
                for a in change(*arguments)
            ]

        return changed

    patches.wrap(fleet_store, "change_pod", wrapper)


def _sync_drops_what_is_held(patches: Patches) -> None:
    patches.wrap(
        changes,
        "merge",
        lambda real: (
            lambda stored, *more, **rest: real(
                replace(stored, held=frozenset()) if stored else None, *more, **rest
            )
        ),
    )
    patches.replace(merge._Draft, "vacated", lambda _self: ())


def _sync_takes_moved_hosts_for_new(patches: Patches) -> None:
    """A held slot gets the host of the document, and its earlier host may be sold elsewhere."""

    def wrapper(kept: Any) -> Any:
        def taken_over(known: Any, published: Any) -> Any:
            slots = {h.slot for h in published.hosts} if published else set()
            names = {h.id for h in published.hosts} if published else set()
            left = tuple(h for h in known.hosts if h.slot not in slots and h.id not in names)
            return kept(replace(known, hosts=left), published)

        return taken_over

    patches.wrap(merge, "_kept", wrapper)


def _sync_without_versions(patches: Patches) -> None:
    def wrapper(real: Any) -> Any:
        def merged(stored: Any, *more: Any, **rest: Any) -> Any:
            change = real(stored, *more, **rest)
            if stored is None:
                return change
            version = stored.pod.version
            return replace(
                change,
                pod=replace(change.pod, version=version),
                shape=replace(change.shape, version=version),
            )

        return merged

    patches.wrap(changes, "merge", wrapper)


# Schedules.


def _restart_nothing_that_never_ran(patches: Patches) -> None:
    def wrapper(restart: Any) -> Any:
        def restarted(services: Any, store: Any, holder: Any, **changes: Any) -> Any:
            if services.workflows.state(holder.workflow, holder.execution) is WorkflowState.ABSENT:
                return False
            return restart(services, store, holder, **changes)

        return restarted

    patches.wrap(reconcile, "restart_workflow", wrapper)


def _delete_without_index(patches: Patches) -> None:
    def wrapper(kind: Any) -> Any:
        def encode(reservation: Any) -> Any:
            item = kind.encode(reservation)
            if reservation.status.value == "deprovisioning":
                return {name: value for name, value in item.items() if not name.startswith("unsettled")}
            return item

        return replace(kind, encode=encode)

    patches.wrap(reservation_store, "RESERVATIONS", wrapper)


BUGS: Final = (
    Bug("take-conflict-for-done", "a conflicting transaction counts as written", _take_conflict_for_done),
    Bug("take-errors-for-done", "a failed write counts as written", _take_errors_for_done),
    Bug(
        "forestall-nothing",
        "a retry is refused although its unanswered create may still be applied",
        _forestall_nothing,
        story="unheard create",
    ),
    Bug(
        "write-over-revisions",
        "a claim's record is written without checking its revision",
        _write_over_revisions,
    ),
    Bug("set-without-comparing", "parts of a domain are set without a condition", _set_without_comparing),
    Bug("leave-entries-in-queues", "a filled claim stays in the queue", _leave_entries_in_queues),
    Bug("forget-claims-ids", "a removed claim leaves no finished tombstone", _forget_claims_ids),
    Bug("remove-what-owns", "a deleted claim is removed while it owns hosts", _remove_what_owns),
    Bug(
        "count-beyond-the-limit",
        "the count is raised without checking the limit",
        _count_beyond_the_limit,
        orders="claim the last x claim the last",
    ),
    Bug("never-uncount", "the end of a reservation does not lower the quota's count", _never_uncount),
    Bug("sync-over-owners", "the sync overwrites the pod's owners", _sync_over_owners),
    Bug("sync-drops-what-is-held", "the sync removes held hardware", _sync_drops_what_is_held),
    Bug(
        "sync-takes-moved-hosts-for-new",
        "the sync treats a moved host as a new one although its old place is held",
        _sync_takes_moved_hosts_for_new,
    ),
    Bug("sync-without-versions", "the sync does not raise the version", _sync_without_versions),
    Bug(
        "restart-nothing-that-never-ran",
        "reconcile does not start workflows that never ran",
        _restart_nothing_that_never_ran,
    ),
    Bug(
        "delete-without-index",
        "a deleted reservation is missing from the index of unsettled records",
        _delete_without_index,
    ),
)
