"""The public keys of the token issuer, from the configuration or from a JWKS address."""

from __future__ import annotations

import http.client
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.redirects import OnlyToHttps
from gpu_capacity.strict_json import loads

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALGORITHMS_ALLOWED: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Asymmetric signatures only: with a shared secret every verifier could issue tokens."""

RSA_BITS_MIN: Final = 2048
_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256"})
_CURVES: Final[dict[type, str]] = {SECP256R1: "ES256", SECP384R1: "ES384"}

_KEYS_SECONDS: Final = 300
_STALE_KEYS_SECONDS_MAX: Final = 6 * 3600
"""How long keys are used while the issuer cannot be reached: it may have withdrawn them meanwhile."""
_REFRESH_SECONDS_MIN: Final = 30
_FETCH_SECONDS_MAX: Final = 3
_FETCH_BYTES_MAX: Final = 256 * 1024

# What a malformed entry of a key set may raise: it is no object, of an unknown type, or has invalid numbers.
_UNUSABLE: Final = (
    jwt.PyJWTError,
    UnsupportedAlgorithm,
    ArithmeticError,
    AttributeError,
    TypeError,
    ValueError,
)

# What a broken issuer may cause: no response, no HTTP, no JSON, no key set.
_UNREADABLE: Final = (OSError, http.client.HTTPException, TypeError, ValueError)


class KeySetInvalid(ValueError):
    """A key set has no usable key."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """One public key, and the algorithms whose signatures it may verify."""

    key_id: str | None
    algorithms: frozenset[str]
    public_key: Any


class KeySource(Protocol):
    """A source of public keys."""

    def keys(self, *, refresh: bool) -> Sequence[VerificationKey]:
        """The issuer's keys; with ``refresh``, newer ones than were returned before, if possible."""


class StaticKeys:
    """A key set from the configuration.

    Raises:
        KeySetInvalid: none of its keys can be used.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._keys = verification_keys(document)

    def keys(self, *, refresh: bool) -> Sequence[VerificationKey]:  # noqa: ARG002 - there are no later ones
        """The configured keys."""
        return self._keys


class RemoteKeys:
    """A key set at a JWKS address, cached for some minutes.

    An unknown key id causes a refresh, because issuers rotate keys. But there is at most one every half
    minute: otherwise made-up key ids could make this service flood the issuer with requests.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._kept: Sequence[VerificationKey] | None = None
        self._tried_at = 0.0
        self._fetched_at = 0.0

    def keys(self, *, refresh: bool) -> Sequence[VerificationKey]:
        """The key set, at most ``_KEYS_SECONDS`` old, or older while the issuer does not answer.

        Raises:
            StorageUnavailable: the issuer does not answer, and the cached set is older than
                ``_STALE_KEYS_SECONDS_MAX``, or there is none.
        """
        now = time.monotonic()
        age = now - self._tried_at
        if self._kept is not None and age < (_REFRESH_SECONDS_MIN if refresh else _KEYS_SECONDS):
            return self._kept
        try:
            # The settings have checked the scheme of the address, and redirects may go to https only.
            opener = urllib.request.build_opener(OnlyToHttps())
            with opener.open(self._url, timeout=_FETCH_SECONDS_MAX) as answer:
                document = loads(answer.read(_FETCH_BYTES_MAX))
            if not isinstance(document, dict):
                raise TypeError("the key set is no object")
            self._kept = verification_keys(document)
            self._fetched_at = now
        except _UNREADABLE as error:
            if self._kept is None or now - self._fetched_at > _STALE_KEYS_SECONDS_MAX:
                self._kept = None
                raise StorageUnavailable(
                    "the token issuer's keys cannot be read", outcome_unknown=False
                ) from error
        self._tried_at = now
        return self._kept


def verification_keys(document: Mapping[str, Any]) -> tuple[VerificationKey, ...]:
    """The usable keys of a JWKS; other entries are ignored.

    Raises:
        KeySetInvalid: no key is usable.
    """
    entries = document.get("keys")
    found = [_read(entry) for entry in entries] if isinstance(entries, list) else []
    usable = tuple(key for key in found if key is not None)
    if not usable:
        raise KeySetInvalid("the key set has no key that verifies signatures")
    return usable


def _read(entry: Any) -> VerificationKey | None:
    """One entry of a key set; None if it is not for verifying, or malformed."""
    try:
        if not _is_to_verify(entry):
            return None
        key_id = entry.get("kid")
        public = jwt.PyJWK(entry).key
        algorithms = _algorithms_of(public)
        if "alg" in entry:
            algorithms &= {entry["alg"]}
    except _UNUSABLE:
        return None
    if not algorithms or not isinstance(key_id, str | None):
        return None
    return VerificationKey(key_id, algorithms, public)


def _is_to_verify(entry: Mapping[str, Any]) -> bool:
    """Whether the entry is for verifying. A published private key is not used: anybody can sign with it."""
    operations = entry.get("key_ops", ["verify"])
    return (
        entry.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and "d" not in entry
    )


def _algorithms_of(public: Any) -> frozenset[str]:
    """The algorithms whose signatures a key can verify, by its type, size and curve."""
    match public:
        case RSAPublicKey():
            return _RSA if public.key_size >= RSA_BITS_MIN else frozenset()
        case EllipticCurvePublicKey():
            return frozenset({_CURVES[type(public.curve)]} if type(public.curve) in _CURVES else ())
        case Ed25519PublicKey():
            return frozenset({"EdDSA"})
        case _:
            return frozenset()
