"""Plan a maintenance, change it, and cancel it, as operators do.

The record is written first, then the entries that keep new holders off. What is interrupted in between, the
schedule does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from uuid import UUID

from gpu_capacity.errors import (
    InvalidRequest,
    NotFound,
    PreconditionFailed,
    RaceLost,
    StateConflict,
    TryAgain,
)
from gpu_capacity.inventory.cordons import Target
from gpu_capacity.inventory.maintenances import Force, Maintenance, MaintenanceStatus
from gpu_capacity.operations.announce_maintenance import announce, check_room_for
from gpu_capacity.operations.reasons import reason_problem
from gpu_capacity.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from gpu_capacity.holders.roles import HasClock, HasIds, HasLimits
    from gpu_capacity.operations.announce_maintenance import Needs as AnnounceNeeds

    class Needs(AnnounceNeeds, HasClock, HasIds, HasLimits, Protocol):
        """What the functions of this module work with."""


TARGETS_MAX: Final = 50
"""Each target is an entry among the cordons of the region, which has room for some hundred."""

_ATTEMPTS_MAX: Final = 8

_CHANGED: Final = "the maintenance has changed since you read it: read it again, and decide again"


@dataclass(frozen=True, slots=True)
class MaintenancePlan:
    """What operators want. Times are in seconds since the epoch.

    ``notice_seconds`` is how long after the notice held hosts are taken without their holders' word, not
    before ``start``; ``None`` if they are not.
    """

    targets: tuple[Target, ...]
    start: int
    end: int
    reason: str
    notice_seconds: int | None = None


def plan_maintenance(
    services: Needs, actor: str, region_id: str, plan: MaintenancePlan, *, dry_run: bool = False
) -> Maintenance:
    """Plan a maintenance. New holders are kept off from now on.

    Args:
        services: collaborators.
        actor: who does it.
        region_id: of the region.
        plan: what is wanted.
        dry_run: to check everything and write nothing.

    Raises:
        InvalidRequest: the plan contradicts itself, or the region has no room for its entries.
        NotFound: the region, or one of the targets, does not exist.
        StorageUnavailable: the outcome is unknown.
    """
    now = services.clock.now()
    _check(services, region_id, plan, now)
    planned = Maintenance(
        id=str(UUID(bytes=services.ids.random_bytes(), version=4)),
        region_id=region_id,
        targets=plan.targets,
        start=plan.start,
        end=plan.end,
        reason=plan.reason,
        by=actor,
        created_at=now,
        force=_force(plan, None, now),
    )
    check_room_for(services, planned)
    if dry_run:
        return planned
    services.maintenances.create(planned)
    services.telemetry.audit(
        actor, "plan_maintenance", planned.id, "planned", region=region_id, reason=plan.reason
    )
    _announced(services, planned)
    return planned


def change_maintenance(
    services: Needs,
    actor: str,
    maintenance_id: str,
    plan: MaintenancePlan,
    tag: str,
    *,
    dry_run: bool = False,
) -> Maintenance:
    """Give a maintenance another window, other targets, another reason or another notice.

    Notice is given again if it is to take effect earlier than holders have read, or on other hosts. What
    holders have allowed counts no more if a target is added or the end is later: they have allowed less.

    Args:
        services: collaborators.
        actor: who does it.
        maintenance_id: which one.
        plan: what is wanted from now on.
        tag: of the maintenance as the caller has read it.
        dry_run: to check everything and write nothing.

    Raises:
        InvalidRequest: the plan contradicts itself, an open maintenance is to begin at another time, or the
            region has no room for its entries.
        NotFound: there is no such maintenance, or one of the targets does not exist.
        PreconditionFailed: it has changed since the caller read it.
        StateConflict: the maintenance is ending or over.
    """
    now = services.clock.now()
    before = maintenance_of(services, maintenance_id)
    if tag != before.tag:
        raise PreconditionFailed(_CHANGED)
    _check(services, before.region_id, plan, now)
    if not before.is_active:
        raise StateConflict(f"the maintenance is {before.status.value}")
    if before.status is MaintenanceStatus.OPEN and plan.start != before.start:
        raise InvalidRequest("startTime", "cannot change: the maintenance is open")
    wanted = replace(
        before,
        targets=plan.targets,
        start=plan.start,
        end=plan.end,
        reason=plan.reason,
        force=_force(plan, before, now),
        permits=before.permits if _is_within(plan, before) else (),
    )
    check_room_for(services, wanted)
    if dry_run:
        return wanted
    after = services.maintenances.change(before, wanted)
    if after is None:
        raise PreconditionFailed(_CHANGED)
    services.telemetry.audit(
        actor, "change_maintenance", after.id, after.status.value, region=after.region_id, reason=plan.reason
    )
    _announced(services, after)
    return after


def cancel_maintenance(services: Needs, actor: str, maintenance_id: str) -> Maintenance:
    """Cancel a maintenance. Its hosts come back, and then it is for sale again. A repeat does nothing.

    Raises:
        NotFound: there is no such maintenance.
        RaceLost: others changed it in every attempt.
    """

    def cancelled(before: Maintenance) -> Maintenance:
        if not before.is_active:
            return before
        return replace(before, status=MaintenanceStatus.ENDING, cancelled=True)

    after = _change(services, maintenance_id, cancelled)
    services.telemetry.audit(
        actor, "cancel_maintenance", after.id, after.status.value, region=after.region_id
    )
    return after


def maintenance_of(services: Needs, maintenance_id: str) -> Maintenance:
    """A maintenance as read now.

    Raises:
        NotFound: there is no such maintenance.
    """
    found = services.maintenances.get(maintenance_id)
    if found is None:
        raise NotFound("the maintenance does not exist")
    return found


def _change(services: Needs, maintenance_id: str, step: Callable[[Maintenance], Maintenance]) -> Maintenance:
    for attempt in range(_ATTEMPTS_MAX):
        before = maintenance_of(services, maintenance_id)
        after = step(before)
        if after == before:
            return before
        if (written := services.maintenances.change(before, after)) is not None:
            return written
        services.pause(attempt)
    raise RaceLost("the maintenance changed every time")


def _check(services: Needs, region_id: str, plan: MaintenancePlan, now: int) -> None:
    least, unclear = services.limits.maintenance_notice_seconds, reason_problem(plan.reason)
    demands = (
        ("reason", unclear or "", unclear is None),
        (
            "targets",
            f"must be 1 to {TARGETS_MAX} different ones",
            1 <= len(plan.targets) <= TARGETS_MAX and len(set(plan.targets)) == len(plan.targets),
        ),
        ("endTime", "must be after startTime, and in the future", plan.end > max(plan.start, now)),
        (
            "forceAfterSeconds",
            f"must be at least {least}",
            plan.notice_seconds is None or plan.notice_seconds >= least,
        ),
    )
    if problems := [(field, problem) for field, problem, is_met in demands if not is_met]:
        raise InvalidRequest.of(problems)
    if services.fleet.region(region_id) is None:
        raise NotFound("the region does not exist")
    for target in plan.targets:
        if target != Target() and not services.fleet.pods_with(region_id, target):
            raise NotFound(f"{target} does not exist in the region")


def _force(plan: MaintenancePlan, before: Maintenance | None, now: int) -> Force | None:
    """From when on held hosts are taken. An earlier notice counts for what it was about.

    Raises:
        InvalidRequest: that is not before the end.
    """
    if plan.notice_seconds is None:
        return None
    noticed_at = now
    if before is not None and before.force is not None and set(plan.targets) <= set(before.targets):
        known = before.force
        if max(known.noticed_at + plan.notice_seconds, plan.start) >= known.takes_effect_at:
            noticed_at = known.noticed_at
    takes_effect_at = max(noticed_at + plan.notice_seconds, plan.start)
    if takes_effect_at >= plan.end:
        raise InvalidRequest(
            "forceAfterSeconds",
            f"would take effect at {rfc3339(takes_effect_at)}, when the maintenance is over: give less "
            "notice, or a later endTime",
        )
    return Force(noticed_at, takes_effect_at)


def _is_within(plan: MaintenancePlan, before: Maintenance) -> bool:
    """Whether hosts are away no longer than what holders have read, and no others are."""
    return set(plan.targets) <= set(before.targets) and plan.end <= before.end


def _announced(services: Needs, maintenance: Maintenance) -> None:
    """Keep new holders off at once, or leave it to the schedule.

    That is if the database does not answer, or if others took the last room in the region since it was
    checked. The maintenance is recorded then, so it is no refusal.
    """
    try:
        announce(services, maintenance)
    except (InvalidRequest, TryAgain) as error:
        services.telemetry.warning(
            "maintenance not announced yet", maintenance=maintenance.id, reason=str(error)
        )
