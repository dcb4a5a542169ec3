"""GET /api/v2/quotas: what an organization may have of each accelerator, and what it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from testkit.handlers import sample_events
from testkit.handlers.arrangements import wish
from testkit.handlers.authority import STRANGERS_ORGANIZATION
from testkit.world import HOLDERS, ORGANIZATION

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage


def limit(stage: Stage, organization: str, subject: str, units: int) -> None:
    item = keys.quota(organization, subject) | encode({"limit": units, "used": 0})
    stage.db.put_item(TableName=HOLDERS, Item=item)


def quotas(stage: Stage, profile: str = "member", **query: list[str]) -> list[tuple[str, str, int, int]]:
    event = sample_events.with_query(sample_events.read("list_reservation_quotas", "all"), **query)
    answer = stage.request("list_reservation_quotas", event, profile)
    assert answer.status == 200, answer
    return [(q["organizationId"], q["subject"], q["limit"], q["used"]) for q in answer.json]


def test_a_limit_is_shown_with_what_is_used_of_it(sample: Stage) -> None:
    assert quotas(sample) == []
    limit(sample, ORGANIZATION, "GB300", 8)
    limit(sample, ORGANIZATION, "H200", 4)
    assert sample.request("create_reservation", wish(count=2)).status == 202
    assert quotas(sample) == [(ORGANIZATION, "GB300", 8, 2), (ORGANIZATION, "H200", 4, 0)]


def test_limits_on_instances_belong_to_the_other_api(sample: Stage) -> None:
    limit(sample, ORGANIZATION, "instances", 100)
    assert quotas(sample) == []


def test_nobody_sees_the_limits_of_others_but_an_operator_who_names_them(sample: Stage) -> None:
    limit(sample, ORGANIZATION, "GB300", 8)
    limit(sample, STRANGERS_ORGANIZATION, "GB300", 3)
    assert quotas(sample) == [(ORGANIZATION, "GB300", 8, 0)]
    assert quotas(sample, organizationID=[STRANGERS_ORGANIZATION]) == []
    assert quotas(sample, "stranger") == [(STRANGERS_ORGANIZATION, "GB300", 3, 0)]
    both = [ORGANIZATION, STRANGERS_ORGANIZATION]
    assert len(quotas(sample, "operator", organizationID=both)) == 2
