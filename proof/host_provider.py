"""The provider of hosts and of servers on them, with faults, and with hosts and boots in trouble."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.errors import CapacityError, ProviderUnavailable
from gpu_capacity.providers.port import (
    ActionOutcome,
    DeployOutcome,
    HoldOutcome,
    HoldState,
    Page,
    ServerState,
)
from proof.faults import Fault, Killed, Kind, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gpu_capacity.providers.port import (
        Fitness,
        Hold,
        HostProvider,
        MaintenanceOutcome,
        PowerAction,
        Server,
        ServerOrder,
    )
    from proof.surroundings import Platform

_PROVIDER: Final = (Kind.PARTLY_DONE,)
TROUBLE_SECONDS_MAX: Final = 400
"""Longer than the timeout of provisioning, so that some of it fails."""

_TROUBLES: Final = ("hangs", "fails", "stays")
_SERVER_IN: Final[dict[str, Any]] = {
    "hangs": {"state": ServerState.BUILDING},
    "fails": {"state": ServerState.FAILED, "message": "in trouble"},
}
_HOLD_IN: Final[dict[str, Any]] = {
    "hangs": {"state": HoldState.PREPARING},
    "fails": {"state": HoldState.UNFIT, "message": "in trouble"},
}
BROKEN_IMAGE: Final = "d5c7154a-b317-4870-b087-1598920dead0"
"""No server boots it."""

_LATE_MS: Final = (500, 5_000, 20_000, 90_000, 200_000)
"""How late a request may reach the provider, in milliseconds."""


def boot_of(owner: str, host_id: str, generation: int) -> str:
    """The name of a boot of an image on a server of a placement."""
    return f"{owner} {host_id} {generation}"


class Troubled:
    """A provider with partial failures, and servers in trouble.

    A server in trouble ``hangs`` while it starts, ``fails``, or ``stays`` after a request to remove it.
    """

    def __init__(self, cloud: Platform) -> None:
        self._platform = cloud
        self._clock = cloud.clock
        self._turns = cloud.turns
        self._fault_source = cloud.fault_source
        self._troubles = cloud.troubles

    def _perhaps_stuck(self, where: str) -> None:
        if self._fault_source.chance(self._fault_source.share / 2):
            self._fault_source.count(Kind.STUCK)
            trouble = _TROUBLES[self._fault_source.draw.randrange(len(_TROUBLES))]
            seconds = self._fault_source.draw.randrange(10, TROUBLE_SECONDS_MAX)
            self._troubles[where] = (trouble, self._clock.now() + seconds)

    def _trouble(self, where: str) -> str:
        trouble, until = self._troubles.get(where, ("", 0))
        return trouble if self._clock.now() < until else ""

    def _perhaps_half_way(self) -> None:
        if fault := self._strike():
            self._fault_source.count(fault.kind, self._work())
            raise ProviderUnavailable("done, and the answer is lost")

    def _perhaps_late(self, run: Callable[[], object]) -> None:
        """The request may arrive long after it was sent, perhaps without an answer for the sender."""
        if self._platform.repeats_ms:
            self._arrives_late(run, self._platform.repeats_ms)
        if not self._fault_source.chance(self._fault_source.share / 4):
            return
        draw = self._fault_source.draw
        self._fault_source.count(Kind.LATE, self._work())
        self._arrives_late(run, draw.choice(_LATE_MS))
        if draw.random() < 1 / 2:
            raise ProviderUnavailable("no answer yet")

    def _arrives_late(self, run: Callable[[], object], after_ms: int) -> None:
        def arrive() -> None:
            with suppress(CapacityError, Killed):
                run()

        self._turns.spawn("late request", arrive, after_ms).operation = self._work()

    def _strike(self) -> Fault | None:
        return self._fault_source.strike(_PROVIDER, self._work())

    def _work(self) -> Work | None:
        actor = self._turns.current
        work: Work | None = actor.operation if actor else None
        return work


class Provider(Troubled):
    """The simulated region, with partial failures, and hosts and servers in trouble."""

    def __init__(self, region: HostProvider, cloud: Platform) -> None:
        super().__init__(cloud)
        self._region = region
        self._held = cloud.held
        self._boots = cloud.boots

    def hold(self, holder_id: str, region_id: str, host_ids: Sequence[str]) -> Mapping[str, HoldOutcome]:
        outcomes: dict[str, HoldOutcome] = {}
        for host_id in host_ids:
            self._perhaps_late(partial(self._region.hold, holder_id, region_id, [host_id]))
            outcomes |= self._region.hold(holder_id, region_id, [host_id])
            if outcomes[host_id] is HoldOutcome.HELD and (holder_id, host_id) not in self._held:
                self._held.add((holder_id, host_id))
                self._perhaps_stuck(host_id)
            self._perhaps_half_way()
        return outcomes

    def fence(self, holder_id: str) -> None:
        self._region.fence(holder_id)
        self._perhaps_half_way()

    def release(self, holder_id: str, host_ids: Sequence[str]) -> None:
        going = [host_id for host_id in host_ids if self._trouble(host_id) != "stays"]
        if len(going) > 1 and (fault := self._strike()):
            self._region.release(holder_id, going[: len(going) // 2])
            self._fault_source.count(fault.kind, self._work())
            raise ProviderUnavailable("half of it is done")
        self._region.release(holder_id, going)

    def held(self, holder_id: str) -> Sequence[Hold]:
        return [self._seen(hold) for hold in self._region.held(holder_id)]

    def held_on(self, host_ids: Sequence[str]) -> Sequence[Hold]:
        return [self._seen(hold) for hold in self._region.held_on(host_ids)]

    def every_hold(self, after: str | None = None) -> Page[Hold]:
        page = self._region.every_hold(after)
        return Page(tuple(self._seen(hold) for hold in page.entries), page.after)

    def fitness(self, host_ids: Sequence[str]) -> Mapping[str, Fitness]:
        return self._region.fitness(host_ids)

    def maintain(
        self, maintenance: str, host_ids: Sequence[str], reason: str
    ) -> Mapping[str, MaintenanceOutcome]:
        self._perhaps_late(partial(self._region.maintain, maintenance, host_ids, reason))
        outcomes = self._region.maintain(maintenance, host_ids, reason)
        self._perhaps_half_way()
        return outcomes

    def end_maintenance(self, maintenance: str, host_ids: Sequence[str]) -> None:
        self._region.end_maintenance(maintenance, host_ids)
        self._perhaps_half_way()

    def maintained(self, host_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        return self._region.maintained(host_ids)

    def deploy(self, orders: Sequence[ServerOrder]) -> Mapping[str, DeployOutcome]:
        outcomes: dict[str, DeployOutcome] = {}
        for order in orders:
            self._will_boot(order.owner, order.host_id, order.generation)
            self._perhaps_late(partial(self._region.deploy, [order]))
            outcomes |= self._region.deploy([order])
            self._perhaps_half_way()
        return outcomes

    def undeploy(self, owner: str, host_ids: Sequence[str]) -> None:
        for host_id in host_ids:
            if self._trouble(boot_of(owner, host_id, self._boots.get((owner, host_id), 0))) != "stays":
                self._region.undeploy(owner, [host_id])
            self._perhaps_half_way()

    def power(self, owner: str, host_id: str, action: PowerAction) -> ActionOutcome:
        self._perhaps_late(partial(self._region.power, owner, host_id, action))
        outcome = self._region.power(owner, host_id, action)
        self._perhaps_half_way()
        return outcome

    def rebuild(self, owner: str, host_id: str, image_id: str, generation: int) -> ActionOutcome:
        self._will_boot(owner, host_id, generation)
        self._perhaps_late(partial(self._region.rebuild, owner, host_id, image_id, generation))
        outcome = self._region.rebuild(owner, host_id, image_id, generation)
        self._perhaps_half_way()
        return outcome

    def servers(self, owner: str) -> Sequence[Server]:
        return [self._seen_server(server) for server in self._region.servers(owner)]

    def servers_by_owner(self, owners: Sequence[str]) -> Mapping[str, Sequence[Server]]:
        return {owner: self.servers(owner) for owner in owners}

    def servers_on(self, host_ids: Sequence[str]) -> Sequence[Server]:
        return [self._seen_server(server) for server in self._region.servers_on(host_ids)]

    def every_server(self, after: str | None = None) -> Page[Server]:
        page = self._region.every_server(after)
        return Page(tuple(self._seen_server(server) for server in page.entries), page.after)

    def _will_boot(self, owner: str, host_id: str, generation: int) -> None:
        """Each boot may be in trouble, from before the provider hears of it."""
        if generation > self._boots.get((owner, host_id), 0):
            self._boots[owner, host_id] = generation
            self._perhaps_stuck(boot_of(owner, host_id, generation))

    def _seen_server(self, server: Server) -> Server:
        boot = boot_of(server.owner, server.host_id, server.generation)
        trouble = self._trouble(boot) if server.state is ServerState.RUNNING else ""
        return replace(server, **_SERVER_IN.get(trouble, {}))

    def _seen(self, hold: Hold) -> Hold:
        trouble = self._trouble(hold.host_id) if hold.state is HoldState.HELD else ""
        return replace(hold, **_HOLD_IN.get(trouble, {}))
