"""GET /api/v2/quotas: the limits of an organization for each accelerator, and their use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testkit.handlers import sample_events
from testkit.handlers.arrangements import wish
from testkit.handlers.authority import STRANGERS_ORGANIZATION
from testkit.world import ORGANIZATION, set_quota

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage


def quotas(stage: Stage, profile: str = "member", **query: list[str]) -> list[tuple[str, str, int, int]]:
    event = sample_events.with_query(sample_events.read("list_reservation_quotas", "all"), **query)
    answer = stage.request("list_reservation_quotas", event, profile)
    assert answer.status == 200, answer
    return [(q["organizationId"], q["subject"], q["limit"], q["used"]) for q in answer.json]


def test_a_limit_is_shown_with_its_use(sample: Stage) -> None:
    assert quotas(sample) == []
    set_quota(sample.db, 8, "GB300")
    set_quota(sample.db, 4, "H200")
    assert sample.request("create_reservation", wish(count=2)).status == 202
    assert quotas(sample) == [(ORGANIZATION, "GB300", 8, 2), (ORGANIZATION, "H200", 4, 0)]


def test_limits_on_instances_are_shown_by_the_other_api(sample: Stage) -> None:
    set_quota(sample.db, 100, "instances")
    assert quotas(sample) == []


def test_limits_of_others_are_shown_only_to_an_operator_who_names_them(sample: Stage) -> None:
    set_quota(sample.db, 8, "GB300")
    set_quota(sample.db, 3, "GB300", organization=STRANGERS_ORGANIZATION)
    assert quotas(sample) == [(ORGANIZATION, "GB300", 8, 0)]
    assert quotas(sample, organizationID=[STRANGERS_ORGANIZATION]) == []
    assert quotas(sample, "stranger") == [(STRANGERS_ORGANIZATION, "GB300", 3, 0)]
    both = [ORGANIZATION, STRANGERS_ORGANIZATION]
    assert len(quotas(sample, "operator", organizationID=both)) == 2
