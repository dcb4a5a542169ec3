"""Validates SSH public keys. Apart from the other bodies, because only one function needs the library."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from gpu_capacity.accounts.ssh_key import PublicKey
from gpu_capacity.errors import InvalidRequest

RSA_BITS_MIN: Final = 2048
RSA_BITS_MAX: Final = 16_384
COMMENT_LENGTH_MAX: Final = 255
"""Longer comments are cut, because one item has five keys, and the record of each VM has one until it
starts."""

_BLANKS: Final = re.compile(r"[ \t]+")
_LINE_END: Final = re.compile(r"[\r\n]")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_TYPE: Final = re.compile(r"(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9-]+(?:@openssh\.com)?")
_DSA: Final = "ssh-dss"

_NOT_A_KEY: Final = "must be one line with one OpenSSH public key: type, base64, and a comment if you like"
_SEVERAL_LINES: Final = "must be one line with one key: these are several keys, or one that was wrapped"
_OPTIONS: Final = "must begin with the type of the key: options before it are not accepted"
_PRIVATE: Final = "this is a private key: send the public one, and do not use this pair any more"
_KINDS: Final = "must be an Ed25519, ECDSA or RSA key"
_NOT_PLAIN: Final = "must be a plain key: no certificate, and not bound to a security token"


class PublicKeyInvalid(ValueError):
    """The text is not an accepted public key. The message says why and never repeats the text."""


def accepted_public_key(text: str) -> PublicKey:
    """Validate the public key of a request.

    Raises:
        InvalidRequest: the text is not an accepted public key.
    """
    try:
        return read_public_key(text)
    except PublicKeyInvalid as error:
        raise InvalidRequest("body ssh_public_key", str(error)) from error


def read_public_key(text: str) -> PublicKey:
    """Parse one OpenSSH public key: Ed25519, ECDSA, or RSA of 2,048 to 16,384 bits.

    White space is handled as in OpenSSH: one or more blanks and tabs separate the type, the base64 and the
    comment, and white space around the line is ignored. The result is generated from the parsed key. So other
    parts of an ``authorized_keys`` line, such as a forced command, never reach a machine.

    Raises:
        PublicKeyInvalid: the text is anything else. Certificates and keys of security tokens are refused as
            well, because the library extracts the plain key from them, which does not allow a login.
    """
    if "PRIVATE KEY" in text:
        raise PublicKeyInvalid(_PRIVATE)
    line = text.strip(" \t\r\n")
    if _LINE_END.search(line):
        raise PublicKeyInvalid(_SEVERAL_LINES)
    words = _BLANKS.split(line)
    if not _TYPE.fullmatch(words[0]) and any(_TYPE.fullmatch(word) for word in words[1:]):
        raise PublicKeyInvalid(_OPTIONS)
    if words[0] == _DSA:
        raise PublicKeyInvalid(_KINDS)
    if len(words) == 1 or _CONTROL.search(line):
        raise PublicKeyInvalid(_NOT_A_KEY)
    canonical = _canonical(f"{words[0]} {words[1]}")
    if canonical.split(" ") != words[:2]:
        raise PublicKeyInvalid(_NOT_PLAIN)
    comment = " ".join(words[2:])[:COMMENT_LENGTH_MAX].rstrip()
    return PublicKey(f"{canonical} {comment}".rstrip(), comment, _fingerprint(canonical))


def _canonical(plain: str) -> str:
    """The key in OpenSSH's canonical form."""
    try:
        key = serialization.load_ssh_public_key(plain.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PublicKeyInvalid(_NOT_A_KEY) from error
    if isinstance(key, rsa.RSAPublicKey):
        if not RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:
            raise PublicKeyInvalid(f"an RSA key must have {RSA_BITS_MIN} to {RSA_BITS_MAX} bits")
    elif not isinstance(key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey):
        raise PublicKeyInvalid(_KINDS)
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def _fingerprint(canonical: str) -> str:
    """The fingerprint as ``ssh-keygen -l`` shows it: ``SHA256:`` and unpadded base64."""
    octets = base64.b64decode(canonical.split(" ")[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(octets).digest()).decode().rstrip("=")
