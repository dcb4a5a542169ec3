"""The console and the page of the API: static files and one configuration, for everybody.

The pages load nothing from elsewhere and run nothing that stands inside of a page. Besides this service they
connect only to the issuer of tokens, if one is configured.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from gpu_capacity.http.call import PlainText, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

INDEX: Final = "index.html"
CONFIGURATION: Final = "config.json"

TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
"""Content types by the ends of names. Nothing else is sent."""

UNCHANGING: Final = {
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of every file. A browser keeps a file, but asks each time whether it has changed."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """How the console signs people in; without an issuer they paste a token.

    Args:
        issuer: of OpenID Connect, where its discovery document is found.
        client_id: of the console at the issuer.
        scope: what the console asks for.
        audience: what tokens have to be for.
        claims: how the claims of tokens are called, by what they are.
        origins: further origins of the issuer, such as that of its token endpoint.
    """

    issuer: str | None
    client_id: str | None
    scope: str
    audience: str
    claims: Mapping[str, str]
    origins: tuple[str, ...] = ()

    def shown(self) -> dict[str, Any]:
        """What the page reads; nothing of it is secret."""
        shown: dict[str, Any] = {"claims": dict(self.claims)}
        if self.issuer is None or self.client_id is None:
            return shown
        return shown | {
            "issuer": self.issuer,
            "clientId": self.client_id,
            "scope": self.scope,
            "audience": self.audience,
        }

    def policy(self) -> str:
        """The content security policy of every page."""
        issuer = [] if self.issuer is None else [_origin(self.issuer), *map(_origin, self.origins)]
        return "; ".join(
            (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "img-src 'self' data:",
                " ".join(("connect-src 'self'", *dict.fromkeys(issuer))),
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
            )
        )


@dataclass(frozen=True, slots=True)
class _File:
    body: PlainText
    content_type: str

    @property
    def tag(self) -> str:
        return f'"{hashlib.sha256(self.body.encode()).hexdigest()[:32]}"'


@dataclass(frozen=True)
class Site:
    """The files of the pages, each page in a folder of its name.

    Args:
        folder: of the pages.
        sign_in: how the console signs people in.
    """

    folder: Path
    sign_in: SignIn

    def reply(self, page: str, name: str, headers: Mapping[str, str]) -> Reply | None:
        """A file of a page, or 304 if the client has it; None if there is no such file."""
        found = self._found(page, name)
        if found is None:
            return None
        sent = UNCHANGING | {"ETag": found.tag, "Content-Security-Policy": self.sign_in.policy()}
        if _has(headers.get("if-none-match", ""), found.tag):
            return Reply(HTTPStatus.NOT_MODIFIED, None, sent)
        return Reply(HTTPStatus.OK, found.body, sent | {"Content-Type": found.content_type})

    def _found(self, page: str, name: str) -> _File | None:
        if (page, name) == ("console", CONFIGURATION):
            return _File(PlainText(json.dumps(self.sign_in.shown())), _content_type(".json"))
        # Names are compared and never joined, so no name leads out of the folder.
        paths = {path.name: path for path in (self.folder / page).iterdir() if path.suffix in TYPES}
        return _read(paths[name]) if name in paths else None


@cache
def _read(path: Path) -> _File:
    return _File(PlainText(path.read_text(encoding="utf-8")), _content_type(path.suffix))


def _content_type(suffix: str) -> str:
    return f"{TYPES[suffix]}; charset=utf-8"


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _has(sent: str, tag: str) -> bool:
    """Whether a client has a file: proxies may have weakened the tag."""
    return tag in (one.strip().removeprefix("W/") for one in sent.split(","))
