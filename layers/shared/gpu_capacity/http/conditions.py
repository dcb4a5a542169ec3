"""Requests that were decided on a state, and say which by its entity tag."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import InvalidRequest, PreconditionRequired

if TYPE_CHECKING:
    from gpu_capacity.http.call import Call

_STRONG_TAG: Final = re.compile(r'"([\x21\x23-\x7e]*)"')


def tag_of(call: Call[object], what: str) -> str:
    """The entity tag in ``If-Match``, without its quotes.

    Args:
        call: the request.
        what: where the client has the tag from.

    Raises:
        PreconditionRequired: there is no ``If-Match``.
        InvalidRequest: it is not one strong entity tag.
    """
    header = call.headers.get("if-match")
    if header is None:
        raise PreconditionRequired(f"the header If-Match is required, with {what} in double quotes")
    tag = _STRONG_TAG.fullmatch(header.strip(" \t"))
    if tag is None:
        raise InvalidRequest("header If-Match", "must be one strong entity tag in double quotes")
    return tag[1]


def tagged(tag: str) -> dict[str, str]:
    """The header with the entity tag of what is answered."""
    return {"ETag": f'"{tag}"'}
