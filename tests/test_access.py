from __future__ import annotations

from typing import Any

import pytest

from gpu_capacity.access import ALL_PROJECTS, ORGANIZATIONS_MAX, Caller, Permission
from gpu_capacity.errors import Forbidden, InvalidRequest
from testkit.world import ORGANIZATION, PROJECT, caller

OPERATOR = frozenset({Permission.OPERATE})
CUSTOMERS = [
    Permission.CREATE_RESERVATIONS,
    Permission.READ_RESERVATIONS,
    Permission.DELETE_RESERVATIONS,
    Permission.CREATE_PLACEMENTS,
    Permission.READ_PLACEMENTS,
    Permission.UPDATE_PLACEMENTS,
    Permission.DELETE_PLACEMENTS,
    Permission.OPERATE_PLACEMENTS,
]
OPERATORS = [
    Permission.READ_RESERVATIONS,
    Permission.DELETE_RESERVATIONS,
    Permission.READ_PLACEMENTS,
    Permission.DELETE_PLACEMENTS,
]


def _operator(**changes: Any) -> Caller:
    return caller(permissions=OPERATOR, organizations=frozenset(), projects=frozenset(), **changes)


@pytest.mark.parametrize("permission", CUSTOMERS)
def test_a_permission_in_the_token_is_sufficient(permission: Permission) -> None:
    caller(permissions=frozenset({permission.value})).require(permission)


@pytest.mark.parametrize("permission", CUSTOMERS)
def test_no_other_permission_replaces_it(permission: Permission) -> None:
    others = frozenset(CUSTOMERS) - {permission}

    with pytest.raises(Forbidden):
        caller(permissions=others).require(permission)


@pytest.mark.parametrize("permission", OPERATORS)
def test_an_operator_may_read_and_delete(permission: Permission) -> None:
    _operator().require(permission)


@pytest.mark.parametrize("permission", sorted({*CUSTOMERS} - {*OPERATORS}))
def test_an_operator_may_not_create_or_change_anything_for_a_customer(permission: Permission) -> None:
    with pytest.raises(Forbidden):
        _operator().require(permission)


def test_the_names_of_permissions_in_tokens_never_change() -> None:
    assert {permission.value for permission in Permission} >= {
        "reservations:create",
        "reservations:read",
        "reservations:delete",
        "placements:create",
        "placements:read",
        "placements:update",
        "placements:delete",
        "placements:operate",
        "operator",
    }


def test_membership_requires_the_organization_and_the_project() -> None:
    assert caller().owns(ORGANIZATION, PROJECT)
    assert not caller().owns(ORGANIZATION, "other")
    assert not caller().owns("other", PROJECT)


def test_a_star_stands_for_every_project_of_the_callers_organizations_only() -> None:
    everywhere = caller(projects=frozenset({ALL_PROJECTS}))

    assert everywhere.owns(ORGANIZATION, "any")
    assert not everywhere.owns("other", "any")


def test_an_operator_may_see_organizations_that_it_does_not_belong_to() -> None:
    assert _operator().may_see("any", "any")
    assert not _operator().owns("any", "any")


def test_a_customer_searches_its_organizations_limited_to_those_named() -> None:
    member = caller(organizations=frozenset({"b", "a", "c"}))

    assert member.organizations_to_search(frozenset()) == ["a", "b", "c"]
    assert member.organizations_to_search(frozenset({"c", "a", "foreign"})) == ["a", "c"]
    assert member.organizations_to_search(frozenset({"foreign"})) == []


def test_an_operator_searches_the_organizations_it_names_and_otherwise_its_own() -> None:
    assert _operator().organizations_to_search(frozenset({"x", "a"})) == ["a", "x"]
    assert _operator().organizations_to_search(frozenset()) == []


def test_an_operator_may_search_a_limited_number_of_organizations_at_once() -> None:
    """Each of them is a read: with as many as a URL can name the response would not come in time."""
    named = [f"org-{n:02}" for n in range(ORGANIZATIONS_MAX + 1)]

    assert _operator().organizations_to_search(frozenset(named[1:])) == named[1:]
    with pytest.raises(InvalidRequest, match="query organizationID: at most 50 of them"):
        _operator().organizations_to_search(frozenset(named))


def test_a_customer_may_name_any_number_of_organizations_and_searches_its_own() -> None:
    named = frozenset(f"org-{n}" for n in range(ORGANIZATIONS_MAX + 1)) | {ORGANIZATION}

    assert caller().organizations_to_search(named) == [ORGANIZATION]
