"""Writes the routes of the API into `template.yaml`, from the table of operations.

The paths of the API stand between two marks. The event of an operation, from which SAM makes the permission
to call its function, is the last line of that function. A function that serves several operations has one
permission for all of them, which is written by hand, as all other lines are.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gpu_capacity.http.operations import OPERATIONS, OVER_CONNECT, ROUTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gpu_capacity.http.operation import Operation

TEMPLATE: Final = Path(__file__).resolve().parents[2] / "template.yaml"

BEGIN: Final = "          # Written by `make openapi` from operations.py, down to the end mark; do not edit."
END: Final = "          # End of what `make openapi` writes."

_METHODS: Final = ("delete", "get", "head", "options", "patch", "post", "put")
_ANY: Final = "x-amazon-apigateway-any-method"
_REJECTING: Final = "reject_unknown_route"
_BY: Final = "  # by make openapi"
_EVENT: Final = re.compile(rf"      Events: .*{_BY}")


class MisshapenTemplateError(Exception):
    """The template lacks a place to write to; the message names it."""


def logical_id(function: str) -> str:
    """Return the resource of a function folder: ``create_reservation`` is ``CreateReservationFunction``."""
    return "".join(word.capitalize() for word in function.split("_")) + "Function"


def with_routes(template: str) -> str:
    """Return the template with the routes of the table of operations.

    Raises:
        MisshapenTemplateError: a mark is missing, or the function of an operation.
    """
    lines = [line for line in template.splitlines() if not _EVENT.fullmatch(line)]
    lines[_line(lines, BEGIN) + 1 : _line(lines, END)] = _paths()
    for operation in OPERATIONS.values():
        if operation.shared:
            continue
        lines.insert(_end_of(lines, logical_id(operation.function)), _events(operation))
    return "\n".join(lines) + "\n"


def _paths() -> Iterator[str]:
    for path in dict.fromkeys(operation.path for operation in ROUTED):
        taken = {o.method.lower(): o.function for o in ROUTED if o.path == path}
        yield f'          "{path}":'
        for method in _METHODS:
            yield _route(method, taken.get(method, _REJECTING))
    for path in ("/", "/{proxy+}"):
        yield f'          "{path}":'
        yield _route(_ANY, _REJECTING)


def _route(method: str, function: str) -> str:
    uri = (
        "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
        f"${{{logical_id(function)}.Arn}}:live/invocations"
    )
    integration = f'{{type: aws_proxy, httpMethod: POST, uri: !Sub "{uri}"}}'
    return f"            {method}: {{x-amazon-apigateway-integration: {integration}}}"


def _events(operation: Operation) -> str:
    events = [f"Route: {_event(operation)}"]
    if operation.name in OVER_CONNECT:
        events.append(f"Connect: {_event(OVER_CONNECT[operation.name])}")
    return f"      Events: {{{', '.join(events)}}}{_BY}"


def _event(operation: Operation) -> str:
    properties = f'{{RestApiId: !Ref Api, Method: {operation.method}, Path: "{operation.path}"}}'
    return f"{{Type: Api, Properties: {properties}}}"


def _end_of(lines: list[str], resource: str) -> int:
    """Return the index of the line after the last one of a resource."""
    end = _line(lines, f"  {resource}:") + 1
    while lines[end].startswith("    "):
        end += 1
    return end


def _line(lines: list[str], wanted: str) -> int:
    if wanted not in lines:
        raise MisshapenTemplateError(f"template.yaml has no line {wanted.strip()!r}")
    return lines.index(wanted)
