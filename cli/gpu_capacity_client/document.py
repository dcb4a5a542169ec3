"""The operations of the service, as its OpenAPI document describes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final, TypeAlias

Schema: TypeAlias = dict[str, Any]
"""A JSON schema without a reference at its top; its parts may have some."""

METHODS: Final = ("get", "post", "put", "patch", "delete")
KEY: Final = "Idempotency-Key"
PAGING: Final = frozenset({"limit", "cursor", "offset"})


@dataclass(frozen=True)
class Parameter:
    """What a request has in its path, its query or its headers."""

    name: str
    place: str
    """``path``, ``query`` or ``header``."""
    required: bool
    description: str
    schema: Schema

    @property
    def repeats(self) -> bool:
        """Whether it may be given several times."""
        return self.schema.get("type") == "array"


@dataclass(frozen=True)
class Operation:
    """One operation: ``createReservation`` is ``POST /api/v2/reservations``."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[Parameter, ...]
    body: Schema | None
    """The schema of the body of its request, as it stands in the document."""
    result: Schema | None
    """The schema of the body of its answer, as it stands in the document."""
    public: bool
    """Whether it needs no credential."""

    def parameter(self, name: str) -> Parameter | None:
        """Return a parameter by its name."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)

    @property
    def is_paged(self) -> bool:
        """Whether its answer may be one page of several."""
        return self.parameter("cursor") is not None

    @property
    def is_keyed(self) -> bool:
        """Whether a repeat can be told by its idempotency key."""
        return self.parameter(KEY) is not None


@cache
def operations() -> dict[str, Operation]:
    """Return every operation by its id, in the order of the document."""
    return {
        entry["operationId"]: _operation(method, path, entry)
        for path, methods in _document()["paths"].items()
        for method, entry in methods.items()
        if method in METHODS
    }


def resolved(schema: Schema) -> Schema:
    """Return a schema with its reference followed; what stands beside the reference wins."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    beside = {name: value for name, value in schema.items() if name != "$ref"}
    return resolved(_component(reference)) | beside


def _component(reference: str) -> Schema:
    part: Any = _document()
    for name in reference.removeprefix("#/").split("/"):
        part = part[name]
    found: Schema = part
    return found


@cache
def _document() -> dict[str, Any]:
    text = resources.files("gpu_capacity_client").joinpath("openapi.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def _operation(method: str, path: str, entry: dict[str, Any]) -> Operation:
    content = entry.get("requestBody", {}).get("content", {}).get("application/json")
    return Operation(
        id=entry["operationId"],
        method=method.upper(),
        path=path,
        summary=entry.get("summary", ""),
        description=entry.get("description", ""),
        parameters=tuple(_parameter(resolved(parameter)) for parameter in entry.get("parameters", ())),
        body=None if content is None else content["schema"],
        result=_result(entry["responses"]),
        public=entry.get("security") == [],
    )


def _parameter(described: dict[str, Any]) -> Parameter:
    return Parameter(
        name=described["name"],
        place=described["in"],
        required=described.get("required", False),
        description=described.get("description", ""),
        schema=resolved(described["schema"]),
    )


def _result(responses: dict[str, Any]) -> Schema | None:
    """The schema of the last status of success: a dry run is answered with an earlier one, and alike."""
    successes = [resolved(responses[status]) for status in sorted(responses) if status.startswith("2")]
    content = successes[-1].get("content", {}).get("application/json")
    return None if content is None else content["schema"]
