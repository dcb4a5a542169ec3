"""Turns a use case into a Lambda handler: one builder for each kind of function.

Handlers stay thin because everything they share is here: tokens, errors, logs, metrics and traces.
"""

from __future__ import annotations

import json
import uuid
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from aws_lambda_powertools.event_handler.api_gateway import APIGatewayRestResolver, Response

from gpu_capacity.errors import CapacityError, DoesNotFit
from gpu_capacity.http.call import Call, OpenCall, Reply
from gpu_capacity.http.operations import OPERATIONS, methods_of
from gpu_capacity.http.tracing import trace_id_of
from gpu_capacity.runtime import composition

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gpu_capacity.access import Caller
    from gpu_capacity.runtime.observability import LambdaHandler
    from gpu_capacity.services.context import Services


class ErrorShape(Protocol):
    """How one API tells its errors."""

    def refuse(self, error: CapacityError, trace_id: str) -> Reply:
        """An error that was raised on purpose."""

    def unexpected(self, trace_id: str) -> Reply:
        """A defect."""

    def unknown_route(self, trace_id: str) -> Reply:
        """No operation has this path."""

    def wrong_method(self, allowed: Sequence[str], trace_id: str) -> Reply:
        """Operations have this path, under other methods."""


class Verifier(Protocol):
    """How one API finds out who calls."""

    def verify(self, authorization: str | None) -> Caller:
        """Who calls; raises ``Unauthenticated``."""


def api_function(
    name: str,
    errors: ErrorShape,
    handle: Callable[[Call], Reply],
    verifier: Callable[[], Verifier] | None = None,
) -> LambdaHandler:
    """A handler of the operation ``name`` for callers with a verified token, or what ``verifier`` accepts."""
    operation = OPERATIONS[name]

    def build() -> APIGatewayRestResolver:
        app = _resolver(errors)

        @app.route(operation.route, method=operation.method)
        def route(**path_parameters: str) -> Response[str]:
            event = app.current_event
            headers = app.context["headers"]
            return _response(
                handle(
                    Call(
                        services=composition.services(),
                        caller=(verifier or composition.verifier)().verify(headers.get("authorization")),
                        headers=headers,
                        query=event.resolved_query_string_parameters,
                        path_parameters=path_parameters,
                        raw_body=event.body,
                        body_is_base64=bool(event.is_base64_encoded),
                    )
                )
            )

        return app

    return _http_handler(name, build)


def public_function(name: str, errors: ErrorShape, handle: Callable[[], Reply]) -> LambdaHandler:
    """A handler of the operation ``name`` for anybody."""
    operation = OPERATIONS[name]

    def build() -> APIGatewayRestResolver:
        app = _resolver(errors)

        @app.route(operation.route, method=operation.method)
        def route() -> Response[str]:
            return _response(handle())

        return app

    return _http_handler(name, build)


def open_function(name: str, errors: ErrorShape, handle: Callable[[OpenCall], Reply]) -> LambdaHandler:
    """A handler of the operation ``name`` for anybody, that looks into the inventory."""
    operation = OPERATIONS[name]

    def build() -> APIGatewayRestResolver:
        app = _resolver(errors)

        @app.route(operation.route, method=operation.method)
        def route() -> Response[str]:
            event = app.current_event
            return _response(
                handle(
                    OpenCall(
                        services=composition.services(),
                        query=event.resolved_query_string_parameters,
                        address=event.request_context.identity.source_ip or "",
                    )
                )
            )

        return app

    return _http_handler(name, build)


def unmatched_function(name: str, shape_of: Callable[[str], ErrorShape]) -> LambdaHandler:
    """A handler of everything that is no operation: 404, or 405 where only the method is wrong."""

    def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        path: str = event["path"]
        errors, trace_id = shape_of(path), _trace_id(event)
        allowed = methods_of(path)
        reply = errors.wrong_method(allowed, trace_id) if allowed else errors.unknown_route(trace_id)
        return _proxy_answer(reply)

    return _observed(name, handler)


def task_function(name: str, step: Callable[[Services, dict[str, Any]], Any]) -> LambdaHandler:
    """A handler of a workflow task or a schedule: gets the event as it is, answers an outcome.

    Exceptions pass: the state machine or the schedule repeats the task.
    """

    def handler(event: dict[str, Any], _context: Any) -> Any:
        return step(composition.services(), event)

    return _observed(name, handler)


def schedule_function(name: str, run: Callable[[], Any]) -> LambdaHandler:
    """A handler of a schedule that brings its own collaborators; answers its report."""

    def handler(_event: dict[str, Any], _context: Any) -> Any:
        return run()

    return _observed(name, handler)


def _http_handler(name: str, build: Callable[[], APIGatewayRestResolver]) -> LambdaHandler:
    app = cache(build)

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        resolver = app()
        resolver.append_context(  # type: ignore[no-untyped-call]
            headers=_lower_case(event), trace_id=_trace_id(event)
        )
        composition.observability().logger.append_keys(trace_id=_trace_id(event))
        return resolver.resolve(event, context)

    return _observed(name, handler)


def _observed(name: str, handler: LambdaHandler) -> LambdaHandler:
    wrapped = cache(lambda: composition.observability().wrap(name, handler))

    def lambda_handler(event: dict[str, Any], context: Any) -> Any:
        return wrapped()(event, context)

    return lambda_handler


def _resolver(errors: ErrorShape) -> APIGatewayRestResolver:
    """A router that turns every exception into the API's own shape. This is the one mapper of errors."""
    app = APIGatewayRestResolver()

    @app.not_found
    def unknown(_error: Exception) -> Response[str]:
        return _response(errors.unknown_route(app.context["trace_id"]))

    @app.exception_handler(Exception)  # type: ignore[untyped-decorator]
    def unexpected(error: Exception) -> Response[str]:
        trace_id: str = app.context["trace_id"]
        if isinstance(error, CapacityError):
            reply = errors.refuse(error, trace_id)
            if reply.status < HTTPStatus.INTERNAL_SERVER_ERROR or isinstance(error, DoesNotFit):
                return _response(reply)
        else:
            reply = errors.unexpected(trace_id)
        composition.observability().logger.error("request failed", exc_info=error)
        composition.observability().count("RequestsFailed")
        return _response(reply)

    return app


def _response(reply: Reply) -> Response[str]:
    return Response(
        status_code=reply.status,
        content_type="application/json",
        headers=dict(reply.headers),
        body="" if reply.body is None else json.dumps(reply.body, ensure_ascii=False),
    )


def _proxy_answer(reply: Reply) -> dict[str, Any]:
    return {
        "statusCode": reply.status,
        "headers": {"Content-Type": "application/json", **reply.headers},
        "body": json.dumps(reply.body),
        "isBase64Encoded": False,
    }


def _lower_case(event: dict[str, Any]) -> dict[str, str]:
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def _trace_id(event: dict[str, Any]) -> str:
    headers = _lower_case(event)
    if "gpu_capacity_trace_id" not in event:
        event["gpu_capacity_trace_id"] = trace_id_of(headers, uuid.uuid4().hex)
    trace_id: str = event["gpu_capacity_trace_id"]
    return trace_id
