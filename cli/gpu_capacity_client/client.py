"""Sends requests, repeats those that may be repeated, and follows pages."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qsl, quote, urlsplit

from gpu_capacity_client.document import KEY, PAGING, Operation, operations
from gpu_capacity_client.methods import Methods
from gpu_capacity_client.refusals import Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    import httpx

ATTEMPTS_MAX: Final = 5
PAUSE_SECONDS: Final = 0.5
"""Before the first repeat; doubled before each further one."""
PAUSE_SECONDS_MAX: Final = 30.0
"""A service that asks for a longer pause gets no repeat: the caller decides."""
TIMEOUT_SECONDS: Final = 35.0
"""A little more than API Gateway lets a function take."""
UNAUTHORIZED: Final = 401
SUCCESS: Final = range(200, 300)
COMES_BACK: Final = frozenset({429, 500, 409})
"""Statuses that ask for a repeat if they have ``Retry-After``."""
BROKEN: Final = frozenset({502, 503, 504})
"""Statuses of what stands before the service: whether the request was carried out is not known."""


@dataclass(frozen=True)
class Answer:
    """An answer of success. ``body`` is None where there is none."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Client(Methods):
    """A client of one service.

    Args:
        address: as ``http://127.0.0.1:3000`` or the stack's output ``ApiUrl``.
        token: returns a bearer token or an API key. It is asked once, and again when the service rejects
        what it
            returned.
        transport: how requests travel, for tests.
        sleep: waits so many seconds.
        on_repeat: is told why a request is sent again, and after how many seconds.

    Raises:
        ValueError: the address has another scheme than http or https.
    """

    def __init__(
        self,
        address: str,
        token: Callable[[], str] | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
        on_repeat: Callable[[str, float], None] = lambda _reason, _seconds: None,
    ) -> None:
        if urlsplit(address).scheme not in {"http", "https"}:
            raise ValueError(
                f"{address} is no address of a service: it has to begin with https:// or http://"
            )
        import httpx  # noqa: PLC0415 - takes a third of the time in which a command line should start

        self._http = httpx.Client(timeout=timeout_seconds, transport=transport)
        self._broken = httpx.TransportError
        self._never_sent = (httpx.ConnectError, httpx.ConnectTimeout)
        self._address = address.rstrip("/")
        self._token = token
        self._credential: str | None = None
        self._sleep = sleep
        self._on_repeat = on_repeat

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(
        self,
        operation: str,
        parameters: Mapping[str, Any] | None = None,
        body: Any = None,
    ) -> Answer:
        """Carry out an operation by its id, and return its answer; of a list, the whole of it.

        Args:
            operation: as ``createReservation``.
            parameters: of path, query and headers, by their names in the document. A list is sent as repeated
                values; None is left out.
            body: what is sent as JSON.

        Raises:
            Refused: the service said no, or did not answer (``Unreachable``).
            KeyError: there is no such operation, or it has no such parameter, or one of its path is missing.
        """
        described = operations()[operation]
        given = {name: value for name, value in (parameters or {}).items() if value is not None}
        for name in given:
            if described.parameter(name) is None:
                raise KeyError(name)
        if described.is_keyed:
            given.setdefault(KEY, str(uuid.uuid4()))
        if described.is_paged and not PAGING & given.keys():
            return self._all_pages(described, given)
        return self._ask(described, given, body)

    def _call(self, operation: str, parameters: Mapping[str, Any], body: Any = None) -> Any:
        return self.call(operation, parameters, body).body

    def _all_pages(self, operation: Operation, given: Mapping[str, Any]) -> Answer:
        """Return one answer with the entries of all pages."""
        limit = operation.parameter("limit")
        page: Mapping[str, Any] = {} if limit is None else {"limit": limit.schema["maximum"]}
        answer = self._ask(operation, {**given, **page}, None)
        entries = _entries(answer.body)
        while page := _next_page(answer.headers.get("link")):
            # Only where to go on is taken from the link, so that no credential goes elsewhere.
            further = self._ask(operation, {**given, **page}, None)
            entries += _entries(further.body)
            answer = Answer(answer.status, answer.body, further.headers)
        return answer

    def _ask(self, operation: Operation, given: Mapping[str, Any], body: Any) -> Answer:
        """Send a request until it is answered, at most some times."""
        may_repeat = operation.method != "POST" or KEY in given
        renewed = False
        for attempt in range(1, ATTEMPTS_MAX + 1):
            pause = PAUSE_SECONDS * 2 ** (attempt - 1)
            repeats = may_repeat
            try:
                answer = self._send(operation, given, body)
            except self._broken as broken:
                refusal: Refused = Unreachable(
                    f"{self._address} does not answer: {broken or type(broken).__name__}"
                )
                repeats = may_repeat or isinstance(broken, self._never_sent)
            else:
                if answer.status in SUCCESS:
                    return answer
                refusal = Refused(answer.status, answer.body, answer.headers)
                if answer.status == UNAUTHORIZED and not renewed and not operation.public:
                    renewed, before = True, self._credential
                    if self._renew() != before:
                        continue
                after = refusal.retry_after_seconds
                asked = after is not None and after <= PAUSE_SECONDS_MAX and answer.status in COMES_BACK
                if not asked and answer.status not in BROKEN:
                    raise refusal
                pause = max(pause, after or 0.0)
            if not repeats or attempt == ATTEMPTS_MAX:
                raise refusal
            self._on_repeat(str(refusal), pause)
            self._sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _renew(self) -> str | None:
        self._credential = self._token() if self._token is not None else None
        return self._credential

    def _send(self, operation: Operation, given: Mapping[str, Any], body: Any) -> Answer:
        path, headers = operation.path, {"Accept": "application/json"}
        query: list[tuple[str, str | int | float | bool | None]] = []
        for parameter in operation.parameters:
            if parameter.place == "path":
                path = path.replace(f"{{{parameter.name}}}", quote(str(given[parameter.name]), safe=""))
            elif parameter.name not in given:
                continue
            elif parameter.place == "header":
                headers[parameter.name] = str(given[parameter.name])
            else:
                value = given[parameter.name]
                values = value if isinstance(value, (list, tuple)) else [value]
                query += [(parameter.name, _text(one)) for one in values]
        credential = None if operation.public else self._credential or self._renew()
        if credential is not None:
            headers["Authorization"] = f"Bearer {credential}"
        got = self._http.request(
            operation.method,
            f"{self._address}{path}",
            params=query,
            headers=headers,
            json=body if operation.body is not None else None,
        )
        return Answer(
            got.status_code, _parsed(got), {name.lower(): value for name, value in got.headers.items()}
        )


def _parsed(got: httpx.Response) -> Any:
    """The body as JSON; as text if what answers is not the service."""
    if not got.content:
        return None
    try:
        return got.json()
    except ValueError:
        return got.text


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _entries(body: Any) -> list[Any]:
    """The list that a body is, or that it has as its only field."""
    found = body if isinstance(body, list) else next(iter(body.values()))
    if not isinstance(found, list):
        raise TypeError(f"a page has no list: {type(found).__name__}")
    return found


def _next_page(link: str | None) -> dict[str, str]:
    """The parameters of the next page, from a header such as ``<?limit=2&cursor=abc>; rel="next"``."""
    if link is None or 'rel="next"' not in link:
        return {}
    address = link.partition("<")[2].partition(">")[0]
    return {name: value for name, value in parse_qsl(urlsplit(address).query) if name in PAGING}
