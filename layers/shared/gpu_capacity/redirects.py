"""Redirects of addresses whose answers are trusted."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from email.message import Message


class OnlyToHttps(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never off TLS: what is read decides what is sold, or who gets in."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The request to go on with, as the library asks; refuses to leave TLS."""
        if urlsplit(newurl).scheme != "https":
            fp.close()
            raise urllib.error.URLError("redirected to an address without TLS")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]
