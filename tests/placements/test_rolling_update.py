"""Rounds of a placement after its image was changed: what is rebuilt, when, and when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_capacity.holders.steps import Step
from gpu_capacity.placements.progress import is_provisioned
from gpu_capacity.placements.record import PlacementStatus
from gpu_capacity.providers.port import ActionOutcome, ServerState
from testkit.placements import rolling
from tests.placements.bench import NEW_IMAGE, Bench, is_settled, provisioned_bench

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.providers.port import Server

PROVISIONED, ERROR = PlacementStatus.PROVISIONED, PlacementStatus.ERROR
DAY = 86_400


@pytest.mark.parametrize(("max_unavailable", "at_once"), [(None, 1), ("2", 2), ("26%", 2), ("99", 4)])
def test_an_update_rolls_over_the_servers_a_few_at_a_time(max_unavailable: str | None, at_once: int) -> None:
    bench = provisioned_bench(strategy=rolling(max_unavailable))
    bench.want()
    assert bench.round() is Step.WAITING
    assert bench.provider.rebuilt == list(range(at_once))
    assert bench.round() is Step.WAITING
    assert bench.provider.rebuilt == list(range(at_once))
    assert bench.settle() is Step.DONE
    assert is_settled(bench, PROVISIONED)
    assert bench.provider.rebuilt == [0, 1, 2, 3]
    assert {server.image_id for server in bench.servers} == {NEW_IMAGE}


def test_manual_rebuilds_nothing_and_settles() -> None:
    bench = Bench()
    bench.round()
    bench.want(rolling=True)
    assert bench.settle() is Step.DONE
    assert is_settled(bench, PROVISIONED)
    assert bench.provider.rebuilt == []


def test_an_update_of_a_placement_that_is_still_deploying_gives_the_new_image_to_all() -> None:
    bench = Bench(strategy=rolling("4"))
    bench.round()
    bench.provider.boot(0)
    bench.want()
    assert bench.settle() is Step.DONE
    assert is_settled(bench, PROVISIONED)
    assert {server.image_id for server in bench.servers} == {NEW_IMAGE}


def test_a_failed_server_keeps_its_slot_and_the_update_ends_when_all_slots_are_taken() -> None:
    bench = provisioned_bench(strategy=rolling("2"))
    bench.want()
    bench.round()
    bench.provider.move(ServerState.FAILED, 0, 1, message="disk")
    assert bench.round() is Step.DONE
    assert is_settled(bench, ERROR)
    assert bench.placement.failure == "2 of 4 servers failed, workers-0 first: disk"
    assert bench.provider.rebuilt == [0, 1]
    assert bench.placement.moved == ()


def test_an_update_that_lost_hosts_hold_up_is_no_success() -> None:
    """Other servers have the new image, so it is the host. But the slots are taken, and it cannot go on."""
    bench = provisioned_bench(strategy=rolling("2"), room=False)
    bench.want()
    bench.round()
    bench.provider.move(ServerState.FAILED, 0, message="disk")
    bench.provider.boot()
    assert bench.round() is Step.WAITING
    bench.provider.move(ServerState.FAILED, 2, message="disk")
    assert bench.round() is Step.DONE
    assert is_settled(bench, ERROR)
    assert str(bench.placement.failure).startswith("workers-0 failed: disk, and no fit host")
    assert bench.provider.rebuilt == [0, 1, 2]


def test_a_server_that_fails_on_the_way_to_a_proven_image_moves() -> None:
    bench = provisioned_bench(strategy=rolling("2"))
    bench.want()
    bench.round()
    bench.provider.move(ServerState.FAILED, 0, message="disk")
    bench.provider.boot()
    assert bench.settle() is Step.DONE
    assert is_settled(bench, PROVISIONED)
    assert [moved.ordinal for moved in bench.placement.moved] == [0]
    assert {server.image_id for server in bench.servers} == {NEW_IMAGE}


def test_a_further_change_of_the_image_frees_the_slots() -> None:
    bench = provisioned_bench(strategy=rolling())
    bench.want()
    bench.round()
    bench.provider.move(ServerState.FAILED, 0)
    assert bench.round() is Step.DONE
    assert bench.placement.status is ERROR
    bench.want("ubuntu-26.10")
    assert bench.settle() is Step.DONE
    assert is_settled(bench, PROVISIONED)
    assert bench.placement.failure is None
    assert {server.image_id for server in bench.servers} == {"ubuntu-26.10"}


def test_a_further_change_of_the_image_frees_the_slot_of_a_server_that_hangs() -> None:
    bench = provisioned_bench(strategy=rolling())
    bench.want()
    bench.round()
    bench.want("ubuntu-26.10")
    assert bench.round() is Step.WAITING
    assert bench.provider.rebuilt == [0, 0]
    assert bench.settle() is Step.DONE
    assert {server.image_id for server in bench.servers} == {"ubuntu-26.10"}


def test_an_update_that_is_taken_back_leaves_servers_alone_that_never_had_it() -> None:
    bench = provisioned_bench(strategy=rolling())
    bench.want()
    bench.round()
    bench.want("ubuntu-24.04")
    assert bench.settle() is Step.DONE
    assert is_settled(bench, PROVISIONED)
    assert bench.provider.rebuilt == [0, 0]


def test_a_rebuild_that_is_late_does_not_leave_a_server_with_an_image_that_was_taken_back() -> None:
    """A round has decided to rebuild; before its call arrives the image is taken back and all is settled."""
    bench = provisioned_bench(strategy=rolling())
    bench.want()
    rebuild = bench.provider.rebuild

    def late(*arguments: Any) -> ActionOutcome:
        bench.provider.rebuild = rebuild  # type: ignore[method-assign]
        bench.want("ubuntu-24.04")
        assert bench.settle() is Step.DONE
        assert is_settled(bench, PROVISIONED)
        return rebuild(*arguments)

    bench.provider.rebuild = late  # type: ignore[assignment, method-assign]
    assert bench.round() is Step.WAITING
    assert bench.servers[0].image_id == NEW_IMAGE
    assert bench.round() is Step.AGAIN
    assert not is_settled(bench, PROVISIONED)
    assert bench.settle() is Step.DONE
    assert is_settled(bench, PROVISIONED)
    assert {server.image_id for server in bench.servers} == {"ubuntu-24.04"}


def test_what_an_execution_did_before_it_ends_is_seen_by_the_one_that_goes_on() -> None:
    """The present one has looked at the servers; then a rebuild arrives, and the execution it is of ends."""
    bench = provisioned_bench(strategy=rolling())
    bench.want()
    older, host_id, servers = bench.placement, bench.servers[0].host_id, bench.provider.servers
    bench.want("ubuntu-24.04")

    def looked_at(owner: str) -> Sequence[Server]:
        bench.provider.servers = servers  # type: ignore[method-assign]
        seen = servers(owner)
        bench.provider.rebuild(owner, host_id, older.image_id, older.generation)
        assert bench.round(older.execution) is Step.SUPERSEDED
        return seen

    bench.provider.servers = looked_at  # type: ignore[method-assign]
    assert bench.round(bench.placement.execution) is Step.AGAIN
    assert bench.settle() is Step.DONE
    assert is_settled(bench, PROVISIONED)
    assert {server.image_id for server in bench.servers} == {"ubuntu-24.04"}


def test_a_long_update_is_not_given_up_while_it_goes_on() -> None:
    bench = provisioned_bench(strategy=rolling())
    bench.want()
    for _ in range(4):
        assert bench.round() is Step.WAITING
        bench.clock.advance(bench.services.limits.provisioning_seconds_max - 1)
        bench.provider.boot()
    assert bench.round() is Step.DONE
    assert is_settled(bench, PROVISIONED)


def test_a_server_that_hangs_in_an_update_is_given_up_and_the_others_keep_their_image() -> None:
    bench = provisioned_bench(strategy=rolling())
    bench.want()
    bench.round()
    bench.clock.advance(bench.services.limits.provisioning_seconds_max)
    assert bench.round() is Step.DONE
    assert bench.placement.status is ERROR
    assert bench.provider.rebuilt == [0]


def test_a_server_that_may_not_be_rebuilt_now_is_waited_for() -> None:
    bench = provisioned_bench(strategy=rolling())
    bench.want()
    bench.provider.move(ServerState.STOPPING, 0)
    assert bench.round() is Step.WAITING
    bench.provider.move(ServerState.STOPPED, 0)
    assert bench.round() is Step.WAITING
    assert bench.provider.rebuilt == [0]


def test_a_server_that_may_never_be_rebuilt_is_given_up() -> None:
    bench = provisioned_bench(strategy=rolling())
    bench.want()
    bench.provider.move(ServerState.STOPPING, 0)
    bench.clock.advance(bench.services.limits.provisioning_seconds_max)
    assert bench.round() is Step.DONE
    assert bench.placement.failure == "1 of 4 servers could not be rebuilt"


def test_a_change_of_the_image_while_a_round_settles_makes_it_read_again() -> None:
    bench = provisioned_bench(strategy=rolling())
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
    bench = provisioned_bench(strategy=rolling(str(budget)))
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
    assert is_settled(bench, PROVISIONED)
    assert {server.image_id for server in bench.servers} == {"last"}
