"""Cordons in words."""

from __future__ import annotations

from typing import Final

from gpu_capacity.inventory.cordons import Cause
from gpu_capacity.operations.api.cordons import CordonBody, CordonChangeRead, CordonRead, QuarantineBody
from tools.openapi.description import Answer, Json, OperationText, in_path, in_query, repeated
from tools.openapi.operators.tag import OPERATORS_TAG

PARAMETERS: Final[dict[str, Json]] = {
    "regionIDParameter": in_path("regionID", "The region's id."),
    "targetPodIDQueryParameter": in_query("podID", "A pod, by its id in the fleet document."),
    "targetDomainIDQueryParameter": in_query("domainID", "A domain of that pod."),
    "targetHostIDQueryParameter": in_query("hostID", "A host."),
    "cordonCauseQueryParameter": repeated(
        "cause", "Only for one of these causes.", {"type": "string", "enum": [cause.value for cause in Cause]}
    ),
    "hostIDParameter": in_path("hostID", "The host's id."),
}
_TARGETED: Final = (
    "regionIDParameter",
    "targetPodIDQueryParameter",
    "targetDomainIDQueryParameter",
    "targetHostIDQueryParameter",
)

_TARGET: Final[Json] = {"podId": "pod1", "domainId": "pod1-rack03"}
_CORDON: Final[Json] = {
    "target": _TARGET,
    "source": "operator",
    "cause": "cordon",
    "reason": "coolant leak",
    "since": "2026-11-30T09:30:00Z",
    "by": "operator@example.com",
}
_DOCUMENTS: Final[Json] = {
    "target": {"podId": "pod1", "domainId": "pod1-rack07"},
    "source": "fleetDocument",
    "cause": "cordon",
}
_CHANGE: Final = Answer(
    "The cordons of operators in the region. `podsWritten` is how many pods have another shape now.",
    CordonChangeRead,
    example={"cordons": [_CORDON], "podsWritten": 1},
)

OPERATIONS: Final = {
    "list_cordons": OperationText(
        tag=OPERATORS_TAG,
        summary="List cordons",
        description="Lists what takes no new holder in a region: what operators have cordoned, oldest first, "
        "then the domains that the fleet document has cordoned.",
        parameters=("regionIDParameter", "cordonCauseQueryParameter"),
        answers={200: Answer("The cordons.", CordonRead, many=True, example=[_CORDON, _DOCUMENTS])},
        errors=(400, 401, 403, 404, 500),
    ),
    "set_cordon": OperationText(
        tag=OPERATORS_TAG,
        summary="Cordon hardware",
        description="Takes a region, a pod, a domain or a host out of sale. Who holds it keeps it. A target "
        "that is cordoned already gets the new reason.",
        parameters=("regionIDParameter",),
        request=CordonBody,
        request_example={"target": _TARGET, "reason": "coolant leak"},
        answers={200: _CHANGE},
        errors=(400, 401, 403, 404, 413, 415, 500),
    ),
    "lift_cordon": OperationText(
        tag=OPERATORS_TAG,
        summary="Lift a cordon",
        description="Lifts the cordon of exactly this target; without a parameter, that of the region. "
        "Cordons of the fleet document, and of other targets, stay.",
        parameters=_TARGETED,
        answers={200: _CHANGE},
        errors=(400, 401, 403, 404, 500),
    ),
    "set_quarantine": OperationText(
        tag=OPERATORS_TAG,
        summary="Quarantine a host",
        description="Sets a host aside that failed: it is not sold, and its holder sees that it is impaired, "
        "and why. One that is in quarantine stays there, with its first reason.",
        parameters=("regionIDParameter",),
        request=QuarantineBody,
        request_example={
            "hostId": "pod1-rack03-tray00",
            "reason": "GPU 3 fell off the bus",
            "evidence": "Xid 79",
        },
        answers={200: _CHANGE},
        errors=(400, 401, 403, 404, 413, 415, 500),
    ),
    "lift_quarantine": OperationText(
        tag=OPERATORS_TAG,
        summary="Lift a quarantine",
        description="Lifts the quarantine of a host. What else keeps it out of sale stays.",
        parameters=("regionIDParameter", "hostIDParameter"),
        answers={200: _CHANGE},
        errors=(400, 401, 403, 404, 500),
    ),
}
