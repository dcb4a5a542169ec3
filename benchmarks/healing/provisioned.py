"""Orders of 8 racks while hosts fail: how many are provisioned without their customer doing anything.

Customers come one after the other and keep their racks for hours; operators repair what is in quarantine
after a day. The code is that of the product, from the request to the last step of the workflows, over
in-memory tables; only the provider is the benchmark's own.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Final

from benchmarks.healing.provider import DrawnHosts
from gpu_capacity.operations.quarantine import Quarantines
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.delete import delete_reservation
from gpu_capacity.reservations.deprovisioning import release_reservation
from gpu_capacity.reservations.provisioning import provision_reservation
from gpu_capacity.reservations.record import Status
from testkit.world import ORGANIZATION, REGION, World, caller, pod, request

if TYPE_CHECKING:
    from benchmarks.healing.provider import Failures
    from gpu_capacity.reservations.record import Reservation

RACKS: Final = 8
HOSTS: Final = 18
PODS: Final = 60
RACKS_PER_POD: Final = 24
SECONDS_BETWEEN: Final = 600
LIVE: Final = 60
"""Orders at a time: a third of the region."""

REPAIR_SECONDS: Final = 86_400
_STEPS_MAX: Final = 400


@dataclass
class Outcome:
    """What came of all orders.

    ``untouched`` were provisioned in their first place with no boot that failed: all that would have been
    provisioned if nothing healed. ``moves`` counts provisioned orders by their number of moves, ``seconds``
    has the time from the order to ``provisioned``, for each.
    """

    orders: int = 0
    provisioned: int = 0
    untouched: int = 0
    quarantined: int = 0
    moves: Counter[int] = field(default_factory=Counter)
    seconds: list[int] = field(default_factory=list)
    boots: int = 0
    failed: int = 0


def run(failures: Failures, orders: int, seed: int = 0) -> Outcome:
    """Send so many orders, one after the other."""
    pods = tuple(pod(f"pod{n:02}", RACKS_PER_POD, hosts=HOSTS) for n in range(PODS))
    world = World(pods=pods, trusting=True)
    provider = DrawnHosts(world.clock, Random(seed), failures)  # noqa: S311 - not for secrets
    world.services = replace(world.services, provider=provider)  # type: ignore[arg-type]
    outcome, living = Outcome(), deque[str]()
    for _ in range(orders):
        _repair(world, provider)
        failed = provider.failed
        begun = world.clock.now()
        made = _order(world)
        outcome.orders += 1
        if made.status is Status.PROVISIONED:
            outcome.provisioned += 1
            outcome.untouched += provider.failed == failed
            outcome.moves[len(made.moved_for)] += 1
            outcome.seconds.append(world.clock.now() - begun)
        living.append(made.id)
        if len(living) > LIVE:
            _end(world, provider, living.popleft())
        world.clock.advance(max(1, begun + SECONDS_BETWEEN - world.clock.now()))
    outcome.boots, outcome.failed = provider.boots, provider.failed
    outcome.quarantined = world.telemetry.counts["HostsQuarantined"]
    return outcome


def _order(world: World) -> Reservation:
    """Reserve, and run the workflow to its end."""
    made = create_reservation(world.services, caller(), request(RACKS)).reservation
    for _ in range(_STEPS_MAX):
        match provision_reservation(world.services, ORGANIZATION, made.id)["outcome"]:
            case "waiting":
                world.clock.advance(20)
            case "again":
                pass
            case _:
                break
    found = world.services.reservations.get(ORGANIZATION, made.id)
    assert found is not None
    return found


def _end(world: World, provider: DrawnHosts, reservation_id: str) -> None:
    found = world.services.reservations.get(ORGANIZATION, reservation_id)
    assert found is not None
    hosts = [hold.host_id for hold in provider.held(found.hold_owner)]
    delete_reservation(world.services, caller(), reservation_id, frozenset())
    for _ in range(_STEPS_MAX):
        if release_reservation(world.services, ORGANIZATION, reservation_id)["outcome"] == "done":
            break
        world.clock.advance(20)
    provider.forget(hosts)


def _repair(world: World, provider: DrawnHosts) -> None:
    """Operators repair hosts that have been in quarantine for a day."""
    quarantines = Quarantines(world.services.fleet, world.telemetry, world.pause, world.clock)
    before = world.clock.now() - REPAIR_SECONDS
    for host_id, aside in world.services.fleet.cordons(REGION).quarantines.items():
        if aside.since <= before:
            provider.repair(host_id)
            quarantines.lift(REGION, host_id, by="operator:me")
