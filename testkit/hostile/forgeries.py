"""Tokens with the owner's claims that must be rejected: eight forged ones and an expired one."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final

from testkit.handlers.authority import Authority, claims, encoded
from testkit.hostile.service import ALL

if TYPE_CHECKING:
    from collections.abc import Callable


def _claims(**changes: Any) -> dict[str, Any]:
    return claims(permissions=list(ALL), **changes)


def _unsigned(algorithm: str) -> str:
    return f"{encoded({'alg': algorithm, 'typ': 'JWT', 'kid': 'key-1'})}.{encoded(_claims())}."


def _by_public_key(authority: Authority) -> str:
    """Sign with the public key as a shared secret."""
    signed = f"{encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': 'key-1'})}.{encoded(_claims())}"
    signature = hmac.new(authority.public_pem, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _edited(authority: Authority) -> str:
    header, _, signature = authority.sign(claims(permissions=[])).split(".")
    return f"{header}.{encoded(_claims())}.{signature}"


FORGERIES: Final[dict[str, Callable[[Authority], str]]] = {
    "forged: not signed": lambda _: _unsigned("none"),
    "forged: signature cut off": lambda _: _unsigned("ES256"),
    "forged: public key as a secret": _by_public_key,
    "forged: another key under the same name": lambda _: Authority().sign(_claims()),
    "forged: a key of another name": lambda _: Authority(key_id="key-2").sign(_claims()),
    "forged: a key that it brings along": lambda _: Authority().sign(_claims(), jwk=Authority().public_key),
    "forged: rights added after signing": _edited,
    "forged: of another issuer": lambda authority: authority.sign(_claims(iss="https://other.test")),
}


def expired(authority: Authority) -> str:
    """Return an expired token of the owner."""
    return authority.sign(_claims(exp=1_600_000_000))
