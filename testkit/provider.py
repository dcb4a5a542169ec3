"""A simulated region with its own table, which tests can make fail or keep hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb.database import Database
from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.providers.simulated.keys import HOSTS
from gpu_capacity.providers.simulated.region import SimulatedRegion
from testkit.doubles import RecordedPause
from testkit.dynamodb import MemoryDynamoDB

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gpu_capacity.ports import Clock
    from gpu_capacity.providers.port import (
        ActionOutcome,
        DeployOutcome,
        Fitness,
        Hold,
        HoldOutcome,
        MaintenanceOutcome,
        Page,
        PowerAction,
        Server,
        ServerOrder,
    )
    from gpu_capacity.providers.simulated.behaviour import SimulatedBehaviour

_TABLE: Final = "servers"


class StubbornRegion:
    """A ``HostProvider`` outside of the tables of a world, so that its calls are not counted there.

    Attributes:
        down: every call fails while this is set.
        unreleasable: hosts that are not released while they are in this set.
        unremovable: hosts whose servers are not removed while they are in this set.
        calls: the methods that were called, failed calls included.
    """

    def __init__(self, clock: Clock, behaviour: SimulatedBehaviour) -> None:
        self.down = False
        self.unreleasable: set[str] = set()
        self.unremovable: set[str] = set()
        self.calls: list[str] = []
        db = MemoryDynamoDB(now=clock.now)
        keys = [("pk", "HASH"), ("sk", "RANGE")]
        db.create_table(
            TableName=_TABLE,
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        pause = RecordedPause()
        self._region = SimulatedRegion(Database(db, pause, clock), _TABLE, clock, pause, behaviour)

    def live(self) -> set[tuple[str, str]]:
        """Return (holder id, host id) of every hold, those being released included."""
        found, page = set(), self._region.every_hold()
        while True:
            found |= {(hold.holder_id, hold.host_id) for hold in page.entries}
            if page.after is None:
                return found
            page = self._region.every_hold(page.after)

    def hold(self, holder_id: str, region_id: str, host_ids: Sequence[str]) -> Mapping[str, HoldOutcome]:
        self._answer("hold")
        return self._region.hold(holder_id, region_id, host_ids)

    def fence(self, holder_id: str) -> None:
        self._answer("fence")
        self._region.fence(holder_id)

    def release(self, holder_id: str, host_ids: Sequence[str]) -> None:
        self._answer("release")
        self._region.release(holder_id, [host for host in host_ids if host not in self.unreleasable])

    def held(self, holder_id: str) -> Sequence[Hold]:
        self._answer("held")
        return self._region.held(holder_id)

    def held_on(self, host_ids: Sequence[str]) -> Sequence[Hold]:
        self._answer("held_on")
        return self._region.held_on(host_ids)

    def every_hold(self, after: str | None = None) -> Page[Hold]:
        self._answer("every_hold")
        return self._region.every_hold(after)

    def fitness(self, host_ids: Sequence[str]) -> Mapping[str, Fitness]:
        self._answer("fitness")
        return self._region.fitness(host_ids)

    def maintain(
        self, maintenance: str, host_ids: Sequence[str], reason: str
    ) -> Mapping[str, MaintenanceOutcome]:
        self._answer("maintain")
        return self._region.maintain(maintenance, host_ids, reason)

    def end_maintenance(self, maintenance: str, host_ids: Sequence[str]) -> None:
        self._answer("end_maintenance")
        self._region.end_maintenance(maintenance, host_ids)

    def maintained(self, host_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        self._answer("maintained")
        return self._region.maintained(host_ids)

    def deploy(self, orders: Sequence[ServerOrder]) -> Mapping[str, DeployOutcome]:
        self._answer("deploy")
        return self._region.deploy(orders)

    def undeploy(self, owner: str, host_ids: Sequence[str]) -> None:
        self._answer("undeploy")
        self._region.undeploy(owner, [host for host in host_ids if host not in self.unremovable])

    def power(self, owner: str, host_id: str, action: PowerAction) -> ActionOutcome:
        self._answer("power")
        return self._region.power(owner, host_id, action)

    def rebuild(self, owner: str, host_id: str, image_id: str, generation: int) -> ActionOutcome:
        self._answer("rebuild")
        return self._region.rebuild(owner, host_id, image_id, generation)

    def servers(self, owner: str) -> Sequence[Server]:
        self._answer("servers")
        return self._region.servers(owner)

    def servers_by_owner(self, owners: Sequence[str]) -> Mapping[str, Sequence[Server]]:
        self._answer("servers_by_owner")
        return self._region.servers_by_owner(owners)

    def servers_on(self, host_ids: Sequence[str]) -> Sequence[Server]:
        self._answer("servers_on")
        return self._region.servers_on(host_ids)

    def every_server(self, after: str | None = None) -> Page[Server]:
        self._answer("every_server")
        return self._region.every_server(after)

    def _answer(self, method: str) -> None:
        self.calls.append(method)
        if self.down:
            raise ProviderUnavailable("the provider does not answer")


def forget_server(db: MemoryDynamoDB, owner: str, host_id: str) -> None:
    """The simulated region forgets the server of a placement on a host: it has vanished."""
    db.delete_item(TableName=_TABLE, Key=HOSTS.server(owner, host_id))
    db.update_item(
        TableName=_TABLE,
        Key=HOSTS.host(host_id),
        UpdateExpression="REMOVE #server",
        ExpressionAttributeNames={"#server": "server"},
    )
