"""Bugs to plant in the teardown and the answers of reservations; for writes see ``bugs_of_bookings``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb.writes import Check
from gpu_capacity.holders import store as holder_store
from gpu_capacity.holders import tentative
from gpu_capacity.holders.steps import Step
from gpu_capacity.inventory import store as inventory_store
from gpu_capacity.inventory.store import InventoryStore
from gpu_capacity.placement import choose
from gpu_capacity.providers.simulated import region as simulated_region
from gpu_capacity.reservations import holds, planning, provisioning
from gpu_capacity.reservations import repeats as reservation_repeats
from gpu_capacity.reservations.record import Reservation
from proof.planting import Bug

if TYPE_CHECKING:
    from proof.planting import Patches


def _write_over_revisions(patches: Patches) -> None:
    patches.replace(holder_store, "as_read", lambda _holder, _item: ("attribute_exists(pk)", {}, {}))


def _keep_what_failed(patches: Patches) -> None:
    """A failed record no longer names the run that it has to release."""
    patches.wrap(
        provisioning,
        "_failed_record",
        lambda failed: lambda *given: (found := failed(*given)) and replace(found, named=None),
    )


def _show_who_is_claiming(patches: Patches) -> None:
    patches.replace(Reservation, "is_shown", property(lambda _self: True))


def _refuse_what_is_under_claim(patches: Patches) -> None:
    patches.replace(planning, "decide_again", lambda _services, _flavor, seen, _request: seen)


def _refuse_what_was_under_claim(patches: Patches) -> None:
    """The snapshot that was read before the claimants is not read again."""
    patches.replace(tentative, "_look_again", _look_once)


def _look_once(services: Any, flavor: Any) -> Any:
    before = services.inventory.bookings(*flavor)
    named = {r.named.tag for r in services.reservations.claiming(0, services.clock.now())[0] if r.named}
    snapshot = services.inventory.snapshot(*flavor)[0]
    return tentative._Found(snapshot, [(pod, b) for pod, b in before if b.tag in named])


def _release_under_holds(patches: Patches) -> None:
    def careless(release: Any) -> Any:
        def released(services: Any, reservation: Any) -> Step:
            release(services, reservation)
            return Step.DONE

        return released

    patches.wrap_everywhere(holds.release_all, careless)


def _hold_through_the_fence(patches: Patches) -> None:
    def wrapper(commit: Any) -> Any:
        return lambda self, *actions: commit(self, *(a for a in actions if not isinstance(a, Check)))

    patches.wrap(simulated_region.SimulatedRegion, "_commit", wrapper)


def _answer_any_body(patches: Patches) -> None:
    def wrapper(settled: Any) -> Any:
        def answered(services: Any, found: Any, fingerprint: str) -> Any:
            return settled(services, found and replace(found, fingerprint=fingerprint), fingerprint)

        return answered

    patches.wrap(reservation_repeats, "_settled", wrapper)


def _refuse_from_memory(patches: Patches) -> None:
    def wrapper(snapshot: Any) -> Any:
        return lambda self, region, flavor: (snapshot(self, region, flavor)[0], True)

    patches.wrap(InventoryStore, "snapshot", wrapper)
    # Of any age: a snapshot that is a few seconds old is hardly ever wrong.
    patches.replace(inventory_store, "SNAPSHOT_SECONDS_MAX", 1_000_000)


def _see_longer_runs(patches: Patches) -> None:
    patches.wrap(choose, "at_least", lambda at_least: lambda free, count: at_least(free, max(1, count - 1)))


BUGS: Final = (
    Bug(
        "write-over-records",
        "a reservation's record is written without a condition",
        _write_over_revisions,
    ),
    Bug("keep-what-failed", "the undo of provisioning does not release the run", _keep_what_failed),
    Bug(
        "release-under-holds",
        "capacity is released while its hosts are held",
        _release_under_holds,
        story="stubborn hosts",
    ),
    Bug(
        "hold-through-the-fence",
        "the provider holds hosts for a fenced holder",
        _hold_through_the_fence,
        orders="tear down x hold",
    ),
    Bug(
        "answer-any-body",
        "an idempotency key answers for any request",
        _answer_any_body,
        story="life of a reservation",
    ),
    Bug("show-who-is-claiming", "a claiming reservation is shown", _show_who_is_claiming),
    Bug(
        "refuse-from-memory",
        "a request is refused because of an old snapshot",
        _refuse_from_memory,
        orders="release x ask again",
    ),
    Bug(
        "refuse-what-is-under-claim",
        "a request is refused because of tentative bookings",
        _refuse_what_is_under_claim,
    ),
    Bug(
        "refuse-what-was-under-claim",
        "a request is refused because of a booking that has been released meanwhile",
        _refuse_what_was_under_claim,
        orders="reconcile x claim x late settle",
    ),
    Bug("see-longer-runs", "a run counts as one domain longer than it is", _see_longer_runs),
)
