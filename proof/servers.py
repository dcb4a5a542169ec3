"""Servers as the provider has them: their hardware, when they come up and when they are gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from testkit.items import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from testkit.items import Domain, Item

    Place = tuple[str, str]
    """Owner of the server, and host."""


@dataclass(slots=True)
class _Server:
    """Its place among its holder's domains, and its GPUs; times are seconds, ``gone_at`` if it is known."""

    domains: frozenset[Domain]
    gpus: int
    of_vm: bool
    ready_at: int
    gone_at: int | None

    def lives(self, now: int) -> bool:
        return self.gone_at is None or self.gone_at > now

    def is_up(self, now: int) -> bool:
        return self.ready_at <= now and self.gone_at is None


class Servers:
    """Follows the servers of one run.

    Args:
        now: the true time in seconds.
        in_trouble: whether the server on a host is in trouble now; by its name.
    """

    def __init__(self, now: Callable[[], int], in_trouble: Callable[[str], bool]) -> None:
        self._now = now
        self._in_trouble = in_trouble
        self._servers: dict[Place, _Server] = {}

    def note(self, place: Place, after: Item | None, held: Mapping[Domain, int], *, of_vm: bool) -> bool:
        """Note a write of a server whose holder has these domains; true if the server is new."""
        if after is None:
            self._servers.pop(place, None)
            return False
        gone_at = int(after["gone_at"]["N"]) if "gone_at" in after else None
        if (known := self._servers.get(place)) is not None:
            known.gone_at = gone_at
            return False
        ready_at = int(after["ready_at"]["N"]) if "ready_at" in after else 0
        gpus = int(after["gpus"]["N"]) if of_vm else WHOLE
        self._servers[place] = _Server(frozenset(held), gpus, of_vm, ready_at, gone_at)
        return True

    def living(self) -> list[Place]:
        """Every server that has not gone by now."""
        now = self._now()
        return [place for place, server in self._servers.items() if server.lives(now)]

    def count_up(self, owner: str) -> int:
        """How many servers of an owner are up, and not in trouble."""
        now = self._now()
        return sum(
            whose == owner and server.is_up(now) and not self._in_trouble(host)
            for (whose, host), server in self._servers.items()
        )

    def left_on(self, domain: Domain, mask: int, *, shared: bool) -> Iterator[Place]:
        """Servers that are still on GPUs when these become free.

        Except those of VMs that are leaving a node that other VMs use (``shared``): the next owner is a VM,
        and VMs wait for each other's GPUs. Hardware that any kind of holder may take has to be empty.
        """
        now = self._now()
        for place, server in self._servers.items():
            concerned = domain in server.domains and server.gpus & mask and server.lives(now)
            if concerned and not (shared and server.of_vm):
                yield place
