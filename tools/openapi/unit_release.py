"""The release of units of a reservation in words."""

from __future__ import annotations

from typing import Final

from gpu_capacity.reservations.api import release
from tools.openapi.description import Answer, Json, OperationText, in_header
from tools.openapi.reservation_examples import PLACEMENT_ID, SERVER_ID, TOPOLOGY_HASH, UNIT_ID

PARAMETERS: Final[dict[str, Json]] = {
    "ifMatchParameter": {
        **in_header("If-Match", "The present topologyHash in double quotes. Without it the answer is 428."),
        "example": f'"{TOPOLOGY_HASH}"',
    }
}
_CONSUMER: Final[Json] = {"type": "placement", "placementId": PLACEMENT_ID, "serverIds": [SERVER_ID]}


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
