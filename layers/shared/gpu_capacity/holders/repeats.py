"""Answers an equal request that follows within a set time, and came without a key, with what the first made.

Clients that send no key repeat a ``POST`` whose answer got lost within half a minute. Whether two equal
requests are one wish or two, nobody can tell; so this is off unless an operator sets a time.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.holders.repeat_store import RecentRequest
    from gpu_capacity.holders.roles import HasClock, HasLimits, HasRepeats

    class Needs(HasClock, HasLimits, HasRepeats, Protocol):
        """What the functions of this module work with."""


def recent_request(
    services: Needs, organization_id: str, subject: str, kind: str, fingerprint: str
) -> RecentRequest | None:
    """An equal request of the same caller, and what it has made; ``None`` where none is remembered at all."""
    if not services.limits.repeat_seconds:
        return None
    words = json.dumps([subject, kind, fingerprint])
    return services.repeats.look(organization_id, hashlib.sha256(words.encode()).hexdigest()[:32])


def remembered(services: Needs, recent: RecentRequest | None, holder_id: str) -> list[Action]:
    """What is written with a new holder, so that an equal request finds it."""
    if recent is None:
        return []
    return [services.repeats.write(recent, holder_id, services.clock.now(), services.limits.repeat_seconds)]
