"""Builds the Lambda handlers of the VM API, which has two kinds of credentials, and always rate limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

# Most functions of this API use it. Imported here, because a starting function has more CPU than a request.
from gpu_capacity.accounts.api.replies import account_for
from gpu_capacity.http.rate_limit import admit
from gpu_capacity.http.request_counts import Kind
from gpu_capacity.runtime import composition
from gpu_capacity.runtime.apis.limited import limits_of
from gpu_capacity.runtime.functions import api_function, open_function
from gpu_capacity.vms.api.errors import VmErrors

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.http.call import Call, OpenCall, Reply
    from gpu_capacity.runtime.functions import Verifier
    from gpu_capacity.runtime.observability import LambdaHandler
    from gpu_capacity.runtime.services import Services


def vm_function(name: str, kind: Kind, handle: Callable[[Call[Services]], Reply]) -> LambdaHandler:
    """A handler of the operation ``name`` for callers with an access token or an API key."""

    def admitted(call: Call[Services]) -> Reply:
        account = account_for(call)
        by_account = ("account", account.organization_id, account.subject)
        by_organization = limits_of(call.services, kind, [account.organization_id])
        admit(call.services, kind, {**by_organization, by_account: _limit(call.services, kind)})
        return handle(call)

    return api_function(name, VmErrors(), admitted, _credentials)


def open_vm_function(name: str, handle: Callable[[OpenCall[Services]], Reply]) -> LambdaHandler:
    """A handler of the operation ``name`` without a credential, with a rate limit for each IP address."""

    def admitted(call: OpenCall[Services]) -> Reply:
        admit(call.services, Kind.READ, {("address", call.address): _limit(call.services, Kind.READ)})
        return handle(call)

    return open_function(name, VmErrors(), admitted)


def _limit(services: Services, kind: Kind) -> int:
    limits = services.limits
    return limits.vm_reads_per_minute if kind is Kind.READ else limits.vm_writes_per_minute


def _credentials() -> Verifier:
    return composition.credentials()
