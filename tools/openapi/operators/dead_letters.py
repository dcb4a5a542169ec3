"""What failed for good in words: a part of the operators' API."""

from __future__ import annotations

from typing import Final

from gpu_capacity.operations.api.dead_letters import DeadLetterQueueRead
from tools.openapi.description import Answer, Json, OperationText
from tools.openapi.operators.tag import OPERATORS_TAG

PARAMETERS: Final[dict[str, Json]] = {}

OPERATIONS: Final = {
    "list_dead_letters": OperationText(
        tag=OPERATORS_TAG,
        summary="List dead letters",
        description="Shows what failed for good in the background: how many letters there are, and some of "
        "them. They stay in their queue for 14 days.",
        answers={
            200: Answer(
                "The queues.",
                DeadLetterQueueRead,
                many=True,
                example=[
                    {
                        "queue": "failed-invocations",
                        "count": 1,
                        "letters": [
                            {
                                "id": "0b6d9c1e-6f2a-4a55-9d0f-0c1d2e3f4a5b",
                                "sentTime": "2026-12-01T09:30:00Z",
                                "origin": "invocation",
                                "error": "Task timed out after 300.00 seconds",
                                "body": "{}",
                            }
                        ],
                    }
                ],
            )
        },
        errors=(400, 401, 403, 500),
    ),
}
