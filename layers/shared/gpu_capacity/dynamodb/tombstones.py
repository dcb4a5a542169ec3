"""Tombstones of deleted holders, and items that expire.

DynamoDB may delete an item as late as some days after the time in its ``TTL_ATTRIBUTE``, and returns it until
then. So reads ignore items that have expired, and a write that requires a free key uses the condition
``IS_FREE``.
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
"""Seconds since the epoch. The template names it as the tables' time to live. A live record must not have
it."""

TOMBSTONE_SECONDS: Final = 24 * 3600
"""How long an id cannot be used again after its holder is gone. Clients repeat requests for minutes."""

GONE: Final = "gone"
"""The status of a tombstone. No holder has it."""

IS_FREE: Final = f"attribute_not_exists(pk) OR {TTL_ATTRIBUTE} <= :now"
"""The condition that nothing is under the key, or only an item that has expired."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The remains of a holder that is gone. No late write can create its ``life`` again.

    If the holder's id identifies a request, ``fingerprint`` lets the service recognize a retry. If
    ``finished`` is false, the holder was never accepted, and a retry may create it by replacing the tombstone
    of exactly this ``life``.
    """

    fingerprint: str
    life: bytes | None = None
    finished: bool = True


def encode_tombstone(
    key: Key, fingerprint: str, now: int, life: bytes | None = None, *, finished: bool = True
) -> Item:
    """The item that replaces a holder's record, so that a late retry does not take capacity again.

    ``now`` is in seconds since the epoch.
    """
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
    """Decode the tombstone of any kind of holder."""
    return Tombstone(
        text(item, "fingerprint"), binary_or_none(item, "life"), finished=not flag(item, "unfinished")
    )


def is_tombstone(item: Mapping[str, Any]) -> bool:
    """Whether an item is a tombstone."""
    return item.get("status") == GONE


def has_expired(item: Mapping[str, Any], now: int) -> bool:
    """Whether an item has expired, so that it counts as absent although DynamoDB still has it."""
    until = item.get(TTL_ATTRIBUTE)
    return until is not None and until <= now


def free_at(now: int) -> dict[str, AttributeValue]:
    """The expression value that ``IS_FREE`` needs. ``now`` is in seconds since the epoch."""
    return {":now": encode_value(now)}
