"""Pages of lists: the parameters ``limit`` and ``cursor``, the ``Link`` header, and the size of a response.

A request without ``limit`` gets the whole list or an error. A client that does not know of pages would take
the first page for the whole list, and overlook what it pays for.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from gpu_capacity.access import IDENTITY_BYTES_MAX
from gpu_capacity.errors import InvalidRequest
from gpu_capacity.holders.windows import Window, position_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gpu_capacity.holders.windows import Entry, Position
    from gpu_capacity.http.call import Call

PAGE_ENTRIES_MAX: Final = 1000
ANSWER_BYTES_MAX: Final = 5_500_000
"""The entries of one response, as the function returns them. Lambda accepts 6 MB (6,291,556 bytes), headers
included."""

QUERY_BYTES_MAX: Final = 8_000
"""The encoded query of a list in pages. It is in the ``Link`` header, and the gateway passes on 10 KB of
headers."""

LIMIT: Final = "limit"
CURSOR: Final = "cursor"

_LIMIT: Final = re.compile(r"[1-9][0-9]{0,3}")
_DIGEST_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class Page:
    """The part of a list that a request asks for.

    Args:
        place: what this API's errors put before the name of a query parameter, e.g. ``query ``.
        scope: identifies the list, with filters and organizations; a cursor of another list is refused.
        query: the request's parameters, for the link to the next page.
        limit: the most entries to return; None for the whole list.
        after: where the page before ended; None for the first page.
    """

    place: str
    scope: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    limit: int | None
    after: Position | None

    @property
    def window(self) -> Window:
        """The entries to read: one more than the limit, to know whether there is another page."""
        return Window(self.after, None if self.limit is None else self.limit + 1)


def page_of(call: Call[object], name: str, organizations: Sequence[str], place: str = "query ") -> Page:
    """The page of the list ``name`` that a request asks for.

    Raises:
        InvalidRequest: ``limit`` or ``cursor`` is malformed, the cursor is of another list, or the query is
            too long for the ``Link`` header.
    """
    others = tuple(
        (key, value) for key in call.query for value in call.query[key] if key not in (LIMIT, CURSOR)
    )
    scope = (name, *organizations, "", *(word for pair in sorted(others) for word in pair))
    limit = call.single(LIMIT)
    if limit is not None and (not _LIMIT.fullmatch(limit) or int(limit) > PAGE_ENTRIES_MAX):
        raise InvalidRequest(f"{place}{LIMIT}", f"must be a whole number from 1 to {PAGE_ENTRIES_MAX}")
    if limit is not None and len(_encoded(others)) > QUERY_BYTES_MAX:
        raise InvalidRequest(f"{place}{LIMIT}", "not taken with so long a query: ask for less at once")
    cursor = call.single(CURSOR)
    if cursor is not None and limit is None:
        raise InvalidRequest(f"{place}{CURSOR}", f"goes with {LIMIT}")
    after = None if cursor is None else position_in(cursor, scope)
    if cursor is not None and after is None:
        raise InvalidRequest(f"{place}{CURSOR}", "is none that this list gave out")
    return Page(place, scope, others, None if limit is None else int(limit), after)


def cut(
    page: Page, entries: Sequence[Entry], view: Callable[[Entry], dict[str, Any]]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The views of the entries that fit into the response, and its ``Link`` header if there are more entries.

    A page may be shorter than its limit, so that it fits.

    Args:
        page: what the request asks for.
        entries: those of ``page.window``.
        view: renders an entry as JSON.

    Raises:
        InvalidRequest: the request asks for the whole list, which does not fit.
    """
    shown: list[dict[str, Any]] = []
    size = 0
    for entry in entries[: page.limit]:
        rendered = view(entry)
        size += answer_bytes(rendered)
        if shown and size > ANSWER_BYTES_MAX:
            if page.limit is None:
                raise InvalidRequest(
                    f"{page.place}{LIMIT}",
                    "required, as the list is larger than one answer: send it and follow the Link header, "
                    "or narrow the list",
                )
            break
        shown.append(rendered)
    if len(shown) == len(entries):
        return shown, {}
    cursor = cursor_of(position_of(entries[len(shown) - 1]), page.scope)
    return shown, next_link([*page.query, (LIMIT, str(page.limit)), (CURSOR, cursor)])


def next_link(query: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The header that links to the next page, by an address relative to that of the request."""
    return {"Link": f'<?{_encoded(query)}>; rel="next"'}


def _encoded(query: Sequence[tuple[str, str]]) -> str:
    # A filter may have a lone surrogate. It matches no entry, and is no reason to fail.
    return urlencode(query, errors="surrogatepass")


def answer_bytes(view: dict[str, Any]) -> int:
    """The size of an entry in a function's response, which has the body as a string within JSON."""
    return len(json.dumps(json.dumps(view, ensure_ascii=False)))


def cursor_of(position: Position, scope: tuple[str, ...]) -> str:
    """A cursor: where a page ended, and a digest that exposes a changed cursor, or one of another list.

    The digest is no signature. It need not be: the token decides what a list may show, not the cursor.
    """
    words = json.dumps(position).encode()
    return base64.urlsafe_b64encode(_digest(words, scope) + words).decode().rstrip("=")


def position_in(cursor: str, scope: tuple[str, ...]) -> Position | None:
    """The position in a cursor; None if it is no cursor of this list."""
    try:
        octets = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:  # also for characters beyond ASCII
        return None
    words = octets[_DIGEST_BYTES:]
    if octets[:_DIGEST_BYTES] != _digest(words, scope):
        return None
    try:
        # Anybody can compute the digest, so this may be any text; and the size of a key is limited.
        last_id, organization_id = map(str, json.loads(words))
        if max(len(last_id.encode()), len(organization_id.encode())) > IDENTITY_BYTES_MAX:
            return None
    except (ValueError, TypeError, RecursionError):
        return None
    position = (last_id, organization_id)
    # The last character of base64 has unused bits. Accept one spelling only.
    return position if cursor_of(position, scope) == cursor else None


def _digest(words: bytes, scope: tuple[str, ...]) -> bytes:
    return hashlib.sha256(json.dumps(scope).encode() + words).digest()[:_DIGEST_BYTES]
