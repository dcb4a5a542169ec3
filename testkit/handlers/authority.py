"""Issuers of tokens for tests: one that the service trusts, and others that it must reject."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from gpu_capacity.access import Permission
from testkit.world import ORGANIZATION, PROJECT

ISSUER: Final = "https://issuer.test"
AUDIENCE: Final = "gpu-capacity"
SUBJECT: Final = "developer@example.com"
STRANGERS_ORGANIZATION: Final = "5f0c2b1e-8a77-4f1b-9a53-0f6d1c2e3a4b"
STRANGERS_PROJECT: Final = "c1d2e3f4-0a1b-4c2d-8e3f-405162738495"

CUSTOMERS: Final = [permission.value for permission in Permission if permission is not Permission.OPERATE]

# The profiles that event files name, and the claims of their tokens in addition to the common ones.
PROFILES: Final[dict[str, dict[str, Any]]] = {
    "member": {},
    "reader": {
        "permissions": [
            "reservations:read",
            "placements:read",
            "topology:read",
            "capacityclaims:read",
            "vms:read",
        ]
    },
    "powerless": {"permissions": ["none"]},
    "stranger": {
        "sub": "stranger@example.com",
        "organizations": [STRANGERS_ORGANIZATION],
        "projects": [STRANGERS_PROJECT],
    },
    "operator": {
        "sub": "operator@example.com",
        "organizations": [STRANGERS_ORGANIZATION],
        "projects": [STRANGERS_PROJECT],
        "permissions": ["operator"],
    },
    "expired": {"exp": 1_600_000_000},
}


@dataclass
class Authority:
    """A token issuer with one elliptic-curve key, or an RSA one.

    Its tokens have only those permissions of a profile that are on ``nouns``, so that no answer depends on a
    permission of another API.
    """

    nouns: tuple[str, ...] = ("reservations", "placements", "topology", "billing")
    key_id: str = "key-1"
    algorithm: str = "ES256"
    private_key: Any = field(default=None)

    def __post_init__(self) -> None:
        if self.private_key is None:
            self.private_key = _new_key(self.algorithm)

    @property
    def public_key(self) -> dict[str, str]:
        """The public key as a JWK."""
        algorithm: Any = ECAlgorithm if self.algorithm.startswith("ES") else RSAAlgorithm
        key: dict[str, str] = json.loads(algorithm.to_jwk(self.private_key.public_key()))
        return key | {"kid": self.key_id, "alg": self.algorithm, "use": "sig"}

    @property
    def public_pem(self) -> bytes:
        """The public key in PEM."""
        pem: bytes = self.private_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return pem

    @property
    def key_set(self) -> dict[str, Any]:
        """The JWKS with that one key."""
        return {"keys": [self.public_key]}

    def token(self, profile: str = "member", **changes: Any) -> str:
        """Return a signed token of a profile; a claim that is changed to ``None`` is omitted."""
        permissions = [
            word
            for word in claims(profile)["permissions"]
            if ":" not in word or word.partition(":")[0] in self.nouns
        ]
        return self.sign(claims(profile, **({"permissions": permissions} | changes)))

    def sign(self, payload: dict[str, Any], **header: Any) -> str:
        """Sign any claims; a header field that is ``None`` is omitted."""
        return self.sign_text(json.dumps(payload), **header)

    def sign_text(self, payload: str, **header: Any) -> str:
        """Sign any text, also such as no library accepts as claims."""
        headers = {"typ": "JWT", "kid": self.key_id, **header}
        return jwt.PyJWS().encode(
            payload.encode(),
            self.private_key,
            algorithm=self.algorithm,
            headers={name: value for name, value in headers.items() if value is not None},
        )


def claims(profile: str = "member", **changes: Any) -> dict[str, Any]:
    """Return the claims of a profile; a change that is a duration counts from now."""
    now = int(time.time())
    all_claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": SUBJECT,
        "iat": now,
        "exp": now + 3600,
        "organizations": [ORGANIZATION],
        "projects": [PROJECT],
        "permissions": CUSTOMERS,
        **PROFILES[profile],
        **changes,
    }
    return {
        name: now + int(value.total_seconds()) if isinstance(value, timedelta) else value
        for name, value in all_claims.items()
        if value is not None
    }


def encoded(part: object) -> str:
    """Encode a part of a token: JSON in base64url."""
    return text_encoded(json.dumps(part))


def text_encoded(text: str) -> str:
    """Encode text as a part of a token: base64url."""
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _new_key(algorithm: str) -> Any:
    if algorithm.startswith("ES"):
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
