"""Lambda handlers of the VM API: two kinds of credentials, and a limited rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

# Most functions of this API use them: while a function starts it has more of a processor than in a request.
from gpu_capacity.accounts.api.replies import account_for
from gpu_capacity.http.rate_limit import admit
from gpu_capacity.http.request_counts import Kind
from gpu_capacity.runtime import composition
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
        _admit(call.services, (account.organization_id, account.subject), kind)
        return handle(call)

    return api_function(name, VmErrors(), admitted, _credentials)


def open_vm_function(name: str, handle: Callable[[OpenCall[Services]], Reply]) -> LambdaHandler:
    """A handler of the operation ``name`` for anybody; who calls too often is told by the address."""

    def admitted(call: OpenCall[Services]) -> Reply:
        _admit(call.services, (call.address,), Kind.READ)
        return handle(call)

    return open_function(name, VmErrors(), admitted)


def _admit(services: Services, caller: tuple[str, ...], kind: Kind) -> None:
    limits = services.limits
    limit = limits.vm_reads_per_minute if kind is Kind.READ else limits.vm_writes_per_minute
    admit(services, caller, kind, limit)


def _credentials() -> Verifier:
    return composition.credentials()
