"""Operations of customers and schedules on capacity claims in a world."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gpu_capacity.capacity_claims.create import create_capacity_claim
from gpu_capacity.capacity_claims.delete import delete_capacity_claim
from gpu_capacity.capacity_claims.fill_queues import fill_zones
from gpu_capacity.capacity_claims.record import WORKFLOW, Allocation, CapacityClaim, ClaimStatus
from gpu_capacity.capacity_claims.resources import Resources
from gpu_capacity.capacity_claims.settle import Step, settle_capacity_claim
from gpu_capacity.capacity_claims.update import update_capacity_claim
from gpu_capacity.ports import WorkflowState
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.delete import delete_reservation
from testkit.auditor import audit
from testkit.reservations import tear_down
from testkit.world import GB300, INSTANCE_TYPE, ORGANIZATION, World, caller, request

if TYPE_CHECKING:
    from gpu_capacity.access import Caller
    from gpu_capacity.runtime.services import Services

LONDON, CHICAGO, TEXAS = "uk-lon-1", "us-chi-1", "us-tex-1"
CUSTOMER = "CAPACITY_TYPE_CUSTOMER"
OTHER_ORGANIZATION = "5f0c2b1e-8a77-4f1b-9a53-0f6d1c2e3a4b"
ID = "0b9a3a58-4a1c-4f7e-9d5e-2f8f4a7c6d10"
NOW = 1_780_000_000
ROUNDS_MAX = 200


def owned(zone: str, pod: str, position: int, hosts: int) -> Allocation:
    """Some hosts of a domain."""
    return Allocation(zone, GB300.id, pod, position, hosts)


def record(
    count: int, *allocations: Allocation, zones: tuple[str, ...] = (LONDON, CHICAGO), **changes: Any
) -> CapacityClaim:
    """A claim that was just accepted, with these allocations."""
    base = CapacityClaim(
        id=ID,
        organization_id=ORGANIZATION,
        name="inference",
        instance_id=INSTANCE_TYPE,
        instance_count=count,
        zones=zones,
        capacity_type=CUSTOMER,
        status=ClaimStatus.CREATING,
        created_at=NOW,
        created_by="john.doe@example.com",
        updated_at=NOW,
        fingerprint="",
        supplied=True,
        counted=False,
        allocations=allocations,
    )
    return replace(base, **changes)


def wish(count: int, *zones: str) -> Resources:
    """Build the resources that a claim requests."""
    return Resources(INSTANCE_TYPE, count, zones or (LONDON,), CUSTOMER)


def claim(
    world: World,
    count: int,
    *zones: str,
    claim_id: str | None = None,
    name: str | None = None,
    who: Caller | None = None,
    services: Services | None = None,
) -> CapacityClaim:
    """Create a claim, one second after the last operation."""
    world.clock.advance(1)
    return create_capacity_claim(
        services or world.services, who or caller(), wish(count, *zones), claim_id=claim_id, name=name
    )


def resize(
    world: World, made: CapacityClaim, count: int, *zones: str, services: Services | None = None
) -> CapacityClaim:
    """Change a claim; without zones it keeps its zones."""
    world.clock.advance(1)
    return update_capacity_claim(
        services or world.services, _member(made), made.id, wish(count, *(zones or made.zones))
    )


def drop(world: World, made: CapacityClaim, services: Services | None = None) -> CapacityClaim:
    """Delete a claim; its rounds run in the workflow."""
    world.clock.advance(1)
    return delete_capacity_claim(services or world.services, _member(made), made.id)


def now(world: World, made: CapacityClaim) -> CapacityClaim:
    """Return the stored record."""
    found = world.services.claims.get(made.organization_id, made.id)
    assert found is not None
    return found


def gone(world: World, made: CapacityClaim) -> bool:
    """Whether nothing is left, except perhaps a tombstone."""
    return world.services.claims.get(made.organization_id, made.id) is None


def figures(made: CapacityClaim) -> tuple[str, int, int]:
    """Return status, allocated and pending."""
    return made.status.value.removeprefix("STATUS_"), made.allocated, made.pending


def settle(world: World, made: CapacityClaim) -> Step:
    """Run rounds as the workflow does, until nothing more can be done at once."""
    for _ in range(ROUNDS_MAX):
        step = settle_capacity_claim(world.services, made.organization_id, made.id)
        if step is not Step.AGAIN:
            return step
    raise AssertionError(f"{made.id} never settles")


def run_workflows(world: World) -> None:
    """Run every execution of the claims' workflow to its end."""
    for name, execution in list(world.workflows.executions.items()):
        running = world.workflows.states[name] is WorkflowState.RUNNING
        if execution["machine"] != WORKFLOW or not running:
            continue
        for _ in range(ROUNDS_MAX):
            organization, claim_id = str(execution["organization"]), str(execution["claim"])
            if settle_capacity_claim(world.services, organization, claim_id) is not Step.AGAIN:
                break
        else:
            raise AssertionError(f"{name} never ends")
        world.workflows.end(name)


def calm(world: World) -> None:
    """Run workflows and events until there are none left."""
    for _ in range(ROUNDS_MAX):
        run_workflows(world)
        if not world.events.zones:
            return
        zones, world.events.zones = world.events.zones, []
        fill_zones(world.services, zones)
    raise AssertionError("events never end")


def reserve(world: World, count: int = 1, zone_id: str = LONDON, services: Services | None = None) -> str:
    """Reserve whole racks; return the id."""
    made = create_reservation(services or world.services, caller(), request(count, region_id=zone_id))
    return made.reservation.id


def release(world: World, reservation_id: str) -> None:
    """Delete a reservation and tear it down."""
    delete_reservation(world.services, caller(), reservation_id, frozenset())
    assert tear_down(world, reservation_id)["outcome"] == "done"


def check(world: World) -> None:
    """Check what holds at any time: holders, pods, queues, names and quotas agree."""
    assert audit(world.db) == []


def stranger() -> Caller:
    """Return a member of another organization."""
    return caller(subject="stranger-1", organizations=frozenset({OTHER_ORGANIZATION}))


def _member(made: CapacityClaim) -> Caller:
    return caller() if made.organization_id == ORGANIZATION else stranger()
