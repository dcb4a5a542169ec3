"""The workflow of a placement: rounds until the record asks for nothing. Every round may run twice."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from gpu_capacity.deadline import Deadline
from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.holders.steps import Step
from gpu_capacity.placements.record import Networking, PlacementStatus
from gpu_capacity.providers.port import DeployOutcome, HoldOutcome, ServerState
from gpu_capacity.reservations.record import Status
from testkit.placements import rolling
from testkit.world import ORGANIZATION
from tests.placements.bench import Bench, is_settled, provisioned_bench

PROVISIONED, ERROR = PlacementStatus.PROVISIONED, PlacementStatus.ERROR
DAY = 86_400


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
    assert is_settled(bench, PROVISIONED)
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
    assert is_settled(bench, PROVISIONED)


def _ending_in(seconds: float) -> Deadline:
    deadline = Deadline(lambda: 0.0)
    deadline.arm(seconds)
    return deadline


def _lose(bench: Bench, outcome: HoldOutcome) -> None:
    bench.provider.held.discard("pod1-rack02-tray02")
    bench.provider.hold_outcome = outcome


def test_a_host_that_the_fleet_has_got_since_is_held_first() -> None:
    bench = Bench()
    _lose(bench, HoldOutcome.HELD)
    assert bench.round() is Step.WAITING
    assert [server.ordinal for server in bench.servers] == [0, 2, 3]
    assert bench.settle() is Step.DONE
    assert is_settled(bench, PROVISIONED)
    assert len(bench.servers) == 4


def test_a_host_that_is_never_ready_is_given_up_in_the_end() -> None:
    bench = Bench(room=False)
    bench.provider.held.discard("pod1-rack02-tray02")
    bench.provider.unfit = True
    assert bench.round() is Step.WAITING
    bench.provider.boot()
    bench.clock.advance(DAY)
    assert bench.round() is Step.DONE
    assert bench.placement.failure == (
        "workers-1 was not there when the time was over, and no fit host of the reservation is free"
    )


@pytest.mark.parametrize(
    ("arrange", "why"),
    [
        (
            partial(_lose, outcome=HoldOutcome.FENCED),
            "workers-1 cannot be there: the host is not held for the reservation any more, and no fit host",
        ),
        (
            partial(_lose, outcome=HoldOutcome.OCCUPIED),
            "workers-1 cannot be there: the host is held for another holder",
        ),
        (
            lambda b: (
                b.provider.held.discard("pod1-rack02-tray02"),
                b.provider.faulty.add("pod1-rack02-tray02"),
            ),
            "workers-1 cannot be there: the host is unfit: no link",
        ),
        (lambda b: b.provider.fence(b.placement.server_owner), "the provider takes no servers"),
        (lambda b: b.world.db.delete_item(**_record_of_the_reservation(b)), "its reservation does not exist"),
        (
            lambda b: b.world.load(
                (replace(b.world.pods[0], version=2, domains=b.world.pods[0].domains[:3]),)
            ),
            "workers-3 has a host that is missing from the inventory",
        ),
    ],
    ids=["released", "lost", "unfit", "fenced", "no reservation", "no hardware"],
)
def test_a_server_that_cannot_be_deployed_makes_the_placement_error(arrange: Any, why: str) -> None:
    """Where the reservation has no other host for it."""
    bench = Bench(room=False)
    arrange(bench)
    assert bench.settle() is Step.DONE
    assert is_settled(bench, ERROR)
    assert why in str(bench.placement.failure)


def _record_of_the_reservation(bench: Bench) -> dict[str, Any]:
    item = next(
        item
        for item in bench.world.db.table("holders").items()
        if item["sk"]["S"].endswith(bench.reservation_id)
    )
    return {"TableName": "holders", "Key": {"pk": item["pk"], "sk": item["sk"]}}


def test_an_occupied_host_makes_the_placement_error_and_the_other_servers_stay() -> None:
    bench, other = Bench(room=False), replace(Bench().placement, id="d20b6a52-4b1e-4f0f-9d3c-5a1de0f4b7a3")
    bench.round()
    stranger = replace(bench.provider.orders[0], owner=other.server_owner)
    bench.provider.undeploy(bench.placement.server_owner, [stranger.host_id])
    bench.provider.deploy([stranger])
    assert bench.settle() is Step.DONE
    assert bench.placement.failure == (
        "workers-0 cannot be there: the host is occupied by another server, and no fit host of the "
        "reservation is free"
    )
    assert len(bench.servers) == 3


def test_a_server_that_fails_makes_the_placement_error_once_the_others_are_up() -> None:
    bench = Bench(room=False)
    bench.round()
    bench.provider.move(ServerState.FAILED, 2, message="no link on port 1")
    bench.provider.boot(0, 1)
    assert bench.round() is Step.WAITING
    bench.provider.boot()
    assert bench.round() is Step.DONE
    assert is_settled(bench, ERROR)
    assert bench.placement.failure == (
        "workers-2 failed: no link on port 1, and no fit host of the reservation is free"
    )
    assert len(bench.servers) == 4


def test_a_server_that_never_comes_up_is_given_up() -> None:
    bench = Bench(room=False)
    bench.round()
    bench.provider.boot(0, 1, 2)
    limit = bench.services.limits.provisioning_seconds_max
    bench.clock.advance(limit - 1)
    assert bench.round() is Step.WAITING
    bench.clock.advance(1)
    assert bench.round() is Step.DONE
    assert is_settled(bench, ERROR)
    assert bench.placement.failure == (
        "workers-3 was not up when the time was over, and no fit host of the reservation is free"
    )


def test_servers_that_are_accepted_but_never_listed_are_given_up() -> None:
    bench = Bench(room=False)
    bench.provider.deploy = lambda orders: dict.fromkeys(  # type: ignore[method-assign]
        (order.host_id for order in orders), DeployOutcome.DEPLOYED
    )
    assert bench.round() is Step.WAITING
    bench.clock.advance(bench.services.limits.provisioning_seconds_max)
    assert bench.round() is Step.DONE
    assert is_settled(bench, ERROR)
    assert str(bench.placement.failure).startswith("workers-0 was not there when the time was over, and ")
    assert str(bench.placement.failure).endswith("; so it is with 3 more")


def test_servers_that_are_first_deployed_after_a_long_outage_get_their_time() -> None:
    bench = Bench()
    bench.provider.down = True
    with pytest.raises(ProviderUnavailable):
        bench.round()
    bench.clock.advance(DAY)
    bench.provider.down = False
    assert bench.settle() is Step.DONE
    assert is_settled(bench, PROVISIONED)


def test_a_long_reason_is_cut() -> None:
    bench = Bench(room=False)
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
    assert is_settled(bench, PROVISIONED)


# Deleting.


def test_a_delete_removes_the_servers_then_the_record_and_gives_the_hosts_back() -> None:
    bench = provisioned_bench()
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
    bench = provisioned_bench(strategy=rolling())
    bench.want()
    bench.round()
    bench.delete()
    assert bench.settle() is Step.DONE
    assert bench.is_gone


def test_a_delete_that_takes_too_long_raises_an_alarm_and_goes_on() -> None:
    bench = provisioned_bench()
    bench.provider.stubborn = True
    bench.delete()
    bench.clock.advance(bench.services.limits.teardown_seconds_max)
    assert bench.round() is Step.UNFINISHED
    bench.provider.drop()
    assert bench.round() is Step.DONE
    assert bench.is_gone


def test_a_removal_gives_back_what_the_quota_counted() -> None:
    bench = provisioned_bench(counted=True)
    bench.world.set_quota(10, "placement_servers", used=7)
    bench.delete()
    bench.settle()
    assert bench.world.quota_used("placement_servers") == 3


def test_a_placement_whose_reservation_is_gone_is_removed_alone() -> None:
    bench = provisioned_bench()
    bench.world.db.delete_item(**_record_of_the_reservation(bench))
    bench.delete()
    assert bench.settle() is Step.DONE
    assert bench.is_gone


def test_a_change_of_the_reservation_beside_a_removal_makes_the_round_read_again() -> None:
    bench = provisioned_bench()
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
    bench = provisioned_bench()
    bench.delete()
    bench.settle()
    lines = [(line.actor, line.action, line.outcome) for line in bench.world.telemetry.audits]
    assert lines == [
        ("workflow:settle_placement", "begin", "provisioning"),
        ("workflow:settle_placement", "complete", "provisioned"),
        ("workflow:settle_placement", "complete_teardown", "gone"),
    ]
