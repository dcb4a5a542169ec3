"""An HTTP request as handlers get it, and the reply that they return."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from gpu_capacity import strict_json
from gpu_capacity.errors import PROBLEMS_SHOWN_MAX, CapacityError, InvalidRequest, RaceLost, TryAgain
from gpu_capacity.http.whole_numbers import plainly_written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.access import Caller

BODY_BYTES_MAX: Final = 64 * 1024
"""Larger than any valid request. The gateway itself would accept 10 MB."""

RETRY_AFTER_SECONDS: Final = 1
"""When a client may retry a request that lost a race or met a busy database."""

UNKNOWN: Final = "-"
"""Stands for an unknown subject or organization in log lines."""

_IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")

Model = TypeVar("Model", bound=BaseModel)

Services_co = TypeVar("Services_co", covariant=True)
"""The collaborators of a call. A function that takes a call names the roles that it needs."""


class UnsupportedMediaType(CapacityError):
    """The body is not declared as JSON."""


class BodyTooLarge(CapacityError):
    """The body is larger than ``BODY_BYTES_MAX``."""


class MalformedBody(CapacityError):
    """The body is not JSON."""


class BodyInvalid(CapacityError):
    """The body is JSON that the operation does not accept; ``problems`` name fields and never echo values."""

    def __init__(self, problems: list[dict[str, Any]]) -> None:
        super().__init__("request body invalid")
        self.problems = problems


class PlainText(str):
    """A body that is sent as it is. The reply's headers have its content type."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply of a handler.

    ``body`` is octets, or anything that JSON can represent, or None for no body. Octets need a content type
    among the headers.
    """

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Involved:
    """Subject and organization of a request, as far as they are known, for its log line.

    ``organization`` is always one that the caller may act for. A request may name any other, which is not
    logged.
    """

    subject: str = UNKNOWN
    organization: str = UNKNOWN

    def note(self, caller: Caller, *named: str | None) -> None:
        """Note a verified caller, and the organization that the request names, or the caller's only one."""
        own = caller.organizations
        chosen = [name for name in named if name and (name in own or caller.is_operator)]
        if not chosen and len(own) == 1:
            chosen = list(own)
        self.subject = caller.subject
        self.organization = chosen[0] if chosen else UNKNOWN


@dataclass(frozen=True, slots=True)
class OpenCall(Generic[Services_co]):
    """A request without a credential; ``address`` is its IP address as the gateway reports it."""

    services: Services_co
    query: Mapping[str, list[str]]
    address: str


@dataclass(frozen=True, slots=True)
class Call(Generic[Services_co]):
    """A request of a verified caller.

    Header names are in lower case; query values keep their order and repetitions. ``involved`` is for the
    request's log line: a handler notes there the organization that a body names.
    """

    services: Services_co
    caller: Caller
    headers: Mapping[str, str]
    query: Mapping[str, list[str]]
    path_parameters: Mapping[str, str]
    raw_body: str | None
    body_is_base64: bool
    involved: Involved = field(default_factory=Involved)

    def body(self, model: type[Model]) -> Model:
        """The validated body.

        Raises:
            UnsupportedMediaType, BodyTooLarge, MalformedBody, BodyInvalid: checked in this order.
        """
        declared = self.headers.get("content-type", "application/json").split(";")[0].strip().lower()
        if declared != "application/json":
            raise UnsupportedMediaType("the content type must be application/json")
        octets = self.octets()
        if len(octets) > BODY_BYTES_MAX:
            raise BodyTooLarge(f"the request body is larger than {BODY_BYTES_MAX} bytes")
        _check_json(octets)
        try:
            return model.model_validate_json(octets)
        except ValidationError as error:
            problems = problems_of(error)
        if any(problem["type"] == "json_invalid" for problem in problems):
            raise MalformedBody("the request body is not valid JSON")
        # Last, because most bodies have no numbers such as 2.0, and need not be parsed twice.
        plain = plainly_written(octets)
        if plain != octets:
            try:
                return model.model_validate_json(plain)
            except ValidationError as error:
                problems = problems_of(error)
        raise BodyInvalid(problems)

    def octets(self) -> bytes:
        """The body as it was sent.

        Raises:
            MalformedBody: the gateway's base64 is none.
        """
        raw = self.raw_body or ""
        if not self.body_is_base64:
            # A lone surrogate becomes bytes that are not UTF-8, which the JSON parser then refuses.
            return raw.encode("utf-8", "surrogatepass")
        try:
            return base64.b64decode(raw, validate=True)
        except ValueError:  # also for characters beyond ASCII
            raise MalformedBody("the request body is not valid base64") from None

    def values(self, name: str) -> frozenset[str]:
        """All values of a query parameter."""
        return frozenset(self.query.get(name, ()))

    def ordered_values(self, name: str) -> list[str]:
        """All values of a query parameter, in the order in which they were sent."""
        return list(self.query.get(name, ()))

    def flag(self, name: str) -> bool:
        """A query parameter that is ``true`` or ``false``; false if it is absent.

        Raises:
            InvalidRequest: it has another value.
        """
        value = self.single(name)
        if value not in (None, "true", "false"):
            raise InvalidRequest(f"query {name}", "must be true or false")
        return value == "true"

    def single(self, name: str) -> str | None:
        """The value of a query parameter that the operation accepts once; None if it is absent."""
        values = self.query.get(name)
        return values[0] if values else None

    def idempotency_key(self) -> str | None:
        """The ``Idempotency-Key`` header; None if it is absent.

        Raises:
            InvalidRequest: it does not have 1 to 255 visible ASCII characters.
        """
        key = self.headers.get("idempotency-key")
        if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
            raise InvalidRequest("header Idempotency-Key", "must be 1 to 255 visible ASCII characters")
        return key


def try_again(error: TryAgain) -> str:
    """The message for a customer who should retry. It explains a lost race, but no failure of the service."""
    reason = f" ({error})" if isinstance(error, RaceLost) else ""
    return f"the request was not decided{reason}: try again"


def _check_json(octets: bytes) -> None:
    """Refuse JSON that parsers read differently: the models' parser keeps the last value of a repeated key.

    Raises:
        MalformedBody: it is not JSON.
        BodyInvalid: an object has a key twice.
    """
    try:
        strict_json.loads(octets)
    except strict_json.KeyRepeated as error:
        problem = {"loc": error.place, "msg": "the key occurs more than once", "type": "key_repeated"}
        raise BodyInvalid([problem]) from None
    except strict_json.NotJson:
        raise MalformedBody("the request body is not valid JSON") from None


def problems_of(error: ValidationError) -> list[dict[str, Any]]:
    """The problems of a body: what and where, without the values; the first ``PROBLEMS_SHOWN_MAX``.

    pydantic puts "Value error" before the messages of our own checks, which says nothing to a customer.
    """
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        {**problem, "msg": problem["msg"].removeprefix("Value error, ")}
        for problem in found[:PROBLEMS_SHOWN_MAX]
    ]
