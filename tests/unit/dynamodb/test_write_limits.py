"""The largest claim that is allowed fits the limits of DynamoDB."""

from __future__ import annotations

import re

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.dynamodb.database import Committed, Database
from gpu_capacity.dynamodb.writes import ACTIONS_MAX, EXPRESSION_BYTES_MAX, Action, Put, Update
from gpu_capacity.holders.reservation import UNITS_PER_RESERVATION_MAX, Status
from gpu_capacity.placement.model import Placement
from gpu_capacity.topology.model import DOMAINS_PER_POD_MAX
from testkit.dynamodb import MemoryDynamoDB
from testkit.pods import without_stamps
from testkit.world import GB300, HOLDERS, INVENTORY, ORGANIZATION, REGION, create_tables
from tests.unit.dynamodb.golden_cases import NOW, QUOTA, WRITES
from tests.unit.holders.reservations import reservation

OPERATORS_MAX = 300
START = DOMAINS_PER_POD_MAX - UNITS_PER_RESERVATION_MAX
LARGEST = reservation(
    count=UNITS_PER_RESERVATION_MAX, placement=Placement("pod1", START, UNITS_PER_RESERVATION_MAX)
)
GOING = reservation(
    count=UNITS_PER_RESERVATION_MAX,
    placement=LARGEST.placement,
    status=Status.DEPROVISIONING,
    deleted_at=NOW,
    counted=True,
)


def _expressions(action: Action) -> list[str]:
    update = [action.update] if isinstance(action, Update) else []
    return [*update, *([action.condition] if action.condition else [])]


def _operators(expression: str) -> int:
    """Comparisons, logic, functions, arithmetic and assignments, counted generously."""
    words = re.findall(r"\bAND\b|\bOR\b|\bNOT\b|\bIN\b|attribute_\w+|if_not_exists", expression)
    return len(words) + len(re.findall(r"<=|>=|<>|[=<>+-]", expression))


def test_the_largest_claim_stands_at_three_digit_positions() -> None:
    assert START >= 100


def test_claim_and_release_of_the_largest_size_stay_within_one_expression() -> None:
    for action in [*WRITES.accept(LARGEST, 2**53, QUOTA), *WRITES.remove(GOING, NOW)]:
        for expression in _expressions(action):
            assert len(expression.encode()) <= EXPRESSION_BYTES_MAX
            assert _operators(expression) <= OPERATORS_MAX


def test_the_largest_claim_and_its_release_are_carried_out() -> None:
    db = MemoryDynamoDB()
    create_tables(db)
    db.put_item(TableName=INVENTORY, Item=keys.claims(REGION, GB300.id, "pod1") | encode({"v": 1}))
    quota = keys.quota(ORGANIZATION, "GB300") | encode({"limit": 10, "used": 0})
    db.put_item(TableName=HOLDERS, Item=quota)
    unused = db.dump()

    claimed = Database(db).commit(*WRITES.accept(LARGEST, 1, None))
    owned = db.table(INVENTORY).items()[0]
    Database(db).commit(*WRITES.count_in(LARGEST))
    Database(db).commit(WRITES.mark_deleted(LARGEST, NOW))
    released = Database(db).commit(*WRITES.remove(GOING, NOW))

    assert (claimed, released) == (Committed(), Committed())
    assert sum(name[0] == "d" for name in owned) == UNITS_PER_RESERVATION_MAX
    left = db.dump()
    left[INVENTORY] = [without_stamps(item) for item in left[INVENTORY]]
    assert left == unused


def test_no_write_comes_near_the_limit_of_a_transaction() -> None:
    assert len(WRITES.accept(LARGEST, 1, QUOTA)) < ACTIONS_MAX


def test_the_record_does_not_grow_with_the_claim() -> None:
    _, small = WRITES.accept(reservation(), 1, None)
    _, large = WRITES.accept(LARGEST, 1, None)
    assert isinstance(small, Put)
    assert isinstance(large, Put)

    assert small.item.keys() == large.item.keys()
