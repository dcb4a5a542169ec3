"""Logs of claims: every write has a line; tokens, bodies and customers' texts are never logged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from testkit.handlers import claim_stage as given
from testkit.handlers import sample_events
from testkit.handlers.arrangements import gone as reservation_gone
from testkit.handlers.arrangements import publish, sample
from testkit.handlers.claim_stage import CLAIM_ID, varied
from tests.capacity_claims.claim_cases import CLAIM_CASES, ClaimCase

if TYPE_CHECKING:
    from testkit.handlers.claim_stage import ClaimStage

CANARY = "canary-7d1f"


@pytest.mark.parametrize(
    "case", [case for case in CLAIM_CASES if case.after in (sample, given.claimed)], ids=str
)
def test_no_token_is_logged_or_printed(
    case: ClaimCase, stage: ClaimStage, capsys: pytest.CaptureFixture[str]
) -> None:
    minted: list[str] = []
    mint = stage.authority.token

    def remember(profile: str = "member", **changes: Any) -> str:
        minted.append(mint(profile, **changes))
        return minted[-1]

    stage.authority.token = remember  # type: ignore[method-assign]
    case.after(stage)
    stage.request_event(case.function, case.event)
    printed = capsys.readouterr()
    for token in minted:
        for part in (token, token.split(".")[1], token.split(".")[2]):
            assert part not in stage.log + printed.out + printed.err


def test_no_part_of_a_body_is_logged_or_echoed_whatever_the_result(
    stage: ClaimStage, capsys: pytest.CaptureFixture[str]
) -> None:
    given.claimed(stage)
    refused = [
        varied(instanceId=CANARY),
        varied(id=None, name="fine", instanceId=CANARY),
        varied(id=None, name="fine", zones=[CANARY]),
        varied(id=None, name=f"{CANARY}-"),
        varied(id=CANARY),
        varied(capacityType=CANARY),
        varied(instanceCount=CANARY),
        sample_events.with_body(varied(), f'{{"{CANARY}'),
        sample_events.with_headers(varied(), x_organization_id=CANARY),
        varied(function="update_capacity_claim", case="grown", instanceId=CANARY),
    ]
    for event in refused:
        function = "create_capacity_claim" if event["httpMethod"] == "POST" else "update_capacity_claim"
        answer = stage.request(function, event)
        assert answer.status >= 400, answer
        assert CANARY not in answer.text
    listed = sample_events.with_query(
        sample_events.read("list_capacity_claims", "all"), updatedAfter=[CANARY]
    )
    assert CANARY not in stage.request("list_capacity_claims", listed).text
    assert stage.claim(id=None, name=CANARY).status == 200
    printed = capsys.readouterr()
    assert CANARY not in stage.log + printed.out + printed.err


def test_every_write_of_a_claims_life_is_logged(stage: ClaimStage) -> None:
    given.freed(stage)
    stage.run_event("fill_capacity_claims", "capacity_freed")
    stage.request_event("update_capacity_claim", "shrunk")
    stage.request_event("delete_capacity_claim", "accepted")
    stage.calm()
    audits = [line["audit"] for line in stage.log_lines if line.get("audit", {}).get("target") == CLAIM_ID]
    assert [(a["action"], a["outcome"]) for a in audits] == [
        ("create_capacity_claim", "accepted"),
        ("settle_capacity_claim", "allocated"),
        ("update_capacity_claim", "accepted"),
        ("settle_capacity_claim", "given back"),
        ("delete_capacity_claim", "accepted"),
        ("settle_capacity_claim", "given back"),
        ("settle_capacity_claim", "gone"),
    ]
    assert all(audit["actor"] for audit in audits)


def test_freed_capacity_is_reported_to_the_filler(stage: ClaimStage) -> None:
    given.claimed(stage)
    # The first sync of the fleet has sent an event as well.
    stage.functions.invocations.clear()
    stage.request_event("update_capacity_claim", "shrunk")
    assert stage.functions.invocations == [("gpu-capacity-fill-capacity-claims", {"zones": ["us-chi-1"]})]


def test_an_event_that_cannot_be_sent_causes_no_failure_and_is_counted(
    stage: ClaimStage, capsys: pytest.CaptureFixture[str]
) -> None:
    given.claimed(stage)
    stage.functions.down = True
    assert stage.request_event("update_capacity_claim", "shrunk").status == 200
    assert "CapacityEventsLost" in capsys.readouterr().out


def test_a_sync_that_brings_hosts_notifies_the_filler_of_each_zone_that_changed(stage: ClaimStage) -> None:
    sample(stage)
    stage.functions.invocations.clear()
    assert stage.run_event("sync_inventory", "scheduled")["refused"] is None
    assert stage.functions.invocations == []
    document = publish(stage, sequence=2)
    document["regions"][0]["pods"][0]["domains"][0]["hosts"][0]["state"] = "unhealthy"
    stage.bucket.content = json.dumps(document).encode()
    stage.run_event("sync_inventory", "scheduled")
    zone = document["regions"][0]["id"]
    assert [payload for _, payload in stage.functions.invocations] == [{"zones": [zone]}]


def test_a_deleted_reservation_notifies_the_filler(stage: ClaimStage) -> None:
    reservation_gone(stage)
    assert ("gpu-capacity-fill-capacity-claims", {"zones": ["us-chi-1"]}) in stage.functions.invocations
