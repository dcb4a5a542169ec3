"""Cordons in words."""

from __future__ import annotations

from typing import Final

from gpu_capacity.operations.api.cordons import CordonBody, CordonChangeRead, CordonRead
from tools.openapi.description import Answer, Json, OperationText, in_path, in_query
from tools.openapi.operators.tag import OPERATORS_TAG

PARAMETERS: Final[dict[str, Json]] = {
    "regionIDParameter": in_path("regionID", "The region's id."),
    "targetPodIDQueryParameter": in_query("podID", "A pod, by its id in the fleet document."),
    "targetDomainIDQueryParameter": in_query("domainID", "A domain of that pod."),
    "targetHostIDQueryParameter": in_query("hostID", "A host."),
}

_TARGET: Final[Json] = {"podId": "pod1", "domainId": "pod1-rack03"}
_CORDON: Final[Json] = {
    "target": _TARGET,
    "source": "operator",
    "reason": "coolant leak",
    "since": "2026-11-30T09:30:00Z",
    "by": "operator@example.com",
}
_DOCUMENTS: Final[Json] = {"target": {"podId": "pod1", "domainId": "pod1-rack07"}, "source": "fleetDocument"}
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
        parameters=("regionIDParameter",),
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
        parameters=tuple(PARAMETERS),
        answers={200: _CHANGE},
        errors=(400, 401, 403, 404, 500),
    ),
}
