"""The routes in the template match the table of operations, and everything else is rejected."""

from __future__ import annotations

import re

import pytest

from gpu_capacity.http.operations import OPERATIONS, OVER_CONNECT, PAGES, ROUTED
from gpu_capacity.http.operator_operations import OPERATOR
from tests.template.loading import TEMPLATE, event_routes, functions, resources, routes
from tools.openapi.routes import BEGIN, END, MisshapenTemplateError, logical_id, with_routes

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SHARED = {logical_id(operation.shared) for operation in ROUTED if operation.shared}
REJECTING = logical_id("reject_unknown_route")
TEXT = TEMPLATE.read_text(encoding="utf-8")


# The text of the template


def test_the_routes_in_the_template_are_up_to_date() -> None:
    assert with_routes(TEXT) == TEXT, "run `make openapi`"


def test_edited_routes_are_written_again() -> None:
    edited = TEXT.replace(f"{BEGIN}\n", f'{BEGIN}\n          "/made-up": {{}}\n').replace(
        'Method: POST, Path: "/vms"', 'Method: PUT, Path: "/vms"'
    )
    assert edited.count("\n") == TEXT.count("\n") + 1
    assert with_routes(edited) == TEXT


def test_the_event_of_a_new_operation_is_added_to_its_function() -> None:
    lines = TEXT.splitlines(keepends=True)
    without = [line for line in lines if 'Path: "/vms/{id}/start"' not in line]
    assert len(lines) - len(without) == 1
    assert with_routes("".join(without)) == TEXT


def test_the_event_of_a_removed_operation_is_removed() -> None:
    (event,) = (line for line in TEXT.splitlines(keepends=True) if 'Path: "/api/version"' in line)
    old = "  OldFunction:\n    Type: AWS::Serverless::Function\n    Properties:\n"
    rest = TEXT.replace("Outputs:\n", f"{old}\nOutputs:\n")
    assert with_routes(rest.replace(old, old + event)) == rest


@pytest.mark.parametrize("line", [BEGIN, END, "  CreateVmFunction:"])
def test_a_template_without_a_place_for_routes_is_refused_by_name(line: str) -> None:
    with pytest.raises(MisshapenTemplateError, match=re.escape(line.strip())):
        with_routes(TEXT.replace(f"{line}\n", ""))


# Routing


def test_every_operation_is_a_function_on_its_route() -> None:
    expected = {(o.path, o.method, logical_id(o.function)) for o in ROUTED}
    assert {*OPERATIONS.values(), *OVER_CONNECT.values(), *PAGES} == set(ROUTED)
    assert {route for route in routes() if route[2] != REJECTING} == expected
    assert set(event_routes()) == expected - {route for route in expected if route[2] in SHARED}


def test_an_unknown_path_or_method_is_rejected_in_the_apis_own_format() -> None:
    """The gateway answers 403 to a method that a path does not list, and never falls back to {proxy+}."""
    rejected = {(path, method) for path, method, name in routes() if name == REJECTING}
    taken = {(operation.path, operation.method) for operation in ROUTED}
    elsewhere = {("/", "ANY"), ("/{proxy+}", "ANY")}
    assert rejected == {(path, method) for path, _ in taken for method in METHODS} - taken | elsewhere


def test_the_gateway_may_call_a_function_of_many_routes_under_one_statement() -> None:
    """A statement for each route would be a resource each, and for the rejecting function exceed the 20 KB
    that a function's policy may have.
    """
    permissions = {p["FunctionName"]["Ref"]: p for p in resources("AWS::Lambda::Permission").values()}
    assert set(permissions) == {f"{name}.Alias" for name in {REJECTING, *SHARED}}
    for name, permission in permissions.items():
        routes_allowed = permission["SourceArn"]["Fn::Sub"].partition(":${Api}")[2]
        reading = dict.fromkeys(("HolderEventsFunction.Alias", "ServeConsoleFunction.Alias"), "/*/GET/*")
        expected = {f"{REJECTING}.Alias": "/*", **reading}
        assert routes_allowed == expected.get(name, f"/*/*{OPERATOR}/*")


def test_only_operations_of_operators_and_those_of_the_history_share_a_function() -> None:
    shared = {o.name for o in OPERATIONS.values() if o.shared}
    assert shared == {
        o.name
        for o in OPERATIONS.values()
        if o.path.startswith(f"{OPERATOR}/") or o.path.endswith(("/events", "/v2/usage"))
    }


def test_every_route_belongs_to_the_one_api() -> None:
    events = [e for f in functions().values() for e in f.get("Events", {}).values() if e["Type"] == "Api"]
    assert events
    assert all(event["Properties"]["RestApiId"] == {"Ref": "Api"} for event in events)
    assert list(resources("AWS::Serverless::Api")) == ["Api"]
    assert not resources("AWS::Serverless::HttpApi")
