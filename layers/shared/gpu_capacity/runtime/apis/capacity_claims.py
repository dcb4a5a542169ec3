"""Builds the Lambda handlers of the capacity claims API."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

# Every function of this API uses it. Imported here, because a starting function has more CPU than a request.
import gpu_capacity.capacity_claims.store  # noqa: F401
from gpu_capacity.capacity_claims.api.errors import ClaimErrors
from gpu_capacity.runtime.apis.limited import limited
from gpu_capacity.runtime.functions import api_function

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.http.call import Call, Reply
    from gpu_capacity.runtime.observability import LambdaHandler
    from gpu_capacity.runtime.services import Services

_ORGANIZATION: Final = "x-organization-id"


def claim_function(name: str, handle: Callable[[Call[Services]], Reply]) -> LambdaHandler:
    """A handler of the operation ``name`` for callers with a verified token.

    An organization in the ``X-Organization-Id`` header restricts the caller to that organization.
    """
    admitted = limited(name, handle)

    def in_organization(call: Call[Services]) -> Reply:
        return admitted(replace(call, caller=call.caller.within(call.headers.get(_ORGANIZATION))))

    return api_function(name, ClaimErrors(), in_organization)
