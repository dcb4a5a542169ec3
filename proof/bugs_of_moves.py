"""Bugs to plant in quarantines, and in moves of reservations while they are provisioned."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.inventory.cordons import Cordons
from gpu_capacity.reservations import moving, provisioning
from gpu_capacity.reservations.releasing import end, fence
from proof.planting import Bug

if TYPE_CHECKING:
    from proof.planting import Patches

STORY: Final = "move away"


def _sell_the_quarantined(patches: Patches) -> None:
    patches.replace(Cordons, "hosts", property(lambda _self: frozenset()))


def _leave_before_owning(patches: Patches) -> None:
    def careless(move: Any) -> Any:
        def moved(services: Any, reservation: Any, why: str) -> Any:
            for run in reservation.runs:
                end(services, reservation, run)
            return move(services, reservation, why)

        return moved

    patches.wrap_everywhere(moving.move, careless)


def _settle_with_both(patches: Patches) -> None:
    """A reservation whose hosts are all held is provisioned, although the run that it left is booked."""

    def hasty(hold: Any) -> Any:
        return lambda services, reservation: hold(services, replace(reservation, leaving=()))

    patches.wrap(provisioning, "_hold", hasty)


def _forget_what_was_left(patches: Patches) -> None:
    patches.wrap_everywhere(moving.release_left, lambda _release: _without(leaving=()))


def _without(**changes: Any) -> Any:
    """Only a write of the record."""

    def written(services: Any, reservation: Any) -> Any:
        outcome = services.reservations.change(reservation, replace(reservation, **changes))
        return None if isinstance(outcome, Refused) else outcome

    return written


def _free_under_holds(patches: Patches) -> None:
    """The booking of the old run ends while the provider has its hosts."""

    def careless(release: Any) -> Any:
        def released(services: Any, owner: str) -> bool:
            release(services, owner)
            return True

        return released

    patches.wrap(moving, "release_owner", careless)


def _fence_before_the_revision(patches: Patches) -> None:
    """A process that finds a named run fences it while another may still list it."""

    def forget(services: Any, reservation: Any) -> Any:
        fence(services, reservation, reservation.named)
        services.events.freed(reservation.region_id)
        return _without(named=None)(services, reservation)

    patches.wrap_everywhere(moving.forget_named, lambda _forget: forget)


def _forget_without_a_fence(patches: Patches) -> None:
    patches.wrap_everywhere(moving.forget_named, lambda _forget: _without(named=None))


BUGS: Final = (
    Bug("sell-the-quarantined", "a host in quarantine is sold", _sell_the_quarantined, story=STORY),
    Bug("leave-before-owning", "a move ends the old booking first", _leave_before_owning, story=STORY),
    Bug("settle-with-both", "a reservation is provisioned with two runs", _settle_with_both, story=STORY),
    Bug("forget-what-was-left", "a move forgets the run that it left", _forget_what_was_left, story=STORY),
    Bug("free-under-old-holds", "a run is freed while its hosts are held", _free_under_holds, story=STORY),
    Bug(
        "fence-before-the-revision",
        "the run of a move is fenced before nobody can list it",
        _fence_before_the_revision,
        orders="move on at first x late list",
    ),
    Bug(
        "forget-without-a-fence",
        "the run of a move is forgotten and not fenced",
        _forget_without_a_fence,
        story=STORY,
    ),
)
