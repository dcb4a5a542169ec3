"""Sources of keys: a static set, or a URL that is read seldom, cached long and may fail."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import Misconfigured
from gpu_capacity.http import key_sets
from testkit.handlers import sample_events
from testkit.handlers.authority import Authority
from testkit.handlers.sample_events import with_headers
from tests.functional.key_server import KeyServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testkit.handlers.stage import Answer, Stage


class Stopwatch:
    """The monotonic clock of the key source."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    watch = Stopwatch()
    monkeypatch.setattr(key_sets, "time", SimpleNamespace(monotonic=watch.monotonic))
    return watch


@pytest.fixture
def issuer(stage: Stage, stopwatch: Stopwatch) -> Iterator[KeyServer]:
    """The stage's keys, by address."""
    with KeyServer(stage.authority.key_set) as server:
        stage.settings |= {"AUTH_JWKS": "", "AUTH_JWKS_URL": server.url}
        yield server


def _ask(stage: Stage, token: str) -> Answer:
    event = with_headers(sample_events.read("list_reservations", "all"), authorization=f"Bearer {token}")
    return stage.request("list_reservations", event)


def _status(stage: Stage, authority: Authority | None = None) -> int:
    return _ask(stage, (authority or stage.authority).token()).status


def test_keys_are_read_from_the_address_once_and_cached(stage: Stage, issuer: KeyServer) -> None:
    assert [_status(stage) for _ in range(3)] == [200, 200, 200]
    assert issuer.fetches == 1


def test_no_key_is_read_before_a_token_comes(stage: Stage, issuer: KeyServer) -> None:
    stage.request_event("list_reservations", "token_missing")
    stage.request_event("get_version", "answered")
    assert issuer.fetches == 0


def test_cached_keys_are_read_again_after_five_minutes(
    stage: Stage, issuer: KeyServer, stopwatch: Stopwatch
) -> None:
    for passed, fetches in ((0, 1), (299, 1), (1, 2), (299, 2)):
        stopwatch.now += passed
        assert _status(stage) == 200
        assert issuer.fetches == fetches


def test_a_rotated_key_is_found_at_once_when_the_cached_ones_are_old_enough(
    stage: Stage, issuer: KeyServer, stopwatch: Stopwatch
) -> None:
    assert _status(stage) == 200
    later = Authority(key_id="key-2")
    issuer.document = {"keys": [later.public_key, stage.authority.public_key]}
    stopwatch.now += 31
    assert _status(stage, later) == 200
    assert _status(stage) == 200
    assert issuer.fetches == 2


def test_a_revoked_key_is_refused_once_the_set_was_read_again(
    stage: Stage, issuer: KeyServer, stopwatch: Stopwatch
) -> None:
    assert _status(stage) == 200
    issuer.document = Authority(key_id="key-2").key_set
    stopwatch.now += 301
    assert _status(stage) == 401


def test_invented_key_names_do_not_flood_the_issuer(
    stage: Stage, issuer: KeyServer, stopwatch: Stopwatch
) -> None:
    assert _status(stage) == 200
    for number in range(20):
        assert (
            _status(stage, Authority(key_id=f"made-up-{number}", private_key=stage.authority.private_key))
            == 401
        )
    assert issuer.fetches == 1
    stopwatch.now += 31
    for number in range(20):
        assert (
            _status(stage, Authority(key_id=f"made-up-{number}", private_key=stage.authority.private_key))
            == 401
        )
    assert issuer.fetches == 2


def test_several_keys_of_several_kinds_verify_by_their_names(stage: Stage, issuer: KeyServer) -> None:
    rsa = Authority(key_id="rsa", algorithm="RS256")
    issuer.document = {"keys": [stage.authority.public_key, rsa.public_key]}
    assert _status(stage, rsa) == 200
    assert _status(stage) == 200


def test_a_key_of_one_kind_does_not_verify_under_the_name_of_another(stage: Stage, issuer: KeyServer) -> None:
    rsa = Authority(key_id="key-1", algorithm="RS256")
    assert _status(stage, rsa) == 401


def test_an_unknown_kind_of_key_does_not_disable_the_others(stage: Stage, issuer: KeyServer) -> None:
    issuer.document = {"keys": [{"kty": "future", "kid": "x"}, stage.authority.public_key]}
    assert _status(stage) == 200


# The issuer fails


def _assert_undecided(answer: Answer) -> None:
    """Not 401: the token may be valid."""
    assert (answer.status, answer.json["error"]) == (500, "server_error")
    assert answer.headers["retry-after"] == "1"
    assert "try again" in answer.json["error_description"]


def test_while_the_issuer_does_not_answer_no_token_is_accepted_or_refused(
    stage: Stage, issuer: KeyServer
) -> None:
    issuer.stop()
    _assert_undecided(_ask(stage, stage.authority.token()))


NO_KEY_SETS: dict[str, Any] = {
    "server error": None,
    "no json": b"<html>maintenance</html>",
    "not utf-8": b"\xff\xfe",
    "a list": [],
    "a text": "maintenance",
    "null": b"null",
    "without keys": {},
    "no keys": {"keys": []},
    "keys are no list": {"keys": 7},
    "keys are texts": {"keys": ["a"]},
    "only strange keys": {"keys": [{"kty": "future"}]},
    "very deep": b"[" * 5_000 + b"]" * 5_000,
    "endless": b'{"keys": [' + b" " * 300_000 + b"]}",
}


@pytest.mark.parametrize("document", NO_KEY_SETS.values(), ids=NO_KEY_SETS.keys())
def test_a_document_that_is_not_a_key_set_decides_nothing_and_a_later_one_is_used(
    stage: Stage, issuer: KeyServer, document: Any
) -> None:
    issuer.document = document
    _assert_undecided(_ask(stage, stage.authority.token()))
    issuer.document = stage.authority.key_set
    assert _status(stage) == 200


@pytest.mark.parametrize("document", NO_KEY_SETS.values(), ids=NO_KEY_SETS.keys())
def test_cached_keys_are_used_during_a_failure(
    stage: Stage, issuer: KeyServer, stopwatch: Stopwatch, document: Any
) -> None:
    assert _status(stage) == 200
    issuer.document = document
    stopwatch.now += 301
    assert _status(stage) == 200


def test_a_malformed_response_decides_nothing(stage: Stage, stopwatch: Stopwatch) -> None:
    """A server at the address that does not speak HTTP."""
    import socket  # noqa: PLC0415 - only here
    import threading  # noqa: PLC0415 - only here

    with socket.create_server(("127.0.0.1", 0)) as listener:
        # Only so that a failing test ends.
        listener.settimeout(10)

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        stage.settings |= {"AUTH_JWKS": "", "AUTH_JWKS_URL": f"http://127.0.0.1:{listener.getsockname()[1]}/"}
        answered = _ask(stage, stage.authority.token())
        thread.join()
    _assert_undecided(answered)


# Settings


def test_a_static_set_may_be_given_as_base64url(stage: Stage) -> None:
    text = base64.urlsafe_b64encode(json.dumps(stage.authority.key_set).encode()).decode().rstrip("=")
    stage.settings["AUTH_JWKS"] = text
    assert _status(stage) == 200


def test_a_static_set_has_priority_over_an_address(stage: Stage) -> None:
    stage.settings["AUTH_JWKS_URL"] = "http://127.0.0.1:9/"
    assert _status(stage) == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"AUTH_ISSUER": ""},
        {"AUTH_AUDIENCE": ""},
        {"AUTH_JWKS": ""},
        {"AUTH_JWKS": "{}"},
        {"AUTH_JWKS": "!!!"},
        {"AUTH_JWKS": "", "AUTH_JWKS_URL": "http://issuer.example.com/keys"},
        {"AUTH_JWKS": "", "AUTH_JWKS_URL": "ftp://127.0.0.1/keys"},
        {"AUTH_ALGORITHMS": "ES256,HS256"},
        {"AUTH_ALGORITHMS": "none"},
    ],
)
def test_an_invalid_setting_accepts_no_token(stage: Stage, changes: dict[str, str]) -> None:
    stage.settings |= changes
    answer = _ask(stage, stage.authority.token())
    assert (answer.status, answer.json["error"]) == (500, "server_error")
    assert Misconfigured.__name__ in stage.log


def test_the_names_of_the_claims_are_settings(stage: Stage) -> None:
    stage.settings |= {
        "AUTH_CLAIM_ORGANIZATIONS": "https://claims.test/orgs",
        "AUTH_CLAIM_PERMISSIONS": "scope",
    }
    assert _ask(stage, stage.authority.token()).status == 403
    token = stage.authority.token(scope="openid reservations:read", permissions=None)
    assert _ask(stage, token).status == 200


def test_the_accepted_algorithms_are_a_setting(stage: Stage) -> None:
    stage.settings["AUTH_ALGORITHMS"] = "RS256"
    assert _status(stage) == 401
