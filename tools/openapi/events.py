"""The history of a holder in words, in the style of each API."""

from __future__ import annotations

from typing import Final

from gpu_capacity.history.api.models import HolderEvent, HolderEvents, VmEvent
from gpu_capacity.history.event import Word
from tools.openapi import paging
from tools.openapi.description import Answer, Json, OperationText

SCHEMA_NAMES: Final = {Word.__name__: "holderEventWord"}

_EVENT: Final[Json] = {
    "id": "6c1f93f2a8d04e11.3.0",
    "event": "provisioned",
    "time": "2026-11-30T09:31:12Z",
    "sequence": "000000000003.0",
    "status": "provisioned",
    "statusBefore": "provisioning",
    "hosts": 36,
}
_VM_EVENT: Final[Json] = {
    "id": "71d0aa52b6c34f90.7.0",
    "event": "interruption_announced",
    "time": "2026-11-30T09:31:12Z",
    "sequence": "000000000007.0",
    "status": "running",
    "status_before": "running",
    "gpus": 4,
    "effective_at": "2026-11-30T09:33:12Z",
}
_WHAT: Final = (
    "Shows what happened to it, newest first, to whoever may read it; also after it is gone, for as long as "
    "the service keeps events."
)


def of_project(tag: str, noun: str, parameter: str) -> OperationText:
    """The events of a reservation or a placement."""
    return OperationText(
        tag=tag,
        summary=f"List events of a {noun}",
        description=_WHAT,
        parameters=(parameter, "organizationIDQueryParameter", *paging.NAMES),
        answers={200: Answer("Events.", HolderEvent, many=True, example=[_EVENT], headers=("Link",))},
        errors=(400, 401, 403, 404, 500),
    )


def of_claim(tag: str, *parameters: str) -> OperationText:
    """The events of a capacity claim."""
    event = _EVENT | {"event": "accepted", "status": "STATUS_READY", "statusBefore": "STATUS_CREATING"}
    return OperationText(
        tag=tag,
        summary="List events of a capacity claim",
        description=_WHAT,
        parameters=(*parameters, *paging.NAMES),
        answers={200: Answer("Events.", HolderEvents, example={"events": [event]}, headers=("Link",))},
        errors=(400, 401, 403, 404, 500),
    )


def of_vm(tag: str, *parameters: str) -> OperationText:
    """The events of a VM."""
    return OperationText(
        tag=tag,
        summary="List events of a VM",
        description=_WHAT,
        parameters=(*parameters, "limitParameter", "pageCursorParameter"),
        answers={200: Answer("Events.", VmEvent, many=True, example=[_VM_EVENT], headers=("Link",))},
        errors=(401, 403, 404, 422, 429, 500),
    )
