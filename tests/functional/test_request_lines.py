"""One log line for each request, whatever its result, and the trace id in every response."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from testkit.handlers import arrangements, sample_events
from testkit.handlers.authority import STRANGERS_ORGANIZATION, SUBJECT
from testkit.handlers.sample_events import TRACE_ID, with_headers, with_query
from testkit.world import ORGANIZATION
from tests.functional.api_cases import API_CASES

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage
    from tests.functional.case import ApiCase

OTHER = "another-organization"


def _requests(stage: Stage) -> list[dict[str, Any]]:
    return [line for line in stage.log_lines if line["message"] == "request"]


@pytest.mark.parametrize("case", API_CASES, ids=str)
def test_a_request_has_one_line_with_its_status(case: ApiCase, stage: Stage) -> None:
    case.after(stage)
    before = len(_requests(stage))
    answer = stage.request_event(case.function, case.event)
    (line,) = _requests(stage)[before:]
    request = line["request"]
    assert line["trace_id"] == answer.headers["x-trace-id"] == TRACE_ID
    assert request.keys() == {"operation", "subject", "organization", "status", "duration_ms"}
    assert request["operation"] == case.function
    assert request["status"] == answer.status == case.status
    assert isinstance(request["duration_ms"], int)
    assert request["duration_ms"] >= 0
    unknown = case.status == 401 or case.function in ("get_version", "reject_unknown_route")
    assert (request["subject"] == "-") == unknown
    assert (request["organization"] == "-") == unknown


def test_an_unexpected_error_has_its_line_too(sample: Stage) -> None:
    def surprise(*_: object) -> None:
        raise RuntimeError("boom")

    sample.db.before("*", surprise, times=None)
    assert sample.request_event("list_reservations", "all").status == 500
    (line,) = [line for line in _requests(sample) if line["request"]["operation"] == "list_reservations"]
    assert line["request"]["status"] == 500
    assert line["request"]["subject"] == SUBJECT


def test_a_request_on_another_functions_route_has_its_line(sample: Stage) -> None:
    event = sample_events.read("list_reservations", "all") | {"resource": "/elsewhere"}
    assert sample.request("list_reservations", event).status == 404
    assert _requests(sample)[-1]["request"]["status"] == 404


def _organization(stage: Stage, event: dict[str, Any], function: str, **changes: Any) -> str:
    token = stage.authority.token(**changes)
    stage.request(function, with_headers(event, authorization=f"Bearer {token}"))
    organization: str = _requests(stage)[-1]["request"]["organization"]
    return organization


def test_the_logged_organization_is_the_named_one_or_the_only_one(sample: Stage) -> None:
    read = sample_events.read("list_reservations", "all")
    both = {"organizations": [OTHER, ORGANIZATION]}
    assert _organization(sample, read, "list_reservations") == ORGANIZATION
    assert _organization(sample, read, "list_reservations", **both) == "-"
    named = with_query(read, organizationID=[OTHER])
    assert _organization(sample, named, "list_reservations", **both) == OTHER
    header = with_headers(read, x_organization_id=OTHER)
    assert _organization(sample, header, "list_reservations", **both) == OTHER
    create = sample_events.read("create_reservation", "capacity_insufficient")
    assert _organization(sample, create, "create_reservation", **both) == ORGANIZATION


def test_an_organization_that_the_caller_does_not_belong_to_is_not_logged(sample: Stage) -> None:
    canary = "canary-7d1f"
    read = sample_events.read("list_reservations", "all")
    create = arrangements.wish(organizationId=canary)
    named = with_headers(with_query(read, organizationID=[canary]), x_organization_id=canary)
    assert _organization(sample, named, "list_reservations") == ORGANIZATION
    assert _organization(sample, create, "create_reservation") == ORGANIZATION
    assert canary not in sample.log


def test_an_operator_is_logged_with_the_organization_that_it_names(sample: Stage) -> None:
    named = with_query(sample_events.read("list_reservations", "all"), organizationID=[ORGANIZATION])
    operator = {"profile": "operator"}
    assert _organization(sample, named, "list_reservations", **operator) == ORGANIZATION
    plain = sample_events.read("list_reservations", "all")
    assert _organization(sample, plain, "list_reservations", **operator) == STRANGERS_ORGANIZATION


def _refused(printed: str) -> list[tuple[str | None, float]]:
    """The counts of refused credentials, by the reason for the refusal."""
    lines = [json.loads(line) for line in printed.splitlines() if "_aws" in line]
    return [
        (line.get("fault"), sum(line["CredentialsRefused"])) for line in lines if "CredentialsRefused" in line
    ]


@pytest.mark.parametrize(
    ("authorization", "fault"),
    [
        ("Bearer {expired}", "expired"),
        ("Bearer {elsewhere}", "audience"),
        ("Bearer nonsense", "malformed"),
        ("Bearer nv_" + "A" * 43, "api_key_not_taken"),
        (None, None),
        ("Basic dXNlcjpwYXNz", None),
    ],
)
def test_a_refused_credential_is_counted_under_its_reason(
    stage: Stage, capsys: pytest.CaptureFixture[str], authorization: str | None, fault: str | None
) -> None:
    """A request without a credential is no attempt to guess one."""
    if authorization is not None:
        authorization = authorization.format(
            expired=stage.authority.token("expired"), elsewhere=stage.authority.token(aud="billing")
        )
    event = with_headers(sample_events.read("list_reservations", "all"), authorization=authorization)
    assert stage.request("list_reservations", event).status == 401
    expected = [] if fault is None else [(fault, 1.0), (None, 1.0)]
    assert sorted(_refused(capsys.readouterr().out), key=str) == sorted(expected, key=str)


def test_an_accepted_credential_is_not_counted(sample: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    assert sample.request_event("list_reservations", "all").status == 200
    assert sample.request_event("list_reservations", "permission_missing").status == 403
    assert _refused(capsys.readouterr().out) == []
