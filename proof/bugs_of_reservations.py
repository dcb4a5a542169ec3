"""Bugs to plant in reservations: their writes, their teardown, their answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb.reservation_writes import ReservationWrites

from gpu_capacity.dynamodb import inventory_store
from gpu_capacity.dynamodb.database import Committed
from gpu_capacity.dynamodb.inventory_store import InventoryStore
from gpu_capacity.dynamodb.reservation_store import Accepted, DomainsTaken, ReservationStore
from gpu_capacity.dynamodb.writes import Check
from gpu_capacity.placement import choose
from gpu_capacity.providers.simulated import region as simulated_region
from gpu_capacity.services import create_reservation, deprovisioning, provisioning
from proof.planting import Bug, under, without

if TYPE_CHECKING:
    from proof.planting import Patches


def _claim_what_is_taken(patches: Patches) -> None:
    patches.wrap(ReservationWrites, "_claim", under(without("attribute_not_exists")))


def _claim_on_old_topology(patches: Patches) -> None:
    patches.wrap(ReservationWrites, "_claim", under(without("v = ")))


def _check_then_act(patches: Patches) -> None:
    def wrapper(accept: Any) -> Any:
        def checked(self: Any, reservation: Any, version: int, quota: Any) -> Any:
            key = self._writes._claim(reservation, version).key
            item = self._database.get(self._writes.inventory_table, key) or {}
            wanted = {f"d{position}" for position in reservation.placement.positions}
            if wanted & item.keys() or item.get("v") != version:
                return DomainsTaken(item)
            return accept(self, reservation, version, quota)

        return checked

    patches.wrap(ReservationStore, "accept", wrapper)
    # Not for the time of one call: others go on meanwhile, and would leave each other's patch behind.
    patches.wrap(ReservationWrites, "_claim", under(lambda _: ""))


def _put_over_a_record(patches: Patches) -> None:
    patches.wrap(ReservationWrites, "_record", under(lambda _: ""))


def _accept_in_two_transactions(patches: Patches) -> None:
    def accept(self: Any, reservation: Any, version: int, quota: Any) -> Any:
        claim, *rest = self._writes.accept(reservation, version, quota)
        if not isinstance(first := self._send([claim]), Committed):
            return DomainsTaken(next(iter(first.items.values())))
        self._send(rest)
        return Accepted()

    patches.replace(ReservationStore, "accept", accept)


def _release_whoever_owns_it(patches: Patches) -> None:
    def remove(self: Any, reservation: Any, now: int) -> bool:
        if reservation.placement is not None:
            release = self._writes._release(reservation, reservation.placement)
            self._database.commit(replace(release, condition=None, values={}))
        return bool(self._commit(*self._writes.remove(replace(reservation, placement=None), now)))

    patches.replace(ReservationStore, "remove", remove)


def _keep_what_failed(patches: Patches) -> None:
    patches.wrap(
        ReservationWrites, "fail", lambda fail: lambda self, r, placement: fail(self, r, placement)[1:]
    )


def _sweep_nothing(patches: Patches) -> None:
    patches.replace(deprovisioning, "sweep_servers", lambda _s, _o, _r: {"outcome": "clear"})


class _Blind:
    """A provider that lists no servers."""

    def __init__(self, services: Any) -> None:
        self._provider = services.provider

    def __getattr__(self, name: str) -> Any:
        return (lambda _holder: []) if name == "servers" else getattr(self._provider, name)


def _release_under_servers(patches: Patches) -> None:
    def blind(step: Any) -> Any:
        return lambda services, *more: step(replace(services, provider=_Blind(services)), *more)

    for module, name in (
        (deprovisioning, "sweep_servers"),
        (deprovisioning, "complete_deprovisioning"),
        (provisioning, "fail_provisioning"),
    ):
        patches.wrap(module, name, blind)


def _complete_what_is_deleted(patches: Patches) -> None:
    patches.wrap(ReservationWrites, "complete", under(lambda _: "attribute_exists(pk)"))


def _pin_through_the_fence(patches: Patches) -> None:
    def wrapper(commit: Any) -> Any:
        return lambda self, *actions: commit(self, *(a for a in actions if not isinstance(a, Check)))

    patches.wrap(simulated_region.SimulatedRegion, "_commit", wrapper)


def _forget_the_key(patches: Patches) -> None:
    patches.wrap(
        ReservationWrites,
        "remove",
        lambda remove: lambda self, reservation, now: remove(self, replace(reservation, keyed=False), now),
    )


def _answer_any_body(patches: Patches) -> None:
    def wrapper(answer: Any) -> Any:
        def answered(services: Any, found: Any, request: Any) -> Any:
            match = replace(found, fingerprint=request.fingerprint())
            return answer(services, match, request)

        return answered

    patches.wrap(create_reservation, "_answer_again", wrapper)


def _refuse_from_memory(patches: Patches) -> None:
    def wrapper(snapshot: Any) -> Any:
        return lambda self, region, flavor: (snapshot(self, region, flavor)[0], True)

    patches.wrap(InventoryStore, "snapshot", wrapper)
    # However old it is: what is kept for seconds only is hardly ever wrong.
    patches.replace(inventory_store, "SNAPSHOT_SECONDS_MAX", 1_000_000)


def _see_longer_runs(patches: Patches) -> None:
    patches.wrap(choose, "_run_length", lambda length: lambda free, first: length(free, first) + 1)


BUGS: Final = (
    Bug("claim-what-is-taken", "a claim does not demand that its domains are free", _claim_what_is_taken),
    Bug(
        "claim-on-old-topology",
        "a claim does not demand the version it was decided on",
        _claim_on_old_topology,
        orders="claim x sync",
    ),
    Bug(
        "check-then-act", "a claim looks first whether its domains are free, and then writes", _check_then_act
    ),
    Bug("put-over-a-record", "a record is put whatever stands there", _put_over_a_record),
    Bug("two-transactions", "pod and record are written one after the other", _accept_in_two_transactions),
    Bug("release-whoever-owns-it", "a release does not look whose the domains are", _release_whoever_owns_it),
    Bug("keep-what-failed", "the undo of provisioning forgets to release", _keep_what_failed),
    Bug("sweep-nothing", "the sweep says that all servers are gone", _sweep_nothing),
    Bug("release-under-servers", "capacity is released while servers run on it", _release_under_servers),
    Bug(
        "complete-what-is-deleted",
        "the end of provisioning does not look at the status",
        _complete_what_is_deleted,
    ),
    Bug("pin-through-the-fence", "the provider pins for a holder that is fenced", _pin_through_the_fence),
    Bug("forget-the-key", "nothing remembers the idempotency key of what is gone", _forget_the_key),
    Bug("answer-any-body", "an idempotency key answers for any request", _answer_any_body),
    Bug("refuse-from-memory", "a lack of capacity is told from an old snapshot", _refuse_from_memory),
    Bug("see-longer-runs", "a run is taken for one longer than it is", _see_longer_runs),
)
