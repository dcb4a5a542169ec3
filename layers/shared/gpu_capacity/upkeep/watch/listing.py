"""What providers list, read page by page within a budget of calls."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from gpu_capacity.errors import ProviderUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Protocol

    from gpu_capacity.deadline import Deadline
    from gpu_capacity.holders.roles import HasDeadline, HasProvider, HasTelemetry, HasVmProvider
    from gpu_capacity.providers.port import Hold, Page, Server, VmServer

    class Needs(HasDeadline, HasProvider, HasTelemetry, HasVmProvider, Protocol):
        """What the functions of this module work with."""


CALLS_MAX: Final = 600
"""Calls of providers in one run."""

SECONDS_KEPT: Final = 15.0
"""The part of an invocation in which nothing more is begun: one holder may take some calls."""

Entry = TypeVar("Entry")


@dataclass(slots=True)
class Budget:
    """How much a run may still do."""

    deadline: Deadline
    calls: int = CALLS_MAX

    @property
    def is_spent(self) -> bool:
        """Whether nothing more may be begun."""
        return self.calls <= 0 or self.deadline.remaining_seconds() < SECONDS_KEPT

    def spend(self, calls: int = 1) -> None:
        """Count calls that are about to be made."""
        self.calls -= calls


@dataclass(frozen=True, slots=True)
class Listed:
    """Everything that providers list, by owner. Not of one moment: pages are read one after the other."""

    holds: Mapping[str, list[Hold]] = field(default_factory=dict)
    servers: Mapping[str, list[Server]] = field(default_factory=dict)
    vm_servers: Mapping[str, list[VmServer]] = field(default_factory=dict)


def listed(services: Needs, budget: Budget) -> Listed | None:
    """All lists; None if one of them could not be read to its end.

    Then the watch asks about each holder by itself.
    """
    hosts, vms = services.provider, services.vm_provider
    try:
        return Listed(
            _by(_all(hosts.every_hold, budget), lambda hold: hold.holder_id),
            _by(_all(hosts.every_server, budget), lambda server: server.owner),
            _by(_all(vms.every_server, budget), lambda server: server.owner),
        )
    except (ProviderUnavailable, _Spent) as error:
        services.telemetry.warning("providers not listed", reason=str(error) or "the budget was spent")
        return None


class _Spent(Exception):
    """The budget does not suffice for a list."""


def _all(list_page: Callable[[str | None], Page[Entry]], budget: Budget) -> Iterator[Entry]:
    after: str | None = None
    while True:
        if budget.is_spent:
            raise _Spent
        budget.spend()
        page = list_page(after)
        yield from page.entries
        after = page.after
        if after is None:
            return


def _by(entries: Iterator[Entry], owner: Callable[[Entry], str]) -> dict[str, list[Entry]]:
    found: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        found[owner(entry)].append(entry)
    return dict(found)
