"""HTTP redirects for addresses whose responses are trusted."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from email.message import Message


class OnlyToHttps(urllib.request.HTTPRedirectHandler):
    """Follows redirects to HTTPS only: the response decides what is sold, or who gets access."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The request that follows the redirect, for ``urllib``. Raises ``URLError`` if it leaves TLS."""
        if urlsplit(newurl).scheme != "https":
            fp.close()
            raise urllib.error.URLError("redirected to an address without TLS")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]
