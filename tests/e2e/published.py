"""Checks every answer of a story against the schemas of `docs/openapi.json`."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from tests.e2e.stack import Answer

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"


def check(method: str, path: str, answer: Answer) -> None:
    """Fail unless the document has this answer of this operation, body and all.

    Args:
        method: in upper case.
        path: as requested; a query is ignored.
        answer: the response.
    """
    template = _template(path.partition("?")[0])
    operation = _document()["paths"][template][method.lower()]
    name = f"{method} {template} {answer.status}"
    responses = operation["responses"]
    assert str(answer.status) in responses, f"{name} is not in the document"
    response = responses[str(answer.status)]
    if "$ref" in response:
        response = _document()["components"]["responses"][response["$ref"].rpartition("/")[2]]
    if "content" not in response:
        assert answer.text == "", f"{name} has a body"
        return
    assert answer.headers["Content-Type"].startswith("application/json"), name
    _validator(json.dumps(response["content"]["application/json"]["schema"])).validate(answer.json)


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(DOCUMENT.read_text())
    return document


@cache
def _validator(schema: str) -> Draft202012Validator:
    """A validator of a schema that may refer to the components of the document."""
    return Draft202012Validator(json.loads(schema) | {"components": _document()["components"]})


@cache
def _template(path: str) -> str:
    """The path of the document that has this concrete one; a literal path wins over one with parameters."""
    if path in _document()["paths"]:
        return path
    found: list[str] = [
        t for t in _document()["paths"] if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", t), path)
    ]
    assert len(found) == 1, f"the document has {len(found)} paths for {path}"
    (template,) = found
    return template
