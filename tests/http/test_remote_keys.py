"""A key set behind a URL: cached, refreshed for rotated keys, and not requested too often."""

from __future__ import annotations

import io
import json
import time
import urllib.error
import urllib.request
from email.message import Message
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.http.key_sets import RemoteKeys
from gpu_capacity.redirects import OnlyToHttps

if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESS = "https://issuer.example/jwks"


class Issuer:
    """Publishes key ids under a fixed clock; with ``down`` it does not answer."""

    def __init__(self) -> None:
        self.key_ids = ["first"]
        self.now = 1000.0
        self.calls = 0
        self.down = False
        self.content: bytes | None = None
        self._public = ec.generate_private_key(ec.SECP256R1()).public_key()

    def open(self, url: str, timeout: float) -> io.BytesIO:
        assert url == ADDRESS
        assert timeout > 0
        self.calls += 1
        if self.down:
            raise TimeoutError
        if self.content is not None:
            return io.BytesIO(self.content)
        key = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self._public))
        return io.BytesIO(json.dumps({"keys": [key | {"kid": name} for name in self.key_ids]}).encode())


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    published = Issuer()
    monkeypatch.setattr(
        urllib.request.OpenerDirector,
        "open",
        lambda _opener, *args, **options: published.open(*args, **options),
    )
    monkeypatch.setattr(time, "monotonic", lambda: published.now)
    yield published
    monkeypatch.undo()


def _ids(keys: RemoteKeys, *, refresh: bool = False) -> list[Any]:
    return [key.key_id for key in keys.keys(refresh=refresh)]


def test_keys_are_read_once_and_cached_for_minutes(issuer: Issuer) -> None:
    keys = RemoteKeys(ADDRESS)
    for _ in range(5):
        assert _ids(keys) == ["first"]
        issuer.now += 59
    assert issuer.calls == 1

    issuer.now += 300
    _ids(keys)
    assert issuer.calls == 2


def test_nothing_is_read_before_the_first_token(issuer: Issuer) -> None:
    RemoteKeys(ADDRESS)

    assert issuer.calls == 0


def test_an_unknown_key_id_triggers_a_refresh_that_finds_the_rotated_key(issuer: Issuer) -> None:
    keys = RemoteKeys(ADDRESS)
    _ids(keys)
    issuer.key_ids = ["second"]
    issuer.now += 31

    assert _ids(keys, refresh=True) == ["second"]


def test_invented_key_ids_do_not_flood_the_issuer(issuer: Issuer) -> None:
    keys = RemoteKeys(ADDRESS)
    for _ in range(100):
        _ids(keys, refresh=True)

    assert issuer.calls == 1


def test_an_unavailable_issuer_causes_no_failure_while_keys_are_cached(issuer: Issuer) -> None:
    keys = RemoteKeys(ADDRESS)
    _ids(keys)
    issuer.down = True
    issuer.now += 1000

    assert _ids(keys) == ["first"]
    assert _ids(keys) == ["first"]
    assert issuer.calls == 2


def test_without_any_keys_the_token_is_neither_accepted_nor_refused(issuer: Issuer) -> None:
    """Not a 401: the token may be valid."""
    issuer.down = True
    keys = RemoteKeys(ADDRESS)

    with pytest.raises(StorageUnavailable):
        keys.keys(refresh=False)


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", b"{}", b'{"keys": []}', b'{"keys": [{}]}', b"\xff"]
)
def test_a_response_that_is_not_a_key_set_counts_as_no_response(issuer: Issuer, content: bytes) -> None:
    issuer.content = content
    keys = RemoteKeys(ADDRESS)

    with pytest.raises(StorageUnavailable):
        keys.keys(refresh=False)


def test_after_a_failure_the_next_request_tries_again(issuer: Issuer) -> None:
    issuer.down = True
    keys = RemoteKeys(ADDRESS)
    with pytest.raises(StorageUnavailable):
        keys.keys(refresh=False)
    issuer.down = False

    assert _ids(keys) == ["first"]


def test_a_redirect_to_plain_http_is_not_followed() -> None:
    request = urllib.request.Request("https://issuer.example.com/keys")

    with pytest.raises(urllib.error.URLError, match="without TLS"):
        OnlyToHttps().redirect_request(
            request, io.BytesIO(), 302, "Found", Message(), "http://issuer.example.com/keys"
        )
