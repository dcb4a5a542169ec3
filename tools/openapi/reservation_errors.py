"""The shared error answers of the reservations API, by status."""

from __future__ import annotations

from typing import Any, Final

from gpu_capacity.reservations.api.models import ErrorRead
from tools.openapi.description import Answer

_TRACE_ID: Final = "57bc14d9bd461f0b5a72db830149b67a"


def _error(description: str, word: str, text: str, *headers: str, **fields: Any) -> Answer:
    example = {"error": word, "error_description": text, "trace_id": _TRACE_ID, **fields}
    return Answer(description, ErrorRead, example=example, headers=headers)


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
    412: (
        "preconditionFailedResponse",
        _error(
            "The entity tag is not the present one. Nothing was done: read it again.",
            "conflict",
            "If-Match is not the present topologyHash: read the reservation again",
        ),
    ),
    428: (
        "preconditionRequiredResponse",
        _error(
            "The request does not say which entity tag it was decided on.",
            "invalid_request",
            "the header If-Match is required, with topologyHash in double quotes",
        ),
    ),
}
