"""The response to each error in the reservations API."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_capacity import errors
from gpu_capacity.errors import CapacityError, FeedRefusal
from gpu_capacity.http.call import BodyInvalid, BodyTooLarge, MalformedBody, UnsupportedMediaType
from gpu_capacity.placement.model import Unplaceable
from gpu_capacity.placement.servers import NotEnoughHosts
from gpu_capacity.reservations.api.errors import ReservationErrors
from gpu_capacity.reservations.api.models import ErrorRead

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SHORTAGE = Unplaceable(
    requested=5, available=4, largest_run=3, claimed=4, cordoned=0, incomplete=1, largest_possible=8
)

SHORT_OF_HOSTS = errors.HostsUnavailable(NotEnoughHosts(requested=5, hosts=9, free=4, ready=3))

ANSWERS: list[tuple[CapacityError, int, str, str]] = [
    (errors.InvalidRequest("spec.count", "too many"), 400, "invalid_request", "spec.count: too many"),
    (MalformedBody("not JSON"), 400, "invalid_request", "not JSON"),
    (
        BodyInvalid([{"loc": ("spec", "count"), "msg": "Field required"}]),
        400,
        "invalid_request",
        "spec.count: Field required",
    ),
    (BodyInvalid([{"loc": (), "msg": "not an object"}]), 400, "invalid_request", "not an object"),
    (
        errors.Unauthenticated(errors.CredentialFault.MISSING),
        401,
        "access_denied",
        "authentication failed: a bearer token is required",
    ),
    (errors.Forbidden("not allowed"), 403, "forbidden", "not allowed"),
    (
        errors.QuotaExceeded("GB300", "GB300 units", requested=3, limit=8, used=6),
        403,
        "forbidden",
        "quota exceeded: 3 GB300 units requested, 6 of 8 in use",
    ),
    (errors.NotFound("absent"), 404, "not_found", "absent"),
    (errors.Conflict("other request"), 409, "conflict", "other request"),
    (errors.StateConflict("it is being deleted"), 409, "conflict", "it is being deleted"),
    (SHORT_OF_HOSTS, 409, "conflict", SHORT_OF_HOSTS.reason.describe()),
    (errors.Unprocessable("other region"), 422, "unprocessable_content", "other region"),
    (BodyTooLarge("too large"), 413, "request_entity_too_large", "too large"),
    (UnsupportedMediaType("not JSON"), 415, "unsupported_media_type", "not JSON"),
    (errors.InsufficientCapacity(SHORTAGE), 507, "server_error", SHORTAGE.describe()),
]


@pytest.mark.parametrize(("error", "status", "word", "text"), ANSWERS)
def test_an_error_has_its_status_code_and_text(
    error: CapacityError, status: int, word: str, text: str
) -> None:
    reply = ReservationErrors().refuse(error, TRACE)

    assert reply.status == status
    contract = {
        name: value
        for name, value in reply.body.items()
        if name not in {"errors", "capacity", "hosts", "quota"}
    }
    assert contract == {"error": word, "error_description": text, "trace_id": TRACE}
    assert reply.headers["Cache-Control"] == "no-cache"


def test_hosts_need_not_be_ready_where_the_request_does_not_say_so() -> None:
    short = errors.HostsUnavailable(NotEnoughHosts(requested=5, hosts=4, free=4, ready=None))
    reply = ReservationErrors().refuse(short, TRACE)

    assert "readyHostCount" not in reply.body["hosts"]
    assert reply.body["hosts"]["canEverFit"] is False


def test_a_refusal_for_lack_of_hosts_has_its_figures() -> None:
    reply = ReservationErrors().refuse(SHORT_OF_HOSTS, TRACE)

    assert reply.body["hosts"] == {
        "requestedHostCount": 5,
        "totalHostCount": 9,
        "freeHostCount": 4,
        "readyHostCount": 3,
        "canEverFit": True,
    }
    assert ErrorRead.model_validate(reply.body).model_dump(by_alias=True, exclude_none=True) == reply.body


@pytest.mark.parametrize(("possible", "can_ever_fit"), [(8, True), (5, True), (4, False)])
def test_a_refusal_for_lack_of_capacity_has_its_figures_and_whether_it_can_ever_fit(
    possible: int, *, can_ever_fit: bool
) -> None:
    shortage = errors.InsufficientCapacity(replace(SHORTAGE, largest_possible=possible))
    reply = ReservationErrors().refuse(shortage, TRACE)
    assert reply.body["capacity"] == {
        "requestedUnitCount": 5,
        "availableUnitCount": 4,
        "largestContiguousUnitCount": 3,
        "largestPossibleUnitCount": possible,
        "canEverFit": can_ever_fit,
        "excluded": {"claimed": 4, "cordoned": 0, "incomplete": 1},
    }
    assert ErrorRead.model_validate(reply.body).model_dump(by_alias=True, exclude_none=True) == reply.body


def test_a_refusal_by_quota_has_its_figures_as_fields() -> None:
    refused = errors.QuotaExceeded("GB300", "GB300 units", requested=3, limit=8, used=6)
    reply = ReservationErrors().refuse(refused, TRACE)
    assert reply.body["quota"] == {"subject": "GB300", "requested": 3, "limit": 8, "used": 6}
    assert ErrorRead.model_validate(reply.body).model_dump(by_alias=True, exclude_none=True) == reply.body


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidRequest("spec.unit", "not offered", ("spec.count", "too many")),
        BodyInvalid(
            [{"loc": ("spec", "unit"), "msg": "not offered"}, {"loc": ("spec", "count"), "msg": "too many"}]
        ),
    ],
)
def test_every_wrong_field_is_reported_at_once(error: CapacityError) -> None:
    body = ReservationErrors().refuse(error, TRACE).body

    assert body["error_description"] == "spec.unit: not offered; spec.count: too many"
    assert body["errors"] == [
        {"field": "spec.unit", "problem": "not offered"},
        {"field": "spec.count", "problem": "too many"},
    ]


def test_an_error_that_concerns_no_field_has_no_fields() -> None:
    assert "errors" not in ReservationErrors().refuse(errors.NotFound("absent"), TRACE).body


def test_only_a_missing_token_has_a_challenge_header() -> None:
    challenged = {
        reply.status
        for error, *_ in ANSWERS
        if "WWW-Authenticate" in (reply := ReservationErrors().refuse(error, TRACE)).headers
    }

    assert challenged == {401}


@pytest.mark.parametrize(
    "error", [errors.RaceLost("lost"), errors.StorageUnavailable("throttled", outcome_unknown=True)]
)
def test_an_error_that_may_pass_has_retry_after(error: CapacityError) -> None:
    reply = ReservationErrors().refuse(error, TRACE)

    assert (reply.status, reply.headers["Retry-After"]) == (500, "1")
    assert reply.body["error"] == "server_error"
    assert "throttled" not in str(reply.body)


def test_a_provider_that_does_not_answer_is_asked_again() -> None:
    reply = ReservationErrors().refuse(errors.ProviderUnavailable("region is busy"), TRACE)

    assert (reply.status, reply.body["error"]) == (500, "server_error")
    assert "Retry-After" in reply.headers
    assert "busy" not in str(reply.body)


@pytest.mark.parametrize(
    "error",
    [
        errors.Misconfigured("AUTH_ISSUER is not set"),
        errors.WorkflowUnavailable("provision: not started"),
        errors.FeedRefused(FeedRefusal.OUTDATED, "document is older"),
        CapacityError("a kind that is yet to come"),
    ],
)
def test_an_error_that_no_customer_can_act_on_is_an_unexpected_error(error: CapacityError) -> None:
    reply = ReservationErrors().refuse(error, TRACE)

    assert reply == ReservationErrors().unexpected(TRACE)
    assert reply.status == 500
    assert str(error) not in str(reply.body)


def test_a_wrong_method_is_answered_with_the_allowed_ones() -> None:
    reply = ReservationErrors().wrong_method(["GET", "POST"], TRACE)

    assert (reply.status, reply.body["error"]) == (405, "method_not_allowed")
    assert reply.headers["Allow"] == "GET, POST"


def test_an_unknown_route_is_not_found() -> None:
    reply = ReservationErrors().unknown_route(TRACE)

    assert (reply.status, reply.body["error"]) == (404, "not_found")
