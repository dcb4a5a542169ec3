"""Bugs to plant in how a reservation books a run, and how it releases it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.dynamodb.tombstones import IS_FREE
from gpu_capacity.dynamodb.writes import Delete
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.holders import store as holder_store
from gpu_capacity.holders.ids import holder_tag
from gpu_capacity.holders.store import HolderStore
from gpu_capacity.inventory.bookings import TAG_BYTES, new_tag
from gpu_capacity.reservations import claiming, deprovisioning, provisioning, releasing, runs
from gpu_capacity.reservations import create as create_reservation
from gpu_capacity.reservations.runs import Runs
from gpu_capacity.upkeep import reconcile
from proof.planting import Bug, under, without

if TYPE_CHECKING:
    from collections.abc import Callable

    from proof.planting import Patches

# Record.


def _put_over_a_record(patches: Patches) -> None:
    def wrapper(encode: Any) -> Any:
        def put(label: str, table: str, item: Any, condition: Any = None, *more: Any) -> Any:
            if (condition or "").startswith(IS_FREE):
                return encode(label, table, item)
            return encode(label, table, item, condition, *more)

        return put

    patches.wrap(holder_store, "Put", wrapper)


def _own_before_the_record_is_definite(patches: Patches) -> None:
    """The put got no answer, and the claimant continues as if it had been written."""

    def wrapper(create: Any) -> Any:
        def created(self: Any, *more: Any, **rest: Any) -> Any:
            try:
                # One attempt, without a retry.
                return create(_Once(self), *more, **rest)
            except StorageUnavailable as error:
                if error.outcome_unknown:
                    return None
                raise

        return created

    patches.wrap(HolderStore, "create", wrapper)


class _Once:
    """A store that never repeats a write."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def _send(self, actions: Any, *_more: Any) -> Any:
        outcome = self._store._database.commit(*actions)
        return outcome if isinstance(outcome, Refused) else None


def _no_life(patches: Patches) -> None:
    patches.wrap(
        create_reservation,
        "_draft",
        lambda draft: lambda *more, **rest: replace(draft(*more, **rest), life=None),
    )


def _tag_per_holder(patches: Patches) -> None:
    def wrapper(plan: Any) -> Any:
        def planned(services: Any, draft: Any, *more: Any, **rest: Any) -> Any:
            return replace(plan(services, draft, *more, **rest), tag=new_tag(holder_tag(draft.id)))

        return planned

    for module in (claiming, create_reservation):
        patches.wrap(module, "plan_run", wrapper)


def _name_nothing_new(patches: Patches) -> None:
    patches.replace(claiming, "_named", lambda _services, record, _run: record)


# Own.


def _own(change: Callable[[str], str]) -> Callable[[Patches], None]:
    return lambda patches: patches.wrap(runs, "own_write", under(change))


def _of_stamps(condition: str) -> str:
    """Keep only the condition on the version."""
    return condition.partition(" AND ")[0].lstrip("(").rstrip(")") + " OR #b = :booking"


def _of_version(condition: str) -> str:
    demands, _, resent = condition.removeprefix("(").partition(") OR ")
    kept = " AND ".join(term for term in demands.split(" AND ") if "v = " not in term)
    return f"({kept}) OR {resent}"


def _of_resend(condition: str) -> str:
    return condition.removesuffix(" OR #b = :booking")


def _check_then_act(patches: Patches) -> None:
    """The claimant compares the item with its plan, and then writes without a condition."""

    def wrapper(own: Any) -> Any:
        def checked(self: Any, place: Any, booking: Any, basis: Any) -> Any:
            item = self._database.get(self._table, keys.owners(*place)) or {}
            seen = tuple(item.get(keys.domain_attribute(position)) for position in booking.positions)
            if seen != basis.stamps or item.get("v") != basis.version:
                return own(self, place, booking, basis)
            write = runs.own_write(self._table, place, booking, basis)
            needed = {":tag", ":booking"}
            values = {name: value for name, value in write.values.items() if name in needed}
            return self._definite(replace(write, condition=None, values=values))

        return checked

    patches.wrap(Runs, "own", wrapper)


# Settle.


def _as_read_without(part: str) -> Callable[[Patches], None]:
    def plant(patches: Patches) -> None:
        def wrapper(as_read: Any) -> Any:
            def read(holder: Any, item: Any) -> Any:
                condition, names, values = as_read(holder, item)
                kept = without(part)(condition)
                return kept, names, {name: value for name, value in values.items() if name in kept}

            return read

        patches.wrap(holder_store, "as_read", wrapper)

    return plant


def _release_what_is_settled(patches: Patches) -> None:
    """A refused settle does not read the record."""

    def wrapper(change: Any) -> Any:
        def changed(self: Any, before: Any, after: Any, *beside: Any) -> Any:
            outcome = change(self, before, after, *beside)
            is_settle = before.status.value == "claiming" and after.status.value == "pending"
            if is_settle and isinstance(outcome, Refused):
                return Refused({holder_store.RECORD: None})
            return outcome

        return changed

    patches.wrap(HolderStore, "change", wrapper)


# Take over, fence, release.


def _fence_before_the_take_over(patches: Patches) -> None:
    def take_over(services: Any, dead: Any) -> Any:
        if dead.named is not None:
            stamp = new_tag(services.ids.random_bytes())
            services.runs.fence(releasing.place_of(dead, dead.named), dead.named, stamp)
        after = replace(dead, claiming_until=releasing.claiming_until(services))
        taken = services.reservations.change(dead, after)
        services.events.freed(dead.region_id)
        return None if isinstance(taken, Refused) else taken

    for module in (claiming, reconcile):
        patches.replace(module, "take_over", take_over)


def _skip_the_fence(patches: Patches) -> None:
    patches.replace(Runs, "fence", lambda _self, _place, _run, _stamp: None)


def _fence_what_stands_alone(patches: Patches) -> None:
    """An existing booking is ended, but a late one is not prevented."""

    def fence(self: Any, place: Any, run: Any, _stamp: bytes) -> None:
        self._definite(runs.end_write(self._table, place, run.tag))

    patches.replace(Runs, "fence", fence)


def _remove_the_stamps(patches: Patches) -> None:
    def wrapper(release: Any) -> Any:
        def released(self: Any, place: Any, owner: bytes, positions: Any, stamp: bytes) -> None:
            domains = [keys.domain_attribute(position) for position in positions]
            if not domains or len(owner) != TAG_BYTES:
                release(self, place, owner, positions, stamp)
                return
            write = runs.end_write(self._table, place, owner)
            self._definite(replace(write, update=", ".join((write.update, *domains))))

        return released

    patches.wrap(Runs, "release", wrapper)


def _release_once(patches: Patches) -> None:
    """A release is sent once, and counts as done whatever the answer."""

    def release(self: Any, place: Any, owner: bytes, *_more: Any) -> None:
        with suppress(StorageUnavailable):
            self._database.commit(runs.end_write(self._table, place, owner))

    patches.replace(Runs, "release", release)


def _release_the_placement_alone(patches: Patches) -> None:
    def wrapper(give_back: Any) -> Any:
        return lambda services, reservation: give_back(services, replace(reservation, named=None))

    for module in (claiming, deprovisioning, provisioning):
        patches.wrap(module, "give_back", wrapper)


def _leave_no_tombstone(patches: Patches) -> None:
    def remove(self: Any, before: Any, _now: int, *beside: Any, **_how: Any) -> Any:
        put = self._put({}, before)
        key = self._key(before.organization_id, before.id)
        gone = Delete(put.label, self.table, key, put.condition, put.names, put.values)
        return self._send([*beside, gone], key, lambda item: item is None)

    patches.replace(HolderStore, "remove", remove)


BUGS: Final = (
    Bug("put-over-a-record", "a new record overwrites an existing one", _put_over_a_record),
    Bug(
        "own-before-the-record-stands",
        "a claimant continues without knowing that its record was written",
        _own_before_the_record_is_definite,
    ),
    Bug("no-life", "records with the same id have no life", _no_life, orders="try anew x late settle"),
    Bug("tag-per-holder", "a holder uses one tag for every run that it names", _tag_per_holder),
    Bug("name-nothing-new", "after a lost race another run is booked without being named", _name_nothing_new),
    Bug("own-without-stamps", "a run is booked without checking its stamps", _own(_of_stamps)),
    Bug(
        "own-on-old-topology",
        "a run is booked without checking the pod's version",
        _own(_of_version),
        orders="claim x sync",
    ),
    Bug("own-once", "a repeated booking does not recognize itself", _own(_of_resend)),
    Bug("check-then-act", "a claimant reads that its run is free, and then writes blindly", _check_then_act),
    Bug(
        "settle-without-life",
        "a record is written without checking its life",
        _as_read_without("life"),
        orders="try anew x late settle",
    ),
    Bug(
        "settle-without-revision",
        "a record is written without checking its revision",
        _as_read_without("revision"),
        orders="retry begins x late settle",
    ),
    Bug(
        "release-what-is-settled",
        "a claimant whose settle is refused does not check whether it was applied",
        _release_what_is_settled,
    ),
    Bug(
        "fence-before-the-take-over",
        "a run is fenced before its record is taken over",
        _fence_before_the_take_over,
        orders="reconcile x late settle",
    ),
    Bug("skip-the-fence", "a record is taken over without fencing its run", _skip_the_fence),
    Bug(
        "fence-what-stands-alone",
        "the fence leaves no stamp",
        _fence_what_stands_alone,
        orders="reconcile x late own",
    ),
    Bug("remove-the-stamps", "a release removes the stamps", _remove_the_stamps),
    Bug("release-once", "a release without an answer is not repeated", _release_once),
    Bug("release-the-placement-alone", "a teardown ignores named runs", _release_the_placement_alone),
    Bug(
        "leave-no-tombstone",
        "a removed record leaves no tombstone",
        _leave_no_tombstone,
        orders="reconcile x late record",
    ),
)
