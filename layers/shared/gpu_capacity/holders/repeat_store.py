"""What tells a repeated request that came without an idempotency key: which holder the same one just made.

An item of the organization, under a digest of the caller and the request, names the holder; it is written in
the transaction of the holder's record and ends by itself.
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
    """A request as it is told from others.

    ``holder`` is the id of what an equal one made within the time set, ``None`` where there was none: it may
    be gone since.
    """

    organization_id: str
    digest: str
    holder: str | None


class RepeatStore:
    """The holders table, as far as recent requests go."""

    def __init__(self, database: Database, holders_table: str) -> None:
        self._database = database
        self._table = holders_table

    def look(self, organization_id: str, digest: str) -> RecentRequest:
        """What an equal request has made, strongly consistent."""
        item = self._database.get(self._table, keys.recent_request(organization_id, digest))
        return RecentRequest(organization_id, digest, None if item is None else decode_recent(item))

    def write(self, recent: RecentRequest, holder_id: str, now: int, seconds: int) -> Put:
        """Name what this request makes, if nobody else has since it was looked at."""
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
    """The id of the holder that a request has made."""
    return text(item, "holder")
