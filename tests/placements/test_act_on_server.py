"""Power actions and reconcile go straight to the provider, and a repeat does no harm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.access import Permission
from gpu_capacity.errors import Forbidden, NotFound, ProviderUnavailable, StateConflict
from gpu_capacity.holders.steps import Step
from gpu_capacity.placements.act_on_server import power_placement_server, reconcile_placement_server
from gpu_capacity.placements.record import PlacementStatus
from gpu_capacity.providers.port import HoldOutcome, PowerAction, ServerState
from testkit.world import ORGANIZATION, caller
from tests.placements.bench import NEW_IMAGE, Bench

if TYPE_CHECKING:
    from gpu_capacity.access import Caller

NOWHERE: frozenset[str] = frozenset()


def _power(bench: Bench, action: PowerAction, ordinal: int = 0, by: Caller | None = None) -> None:
    placement = bench.placement
    power_placement_server(
        bench.services, by or caller(), placement.id, placement.server_id(ordinal), action, NOWHERE
    )


def _reconcile(bench: Bench, ordinal: int = 0, if_match: str | None = None, by: Caller | None = None) -> None:
    placement = bench.placement
    reconcile_placement_server(
        bench.services, by or caller(), placement.id, placement.server_id(ordinal), if_match, NOWHERE
    )


def _running() -> Bench:
    bench = Bench()
    assert bench.settle() is Step.DONE
    return bench


def _failed(*ordinals: int) -> Bench:
    """A placement in error, because these servers failed and there is no other host for them."""
    bench = Bench(room=False)
    bench.round()
    bench.provider.move(ServerState.FAILED, *ordinals, message="disk")
    bench.provider.boot()
    assert bench.round() is Step.DONE
    assert bench.placement.status is PlacementStatus.ERROR
    return bench


@pytest.mark.parametrize("action", PowerAction)
def test_an_action_changes_the_one_server_and_not_the_record(action: PowerAction) -> None:
    bench = _running()
    before = bench.placement
    _power(bench, action, 2)
    states = [server.state for server in bench.servers]
    after = ServerState.STOPPED if action is PowerAction.STOP else ServerState.RUNNING
    assert states == [ServerState.RUNNING, ServerState.RUNNING, after, ServerState.RUNNING]
    assert bench.placement == before


@pytest.mark.parametrize("action", PowerAction)
@pytest.mark.parametrize("state", [ServerState.BUILDING, ServerState.REBUILDING, ServerState.FAILED])
def test_a_state_that_does_not_allow_an_action_is_a_conflict(action: PowerAction, state: ServerState) -> None:
    bench = _running()
    bench.provider.move(state)

    with pytest.raises(StateConflict, match="does not allow"):
        _power(bench, action)


@pytest.mark.parametrize("action", PowerAction)
def test_a_server_that_is_not_there_yet_is_a_conflict(action: PowerAction) -> None:
    bench = Bench()

    with pytest.raises(StateConflict, match="not there yet"):
        _power(bench, action)


def test_nothing_can_be_done_to_servers_of_a_placement_that_is_being_deleted() -> None:
    bench = _running()
    bench.delete()

    for action in PowerAction:
        with pytest.raises(StateConflict, match="being deleted"):
            _power(bench, action)
    with pytest.raises(StateConflict, match="being deleted"):
        _reconcile(bench)


def test_a_delete_that_the_request_did_not_see_refuses_it_at_the_provider() -> None:
    bench = _running()
    bench.provider.fence(bench.placement.server_owner)

    with pytest.raises(StateConflict, match="being deleted"):
        _power(bench, PowerAction.STOP)


@pytest.mark.parametrize("permission", [Permission.READ_PLACEMENTS, Permission.OPERATE])
def test_only_who_may_operate_can_act(permission: Permission) -> None:
    bench = _running()
    other = caller(permissions=frozenset({permission}))

    with pytest.raises(Forbidden):
        _power(bench, PowerAction.STOP, by=other)
    with pytest.raises(Forbidden):
        _reconcile(bench, by=other)


def test_servers_of_others_cannot_be_told_from_unknown_ones() -> None:
    bench = _running()
    stranger = caller(organizations=frozenset({"others"}))

    with pytest.raises(NotFound, match="the placement does not exist"):
        _power(bench, PowerAction.STOP, by=stranger)


def test_an_operator_who_may_operate_its_own_servers_has_no_power_over_those_of_others() -> None:
    bench = _running()
    allowed = frozenset({Permission.OPERATE, Permission.OPERATE_PLACEMENTS})
    operator = caller(permissions=allowed, organizations=frozenset({"others"}))
    named = bench.placement.id, bench.placement.server_id(0)

    with pytest.raises(NotFound, match="the placement does not exist"):
        power_placement_server(bench.services, operator, *named, PowerAction.STOP, frozenset({ORGANIZATION}))
    with pytest.raises(NotFound, match="the placement does not exist"):
        reconcile_placement_server(bench.services, operator, *named, None, frozenset({ORGANIZATION}))


def test_an_action_leaves_an_audit_line_with_the_server() -> None:
    bench = _running()
    _power(bench, PowerAction.HARD_REBOOT, 1)
    line = bench.world.telemetry.audits[-1]
    assert (line.actor, line.action, line.target, line.outcome) == (
        caller().subject,
        "hard_reboot_placement_server",
        bench.placement.id,
        "accepted",
    )


def test_a_provider_that_does_not_answer_is_no_success() -> None:
    bench = _running()
    bench.provider.down = True

    with pytest.raises(ProviderUnavailable):
        _power(bench, PowerAction.STOP)


# Reconcile.


def test_reconcile_gives_one_drifted_server_the_wanted_image() -> None:
    bench = _running()
    bench.want(NEW_IMAGE, rolling=False)
    _reconcile(bench, 2)
    assert bench.provider.rebuilt == [2]
    assert bench.servers[2].image_id == NEW_IMAGE
    assert bench.placement.status is PlacementStatus.PROVISIONED


def test_reconcile_does_nothing_to_a_server_that_has_the_image_or_is_getting_it() -> None:
    bench = _running()
    _reconcile(bench)
    bench.want(NEW_IMAGE, rolling=False)
    _reconcile(bench)
    _reconcile(bench)
    bench.provider.boot()
    _reconcile(bench)
    assert bench.provider.rebuilt == [0]


def test_reconcile_on_a_condition_does_nothing() -> None:
    bench = _running()
    bench.want(NEW_IMAGE, rolling=False)

    with pytest.raises(StateConflict, match="If-Match"):
        _reconcile(bench, if_match='"anything"')

    assert bench.provider.rebuilt == []


def test_reconcile_of_a_failed_server_tries_again_and_the_placement_recovers() -> None:
    bench = _failed(1)
    _reconcile(bench, 1)
    assert bench.provider.rebuilt == [1]
    found = bench.placement
    assert (found.status, found.failure, found.attempt) == (PlacementStatus.PROVISIONING, None, 1)
    assert list(bench.world.workflows.executions) == [found.execution]
    assert bench.settle() is Step.DONE
    assert bench.placement.status is PlacementStatus.PROVISIONED


def test_reconcile_of_one_of_two_failed_servers_leaves_the_placement_in_error() -> None:
    bench = _failed(1, 2)
    _reconcile(bench, 1)
    assert bench.settle() is Step.DONE
    assert bench.placement.status is PlacementStatus.ERROR
    assert bench.placement.failure == ("workers-2 failed: disk, and no fit host of the reservation is free")


def test_a_placement_in_error_whose_servers_came_up_after_all_recovers_by_a_reconcile() -> None:
    """As after a crash between the provider's answer and the write of the record."""
    bench = _failed(1)
    bench.provider.move(ServerState.RUNNING, 1)
    _reconcile(bench, 1)
    assert bench.provider.rebuilt == []
    assert bench.settle() is Step.DONE
    assert bench.placement.status is PlacementStatus.PROVISIONED


def test_reconcile_deploys_a_server_that_could_not_be_deployed() -> None:
    bench = Bench(room=False)
    bench.provider.held.discard("pod1-rack02-tray02")
    bench.provider.hold_outcome = HoldOutcome.OCCUPIED
    assert bench.settle() is Step.DONE
    assert bench.placement.failure is not None
    bench.provider.hold_outcome = HoldOutcome.HELD
    _reconcile(bench, 1)
    assert bench.settle() is Step.DONE
    assert bench.placement.status is PlacementStatus.PROVISIONED


def test_reconcile_deploys_a_server_that_the_provider_has_lost() -> None:
    bench = _running()
    bench.provider.move(ServerState.DELETING, 1)
    bench.provider.drop()
    _reconcile(bench, 1)
    assert bench.placement.is_unsettled
    assert bench.settle() is Step.DONE
    assert bench.placement.status is PlacementStatus.PROVISIONED
    assert [server.ordinal for server in bench.servers] == [0, 1, 2, 3]


def test_a_server_that_is_being_deployed_cannot_be_reconciled_yet() -> None:
    bench = Bench()

    with pytest.raises(StateConflict, match="not there yet"):
        _reconcile(bench)


def test_reconcile_waits_for_a_server_that_stops() -> None:
    bench = _running()
    bench.want(NEW_IMAGE, rolling=False)
    bench.provider.move(ServerState.STOPPING, 0)

    with pytest.raises(StateConflict, match="does not allow"):
        _reconcile(bench)


def test_a_delete_beside_a_reconcile_wins() -> None:
    bench = _failed(1)
    bench.world.db.before("put_item", lambda *_: bench.delete())
    _reconcile(bench, 1)
    assert bench.placement.status is PlacementStatus.DEPROVISIONING
    assert bench.world.workflows.executions == {}


def test_a_reconcile_whose_workflow_cannot_be_started_is_left_to_the_schedule() -> None:
    bench = _failed(1)
    bench.world.workflows.down = True
    _reconcile(bench, 1)
    assert bench.placement.is_unsettled
    assert bench.placement.attempt == 1
