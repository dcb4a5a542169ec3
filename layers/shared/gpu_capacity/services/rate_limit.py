"""How many requests an account may send in a minute. Fixed windows: a minute begins when the clock's does.

A window lets at most twice its limit through around its edge, which is what the simplest counter costs; in
return a request takes one conditional write, and no clock but the service's own counts.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import RateLimited

if TYPE_CHECKING:
    from gpu_capacity.services.context import Services

WINDOW_SECONDS: Final = 60


class Kind(StrEnum):
    """What is counted apart from each other."""

    READ = "read"
    WRITE = "write"


def admit(services: Services, caller: tuple[str, ...], kind: Kind) -> None:
    """Count one request.

    Args:
        services: with the limits.
        caller: who is counted: an organization and its subject, or an address.
        kind: reads and writes have limits of their own.

    Raises:
        RateLimited: the minute's requests are used up; with the seconds that are left of it.
        StorageUnavailable: it could not be counted. Then nothing else could be read or written either.
    """
    limits = services.limits
    limit = limits.vm_reads_per_minute if kind is Kind.READ else limits.vm_writes_per_minute
    minute, elapsed = divmod(services.clock.now(), WINDOW_SECONDS)
    if not services.accounts.count_request(caller, kind.value, minute, limit):
        services.telemetry.count("RequestsRateLimited")
        raise RateLimited(WINDOW_SECONDS - elapsed)
