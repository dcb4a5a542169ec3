"""Encodes meters and spans as items of the history table, and decodes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import Item, encode
from gpu_capacity.dynamodb.decoding import decoder, json_list, second, text, text_or_none, whole
from gpu_capacity.dynamodb.tombstones import TTL_ATTRIBUTE
from gpu_capacity.usage.held import Amount, Holder, Kind, Line
from gpu_capacity.usage.meter import Meter, Span

if TYPE_CHECKING:
    from collections.abc import Mapping


def encode_meter(meter: Meter, expires_at: int | None) -> Item:
    """A meter as an item; one that has run out expires."""
    holder = meter.holder
    return keys.meter(holder.organization_id, holder.kind, holder.id, holder.life) | encode(
        {
            **_holder(holder),
            "revision": meter.revision,
            "running": json.dumps(
                [[*_line(line), a.gpus, a.used, since] for line, (a, since) in sorted(meter.running.items())]
            ),
            TTL_ATTRIBUTE: expires_at,
        }
    )


@decoder
def decode_meter(item: Mapping[str, Any]) -> Meter:
    """The meter of an item."""
    running = {
        Line(*map(str, row[:3])): (Amount(int(row[3]), int(row[4])), int(row[5]))
        for row in json_list(item, "running")
    }
    return Meter(_holder_of(item), whole(item, "revision"), running)


def encode_span(span: Span, revision: int, expires_at: int) -> Item:
    """A span as an item. Its key is the same whoever writes it, and how often."""
    holder, line = span.holder, span.line
    place = f"{holder.kind}#{holder.id}#{holder.life}#{revision:012}#{json.dumps(_line(line))}"
    return keys.span(holder.organization_id, span.until, place) | encode(
        {
            **_holder(holder),
            "line": json.dumps(_line(line)),
            "gpus": span.amount.gpus,
            "used": span.amount.used,
            "since": span.since,
            "until": span.until,
            TTL_ATTRIBUTE: expires_at,
        }
    )


@decoder
def decode_span(item: Mapping[str, Any]) -> Span:
    """The span of an item."""
    line = Line(*map(str, json_list(item, "line")))
    amount = Amount(whole(item, "gpus"), whole(item, "used"))
    return Span(_holder_of(item), line, amount, second(item, "since"), second(item, "until"))


def _line(line: Line) -> list[str]:
    return [line.region_id, line.accelerator, line.terms]


def _holder(holder: Holder) -> dict[str, Any]:
    return {
        "organization": holder.organization_id,
        "kind": holder.kind.value,
        "holder": holder.id,
        "life": holder.life,
        "project": holder.project_id or None,
        "name": holder.name or None,
    }


def _holder_of(item: Mapping[str, Any]) -> Holder:
    return Holder(
        text(item, "organization"),
        Kind(text(item, "kind")),
        text(item, "holder"),
        text(item, "life"),
        text_or_none(item, "project") or "",
        text_or_none(item, "name") or "",
    )
