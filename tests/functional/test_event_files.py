"""An event file is complete, or has only its differences from its base; together they are what AWS sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from gpu_capacity.access import Permission
from gpu_capacity.http.operations import OPERATIONS, OVER_CONNECT
from testkit.handlers import sample_events
from testkit.handlers.authority import PROFILES
from testkit.handlers.sample_events import BASE, REFUSED, merged, read, stated

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN: Final = {
    "base",
    "httpMethod",
    "resource",
    "pathParameters",
    "multiValueQueryStringParameters",
    "headers",
    "body",
    "isBase64Encoded",
}
"""What a case may state: the gateway derives everything else."""

OF_TENANTS: Final = ("foreign", "organization_of_others")
"""Cases without a meaning for operators, who are of every organization."""

EVENTS: Final = sample_events.cases()
CASES: Final = [(function, case) for function, case in EVENTS if "base" in stated(f"{function}/{case}")]
COMPLETE: Final = [pair for pair in EVENTS if pair not in CASES]
BY_API: Final = [pair for pair in EVENTS if pair[0] in OPERATIONS]


def said_before(base: dict[str, Any], changes: dict[str, Any], place: str = "") -> Iterator[str]:
    """Parts of the changes that change nothing."""
    for name, value in changes.items():
        below = base.get(name)
        if isinstance(value, dict) and value:
            yield from said_before(below if isinstance(below, dict) else {}, value, f"{place}/{name}")
        elif value == below:
            yield f"{place}/{name}"


@pytest.mark.parametrize(("function", "case"), CASES)
def test_a_case_has_changes_and_none_that_its_base_already_has(function: str, case: str) -> None:
    content = stated(f"{function}/{case}")
    base = content.pop("base")
    assert content
    assert set(content) <= OWN
    assert list(said_before(merged(base), content)) == []


@pytest.mark.parametrize("function", sorted({function for function, _ in CASES}))
def test_a_case_is_based_on_the_gateway_request_or_on_one_case_of_its_function(function: str) -> None:
    bases = {stated(f"{function}/{case}")["base"] for owner, case in CASES if owner == function}
    others = bases - {BASE}
    assert (BASE in bases, len(others) <= 1) == (True, True)
    for other in others:
        assert other.startswith(f"{function}/")
        assert stated(other)["base"] == BASE


@pytest.mark.parametrize("function", sorted({function for function, _ in EVENTS}))
def test_no_two_events_of_a_function_are_equal(function: str) -> None:
    events = [read(owner, case) for owner, case in EVENTS if owner == function]
    assert [event for event in events if events.count(event) > 1] == []


@pytest.mark.parametrize(("function", "case"), COMPLETE)
def test_an_event_without_a_token_is_a_complete_file(function: str, case: str) -> None:
    event = stated(f"{function}/{case}")
    assert event == read(function, case)
    assert "{{token:" not in str(event)
    if "httpMethod" in event:
        assert event.keys() == stated(BASE).keys()


@pytest.mark.parametrize(("function", "case"), CASES)
def test_a_case_has_a_placeholder_for_a_token_or_removes_it(function: str, case: str) -> None:
    sent = read(function, case)["headers"].get("Authorization")
    assert (sent is None) == (case == "token_missing")
    assert sent in {None, *(f"Bearer {{{{token:{profile}}}}}" for profile in PROFILES)}


def _is_of_operators(path: str, case: str) -> bool:
    return case not in OF_TENANTS and (REFUSED[case] != 404 or "{organizationID}" not in path)


def test_no_file_states_what_every_operation_refuses() -> None:
    assert set(EVENTS) - set(sample_events.files()) == {
        (operation.name, case)
        for operation in OPERATIONS.values()
        for case, status in REFUSED.items()
        if operation.permission
        and (operation.permission is not Permission.OPERATE or _is_of_operators(operation.path, case))
        and (case != "organization_of_others" or "{organizationID}" in operation.path)
        and (status != 404 or "{" in operation.path.replace("{organizationID}", ""))
    }


def test_an_unknown_id_is_as_well_formed_as_the_known_one_wherever_the_request_has_it() -> None:
    event = read("update_capacity_claim", "unknown")
    assert event["pathParameters"]["claimID"] == sample_events.body_of(event)["id"]
    assert event["pathParameters"]["claimID"] == "3f0e9a52-7c1b-4d6e-9f38-2b5a6c7d0000"


@pytest.mark.parametrize(("function", "case"), BY_API)
def test_an_event_is_complete_and_on_the_route_of_its_operation(function: str, case: str) -> None:
    event, operation = read(function, case), OPERATIONS[function]
    if function in OVER_CONNECT and event["resource"] == OVER_CONNECT[function].path:
        operation = OVER_CONNECT[function]
    assert event.keys() == stated(BASE).keys()
    assert (event["httpMethod"], event["resource"]) == (operation.method, operation.path)
    assert event["path"] == operation.path.format(**(event["pathParameters"] or {}))
    context = event["requestContext"]
    assert context.keys() == stated(BASE)["requestContext"].keys()
    assert (context["httpMethod"], context["resourcePath"]) == (operation.method, operation.path)
    assert context["path"] == f"/{context['stage']}{event['path']}"
    assert event["multiValueHeaders"] == {name: [value] for name, value in event["headers"].items()}
    assert event["body"] is None or isinstance(event["body"], str)


def test_every_operation_has_events() -> None:
    assert {function for function, _ in BY_API} == set(OPERATIONS)


def test_an_event_has_all_values_of_a_parameter_and_the_last_one_as_gateways_send_them() -> None:
    event = read("list_vms", "by_status")
    assert event["multiValueQueryStringParameters"] == {"status": ["creating", "running"]}
    assert event["queryStringParameters"] == {"status": "running"}


def test_changes_are_merged_into_the_base_and_null_removes() -> None:
    base = {"kept": 1, "changed": {"a": 1, "b": [1, 2]}, "gone": 1, "filled": None}
    changes = {"changed": {"a": None, "b": [3]}, "gone": None, "filled": {"c": 1}}
    assert sample_events.laid_over(base, changes) == {
        "kept": 1,
        "changed": {"b": [3]},
        "filled": {"c": 1},
    }
    assert base["changed"] == {"a": 1, "b": [1, 2]}
