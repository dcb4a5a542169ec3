"""Recognizes equal requests without an idempotency key within a configured time as repeated.

Clients that send no key repeat a ``POST`` within half a minute if its response got lost. Two equal requests
may also be meant as two. Nothing in the requests shows which, so this is off unless an operator configures a
time.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic

from gpu_capacity.holders.store import H

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.dynamodb.tombstones import Tombstone
    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.holders.repeat_store import RecentRequest
    from gpu_capacity.holders.roles import HasClock, HasLimits, HasRepeats

    class Needs(HasClock, HasLimits, HasRepeats, Protocol):
        """What the functions of this module work with."""


@dataclass(frozen=True, slots=True)
class EarlierTry(Generic[H]):
    """What earlier tries of a request have made.

    ``identity`` is the id for a new holder. ``earlier`` is the holder that an earlier try made, or what a new
    one may replace. ``recent`` is the entry by which equal requests without a key find each other; ``None``
    if they are not recognized.
    """

    identity: str
    earlier: H | Tombstone | None
    recent: RecentRequest | None


def recent_request(
    services: Needs, organization_id: str, subject: str, kind: str, fingerprint: str
) -> RecentRequest | None:
    """Look up an equal recent request of the same caller; ``None`` if repeats are not recognized at all."""
    if not services.limits.repeat_seconds:
        return None
    words = json.dumps([subject, kind, fingerprint])
    return services.repeats.look(organization_id, hashlib.sha256(words.encode()).hexdigest()[:32])


def remembered(services: Needs, recent: RecentRequest | None, holder_id: str) -> list[Action]:
    """The actions to write with a new holder, so that an equal request finds the holder."""
    if recent is None:
        return []
    return [services.repeats.write(recent, holder_id, services.clock.now(), services.limits.repeat_seconds)]
