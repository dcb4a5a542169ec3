"""Usage in words, for customers and for operators."""

from __future__ import annotations

from typing import Final

from gpu_capacity.usage.api.models import UsageRead
from gpu_capacity.usage.api.replies import DAYS_MAX, FORMATS
from gpu_capacity.usage.held import Kind
from tools.openapi import paging
from tools.openapi.description import Answer, Json, OperationText, in_query

SCHEMA_NAMES: Final = {Kind.__name__: "usageKind"}
PARAMETERS: Final[dict[str, Json]] = {
    "usageSinceQueryParameter": in_query(
        "since", "The first day, in UTC; the first of the month without it.", format="date"
    ),
    "usageUntilQueryParameter": in_query(
        "until",
        f"The day after the last one, at most {DAYS_MAX} days later; tomorrow without it.",
        format="date",
    ),
    "usageFormatQueryParameter": in_query(
        "format", "`csv` has the column names of the FOCUS specification.", enum=list(FORMATS)
    ),
}

_EXAMPLE: Final[Json] = {
    "organizationId": "161b9d5a-701d-4fea-848d-0e345edf16e9",
    "projectId": "f113be96-4dd2-4c14-9c0e-e96c500f21e0",
    "kind": "reservation",
    "id": "d0d457bf-39a1-490a-8d72-97f0009aee43",
    "name": "training",
    "regionId": "us-tex-1",
    "accelerator": "GB300",
    "day": "2026-11-30",
    "gpuSecondsHeld": 12441600,
    "gpuSecondsUsed": 6220800,
    "gpuHoursHeld": "3456.000000",
    "listPrice": "6.9000",
    "listCost": "23846.400000",
    "currency": "USD",
}


def of(tag: str, whose: str) -> OperationText:
    """An operation that lists usage."""
    return OperationText(
        tag=tag,
        summary="List usage",
        description=f"Lists the GPU-seconds that {whose} held, by holder, accelerator and day of UTC. What "
        "is held now counts until now. What happened in the last seconds may not be counted yet. List prices "
        "do not include the disks of VMs.",
        parameters=(
            *PARAMETERS,
            "organizationIDQueryParameter",
            "projectIDQueryParameter",
            *paging.NAMES,
        ),
        answers={200: Answer("Usage.", UsageRead, many=True, example=[_EXAMPLE], headers=("Link",))},
        errors=(400, 401, 403, 500),
    )
