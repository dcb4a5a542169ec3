"""Stores which holder a recent request created, to recognize a repeated request without an idempotency key.

An item in the organization's partition, under a digest of the caller and the request, names the holder. It is
written in the transaction that creates the holder, and expires.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode, encode_value
from gpu_capacity.dynamodb.decoding import decoder, text
from gpu_capacity.dynamodb.tombstones import IS_FREE, TTL_ATTRIBUTE, free_at
from gpu_capacity.dynamodb.writes import Put

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.dynamodb.database import Database

REPEAT: Final = "repeat"


@dataclass(frozen=True, slots=True)
class RecentRequest:
    """A request, identified by a digest of its caller and its contents.

    ``holder`` is the id of the holder that an equal request created within the configured time; ``None`` if
    there was no such request. The holder may be gone since.
    """

    organization_id: str
    digest: str
    holder: str | None


class RepeatStore:
    """Reads and writes recent requests in the holders table."""

    def __init__(self, database: Database, holders_table: str) -> None:
        self._database = database
        self._table = holders_table

    def look(self, organization_id: str, digest: str) -> RecentRequest:
        """Look up a recent request with this digest, strongly consistent."""
        item = self._database.get(self._table, keys.recent_request(organization_id, digest))
        return RecentRequest(organization_id, digest, None if item is None else decode_recent(item))

    def write(self, recent: RecentRequest, holder_id: str, now: int, seconds: int) -> Put:
        """The write that names the holder of this request.

        Condition: no equal request was recorded since ``recent`` was looked up.

        Args:
            recent: the result of ``look``.
            holder_id: the holder that the request creates.
            now: seconds since the epoch.
            seconds: how long repeated requests are recognized.
        """
        demand, values = IS_FREE, free_at(now)
        if recent.holder is not None:
            demand += " OR holder = :seen"
            values |= {":seen": encode_value(recent.holder)}
        item = keys.recent_request(recent.organization_id, recent.digest) | encode(
            {"holder": holder_id, TTL_ATTRIBUTE: now + seconds}
        )
        return Put(REPEAT, self._table, item, demand, {}, values)


@decoder
def decode_recent(item: Mapping[str, Any]) -> str:
    """Decode the id of the holder that a request created."""
    return text(item, "holder")
