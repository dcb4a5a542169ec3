from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from benchmarks.contention.claimants import RACKS_PER_POD, Crowd, Tally
from benchmarks.contention.runs import Runs, run_with_seeds
from benchmarks.contention.service import SINGLE_SECONDS, TRANSACTION_SECONDS, SimulatedService
from benchmarks.contention.simulation import Simulation
from gpu_capacity.dynamodb.client import decode
from gpu_capacity.inventory.items import decode_owners
from testkit.dynamodb import MemoryDynamoDB
from testkit.world import HOLDERS, INVENTORY, create_tables

if TYPE_CHECKING:
    from testkit.dynamodb.values import Item


def key(name: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": name}, "sk": {"S": name}}


@pytest.fixture
def simulation() -> Simulation:
    return Simulation()


@pytest.fixture
def service(simulation: Simulation) -> SimulatedService:
    db = MemoryDynamoDB()
    create_tables(db)
    return SimulatedService(simulation, db)


def pods_of(service: SimulatedService) -> list[Item]:
    return [item for item in service.tables.dump()[INVENTORY] if item["pk"]["S"].startswith("CLAIMS#")]


def put(name: str) -> dict[str, object]:
    return {"Put": {"TableName": HOLDERS, "Item": key(name)}}


def test_actors_run_in_order_of_time(simulation: Simulation) -> None:
    seen: list[tuple[str, float]] = []

    def actor(name: str, pause: float) -> None:
        for _ in range(2):
            simulation.sleep(pause)
            seen.append((name, simulation.now))

    simulation.spawn(lambda: actor("slow", 3.0))
    simulation.spawn(lambda: actor("quick", 2.0))
    simulation.run()

    assert seen == [("quick", 2.0), ("slow", 3.0), ("quick", 4.0), ("slow", 6.0)]


def test_an_exception_of_an_actor_ends_the_run(simulation: Simulation) -> None:
    def fail() -> None:
        simulation.sleep(1.0)
        raise ZeroDivisionError

    simulation.spawn(lambda: simulation.sleep(5.0))
    simulation.spawn(fail)

    with pytest.raises(ZeroDivisionError):
        simulation.run()


def test_latencies_have_the_published_median(simulation: Simulation, service: SimulatedService) -> None:
    taken: dict[str, list[float]] = {"single": [], "transaction": []}

    def actor() -> None:
        for number in range(400):
            began = simulation.now
            service.put_item(TableName=HOLDERS, Item=key(f"single{number}"))
            taken["single"].append(simulation.now - began)
            began = simulation.now
            service.transact_write_items(TransactItems=[put(f"transaction{number}")])
            taken["transaction"].append(simulation.now - began)

    simulation.spawn(actor)
    simulation.run()

    assert median(taken["single"]) == pytest.approx(SINGLE_SECONDS[0], rel=0.05)
    assert median(taken["transaction"]) == pytest.approx(TRANSACTION_SECONDS[0], rel=0.1)
    for name, (_, p99) in (("single", SINGLE_SECONDS), ("transaction", TRANSACTION_SECONDS)):
        above = sum(seconds > p99 for seconds in taken[name])
        assert 0 < above < 0.03 * len(taken[name])


def test_an_item_takes_a_thousand_write_units_a_second(
    simulation: Simulation, service: SimulatedService
) -> None:
    writers, ended = 120, []

    def write() -> None:
        service.update_item(TableName=HOLDERS, Key=key("hot"))
        ended.append(simulation.now)

    for _ in range(writers):
        simulation.spawn(write)
    simulation.run()

    assert max(ended) - min(ended) == pytest.approx(writers / 1000, rel=0.15)


def test_a_transaction_in_progress_on_an_item_refuses_another(
    simulation: Simulation, service: SimulatedService
) -> None:
    codes: list[str] = []

    def transact() -> None:
        try:
            service.transact_write_items(TransactItems=[put("hot"), put("own")])
        except ClientError as refused:
            codes.extend(reason["Code"] for reason in refused.response["CancellationReasons"])

    simulation.spawn(transact)
    simulation.spawn(transact)
    simulation.run()

    assert codes == ["TransactionConflict", "TransactionConflict"]
    assert service.conflicts == 1
    assert service.claim_units == {HOLDERS: 8}, "what met a conflict is billed like what stood"


def test_single_writes_never_conflict_with_each_other(
    simulation: Simulation, service: SimulatedService
) -> None:
    for _ in range(20):
        simulation.spawn(lambda: service.update_item(TableName=HOLDERS, Key=key("hot")))
    simulation.run()

    assert service.conflicts == 0


@pytest.mark.parametrize("transaction", [True, False])
def test_a_simulation_with_the_same_seed_gives_the_same_result(*, transaction: bool) -> None:
    crowd = Crowd(6, 2, transaction, seconds=0.2, warm_up_seconds=0.05)

    first, again = (crowd.run()[0] for _ in range(2))

    assert first.latencies == again.latencies
    assert first.attempts == again.attempts


@pytest.mark.parametrize("transaction", [True, False])
def test_every_owned_rack_is_owned_once_and_by_a_recorded_reservation(*, transaction: bool) -> None:
    tally, service = Crowd(8, 1, transaction, seconds=0.3).run()
    records = [decode(item) for item in service.tables.dump()[HOLDERS]]
    listed = {(r["tag"], r["start"], r["units"]) for r in records if r["status"] == "pending"}
    (claims,) = (decode_owners(decode(item)) for item in pods_of(service))

    assert tally.latencies
    assert claims.bookings
    assert {(b.tag, b.first, b.count) for b in claims.bookings} <= listed
    assert sum(b.count for b in claims.bookings) == len(claims.owners) <= RACKS_PER_POD


def test_some_racks_may_belong_to_other_holders_during_the_whole_run() -> None:
    tally, service = Crowd(4, 3, transaction=True, seconds=0.2, occupied=0.5).run()
    owned = [len(decode_owners(decode(item)).owners) for item in pods_of(service)]

    assert tally.latencies
    assert all(count >= 0.5 * RACKS_PER_POD for count in owned)


def test_a_tally_counts_refused_writes() -> None:
    tally = Tally(seconds=2.0, latencies=[0.1, 0.2, 0.3, 0.4], attempts=7)

    assert tally.accepted_per_second == 2.0
    assert tally.wasted_per_accepted == 0.75
    assert [tally.latency(share) for share in (0.0, 0.5, 0.99)] == [0.1, 0.3, 0.4]


def test_every_request_that_began_in_the_window_is_followed_to_its_end() -> None:
    crowd = Crowd(8, 1, transaction=True, seconds=0.02, warm_up_seconds=0.1)
    tally, _ = crowd.run()

    assert tally.under_way == 0
    assert tally.latencies
    assert max(tally.latencies) > crowd.seconds, "slower than the window, and seen"
    assert tally.accepted_in_all > len(tally.latencies), "the others went on"


def test_runs_with_several_seeds_are_pooled_and_their_spread_is_reported() -> None:
    found = run_with_seeds(Crowd(4, 2, transaction=False, seconds=0.1, warm_up_seconds=0.0), seeds=2)
    first, second = (run.tally for run in found.runs)

    assert first.latencies != second.latencies
    assert found.together.seconds == pytest.approx(0.2)
    assert found.together.latencies == first.latencies + second.latencies
    assert found.together.attempts == first.attempts + second.attempts
    assert found.spread(lambda run: run.tally.seconds, ".1f") == " (0.1 to 0.1)"
    assert Runs(found.runs[:1]).spread(lambda run: run.tally.seconds, ".1f") == ""
