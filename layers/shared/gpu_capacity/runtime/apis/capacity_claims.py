"""Builds the Lambda handlers of the capacity claims API."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

# Every function of this API uses it. Imported here, because a starting function has more CPU than a request.
import gpu_capacity.capacity_claims.store  # noqa: F401
from gpu_capacity.capacity_claims.api.connect import over_connect
from gpu_capacity.capacity_claims.api.connect_errors import ConnectErrors
from gpu_capacity.capacity_claims.api.errors import ClaimErrors
from gpu_capacity.http.operations import OVER_CONNECT
from gpu_capacity.runtime.apis.limited import limited
from gpu_capacity.runtime.functions import api_function

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.http.call import Call, Reply
    from gpu_capacity.runtime.observability import LambdaHandler
    from gpu_capacity.runtime.services import Services

_ORGANIZATION: Final = "x-organization-id"


def claim_function(name: str, handle: Callable[[Call[Services]], Reply]) -> LambdaHandler:
    """A handler of the operation ``name`` for callers with a verified token, also on its Connect route.

    An organization in the ``X-Organization-Id`` header restricts the caller to that organization.
    """
    plain = api_function(name, ClaimErrors(), _in_organization(limited(name, handle)))
    if name not in OVER_CONNECT:
        return plain
    routed = OVER_CONNECT[name]
    answer = _in_organization(limited(name, over_connect(name, handle)))
    connect = api_function(name, ConnectErrors(), answer, routed=routed)

    def lambda_handler(event: dict[str, Any], context: Any) -> Any:
        return (connect if event["resource"] == routed.path else plain)(event, context)

    return lambda_handler


def _in_organization(admitted: Callable[[Call[Services]], Reply]) -> Callable[[Call[Services]], Reply]:
    return lambda call: admitted(replace(call, caller=call.caller.within(call.headers.get(_ORGANIZATION))))
