"""Refuses callers that send too many requests in a minute. Windows are fixed: the minutes of the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import RateLimited

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.roles import HasClock, HasTelemetry
    from gpu_capacity.http.request_counts import Kind, Limits, RequestCounts

    class HasRequests(Protocol):
        """The counts of requests."""

        @property
        def requests(self) -> RequestCounts:
            """The admitted requests of the current minute."""

    class Needs(HasClock, HasRequests, HasTelemetry, Protocol):
        """What the functions of this module work with."""


WINDOW_SECONDS: Final = 60


def admit(services: Needs, kind: Kind, limits: Limits) -> None:
    """Count a request under all keys, or refuse it and count it under none.

    Args:
        services: collaborators.
        kind: reads and writes are counted separately.
        limits: the keys that the request counts under, each with its requests a minute; 0 for no limit.

    Raises:
        RateLimited: a key has no requests left in this minute; with the seconds until the next one.
    """
    limits = {key: limit for key, limit in limits.items() if limit}
    minute, elapsed = divmod(services.clock.now(), WINDOW_SECONDS)
    if not services.requests.admit(kind, minute, limits):
        services.telemetry.count("RequestsRateLimited")
        raise RateLimited(WINDOW_SECONDS - elapsed)
