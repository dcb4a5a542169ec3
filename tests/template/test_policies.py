"""Each function may do exactly what it does: tested by running it and comparing with its role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.http.operations import OPERATIONS
from testkit.handlers import sample_events
from tests.template import exercise
from tests.template.loading import functions, listed, resources, statements, template
from tests.template.roles import granted, inline, role_of
from tools.openapi.routes import logical_id

if TYPE_CHECKING:
    from testkit.handlers.aws import Access

FOLDERS = sample_events.functions()
READS = {
    *("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"),
    # Who receives a message can hide it for a time; only what deletes it needs more.
    *("sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
}
WRITERS = {operation.function for operation in OPERATIONS.values() if operation.method != "GET"}
READERS = sorted({o.function for o in OPERATIONS.values()} - WRITERS | {"reject_unknown_route"})


@pytest.fixture(scope="module")
def used() -> dict[str, set[Access]]:
    """The permissions that each function used in all of its tests."""
    return exercise.record()


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_role_allows_exactly_what_its_function_does(folder: str, used: dict[str, set[Access]]) -> None:
    needed, allowed = used.get(folder, set()), granted(folder)
    missing = sorted(access for access in needed if not access.is_allowed_by(allowed))
    superfluous = sorted(right for right in allowed if not _was_used(right, needed, allowed))
    assert not missing, f"{logical_id(folder)} lacks rights"
    assert not superfluous, f"{logical_id(folder)} has rights that no exercise needed"


def _was_used(right: Access, used: set[Access], granted: set[Access]) -> bool:
    """An unlimited permission was used where no permission limited to keys would have sufficed."""
    if right.keys:
        return right in used
    return any(
        (access.action, access.resource) == (right.action, right.resource) and access not in granted - {right}
        for access in used
    )


@pytest.mark.parametrize("folder", READERS)
def test_a_reader_cannot_write(folder: str) -> None:
    opened = inline(role_of(logical_id(folder)))
    assert {action for s in opened for action in listed(s["Action"])} - {"sqs:SendMessage"} <= READS


def test_only_who_lists_everything_may_scan() -> None:
    scanning = {
        name
        for name, properties in functions().items()
        for statement in statements(properties)
        if "dynamodb:Scan" in listed(statement["Action"])
    }
    listing = ("audit_holders", "repair_findings", "watch_providers")
    assert scanning == {logical_id(name) for name in listing}


def test_repairs_change_who_owns_what_and_never_what_there_is() -> None:
    rights = granted("repair_findings")
    changing = [r for r in rights if r.action.endswith(("PutItem", "UpdateItem", "DeleteItem"))]
    assert {r.keys for r in changing if r.resource == "inventory"} == {"AUDITS#*", "CLAIMS#*"}
    assert all(r.keys for r in changing if r.resource == "holders")
    assert not [r for r in rights if r.action.startswith(("lambda:", "states:", "sqs:"))]


@pytest.mark.parametrize("name", [*functions(), *resources("AWS::Serverless::StateMachine")])
def test_no_policy_holds_a_wildcard(name: str) -> None:
    properties: dict[str, Any] = template()["Resources"][name]["Properties"]
    for statement in statements(properties):
        assert statement["Effect"] == "Allow"
        assert not {"NotAction", "NotResource", "Principal"} & set(statement)
        for action in listed(statement["Action"]):
            assert "*" not in action
        for resource in listed(statement["Resource"]):
            assert resource != "*"
            text = resource.get("Fn::Sub", "")
            # Executions and objects have names that are not known beforehand.
            assert "*" not in text or text.endswith(
                ("-reservation:*", "-placement:*", "-claim:*", "-vm:*", "${FleetBucket.Arn}/*")
            )


def test_policies_are_written_out_and_not_managed_or_templates() -> None:
    """A managed policy or a SAM policy template grants more than this file shows."""
    for name, properties in functions().items():
        for policy in properties.get("Policies", []):
            assert set(policy) == {"Version", "Statement"}, name


def test_no_role_is_shared() -> None:
    assert not resources("AWS::IAM::Role")
    assert not [name for name, properties in functions().items() if "Role" in properties]
