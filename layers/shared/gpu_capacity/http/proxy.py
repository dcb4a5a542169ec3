"""Requests and responses of API Gateway's Lambda proxy integration (payload version 1.0 of REST APIs)."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gpu_capacity.http.call import PlainText
from gpu_capacity.http.tracing import TRACE_HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.http.call import Reply


@dataclass(frozen=True, slots=True)
class ProxyRequest:
    """A request as the gateway passes it to a function. Absent parts are null in the event, and empty here.

    Args:
        method: in upper case.
        resource: the route that the gateway matched, as in the template.
        path: the route if it is an operation's, else the path of the request; without the stage, and without
            the base path of a custom domain.
        headers: names in lower case. One that was sent several times has all values, separated by commas.
        query: all values of each name, in their order.
        path_parameters: by their names in the route.
        body: base64 if the gateway considers it binary.
        address: the client's IP address.
    """

    method: str
    resource: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, list[str]]
    path_parameters: Mapping[str, str]
    body: str | None
    body_is_base64: bool
    address: str

    @classmethod
    def read(cls, event: Mapping[str, Any]) -> ProxyRequest:
        """Read the request from the event of an invocation."""
        single = event.get("queryStringParameters") or {}
        repeated = event.get("multiValueQueryStringParameters") or {}
        parameters = event.get("pathParameters") or {}
        identity = (event.get("requestContext") or {}).get("identity") or {}
        return cls(
            method=event["httpMethod"],
            resource=event["resource"],
            path=f"/{parameters['proxy']}" if "proxy" in parameters else event["resource"],
            headers=_headers(event),
            query={name: [value] for name, value in single.items()} | repeated,
            path_parameters=parameters,
            body=event.get("body"),
            body_is_base64=bool(event.get("isBase64Encoded")),
            address=identity.get("sourceIp") or "",
        )


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    """The headers of an event.

    A header that was sent several times is a list (RFC 9110, section 5.3). To go by one of its values would
    accept what a client, or something between, may have meant otherwise.
    """
    single = {name: [value] for name, value in (event.get("headers") or {}).items()}
    found: dict[str, list[str]] = {}
    for name, values in (event.get("multiValueHeaders") or single).items():
        found.setdefault(name.lower(), []).extend(values)
    return {name: ", ".join(values) for name, values in found.items()}


def proxy_response(reply: Reply, trace_id: str) -> dict[str, Any]:
    """The response in the gateway's form. Every response has the trace id.

    A body is JSON unless it is octets or a plain text, and a response without one has no content type.
    """
    content = {} if reply.body is None else {"Content-Type": "application/json"}
    is_binary = isinstance(reply.body, bytes)
    return {
        "statusCode": reply.status,
        "headers": {**content, TRACE_HEADER: trace_id, **reply.headers},
        "body": base64.b64encode(reply.body).decode() if is_binary else _text(reply.body),
        "isBase64Encoded": is_binary,
    }


def _text(body: Any) -> str:
    if isinstance(body, PlainText):
        return str(body)
    return "" if body is None else json.dumps(body, ensure_ascii=False)
