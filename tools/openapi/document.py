"""Builds the document from the table of operations, the models and each API's module."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity import API_VERSION
from gpu_capacity.http.operations import OPERATIONS
from tools.openapi.capacity_claims import CAPACITY_CLAIMS
from tools.openapi.operators.api import OPERATORS
from tools.openapi.placements import PLACEMENTS
from tools.openapi.reservation_examples import TOPOLOGY_HASH
from tools.openapi.reservations import RESERVATIONS
from tools.openapi.schemas import component_schemas, reference
from tools.openapi.topology import TOPOLOGY
from tools.openapi.vms import VMS

if TYPE_CHECKING:
    from gpu_capacity.http.operation import Operation
    from tools.openapi.description import Answer, ApiText, Json, Model, OperationText

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"

# One entry for each API. Schemas, parameters and answers of all APIs share the document's components.
APIS: Final[tuple[ApiText, ...]] = (RESERVATIONS, PLACEMENTS, TOPOLOGY, CAPACITY_CLAIMS, VMS, OPERATORS)

_SECURITY_SCHEME: Final = "bearerToken"

_HEADERS: Final[Json] = {
    "Cache-Control": {
        "description": "No answer may be cached.",
        "schema": {"type": "string", "const": "no-cache"},
    },
    "WWW-Authenticate": {
        "description": "How to authenticate; with an error code where a token was sent.",
        "schema": {"type": "string"},
        "example": 'Bearer realm="gpu-capacity", error="invalid_token"',
    },
    "Link": {
        "description": 'Present if a page of a list was requested and more follow: `rel="next"`, relative to '
        "the address of the request.",
        "schema": {"type": "string"},
        "example": '<?limit=100&cursor=mFf0>; rel="next"',
    },
    "ETag": {
        "description": "What the present state is called, in double quotes, for the `If-Match` of the "
        "next request.",
        "schema": {"type": "string"},
        "example": f'"{TOPOLOGY_HASH}"',
    },
    "X-Trace-Id": {
        "description": "What to quote when asking for help; taken from `traceparent` or `X-Amzn-Trace-Id` "
        "where the request has one.",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    },
    "Retry-After": {
        "description": "Present if the request was not decided: seconds to wait before sending it again.",
        "schema": {"type": "integer", "minimum": 0},
    },
}


def text() -> str:
    """Return the text of the committed document."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def document() -> Json:
    """Build the OpenAPI document.

    Raises:
        ValueError: an operation is described by no API or by several, or names are used twice.
    """
    described = [(name, api) for api in APIS for name in api.operations]
    names = [name for name, _ in described]
    expected = dict.fromkeys(OPERATIONS, 1)
    if wrong := sorted(n for n in {*names, *expected} if names.count(n) != expected.get(n, 0)):
        raise ValueError(f"not described by exactly one module of tools/openapi: {', '.join(wrong)}")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "GPU capacity reservation service",
            "description": "Reserves contiguous GPU racks, claims single instances over zones and rents "
            "slices of machines, from one inventory: claimed atomically, provisioned by workflows.\n\n"
            "Unknown paths answer 404, other methods on known paths 405 with `Allow`, both in the shape of "
            "the API under whose path they fall. Unknown fields are ignored; unknown query parameters, keys "
            "that an object has twice, and what may be given once and is given twice are refused.",
            "version": API_VERSION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [
            {"url": "http://127.0.0.1:3000", "description": "`make run` on this machine"},
            {
                "url": "https://{api}.execute-api.{region}.amazonaws.com/live",
                "description": "deployed; the stack's output ApiUrl",
                "variables": {"api": {"default": "example"}, "region": {"default": "us-east-1"}},
            },
        ],
        "security": [{_SECURITY_SCHEME: []}],
        "tags": [{"name": name, "description": words} for api in APIS for name, words in api.tags.items()],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                _SECURITY_SCHEME: {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A token of the configured issuer. Its claims name the caller's "
                    "organizations, projects and permissions. The VM API takes an API key (`nv_…`) as well.",
                }
            },
            "headers": _HEADERS,
            "parameters": _merged(*(dict(api.parameters) for api in APIS)),
            "responses": _merged(*(_errors(api) for api in APIS)),
            "schemas": _merged(*(component_schemas(_models(api), api.schema_names) for api in APIS)),
        },
    }


def operation_id(name: str) -> str:
    """The operationId of a function: ``create_reservation`` is ``createReservation``."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _paths() -> Json:
    paths: Json = {}
    for api in APIS:
        for name, words in api.operations.items():
            operation = OPERATIONS[name]
            paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, words, api)
    return paths


def _operation(operation: Operation, words: OperationText, api: ApiText) -> Json:
    entry: Json = {
        "tags": [words.tag],
        "summary": words.summary,
        "description": _description(operation, words),
        "operationId": operation_id(operation.name),
    }
    if words.parameters:
        entry["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in words.parameters]
    if words.request is not None:
        content = {"schema": reference(words.request), "example": words.request_example}
        entry["requestBody"] = {"required": True, "content": {"application/json": content}}
    answers = {str(status): _answer(answer) for status, answer in words.answers.items()}
    errors = {
        str(status): {"$ref": f"#/components/responses/{api.errors[status][0]}"} for status in words.errors
    }
    entry["responses"] = answers | errors
    if operation.permission is None:
        entry["security"] = []
    return entry


def _description(operation: Operation, words: OperationText) -> str:
    if operation.permission is None:
        return words.description
    return f"{words.description} Needs the permission `{operation.permission.value}`."


def _answer(answer: Answer) -> Json:
    names = ("Cache-Control", "X-Trace-Id", *answer.headers)
    entry: Json = {
        "description": answer.description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
    }
    if answer.model is not None:
        one = reference(answer.model)
        schema = {"type": "array", "items": one} if answer.many else one
        entry["content"] = {"application/json": {"schema": schema, "example": answer.example}}
    if answer.links:
        entry["links"] = {
            operation_id(name): {"operationId": operation_id(name), "parameters": {parameter: expression}}
            for name, (parameter, expression) in answer.links.items()
        }
    return entry


def _errors(api: ApiText) -> Json:
    return {name: _answer(answer) for name, answer in api.errors.values()}


def _models(api: ApiText) -> list[Model]:
    answers = [a for words in api.operations.values() for a in words.answers.values()]
    answers += [answer for _, answer in api.errors.values()]
    requests = [words.request for words in api.operations.values()]
    used = [model for model in (*requests, *(a.model for a in answers)) if model is not None]
    return list(dict.fromkeys(used))


def _merged(*parts: dict[str, Any]) -> Json:
    """Merge the parts.

    Raises:
        ValueError: two of them have different values under one name.
    """
    merged: Json = {}
    for part in parts:
        for name, value in part.items():
            if merged.setdefault(name, value) != value:
                raise ValueError(f"{name} is used twice")
    return merged
