"""Each write as JSON, and executed: a write that has succeeded is refused when it is sent again."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from gpu_capacity.dynamodb.tombstones import IS_FREE
from testkit.claims import check
from tests.capacity_claims.golden_requests import FOLDER, WRITES, as_json, conditions, life

NAMES = ["count_in", "create", "grow", "fill", "move", "delete", "drain", "remove"]


@pytest.mark.parametrize("name", NAMES)
def test_each_write_equals_its_golden_file(name: str) -> None:
    assert as_json(life()[1][name]) == (FOLDER / f"{name}.json").read_text()


def test_every_write_has_a_golden_file_and_every_golden_file_a_write() -> None:
    world, requests = life()
    assert {path.stem for path in FOLDER.glob("*.json")} == set(requests) == set(NAMES)
    check(world)


@pytest.mark.parametrize("name", NAMES)
def test_a_write_sent_again_after_the_claims_end_is_refused_and_changes_nothing(name: str) -> None:
    world, requests = life()
    before = world.db.dump()
    for operation, parameters in requests[name]:
        with pytest.raises(ClientError) as refused:
            getattr(world.db, operation)(**parameters)
        assert refused.value.response["Error"]["Code"] in {
            "TransactionCanceledException",
            "ConditionalCheckFailedException",
        }
    assert world.db.dump() == before


@pytest.mark.parametrize("name", NAMES)
def test_every_write_of_the_record_requires_the_revision_that_was_read(name: str) -> None:
    for request in life()[1][name]:
        assert request[0] in WRITES
        found = conditions(request)
        assert IS_FREE in found or any(
            "revision = :revision" in condition.split(" AND ") for condition in found
        )
