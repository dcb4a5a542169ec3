"""Identifiers of holders, and the short tags that mark what holders own."""

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
    """A UUID in the form of version 4, from 16 bytes. Its first character is a letter from a to f.

    So ids can be used as names that must not begin with a digit.
    """
    octets = bytearray(entropy[:16])
    octets[0] = (0xA + (octets[0] >> 4) % 6) << 4 | octets[0] & 0x0F
    return str(UUID(bytes=bytes(octets), version=4))


def new_life(entropy: bytes) -> bytes:
    """A life, from random bytes. It distinguishes a record from all others that ever have the same id."""
    return entropy[:LIFE_BYTES]


def keyed_holder_id(organization_id: str, subject: str, key: str, *kind: str) -> str:
    """The id for an idempotency key. The same arguments always give the same id.

    Different kinds of holders get different ids for the same key, because tags are made from ids and no two
    holders may share a tag.
    """
    digest = hashlib.sha256()
    for part in (organization_id, subject, key, *kind):
        encoded = part.encode()
        # The length distinguishes ("ab", "c") from ("a", "bc").
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return holder_id(digest.digest())


def is_holder_id(text: str) -> bool:
    """Whether a text has the form of an id that this service creates."""
    return _UUID.fullmatch(text) is not None


def canonical_uuid(text: str) -> str | None:
    """A UUID in lower case; ``None`` if the text is not one, or has another form that Python would accept."""
    lower = text.lower()
    return lower if _ANY_UUID.fullmatch(lower) else None


def holder_tag(holder: str) -> bytes:
    """The tag that marks in a pod's ownership item what the holder owns: the first 8 bytes of its id.

    The whole id would be too long, because DynamoDB bills an update by the size of the item. With tags the
    item of a fully owned pod of 72 domains stays below 1 KB. 57 of the 64 bits are random, and a tag is only
    used to confirm what a record already lists for the same positions.
    """
    return UUID(holder).bytes[:HOLDER_TAG_BYTES]


def id_of_owner(owner: str) -> str:
    """The holder's id in the name that providers use for a holder: the part before the last ``-``."""
    return owner.rpartition("-")[0]


def tag_of_owner(owner: str) -> str | None:
    """The holder tag, in hex, for the name that a provider uses; ``None`` if it contains no id."""
    try:
        return holder_tag(id_of_owner(owner)).hex()
    except ValueError:
        return None


def seed_of(holder: str) -> int:
    """The seed of a holder's placement. It is derived from the id, so that a replay makes the same choice."""
    return UUID(holder).int & ((1 << 64) - 1)
