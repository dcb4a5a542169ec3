"""Bugs to plant in the release of units of a reservation."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.reservations import release_units, releasing
from gpu_capacity.reservations.observation import hash_of
from proof.planting import Bug

if TYPE_CHECKING:
    from proof.planting import Patches

_STORY: Final = "release of units"


def _free_at_once(patches: Patches) -> None:
    """The workflow takes every hold for one of a unit that stays."""

    class _Every:
        def __contains__(self, _host: object) -> bool:
            return True

    patches.replace(releasing, "_hosts_of", lambda _services, _reservation: _Every())


def _use_a_tag_again(patches: Patches) -> None:
    tags = cycle((b"tag--1", b"tag--2", b"tag--3", b"tag--2"))
    patches.replace(release_units, "new_tag", lambda _entropy: next(tags))


def _accept_any_tag(patches: Patches) -> None:
    def wrapper(check: Any) -> Any:
        def checked(reservation: Any, pod: Any, request: Any) -> None:
            check(reservation, pod, replace(request, topology_hash=hash_of(reservation, pod)))

        return checked

    patches.wrap(release_units, "_check", wrapper)


def _keep_the_count(patches: Patches) -> None:
    def wrapper(beside: Any) -> Any:
        return lambda *arguments: [*beside(*arguments)][:1]

    patches.wrap(release_units, "_beside", wrapper)


def _forget_what_leaves(patches: Patches) -> None:
    def wrapper(without: Any) -> Any:
        return lambda *arguments: replace(without(*arguments), leaving=())

    patches.wrap(release_units, "_without", wrapper)


def _leave_the_bookings(patches: Patches) -> None:
    """The record is written alone."""
    patches.replace(release_units, "_beside", lambda *_arguments: [])


BUGS: Final = (
    Bug("free-at-once", "released units are free before the provider let go", _free_at_once, story=_STORY),
    Bug("use-a-tag-again", "a piece gets a tag that an earlier one had", _use_a_tag_again, story=_STORY),
    Bug(
        "accept-any-tag",
        "a release with a stale entity tag is accepted",
        _accept_any_tag,
        orders="release units x release units",
    ),
    Bug("keep-the-count", "released units stay counted in the quota", _keep_the_count, story=_STORY),
    Bug(
        "forget-what-leaves",
        "released units are booked, and no record names them",
        _forget_what_leaves,
        story=_STORY,
    ),
    Bug(
        "divide-the-record-alone",
        "a release divides the runs of the record, and not the bookings",
        _leave_the_bookings,
        story=_STORY,
    ),
)
