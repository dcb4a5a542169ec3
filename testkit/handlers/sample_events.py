"""The files in ``events/``: read, filled in with tokens, and varied."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).resolve().parents[2]
EVENTS: Final = ROOT / "events"
FUNCTIONS: Final = ROOT / "functions"

# What the event files stand on: this key makes this id, for the subject of the sample tokens.
SAMPLE_KEY: Final = "events-example-1"
SAMPLE_ID: Final = "d0d457bf-39a1-490a-8d72-97f0009aee43"
NOBODYS_ID: Final = "a64f9269-36e0-4312-b8d1-52d93d569b7b"
TRACE_ID: Final = "6a17b9000123456789abcdef01234567"

_TOKEN: Final = re.compile(r"\{\{token:([a-z]+)\}\}")


def functions() -> list[str]:
    """Every function folder, in order."""
    return sorted(path.parent.name for path in FUNCTIONS.glob("*/handler.py"))


def cases() -> list[tuple[str, str]]:
    """Every event file as (function, case), in order."""
    return sorted((path.parent.name, path.stem) for path in EVENTS.glob("*/*.json"))


def read(function: str, case: str) -> dict[str, Any]:
    """An event as it is committed."""
    event: dict[str, Any] = json.loads((EVENTS / function / f"{case}.json").read_text(encoding="utf-8"))
    return event


def with_tokens(event: dict[str, Any], mint: Callable[[str], str]) -> dict[str, Any]:
    """The event with each ``{{token:profile}}`` replaced by a token of that profile."""
    filled: dict[str, Any] = json.loads(_TOKEN.sub(lambda found: mint(found[1]), json.dumps(event)))
    return filled


def with_headers(event: dict[str, Any], **headers: str | None) -> dict[str, Any]:
    """The event with other headers: underscores become hyphens, ``None`` removes one."""
    varied = copy.deepcopy(event)
    for key, value in headers.items():
        wanted = key.replace("_", "-").lower()
        for name in [n for n in varied["headers"] if n.lower() == wanted]:
            del varied["headers"][name], varied["multiValueHeaders"][name]
        if value is not None:
            varied["headers"][wanted] = value
            varied["multiValueHeaders"][wanted] = [value]
    return varied


def with_query(event: dict[str, Any], **query: list[str]) -> dict[str, Any]:
    """The event with this query instead, as the gateway hands it on."""
    varied = copy.deepcopy(event)
    varied["multiValueQueryStringParameters"] = query or None
    varied["queryStringParameters"] = {name: values[-1] for name, values in query.items()} or None
    return varied


def with_path(event: dict[str, Any], path: str, method: str | None = None) -> dict[str, Any]:
    """The event at another path, under another method if one is given."""
    varied = copy.deepcopy(event)
    varied["path"] = path
    varied["requestContext"]["path"] = f"/live{path}"
    varied["pathParameters"] = {"reservationID": path.rpartition("/")[2]}
    if varied["resource"] in ("/", "/{proxy+}"):
        varied |= {"resource": "/{proxy+}", "pathParameters": {"proxy": path.removeprefix("/")}}
    if method:
        varied["httpMethod"] = varied["requestContext"]["httpMethod"] = method
    return varied


def with_body(event: dict[str, Any], body: object) -> dict[str, Any]:
    """The event with another body: text as it is, anything else as JSON."""
    varied = copy.deepcopy(event)
    varied["body"] = body if isinstance(body, str) or body is None else json.dumps(body)
    return varied


def body_of(event: dict[str, Any]) -> dict[str, Any]:
    """The JSON body of an event, to change and to put back."""
    body: dict[str, Any] = json.loads(event["body"])
    return body
