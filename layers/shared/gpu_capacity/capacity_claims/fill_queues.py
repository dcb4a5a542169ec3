"""Serve the queues of capacity claims, oldest claim first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.capacity_claims.settle import Step, settle_capacity_claim
from gpu_capacity.errors import StorageUnavailable, UnreadableItem
from gpu_capacity.holders.records import left_out, report_unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gpu_capacity.capacity_claims.settle import Needs


ROUNDS_MAX: Final = 200
"""Rounds for one queue in one run; the schedule goes on."""


def fill_zone(services: Needs, zone: str, instance_id: str) -> int:
    """Serve those who wait for an instance type in a zone, oldest first; how many rounds were done.

    Stops at the first claim that cannot be served in full: what it leaves, nobody behind it could use. A
    claim whose record cannot be read loses its turn until it can be: those behind it must not wait for that.
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


def tell_all(services: Needs, zone: str, instance_id: str) -> int:
    """Tell all who wait in a zone that is withdrawn; how many rounds were done. They keep their places.

    What they wait for in other zones they still get, and here as well should the zone come back.
    """
    # Rounds believe what is kept of a region that offers something, and what is kept may be a minute old.
    services.inventory.fresh_region(zone)
    holders = services.claims.queue(zone, instance_id)
    for holder in holders:
        settle_capacity_claim(services, *holder, serving=zone)
    return len(holders)


def fill_zones(services: Needs, zones: Iterable[str] | None = None) -> int:
    """Serve every queue of the zones (of all, if none are named); how many rounds were done.

    Raises:
        StorageUnavailable, UnreadableItem: some queue could not be served; the others were.
    """
    wanted = None if zones is None else set(zones)
    done = 0
    failure: StorageUnavailable | UnreadableItem | None = None
    for region in services.inventory.regions():
        if wanted is not None and region.id not in wanted:
            continue
        serve = tell_all if region.withdrawn else fill_zone
        for instance_id in sorted({name for name, _ in region.instance_types}):
            try:
                done += serve(services, region.id, instance_id)
            except (StorageUnavailable, UnreadableItem) as error:
                failure = error
                left_out(services.telemetry, error, f"queue of {region.id}")
    if failure is not None:
        raise failure
    return done
