"""Builds Lambda handlers from use cases: one builder for each kind of function.

What handlers share is here: credentials, errors, logs, metrics and traces. So handlers stay thin.
"""

from __future__ import annotations

import gc
import time
import uuid
from dataclasses import replace
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Concatenate, Final, Protocol, TypeAlias

from gpu_capacity.errors import CapacityError, DoesNotFit, RequestRefused, Unauthenticated
from gpu_capacity.http.call import Call, Involved, OpenCall
from gpu_capacity.http.cross_origin import allowance, preflight
from gpu_capacity.http.operations import OPERATIONS, methods_of
from gpu_capacity.http.proxy import ProxyRequest, proxy_response
from gpu_capacity.http.tracing import trace_id_of
from gpu_capacity.runtime import composition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gpu_capacity.access import Caller
    from gpu_capacity.http.call import Reply
    from gpu_capacity.http.operation import Operation
    from gpu_capacity.http.shapes import ErrorShape
    from gpu_capacity.runtime.observability import LambdaHandler
    from gpu_capacity.runtime.services import Services

    Step: TypeAlias = Callable[[Services, dict[str, Any]], Any]
    UseCase: TypeAlias = Callable[Concatenate[Services, ...], Any]

GARBAGE_THRESHOLD: Final = 10_000

ANSWER_SECONDS: Final = 1.0
"""The part of a function's time limit that is kept for its response and its last log lines and metrics."""

_ORGANIZATION: Final = "organizationID"
"""The parameter that names organizations, of a query or a path."""

_ORGANIZATION_HEADERS: Final = ("x-organization-id", "x-organization")


class Verifier(Protocol):
    """Verifies the credentials of one API."""

    def verify(self, authorization: str | None) -> Caller:
        """The caller that an ``Authorization`` header identifies.

        Raises:
            Unauthenticated: there is no valid credential.
        """


def api_function(
    name: str,
    errors: ErrorShape,
    handle: Callable[[Call[Services]], Reply],
    verifier: Callable[[], Verifier] | None = None,
    routed: Operation | None = None,
) -> LambdaHandler:
    """A handler of the operation ``name`` for callers with a credential.

    The order of checks is the same for all operations: the credential, the permission, the parameters of
    query and path, then what ``handle`` checks. So a caller without the permission learns nothing about the
    rest.

    Args:
        name: of the operation.
        errors: renders its errors.
        handle: does the work.
        verifier: verifies the credential; None for bearer tokens.
        routed: the operation on another route than that in the table.
    """
    operation = routed or OPERATIONS[name]
    permission = operation.permission
    if permission is None:
        raise ValueError(f"{name} asks for no permission")

    def answer(request: ProxyRequest, involved: Involved) -> Reply:
        services = composition.services()
        caller = (verifier or composition.verifier)().verify(request.headers.get("authorization"))
        named = (
            *map(request.headers.get, _ORGANIZATION_HEADERS),
            request.path_parameters.get(_ORGANIZATION),
        )
        involved.note(caller, *named, *request.query.get(_ORGANIZATION, ()))
        caller.require(permission)
        operation.check_query(request.query)
        operation.check_path(request.path_parameters)
        return handle(
            Call(
                services=services,
                caller=caller,
                headers=request.headers,
                query=request.query,
                path_parameters=request.path_parameters,
                raw_body=request.body,
                body_is_base64=request.body_is_base64,
                involved=involved,
            )
        )

    return _http_handler(operation, errors, answer)


def public_function(name: str, errors: ErrorShape, handle: Callable[[], Reply]) -> LambdaHandler:
    """A handler of the operation ``name`` without a credential, which needs no services either."""
    return _http_handler(OPERATIONS[name], errors, lambda _request, _involved: handle())


def open_function(
    name: str, errors: ErrorShape, handle: Callable[[OpenCall[Services]], Reply]
) -> LambdaHandler:
    """A handler of the operation ``name`` without a credential."""
    operation = OPERATIONS[name]

    def answer(request: ProxyRequest, _involved: Involved) -> Reply:
        operation.check_query(request.query)
        return handle(OpenCall(services=composition.services(), query=request.query, address=request.address))

    return _http_handler(operation, errors, answer)


def unmatched_function(name: str, shape_of: Callable[[str], ErrorShape]) -> LambdaHandler:
    """A handler of all requests that match no operation: 404, or 405 if only the method is wrong.

    Args:
        name: of the function.
        shape_of: returns what renders the errors for a path.
    """

    def answer(request: ProxyRequest, trace_id: str, _involved: Involved) -> dict[str, Any]:
        errors, allowed = shape_of(request.path), methods_of(request.path)
        if reply := preflight(request, allowed, _console_origin()):
            return _sent(reply, trace_id)
        reply = errors.wrong_method(allowed, trace_id) if allowed else errors.unknown_route(trace_id)
        return _sent(reply, trace_id)

    return logged(name, answer)


def task_function(name: str, step: Step) -> LambdaHandler:
    """A handler of a schedule or an event. ``step`` gets the event as it is and returns an outcome.

    Exceptions are not caught: the service that invoked the function repeats the invocation.
    """

    def handler(event: dict[str, Any], _context: Any) -> Any:
        return step(composition.services(), event)

    return observed(name, handler)


def steps_function(name: str, steps: Mapping[str, Step]) -> LambdaHandler:
    """A handler of the workflow steps of one noun. ``step`` in the event names the step.

    Exceptions are not caught: the state machine repeats the step. An unknown step is a ``ValueError``: state
    machine and function do not match.
    """

    def run(services: Services, event: dict[str, Any]) -> Any:
        wanted = event.get("step", "")
        if wanted not in steps:
            raise ValueError(f"{name} has no step {wanted!r}, only {', '.join(steps)}")
        composition.observability().logger.append_keys(step=wanted)
        return steps[wanted](services, event)

    return task_function(name, run)


def step(use_case: UseCase, *arguments: str) -> Step:
    """A step that calls a use case with these fields of the event as arguments."""
    return lambda services, event: use_case(services, *(event[name] for name in arguments))


def schedule_function(name: str, run: Callable[[dict[str, Any]], Any]) -> LambdaHandler:
    """A handler of a schedule. ``run`` gets the event, has its own collaborators, and returns its report."""

    def handler(event: dict[str, Any], _context: Any) -> Any:
        return run(event)

    return observed(name, handler)


def _http_handler(
    operation: Operation, errors: ErrorShape, answer: Callable[[ProxyRequest, Involved], Reply]
) -> LambdaHandler:
    """A handler of one operation: maps all errors to replies.

    The gateway has matched the route. Another route than the operation's is a mistake in the template.
    """

    def response(request: ProxyRequest, trace_id: str, involved: Involved) -> dict[str, Any]:
        if (request.method, request.resource) != (operation.method, operation.path):
            return _sent(errors.unknown_route(trace_id), trace_id)
        try:
            return _sent(answer(request, involved), trace_id)
        except Exception as error:  # noqa: BLE001 - the one mapper: every error leaves in the API's shape
            return _sent(_refusal(errors, error, trace_id), trace_id)

    return logged(operation.name, response)


def logged(name: str, response: Callable[[ProxyRequest, str, Involved], dict[str, Any]]) -> LambdaHandler:
    """A handler that writes one log line for each request, whatever its result."""

    def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        began = time.perf_counter()
        request, involved = ProxyRequest.read(event), Involved()
        trace_id = _trace_id(request)
        composition.observability().logger.append_keys(trace_id=trace_id)
        answered = response(request, trace_id, involved)
        composition.observability().request(
            operation=name,
            subject=involved.subject,
            organization=involved.organization,
            status=int(answered["statusCode"]),
            duration_ms=round((time.perf_counter() - began) * 1000),
        )
        return answered

    return observed(name, handler)


def _sent(reply: Reply, trace_id: str) -> dict[str, Any]:
    """The gateway's form of a reply, with CORS headers if an origin is configured."""
    allowed = replace(reply, headers=reply.headers | allowance(_console_origin()))
    return proxy_response(allowed, trace_id)


def _console_origin() -> str | None:
    return composition.environment().optional("CORS_ORIGIN")


def _refusal(errors: ErrorShape, error: Exception, trace_id: str) -> Reply:
    """The reply to an error. Logs the stack trace of server errors, except for what the client can change."""
    if isinstance(error, Unauthenticated) and error.credential_sent:
        composition.observability().count("CredentialsRefused", fault=error.fault.value)
    if isinstance(error, CapacityError):
        reply = errors.refuse(error, trace_id)
        if reply.status < HTTPStatus.INTERNAL_SERVER_ERROR or isinstance(error, DoesNotFit | RequestRefused):
            return reply
    else:
        reply = errors.unexpected(trace_id)
    composition.observability().logger.error("request failed", exc_info=error)
    composition.observability().count("RequestsFailed")
    return reply


def observed(name: str, handler: LambdaHandler) -> LambdaHandler:
    """A handler with logs, metrics and traces, which arms the deadline of each invocation."""

    @cache
    def wrapped() -> LambdaHandler:
        _tune_garbage_collection()
        return composition.observability().wrap(name, handler)

    def lambda_handler(event: dict[str, Any], context: Any) -> Any:
        remaining_seconds = context.get_remaining_time_in_millis() / 1000
        composition.deadline().arm(remaining_seconds - ANSWER_SECONDS)
        return wrapped()(event, context)

    return lambda_handler


@cache
def _tune_garbage_collection() -> None:
    """Collect less often, and never examine what was imported: that would slow requests down."""
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)


def _trace_id(request: ProxyRequest) -> str:
    return trace_id_of(request.headers, uuid.uuid4().hex)
