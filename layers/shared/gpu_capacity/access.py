"""Who calls, and what they may do. Pure: verified claims come in, decisions come out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import Forbidden, InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

ALL_PROJECTS: Final = "*"
"""In a token's projects: every project of its organizations."""


class Permission(StrEnum):
    """Rights that a token may carry. Append-only: identity providers are configured with these words."""

    CREATE_RESERVATIONS = "reservations:create"
    READ_RESERVATIONS = "reservations:read"
    DELETE_RESERVATIONS = "reservations:delete"
    READ_CAPACITY_CLAIMS = "capacityclaims:read"
    WRITE_CAPACITY_CLAIMS = "capacityclaims:write"
    READ_VMS = "vms:read"
    WRITE_VMS = "vms:write"
    READ_BILLING = "billing:read"
    WRITE_API_KEYS = "apikeys:write"
    OPERATE = "operator"


API_KEY_PREFIX: Final = "nv_"
"""How every API key begins, so that it is told from a token."""


class Scope(StrEnum):
    """What an API key may do; the words are published."""

    READ_WRITE = "read_write"
    READ_ONLY = "read_only"
    BILLING_ONLY = "billing_only"


PERMISSIONS_OF_SCOPE: Final[dict[Scope, frozenset[str]]] = {
    Scope.READ_WRITE: frozenset({Permission.READ_VMS, Permission.WRITE_VMS, Permission.READ_BILLING}),
    Scope.READ_ONLY: frozenset({Permission.READ_VMS, Permission.READ_BILLING}),
    Scope.BILLING_ONLY: frozenset({Permission.READ_BILLING}),
}
"""No scope may make API keys: one that leaks cannot outlive its revocation as another one."""

_IMPLIED_BY_OPERATE: Final = frozenset(
    {Permission.READ_RESERVATIONS, Permission.DELETE_RESERVATIONS, Permission.READ_CAPACITY_CLAIMS}
)


ORGANIZATIONS_MAX: Final = 50
"""Of a token, and those that an operator's request names: each of them is a read."""

IDENTITY_BYTES_MAX: Final = 255
"""Of a subject, an organization or a project, in UTF-8: they become parts of keys, which DynamoDB bounds."""


def is_identity(text: str) -> bool:
    """Whether a text can stand for a subject, an organization or a project.

    Not one that would not stay where it is shown: operators' commands print them, and people read by them
    who did what. A lone surrogate cannot be printed either.
    """
    return text.isprintable() and 0 < len(text.encode()) <= IDENTITY_BYTES_MAX


def permissions_of(scopes: Iterable[Scope]) -> frozenset[str]:
    """What an API key with these scopes may do: what any one of them allows."""
    return frozenset[str]().union(*(PERMISSIONS_OF_SCOPE[scope] for scope in scopes))


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified identity.

    ``subject`` identifies, ``name`` is for people. An operator may see every region and project, and may
    read and delete in any organization that a request names outright.
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

    def require(self, permission: Permission) -> None:
        """Refuse unless the token carries the permission; an operator may read and delete everywhere.

        Raises:
            Forbidden: it does not.
        """
        implied = self.is_operator and permission in _IMPLIED_BY_OPERATE
        if permission not in self.permissions and not implied:
            raise Forbidden(f"permission denied: this needs the permission {permission.value}")

    def within(self, named: str | None) -> Caller:
        """The same caller in the organization that the request names; in all of its own where it names none.

        Raises:
            Forbidden: the caller is no member of the organization named.
        """
        if named is None:
            return self
        if named not in self.organizations:
            raise Forbidden("permission denied: the credential is not of this organization")
        return replace(self, organizations=frozenset({named}))

    def acting_organization(self) -> str:
        """For whom the caller acts: its only organization.

        Raises:
            InvalidRequest: it has none or several.
        """
        if len(self.organizations) != 1:
            problem = "required where a credential is not of exactly one organization"
            raise InvalidRequest("header X-Organization-Id", problem)
        return next(iter(self.organizations))

    def owns(self, organization_id: str, project_id: str) -> bool:
        """Whether the caller is a member of both, rights of operators left aside."""
        return organization_id in self.organizations and (
            project_id in self.projects or ALL_PROJECTS in self.projects
        )

    def may_see(self, organization_id: str, project_id: str) -> bool:
        """Whether things of that project exist as far as this caller can tell."""
        return self.is_operator or self.owns(organization_id, project_id)

    def organizations_to_search(self, named: frozenset[str]) -> list[str]:
        """Where to look, in order, when the request names these organizations (none: the caller's own).

        Raises:
            InvalidRequest: an operator names more of them than one request can look into.
        """
        if self.is_operator and named:
            if len(named) > ORGANIZATIONS_MAX:
                raise InvalidRequest("query organizationID", f"at most {ORGANIZATIONS_MAX} of them")
            return sorted(named)
        return sorted(self.organizations & named if named else self.organizations)
