"""Refuses who sends too many requests in a minute. Fixed windows: a minute begins when the clock's does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import RateLimited

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.roles import HasClock, HasTelemetry
    from gpu_capacity.http.request_counts import Kind, Limits, RequestCounts

    class HasRequests(Protocol):
        """Requests of the minute."""

        @property
        def requests(self) -> RequestCounts:
            """How many there were."""

    class Needs(HasClock, HasRequests, HasTelemetry, Protocol):
        """What the functions of this module work with."""


WINDOW_SECONDS: Final = 60


def admit(services: Needs, kind: Kind, limits: Limits) -> None:
    """Count one request, for everybody named or, where it is refused, for nobody.

    Args:
        services: with the counts.
        kind: reads and writes have limits of their own.
        limits: whom the request counts for, each with how many a minute; 0 for any number.

    Raises:
        RateLimited: one of them has used up the minute's requests; with the seconds that are left of it.
    """
    limits = {caller: limit for caller, limit in limits.items() if limit}
    minute, elapsed = divmod(services.clock.now(), WINDOW_SECONDS)
    if not services.requests.admit(kind, minute, limits):
        services.telemetry.count("RequestsRateLimited")
        raise RateLimited(WINDOW_SECONDS - elapsed)
