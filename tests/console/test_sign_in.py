"""Signing in: by a link, by a pasted token, by OpenID Connect with PKCE; and out."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest

from tests.console.looking import FAR

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from tests.console.looking import Looker

ISSUER: Final = "https://login.example.com"
CLIENT: Final = "console"


@dataclass
class Issuer:
    """Plays the issuer in the browser, as strictly as one is. ``asked`` has what the console sent."""

    token: str
    changes: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def answer(self, route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path == "/.well-known/openid-configuration":
            endpoints = {"authorization_endpoint": f"{ISSUER}/authorize", "token_endpoint": f"{ISSUER}/token"}
            self._send(route, {"issuer": ISSUER} | endpoints)
        elif path == "/authorize":
            self.asked = dict(parse_qsl(urlsplit(route.request.url).query))
            back = {"code": "the-code", "state": self.asked["state"]} | self.changes.get("back", {})
            location = f"{self.asked['redirect_uri']}?{urlencode(back)}"
            route.fulfill(status=302, headers={"Location": location})
        else:
            self._exchange(route)

    def _exchange(self, route: Route) -> None:
        given = {name: values[0] for name, values in parse_qs(route.request.post_data or "").items()}
        digest = hashlib.sha256(given["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if challenge != self.asked["code_challenge"] or given["code"] != "the-code":
            self.refused.append(challenge)
            self._send(route, {"error": "invalid_grant"}, 400)
            return
        claims = {"iss": ISSUER, "aud": CLIENT, "nonce": self.asked["nonce"]} | self.changes.get("claims", {})
        identity = ".".join(_encoded(part) for part in ({"alg": "none"}, claims)) + "."
        self._send(route, {"access_token": self.token, "id_token": identity})

    @staticmethod
    def _send(route: Route, body: Any, status: int = 200) -> None:
        headers = {"Access-Control-Allow-Origin": "*", "Content-Type": "application/json"}
        route.fulfill(status=status, headers=headers, body=json.dumps(body))


def _encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def _issuer(looker: Looker, **changes: Any) -> Issuer:
    looker.service.stage.settings |= {"CONSOLE_ISSUER": ISSUER, "CONSOLE_CLIENT_ID": CLIENT}
    return Issuer(looker.service.token("owner", exp=FAR), changes)


def _begin(looker: Looker, issuer: Issuer) -> Page:
    page = looker.open()
    page.route(f"{ISSUER}/**", issuer.answer)
    page.get_by_role("button", name="Sign in with your account").click()
    return page


def test_a_link_signs_in_and_the_token_leaves_the_address(looker: Looker) -> None:
    page = looker.sign_in()
    page.get_by_role("heading", name="Overview").wait_for()
    assert "token" not in page.url


def test_a_pasted_token_signs_in_and_signing_out_forgets_it(looker: Looker) -> None:
    page = looker.open()
    page.get_by_label("Token").fill(f"Bearer {looker.service.token('owner', exp=FAR)}\n")
    page.get_by_role("button", name="Sign in with the token").click()
    page.get_by_role("heading", name="Overview").wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    assert page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]") == [0, 0, ""]


@pytest.mark.parametrize("token", ["nonsense", "a.b.c"])
def test_what_is_no_token_is_refused_before_it_is_sent(looker: Looker, token: str) -> None:
    page = looker.open()
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in with the token").click()
    page.get_by_role("alert").get_by_text("no token").wait_for()


def test_a_token_that_the_service_refuses_leads_back_to_signing_in(looker: Looker) -> None:
    forged = looker.service.token("owner", exp=FAR)[:-6] + "AAAAAA"
    page = looker.open(f"/console#token={forged}")
    page.get_by_role("heading", name="Sign in").wait_for()
    assert page.get_by_role("alert").inner_text()


def test_a_token_that_is_over_is_not_used(looker: Looker) -> None:
    page = looker.open(f"/console#token={looker.service.token('owner', exp=1_000_000_000)}")
    page.get_by_role("alert").get_by_text("over").wait_for()


def test_an_account_signs_in_at_the_issuer(looker: Looker) -> None:
    issuer = _issuer(looker)
    page = _begin(looker, issuer)
    page.get_by_role("heading", name="Overview").wait_for()
    assert page.url.partition("#")[0] == f"{looker.address}/console"
    sent = {
        name: issuer.asked[name] for name in ("response_type", "client_id", "code_challenge_method", "scope")
    }
    assert sent == {
        "response_type": "code",
        "client_id": CLIENT,
        "code_challenge_method": "S256",
        "scope": "openid",
    }
    assert issuer.asked["redirect_uri"] == f"{looker.address}/console"
    assert issuer.refused == []
    assert looker.complaints == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"back": {"state": "another"}}, "not begun in this tab"),
        ({"claims": {"nonce": "another"}}, "another sign-in"),
        ({"claims": {"iss": "https://evil.example.com"}}, "another sign-in"),
        ({"claims": {"aud": "another"}}, "another sign-in"),
        ({"back": {"code": "another"}}, "gave no token"),
    ],
)
def test_an_answer_to_another_sign_in_is_refused(looker: Looker, changes: dict[str, Any], says: str) -> None:
    page = _begin(looker, _issuer(looker, **changes))
    page.get_by_role("alert").get_by_text(says).wait_for()
    assert page.evaluate("sessionStorage.getItem('token')") is None


def test_the_browser_connects_to_no_other_origin(looker: Looker) -> None:
    page = looker.sign_in()
    page.route("https://elsewhere.example.com/**", lambda route: route.fulfill(body="reached"))
    asked = "fetch('https://elsewhere.example.com/').then(() => 'reached', () => 'refused')"
    assert page.evaluate(asked) == "refused"
