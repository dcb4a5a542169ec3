"""Encodes an event as an item of the history table, and decodes it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import Item, encode
from gpu_capacity.dynamodb.decoding import decoder, text
from gpu_capacity.dynamodb.tombstones import TTL_ATTRIBUTE
from gpu_capacity.history.event import cloud_event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.history.event import Event


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as it is kept: its place in the holder's history, whose it is, and the CloudEvent."""

    id: str
    organization_id: str
    project_id: str
    event: dict[str, Any]


def place_of(event: Event) -> str:
    """Where an event stands in the history of its holder: by time, then in the order of its record."""
    return f"{event.at:012}#{event.sequence}#{event.facts.life}"


def key_of(event: Event) -> keys.Key:
    """The key of an event: the same whoever makes it, and how often."""
    facts = event.facts
    return keys.event(facts.kind, facts.organization_id, facts.id, place_of(event))


def encode_event(event: Event, kept_seconds: int) -> Item:
    """An event as an item, which expires."""
    return key_of(event) | encode(
        {
            "organization": event.facts.organization_id,
            "project": event.facts.project_id,
            "event": json.dumps(cloud_event(event), ensure_ascii=False, separators=(",", ":")),
            TTL_ATTRIBUTE: event.at + kept_seconds,
        }
    )


@decoder
def decode_entry(item: Mapping[str, Any]) -> Entry:
    """The entry of an item."""
    event = json.loads(text(item, "event"))
    if not isinstance(event, dict) or not isinstance(event.get("data"), dict):
        raise TypeError("not an event")
    return Entry(
        item["sk"].removeprefix(keys.EVENT_PREFIX), text(item, "organization"), text(item, "project"), event
    )
