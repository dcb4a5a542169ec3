"""Runs of the audit in words: a part of the operators' API."""

from __future__ import annotations

from typing import Final

from gpu_capacity.operations.api.audits import AuditDetailRead, AuditRead, RepairBody
from tools.openapi import paging
from tools.openapi.description import Answer, Json, OperationText, in_path
from tools.openapi.operators.tag import OPERATORS_TAG

PARAMETERS: Final[dict[str, Json]] = {"auditIDParameter": in_path("auditID", "The id of a run of the audit.")}

_REQUESTED: Final[Json] = {
    "id": "019e6dcd4bc0-5f0c2b7d9a1e4c38",
    "by": "operator@example.com",
    "status": "requested",
    "requestedTime": "2026-12-01T09:30:00Z",
}
_ENDED: Final[Json] = {
    **_REQUESTED,
    "status": "ended",
    "startedTime": "2026-12-01T09:30:01Z",
    "endedTime": "2026-12-01T09:30:09Z",
    "clean": False,
    "findingCount": 1,
    "unjudgedCount": 0,
    "noticeCount": 0,
}
_FINDING: Final[Json] = {
    "id": "a0e1d2a0e1d2a0e1",
    "kind": "name_stale",
    "subject": "ORG#a1b2c3d4-0000-4000-8000-000000000001 CLAIMNAME#training",
    "message": "the name belongs to a claim that is gone",
    "advice": "repair it: nobody can use the name",
    "items": ["holders: ORG#a1b2c3d4-0000-4000-8000-000000000001 CLAIMNAME#training"],
    "asked": [],
    "result": "repairable",
    "repair": "removes the entry",
}
_ORDER: Final[Json] = {
    "findingIds": ["a0e1d2a0e1d2a0e1"],
    "takeAway": [],
    "reason": "left over from the restore of Tuesday",
    "apply": True,
}

OPERATIONS: Final = {
    "start_audit": OperationText(
        tag=OPERATORS_TAG,
        summary="Start an audit",
        description="Starts an audit in the background: whether holders, pods and providers agree. It "
        "repairs nothing. Get it by its id until it has ended; that takes seconds to minutes.",
        answers={202: Answer("The run, which begins soon.", AuditRead, example=_REQUESTED)},
        errors=(400, 401, 403, 500),
    ),
    "order_repair": OperationText(
        tag=OPERATORS_TAG,
        summary="Repair findings of an audit",
        description="Has findings of an audit repaired in the background, or shows what that would do. Only "
        "what is found again at that moment is repaired, each finding by one conditional write or one "
        "request to its provider. Get the run by its id until it has ended; it says what became of each.",
        parameters=("auditIDParameter",),
        request=RepairBody,
        request_example=_ORDER,
        answers={
            202: Answer(
                "The run, which begins soon.",
                AuditRead,
                example={**_REQUESTED, "repair": {"auditId": "019e6dcd4bc0-5f0c2b7d9a1e4c38", **_ORDER}},
            )
        },
        errors=(400, 401, 403, 404, 409, 413, 415, 500),
    ),
    "list_audits": OperationText(
        tag=OPERATORS_TAG,
        summary="List audits",
        description="Lists the audits of the last 90 days, those of the schedule as well, latest first.",
        parameters=paging.NAMES,
        answers={
            200: Answer("The audits.", AuditRead, many=True, example=[_ENDED], headers=("Link",)),
        },
        errors=(400, 401, 403, 500),
    ),
    "get_audit": OperationText(
        tag=OPERATORS_TAG,
        summary="Get an audit",
        description="Gets an audit with what it found. Of very many findings the first are kept; "
        "`leftOutCount` says how many more there were, and the log has all.",
        parameters=("auditIDParameter",),
        answers={
            200: Answer(
                "The audit.",
                AuditDetailRead,
                example={
                    **_ENDED,
                    "findings": [_FINDING],
                    "unjudged": [],
                    "notices": [],
                    "leftOutCount": 0,
                    "read": {"pods": 4, "holders": 31},
                },
            )
        },
        errors=(400, 401, 403, 404, 500),
    ),
}
