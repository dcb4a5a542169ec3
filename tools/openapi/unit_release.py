"""The release of units of a reservation in words."""

from __future__ import annotations

from typing import Final

from gpu_capacity.reservations.api import models, release
from tools.openapi.description import Answer, Json, OperationText
from tools.openapi.reservation_examples import TOPOLOGY_HASH, UNIT_ID

_TRACE_ID: Final = "57bc14d9bd461f0b5a72db830149b67a"

PARAMETERS: Final[dict[str, Json]] = {
    "ifMatchParameter": {
        "name": "If-Match",
        "in": "header",
        "description": "The present topologyHash in double quotes. Without it the answer is 428.",
        "schema": {"type": "string"},
        "example": f'"{TOPOLOGY_HASH}"',
    }
}
ERRORS: Final = {
    412: (
        "preconditionFailedResponse",
        Answer(
            "The entity tag is not the present one. Nothing was done: read the reservation again.",
            models.ErrorRead,
            example={
                "error": "conflict",
                "error_description": "If-Match is not the present topologyHash: read the reservation again",
                "trace_id": _TRACE_ID,
            },
        ),
    ),
    428: (
        "preconditionRequiredResponse",
        Answer(
            "The request does not say which entity tag it was decided on.",
            models.ErrorRead,
            example={
                "error": "invalid_request",
                "error_description": "the header If-Match is required, with topologyHash in double quotes",
                "trace_id": _TRACE_ID,
            },
        ),
    ),
}
_CONSUMER: Final[Json] = {
    "type": "placement",
    "placementId": "c20b6a52-4b1e-4f0f-9d3c-5a1de0f4b7a3",
    "serverIds": ["psrv-7f3d9d5d2a7c4e32"],
}


def operation_text(tag: str, reservation: Json) -> OperationText:
    """The operation, under a tag; ``reservation`` is an example of a reservation of two units."""
    return OperationText(
        tag=tag,
        summary="Release reservation units",
        description="Gives units of a provisioned reservation back, all or none; it keeps the others. No "
        "placement may have hosts of them.",
        parameters=("reservationIDParameter", "organizationIDQueryParameter", *PARAMETERS),
        request=release.UnitReleaseBody,
        request_example={"spec": {"unitIds": [UNIT_ID]}},
        answers={
            200: Answer(
                "The reservation without the units, and the units.",
                release.UnitReleaseRead,
                example={
                    "reservation": _without_one(reservation),
                    "releasedUnits": [{"id": UNIT_ID, "infrastructureRefs": ["pod1-rack03-tray00"]}],
                },
                headers=("ETag",),
            ),
            422: Answer(
                "Placements have hosts of these units. What the caller may not read is left out.",
                release.BlockersRead,
                example={"blockers": [{"unitId": UNIT_ID, "consumers": [_CONSUMER]}]},
            ),
        },
        errors=(400, 401, 403, 404, 409, 412, 413, 415, 428, 500),
    )


def _without_one(reservation: Json) -> Json:
    detail = {
        "reason": "Provisioned",
        "message": "18 hosts of 1 unit are held; 1 released unit will be free in a moment",
    }
    return {
        **reservation,
        "metadata": {
            **reservation["metadata"],
            "provisioningStatus": "provisioned",
            "provisioningStatusDetail": detail,
            "healthStatusDetail": {"reason": "Healthy", "message": "18 hosts in service"},
        },
        "status": {**reservation["status"], "claimedUnitCount": 1},
    }
