"""Who calls, and what they may do. Pure: the verified contents of a credential in, decisions out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import Forbidden, InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

ALL_PROJECTS: Final = "*"
"""In a token's projects, this stands for every project of its organizations."""


class Permission(StrEnum):
    """Rights that a token may carry. Append-only: identity providers are configured with these words."""

    CREATE_RESERVATIONS = "reservations:create"
    READ_RESERVATIONS = "reservations:read"
    DELETE_RESERVATIONS = "reservations:delete"
    CREATE_PLACEMENTS = "placements:create"
    READ_PLACEMENTS = "placements:read"
    UPDATE_PLACEMENTS = "placements:update"
    DELETE_PLACEMENTS = "placements:delete"
    OPERATE_PLACEMENTS = "placements:operate"
    READ_TOPOLOGY = "topology:read"
    READ_CAPACITY_CLAIMS = "capacityclaims:read"
    WRITE_CAPACITY_CLAIMS = "capacityclaims:write"
    READ_VMS = "vms:read"
    WRITE_VMS = "vms:write"
    READ_BILLING = "billing:read"
    WRITE_API_KEYS = "apikeys:write"
    OPERATE = "operator"


API_KEY_PREFIX: Final = "nv_"
"""Every API key begins with this, so that it can be distinguished from a token."""


class Scope(StrEnum):
    """What an API key may do. The words are published."""

    READ_WRITE = "read_write"
    READ_ONLY = "read_only"
    BILLING_ONLY = "billing_only"


PERMISSIONS_OF_SCOPE: Final[dict[Scope, frozenset[str]]] = {
    Scope.READ_WRITE: frozenset({Permission.READ_VMS, Permission.WRITE_VMS, Permission.READ_BILLING}),
    Scope.READ_ONLY: frozenset({Permission.READ_VMS, Permission.READ_BILLING}),
    Scope.BILLING_ONLY: frozenset({Permission.READ_BILLING}),
}
"""No scope allows making API keys: a leaked key could be used to make another one, which stays valid after
the leaked key is revoked."""

_IMPLIED_BY_OPERATE: Final = frozenset(
    {
        Permission.READ_RESERVATIONS,
        Permission.DELETE_RESERVATIONS,
        Permission.READ_PLACEMENTS,
        Permission.DELETE_PLACEMENTS,
        Permission.READ_TOPOLOGY,
        Permission.READ_CAPACITY_CLAIMS,
    }
)


ORGANIZATIONS_MAX: Final = 50
"""Limit for the organizations of a token, and for those that an operator's request names: each costs a
read."""

IDENTITY_BYTES_MAX: Final = 255
"""Limit for the name of a subject, an organization or a project, in UTF-8 bytes: the names become parts of
keys, whose length DynamoDB limits."""


def is_identity(text: str) -> bool:
    """Whether a text can name a subject, an organization or a project.

    It must be printable: operators' commands print names, and people read there who did what. So control
    characters and lone surrogates are refused.
    """
    return text.isprintable() and 0 < len(text.encode()) <= IDENTITY_BYTES_MAX


def permissions_of(scopes: Iterable[Scope]) -> frozenset[str]:
    """The permissions of an API key with these scopes: everything that at least one of them allows."""
    return frozenset[str]().union(*(PERMISSIONS_OF_SCOPE[scope] for scope in scopes))


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified identity.

    ``subject`` identifies the caller, ``name`` is for display. An operator may see every region and project,
    and may read and delete in any organization that a request names explicitly.
    """

    subject: str
    name: str
    organizations: frozenset[str]
    projects: frozenset[str]
    permissions: frozenset[str]

    @property
    def is_operator(self) -> bool:
        """Whether the token carries operator rights."""
        return Permission.OPERATE in self.permissions

    def may(self, permission: Permission) -> bool:
        """Whether the caller has a permission. An operator may read and delete without having it."""
        return permission in self.permissions or (self.is_operator and permission in _IMPLIED_BY_OPERATE)

    def require(self, permission: Permission) -> None:
        """Check that the caller has a permission: see ``may``.

        Raises:
            Forbidden: the caller does not have the permission.
        """
        if not self.may(permission):
            raise Forbidden(f"permission denied: this needs the permission {permission.value}")

    def require_organization(self, organization_id: str) -> None:
        """Check that the caller may ask about an organization: its own, and an operator any.

        Raises:
            Forbidden: the caller is not a member of the organization.
        """
        if organization_id not in self.organizations and not self.is_operator:
            raise Forbidden("permission denied: the credential is not of this organization")

    def within(self, named: str | None) -> Caller:
        """The caller restricted to the organization that the request names; unchanged if it names none.

        Raises:
            Forbidden: the caller is not a member of the named organization.
        """
        if named is None:
            return self
        if named not in self.organizations:
            raise Forbidden("permission denied: the credential is not of this organization")
        return replace(self, organizations=frozenset({named}))

    def acting_organization(self) -> str:
        """The organization that the caller acts for: its only one.

        Raises:
            InvalidRequest: the caller has no organization or several.
        """
        if len(self.organizations) != 1:
            problem = "required where a credential is not of exactly one organization"
            raise InvalidRequest("header X-Organization-Id", problem)
        return next(iter(self.organizations))

    def owns(self, organization_id: str, project_id: str) -> bool:
        """Whether the caller is a member of both. Operator rights are ignored."""
        return organization_id in self.organizations and (
            project_id in self.projects or ALL_PROJECTS in self.projects
        )

    def may_see(self, organization_id: str, project_id: str) -> bool:
        """Whether the caller may know that resources of this project exist."""
        return self.is_operator or self.owns(organization_id, project_id)

    def organizations_to_search(self, named: frozenset[str]) -> list[str]:
        """The organizations to read, in order, for a request that names these; its own if it names none.

        Raises:
            InvalidRequest: an operator names more organizations than one request may read.
        """
        if self.is_operator and named:
            if len(named) > ORGANIZATIONS_MAX:
                raise InvalidRequest("query organizationID", f"at most {ORGANIZATIONS_MAX} of them")
            return sorted(named)
        return sorted(self.organizations & named if named else self.organizations)
