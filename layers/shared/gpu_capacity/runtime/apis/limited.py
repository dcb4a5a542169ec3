"""A limited rate of requests for each organization, where the settings ask for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.http.operations import OPERATIONS
from gpu_capacity.http.rate_limit import admit
from gpu_capacity.http.request_counts import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.access import Caller
    from gpu_capacity.http.call import Call, Reply
    from gpu_capacity.runtime.services import Services


def limited(name: str, handle: Callable[[Call[Services]], Reply]) -> Callable[[Call[Services]], Reply]:
    """``handle`` for the operation ``name``, as long as its caller has not used up the minute."""
    kind = Kind.READ if OPERATIONS[name].method == "GET" else Kind.WRITE

    def admitted(call: Call[Services]) -> Reply:
        limits = call.services.limits
        limit = limits.reads_per_minute if kind is Kind.READ else limits.writes_per_minute
        admit(call.services, _counted(call.caller), kind, limit)
        return handle(call)

    return admitted


def _counted(caller: Caller) -> tuple[str, ...]:
    """The organizations of a caller; of one that has none, an operator, the subject."""
    return tuple(sorted(caller.organizations)) or (caller.subject,)
