"""Verifies bearer tokens: the same code deployed and local, for every API.

A gateway authorizer would answer in one error shape for all three APIs, and the local emulators do not
enforce one; so the token is verified here.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import jwt

from gpu_capacity.access import IDENTITY_BYTES_MAX, Caller, is_identity
from gpu_capacity.adapters.redirects import OnlyToHttps
from gpu_capacity.errors import StorageUnavailable, Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALGORITHMS_ALLOWED: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Only signatures by private keys: with a shared secret every verifier could issue tokens."""

ORGANIZATIONS_MAX: Final = 50
_LEEWAY_SECONDS: Final = 10
_KEYS_SECONDS: Final = 300
_STALE_KEYS_SECONDS_MAX: Final = 6 * 3600
"""Beyond this an issuer that cannot be reached is no reason to trust keys it may have withdrawn."""
_REFRESH_SECONDS_MIN: Final = 30
_FETCH_SECONDS_MAX: Final = 3
_FETCH_BYTES_MAX: Final = 256 * 1024

# Whatever an issuer in trouble may answer: nothing, no HTTP, no JSON (or too deep a one), no key set.
_UNREADABLE: Final = (
    OSError,
    http.client.HTTPException,
    TypeError,
    ValueError,
    RecursionError,
    jwt.PyJWTError,
)


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must say, and under which claims it says who the caller is."""

    issuer: str
    audience: str
    algorithms: Sequence[str]
    organizations_claim: str
    projects_claim: str
    permissions_claim: str
    name_claim: str


class KeySource(Protocol):
    """Where public keys come from."""

    def keys(self, *, refresh: bool) -> jwt.PyJWKSet:
        """The issuer's key set; ``refresh`` asks for a later one than was returned before."""


class StaticKeys:
    """A key set from the configuration."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._keys = jwt.PyJWKSet.from_dict(dict(document))

    def keys(self, *, refresh: bool) -> jwt.PyJWKSet:  # noqa: ARG002 - there is no later one
        """The configured set."""
        return self._keys


class RemoteKeys:
    """A key set behind a JWKS address, kept for some minutes.

    An unknown key id asks for a refresh, because issuers rotate keys; but not more often than every half
    minute, or anybody could make this service hammer the issuer with made-up key ids.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._kept: jwt.PyJWKSet | None = None
        self._tried_at = 0.0
        self._fetched_at = 0.0

    def keys(self, *, refresh: bool) -> jwt.PyJWKSet:
        """The set as it was at most five minutes ago.

        Raises:
            StorageUnavailable: the issuer does not answer, and no set is kept that is young enough.
        """
        now = time.monotonic()
        age = now - self._tried_at
        if self._kept is not None and age < (_REFRESH_SECONDS_MIN if refresh else _KEYS_SECONDS):
            return self._kept
        try:
            # Settings admit https only, and redirects may not leave it.
            opener = urllib.request.build_opener(OnlyToHttps())
            with opener.open(self._url, timeout=_FETCH_SECONDS_MAX) as answer:
                document = json.loads(answer.read(_FETCH_BYTES_MAX))
            if not isinstance(document, dict):
                raise TypeError("the key set is no object")
            self._kept = jwt.PyJWKSet.from_dict(document)
            self._fetched_at = now
        except _UNREADABLE as error:
            if self._kept is None or now - self._fetched_at > _STALE_KEYS_SECONDS_MAX:
                self._kept = None
                raise StorageUnavailable(
                    "the token issuer's keys cannot be read", outcome_unknown=False
                ) from error
        self._tried_at = now
        return self._kept


class TokenVerifier:
    """Turns an ``Authorization`` header into a caller."""

    def __init__(self, rules: TokenRules, source: KeySource) -> None:
        self._rules = rules
        self._source = source

    def verify(self, authorization: str | None) -> Caller:
        """Who calls.

        Raises:
            Unauthenticated: no bearer token, or one that does not verify in every respect.
        """
        scheme, _, token = (authorization or "").strip().partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("authentication failed: a bearer token is required", token_sent=False)
        try:
            claims = jwt.decode(
                token,
                self._key_for(token),
                algorithms=list(self._rules.algorithms),
                issuer=self._rules.issuer,
                audience=self._rules.audience,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise Unauthenticated(
                "authentication failed: the access token is not valid", token_sent=True
            ) from error
        return self._caller(claims)

    def _key_for(self, token: str) -> jwt.PyJWK:
        key_id = jwt.get_unverified_header(token).get("kid")
        for refresh in (False, True):
            for key in self._source.keys(refresh=refresh).keys:
                if key_id is None or key.key_id == key_id:
                    return key
        raise jwt.InvalidKeyError("no key of the issuer has this id")

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        subject = claims["sub"]
        name = claims.get(self._rules.name_claim)
        organizations = _words(claims.get(self._rules.organizations_claim))
        projects = _words(claims.get(self._rules.projects_claim))
        if not subject or len(organizations) > ORGANIZATIONS_MAX:
            raise Unauthenticated("authentication failed: the access token is not valid", token_sent=True)
        if not all(map(is_identity, (subject, *organizations, *projects))):
            raise Unauthenticated(
                "authentication failed: a subject, organization or project of the access token has more than "
                f"{IDENTITY_BYTES_MAX} bytes",
                token_sent=True,
            )
        return Caller(
            subject=subject,
            name=name if isinstance(name, str) and is_identity(name) else subject,
            organizations=organizations,
            projects=projects,
            permissions=_words(claims.get(self._rules.permissions_claim)),
        )


def _words(claim: Any) -> frozenset[str]:
    """A claim that is a list of texts, or one text of words as OAuth's ``scope`` is."""
    if isinstance(claim, str):
        return frozenset(claim.split())
    if isinstance(claim, list):
        return frozenset(word for word in claim if isinstance(word, str) and word)
    return frozenset()
