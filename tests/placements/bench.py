"""A placement in a world whose provider does what a test says: nothing boots, fails or goes by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.holders.steps import Step
from gpu_capacity.placements.record import Placement, PlacementStatus
from gpu_capacity.placements.settle import settle_placement
from gpu_capacity.providers.port import (
    ActionOutcome,
    DeployOutcome,
    Fitness,
    Hold,
    HoldOutcome,
    HoldState,
    PowerAction,
    Readiness,
    Server,
    ServerOrder,
    ServerState,
)
from gpu_capacity.reservations.record import Status
from testkit.placements import placement
from testkit.reservations import reservation
from testkit.world import ORGANIZATION, World, pod

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STRANGER = "d20b6a52-4b1e-4f0f-9d3c-5a1de0f4b7a3"
NEW_IMAGE = "ubuntu-26.04"


class ScriptedServers:
    """The servers of a ``HostProvider`` in memory, which stay as they are until a test moves them.

    Attributes:
        held: hosts that are held for a reservation.
        hold_outcome: what comes of holding another one.
        unfit: hosts that are held from now on are never ready, so no server is deployed on them.
        faulty: hosts whose hold is unfit.
        unready: hosts that cannot boot a server now.
        in_maintenance: hosts that are in a maintenance.
        orders: what was deployed, in order.
        rebuilt: ordinals that were rebuilt, in order.
        fit: the readiness of every host.
        down: every call fails while this is set.
        stubborn: servers that are removed stay until they are dropped.
    """

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self.held: set[str] = {h.id for p in world.pods for d in p.domains for h in d.hosts}
        self.hold_outcome = HoldOutcome.HELD
        self.faulty: set[str] = set()
        self.unready: set[str] = set()
        self.in_maintenance: set[str] = set()
        self.unfit = False
        self.orders: list[ServerOrder] = []
        self.rebuilt: list[int] = []
        self.fit = Fitness(Readiness.READY)
        self.down = False
        self.stubborn = False
        self._fenced: set[str] = set()
        self._servers: dict[tuple[str, str], Server] = {}

    # What tests do.

    def move(self, state: ServerState, *ordinals: int, message: str = "") -> None:
        """Put servers into a state; all of them without ordinals."""
        for key, server in self._servers.items():
            if not ordinals or server.ordinal in ordinals:
                self._servers[key] = replace(server, state=state, message=message)

    def boot(self, *ordinals: int) -> None:
        """Let servers that are on their way come up; all of them without ordinals."""
        for key, server in self._servers.items():
            moving = server.state in {ServerState.QUEUED, ServerState.BUILDING, ServerState.REBUILDING}
            if moving and (not ordinals or server.ordinal in ordinals):
                self._servers[key] = replace(server, state=ServerState.RUNNING)

    def know(self, ordinal: int, **facts: str) -> None:
        """Let the provider know something of a server."""
        for key, server in self._servers.items():
            if server.ordinal == ordinal:
                self._servers[key] = replace(server, **facts)  # type: ignore[arg-type]

    def drop(self) -> None:
        """Let servers that are being removed go."""
        self._servers = {k: s for k, s in self._servers.items() if s.state is not ServerState.DELETING}

    # The port.

    def fence(self, owner: str) -> None:
        self._answer()
        self._fenced.add(owner)

    def hold(self, holder_id: str, region_id: str, host_ids: Sequence[str]) -> Mapping[str, HoldOutcome]:
        self._answer()
        if self.hold_outcome is HoldOutcome.HELD and not self.unfit:
            self.held.update(set(host_ids) - self.faulty)
        return dict.fromkeys(host_ids, self.hold_outcome)

    def held_on(self, host_ids: Sequence[str]) -> Sequence[Hold]:
        self._answer()
        return [
            Hold("anybody", host_id, HoldState.UNFIT, "no link")
            for host_id in host_ids
            if host_id in self.faulty
        ]

    def fitness(self, host_ids: Sequence[str]) -> Mapping[str, Fitness]:
        self._answer()
        not_ready = Fitness(Readiness.NOT_READY)
        return {host_id: not_ready if host_id in self.unready else self.fit for host_id in host_ids}

    def maintained(self, host_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        self._answer()
        return {host_id: ("m",) if host_id in self.in_maintenance else () for host_id in host_ids}

    def deploy(self, orders: Sequence[ServerOrder]) -> Mapping[str, DeployOutcome]:
        self._answer()
        return {order.host_id: self._deploy(order) for order in orders}

    def _deploy(self, order: ServerOrder) -> DeployOutcome:
        if order.owner in self._fenced:
            return DeployOutcome.FENCED
        if order.host_id not in self.held:
            return DeployOutcome.NOT_HELD
        others = [owner for owner, host_id in self._servers if host_id == order.host_id]
        if others and others != [order.owner]:
            return DeployOutcome.OCCUPIED
        if not others:
            self.orders.append(order)
            self._servers[order.owner, order.host_id] = Server(
                owner=order.owner,
                host_id=order.host_id,
                ordinal=order.ordinal,
                generation=order.generation,
                image_id=order.image_id,
                state=ServerState.BUILDING,
                since=self._clock.now(),
            )
        return DeployOutcome.DEPLOYED

    def undeploy(self, owner: str, host_ids: Sequence[str]) -> None:
        self._answer()
        for key in [(owner, host_id) for host_id in host_ids if (owner, host_id) in self._servers]:
            self._servers[key] = replace(self._servers[key], state=ServerState.DELETING)
        if not self.stubborn:
            self.drop()

    def power(self, owner: str, host_id: str, action: PowerAction) -> ActionOutcome:
        self._answer()
        server = self._servers.get((owner, host_id))
        if server is None:
            return ActionOutcome.ABSENT
        if owner in self._fenced:
            return ActionOutcome.FENCED
        if server.state not in {ServerState.RUNNING, ServerState.STOPPED}:
            return ActionOutcome.NOT_ALLOWED
        after = ServerState.STOPPED if action is PowerAction.STOP else ServerState.RUNNING
        self._servers[owner, host_id] = replace(server, state=after)
        return ActionOutcome.ACCEPTED

    def rebuild(self, owner: str, host_id: str, image_id: str, generation: int) -> ActionOutcome:
        self._answer()
        server = self._servers.get((owner, host_id))
        if server is None:
            return ActionOutcome.ABSENT
        if owner in self._fenced:
            return ActionOutcome.FENCED
        failed = server.state is ServerState.FAILED
        if generation < server.generation or (generation == server.generation and not failed):
            return ActionOutcome.ACCEPTED
        if server.state is ServerState.STOPPING:
            return ActionOutcome.NOT_ALLOWED
        self.rebuilt.append(server.ordinal)
        self._servers[owner, host_id] = replace(
            server,
            image_id=image_id,
            generation=generation,
            state=ServerState.REBUILDING,
            message="",
            since=self._clock.now(),
        )
        return ActionOutcome.ACCEPTED

    def servers(self, owner: str) -> Sequence[Server]:
        self._answer()
        return sorted((s for s in self._servers.values() if s.owner == owner), key=lambda s: s.ordinal)

    def servers_by_owner(self, owners: Sequence[str]) -> Mapping[str, Sequence[Server]]:
        return {owner: self.servers(owner) for owner in owners}

    def _answer(self) -> None:
        if self.down:
            raise ProviderUnavailable("the provider does not answer")


class Bench:
    """A reservation of four racks of four hosts, and a placement on some of them, just accepted."""

    def __init__(self, *, room: bool = True, **changes: Any) -> None:
        """``room``: other hosts of the reservation are free; else another placement has them all."""
        self.world = World(pods=(pod("pod1", 4, hosts=4),))
        self.provider = ScriptedServers(self.world)
        provider: Any = self.provider
        self.services: Any = replace(self.world.services, provider=provider)
        self.clock = self.world.clock
        made = placement(**{"created_at": self.clock.now(), "unsettled_since": self.clock.now()} | changes)
        self._key = (ORGANIZATION, made.id)
        owned = reservation(status=Status.PROVISIONED, life=made.reservation_life)
        holding = owned.with_placement(made.id, made.hosts)
        if not room:
            taken = dict(made.hosts)
            rest = ((p, 0b1111 & ~taken.get(p, 0)) for p in owned.positions)
            holding = holding.with_placement(STRANGER, tuple((p, mask) for p, mask in rest if mask))
        assert self.services.reservations.create(holding, self.clock.now()) is None
        assert self.services.placements.create(made, self.clock.now()) is None
        self.reservation_id = owned.id

    @property
    def placement(self) -> Placement:
        """The record as it is."""
        found = self.services.placements.get(*self._key)
        assert isinstance(found, Placement)
        return found

    @property
    def is_gone(self) -> bool:
        return self.services.placements.get(*self._key) is None

    @property
    def servers(self) -> Sequence[Server]:
        return self.provider.servers(self.placement.server_owner)

    def round(self, execution: str | None = None) -> Step:
        """One round of the workflow, of any execution or of this one."""
        return settle_placement(self.services, *self._key, execution)

    def settle(self) -> Step:
        """Rounds, with servers that come up at once."""
        for _ in range(1000):
            step = self.round()
            if step not in {Step.AGAIN, Step.WAITING}:
                return step
            self.provider.boot()
        raise AssertionError("it never ends")

    def change(self, **changes: Any) -> None:
        """Write the record as a request would."""
        before = self.placement
        after = self.services.placements.change(before, replace(before, **changes))
        assert isinstance(after, Placement)

    def make_room(self) -> None:
        """Let the other placement give its hosts back."""
        before = self.services.reservations.get(ORGANIZATION, self.reservation_id)
        self.services.reservations.change(before, before.without_placement(STRANGER))

    def want(self, image_id: str = NEW_IMAGE, *, rolling: bool = True) -> None:
        """Ask for another image, as an update does."""
        now, before = self.clock.now(), self.placement
        settling = {"status": PlacementStatus.PROVISIONING, "attempt": before.attempt + 1} if rolling else {}
        since = now if rolling else None
        self.change(image_id=image_id, generation=before.generation + 1, unsettled_since=since, **settling)

    def delete(self) -> None:
        """Ask for the end, as a delete does."""
        now, attempt = self.clock.now(), self.placement.attempt + 1
        self.change(
            status=PlacementStatus.DEPROVISIONING, deleted_at=now, unsettled_since=now, attempt=attempt
        )


def provisioned_bench(**changes: Any) -> Bench:
    bench = Bench(**changes)
    assert bench.settle() is Step.DONE
    assert bench.placement.status is PlacementStatus.PROVISIONED
    return bench


def is_settled(bench: Bench, status: PlacementStatus) -> bool:
    found = bench.placement
    return found.status is status and found.unsettled_since is None and not found.is_unsettled
