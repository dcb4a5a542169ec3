"""Passwords of VMs: hashed once, for the one use that the workflow has for them."""

from __future__ import annotations

import hashlib
from typing import Final

LOG2_COST: Final = 15
_BLOCK_SIZE: Final = 8
_PARALLEL: Final = 1
_MEMORY_BYTES_MAX: Final = 64 * 1024 * 1024
_ALPHABET: Final = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def hash_password(password: str, entropy: bytes) -> str:
    """The scrypt hash of a password as crypt(5) writes it: ``$7$``, parameters, salt, ``$``, 43 characters.

    That form, because a Linux guest takes it as it is into its shadow file; so nothing ever has to know the
    password again. It takes 32 MB and about a tenth of a second.

    Args:
        password: in clear; neither kept nor logged here.
        entropy: 16 unpredictable bytes, for the salt.
    """
    salt = _sixes(entropy)
    digest = hashlib.scrypt(
        password.encode(),
        salt=salt.encode(),
        n=1 << LOG2_COST,
        r=_BLOCK_SIZE,
        p=_PARALLEL,
        maxmem=_MEMORY_BYTES_MAX,
        dklen=32,
    )
    parameters = _ALPHABET[LOG2_COST] + _number(_BLOCK_SIZE, 5) + _number(_PARALLEL, 5)
    return f"$7${parameters}{salt}${_sixes(digest)}"


def _sixes(octets: bytes) -> str:
    """Three octets to four characters, the least significant bits first."""
    text = ""
    for start in range(0, len(octets), 3):
        group = octets[start : start + 3]
        text += _number(int.from_bytes(group, "little"), (len(group) * 8 + 5) // 6)
    return text


def _number(value: int, characters: int) -> str:
    return "".join(_ALPHABET[value >> 6 * place & 63] for place in range(characters))
