"""Servers that lose their hosts move to other hosts of the reservation, and to no other ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.holders.steps import Step
from gpu_capacity.inventory.units import Health
from gpu_capacity.placement.servers import Policy
from gpu_capacity.placements.losses import MOVES_MAX, UNPROVEN_MOVES_MAX
from gpu_capacity.placements.observation import observe
from gpu_capacity.placements.progress import Counts
from gpu_capacity.placements.record import Constraints, PlacementStatus
from gpu_capacity.placements.servers import servers_of
from gpu_capacity.placements.settling import settle_again
from gpu_capacity.providers.port import HoldOutcome, ServerState
from testkit.history import Told
from testkit.placements import rolling
from testkit.world import ORGANIZATION, REGION
from tests.history.test_schemas import check
from tests.placements.bench import NEW_IMAGE, STRANGER, Bench, is_settled, provisioned_bench

PROVISIONED, ERROR = PlacementStatus.PROVISIONED, PlacementStatus.ERROR
FIRST = "pod1-rack02-tray00"


def again(bench: Bench, *, afresh: bool = False) -> None:
    assert settle_again(bench.services, bench.placement, afresh=afresh) is not None


def vanish(bench: Bench, *ordinals: int) -> None:
    """The provider has lost these servers."""
    bench.provider.move(ServerState.DELETING, *ordinals)
    bench.provider.drop()


def quarantined(bench: Bench) -> dict[str, str]:
    found = bench.services.inventory.quarantines([REGION], consistent=True)
    return {host_id: cordon.reason for host_id, cordon in found.items()}


def hosts(bench: Bench) -> dict[int, str]:
    return {server.ordinal: server.host_id for server in bench.servers}


def is_sound(bench: Bench) -> None:
    """The reservation keeps exactly the hosts of the placement for it, and owns them."""
    reservation = bench.services.reservations.get(ORGANIZATION, bench.reservation_id)
    placement = bench.placement
    assert reservation.occupied[placement.id] == placement.hosts
    assert {position for position, _ in placement.hosts} <= set(reservation.positions)
    others = [hosts for name, hosts in reservation.occupied.items() if name != placement.id]
    mine = dict(placement.hosts)
    assert all(not mine.get(position, 0) & mask for other in others for position, mask in other)
    seats = [(position, slot) for _, position, slot in placement.slots()]
    assert len(set(seats)) == placement.count
    left = [(leaving.position, leaving.slot) for leaving in placement.leaving]
    held = {(p, slot) for p, mask in placement.hosts for slot in range(mask.bit_length()) if mask >> slot & 1}
    assert {*seats, *left} == held


@pytest.mark.parametrize(
    "lose", [vanish, lambda b, o: b.provider.move(ServerState.FAILED, o, message="disk")]
)
def test_a_lost_server_moves_within_its_domain_and_keeps_ordinal_name_and_id(lose: Any) -> None:
    bench = provisioned_bench()
    before = bench.placement
    lose(bench, 0)
    again(bench)
    assert bench.settle() is Step.DONE
    assert is_settled(bench, PROVISIONED)
    assert hosts(bench) == {
        0: "pod1-rack02-tray01",
        1: "pod1-rack02-tray02",
        2: "pod1-rack02-tray03",
        3: "pod1-rack03-tray00",
    }
    assert bench.provider.orders[-1].name == "workers-0"
    assert (bench.provider.orders[-1].ordinal, bench.provider.orders[-1].generation) == (0, 1)
    assert bench.placement.server_id(0) == before.server_id(0)
    assert list(quarantined(bench)) == [FIRST]
    assert bench.placement.failure is None
    is_sound(bench)


def test_what_was_seen_is_the_evidence_of_the_quarantine() -> None:
    bench = provisioned_bench()
    bench.provider.move(ServerState.FAILED, 0, message="no link on port 1")
    again(bench)
    bench.settle()
    (cordon,) = bench.services.inventory.quarantines([REGION], consistent=True).values()
    assert cordon.reason == "a server on it failed: no link on port 1"
    assert cordon.evidence == f"workers-0 of placement {bench.placement.id}, failed: no link on port 1"
    assert cordon.by == "workflow:settle_placement"


def test_without_a_host_in_its_domain_a_server_moves_within_the_reservation() -> None:
    bench = provisioned_bench()
    vanish(bench, 0, 1)
    again(bench)
    assert bench.settle() is Step.DONE
    assert hosts(bench)[0] == "pod1-rack02-tray01"
    assert hosts(bench)[1] == "pod1-rack03-tray01"
    counts = bench.world.telemetry.counts
    assert (counts["ServersReplaced:domain"], counts["ServersReplaced:reservation"]) == (1, 1)
    is_sound(bench)


def test_a_server_that_its_customer_has_stopped_is_not_lost() -> None:
    bench = provisioned_bench()
    bench.provider.move(ServerState.STOPPED, 0)
    bench.provider.move(ServerState.STOPPING, 1)
    again(bench)
    assert bench.settle() is Step.DONE
    assert bench.placement.moved == ()
    assert quarantined(bench) == {}


def test_the_old_host_stays_the_placements_until_the_provider_has_let_go_of_its_server() -> None:
    bench = provisioned_bench()
    bench.provider.stubborn = True
    bench.provider.move(ServerState.FAILED, 0, message="disk")
    again(bench)
    assert bench.round() is Step.AGAIN
    (leaving,) = bench.placement.leaving
    assert (leaving.ordinal, leaving.host_id, leaving.reason) == (0, FIRST, "failed: disk")
    is_sound(bench)
    assert bench.round() is Step.WAITING
    bench.provider.boot()
    assert {server.state for server in bench.servers if server.ordinal == 0} == {
        ServerState.DELETING,
        ServerState.RUNNING,
    }
    assert bench.round() is Step.WAITING
    # It is provisioned by now, and waits for the old host only.
    assert is_settled(bench, PROVISIONED)
    assert bench.round() is Step.WAITING
    bench.provider.drop()
    assert bench.round() is Step.DONE
    assert bench.placement.leaving == ()
    assert dict(bench.placement.hosts) == {2: 0b1110, 3: 0b1}
    is_sound(bench)


def test_of_two_servers_of_one_ordinal_reads_show_the_new_one() -> None:
    bench = provisioned_bench()
    bench.provider.stubborn = True
    bench.provider.move(ServerState.FAILED, 0)
    again(bench)
    bench.round()
    shown = servers_of(bench.services, bench.placement, range(4))
    assert (shown[0].server, shown[0].host_id) == (None, "pod1-rack02-tray01")
    bench.round()
    bench.provider.boot()
    shown = servers_of(bench.services, bench.placement, range(4))
    assert [one.ordinal for one in shown] == [0, 1, 2, 3]
    assert [one.server.state for one in shown if one.server] == [ServerState.RUNNING] * 4
    observed = observe(bench.services, bench.placement)
    assert observed.counts == Counts(ready=4, updated=4, drifted=0, in_flight=0, stalled=0)


def test_an_old_server_that_never_goes_is_left_to_the_watch() -> None:
    bench = provisioned_bench()
    bench.provider.stubborn = True
    bench.provider.move(ServerState.FAILED, 0)
    again(bench)
    for _ in range(3):
        bench.round()
        bench.provider.boot()
    bench.clock.advance(bench.services.limits.teardown_seconds_max)
    assert bench.round() is Step.DONE
    assert is_settled(bench, PROVISIONED)
    assert [leaving.host_id for leaving in bench.placement.leaving] == [FIRST]
    bench.provider.drop()
    assert bench.round() is Step.DONE
    assert not bench.placement.leaving


def test_at_most_one_move_of_an_ordinal_is_under_way() -> None:
    bench = provisioned_bench()
    bench.provider.stubborn = True
    bench.provider.move(ServerState.FAILED, 0)
    again(bench)
    bench.round()
    bench.round()
    for key, server in list(bench.provider._servers.items()):
        if server.state is ServerState.BUILDING:
            bench.provider._servers[key] = replace(server, state=ServerState.FAILED)
    assert bench.round() is Step.WAITING
    assert [leaving.host_id for leaving in bench.placement.leaving] == [FIRST]
    assert len(bench.provider.orders) == 5
    bench.provider.stubborn = False
    bench.provider.drop()
    assert bench.settle() is Step.DONE
    assert hosts(bench)[0] not in {FIRST, "pod1-rack02-tray01"}
    is_sound(bench)


def test_without_a_free_host_the_placement_is_degraded_and_says_so() -> None:
    bench = provisioned_bench(room=False)
    vanish(bench, 1)
    again(bench)
    assert bench.settle() is Step.DONE
    assert is_settled(bench, PROVISIONED)
    assert bench.placement.failure == (
        "workers-1 has vanished: the host provider does not have it any more, and no fit host of the "
        "reservation is free"
    )
    observed = observe(bench.services, bench.placement)
    assert observed.health is Health.DEGRADED
    assert list(quarantined(bench)) == ["pod1-rack02-tray02"]
    is_sound(bench)


def test_a_placement_of_one_server_that_is_lost_is_in_error_and_not_unknown() -> None:
    bench = provisioned_bench(room=False, count=1, hosts=((2, 0b1),))
    vanish(bench, 0)
    again(bench)
    assert bench.settle() is Step.DONE
    assert observe(bench.services, bench.placement).health is Health.ERROR


def test_a_degraded_placement_heals_once_a_host_is_free() -> None:
    bench = provisioned_bench(room=False)
    vanish(bench, 1)
    again(bench)
    bench.settle()
    bench.make_room()
    again(bench)
    assert bench.settle() is Step.DONE
    assert is_settled(bench, PROVISIONED)
    assert bench.placement.failure is None
    assert bench.placement.lacking_since is None
    assert len(bench.servers) == 4
    is_sound(bench)


def test_a_placement_is_told_to_be_degraded_once_however_often_it_tries_and_then_healed() -> None:
    bench = provisioned_bench(room=False)
    told = Told(bench.world)
    vanish(bench, 1)
    for _ in range(3):
        again(bench)
        bench.settle()
    words = told.words("placements/")
    assert words.count("degraded") == 1
    assert "healed" not in words
    since = bench.placement.lacking_since
    (event,) = [e for e in told.bus.taken if e["data"]["event"] == "degraded"]
    assert event["data"]["message"] == bench.placement.failure
    assert since is not None
    check(event)

    bench.make_room()
    again(bench)
    assert "healed" not in told.words("placements/"), "trying again is not being whole"
    bench.settle()
    words = told.words("placements/")
    assert [word for word in words if word in {"degraded", "healed"}] == ["degraded", "healed"]
    for event in told.bus.taken:
        check(event)


@pytest.mark.parametrize("policy", list(Policy))
def test_hosts_that_are_unfit_quarantined_or_taken_are_not_chosen(policy: Policy) -> None:
    bench = provisioned_bench(constraints=Constraints(policy))
    bench.services.quarantine.set(REGION, "pod1-rack02-tray01", "loud fan")
    bench.provider.unready = {"pod1-rack03-tray01"}
    vanish(bench, 0)
    again(bench)
    assert bench.settle() is Step.DONE
    assert hosts(bench)[0] == "pod1-rack03-tray02"


def test_a_first_boot_that_fails_moves_as_well() -> None:
    bench = Bench()
    bench.round()
    bench.provider.move(ServerState.FAILED, 0, message="disk")
    assert bench.settle() is Step.DONE
    assert is_settled(bench, PROVISIONED)
    assert hosts(bench)[0] == "pod1-rack02-tray01"


def test_a_host_that_cannot_be_held_is_replaced_before_the_first_boot() -> None:
    bench = Bench()
    bench.provider.held.discard("pod1-rack02-tray02")
    bench.provider.hold_outcome = HoldOutcome.OCCUPIED
    assert bench.settle() is Step.DONE
    assert is_settled(bench, PROVISIONED)
    assert hosts(bench)[1] == "pod1-rack02-tray01"
    assert list(quarantined(bench)) == ["pod1-rack02-tray02"]


def test_an_image_that_no_server_comes_up_with_sets_few_hosts_aside() -> None:
    bench = Bench()
    for _ in range(40):
        if bench.round() is Step.DONE:
            break
        bench.provider.move(ServerState.FAILED, message="kernel panic")
    assert is_settled(bench, ERROR)
    assert len(quarantined(bench)) <= 4 + UNPROVEN_MOVES_MAX
    assert sum(moved.times for moved in bench.placement.moved) == UNPROVEN_MOVES_MAX
    assert "it may be the image" in str(bench.placement.failure)


def test_a_server_that_fails_on_every_host_is_given_up_and_a_reconcile_tries_again() -> None:
    bench = provisioned_bench(count=1, hosts=((2, 0b1),))
    for _ in range(100):
        bench.provider.move(ServerState.FAILED, 0)
        if not bench.placement.is_unsettled and bench.placement.failure:
            break
        if not bench.placement.is_unsettled:
            again(bench)
        bench.round()
    assert is_settled(bench, PROVISIONED)
    assert f"it has moved {MOVES_MAX} times" in str(bench.placement.failure)
    assert len(bench.provider.orders) == 1 + MOVES_MAX
    again(bench, afresh=True)
    assert bench.settle() is Step.DONE
    assert bench.placement.failure is None


def test_servers_that_vanish_together_are_deployed_again_and_no_host_is_blamed() -> None:
    bench = provisioned_bench()
    vanish(bench)
    again(bench)
    assert bench.settle() is Step.DONE
    assert is_settled(bench, PROVISIONED)
    assert quarantined(bench) == {}
    assert bench.placement.moved == ()
    assert len(bench.servers) == 4


def test_a_moved_server_gets_the_image_that_is_wanted_now() -> None:
    bench = provisioned_bench()
    bench.want(rolling=False)
    vanish(bench, 3)
    again(bench)
    assert bench.settle() is Step.DONE
    assert [(s.ordinal, s.image_id, s.generation) for s in bench.servers if s.image_id == NEW_IMAGE] == [
        (3, NEW_IMAGE, 2)
    ]


def test_an_update_goes_on_beside_a_move() -> None:
    bench = provisioned_bench(strategy=rolling("2"))
    vanish(bench, 0)
    bench.want()
    assert bench.settle() is Step.DONE
    assert is_settled(bench, PROVISIONED)
    assert {server.image_id for server in bench.servers} == {NEW_IMAGE}
    assert len(bench.servers) == 4
    is_sound(bench)


def test_a_delete_beside_a_move_leaves_nothing() -> None:
    bench = provisioned_bench()
    bench.provider.stubborn = True
    bench.provider.move(ServerState.FAILED, 0)
    again(bench)
    bench.round()
    bench.round()
    owner = bench.placement.server_owner
    bench.delete()
    assert bench.round() is Step.WAITING
    assert {server.state for server in bench.provider.servers(owner)} == {ServerState.DELETING}
    bench.provider.drop()
    assert bench.round() is Step.DONE
    assert bench.is_gone
    assert bench.services.reservations.get(ORGANIZATION, bench.reservation_id).occupied == {}


def test_a_former_server_that_comes_back_is_removed() -> None:
    bench = provisioned_bench()
    (ghost,) = [server for server in bench.servers if server.ordinal == 0]
    vanish(bench, 0)
    again(bench)
    bench.settle()
    bench.provider._servers[ghost.owner, ghost.host_id] = ghost
    again(bench)
    assert bench.settle() is Step.DONE
    assert [server.host_id for server in bench.servers if server.ordinal == 0] == ["pod1-rack02-tray01"]


def test_a_rival_that_takes_the_chosen_host_makes_the_round_choose_again() -> None:
    bench = provisioned_bench()
    vanish(bench, 0)
    again(bench)
    key = (ORGANIZATION, bench.reservation_id)

    def rival(*_: object) -> None:
        before = bench.services.reservations.get(*key)
        bench.services.reservations.change(before, before.with_placement(STRANGER, ((2, 0b10),)))

    bench.world.db.before("transact_write_items", rival)
    assert bench.round() is Step.AGAIN
    assert bench.placement.moved == ()
    assert bench.settle() is Step.DONE
    assert hosts(bench)[0] == "pod1-rack03-tray01"
    is_sound(bench)


def test_a_provider_that_does_not_answer_moves_nothing() -> None:
    bench = provisioned_bench()
    vanish(bench, 0)
    again(bench)
    before, bench.provider.down = bench.placement, True
    with pytest.raises(ProviderUnavailable):
        bench.round()
    assert bench.placement == before
    assert quarantined(bench) == {}


def test_every_round_may_run_twice() -> None:
    bench = provisioned_bench()
    vanish(bench, 0)
    again(bench)
    seen = []
    for _ in range(6):
        first = bench.round()
        seen.append(bench.placement.hosts)
        bench.round()
        bench.provider.boot()
        if first is Step.DONE:
            break
    assert is_settled(bench, PROVISIONED)
    assert len(bench.provider.orders) == 5
    assert len(bench.placement.moved) == 1
    is_sound(bench)
