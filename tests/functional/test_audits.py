"""Audits of operators: from the request over the function that runs them to what is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testkit.handlers import arrangements as given
from testkit.handlers import operator_arrangements as operated
from testkit.handlers import sample_events

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage


def test_an_operator_starts_an_audit_and_reads_what_it_found(stage: Stage) -> None:
    given.sample(stage)
    asked = stage.request_event("start_audit", "started").json
    invocation = stage.functions.invocations[-1]
    assert invocation == ("gpu-capacity-audit-holders", {"auditId": asked["id"]})
    event = sample_events.read("get_audit", "found")
    event["pathParameters"] = {"auditID": asked["id"]}
    assert stage.request("get_audit", event).json["status"] == "requested"

    stage.run("audit_holders", invocation[1])

    shown = stage.request("get_audit", event).json
    assert (shown["status"], shown["by"], shown["clean"]) == ("ended", "operator@example.com", True)
    assert shown["findings"] == []
    (listed,) = stage.request_event("list_audits", "all").json
    assert listed == {name: shown[name] for name in listed}


def test_an_audit_that_could_not_be_started_is_a_500_and_remains_visible(stage: Stage) -> None:
    given.sample(stage)
    stage.functions.down = True

    answer = stage.request_event("start_audit", "started")

    assert (answer.status, answer.headers["retry-after"]) == (500, "1")
    (listed,) = stage.request_event("list_audits", "all").json
    assert listed["status"] == "requested"


def test_the_list_has_the_audits_of_the_schedule_and_comes_in_pages(stage: Stage) -> None:
    operated.audited(stage)
    whole = stage.request_event("list_audits", "all").json
    assert [one["by"] for one in whole] == ["schedule:audit", "operator@example.com"]

    first = stage.request_event("list_audits", "page")
    cursor = first.headers["link"].partition("cursor=")[2].partition(">")[0]
    event = sample_events.with_query(sample_events.read("list_audits", "all"), limit=["1"], cursor=[cursor])
    second = stage.request("list_audits", event)

    assert [*first.json, *second.json] == whole
    assert "link" not in second.headers


def test_an_operator_has_a_finding_repaired_and_reads_what_became_of_it(stage: Stage) -> None:
    operated.audited(stage)
    asked = stage.request_event("order_repair", "applied").json
    invocation = stage.functions.invocations[-1]
    assert invocation == ("gpu-capacity-repair-findings", {"auditId": asked["id"]})

    stage.run("repair_findings", invocation[1])

    event = sample_events.read("get_audit", "found")
    event["pathParameters"] = {"auditID": asked["id"]}
    shown = stage.request("get_audit", event).json
    assert (shown["status"], shown["clean"], shown["repair"]["apply"]) == ("ended", True, True)
    assert [(one["kind"], one["result"]) for one in shown["findings"]] == [("name_stale", "repaired")]
    assert stage.run_event("audit_holders", "scheduled")["clean"]


def test_a_dry_run_of_a_repair_is_made_by_the_function_that_only_reads(stage: Stage) -> None:
    operated.audited(stage)
    asked = stage.request_event("order_repair", "dry_run").json
    invocation = stage.functions.invocations[-1]
    assert invocation == ("gpu-capacity-audit-holders", {"auditId": asked["id"]})

    (finding,) = stage.run("audit_holders", invocation[1])["findings"]

    assert (finding["result"], finding["repair"]) == ("repairable", "removes the entry")
    assert not stage.run_event("audit_holders", "scheduled")["clean"]
