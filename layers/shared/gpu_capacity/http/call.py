"""One HTTP request as the handlers see it, and the reply they give."""

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
"""Far above any sensible request; the gateway itself would let 10 MB through."""

RETRY_AFTER_SECONDS: Final = 1
"""When a request may be sent again that lost a race or met a busy database."""

UNKNOWN: Final = "-"
"""In log lines, for what is not known."""

_IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")

Model = TypeVar("Model", bound=BaseModel)

Services_co = TypeVar("Services_co", covariant=True)
"""The collaborators that a call brings. Whoever takes a call names the roles that it needs of them."""


class UnsupportedMediaType(CapacityError):
    """The body is not declared as JSON."""


class BodyTooLarge(CapacityError):
    """The body is larger than any request of this API."""


class MalformedBody(CapacityError):
    """The body is not JSON at all."""


class BodyInvalid(CapacityError):
    """The body is JSON but not what the operation takes; ``problems`` name fields and never echo values."""

    def __init__(self, problems: list[dict[str, Any]]) -> None:
        super().__init__("request body invalid")
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler answers; ``body`` is anything that JSON can hold, or ``None`` for no body."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Involved:
    """Who a request is by, and for which organization, as far as that is known; for the request's log line.

    ``organization`` is only ever one that the caller may act for: what others write into it is not logged.
    """

    subject: str = UNKNOWN
    organization: str = UNKNOWN

    def note(self, caller: Caller, *named: str | None) -> None:
        """A verified caller and what the request names, if anything; otherwise its only organization."""
        own = caller.organizations
        chosen = [name for name in named if name and (name in own or caller.is_operator)]
        if not chosen and len(own) == 1:
            chosen = list(own)
        self.subject = caller.subject
        self.organization = chosen[0] if chosen else UNKNOWN


@dataclass(frozen=True, slots=True)
class OpenCall(Generic[Services_co]):
    """A request of anybody; ``address`` is where the gateway says it came from."""

    services: Services_co
    query: Mapping[str, list[str]]
    address: str


@dataclass(frozen=True, slots=True)
class Call(Generic[Services_co]):
    """A request. Header names are in lower case; query values keep their order and repetitions.

    ``involved`` is for the request's log line; the organization that a body names is noted there.
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
            UnsupportedMediaType, BodyTooLarge, MalformedBody, BodyInvalid: in this order of checks.
        """
        declared = self.headers.get("content-type", "application/json").split(";")[0].strip().lower()
        if declared != "application/json":
            raise UnsupportedMediaType("the content type must be application/json")
        octets = self._octets()
        if len(octets) > BODY_BYTES_MAX:
            raise BodyTooLarge(f"the request body is larger than {BODY_BYTES_MAX} bytes")
        _check_json(octets)
        try:
            return model.model_validate_json(octets)
        except ValidationError as error:
            problems = problems_of(error)
        if any(problem["type"] == "json_invalid" for problem in problems):
            raise MalformedBody("the request body is not valid JSON")
        # Only now: most bodies write their numbers plainly, and need not be read twice.
        plain = plainly_written(octets)
        if plain != octets:
            try:
                return model.model_validate_json(plain)
            except ValidationError as error:
                problems = problems_of(error)
        raise BodyInvalid(problems)

    def values(self, name: str) -> frozenset[str]:
        """All values of a query parameter."""
        return frozenset(self.query.get(name, ()))

    def ordered_values(self, name: str) -> list[str]:
        """All values of a query parameter, as they came."""
        return list(self.query.get(name, ()))

    def flag(self, name: str) -> bool:
        """A query parameter that is ``true`` or ``false``; absent means false."""
        value = self.single(name)
        if value not in (None, "true", "false"):
            raise InvalidRequest(f"query {name}", "must be true or false")
        return value == "true"

    def single(self, name: str) -> str | None:
        """The value of a query parameter that the operation takes once."""
        values = self.query.get(name)
        return values[0] if values else None

    def idempotency_key(self) -> str | None:
        """The ``Idempotency-Key`` header: 1 to 255 visible ASCII characters."""
        key = self.headers.get("idempotency-key")
        if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
            raise InvalidRequest("header Idempotency-Key", "must be 1 to 255 visible ASCII characters")
        return key

    def _octets(self) -> bytes:
        raw = self.raw_body or ""
        if not self.body_is_base64:
            # A lone surrogate passes as bytes that are not UTF-8, which the JSON parser then refuses.
            return raw.encode("utf-8", "surrogatepass")
        try:
            return base64.b64decode(raw, validate=True)
        except ValueError:  # also for what is not ASCII
            raise MalformedBody("the request body is not valid base64") from None


def try_again(error: TryAgain) -> str:
    """What a customer is told who is to send the request again; of a failure of ours not what it was."""
    reason = f" ({error})" if isinstance(error, RaceLost) else ""
    return f"the request was not decided{reason}: try again"


def _check_json(octets: bytes) -> None:
    """Refuse what readers of JSON understand differently: the models' reader keeps the last of two values.

    Raises:
        MalformedBody, BodyInvalid: see ``strict_json``.
    """
    try:
        strict_json.loads(octets)
    except strict_json.KeyRepeated as error:
        problem = {"loc": error.place, "msg": "the key stands there more than once", "type": "key_repeated"}
        raise BodyInvalid([problem]) from None
    except strict_json.NotJson:
        raise MalformedBody("the request body is not valid JSON") from None


def problems_of(error: ValidationError) -> list[dict[str, Any]]:
    """What is wrong and where, without what was sent; of thousands of faults only the first."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [dict(problem) for problem in found[:PROBLEMS_SHOWN_MAX]]
