"""Texts of the reservations API: parameters, answers and examples. Names follow the published contract."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from gpu_capacity.reservations.api import models
from gpu_capacity.reservations.api.units import ReservationUnitRead
from tools.openapi import creating, paging, unit_release
from tools.openapi import reservation_examples as examples
from tools.openapi.description import Answer, ApiText, Json, OperationText

_RESERVATIONS: Final = "Reservations"
_UNITS: Final = "Reservation Units"
_SERVICE: Final = "Service"

_TRACE_ID: Final = "57bc14d9bd461f0b5a72db830149b67a"


def _filter(name: str, description: str) -> Json:
    """A query parameter that may be repeated."""
    return {
        "name": name,
        "in": "query",
        "description": f"{description} Repeated, any of the values will do.",
        "style": "form",
        "explode": True,
        "schema": {"type": "array", "items": {"type": "string"}},
    }


PARAMETERS: Final[dict[str, Json]] = {
    "placementIDParameter": {
        "name": "placementID",
        "in": "path",
        "required": True,
        "description": "The placement's id.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 63},
    },
    "reservationIDQueryParameter": _filter(
        "reservationID", "Allows placements to be filtered by the reservation whose hosts they have."
    ),
    "networkIDQueryParameter": _filter("networkID", "Allows placements to be filtered by network."),
    "reservationIDParameter": {
        "name": "reservationID",
        "in": "path",
        "required": True,
        "description": "The reservation's id.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 63},
    },
    "organizationIDParameter": {
        "name": "organizationID",
        "in": "path",
        "required": True,
        "description": "The organization's id. Operators may name any.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 63},
    },
    "organizationIDQueryParameter": _filter(
        "organizationID",
        "Narrows where to look. Operators reach other organizations only by naming them here.",
    ),
    "projectIDQueryParameter": _filter("projectID", "Allows resources to be filtered by project."),
    "regionIDQueryParameter": _filter("regionID", "Allows resources to be filtered by region."),
    "acceleratorQueryParameter": _filter(
        "accelerator", "Allows reservation units to be filtered by accelerator model or family."
    ),
    "reservationUnitQueryParameter": _filter(
        "unit", "Allows reservation units to be filtered by reservation granularity."
    ),
    "tagSelectorParameter": {
        "name": "tag",
        "in": "query",
        "description": "A tag that resources must have, as name=value. Compared as it is written, so that "
        "equals signs in a name or a value do no harm. Repeated, they must have all of them.",
        "style": "form",
        "explode": True,
        "schema": {"type": "array", "items": {"type": "string", "pattern": "="}},
        "example": ["workload=training"],
    },
    **unit_release.PARAMETERS,
    **paging.PARAMETERS,
    **creating.PARAMETERS,
}


def _error(description: str, word: str, text: str, *headers: str, **fields: Any) -> Answer:
    example = {"error": word, "error_description": text, "trace_id": _TRACE_ID, **fields}
    return Answer(description, models.ErrorRead, example=example, headers=headers)


ERRORS: Final = {
    400: (
        "badRequestResponse",
        _error(
            "The body is not JSON or not what the operation takes, a parameter is malformed, or the region "
            "does not offer what is asked for. The description names every wrong field and never its value; "
            "`errors` has them one by one.",
            "invalid_request",
            "spec.unit: Field required; spec.count: Input should be greater than or equal to 1",
            errors=[
                {"field": "spec.unit", "problem": "Field required"},
                {"field": "spec.count", "problem": "Input should be greater than or equal to 1"},
            ],
        ),
    ),
    401: (
        "unauthorizedResponse",
        _error(
            "There is no bearer token, or it does not verify; the description says why.",
            "access_denied",
            "authentication failed: the access token has expired",
            "WWW-Authenticate",
        ),
    ),
    403: (
        "forbiddenResponse",
        _error(
            "The token does not carry the permission that this needs, or is not of the organization and "
            "project, or the organization's quota is reached.",
            "forbidden",
            "permission denied: this needs the permission reservations:create",
        ),
    ),
    404: (
        "notFoundResponse",
        _error(
            "The resource does not exist or is hidden from the caller.",
            "not_found",
            "the reservation does not exist",
        ),
    ),
    409: (
        "conflictResponse",
        _error(
            "The idempotency key was used with another request, or for something that was deleted; or the "
            "state of a reservation or placement does not allow this; or the reservation has too few free "
            "hosts, and `hosts` has the figures.",
            "conflict",
            "the idempotency key was used with another request",
        ),
    ),
    413: (
        "requestEntityTooLargeResponse",
        _error(
            "The body is larger than 64 KiB.",
            "request_entity_too_large",
            "the request body is larger than 65536 bytes",
        ),
    ),
    415: (
        "unsupportedMediaTypeResponse",
        _error(
            "The content type of the body is not JSON.",
            "unsupported_media_type",
            "the content type must be application/json",
        ),
    ),
    422: (
        "unprocessableContentResponse",
        _error(
            "The request is well formed, but what it names does not go together, or its constraints cannot "
            "be met.",
            "unprocessable_content",
            "the network is in another region than the hosts",
        ),
    ),
    500: (
        "internalServerErrorResponse",
        _error(
            "Nothing is known to be wrong with the request. With Retry-After it was not decided and may be "
            "sent again as it is; without, please report the trace id.",
            "server_error",
            "the request was not decided: try again",
            "Retry-After",
        ),
    ),
    507: (
        "insufficientCapacityResponse",
        _error(
            "No contiguous set of reservation units of the requested size is available in the region.",
            "server_error",
            "insufficient capacity: 5 contiguous units requested, 4 available, largest contiguous count 3 "
            "(excluded: 4 claimed, 0 cordoned, 4 incomplete); pods have up to 8 contiguous units, so it may "
            "fit later",
        ),
    ),
    **unit_release.ERRORS,
}

_UNIT_LIST: Final = Answer(
    "A list of reservation units.", ReservationUnitRead, many=True, example=[examples.UNIT]
)
_ONE: Final = Answer("A reservation.", models.ReservationRead, example=examples.RESERVATION)
_MADE: Final = replace(
    _ONE,
    links=dict.fromkeys(
        ("get_reservation", "delete_reservation"), ("reservationID", "$response.body#/metadata/id")
    ),
)

RESERVATIONS: Final = ApiText(
    tags={
        _RESERVATIONS: "Project scoped reservations of one or more contiguous accelerator units in a region.",
        _UNITS: "Regional accelerator units and their current aggregate capacity.",
        _SERVICE: "The service itself.",
    },
    parameters=PARAMETERS,
    errors=ERRORS,
    schema_names={
        "Architecture": "hostArchitectureV2",
        "GpuVendor": "gpuVendorV2",
        "Health": "resourceHealthStatus",
    },
    operations={
        "create_reservation": OperationText(
            tag=_RESERVATIONS,
            summary="Create reservation",
            description="Claims contiguous units at once and provisions them afterwards: poll the "
            "reservation until it is provisioned or error.",
            parameters=creating.NAMES,
            request=models.ReservationCreate,
            request_example=examples.REQUEST,
            answers={
                200: Answer(
                    "Only with dryRun: the reservation as it would be.",
                    models.ReservationRead,
                    example=examples.RESERVATION,
                ),
                202: _MADE,
            },
            errors=(400, 401, 403, 404, 409, 413, 415, 500, 507),
        ),
        "list_reservations": OperationText(
            tag=_RESERVATIONS,
            summary="List reservations",
            description="Lists what the caller may see, in id order; an empty array where there is nothing. "
            "Different parameters must all hold.",
            parameters=(
                "tagSelectorParameter",
                "organizationIDQueryParameter",
                "projectIDQueryParameter",
                "regionIDQueryParameter",
                *paging.NAMES,
            ),
            answers={
                200: Answer(
                    "A list of reservations.",
                    models.ReservationRead,
                    many=True,
                    example=[examples.RESERVATION],
                    headers=("Link",),
                )
            },
            errors=(400, 401, 403, 500),
        ),
        "get_reservation": OperationText(
            tag=_RESERVATIONS,
            summary="Get reservation",
            description="Shows one reservation. Its status is deprovisioning while it is being torn down; "
            "then it is 404.",
            parameters=("reservationIDParameter", "organizationIDQueryParameter"),
            answers={200: _ONE},
            errors=(400, 401, 403, 404, 500),
        ),
        "delete_reservation": OperationText(
            tag=_RESERVATIONS,
            summary="Delete reservation",
            description="Begins to tear down, whatever the status. Repeated meanwhile, it changes nothing.",
            parameters=("reservationIDParameter", "organizationIDQueryParameter"),
            answers={202: Answer("The teardown was accepted.")},
            errors=(400, 401, 403, 404, 500),
        ),
        "release_reservation_units": unit_release.operation_text(_RESERVATIONS, examples.RESERVATION),
        "list_reservation_units": OperationText(
            tag=_UNITS,
            summary="List reservation units",
            description="Lists the offerings of the regions that the caller may see, and how much of each is "
            "free now. Different parameters must all hold.",
            parameters=(
                "regionIDQueryParameter",
                "acceleratorQueryParameter",
                "reservationUnitQueryParameter",
            ),
            answers={200: _UNIT_LIST},
            errors=(400, 401, 403, 500),
        ),
        "list_organization_reservation_units": OperationText(
            tag=_UNITS,
            summary="List reservation units of an organization",
            description="Lists what is on offer in the regions that the organization may know of, and how "
            "much of it the organization can have now: no more than its quota leaves. Different parameters "
            "must all hold.",
            parameters=(
                "organizationIDParameter",
                "regionIDQueryParameter",
                "acceleratorQueryParameter",
                "reservationUnitQueryParameter",
            ),
            answers={200: _UNIT_LIST},
            errors=(400, 401, 403, 500),
        ),
        "list_reservation_quotas": OperationText(
            tag=_RESERVATIONS,
            summary="List quotas of reservations",
            description="Lists the limits of organizations on units of accelerators and on servers of "
            "placements, and how much of each is used. Subjects without a limit are omitted.",
            parameters=("organizationIDQueryParameter",),
            answers={
                200: Answer(
                    "A list of quotas.",
                    models.QuotaRead,
                    many=True,
                    example=[
                        {
                            "organizationId": "9a8c6370-4065-4d4a-9da0-7678df40cd9d",
                            "subject": "GB300",
                            "limit": 16,
                            "used": 2,
                        }
                    ],
                )
            },
            errors=(400, 401, 403, 500),
        ),
        "get_version": OperationText(
            tag=_SERVICE,
            summary="Get version",
            description="Name and version of the service.",
            answers={
                200: Answer(
                    "Name and version.",
                    models.VersionRead,
                    example={"name": "gpu-capacity-reservation", "version": "0.5.0"},
                )
            },
            errors=(500,),
        ),
    },
)
