"""Identifiers of holders, and the short tag that marks what they own."""

from __future__ import annotations

import hashlib
import re
from typing import Final
from uuid import UUID

HOLDER_TAG_BYTES: Final = 8
LIFE_BYTES: Final = 8

_UUID: Final = re.compile(r"[a-f][0-9a-f]{7}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_ANY_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def holder_id(entropy: bytes) -> str:
    """A UUID of version 4 form whose first character is a letter a-f, made of 16 bytes.

    The first character keeps ids usable where names must not begin with a digit.
    """
    octets = bytearray(entropy[:16])
    octets[0] = (0xA + (octets[0] >> 4) % 6) << 4 | octets[0] & 0x0F
    return str(UUID(bytes=bytes(octets), version=4))


def new_life(entropy: bytes) -> bytes:
    """What tells a record from every other that ever has its id, made of random bytes."""
    return entropy[:LIFE_BYTES]


def keyed_holder_id(organization_id: str, subject: str, key: str, *kind: str) -> str:
    """The id that an idempotency key stands for; the same words always give the same id.

    A key stands for one holder of each ``kind``: tags are made of ids, so no two holders may share one.
    """
    digest = hashlib.sha256()
    for part in (organization_id, subject, key, *kind):
        encoded = part.encode()
        # The length keeps ("ab", "c") apart from ("a", "bc").
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return holder_id(digest.digest())


def is_holder_id(text: str) -> bool:
    """Whether a text has the form of an id of this service."""
    return _UUID.fullmatch(text) is not None


def canonical_uuid(text: str) -> str | None:
    """A UUID in lower case; ``None`` for what is none, or is written in another form that Python takes."""
    lower = text.lower()
    return lower if _ANY_UUID.fullmatch(lower) else None


def holder_tag(holder: str) -> bytes:
    """What stands in a pod for a domain that the holder owns: the first 8 bytes of its id.

    Not the whole id, because DynamoDB bills an update by the size of the item: with tags a fully claimed pod
    of 72 domains stays below 1 KB, and a claim costs the same whatever its size. 57 of the 64 bits are
    random, and a tag only ever confirms what a record already says of exactly these positions.
    """
    return UUID(holder).bytes[:HOLDER_TAG_BYTES]


def id_of_owner(owner: str) -> str:
    """The id in the name by which a provider knows a holder: before the last ``-`` of it."""
    return owner.rpartition("-")[0]


def tag_of_owner(owner: str) -> str | None:
    """The holder tag, in hex, of the holder that a provider knows by this name; ``None`` if it names none."""
    try:
        return holder_tag(id_of_owner(owner)).hex()
    except ValueError:
        return None


def seed_of(holder: str) -> int:
    """The seed of a holder's placement: derived from the id, so that a replay decides alike."""
    return UUID(holder).int & ((1 << 64) - 1)
