"""The pages for people: which files are sent, to whom they may connect, and what a browser keeps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.http.site import SignIn, Site

if TYPE_CHECKING:
    from pathlib import Path

CLAIMS = {"organizations": "orgs"}
NONE = SignIn(issuer=None, client_id=None, scope="openid", audience="gpu", claims=CLAIMS)
ISSUER = SignIn(
    issuer="https://login.example.com/realms/gpu",
    client_id="console",
    scope="openid",
    audience="gpu",
    claims=CLAIMS,
    origins=("https://tokens.example.com", "https://login.example.com"),
)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "console").mkdir()
    (tmp_path / "console" / "index.html").write_text("<p>é</p>")
    (tmp_path / "console" / "notes.py").write_text("secret")
    (tmp_path / "handler.js").write_text("secret")
    return Site(tmp_path, NONE)


def test_a_file_has_its_type_and_a_tag(site: Site) -> None:
    reply = site.reply("console", "index.html", {})
    assert reply is not None
    assert (reply.status, reply.body) == (200, "<p>é</p>")
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}'])
def test_a_file_that_the_browser_has_is_not_sent_again(site: Site, form: str) -> None:
    first = site.reply("console", "index.html", {})
    assert first is not None
    again = site.reply("console", "index.html", {"if-none-match": form.format(first.headers["ETag"])})
    assert again is not None
    assert (again.status, again.body) == (304, None)
    assert again.headers["ETag"] == first.headers["ETag"]


def test_another_tag_is_answered_with_the_file(site: Site) -> None:
    reply = site.reply("console", "index.html", {"if-none-match": '"0"'})
    assert reply is not None
    assert reply.status == 200


@pytest.mark.parametrize(
    "name", ["notes.py", "../handler.js", "..", "", "absent.js", "console", "index.html/"]
)
def test_nothing_else_is_sent(site: Site, name: str) -> None:
    assert site.reply("console", name, {}) is None


def test_pages_connect_to_this_origin_only(site: Site) -> None:
    reply = site.reply("console", "index.html", {})
    assert reply is not None
    policy = dict(part.split(" ", 1) for part in reply.headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


def test_the_origins_of_the_issuer_may_be_connected_to() -> None:
    allowed = "connect-src 'self' https://login.example.com https://tokens.example.com;"
    assert allowed in ISSUER.policy()


def test_the_configuration_has_the_issuer_and_the_names_of_claims(tmp_path: Path) -> None:
    reply = Site(tmp_path, ISSUER).reply("console", "config.json", {})
    assert reply is not None
    assert json.loads(reply.body) == {
        "claims": CLAIMS,
        "issuer": "https://login.example.com/realms/gpu",
        "clientId": "console",
        "scope": "openid",
        "audience": "gpu",
    }


def test_without_an_issuer_the_configuration_has_the_names_of_claims_only() -> None:
    assert NONE.shown() == {"claims": CLAIMS}
