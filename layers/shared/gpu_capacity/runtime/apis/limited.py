"""Limits the rate of requests of each organization, if the settings have a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.http.operations import OPERATIONS
from gpu_capacity.http.rate_limit import admit
from gpu_capacity.http.request_counts import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gpu_capacity.http.call import Call, Reply
    from gpu_capacity.http.request_counts import Limits
    from gpu_capacity.runtime.services import Services

_NAMED_IN_HEADERS: Final = ("x-organization-id", "x-organization")
_NAMED_IN_URL: Final = "organizationID"


def limited(name: str, handle: Callable[[Call[Services]], Reply]) -> Callable[[Call[Services]], Reply]:
    """``handle`` for the operation ``name``, behind the rate limit.

    The handler raises ``RateLimited`` if an organization that the request counts for has used up its minute.
    """
    kind = Kind.READ if OPERATIONS[name].method == "GET" else Kind.WRITE

    def admitted(call: Call[Services]) -> Reply:
        limits = limits_of(call.services, kind, _organizations(call))
        admit(call.services, kind, limits or {("subject", call.caller.subject): _limit(call.services, kind)})
        return handle(call)

    return admitted


def limits_of(services: Services, kind: Kind, organizations: Iterable[str]) -> Limits:
    """The requests a minute of each of these organizations, over all of its members and tokens."""
    limit = _limit(services, kind)
    return {("organization", organization): limit for organization in organizations}


def _limit(services: Services, kind: Kind) -> int:
    limits = services.limits
    return limits.reads_per_minute if kind is Kind.READ else limits.writes_per_minute


def _organizations(call: Call[Services]) -> frozenset[str]:
    """The organization that the request names, if the caller is its member; else all of the caller's.

    An operator's request never counts for a customer's organization. If an operator has no organizations, the
    request counts for its subject.
    """
    own = call.caller.organizations
    named = set(call.query.get(_NAMED_IN_URL, ()))
    if _NAMED_IN_URL in call.path_parameters:
        named.add(call.path_parameters[_NAMED_IN_URL])
    named.update(call.headers[header] for header in _NAMED_IN_HEADERS if header in call.headers)
    return frozenset(named) if len(named) == 1 and named <= own else own
