"""One operation of the HTTP APIs: its route, what its caller needs, and the parameters that it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gpu_capacity.access import Permission

NAME_SHOWN_MAX: Final = 64
"""Unknown parameter names are shown up to this length."""

PATH_CHARACTERS_MAX: Final = {
    "reservationID": 63,
    "placementID": 63,
    "serverID": 128,
    "organizationID": 63,
}
"""Limits of path parameters that a published contract has. Elsewhere a long id is an absent one."""

_OPERATORS: Final = "/operator/"
_OPERATORS_CHARACTERS_MAX: Final = {"organizationID": 255}
"""No published contract binds operators: they reach each organization that a token can name."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    Args:
        name: of the operation; the operationId follows from it.
        method: in upper case.
        path: in the notation of API Gateway and OpenAPI.
        permission: what the caller needs; None if everybody may call.
        once: query parameters that may be given once.
        repeated: query parameters that may be given any number of times.
        any_query: whether unknown query parameters are ignored instead of refused.
        shared: the function that serves it together with others; empty if it has one of its own name.
    """

    name: str
    method: str
    path: str
    permission: Permission | None
    once: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    any_query: bool = False
    shared: str = ""

    @property
    def function(self) -> str:
        """The function that serves it."""
        return self.shared or self.name

    @property
    def parameters(self) -> tuple[str, ...]:
        """All query parameters of the operation."""
        return (*self.once, *self.repeated)

    def check_query(self, query: Mapping[str, Sequence[str]]) -> None:
        """Refuse unknown query parameters: a misspelt one must not be taken for an absent one.

        Raises:
            InvalidRequest: a parameter is unknown, or was given more often than it may be; it names all such.
        """
        unknown = [] if self.any_query else [name for name in query if name not in self.parameters]
        twice = [name for name in self.once if len(query.get(name, ())) > 1]
        problems = [(f"query {name[:NAME_SHOWN_MAX]}", f"unknown: {self._known()}") for name in unknown]
        problems += [(f"query {name}", "must be given once") for name in twice]
        if problems:
            raise InvalidRequest.of(problems)

    def check_path(self, parameters: Mapping[str, str]) -> None:
        """Refuse path parameters that are longer than they may be.

        Raises:
            InvalidRequest: it names all that are too long.
        """
        most = _OPERATORS_CHARACTERS_MAX if self.path.startswith(_OPERATORS) else PATH_CHARACTERS_MAX
        problems = [
            (f"path {name}", f"must have at most {most[name]} characters")
            for name, value in parameters.items()
            if name in most and len(value) > most[name]
        ]
        if problems:
            raise InvalidRequest.of(problems)

    def _known(self) -> str:
        names = ", ".join(self.parameters)
        return f"this operation takes {names}" if names else "this operation takes no query parameters"
