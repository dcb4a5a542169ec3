"""Reads and writes meters and spans. A meter is written with the spans that it ends, all or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode, encode_value
from gpu_capacity.dynamodb.database import Committed, Database, Refused
from gpu_capacity.dynamodb.tombstones import TTL_ATTRIBUTE
from gpu_capacity.dynamodb.writes import ACTIONS_MAX, Put
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.usage.items import decode_meter, decode_span, encode_meter, encode_span
from gpu_capacity.usage.meter import DAY_SECONDS, Meter, Span, not_ended

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gpu_capacity.usage.held import Holder

RUN_OUT_SECONDS: Final = 7 * DAY_SECONDS
"""How long a meter that has run out is kept, so that a repeated change finds it. Streams repeat for a day."""

_SENDS_MAX: Final = 12


class UsageStore:
    """Meters and spans in the history table.

    Args:
        database: the database to use.
        table: the name of the table.
        kept_seconds: how long a span is kept after it has ended.
    """

    def __init__(self, database: Database, table: str, kept_seconds: int) -> None:
        self._database = database
        self._table = table
        self._kept_seconds = kept_seconds

    def meter(self, holder: Holder) -> Meter | None:
        """The meter of a holder; None if it has none."""
        key = keys.meter(holder.organization_id, holder.kind, holder.id, holder.life)
        item = self._database.get(self._table, key)
        return None if item is None else decode_meter(item)

    def turn(self, before: Meter | None, after: Meter, ended: Sequence[Span], at: int) -> bool:
        """Replace a meter, with the spans that its change ends. False if another one was faster.

        Raises:
            StorageUnavailable: it is not known whether it was written. The meter, read again, says so.
        """
        run_out = None if after.running else at + RUN_OUT_SECONDS
        condition, values = "attribute_not_exists(pk)", {}
        if before is not None:
            condition, values = "revision = :revision", {":revision": encode_value(before.revision)}
        meter = Put("meter", self._table, encode_meter(after, run_out), condition, {}, values)
        spans = [
            Put(f"span:{n}", self._table, encode_span(span, after.revision, span.until + self._kept_seconds))
            for n, span in enumerate(ended)
        ]
        known = [] if before is not None else [self._organization(after.holder.organization_id)]
        actions = [meter, *spans, *known]
        if len(actions) > ACTIONS_MAX:
            raise ValueError("a holder has more lines than a transaction takes")
        for attempt in range(_SENDS_MAX):
            outcome = self._database.commit(*actions)
            if isinstance(outcome, Committed):
                return True
            if isinstance(outcome, Refused):
                return False
            self._database.pause(attempt)
        raise StorageUnavailable("rival transactions did not end", outcome_unknown=False)

    def spans(self, organization_id: str, since: int, until: int) -> Iterator[Span]:
        """Spans of an organization that have something between two seconds; running ones end at the last."""
        # Meters first. What ends between the two reads is then in both, and in neither the other way round.
        meters = self._database.query(self._table, keys.meters_partition(organization_id), keys.METER_PREFIX)
        running = [s for meter in self._database.readable(meters, decode_meter) for s in meter.spans(until)]
        items = self._database.query(
            self._table, keys.spans_partition(organization_id), keys.SPAN_PREFIX, first=f"{since:012}"
        )
        ended = [span for span in self._database.readable(items, decode_span) if span.since < until]
        yield from ended
        yield from not_ended(running, ended)

    def organizations(self) -> list[str]:
        """Ids of all organizations that ever held anything, for as long as spans are kept."""
        items = self._database.query(
            self._table, keys.METERED_PARTITION, keys.METERED_PREFIX, consistent=False
        )
        return [item["sk"].removeprefix(keys.METERED_PREFIX) for item in items]

    def _organization(self, organization_id: str) -> Put:
        return Put("organization", self._table, keys.metered(organization_id) | encode({TTL_ATTRIBUTE: None}))
