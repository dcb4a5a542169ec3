"""The workflow that provisions a reservation: it holds the hosts, or undoes what it began.

::

    begin ──► hold unit by unit ──► all are held ──► complete              provisioned
                 ▲    │
                 │    ├──► a host cannot be held: quarantine
                 └────┴─── move to another run
                      │
                      └──► none is left, too many moves, or the time is up
                             abandon ──► release all ──► fail              error, capacity released

The workflow calls one step, ``provision_reservation``, until that is done. Each call reads the record and
does what it demands. So a call may be repeated, arrive late, or follow one that died anywhere. The undo of a
record that is marked ``provisioning`` is ``abandon`` and what follows it, or a delete; the undo has none.
``moving`` has the steps of a move.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.errors import InsufficientCapacity, RaceLost
from gpu_capacity.holders.advance import advance
from gpu_capacity.holders.steps import Step
from gpu_capacity.providers.port import HoldState
from gpu_capacity.reservations.holds import CannotHold, demand_fit, hold_missing, release_all
from gpu_capacity.reservations.moving import ACTOR, MOVES_MAX, forget_named, move, release_left
from gpu_capacity.reservations.record import Status
from gpu_capacity.reservations.releasing import end, fence, give_back, refund

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.holders.roles import HasQuarantine
    from gpu_capacity.holders.store import HolderKey
    from gpu_capacity.providers.port import Hold
    from gpu_capacity.reservations.moving import Needs as MovingNeeds
    from gpu_capacity.reservations.record import Reservation

    class Needs(MovingNeeds, HasQuarantine, Protocol):
        """What the functions of this module work with."""


WHY_MAX: Final = 240
"""Characters of a reason for a move that are kept, for the message of a reservation that fails after all."""


def provision_reservation(services: Needs, organization_id: str, reservation_id: str) -> dict[str, Any]:
    """Do what a reservation that is to be provisioned needs next, as far as the invocation's time goes.

    A teardown stops this twice: the record's status stops what has not begun, and the provider's fence stops
    requests that were in progress when the record changed.

    Returns:
        An outcome of ``Step``.
    """
    key = (organization_id, reservation_id)
    reservation = begin_provisioning(services, key)
    if reservation is not None and _is_provisioning(reservation):
        found = _proceed(services, reservation)
        if isinstance(found, Step):
            return found.outcome
        reservation = abandon_provisioning(services, key, found)
    if reservation is None or not _is_failing(reservation):
        return Step.SUPERSEDED.outcome
    if (released := release_all(services, reservation)) is not Step.DONE:
        return released.outcome
    return fail_provisioning(services, key).outcome


def _proceed(services: Needs, reservation: Reservation) -> Step | str:
    """Finish a move that was begun, and hold what is missing; a text says why provisioning has failed."""
    record: Reservation | None = reservation
    if reservation.named is not None:
        record = forget_named(services, reservation)
    elif reservation.leaving:
        record = release_left(services, reservation) or reservation
    if record is None:
        return Step.AGAIN
    try:
        return _hold(services, record)
    except CannotHold as error:
        return _heal(services, record, error)


def _hold(services: Needs, reservation: Reservation) -> Step | str:
    """Hold what is missing, and settle the record if all is held.

    Raises:
        CannotHold: the hosts of its run cannot be held.
    """
    holds = services.provider.held(reservation.hold_owner)
    late = _is_late(services, reservation)
    if len(holds) < reservation.hosts_expected and not late:
        stopped = hold_missing(services, reservation, holds)
        if stopped is not None:
            return stopped
        holds = services.provider.held(reservation.hold_owner)
    if not late and _is_checked_again(services, reservation, holds):
        return Step.WAITING
    demand_fit(services, holds, reservation.hosts_expected)
    held = sum(hold.state is HoldState.HELD for hold in holds)
    if held >= reservation.hosts_expected and not reservation.leaving:
        return complete_provisioning(services, (reservation.organization_id, reservation.id))
    if late and held < reservation.hosts_expected:
        what = f"{held} of {reservation.hosts_expected} hosts were held when the time was up"
        return _failure(reservation, what)
    return Step.WAITING


def _is_checked_again(services: Needs, reservation: Reservation, holds: Sequence[Hold]) -> bool:
    """Ask once more for hosts that are unfit: much that fails once does not fail twice. Once for each run."""
    unfit = [hold.host_id for hold in holds if hold.state is HoldState.UNFIT]
    if not unfit or reservation.checked_again > len(reservation.moved_for):
        return False
    after = replace(reservation, checked_again=len(reservation.moved_for) + 1)
    if not isinstance(services.reservations.change(reservation, after), Refused):
        services.provider.hold(reservation.hold_owner, reservation.region_id, unfit)
    return True


def _heal(services: Needs, reservation: Reservation, trouble: CannotHold) -> Step | str:
    """Put hosts that failed into quarantine, and move to another run, if that is possible.

    A host in a maintenance at the provider is fit again when that ends.
    """
    maintained = services.provider.maintained([host.host_id for host in trouble.hosts])
    for host in trouble.hosts:
        if maintained[host.host_id]:
            continue
        services.quarantine.set(
            reservation.region_id,
            host.host_id,
            host.reason,
            host.evidence,
            by=ACTOR,
            pod_id=reservation.pod_id,
        )
    why = str(trouble)
    if _is_late(services, reservation) or len(reservation.moved_for) >= MOVES_MAX:
        return _failure(reservation, why)
    if reservation.leaving:
        return Step.WAITING
    try:
        move(services, reservation, why[:WHY_MAX])
    except InsufficientCapacity as error:
        return _failure(reservation, f"{why}, and there is no other place: {error}")
    except RaceLost:
        return Step.WAITING
    return Step.AGAIN


def _failure(reservation: Reservation, why: str) -> str:
    """Why provisioning has failed, with what was tried before."""
    moves = [f"({number}) {reason}" for number, reason in enumerate(reservation.moved_for, 1)]
    if not moves:
        return why
    times = "once" if len(moves) == 1 else f"{len(moves)} times"
    return f"{why}; before that its units were moved {times}: {'; '.join(moves)}"


def _is_late(services: Needs, reservation: Reservation) -> bool:
    return reservation.deadline is not None and services.clock.now() >= reservation.deadline


def begin_provisioning(services: Needs, key: HolderKey) -> Reservation | None:
    """Make a pending reservation ``provisioning``. Returns the record; None if there is none."""
    deadline = services.clock.now() + services.limits.provisioning_seconds_max
    found = services.reservations.get(*key)
    if found is None or found.status is not Status.PENDING:
        return found
    begun = advance(
        services.reservations,
        key,
        lambda r: (
            replace(r, status=Status.PROVISIONING, deadline=deadline) if r.status is Status.PENDING else None
        ),
        services.pause,
    )
    if begun is None:
        return services.reservations.get(*key)
    _audit(services, begun, "begin_provisioning", "provisioning")
    return begun


def complete_provisioning(services: Needs, key: HolderKey) -> Step:
    """``provisioning`` to ``provisioned``: ``done`` or ``superseded``. Not once the undo has begun."""
    provisioned = advance(
        services.reservations,
        key,
        lambda r: (
            replace(r, status=Status.PROVISIONED, unsettled_since=None) if _is_provisioning(r) else None
        ),
        services.pause,
    )
    if provisioned is None:
        return Step.SUPERSEDED
    services.telemetry.count("ReservationsProvisioned")
    _audit(services, provisioned, "complete_provisioning", "provisioned")
    return Step.DONE


def abandon_provisioning(services: Needs, key: HolderKey, message: str) -> Reservation | None:
    """Begin to undo: record the reason, unless there is one. Returns the record; None if there is none."""
    abandoned = advance(
        services.reservations,
        key,
        lambda r: replace(r, failure=message) if _is_provisioning(r) else None,
        services.pause,
    )
    if abandoned is None:
        return services.reservations.get(*key)
    _audit(services, abandoned, "abandon_provisioning", "undoing")
    return abandoned


def fail_provisioning(services: Needs, key: HolderKey) -> Step:
    """Make the reservation ``error``, and release its capacity. Its provider must not list any hold of it.

    From the moment that it is ``error`` the record lists no capacity. It names the run that is still to be
    released, and is unsettled until that is done.

    Returns:
        ``done`` or ``superseded``.
    """
    undone = services.reservations.get(*key)
    if undone is not None and undone.is_moving:
        _undo_move(services, undone)
    failed = advance(
        services.reservations,
        key,
        lambda r: _failed_record(r, undone),
        services.pause,
        partial(_uncounted, services),
    )
    if failed is not None:
        services.telemetry.count("ReservationsFailed")
        _audit(services, failed, "fail_provisioning", "error")
    return Step.DONE if give_back_failed(services, key) else Step.SUPERSEDED


def give_back_failed(services: Needs, key: HolderKey) -> bool:
    """Release the run that a reservation in ``error`` still names; false if it was deleted meanwhile."""
    failed = services.reservations.get(*key)
    if failed is None or failed.status is not Status.ERROR:
        return False
    if failed.named is None:
        return True
    give_back(services, failed)
    settled = advance(
        services.reservations,
        key,
        lambda r: replace(r, named=None, unsettled_since=None) if r.status is Status.ERROR else None,
        services.pause,
    )
    services.events.freed(failed.region_id)
    return settled is not None


def _undo_move(services: Needs, reservation: Reservation) -> None:
    """End what a move has left, and what it was going to own."""
    if reservation.named is not None:
        fence(services, reservation, reservation.named)
    for run in reservation.leaving:
        end(services, reservation, run)
    services.events.freed(reservation.region_id)


def _failed_record(reservation: Reservation, undone: Reservation | None) -> Reservation | None:
    """The reservation as ``error``: it names the run that it listed, and quotas do not count it any more.

    A move must have been undone. Nobody begins one once the undo has begun.
    """
    if not _is_undoing(reservation) or not reservation.runs or undone is None:
        return None
    if (reservation.named, reservation.leaving) != (undone.named, undone.leaving):
        return None
    # Units are released from a provisioned reservation only, so this one still has the run that it claimed.
    [run] = reservation.runs
    return replace(
        reservation,
        status=Status.ERROR,
        named=run,
        runs=(),
        leaving=(),
        topology_hash=None,
        hardware=None,
        counted=False,
        deadline=None,
    )


def _uncounted(services: Needs, reservation: Reservation) -> Sequence[Action]:
    return refund(services, reservation)


def _is_provisioning(reservation: Reservation) -> bool:
    return reservation.status is Status.PROVISIONING and reservation.failure is None


def _is_undoing(reservation: Reservation) -> bool:
    return reservation.status is Status.PROVISIONING and reservation.failure is not None


def _is_failing(reservation: Reservation) -> bool:
    """Whether its provisioning is being undone, up to the release of its run."""
    named = reservation.status is Status.ERROR and reservation.named is not None
    return _is_undoing(reservation) or named


def _audit(services: Needs, reservation: Reservation, action: str, outcome: str) -> None:
    services.telemetry.audit(ACTOR, action, reservation.id, outcome, organization=reservation.organization_id)
