"""The workflow of a placement: rounds until the record asks for nothing. Every round may run twice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_capacity.deadline import Deadline
from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.placements.progress import is_provisioned
from gpu_capacity.placements.record import Networking, PlacementStatus, StrategyType, UpdateStrategy
from gpu_capacity.placements.settle import Step
from gpu_capacity.providers.port import ActionOutcome, DeployOutcome, ServerState
from gpu_capacity.reservations.record import Status
from testkit.world import ORGANIZATION
from tests.placements.bench import NEW_IMAGE, Bench

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.providers.port import Server

PROVISIONED, ERROR = PlacementStatus.PROVISIONED, PlacementStatus.ERROR
DAY = 86_400


def _rolling(max_unavailable: str | None = None) -> UpdateStrategy:
    return UpdateStrategy(
        StrategyType.ROLLING_UPDATE,
        rolling_update=max_unavailable is not None,
        max_unavailable=max_unavailable,
    )


def _provisioned(**changes: Any) -> Bench:
    bench = Bench(**changes)
    assert bench.settle() is Step.DONE
    assert bench.placement.status is PROVISIONED
    return bench


def _is_settled(bench: Bench, status: PlacementStatus) -> bool:
    found = bench.placement
    return found.status is status and found.unsettled_since is None and not found.is_unsettled


# Deploying.


def test_a_server_is_deployed_on_every_host_and_then_the_placement_is_provisioned() -> None:
    bench = Bench()
    assert bench.round() is Step.WAITING
    assert bench.placement.status is PlacementStatus.PROVISIONING
    assert [server.ordinal for server in bench.servers] == [0, 1, 2, 3]
    bench.provider.boot(0, 1, 2)
    assert bench.round() is Step.WAITING
    bench.provider.boot()
    assert bench.round() is Step.DONE
    assert _is_settled(bench, PROVISIONED)
    assert bench.round() is Step.DONE


def test_an_order_has_all_that_the_customer_asked_for() -> None:
    networking = Networking(("10.0.0.0/8",), public_ip=True, security_groups=("ssh-only",))
    bench = Bench(networking=networking, ssh_certificate_authority_id="team", user_data=b"#!/bin/sh\n")
    bench.round()
    order, placement = bench.provider.orders[0], bench.placement
    owner = bench.services.reservations.get(ORGANIZATION, bench.reservation_id).server_owner
    assert (order.owner, order.holder_id) == (placement.server_owner, owner)
    assert (order.ordinal, order.name, order.host_id) == (0, "workers-0", "pod1-rack02-tray00")
    assert (order.image_id, order.generation, order.network_id) == (
        "ubuntu-24.04",
        1,
        placement.network_id,
    )
    assert (order.allowed_source_addresses, order.public_ip) == (("10.0.0.0/8",), True)
    assert (order.security_groups, order.ssh_certificate_authority_id) == (("ssh-only",), "team")
    assert order.user_data == "IyEvYmluL3NoCg=="
    assert [order.host_id for order in bench.provider.orders[1:]] == [
        "pod1-rack02-tray02",
        "pod1-rack02-tray03",
        "pod1-rack03-tray00",
    ]


def test_a_round_that_runs_twice_deploys_once() -> None:
    bench = Bench()
    bench.round()
    bench.round()
    assert len(bench.provider.orders) == 4


def test_servers_are_deployed_in_as_many_rounds_as_they_take() -> None:
    bench = Bench()
    short = replace(bench.services, deadline=_ending_in(2))
    bench.services, whole = short, bench.services
    assert bench.round() is Step.AGAIN
    assert bench.provider.orders == []
    bench.services = whole
    assert bench.settle() is Step.DONE
    assert _is_settled(bench, PROVISIONED)


def _ending_in(seconds: float) -> Deadline:
    deadline = Deadline(lambda: 0.0)
    deadline.arm(seconds)
    return deadline


@pytest.mark.parametrize(
    ("arrange", "why"),
    [
        (lambda b: b.provider.held.discard("pod1-rack02-tray02"), "the host of workers-1 is not held"),
        (lambda b: b.provider.fence(b.placement.server_owner), "the provider takes no servers"),
        (lambda b: b.world.db.delete_item(**_record_of_the_reservation(b)), "its reservation does not exist"),
        (
            lambda b: b.world.load(
                (replace(b.world.pods[0], version=2, domains=b.world.pods[0].domains[:3]),)
            ),
            "the host of workers-3 is missing from the inventory",
        ),
    ],
    ids=["not held", "fenced", "no reservation", "no hardware"],
)
def test_a_server_that_cannot_be_deployed_makes_the_placement_error(arrange: Any, why: str) -> None:
    bench = Bench()
    arrange(bench)
    assert bench.round() is Step.DONE
    assert _is_settled(bench, ERROR)
    assert why in str(bench.placement.failure)


def _record_of_the_reservation(bench: Bench) -> dict[str, Any]:
    item = next(
        item
        for item in bench.world.db.table("holders").items()
        if item["sk"]["S"].endswith(bench.reservation_id)
    )
    return {"TableName": "holders", "Key": {"pk": item["pk"], "sk": item["sk"]}}


def test_an_occupied_host_makes_the_placement_error_and_the_other_servers_stay() -> None:
    bench, other = Bench(), replace(Bench().placement, id="d20b6a52-4b1e-4f0f-9d3c-5a1de0f4b7a3")
    bench.round()
    stranger = replace(bench.provider.orders[0], owner=other.server_owner)
    bench.provider.undeploy(bench.placement.server_owner, [stranger.host_id])
    bench.provider.deploy([stranger])
    assert bench.round() is Step.DONE
    assert bench.placement.failure == "the host of workers-0 is occupied by another server"
    assert len(bench.servers) == 3


def test_a_server_that_fails_makes_the_placement_error_once_the_others_are_up() -> None:
    bench = Bench()
    bench.round()
    bench.provider.move(ServerState.FAILED, 2, message="no link on port 1")
    bench.provider.boot(0, 1)
    assert bench.round() is Step.WAITING
    bench.provider.boot()
    assert bench.round() is Step.DONE
    assert _is_settled(bench, ERROR)
    assert bench.placement.failure == "1 of 4 servers failed, workers-2 first: no link on port 1"
    assert len(bench.servers) == 4


def test_a_server_that_never_comes_up_is_given_up() -> None:
    bench = Bench()
    bench.round()
    bench.provider.boot(0, 1, 2)
    limit = bench.services.limits.provisioning_seconds_max
    bench.clock.advance(limit - 1)
    assert bench.round() is Step.WAITING
    bench.clock.advance(1)
    assert bench.round() is Step.DONE
    assert _is_settled(bench, ERROR)
    assert bench.placement.failure == "1 of 4 servers were not up when the time was over"


def test_servers_that_are_accepted_but_never_listed_are_given_up() -> None:
    bench = Bench()
    bench.provider.deploy = lambda orders: dict.fromkeys(  # type: ignore[method-assign]
        (order.host_id for order in orders), DeployOutcome.DEPLOYED
    )
    assert bench.round() is Step.WAITING
    bench.clock.advance(bench.services.limits.provisioning_seconds_max)
    assert bench.round() is Step.DONE
    assert _is_settled(bench, ERROR)
    assert bench.placement.failure == "4 of 4 servers were not there when the time was over"


def test_servers_that_are_first_deployed_after_a_long_outage_get_their_time() -> None:
    bench = Bench()
    bench.provider.down = True
    with pytest.raises(ProviderUnavailable):
        bench.round()
    bench.clock.advance(DAY)
    bench.provider.down = False
    assert bench.settle() is Step.DONE
    assert _is_settled(bench, PROVISIONED)


def test_a_long_reason_is_cut() -> None:
    bench = Bench()
    bench.round()
    bench.provider.move(ServerState.FAILED, message="x" * 5000)
    bench.round()
    assert len(str(bench.placement.failure)) == 500


def test_a_provider_that_does_not_answer_changes_nothing() -> None:
    bench = Bench()
    bench.round()
    before, bench.provider.down = bench.placement, True

    with pytest.raises(ProviderUnavailable):
        bench.round()

    assert bench.placement == before


def test_a_customer_who_stops_a_server_early_does_not_hold_the_placement_up() -> None:
    bench = Bench()
    bench.round()
    bench.provider.boot()
    bench.provider.move(ServerState.STOPPED, 1)
    assert bench.round() is Step.DONE
    assert _is_settled(bench, PROVISIONED)


# Updates.


@pytest.mark.parametrize(("max_unavailable", "at_once"), [(None, 1), ("2", 2), ("26%", 2), ("99", 4)])
def test_an_update_rolls_over_the_servers_a_few_at_a_time(max_unavailable: str | None, at_once: int) -> None:
    bench = _provisioned(strategy=_rolling(max_unavailable))
    bench.want()
    assert bench.round() is Step.WAITING
    assert bench.provider.rebuilt == list(range(at_once))
    assert bench.round() is Step.WAITING
    assert bench.provider.rebuilt == list(range(at_once))
    assert bench.settle() is Step.DONE
    assert _is_settled(bench, PROVISIONED)
    assert bench.provider.rebuilt == [0, 1, 2, 3]
    assert {server.image_id for server in bench.servers} == {NEW_IMAGE}


def test_manual_rebuilds_nothing_and_settles() -> None:
    bench = Bench()
    bench.round()
    bench.want(rolling=True)
    assert bench.settle() is Step.DONE
    assert _is_settled(bench, PROVISIONED)
    assert bench.provider.rebuilt == []


def test_an_update_of_a_placement_that_is_still_deploying_gives_the_new_image_to_all() -> None:
    bench = Bench(strategy=_rolling("4"))
    bench.round()
    bench.provider.boot(0)
    bench.want()
    assert bench.settle() is Step.DONE
    assert _is_settled(bench, PROVISIONED)
    assert {server.image_id for server in bench.servers} == {NEW_IMAGE}


def test_a_failed_server_keeps_its_slot_and_the_update_ends_when_all_slots_are_taken() -> None:
    bench = _provisioned(strategy=_rolling("2"))
    bench.want()
    bench.round()
    bench.provider.move(ServerState.FAILED, 0, message="disk")
    bench.provider.boot()
    assert bench.round() is Step.WAITING
    assert bench.provider.rebuilt == [0, 1, 2]
    bench.provider.move(ServerState.FAILED, 2, message="disk")
    assert bench.round() is Step.DONE
    assert _is_settled(bench, ERROR)
    assert bench.placement.failure == "2 of 4 servers failed, workers-0 first: disk"
    assert bench.provider.rebuilt == [0, 1, 2]


def test_a_further_change_of_the_image_frees_the_slots() -> None:
    bench = _provisioned(strategy=_rolling())
    bench.want()
    bench.round()
    bench.provider.move(ServerState.FAILED, 0)
    assert bench.round() is Step.DONE
    assert bench.placement.status is ERROR
    bench.want("ubuntu-26.10")
    assert bench.settle() is Step.DONE
    assert _is_settled(bench, PROVISIONED)
    assert bench.placement.failure is None
    assert {server.image_id for server in bench.servers} == {"ubuntu-26.10"}


def test_a_further_change_of_the_image_frees_the_slot_of_a_server_that_hangs() -> None:
    bench = _provisioned(strategy=_rolling())
    bench.want()
    bench.round()
    bench.want("ubuntu-26.10")
    assert bench.round() is Step.WAITING
    assert bench.provider.rebuilt == [0, 0]
    assert bench.settle() is Step.DONE
    assert {server.image_id for server in bench.servers} == {"ubuntu-26.10"}


def test_an_update_that_is_taken_back_leaves_servers_alone_that_never_had_it() -> None:
    bench = _provisioned(strategy=_rolling())
    bench.want()
    bench.round()
    bench.want("ubuntu-24.04")
    assert bench.settle() is Step.DONE
    assert _is_settled(bench, PROVISIONED)
    assert bench.provider.rebuilt == [0, 0]


def test_a_rebuild_that_is_late_does_not_leave_a_server_with_an_image_that_was_taken_back() -> None:
    """A round has decided to rebuild; before its call arrives the image is taken back and all is settled."""
    bench = _provisioned(strategy=_rolling())
    bench.want()
    rebuild = bench.provider.rebuild

    def late(*arguments: Any) -> ActionOutcome:
        bench.provider.rebuild = rebuild  # type: ignore[method-assign]
        bench.want("ubuntu-24.04")
        assert bench.settle() is Step.DONE
        assert _is_settled(bench, PROVISIONED)
        return rebuild(*arguments)

    bench.provider.rebuild = late  # type: ignore[assignment, method-assign]
    assert bench.round() is Step.WAITING
    assert bench.servers[0].image_id == NEW_IMAGE
    assert bench.round() is Step.AGAIN
    assert not _is_settled(bench, PROVISIONED)
    assert bench.settle() is Step.DONE
    assert _is_settled(bench, PROVISIONED)
    assert {server.image_id for server in bench.servers} == {"ubuntu-24.04"}


def test_what_an_execution_did_before_it_ends_is_seen_by_the_one_that_goes_on() -> None:
    """The present one has looked at the servers; then a rebuild arrives, and the execution it is of ends."""
    bench = _provisioned(strategy=_rolling())
    bench.want()
    older, host_id, servers = bench.placement, bench.servers[0].host_id, bench.provider.servers
    bench.want("ubuntu-24.04")

    def looked_at(owner: str) -> Sequence[Server]:
        bench.provider.servers = servers  # type: ignore[method-assign]
        seen = servers(owner)
        bench.provider.rebuild(owner, host_id, older.image_id, older.generation)
        assert bench.round(older.execution) is Step.DONE
        return seen

    bench.provider.servers = looked_at  # type: ignore[method-assign]
    assert bench.round(bench.placement.execution) is Step.AGAIN
    assert bench.settle() is Step.DONE
    assert _is_settled(bench, PROVISIONED)
    assert {server.image_id for server in bench.servers} == {"ubuntu-24.04"}


def test_a_long_update_is_not_given_up_while_it_goes_on() -> None:
    bench = _provisioned(strategy=_rolling())
    bench.want()
    for _ in range(4):
        assert bench.round() is Step.WAITING
        bench.clock.advance(bench.services.limits.provisioning_seconds_max - 1)
        bench.provider.boot()
    assert bench.round() is Step.DONE
    assert _is_settled(bench, PROVISIONED)


def test_a_server_that_hangs_in_an_update_is_given_up_and_the_others_keep_their_image() -> None:
    bench = _provisioned(strategy=_rolling())
    bench.want()
    bench.round()
    bench.clock.advance(bench.services.limits.provisioning_seconds_max)
    assert bench.round() is Step.DONE
    assert bench.placement.status is ERROR
    assert bench.provider.rebuilt == [0]


def test_a_server_that_may_not_be_rebuilt_now_is_waited_for() -> None:
    bench = _provisioned(strategy=_rolling())
    bench.want()
    bench.provider.move(ServerState.STOPPING, 0)
    assert bench.round() is Step.WAITING
    bench.provider.move(ServerState.STOPPED, 0)
    assert bench.round() is Step.WAITING
    assert bench.provider.rebuilt == [0]


def test_a_server_that_may_never_be_rebuilt_is_given_up() -> None:
    bench = _provisioned(strategy=_rolling())
    bench.want()
    bench.provider.move(ServerState.STOPPING, 0)
    bench.clock.advance(bench.services.limits.provisioning_seconds_max)
    assert bench.round() is Step.DONE
    assert bench.placement.failure == "1 of 4 servers could not be rebuilt"


def test_a_change_of_the_image_while_a_round_settles_makes_it_read_again() -> None:
    bench = _provisioned(strategy=_rolling())
    bench.want()
    for _ in range(4):
        bench.round()
        bench.provider.boot()
    bench.world.db.before("put_item", lambda *_: bench.want("ubuntu-26.10"))
    assert bench.round() is Step.AGAIN
    assert bench.settle() is Step.DONE
    assert {server.image_id for server in bench.servers} == {"ubuntu-26.10"}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["round", "boot", "fail", "stop", "image"]), max_size=30),
    st.integers(1, 4),
)
def test_no_more_servers_are_out_of_service_because_of_an_update_than_may_be(
    events: list[str], budget: int
) -> None:
    bench = _provisioned(strategy=_rolling(str(budget)))
    images = 0
    for event in events:
        match event:
            case "round":
                down = sum(not is_provisioned(server) for server in bench.servers)
                bench.round()
                after = sum(not is_provisioned(server) for server in bench.servers)
                assert after <= max(down, budget)
            case "boot":
                bench.provider.boot()
            case "fail":
                moving = [s.ordinal for s in bench.servers if s.state is ServerState.REBUILDING]
                if moving:
                    bench.provider.move(ServerState.FAILED, moving[0])
            case "stop":
                running = [s.ordinal for s in bench.servers if s.state is ServerState.RUNNING]
                if running:
                    bench.provider.move(ServerState.STOPPED, running[0])
            case "image":
                images += 1
                bench.want(f"image-{images}")
    bench.want("last")
    assert bench.settle() is Step.DONE
    assert _is_settled(bench, PROVISIONED)
    assert {server.image_id for server in bench.servers} == {"last"}


# Deleting.


def test_a_delete_removes_the_servers_then_the_record_and_gives_the_hosts_back() -> None:
    bench = _provisioned()
    bench.provider.stubborn = True
    bench.delete()
    assert bench.round() is Step.WAITING
    assert {server.state for server in bench.servers} == {ServerState.DELETING}
    assert bench.round() is Step.WAITING
    bench.provider.drop()
    assert bench.round() is Step.DONE
    assert bench.is_gone
    kept = bench.services.reservations.get(ORGANIZATION, bench.reservation_id)
    assert (kept.status, kept.occupied) == (Status.PROVISIONED, {})
    assert bench.round() is Step.DONE


def test_a_delete_while_a_round_deploys_leaves_no_server() -> None:
    bench = Bench()
    bench.round()
    orders, bench.provider.orders[:] = list(bench.provider.orders), []
    bench.delete()
    bench.settle()
    assert bench.is_gone
    assert set(bench.provider.deploy(orders).values()) == {DeployOutcome.FENCED}
    assert bench.provider.orders == []


def test_a_delete_in_the_middle_of_an_update_wins() -> None:
    bench = _provisioned(strategy=_rolling())
    bench.want()
    bench.round()
    bench.delete()
    assert bench.settle() is Step.DONE
    assert bench.is_gone


def test_a_delete_that_takes_too_long_raises_an_alarm_and_goes_on() -> None:
    bench = _provisioned()
    bench.provider.stubborn = True
    bench.delete()
    bench.clock.advance(bench.services.limits.teardown_seconds_max)
    assert bench.round() is Step.OVERDUE
    bench.provider.drop()
    assert bench.round() is Step.DONE
    assert bench.is_gone


def test_a_removal_gives_back_what_the_quota_counted() -> None:
    bench = _provisioned(counted=True)
    bench.world.set_quota(10, "placement_servers", used=7)
    bench.delete()
    bench.settle()
    assert bench.world.quota_used("placement_servers") == 3


def test_a_placement_whose_reservation_is_gone_is_removed_alone() -> None:
    bench = _provisioned()
    bench.world.db.delete_item(**_record_of_the_reservation(bench))
    bench.delete()
    assert bench.settle() is Step.DONE
    assert bench.is_gone


def test_a_change_of_the_reservation_beside_a_removal_makes_the_round_read_again() -> None:
    bench = _provisioned()
    bench.delete()
    assert bench.round() is Step.WAITING
    key = (ORGANIZATION, bench.reservation_id)

    def rival(*_: object) -> None:
        before = bench.services.reservations.get(*key)
        bench.services.reservations.change(before, replace(before, name="renamed"))

    bench.world.db.before("transact_write_items", rival)
    assert bench.round() is Step.AGAIN
    assert bench.settle() is Step.DONE
    assert bench.is_gone
    kept = bench.services.reservations.get(*key)
    assert (kept.name, kept.occupied) == ("renamed", {})


@pytest.mark.parametrize("status", [PROVISIONED, ERROR])
def test_a_settled_placement_asks_the_provider_nothing(status: PlacementStatus) -> None:
    bench = Bench(status=status, unsettled_since=None)
    bench.provider.down = True
    assert bench.round() is Step.DONE


def test_each_change_of_the_status_writes_one_audit_line() -> None:
    bench = _provisioned()
    bench.delete()
    bench.settle()
    lines = [(line.actor, line.action, line.outcome) for line in bench.world.telemetry.audits]
    assert lines == [
        ("workflow:settle_placement", "begin", "provisioning"),
        ("workflow:settle_placement", "complete", "provisioned"),
        ("workflow:settle_placement", "complete_teardown", "gone"),
    ]
