"""Reads what the stream of the holders table says of one change."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.capacity_claims.items import decode_claim
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import decode
from gpu_capacity.dynamodb.tombstones import is_tombstone
from gpu_capacity.errors import UnreadableItem
from gpu_capacity.history.changes import events_between
from gpu_capacity.history.event import Event, Facts, Kind, Word
from gpu_capacity.history.records import facts_of
from gpu_capacity.holders.quota_store import decode_quota
from gpu_capacity.placements.items import decode_placement
from gpu_capacity.reservations.items import decode_reservation
from gpu_capacity.vms.items import decode_vm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gpu_capacity.history.records import Record
    from gpu_capacity.holders.quota import Quota

    Image = dict[str, Any]

_DECODERS: Final[dict[str, Callable[[Mapping[str, Any]], Record]]] = {
    keys.RESERVATION_PREFIX: decode_reservation,
    keys.PLACEMENT_PREFIX: decode_placement,
    keys.CLAIM_PREFIX: decode_claim,
    keys.VM_PREFIX: decode_vm,
}

PREFIXES: Final = (*_DECODERS, keys.QUOTA_PREFIX)
"""The sort keys of the items whose changes are told. The template filters the stream by them."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a holder: its record before and after, None where there is none.

    ``at`` is when the database made it, in seconds since the epoch: one clock for all holders, which follows
    the order of the writes of an item.
    """

    at: int
    before: Record | None
    after: Record | None

    @property
    def events(self) -> list[Event]:
        """What happened, in the order in which it is told."""
        before, after = self.before, self.after
        return events_between(
            None if before is None else facts_of(before), None if after is None else facts_of(after), self.at
        )


def key_of(entry: Mapping[str, Any]) -> tuple[str, str]:
    """The key of the item that changed. Its changes are told in their order."""
    changed = entry["dynamodb"]["Keys"]
    return changed["pk"]["S"], changed["sk"]["S"]


def change_of(entry: Mapping[str, Any]) -> Change | None:
    """The change of a holder in an entry of the stream; None if it is of something else.

    Raises:
        UnreadableItem: the record cannot be decoded.
    """
    prefix = _prefix(entry)
    if prefix not in _DECODERS:
        return None
    before, after = _images(entry)
    return Change(_at(entry), _record(prefix, before), _record(prefix, after))


def events_of(entry: Mapping[str, Any]) -> list[Event]:
    """The events of an entry of the stream, in the order in which they are told.

    Raises:
        UnreadableItem: the item cannot be decoded.
    """
    if _prefix(entry) == keys.QUOTA_PREFIX:
        return _of_quota(entry)
    change = change_of(entry)
    return [] if change is None else change.events


def _of_quota(entry: Mapping[str, Any]) -> list[Event]:
    """The event of a new limit. What is used of a quota changes with every holder, and is not told."""
    before, after = (None if image is None else decode_quota(image) for image in _images(entry))
    limit, limit_before = _limit(after), _limit(before)
    quota = after or before
    if quota is None or limit == limit_before:
        return []
    facts = Facts(
        kind=Kind.QUOTA,
        id=quota.subject,
        organization_id=quota.organization_id,
        life="quota",
        revision=int(entry["dynamodb"]["SequenceNumber"]),
        status="limited" if limit is not None else "unlimited",
        more=(("limit", limit), ("limitBefore", limit_before)),
    )
    return [Event(Word.CHANGED, facts, _at(entry))]


def _limit(quota: Quota | None) -> int | None:
    return None if quota is None else quota.limit


def _prefix(entry: Mapping[str, Any]) -> str:
    """The part of the sort key that says what it is of."""
    return key_of(entry)[1].partition("#")[0] + "#"


def _at(entry: Mapping[str, Any]) -> int:
    return int(entry["dynamodb"]["ApproximateCreationDateTime"])


def _images(entry: Mapping[str, Any]) -> tuple[Image | None, Image | None]:
    """The item before and after, decoded; None where there was none, or a tombstone."""
    try:
        return _image(entry, "OldImage"), _image(entry, "NewImage")
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise UnreadableItem(*key_of(entry)) from error


def _image(entry: Mapping[str, Any], name: str) -> Image | None:
    typed = entry["dynamodb"].get(name)
    if not typed:
        return None
    item = decode({attribute: _with_bytes(value) for attribute, value in typed.items()})
    return None if is_tombstone(item) else item


def _with_bytes(value: dict[str, Any]) -> dict[str, Any]:
    """A typed value with bytes where the stream has base64."""
    ((tag, raw),) = value.items()
    match tag:
        case "B":
            return {"B": raw if isinstance(raw, bytes) else b64decode(raw)}
        case "M":
            return {"M": {name: _with_bytes(part) for name, part in raw.items()}}
        case "L":
            return {"L": [_with_bytes(part) for part in raw]}
    return value


def _record(prefix: str, image: Image | None) -> Record | None:
    return None if image is None else _DECODERS[prefix](image)
