"""Refuses who sends too many requests in a minute. Fixed windows: a minute begins when the clock's does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import RateLimited

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.roles import HasClock, HasTelemetry
    from gpu_capacity.http.request_counts import Caller, Kind, RequestCounts

    class HasRequests(Protocol):
        """Requests of the minute."""

        @property
        def requests(self) -> RequestCounts:
            """How many there were."""

    class Needs(HasClock, HasRequests, HasTelemetry, Protocol):
        """What the functions of this module work with."""


WINDOW_SECONDS: Final = 60


def admit(services: Needs, caller: Caller, kind: Kind, limit: int) -> None:
    """Count one request.

    Args:
        services: with the counts.
        caller: who is counted: an organization, alone or with its subject, or an address.
        kind: reads and writes have limits of their own.
        limit: how many a minute; 0 for any number.

    Raises:
        RateLimited: the minute's requests are used up; with the seconds that are left of it.
    """
    if limit == 0:
        return
    minute, elapsed = divmod(services.clock.now(), WINDOW_SECONDS)
    if not services.requests.admit(caller, kind, minute, limit):
        services.telemetry.count("RequestsRateLimited")
        raise RateLimited(WINDOW_SECONDS - elapsed)
