"""Types of the texts that describe an API, and its parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Json: TypeAlias = dict[str, Any]
Model: TypeAlias = type[BaseModel]

_TEXT: Final[Json] = {"type": "string"}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer that an operation may give.

    Args:
        description: when it is given.
        model: its body; ``None`` for none.
        many: whether the body is an array of it.
        example: a body.
        headers: names of shared headers beyond ``Cache-Control`` and ``X-Trace-Id``, which every answer has.
        links: next operations by name, each with its path parameter and a runtime expression of OpenAPI for
            the parameter's place in the answer.
    """

    description: str
    model: Model | None = None
    many: bool = False
    example: Any = None
    headers: Sequence[str] = ()
    links: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OperationText:
    """Texts and models of an operation in addition to the table of operations.

    Args:
        answers: successes by status.
        errors: statuses of the API's shared error answers.
        parameters: names of shared parameters, path parameters included.
        request: model of the body.
    """

    tag: str
    summary: str
    description: str
    answers: Mapping[int, Answer]
    errors: Sequence[int]
    parameters: Sequence[str] = ()
    request: Model | None = None
    request_example: Any = None


@dataclass(frozen=True, slots=True)
class ApiText:
    """One API: its operations by name, and their shared parts.

    ``errors`` maps a status to the name of the shared answer and the answer; ``parameters`` maps a name to a
    parameter object; ``schema_names`` maps names of enumerations in the code to published ones.
    """

    tags: Mapping[str, str]
    operations: Mapping[str, OperationText]
    errors: Mapping[int, tuple[str, Answer]]
    parameters: Mapping[str, Json] = field(default_factory=dict)
    schema_names: Mapping[str, str] = field(default_factory=dict)


def in_path(name: str, description: str, **schema: Any) -> Json:
    """A parameter in the path: text, unless ``schema`` has a type."""
    place = {"name": name, "in": "path", "required": True}
    return {**place, "description": description, "schema": {**_TEXT, **schema}}


def in_query(name: str, description: str, **schema: Any) -> Json:
    """A parameter in the query that is given at most once: text, unless ``schema`` has a type."""
    return {"name": name, "in": "query", "description": description, "schema": {**_TEXT, **schema}}


def repeated(name: str, description: str, items: Json = _TEXT) -> Json:
    """A parameter in the query that may be repeated."""
    schema = {"type": "array", "items": items}
    place = {"name": name, "in": "query"}
    return {**place, "description": description, "style": "form", "explode": True, "schema": schema}


def in_header(name: str, description: str, **schema: Any) -> Json:
    """A header that the client may send."""
    return {**in_query(name, description, **schema), "in": "header"}
