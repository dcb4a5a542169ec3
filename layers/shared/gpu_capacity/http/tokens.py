"""Verifies bearer tokens: the same code deployed and local, for every API.

A gateway authorizer would answer in one error shape for all three APIs, and the local emulators do not
enforce one; so the token is verified here.
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
"""Of access tokens (RFC 9068), and of those that name no use. An identity token or a receipt is none."""

_FAULTS: Final[tuple[tuple[type[jwt.PyJWTError], CredentialFault], ...]] = (
    (jwt.ExpiredSignatureError, CredentialFault.EXPIRED),
    (jwt.ImmatureSignatureError, CredentialFault.NOT_YET_VALID),
    (jwt.InvalidIssuerError, CredentialFault.ISSUER),
    (jwt.InvalidAudienceError, CredentialFault.AUDIENCE),
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


class TokenVerifier:
    """Turns an ``Authorization`` header into a caller."""

    def __init__(self, rules: TokenRules, source: KeySource) -> None:
        self._rules = rules
        self._source = source

    def verify(self, authorization: str | None) -> Caller:
        """Who calls.

        Raises:
            Unauthenticated: no bearer token, or one that does not verify in every respect.
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
        """The claims of a token whose signature and claims are both good."""
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
        """Algorithm and key id, as the token says; nothing of it is trusted."""
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
        """The claims, with the signature and all that can be judged by themselves.

        Raises:
            jwt.InvalidSignatureError: the key did not sign this.
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
    """Whether a claim is a number: the library takes the text ``"4102444800"`` and ``True`` as well."""
    return isinstance(claim, int | float) and not isinstance(claim, bool)


def _words(claim: Any) -> frozenset[str]:
    """A claim that is a list of texts, or one text of words as OAuth's ``scope`` is.

    Only a space separates them. Python would split at many other characters too, and with a name of the
    tenant's own choice that is one word to its issuer a token could name somebody else's organization.
    """
    if isinstance(claim, str):
        return frozenset(word for word in claim.split(" ") if word)
    if isinstance(claim, list):
        return frozenset(word for word in claim if isinstance(word, str) and word)
    return frozenset()
