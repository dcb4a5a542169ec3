"""Texts of the capacity claims API. Names follow the published contract; errors are `google.rpc.Status`."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gpu_capacity.capacity_claims.api import models
from tools.openapi import creating, events, paging
from tools.openapi.description import Answer, ApiText, Json, OperationText, in_header, in_path, in_query

_CLAIMS: Final = "Capacity Claims"
_TYPE: Final = "type.googleapis.com/google.rpc."
_TRACE: Final[Json] = {"@type": f"{_TYPE}RequestInfo", "requestId": "57bc14d9bd461f0b5a72db830149b67a"}
_ID: Final = "3f0e9a52-7c1b-4d6e-9f38-2b5a6c7d8e9f"

_PARAMETERS: Final[dict[str, Json]] = {
    **paging.PARAMETERS,
    **creating.PARAMETERS,
    "claimIDParameter": in_path("claimID", "The claim's id.", format="uuid"),
    "updatedAfterParameter": in_query(
        "updatedAfter", "Only claims that were updated strictly after this time.", format="date-time"
    ),
    "organizationIdHeader": in_header(
        "X-Organization-Id", "For whom; a new claim needs it where the token names several organizations."
    ),
}


def _error(description: str, code: int, message: str, *details: Json, header: str | None = None) -> Answer:
    example = {"code": code, "message": message, "details": [*details, _TRACE]}
    return Answer(description, models.RpcStatus, example=example, headers=(header,) if header else ())


def _resource(name: str, description: str) -> Json:
    return {
        "@type": f"{_TYPE}ResourceInfo",
        "resourceType": "CapacityClaim",
        "resourceName": name,
        "description": description,
    }


_MISSING: Final = "the capacity claim does not exist in an organization of the access token"
_TAKEN: Final = f"a capacity claim of this name exists: its id is {_ID}"

_ERRORS: Final = {
    400: (
        "claimInvalidArgument",
        _error(
            "INVALID_ARGUMENT with field violations; FAILED_PRECONDITION where the claim is being deleted.",
            3,
            "resources.instance_count: Input should be greater than or equal to 1",
            {
                "@type": f"{_TYPE}BadRequest",
                "fieldViolations": [
                    {
                        "field": "resources.instance_count",
                        "description": "Input should be greater than or equal to 1",
                    }
                ],
            },
        ),
    ),
    401: (
        "claimUnauthenticated",
        _error(
            "UNAUTHENTICATED: there is no bearer token, or it does not verify; the message says why.",
            16,
            "authentication failed: the access token has expired",
            header="WWW-Authenticate",
        ),
    ),
    403: (
        "claimPermissionDenied",
        _error(
            "PERMISSION_DENIED: the token does not carry the permission that this needs, or is not of the "
            "organization named.",
            7,
            "permission denied: this needs the permission capacityclaims:write",
        ),
    ),
    404: (
        "claimNotFound",
        _error(
            "NOT_FOUND: the claim does not exist or is hidden from the caller.",
            5,
            _MISSING,
            _resource(_ID, _MISSING),
        ),
    ),
    409: (
        "claimAlreadyExists",
        _error(
            "ALREADY_EXISTS: another claim has the id or the name.",
            6,
            _TAKEN,
            _resource("inference", _TAKEN),
        ),
    ),
    413: ("claimTooLarge", _error("The body is larger than 64 KiB.", 3, "the request body is too large")),
    415: (
        "claimUnsupportedMediaType",
        _error(
            "The content type of the body is not JSON.",
            3,
            "the content type must be application/json",
        ),
    ),
    429: (
        "claimResourceExhausted",
        _error(
            "RESOURCE_EXHAUSTED: the organization's quota of instances is reached.",
            8,
            "quota exceeded: 8 instances requested, 30 of 32 in use",
            {
                "@type": f"{_TYPE}QuotaFailure",
                "violations": [
                    {
                        "subject": "organization:instances",
                        "description": "quota exceeded: 8 instances requested, 30 of 32 in use",
                        "quotaMetric": "instances",
                        "quotaValue": "32",
                        "quotaDimensions": {"requested": "8", "used": "30"},
                    }
                ],
            },
        ),
    ),
    500: (
        "claimInternal",
        _error(
            "INTERNAL: nothing is known to be wrong with the request. With Retry-After it was not decided "
            "and may be sent again as it is; without, please report the request id.",
            13,
            "the request was not decided: try again",
            header="Retry-After",
        ),
    ),
}

_RESOURCES: Final[Json] = {
    "instanceId": "gb300-4x",
    "instanceCount": 40,
    "zones": ["us-chi-1", "uk-lon-1"],
    "capacityType": "CAPACITY_TYPE_CUSTOMER",
}
_CLAIM: Final[Json] = {
    "spec": {
        "id": _ID,
        "name": "inference",
        "resources": _RESOURCES,
        "organizationId": "161b9d5a-701d-4fea-848d-0e345edf16e9",
    },
    "status": {
        "createdAt": "2026-04-28T10:45:45Z",
        "updatedAt": "2026-04-28T10:45:46Z",
        "conditions": [
            {
                "type": "Progressing",
                "lastUpdateTime": "2026-04-28T10:45:46Z",
                "reason": "Waiting",
                "message": "4 instances are pending",
                "zone": "",
                "status": "True",
            }
        ],
        "allocatedInstances": 36,
        "pendingInstances": 4,
        "status": "STATUS_CREATING",
    },
}
_ONE: Final = Answer("A capacity claim.", models.ClaimAnswer, example={"capacityClaim": _CLAIM})
_MADE: Final = replace(
    _ONE,
    links=dict.fromkeys(
        ("get_capacity_claim", "update_capacity_claim", "delete_capacity_claim"),
        ("claimID", "$response.body#/capacityClaim/spec/id"),
    ),
)

CAPACITY_CLAIMS: Final = ApiText(
    tags={_CLAIMS: "Standing claims of single instances over zones in order of preference."},
    parameters=_PARAMETERS,
    errors=_ERRORS,
    schema_names=events.SCHEMA_NAMES,
    operations={
        "create_capacity_claim": OperationText(
            tag=_CLAIMS,
            summary="Create capacity claim",
            description="Claims instances in the order of the zones. What does not fit stays pending and is "
            "filled as capacity appears, oldest claim first. With dryRun the answer shows the claim as its "
            "first round would make it. With an id in the request, the idempotency key is ignored. Without "
            "both, a request that the same caller repeats with the same name and resources within three "
            "minutes is answered with the claim that the first one created. Zones and instance types are "
            "compared without case.",
            parameters=(*creating.NAMES, "organizationIdHeader"),
            request=models.ClaimCreate,
            request_example={"resources": _RESOURCES, "id": _ID, "name": "inference"},
            answers={200: _MADE},
            errors=(400, 401, 403, 409, 413, 415, 429, 500),
        ),
        "list_capacity_claims": OperationText(
            tag=_CLAIMS,
            summary="List capacity claims",
            description="Lists the claims of the caller's organizations in id order.",
            parameters=("updatedAfterParameter", *paging.NAMES, "organizationIdHeader"),
            answers={
                200: Answer(
                    "Capacity claims.",
                    models.ClaimsAnswer,
                    example={"capacityClaims": [_CLAIM]},
                    headers=("Link",),
                )
            },
            errors=(400, 401, 403, 500),
        ),
        "list_capacity_claim_parameters": OperationText(
            tag=_CLAIMS,
            summary="List capacity claim parameters",
            description="Lists the instance types of each zone that the caller may see.",
            parameters=("organizationIdHeader",),
            answers={
                200: Answer(
                    "Instance types by zone.",
                    models.ParametersAnswer,
                    example={"zoneInstanceTypes": {"us-chi-1": {"instanceIds": ["gb300-4x"]}}},
                )
            },
            errors=(400, 401, 403, 500),
        ),
        "list_capacity_claim_quotas": OperationText(
            tag=_CLAIMS,
            summary="List quotas of capacity claims",
            description="Lists the limits of the caller's organizations on instances, and what is used of "
            "them, pending instances included. Subjects without a limit are omitted.",
            parameters=("organizationIdHeader",),
            answers={
                200: Answer(
                    "Quotas.",
                    models.ClaimQuotasAnswer,
                    example={
                        "quotas": [
                            {
                                "organizationId": "161b9d5a-701d-4fea-848d-0e345edf16e9",
                                "subject": "instances",
                                "limit": 100,
                                "used": 60,
                            }
                        ]
                    },
                )
            },
            errors=(400, 401, 403, 500),
        ),
        "get_capacity_claim": OperationText(
            tag=_CLAIMS,
            summary="Get capacity claim",
            description="Shows one claim.",
            parameters=("claimIDParameter", "organizationIdHeader"),
            answers={200: _ONE},
            errors=(400, 401, 403, 404, 500),
        ),
        "list_capacity_claim_events": events.of_claim(_CLAIMS, "claimIDParameter", "organizationIdHeader"),
        "update_capacity_claim": OperationText(
            tag=_CLAIMS,
            summary="Update capacity claim",
            description="Changes the count and the zones; the whole resources block is sent. Shrinking gives "
            "pending instances back first, then those of the least preferred zone. Another name, instance "
            "type or capacity type is refused.",
            parameters=("claimIDParameter", "organizationIdHeader"),
            request=models.ClaimUpdate,
            request_example={"id": _ID, "resources": {**_RESOURCES, "instanceCount": 36}},
            answers={200: _ONE},
            errors=(400, 401, 403, 404, 413, 415, 429, 500),
        ),
        "delete_capacity_claim": OperationText(
            tag=_CLAIMS,
            summary="Delete capacity claim",
            description="Begins to drain a claim and answers with its state at that moment. It is shown as "
            "being deleted until that is done, and is then 404.",
            parameters=("claimIDParameter", "organizationIdHeader"),
            answers={200: _ONE},
            errors=(400, 401, 403, 404, 500),
        ),
    },
)
