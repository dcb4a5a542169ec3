"""The emulator enforces the roles of the template, so functions run here with their real permissions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.stack import Stack

ORGANIZATION = "5a1e0000-0000-4000-8000-000000000001"
PROJECT = "5a1e0000-0000-4000-8000-000000000002"
NOTHING = {"Effect": "Deny", "Action": "dynamodb:Query", "Resource": "*"}


def _role(stack: Stack, function: str) -> str:
    pages = stack.client("lambda").get_paginator("list_functions").paginate()
    (role,) = {f["Role"] for page in pages for f in page["Functions"] if f"-{function}-" in f["FunctionName"]}
    return str(role).rsplit("/", 1)[-1]


@pytest.fixture
def listing_without_query(stack: Stack) -> Any:
    """Remove the permission to query from the role of one function for the duration of a test."""
    iam, role = stack.client("iam"), _role(stack, "ListReservationsFunction")
    document = {"Version": "2012-10-17", "Statement": [NOTHING]}
    iam.put_role_policy(RoleName=role, PolicyName="taken-away", PolicyDocument=json.dumps(document))
    yield
    iam.delete_role_policy(RoleName=role, PolicyName="taken-away")


def _list(stack: Stack) -> int:
    return stack.call("GET", "/api/v2/reservations", token=stack.token(ORGANIZATION, PROJECT)).status


def test_a_function_can_do_what_its_role_allows(stack: Stack) -> None:
    assert _list(stack) == 200


@pytest.mark.usefixtures("listing_without_query")
def test_a_function_cannot_do_what_its_role_does_not_allow(stack: Stack) -> None:
    assert _list(stack) == 500
