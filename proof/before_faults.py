"""What customers have before the faults of a run: servers that are up in time, and terms that will end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.vms.record import months_later
from gpu_capacity.vms.stop import stop_vm
from proof.placements import Placements
from proof.vms import GUEST_COUNTS, GUESTS, Vms

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from proof.cloud import Cloud
    from proof.tenants import Tenant

    AsEach = Callable[[Callable[[Tenant], None]], None]
    """Lets each organization do something, to its end."""


def place_before(draw: Random, as_each: AsEach) -> None:
    """Reserve, and place servers: they come up in time for what clients do."""
    placements = Placements()

    def place(who: Tenant) -> None:
        for _ in range(draw.randrange(1, 3)):
            placements.act(who)

    for run in (placements.reserve, place):
        as_each(run)


def rent_before(cloud: Cloud, draw: Random, as_each: AsEach) -> None:
    """Create VMs; the terms of some will end during the faults."""
    vms, clock, profile = Vms(cloud.profile.nodes), cloud.clock, cloud.profile

    def rent(who: Tenant) -> None:
        for _ in range(draw.randrange(1, 4)):
            if vms.rent(who, GUESTS, GUEST_COUNTS).answer != "Vm":
                break

    def stop(who: Tenant) -> None:
        for holder in who.book.known:
            if draw.random() < 0.3:
                vms.change(who, "stop_vm", holder, stop_vm)

    begun = clock.now()
    for run in (rent, stop):
        as_each(run)
    if draw.random() < 0.5:
        left = draw.randrange(1, max(2, profile.chaos_ms // 2_000))
        clock.advance(months_later(begun, 1) - left - clock.now())
