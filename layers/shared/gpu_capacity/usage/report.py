"""The usage of organizations, day by day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.usage.meter import DayOfUsage, by_day

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Protocol

    from gpu_capacity.holders.roles import HasClock
    from gpu_capacity.holders.windows import Window
    from gpu_capacity.usage.store import UsageStore

    class Needs(HasClock, Protocol):
        """What the functions of this module work with."""

        @property
        def usage(self) -> UsageStore:
            """Meters and spans."""


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days of UTC: the first second, and the first one after it."""

    since: int
    until: int


def usage_of(
    services: Needs,
    organizations: Iterable[str],
    may_see: Callable[[DayOfUsage], bool],
    period: Period,
    window: Window,
) -> list[DayOfUsage]:
    """The days of usage that the caller may see, by day, holder and line. What still runs counts until now.

    Args:
        services: collaborators.
        organizations: whose usage.
        may_see: whether the caller may see a day.
        period: which days.
        window: which part of the list.
    """
    until = min(period.until, services.clock.now())
    found = [
        day
        for organization_id in organizations
        for day in by_day(services.usage.spans(organization_id, period.since, until), period.since, until)
        if may_see(day) and (window.after is None or (day.id, day.organization_id) > window.after)
    ]
    found.sort(key=lambda day: (day.id, day.organization_id))
    return found[: window.limit]
