"""What only the simulated region has: a database that may fail it, and items that may go in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.adapters.simulated_region import FENCE_SECONDS, SimulatedBehaviour, SimulatedRegion
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.ports import PinOutcome
from tests.fakes.dynamodb import (
    MemoryDynamoDB,
    item_conflict,
    throttled,
    timeout_after,
    transaction_conflict,
    unreachable,
)
from tests.support.fakes import FakeClock, RecordedPause
from tests.support.world import SERVERS, create_tables

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS: dict[str, Callable[[SimulatedRegion], object]] = {
    "pin": lambda region: region.pin("mine", "uk-lon-1", "host-2"),
    "fence": lambda region: region.fence("mine"),
    "delete": lambda region: region.delete("mine", ["host-1"]),
    "servers": lambda region: region.servers("mine"),
}


@dataclass
class Place:
    region: SimulatedRegion
    db: MemoryDynamoDB
    pause: RecordedPause
    clock: FakeClock


@pytest.fixture
def place() -> Place:
    """A region with one server of ``mine`` on ``host-1``."""
    clock, pause = FakeClock(), RecordedPause()
    db = MemoryDynamoDB(now=clock.now)
    create_tables(db)
    region = SimulatedRegion(Database(db, clock=clock), SERVERS, clock, pause, SimulatedBehaviour())
    region.pin("mine", "uk-lon-1", "host-1")
    return Place(region, db, pause, clock)


@pytest.mark.parametrize("fault", [throttled, unreachable])
@pytest.mark.parametrize("call", CALLS)
def test_a_database_that_does_not_answer_is_a_provider_that_does_not(
    place: Place, call: str, fault: Callable[[], Any]
) -> None:
    place.db.before("*", fault(), times=None)
    with pytest.raises(ProviderUnavailable):
        CALLS[call](place.region)


@pytest.mark.parametrize(("call", "statements"), [("pin", 3), ("delete", 2)])
def test_a_transaction_in_conflict_is_sent_again_and_at_last_given_up(
    place: Place, call: str, statements: int
) -> None:
    place.db.before("transact_write_items", transaction_conflict(statements, at=0), times=2)
    CALLS[call](place.region)
    assert place.pause.attempts == [0, 1]
    place.db.before("transact_write_items", transaction_conflict(statements, at=0), times=None)
    with pytest.raises(ProviderUnavailable, match="busy"):
        CALLS[call](place.region)
    assert place.pause.attempts == [0, 1, *range(8)]


def test_a_fence_that_meets_a_pin_in_flight_is_sent_again(place: Place) -> None:
    place.db.before("put_item", item_conflict(), times=1)
    place.region.fence("mine")
    assert place.region.pin("mine", "uk-lon-1", "host-2") is PinOutcome.FENCED


def test_a_pin_whose_answer_was_lost_is_answered_when_it_is_repeated(place: Place) -> None:
    place.db.after("transact_write_items", timeout_after())
    with pytest.raises(ProviderUnavailable):
        place.region.pin("mine", "uk-lon-1", "host-2")
    assert place.region.pin("mine", "uk-lon-1", "host-2") is PinOutcome.PINNED
    assert len(place.region.servers("mine")) == 2


def test_what_is_over_is_left_to_its_time_to_live_and_what_is_not_is_kept(place: Place) -> None:
    assert [item for item in place.db.table(SERVERS).items() if "ttl_sweep_at" in item] == []
    place.region.fence("mine")
    place.region.delete("mine", ["host-1"])
    expiring = {item["pk"]["S"]: int(item["ttl_sweep_at"]["N"]) for item in place.db.table(SERVERS).items()}
    assert len(place.db.table(SERVERS)) == 3
    assert min(expiring.values()) >= place.clock.now() + FENCE_SECONDS


def test_a_host_that_is_taken_over_is_not_removed_by_the_time_to_live_of_the_server_before(
    place: Place,
) -> None:
    place.region.delete("mine", ["host-1"])
    place.clock.advance(60)
    place.region.pin("others", "uk-lon-1", "host-1")
    host = place.db.table(SERVERS).get(("HOST#host-1", "HOST"))
    assert host is not None
    assert host["holder"] == {"S": "others"}
    assert "ttl_sweep_at" not in host
    assert "gone_at" not in host
