"""Requests a minute of an organization, whichever of its tokens they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testkit.handlers import arrangements, sample_events
from testkit.handlers.authority import STRANGERS_ORGANIZATION
from testkit.handlers.claim_stage import ClaimStage
from testkit.world import ORGANIZATION

if TYPE_CHECKING:
    from collections.abc import Iterator

THIRD = "9d3c7a10-52be-4b0e-8f64-1c2d3e4f5a6b"


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClaimStage]:
    """Two reads and one write a minute, at the beginning of a minute."""
    stage = ClaimStage(monkeypatch, READS_PER_MINUTE="2", WRITES_PER_MINUTE="1")
    arrangements.inventory(stage)
    stage.clock.advance(-stage.clock.now() % 60)
    yield stage
    stage.restart()


def read(
    stage: ClaimStage,
    *organizations: str,
    function: str = "list_reservations",
    header: str | None = None,
    query: list[str] | None = None,
    profile: str = "member",
) -> int:
    """The status of a read with a token of these organizations."""
    token = stage.authority.token(profile, organizations=list(organizations))
    event = sample_events.with_headers(sample_events.read(function, "all"), authorization=f"Bearer {token}")
    if header is not None:
        event = sample_events.with_headers(event, x_organization_id=header)
    if query is not None:
        event = sample_events.with_query(event, organizationID=query)
    return stage.request(function, event).status


def test_all_tokens_of_an_organization_share_one_limit(strict: ClaimStage) -> None:
    assert read(strict, ORGANIZATION) == 200
    assert read(strict, ORGANIZATION, STRANGERS_ORGANIZATION) == 200
    assert read(strict, ORGANIZATION, THIRD) == 429


def test_a_request_that_names_no_organization_counts_for_every_one_of_its_token(strict: ClaimStage) -> None:
    assert [read(strict, ORGANIZATION, THIRD) for _ in range(2)] == [200, 200]
    assert read(strict, ORGANIZATION) == 429
    assert read(strict, THIRD) == 429
    assert read(strict, STRANGERS_ORGANIZATION) == 200


def test_a_refused_request_is_not_counted(strict: ClaimStage) -> None:
    assert [read(strict, ORGANIZATION) for _ in range(2)] == [200, 200]
    assert [read(strict, ORGANIZATION, THIRD) for _ in range(3)] == [429] * 3
    assert [read(strict, THIRD) for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize(
    "named",
    [{"header": THIRD}, {"query": [THIRD]}, {"query": [THIRD, THIRD]}, {"header": THIRD, "query": [THIRD]}],
)
def test_a_request_counts_for_the_organization_that_it_names(
    strict: ClaimStage, named: dict[str, str | list[str]]
) -> None:
    assert [read(strict, ORGANIZATION) for _ in range(3)] == [200, 200, 429]
    assert read(strict, ORGANIZATION, THIRD) == 429
    assert [read(strict, ORGANIZATION, THIRD, **named) for _ in range(3)] == [200, 200, 429]  # type: ignore[arg-type]
    assert read(strict, THIRD) == 429


@pytest.mark.parametrize(
    "named",
    [
        {"header": STRANGERS_ORGANIZATION},
        {"query": [STRANGERS_ORGANIZATION]},
        {"query": [ORGANIZATION, THIRD]},
        {"header": THIRD, "query": [ORGANIZATION]},
        {"header": ""},
    ],
    ids=["foreign header", "foreign query", "two", "two that differ", "nothing"],
)
def test_naming_foreign_or_several_organizations_still_counts_for_all_of_the_caller_s(
    strict: ClaimStage, named: dict[str, str | list[str]]
) -> None:
    assert [read(strict, ORGANIZATION, THIRD, **named) for _ in range(3)] == [200, 200, 429]  # type: ignore[arg-type]
    assert (read(strict, ORGANIZATION), read(strict, THIRD)) == (429, 429)
    assert read(strict, STRANGERS_ORGANIZATION) == 200


def test_an_operator_without_organizations_is_counted_by_subject_whatever_the_request_names(
    strict: ClaimStage,
) -> None:
    def asked() -> int:
        return read(strict, query=[ORGANIZATION], profile="operator")

    assert [asked() for _ in range(3)] == [200, 200, 429]
    assert read(strict, ORGANIZATION) == 200


def test_claims_count_for_the_organization_in_the_header(strict: ClaimStage) -> None:
    def listed(*organizations: str, header: str | None = None) -> int:
        return read(strict, *organizations, function="list_capacity_claims", header=header)

    assert [listed(ORGANIZATION, THIRD, header=THIRD) for _ in range(3)] == [200, 200, 429]
    assert listed(ORGANIZATION, THIRD) == 429
    assert [listed(ORGANIZATION) for _ in range(3)] == [200, 200, 429]


def test_writes_are_counted_separately_from_reads(strict: ClaimStage) -> None:
    assert [read(strict, ORGANIZATION) for _ in range(3)] == [200, 200, 429]
    assert [strict.claim().status for _ in range(2)] == [200, 429]


def test_the_refusal_says_when_the_next_minute_begins_and_requests_are_then_accepted(
    strict: ClaimStage,
) -> None:
    event = sample_events.read("list_reservations", "all")
    assert [strict.request("list_reservations", event).status for _ in range(2)] == [200, 200]
    strict.clock.advance(13)
    refused = strict.request("list_reservations", event)
    assert (refused.status, refused.headers["retry-after"]) == (429, "47")
    strict.clock.advance(47)
    assert strict.request("list_reservations", event).status == 200
