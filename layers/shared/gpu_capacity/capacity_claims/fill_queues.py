"""Serve the queues of capacity claims, oldest claim first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.capacity_claims.settle import Step, settle_capacity_claim
from gpu_capacity.errors import StorageUnavailable, UnreadableItem
from gpu_capacity.holders.records import report_skipped, report_unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gpu_capacity.capacity_claims.settle import Needs


ROUNDS_MAX: Final = 200
"""Rounds for one queue in one run of the filler; the next run continues."""


def fill_zone(services: Needs, zone: str, instance_id: str) -> int:
    """Serve the claims that wait for an instance type in a zone, oldest first.

    Stops at the first claim that cannot be served in full: it takes all that it can use, so a younger claim
    could use nothing of what it leaves. A claim whose record cannot be read is passed over for a while, so
    that younger claims need not wait for its repair.

    Returns:
        How many rounds were done.
    """
    for done in range(ROUNDS_MAX):
        head = services.claims.head_of_queue(zone, instance_id).holder
        if head is None:
            return done
        try:
            step = settle_capacity_claim(services, *head, serving=zone)
        except UnreadableItem as error:
            if not services.claims.pass_over(head, error):
                raise
            report_unreadable(services.telemetry, error)
            continue
        if step is Step.GONE:
            services.claims.leave_queue(zone, instance_id, head)
        elif step is not Step.AGAIN and services.claims.head_of_queue(zone, instance_id).holder == head:
            return done + 1
    return ROUNDS_MAX


def settle_all(services: Needs, zone: str, instance_id: str) -> int:
    """Do a round of every claim that waits in a withdrawn zone, so that its condition says "not offered".

    The claims keep their places in the queue: their other zones still serve them, and so does this one if it
    returns to the fleet.

    Returns:
        How many rounds were done.
    """
    # Refreshes the cached region. A round reads a region afresh only if the cached one offers nothing, and
    # the cache may be a minute old.
    services.inventory.fresh_region(zone)
    holders = services.claims.queue(zone, instance_id)
    for holder in holders:
        settle_capacity_claim(services, *holder, serving=zone)
    return len(holders)


def fill_zones(services: Needs, zones: Iterable[str] | None = None) -> int:
    """Serve every queue of the zones.

    Args:
        services: collaborators.
        zones: which; None for all.

    Returns:
        How many rounds were done.

    Raises:
        StorageUnavailable, UnreadableItem: a queue could not be served; all others were.
    """
    wanted = None if zones is None else set(zones)
    done = 0
    failure: StorageUnavailable | UnreadableItem | None = None
    for region in services.inventory.regions():
        if wanted is not None and region.id not in wanted:
            continue
        serve = settle_all if region.withdrawn else fill_zone
        for instance_id in sorted({name for name, _ in region.instance_types}):
            try:
                done += serve(services, region.id, instance_id)
            except (StorageUnavailable, UnreadableItem) as error:
                failure = error
                report_skipped(services.telemetry, error, f"queue of {region.id}")
    if failure is not None:
        raise failure
    return done
