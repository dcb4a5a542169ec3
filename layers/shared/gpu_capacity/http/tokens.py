"""Verifies bearer tokens, for all APIs, deployed and local.

A gateway authorizer would have one error shape for all three APIs, and the local emulators do not enforce
one. So tokens are verified here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import jwt

from gpu_capacity.access import API_KEY_PREFIX, ORGANIZATIONS_MAX, Caller, is_identity
from gpu_capacity.errors import CredentialFault, Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gpu_capacity.http.key_sets import KeySource, VerificationKey

_LEEWAY_SECONDS: Final = 10
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})
"""The ``typ`` of access tokens (RFC 9068), and of tokens for any use. Identity tokens have another one."""

_FAULTS: Final[tuple[tuple[type[jwt.PyJWTError], CredentialFault], ...]] = (
    (jwt.ExpiredSignatureError, CredentialFault.EXPIRED),
    (jwt.ImmatureSignatureError, CredentialFault.NOT_YET_VALID),
    (jwt.InvalidIssuerError, CredentialFault.ISSUER),
    (jwt.InvalidAudienceError, CredentialFault.AUDIENCE),
)


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must have, and which of its claims describe the caller.

    Here a claim is a field of the token (RFC 7519), not a capacity claim.
    """

    issuer: str
    audience: str
    algorithms: Sequence[str]
    organizations_claim: str
    projects_claim: str
    permissions_claim: str
    name_claim: str


class TokenVerifier:
    """Turns an ``Authorization`` header into a caller."""

    def __init__(self, rules: TokenRules, source: KeySource) -> None:
        self._rules = rules
        self._source = source

    def verify(self, authorization: str | None) -> Caller:
        """The caller that a token identifies.

        Raises:
            Unauthenticated: there is no bearer token, or it is not valid in every respect.
            StorageUnavailable: the issuer's keys could not be read.
        """
        text = (authorization or "").strip()
        scheme, _, token = text.partition(" ")
        token = token.strip()
        if not text or text.lower() == "bearer":
            raise Unauthenticated(CredentialFault.MISSING)
        if text.startswith(API_KEY_PREFIX) or token.startswith(API_KEY_PREFIX):
            raise Unauthenticated(CredentialFault.API_KEY_NOT_TAKEN)
        if scheme.lower() != "bearer":
            raise Unauthenticated(CredentialFault.OTHER_SCHEME)
        return self._caller(self._verified(token))

    def _verified(self, token: str) -> dict[str, Any]:
        """The claims of a valid token.

        Raises:
            Unauthenticated: no key verifies its signature, or its claims are not valid.
        """
        algorithm, key_id = self._header(token)
        fault = CredentialFault.UNKNOWN_KEY
        for refresh in (False, True):
            keys = [
                key
                for key in self._source.keys(refresh=refresh)
                if key_id in (None, key.key_id) and algorithm in key.algorithms
            ]
            for key in keys:
                try:
                    return self._decoded(token, key, algorithm)
                except jwt.InvalidSignatureError:
                    fault = CredentialFault.SIGNATURE
            if keys:
                break
        raise Unauthenticated(fault)

    def _header(self, token: str) -> tuple[str, str | None]:
        """Algorithm and key id of the token's header. They are not trusted yet.

        Raises:
            Unauthenticated: the header is malformed, or its algorithm is not allowed.
        """
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError) as error:
            raise Unauthenticated(CredentialFault.MALFORMED) from error
        algorithm, key_id, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
        if not isinstance(kind, str) or kind.lower() not in _TYPES or not isinstance(algorithm, str):
            raise Unauthenticated(CredentialFault.MALFORMED)
        if algorithm not in self._rules.algorithms:
            raise Unauthenticated(CredentialFault.ALGORITHM)
        return algorithm, key_id

    def _decoded(self, token: str, key: VerificationKey, algorithm: str) -> dict[str, Any]:
        """The claims, after checking the signature, the times, the issuer and the audience.

        Raises:
            jwt.InvalidSignatureError: the token was not signed with this key.
            Unauthenticated: another check failed.
        """
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.public_key,
                algorithms=[algorithm],
                issuer=self._rules.issuer,
                audience=self._rules.audience,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.InvalidSignatureError:
            raise
        except (jwt.PyJWTError, ValueError) as error:
            fault = next((f for kind, f in _FAULTS if isinstance(error, kind)), CredentialFault.CLAIMS)
            raise Unauthenticated(fault) from error
        return claims

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        """The caller that the claims describe.

        Raises:
            Unauthenticated: a claim is malformed.
        """
        subject = claims["sub"]
        name = claims.get(self._rules.name_claim)
        organizations = _words(claims.get(self._rules.organizations_claim))
        projects = _words(claims.get(self._rules.projects_claim))
        times = [claims[name] for name in ("exp", "nbf", "iat") if name in claims]
        if not subject.strip() or len(organizations) > ORGANIZATIONS_MAX or not all(map(_is_time, times)):
            raise Unauthenticated(CredentialFault.CLAIMS)
        if not all(map(is_identity, (subject, *organizations, *projects))):
            raise Unauthenticated(CredentialFault.IDENTITY)
        return Caller(
            subject=subject,
            name=name if isinstance(name, str) and is_identity(name) else subject,
            organizations=organizations,
            projects=projects,
            permissions=_words(claims.get(self._rules.permissions_claim)),
        )


def _is_time(claim: Any) -> bool:
    """Whether a claim is a number: the library also accepts the string ``"4102444800"`` and ``True``."""
    return isinstance(claim, int | float) and not isinstance(claim, bool)


def _words(claim: Any) -> frozenset[str]:
    """The words of a claim that is a list of strings, or one string of words as OAuth's ``scope`` is.

    Words are separated by spaces only. ``str.split`` would split at many other characters as well. Then a
    tenant could choose a name that is one word to its issuer, and that here is the name of another tenant's
    organization.
    """
    if isinstance(claim, str):
        return frozenset(word for word in claim.split(" ") if word)
    if isinstance(claim, list):
        return frozenset(word for word in claim if isinstance(word, str) and word)
    return frozenset()
