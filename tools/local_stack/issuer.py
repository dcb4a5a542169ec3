"""The development issuer: an ES256 key of this state folder, its public key set, and tokens signed with it.

The deployed code verifies these tokens exactly as it verifies a real issuer's; only the parameters differ.
"""

import base64
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from tools.local_stack.errors import LaunchError
from tools.local_stack.state import shown, unfit

# A name that can never resolve (RFC 2606), so that nobody can publish another key set for this issuer.
ISSUER = "https://development-issuer.invalid"
AUDIENCE = "gpu-capacity"
ALGORITHM = "ES256"
LIFETIME_SECONDS_DEFAULT = 12 * 3600
LIFETIME_SECONDS_MAX = 30 * 24 * 3600

# Every right that a customer can hold: what a token carries when no PERMISSIONS are named.
CUSTOMER_PERMISSIONS = (
    "reservations:create",
    "reservations:read",
    "reservations:delete",
    "placements:create",
    "placements:read",
    "placements:update",
    "placements:delete",
    "placements:operate",
    "topology:read",
    "capacityclaims:read",
    "capacityclaims:write",
    "vms:read",
    "vms:write",
    "billing:read",
    "apikeys:write",
)
# For operators of the service; in a token only if it is named.
OPERATOR_PERMISSION = "operator"


def ensure_key(path: Path) -> None:
    """Create the issuer's private key unless it exists; only its owner can read it.

    LaunchError if the folder cannot be created or written to.
    """
    if path.exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    # The mode is given on creation: there is no moment at which others can read the file.
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise unfit(path.parent, error) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)


def read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the issuer's key; LaunchError if no local stack was started on this folder yet."""
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise LaunchError(
            f"no local stack was started on {shown(path.parent)}: "
            "start one with `make run`, or name the folder of another with STATE="
        ) from None
    key = serialization.load_pem_private_key(text, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise LaunchError(f"{path} is not an EC key: `make clean` deletes it")
    return key


def public_key_set(path: Path) -> dict[str, list[dict[str, str]]]:
    """Return the JWKS (RFC 7517) of the issuer: one public key with kid, alg and use."""
    key: dict[str, str] = json.loads(ECAlgorithm.to_jwk(read_key(path).public_key()))
    return {"keys": [key | {"kid": key_id(key), "alg": ALGORITHM, "use": "sig"}]}


def encoded_key_set(path: Path) -> str:
    """Return the JWKS as base64url without padding: a value that shells and `sam` pass unchanged."""
    text = json.dumps(public_key_set(path), separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def key_id(key: dict[str, str]) -> str:
    """Derive a short name from the public point, so that a new key never has an old name."""
    return key["x"][:8]


def mint(
    path: Path,
    *,
    organization: str,
    project: str,
    permissions: Sequence[str] = CUSTOMER_PERMISSIONS,
    subject: str = "developer@example.com",
    lifetime_seconds: int = LIFETIME_SECONDS_DEFAULT,
) -> str:
    """Sign a bearer token for one organization and project with the key at `path`.

    Claims: iss, aud, sub, iat, exp (seconds), organizations, projects, permissions (lists of strings).
    LaunchError without a key, or for a lifetime outside 1 second to 30 days.
    """
    if not 0 < lifetime_seconds <= LIFETIME_SECONDS_MAX:
        raise LaunchError(f"a token lives 1 to {LIFETIME_SECONDS_MAX} seconds, not {lifetime_seconds}")
    now = int(time.time())
    claims = {
        "sub": subject,
        "iat": now,
        "exp": now + lifetime_seconds,
        "organizations": [organization],
        "projects": [project],
        "permissions": list(permissions),
    }
    return sign(path, claims)


def sign(path: Path, claims: dict[str, Any]) -> str:
    """Sign claims with the key at `path`, as this issuer and for the audience of the local stack."""
    kid = public_key_set(path)["keys"][0]["kid"]
    whole = claims | {"iss": ISSUER, "aud": AUDIENCE}
    return jwt.encode(whole, read_key(path), algorithm=ALGORITHM, headers={"kid": kid})
