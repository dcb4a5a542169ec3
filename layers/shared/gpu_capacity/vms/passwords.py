"""Hashes the passwords of VMs in the form that a Linux guest reads."""

from __future__ import annotations

import hashlib
from typing import Final

LOG2_COST: Final = 15
_BLOCK_SIZE: Final = 8
_PARALLEL: Final = 1
_MEMORY_BYTES_MAX: Final = 64 * 1024 * 1024
_ALPHABET: Final = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def hash_password(password: str, entropy: bytes) -> str:
    """The scrypt hash of a password in the form of crypt(5): ``$7$``, parameters, salt, ``$``, 43 characters.

    A Linux guest takes this form as it is into its shadow file, so the password itself is never needed again.
    Takes 32 MB and about a tenth of a second.

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
    """Each three octets as four characters of 6 bits, least significant bits first."""
    text = ""
    for start in range(0, len(octets), 3):
        group = octets[start : start + 3]
        text += _number(int.from_bytes(group, "little"), (len(group) * 8 + 5) // 6)
    return text


def _number(value: int, characters: int) -> str:
    return "".join(_ALPHABET[value >> 6 * place & 63] for place in range(characters))
