"""The events in ``events/``: read, filled in with tokens, and varied.

A file with a ``base`` is a case: it states what differs from the event named there, ``events/<base>.json``,
which may be a case itself. Every other file is complete. What every operation refuses has no file: it follows
from the case of the operation that stands on ``rest_api``.
"""

from __future__ import annotations

import base64
import copy
import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.access import Permission
from gpu_capacity.http.operations import OPERATIONS
from testkit.handlers.authority import PROFILES

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).resolve().parents[2]
EVENTS: Final = ROOT / "events"
FUNCTIONS: Final = ROOT / "functions"
BASE: Final = "rest_api"

REFUSED: Final = {
    "token_missing": 401,
    "permission_missing": 403,
    "foreign": 404,
    "unknown": 404,
    "id_malformed": 404,
    "organization_of_others": 403,
}
"""The cases that have no file, with their status: the first two of each operation that needs a permission,
the last one where its path names an organization as well, the others where it has another id."""

ORGANIZATION_IN_PATH: Final = "{organizationID}"

# What the event files stand on: this key makes this id, for the subject of the sample tokens.
SAMPLE_KEY: Final = "events-example-1"
SAMPLE_PLACEMENT: Final = "bc00120f-d7fe-42ca-909a-a3ced49c5752"
SAMPLE_ID: Final = "d0d457bf-39a1-490a-8d72-97f0009aee43"
NOBODYS_ID: Final = "a64f9269-36e0-4312-b8d1-52d93d569b7b"
TRACE_ID: Final = "6a17b9000123456789abcdef01234567"

_TOKEN: Final = re.compile(r"\{\{token:([a-z]+)\}\}")
_PARAMETER: Final = re.compile(r"\{(\w+)\+?\}")


def functions() -> list[str]:
    """Every function folder, in order."""
    return sorted(path.parent.name for path in FUNCTIONS.glob("*/handler.py"))


def cases() -> list[tuple[str, str]]:
    """Every event as (function, case), in order."""
    return sorted([*files(), *((function, case) for function in OPERATIONS for case in refusals(function))])


def files() -> list[tuple[str, str]]:
    """The events that have a file, as (function, case), in order."""
    return sorted((path.parent.name, path.stem) for path in EVENTS.glob("*/*.json"))


def read(function: str, case: str) -> dict[str, Any]:
    """A complete event, as AWS sends it, with placeholders where tokens go."""
    event = merged(f"{function}/{case}")
    return _filled_in(event) if "requestContext" in event else event


def stated(name: str) -> dict[str, Any]:
    """What a file says, or would say; ``name`` is its path in ``events/`` without the suffix."""
    function, _, case = name.partition("/")
    derived = refusals(function).get(case)
    return copy.deepcopy(_content(name) if derived is None else derived)


@cache
def _content(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return content


@cache
def refusals(function: str) -> dict[str, dict[str, Any]]:
    """The cases in ``REFUSED`` of an operation by name, as files would state them; none of a public one."""
    operation = OPERATIONS.get(function)
    if operation is None or operation.permission is None:
        return {}
    (base,) = {
        name
        for name in (f"{function}/{case}" for owner, case in files() if owner == function)
        if _content(name).get("base") == BASE
    }
    success = _content(base)
    may_read = operation.permission in PROFILES["reader"]["permissions"]
    changes: dict[str, dict[str, Any]] = {
        "token_missing": {"headers": {"Authorization": None}},
        "permission_missing": _sent_by("powerless" if may_read else "reader"),
    }
    if operation.permission is Permission.OPERATE:
        # What an organization has none of is an empty list, or the case of a file.
        alone = "{" in operation.path and ORGANIZATION_IN_PATH not in operation.path
        changes |= _of_absent(success) if alone else {}
    elif ORGANIZATION_IN_PATH in operation.path:
        changes |= {"organization_of_others": _sent_by("stranger")}
    elif "{" in operation.path:
        changes |= {"foreign": _sent_by("stranger")} | _of_absent(success)
    return {case: {"base": base} | change for case, change in changes.items()}


def _of_absent(success: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        "unknown": _naming(success, lambda found: f"{found[:-4]}0000"),
        "id_malformed": _naming(success, lambda _found: "not-an-id"),
    }


def _naming(success: dict[str, Any], other: Callable[[str], str]) -> dict[str, Any]:
    """What differs where other ids are named: in the path, and in a body that repeats one."""
    named: dict[str, Any] = {
        "pathParameters": {name: other(found) for name, found in success["pathParameters"].items()}
    }
    body = success.get("body", {})
    return named | {"body": {"id": other(body["id"])}} if "id" in body else named


def _sent_by(profile: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {{{{token:{profile}}}}}"}}


def merged(name: str) -> dict[str, Any]:
    """What a file and those that it stands on say together."""
    content = stated(name)
    base = content.pop("base", None)
    return content if base is None else laid_over(merged(base), content)


def laid_over(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The base with the changes, as a JSON merge patch (RFC 7396): objects are merged, ``null`` removes."""
    merged = dict(base)
    for name, value in changes.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            below = merged.get(name)
            merged[name] = laid_over(below if isinstance(below, dict) else {}, value)
        else:
            merged[name] = value
    return merged


def _filled_in(event: dict[str, Any]) -> dict[str, Any]:
    """The event with what the gateway derives: the path, the lists of values, the text of the body."""
    path = _PARAMETER.sub(lambda found: event["pathParameters"][found[1]], event["resource"])
    same = {"resourcePath": event["resource"], "httpMethod": event["httpMethod"]}
    filled = event | {
        "path": path,
        "pathParameters": event.get("pathParameters"),
        "multiValueHeaders": {name: [value] for name, value in event["headers"].items()},
        "requestContext": event["requestContext"] | same | {"path": f"/live{path}"},
        "body": _body_sent(event),
    }
    return with_query(filled, **(event["multiValueQueryStringParameters"] or {}))


def _body_sent(event: dict[str, Any]) -> str | None:
    body = event.get("body")
    if body is None:
        return None
    text: str = body if isinstance(body, str) else json.dumps(body)
    return base64.b64encode(text.encode()).decode() if event["isBase64Encoded"] else text


def with_tokens(event: dict[str, Any], mint: Callable[[str], str]) -> dict[str, Any]:
    """The event with each ``{{token:profile}}`` replaced by a token of that profile, one for each profile."""
    minted = cache(mint)
    filled: dict[str, Any] = json.loads(_TOKEN.sub(lambda found: minted(found[1]), json.dumps(event)))
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
