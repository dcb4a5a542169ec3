"""What stays for a while of what is gone, and how items end by themselves.

DynamoDB removes an item some days after the time in its ``TTL_ATTRIBUTE``; until then it can still be read.
So reads leave out what has ended, and a write that demands that nothing is there demands ``IS_FREE``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb.client import Item, encode, encode_value
from gpu_capacity.dynamodb.decoding import binary_or_none, decoder, flag, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.dynamodb.client import AttributeValue
    from gpu_capacity.dynamodb.keys import Key

TTL_ATTRIBUTE: Final = "ttl_sweep_at"
"""Seconds since the epoch. The template names it for the tables' time to live; no live record may have it."""

TOMBSTONE_SECONDS: Final = 24 * 3600
"""How long an id stays used up after its holder is gone: clients repeat requests for minutes."""

GONE: Final = "gone"
"""The status of a tombstone, which no holder has."""

IS_FREE: Final = f"attribute_not_exists(pk) OR {TTL_ATTRIBUTE} <= :now"
"""Nothing is under the key, or what is left there has ended."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of a holder that is gone: no late write may raise its life from the dead.

    Where its id stands for a request, it answers a retry. A holder that was not ``finished`` never came to
    be, so a retry may make it: over the tombstone of exactly that ``life``.
    """

    fingerprint: str
    life: bytes | None = None
    finished: bool = True


def encode_tombstone(
    key: Key, fingerprint: str, now: int, life: bytes | None = None, *, finished: bool = True
) -> Item:
    """What stays of a holder: a retry of its request that comes late must not take anything again."""
    return key | encode(
        {
            "status": GONE,
            "fingerprint": fingerprint,
            "life": life,
            "unfinished": None if finished else True,
            TTL_ATTRIBUTE: now + TOMBSTONE_SECONDS,
        }
    )


@decoder
def decode_tombstone(item: Mapping[str, Any]) -> Tombstone:
    """The tombstone of any holder."""
    return Tombstone(
        text(item, "fingerprint"), binary_or_none(item, "life"), finished=not flag(item, "unfinished")
    )


def is_tombstone(item: Mapping[str, Any]) -> bool:
    """Whether the holder is gone."""
    return item.get("status") == GONE


def has_expired(item: Mapping[str, Any], now: int) -> bool:
    """Whether an item counts as absent from ``now`` on, though it is still there."""
    until = item.get(TTL_ATTRIBUTE)
    return until is not None and until <= now


def free_at(now: int) -> dict[str, AttributeValue]:
    """The value that ``IS_FREE`` compares with."""
    return {":now": encode_value(now)}
