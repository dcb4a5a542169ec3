from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_capacity.access import Permission
from gpu_capacity.errors import Forbidden, InvalidRequest, NotFound, StateConflict
from gpu_capacity.neighbours.listed import Entry, Kind, ListedNeighbours
from gpu_capacity.placement.servers import Policy, Readiness
from gpu_capacity.placements.delete import delete_placement
from gpu_capacity.placements.observation import ObservedPlacement
from gpu_capacity.placements.record import (
    MANUAL,
    Constraints,
    Networking,
    Placement,
    PlacementStatus,
    StrategyType,
    UpdateStrategy,
)
from gpu_capacity.placements.update import update_placement
from testkit.placements import found, place, provisioned, spec_of
from testkit.reservations import NOWHERE
from testkit.world import World, caller

ROLLING = UpdateStrategy(StrategyType.ROLLING_UPDATE)


def update(world: World, placement: Placement, **changes: Any) -> ObservedPlacement:
    spec = spec_of(placement, **changes)
    return update_placement(world.services, caller(), placement.id, spec, NOWHERE)


def settled(world: World, placement: Placement, status: PlacementStatus, **changes: Any) -> Placement:
    """The placement in another status, as if its workflow had got that far."""
    begun = world.services.placements.change(
        placement, replace(placement, status=PlacementStatus.PROVISIONING, **changes)
    )
    assert isinstance(begun, Placement)
    if status is PlacementStatus.PROVISIONING:
        return begun
    done = world.services.placements.change(begun, replace(begun, status=status, unsettled_since=None))
    assert isinstance(done, Placement)
    return done


@pytest.fixture
def up(world: World) -> Placement:
    """A placement whose servers are up."""
    return settled(world, place(world, provisioned(world).id, 3), PlacementStatus.PROVISIONED)


def test_another_image_is_the_next_generation_and_the_servers_stay(world: World, up: Placement) -> None:
    world.clock.advance(60)
    started = len(world.workflows)
    observed = update(world, up, image_id="ubuntu-26.04")

    now = found(world, up.id)
    assert observed == ObservedPlacement(now, None)
    assert (now.image_id, now.generation, now.status) == ("ubuntu-26.04", 2, PlacementStatus.PROVISIONED)
    assert (now.modified_at, now.modified_by) == (world.clock.now(), "john.doe@example.com")
    assert len(world.workflows) == started


def test_with_a_rolling_update_the_workflow_begins_to_rebuild(world: World, up: Placement) -> None:
    world.clock.advance(60)
    update(world, up, image_id="ubuntu-26.04", strategy=ROLLING)

    now = found(world, up.id)
    assert (now.status, now.strategy, now.unsettled_since) == (
        PlacementStatus.PROVISIONING,
        ROLLING,
        world.clock.now(),
    )
    assert now.execution in world.workflows


def test_a_strategy_alone_can_change_and_an_update_that_waits_goes_on(world: World, up: Placement) -> None:
    update(world, up, strategy=ROLLING)

    now = found(world, up.id)
    assert (now.generation, now.status) == (1, PlacementStatus.PROVISIONING)
    update(world, now, strategy=MANUAL)
    assert found(world, up.id).strategy == MANUAL


def test_without_a_strategy_the_present_one_stays(world: World, up: Placement) -> None:
    update(world, up, strategy=ROLLING)
    now = found(world, up.id)
    update(world, now, strategy=None, image_id="ubuntu-26.04")

    assert found(world, up.id).strategy == ROLLING


def test_an_equal_spec_changes_nothing(world: World, up: Placement) -> None:
    observed = update(world, up)

    assert found(world, up.id) == up
    assert observed.counts is not None


def test_a_new_image_while_the_servers_boot_starts_another_execution(world: World) -> None:
    booting = settled(world, place(world, provisioned(world).id), PlacementStatus.PROVISIONING)
    update(world, booting, image_id="ubuntu-26.04")

    now = found(world, booting.id)
    assert now.status is PlacementStatus.PROVISIONING
    assert now.execution != booting.execution
    assert now.execution in world.workflows


def test_a_new_image_before_the_workflow_begins_leaves_it_pending(world: World) -> None:
    pending = place(world, provisioned(world).id)
    update(world, pending, image_id="ubuntu-26.04")

    assert found(world, pending.id).status is PlacementStatus.PENDING


def test_a_rolling_update_takes_a_placement_out_of_error(world: World) -> None:
    failed = settled(
        world, place(world, provisioned(world).id), PlacementStatus.ERROR, failure="a server failed"
    )
    update(world, failed, image_id="ubuntu-26.04", strategy=ROLLING)

    now = found(world, failed.id)
    assert (now.status, now.failure) == (PlacementStatus.PROVISIONING, None)


def test_what_cannot_change_is_refused_with_the_name_of_each_field(world: World, up: Placement) -> None:
    with pytest.raises(InvalidRequest) as caught:
        update(
            world,
            up,
            count=2,
            constraints=Constraints(Policy.SPREAD),
            readiness=Readiness.PREFER,
            networking=Networking(),
            ssh_certificate_authority_id="ca",
            user_data=b"",
            image_id="ubuntu-26.04",
        )

    assert [field for field, _ in caught.value.problems] == [
        "spec.count",
        "spec.constraints",
        "spec.readinessPolicy",
        "spec.serverSpec.networking",
        "spec.serverSpec.sshCertificateAuthorityId",
        "spec.serverSpec.userData",
    ]
    assert found(world, up.id) == up


def test_an_empty_list_that_a_client_leaves_out_is_no_difference(world: World) -> None:
    sent = Networking((), public_ip=False, security_groups=("sg-1",))
    placement = place(world, provisioned(world).id, networking=sent)
    update(world, placement, networking=replace(sent, allowed_source_addresses=None), image_id="x")

    assert found(world, placement.id).networking == sent


def test_a_placement_that_is_being_deleted_cannot_change(world: World, up: Placement) -> None:
    delete_placement(world.services, caller(), up.id, NOWHERE)

    with pytest.raises(StateConflict, match="being deleted"):
        update(world, up, image_id="ubuntu-26.04")


def test_of_two_updates_at_the_same_time_one_is_refused(world: World, up: Placement) -> None:
    """Each has the whole spec: the later one would take back what it never read."""
    world.db.before("put_item", lambda *_: update(world, up, image_id="rocky-9"), times=1)

    with pytest.raises(StateConflict, match="meanwhile"):
        update(world, up, strategy=ROLLING)
    assert (found(world, up.id).image_id, found(world, up.id).strategy) == ("rocky-9", MANUAL)


def test_a_step_of_the_workflow_at_the_same_time_refuses_no_update(world: World) -> None:
    placement = place(world, provisioned(world).id)
    world.db.before("put_item", lambda *_: settled(world, placement, PlacementStatus.PROVISIONED), times=1)
    update(world, placement, image_id="ubuntu-26.04")

    assert found(world, placement.id).image_id == "ubuntu-26.04"


def test_a_placement_that_changes_every_time_is_left_after_sixteen_attempts(
    world: World, up: Placement
) -> None:
    def count_on(*_: object) -> None:
        record = found(world, up.id)
        world.services.placements.change(record, replace(record, failure=f"{record.failure}x"))

    world.db.before("put_item", count_on, times=None)
    with pytest.raises(StateConflict, match="changed the placement meanwhile"):
        update(world, up, image_id="ubuntu-26.04")


@pytest.mark.parametrize(
    ("listed", "problem"),
    [
        ((), "the image does not exist"),
        (
            (Entry(Kind.IMAGE, "us-chi-1", "ubuntu-26.04", "d5c7154a-b317-4870-b087-159892dcf137"),),
            "the image is in another region than the hosts",
        ),
    ],
)
def test_a_new_image_is_looked_up_and_the_present_one_is_not(
    world: World, up: Placement, listed: tuple[Entry, ...], problem: str
) -> None:
    services = replace(world.services, neighbours=ListedNeighbours(listed))

    with pytest.raises(InvalidRequest, match=f"^spec.serverSpec.imageId: {problem}$"):
        update_placement(services, caller(), up.id, spec_of(up, image_id="ubuntu-26.04"), NOWHERE)
    update_placement(services, caller(), up.id, spec_of(up, strategy=ROLLING), NOWHERE)


@pytest.mark.parametrize(
    "who",
    [
        caller(organizations=frozenset({"other"})),
        caller(projects=frozenset({"other"}), permissions=frozenset(Permission)),
    ],
    ids=["stranger", "operator"],
)
def test_a_placement_of_others_does_not_exist(world: World, up: Placement, who: Any) -> None:
    with pytest.raises(NotFound, match="the placement does not exist"):
        update_placement(world.services, who, up.id, spec_of(up), NOWHERE)


def test_a_token_without_the_permission_updates_nothing(world: World, up: Placement) -> None:
    powerless = caller(permissions=caller().permissions - {Permission.UPDATE_PLACEMENTS})

    with pytest.raises(Forbidden):
        update_placement(world.services, powerless, up.id, spec_of(up), NOWHERE)
