"""A limited rate of requests for each organization, where the settings ask for one."""

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

_NAMED_IN_HEADER: Final = "x-organization-id"
_NAMED_IN_QUERY: Final = "organizationID"


def limited(name: str, handle: Callable[[Call[Services]], Reply]) -> Callable[[Call[Services]], Reply]:
    """``handle`` for the operation ``name``, as long as nobody it counts for has used up the minute."""
    kind = Kind.READ if OPERATIONS[name].method == "GET" else Kind.WRITE

    def admitted(call: Call[Services]) -> Reply:
        limits = limits_of(call.services, kind, _organizations(call))
        admit(call.services, kind, limits or {("subject", call.caller.subject): _limit(call.services, kind)})
        return handle(call)

    return admitted


def limits_of(services: Services, kind: Kind, organizations: Iterable[str]) -> Limits:
    """What each of these organizations may send in a minute, through all of its members and tokens."""
    limit = _limit(services, kind)
    return {("organization", organization): limit for organization in organizations}


def _limit(services: Services, kind: Kind) -> int:
    limits = services.limits
    return limits.reads_per_minute if kind is Kind.READ else limits.writes_per_minute


def _organizations(call: Call[Services]) -> frozenset[str]:
    """The one that a request names, if the caller is its member; otherwise all of the caller's.

    An operator's request never counts for a customer: of one who has no organizations, the subject counts.
    """
    own = call.caller.organizations
    named = set(call.query.get(_NAMED_IN_QUERY, ()))
    if _NAMED_IN_HEADER in call.headers:
        named.add(call.headers[_NAMED_IN_HEADER])
    return frozenset(named) if len(named) == 1 and named <= own else own
