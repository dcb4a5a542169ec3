"""Logs: every write has a line; tokens, bodies and customers' texts are never logged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from testkit.handlers import arrangements, sample_events
from testkit.handlers.arrangements import wish
from tests.functional.api_cases import API_CASES

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage
    from tests.functional.case import ApiCase

CANARY = "canary-7d1f"


@pytest.mark.parametrize("case", API_CASES, ids=str)
def test_no_token_is_logged_or_printed(
    case: ApiCase, stage: Stage, capsys: pytest.CaptureFixture[str]
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
            assert part not in stage.log
            assert part not in printed.out + printed.err


def test_no_part_of_a_body_is_logged_whatever_the_result(
    sample: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    loud = {"name": CANARY, "description": CANARY, "tags": [{"name": CANARY, "value": CANARY}]}
    events = [
        wish(loud),
        wish(loud, count=0),
        wish(loud, count=50),
        wish(loud, accelerator=CANARY),
        wish(loud, regionId=CANARY),
        wish(loud, projectId=CANARY),
        sample_events.with_body(wish(), f'{{"{CANARY}'),
        sample_events.with_query(wish(loud), dryRun=[CANARY]),
        sample_events.with_headers(wish(loud), idempotency_key=CANARY),
    ]
    for event in events:
        answer = sample.request("create_reservation", event)
        if answer.status >= 400:
            assert CANARY not in answer.text
    printed = capsys.readouterr()
    assert CANARY not in sample.log + printed.out + printed.err


def test_no_part_of_a_body_is_logged_after_an_unexpected_error(sample: Stage) -> None:
    def surprise(*_: object) -> None:
        raise RuntimeError("boom")

    sample.db.before("put_item", surprise)
    loud = {"name": CANARY, "description": CANARY, "tags": [{"name": CANARY, "value": CANARY}]}
    assert sample.request("create_reservation", wish(loud)).status == 500
    assert "boom" in sample.log
    assert CANARY not in sample.log


def test_every_write_of_a_reservations_life_is_logged(stage: Stage) -> None:
    arrangements.gone(stage)
    actions = [
        line["audit"]["action"]
        for line in stage.log_lines
        if line.get("audit", {}).get("target") == sample_events.SAMPLE_ID
    ]
    assert actions == [
        "create_reservation",
        "begin_provisioning",
        "complete_provisioning",
        "delete_reservation",
        "complete_deprovisioning",
    ]


def test_every_line_of_a_workflow_names_its_function_and_its_step(stage: Stage) -> None:
    arrangements.gone(stage)
    lines = [line for line in stage.log_lines if line["function"] == "reservation_steps"]
    assert {(line["step"], line["audit"]["action"]) for line in lines if "audit" in line} == {
        ("provision_reservation", "begin_provisioning"),
        ("provision_reservation", "complete_provisioning"),
        ("release_reservation", "complete_deprovisioning"),
    }
    assert all("step" in line for line in lines)
    others = [line for line in stage.log_lines if line not in lines]
    assert others
    assert not any("step" in line for line in others)


def test_every_write_of_a_failed_provisioning_is_logged(stage: Stage) -> None:
    arrangements.failed(stage)
    audits = [line["audit"] for line in stage.log_lines if "audit" in line]
    actions = [a["action"] for a in audits if a["target"] == sample_events.SAMPLE_ID]
    assert actions == [
        "create_reservation",
        "begin_provisioning",
        "abandon_provisioning",
        "fail_provisioning",
    ]
    for audit in audits:
        assert audit["actor"]
        assert audit["outcome"]


def test_a_refused_fleet_document_is_logged_with_the_reason(stage: Stage) -> None:
    arrangements.published_late(stage)
    stage.run_event("sync_inventory", "scheduled")
    assert stage.log_lines[-1]["level"] == "WARNING"
    assert stage.log_lines[-1]["details"]["code"] == "outdated"


def test_a_deferred_pod_or_region_is_logged_with_its_reason(stage: Stage) -> None:
    arrangements.published_half_empty(stage)
    stage.run_event("sync_inventory", "scheduled")
    (warned,) = [line for line in stage.log_lines if line["level"] == "WARNING"]
    assert (warned["details"]["region"], warned["details"]["code"]) == ("us-chi-1", "drops_too_much")
