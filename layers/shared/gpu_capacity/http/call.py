"""One HTTP request as the handlers see it, and the reply they give."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from gpu_capacity.errors import CapacityError, InvalidRequest
from gpu_capacity.http.whole_numbers import plainly_written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.access import Caller
    from gpu_capacity.services.context import Services

BODY_BYTES_MAX: Final = 64 * 1024
"""Far above any sensible request; the gateway itself would let 10 MB through."""

_IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")

Model = TypeVar("Model", bound=BaseModel)


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


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A request of anybody; ``address`` is where the gateway says it came from."""

    services: Services
    query: Mapping[str, list[str]]
    address: str


@dataclass(frozen=True, slots=True)
class Call:
    """A request. Header names are in lower case; query values keep their order and repetitions."""

    services: Services
    caller: Caller
    headers: Mapping[str, str]
    query: Mapping[str, list[str]]
    path_parameters: Mapping[str, str]
    raw_body: str | None
    body_is_base64: bool

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
        try:
            return model.model_validate_json(octets)
        except ValidationError as error:
            problems = _problems(error)
        if any(problem["type"] == "json_invalid" for problem in problems):
            raise MalformedBody("the request body is not valid JSON")
        # Only now: most bodies write their numbers plainly, and need not be read twice.
        plain = plainly_written(octets)
        if plain != octets:
            try:
                return model.model_validate_json(plain)
            except ValidationError as error:
                problems = _problems(error)
        raise BodyInvalid(problems)

    def values(self, name: str) -> frozenset[str]:
        """All values of a query parameter."""
        return frozenset(self.query.get(name, ()))

    def ordered_values(self, name: str) -> list[str]:
        """All values of a query parameter, as they came."""
        return list(self.query.get(name, ()))

    def flag(self, name: str) -> bool:
        """A query parameter that is ``true`` or ``false``; absent means false."""
        values = self.query.get(name, [])
        if not values:
            return False
        if len(values) > 1 or values[0] not in ("true", "false"):
            raise InvalidRequest(f"query {name}", "must be given once, as true or false")
        return values[0] == "true"

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


def _problems(error: ValidationError) -> list[dict[str, Any]]:
    """What is wrong and where, without what was sent."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [dict(problem) for problem in found]
