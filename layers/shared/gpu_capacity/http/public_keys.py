"""Which SSH public keys are accepted. Apart from the other bodies: one function alone needs the library."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from gpu_capacity.errors import InvalidRequest
from gpu_capacity.holders.ssh_keys import PublicKey

RSA_BITS_MIN: Final = 2048
RSA_BITS_MAX: Final = 16_384
KEY_BYTES_MAX: Final = 8192
"""A key of 16,384 bits takes 2.8 KB; five of these must fit into one item with room to spare."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NOT_A_KEY: Final = "must be one line with one OpenSSH public key: type, base64, and a comment if you like"


class PublicKeyInvalid(ValueError):
    """The text is no public key that is accepted; the message says why and never repeats the text."""


def accepted_public_key(text: str) -> PublicKey:
    """The key that a request brings.

    Raises:
        InvalidRequest: the text is no public key that is accepted.
    """
    try:
        return read_public_key(text)
    except PublicKeyInvalid as error:
        raise InvalidRequest("body public_key", str(error)) from error


def read_public_key(text: str) -> PublicKey:
    """Read one OpenSSH public key: Ed25519, ECDSA, or RSA of 2,048 bits or more.

    What is kept is written anew from the key that was understood. So nothing else that a line of
    ``authorized_keys`` may carry, such as a forced command, ever reaches a machine.

    Raises:
        PublicKeyInvalid: anything else. Certificates and keys of security tokens are refused too, because
            the library reads the plain key out of them, and nobody could log in with that.
    """
    if "PRIVATE KEY" in text:
        raise PublicKeyInvalid(
            "this is a private key: send the public one, and do not use this pair any more"
        )
    words = text.strip().split(" ")
    if len(text) > KEY_BYTES_MAX or _CONTROL.search(text.strip()):
        raise PublicKeyInvalid(_NOT_A_KEY)
    try:
        key = serialization.load_ssh_public_key(text.strip().encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PublicKeyInvalid(_NOT_A_KEY) from error
    if isinstance(key, rsa.RSAPublicKey):
        if not RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:
            raise PublicKeyInvalid(f"an RSA key must have {RSA_BITS_MIN} to {RSA_BITS_MAX} bits")
    elif not isinstance(key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey):
        raise PublicKeyInvalid("must be an Ed25519, ECDSA or RSA key")
    canonical = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    if canonical.split(" ") != words[:2]:
        raise PublicKeyInvalid("must be a plain key: no certificate, and not bound to a security token")
    comment = " ".join(word for word in words[2:] if word)
    return PublicKey(f"{canonical} {comment}".rstrip(), comment, _fingerprint(canonical))


def _fingerprint(canonical: str) -> str:
    """``SHA256:`` and unpadded base64 over the key's octets, as ``ssh-keygen -l`` shows it."""
    octets = base64.b64decode(canonical.split(" ")[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(octets).digest()).decode().rstrip("=")
