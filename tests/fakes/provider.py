"""A host provider in memory. It behaves as ``SimulatedBehaviour`` says, and fails when it is told to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.ports import PinOutcome, Server, ServerState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gpu_capacity.adapters.simulated_region import SimulatedBehaviour
    from gpu_capacity.ports import Clock


@dataclass
class _Pinned:
    """A server. Times are seconds since the epoch; ``gone_at`` is set once its deletion has begun."""

    holder_id: str
    ready_at: int
    gone_at: int | None = None


class MemoryProvider:
    """A ``HostProvider`` whose hosts are entries of a dict.

    Attributes:
        down: every call fails while this is set.
        undeletable: hosts whose servers stay in ``deleting`` as long as they stand here.
        calls: the methods that were called, failed calls included.
        behaviour: how the hosts behave from now on.
    """

    def __init__(self, clock: Clock, behaviour: SimulatedBehaviour) -> None:
        self.down = False
        self.undeletable: set[str] = set()
        self.calls: list[str] = []
        self._clock = clock
        self.behaviour = behaviour
        self._hosts: dict[str, _Pinned] = {}
        self._fenced: set[str] = set()
        self._rival: Callable[[], object] | None = None

    def __len__(self) -> int:
        return len(self.live())

    def __contains__(self, host_id: str) -> bool:
        return self._occupant(host_id) is not None

    def before_next_pin(self, rival: Callable[[], object]) -> None:
        """Run this once when the next pin is under way, just before it takes effect."""
        self._rival = rival

    def live(self) -> set[tuple[str, str]]:
        """(holder id, host id) of every server there is, those being deleted included."""
        present = ((host_id, self._occupant(host_id)) for host_id in self._hosts)
        return {(server.holder_id, host_id) for host_id, server in present if server is not None}

    def pin(self, holder_id: str, region_id: str, host_id: str) -> PinOutcome:
        self._answer("pin")
        if self._rival is not None:
            rival, self._rival = self._rival, None
            rival()
        if holder_id in self._fenced:
            return PinOutcome.FENCED
        occupant = self._occupant(host_id)
        if occupant is not None:
            return PinOutcome.PINNED if occupant.holder_id == holder_id else PinOutcome.OCCUPIED
        self._hosts[host_id] = _Pinned(holder_id, self._clock.now() + self.behaviour.ready_seconds)
        return PinOutcome.PINNED

    def fence(self, holder_id: str) -> None:
        self._answer("fence")
        self._fenced.add(holder_id)

    def delete(self, holder_id: str, host_ids: Sequence[str]) -> None:
        self._answer("delete")
        for host_id in host_ids:
            server = self._occupant(host_id)
            if server is not None and server.holder_id == holder_id and server.gone_at is None:
                server.gone_at = self._clock.now() + self.behaviour.delete_seconds

    def servers(self, holder_id: str) -> Sequence[Server]:
        self._answer("servers")
        mine = sorted(host_id for owner, host_id in self.live() if owner == holder_id)
        return [self._observe(holder_id, host_id) for host_id in mine]

    def _observe(self, holder_id: str, host_id: str) -> Server:
        server = self._hosts[host_id]
        if server.gone_at is not None:
            return Server(holder_id, host_id, ServerState.DELETING)
        if self.behaviour.hangs(host_id) or self._clock.now() < server.ready_at:
            return Server(holder_id, host_id, ServerState.STARTING)
        if self.behaviour.fails(host_id):
            return Server(holder_id, host_id, ServerState.FAILED, "simulated hardware fault")
        return Server(holder_id, host_id, ServerState.READY)

    def _occupant(self, host_id: str) -> _Pinned | None:
        """Whose server is on the host; one that was deleted is gone when its time has come."""
        server = self._hosts.get(host_id)
        if server is None or host_id in self.undeletable:
            return server
        gone = server.gone_at is not None and self._clock.now() >= server.gone_at
        return None if gone else server

    def _answer(self, method: str) -> None:
        self.calls.append(method)
        if self.down:
            raise ProviderUnavailable("the provider does not answer")
