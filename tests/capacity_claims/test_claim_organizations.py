"""Which organization a request concerns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testkit.auditor.claims import claim_records
from testkit.handlers import claim_stage as given
from testkit.handlers import sample_events
from testkit.handlers.arrangements import sample
from testkit.handlers.authority import STRANGERS_ORGANIZATION
from testkit.handlers.claim_stage import varied
from testkit.world import ORGANIZATION
from tests.capacity_claims.claim_answers import claim_of, violations

if TYPE_CHECKING:
    from testkit.handlers.claim_stage import ClaimStage


def test_a_token_of_several_organizations_must_name_the_one_that_claims(stage: ClaimStage) -> None:
    sample(stage)
    both = {"organizations": [ORGANIZATION, STRANGERS_ORGANIZATION]}
    token = f"Bearer {stage.authority.token('member', **both)}"
    event = sample_events.with_headers(varied(), authorization=token)
    assert violations(stage.request("create_capacity_claim", event)) == ["header X-Organization-Id"]
    named = sample_events.with_headers(event, x_organization_id=STRANGERS_ORGANIZATION)
    made = claim_of(stage.request("create_capacity_claim", named))
    assert made["spec"]["organizationId"] == STRANGERS_ORGANIZATION
    listed = sample_events.with_headers(
        sample_events.read("list_capacity_claims", "all"), authorization=token
    )
    assert len(stage.request("list_capacity_claims", listed).json["capacityClaims"]) == 1


@pytest.mark.parametrize(
    ("function", "case"),
    [
        ("get_capacity_claim", "found"),
        ("update_capacity_claim", "grown"),
        ("delete_capacity_claim", "accepted"),
    ],
)
def test_a_request_concerns_only_the_organization_it_names(
    stage: ClaimStage, function: str, case: str
) -> None:
    given.claimed(stage)
    before = claim_records(stage.db)
    both = {"organizations": [ORGANIZATION, STRANGERS_ORGANIZATION]}
    event = sample_events.with_headers(
        sample_events.read(function, case), authorization=f"Bearer {stage.authority.token('member', **both)}"
    )

    def asked(organization: str) -> int:
        named = sample_events.with_headers(event, x_organization_id=organization)
        return stage.request(function, named).status

    assert (asked(STRANGERS_ORGANIZATION), asked("someone-elses")) == (404, 403)
    assert claim_records(stage.db) == before
    assert asked(ORGANIZATION) == 200


def test_the_list_has_the_claims_of_the_named_organization_only(stage: ClaimStage) -> None:
    given.claimed(stage)
    both = {"organizations": [ORGANIZATION, STRANGERS_ORGANIZATION]}
    event = sample_events.with_headers(
        sample_events.read("list_capacity_claims", "all"),
        authorization=f"Bearer {stage.authority.token('member', **both)}",
    )

    def listed(organization: str) -> int:
        named = sample_events.with_headers(event, x_organization_id=organization)
        return len(stage.request("list_capacity_claims", named).json["capacityClaims"])

    assert (listed(ORGANIZATION), listed(STRANGERS_ORGANIZATION)) == (1, 0)
