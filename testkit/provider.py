"""A simulated region with a table of its own, which fails or keeps servers when it is told to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb.database import Database
from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.providers.simulated.region import SimulatedBehaviour, SimulatedRegion
from testkit.doubles import RecordedPause
from testkit.dynamodb import MemoryDynamoDB

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.ports import Clock
    from gpu_capacity.providers.port import Page, PinOutcome, Server

_TABLE: Final = "servers"


class StubbornRegion:
    """A ``HostProvider`` beside the tables of a world, so that its calls are not counted there.

    Attributes:
        down: every call fails while this is set.
        undeletable: hosts whose servers are not deleted as long as they stand here.
        calls: the methods that were called, failed calls included.
    """

    def __init__(self, clock: Clock, behaviour: SimulatedBehaviour) -> None:
        self.down = False
        self.undeletable: set[str] = set()
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
        """(holder id, host id) of every server there is, those being deleted included."""
        found, page = set(), self._region.every_server()
        while True:
            found |= {(server.holder_id, server.host_id) for server in page.entries}
            if page.after is None:
                return found
            page = self._region.every_server(page.after)

    def pin(self, holder_id: str, region_id: str, host_id: str) -> PinOutcome:
        self._answer("pin")
        return self._region.pin(holder_id, region_id, host_id)

    def fence(self, holder_id: str) -> None:
        self._answer("fence")
        self._region.fence(holder_id)

    def delete(self, holder_id: str, host_ids: Sequence[str]) -> None:
        self._answer("delete")
        self._region.delete(holder_id, [host for host in host_ids if host not in self.undeletable])

    def servers(self, holder_id: str) -> Sequence[Server]:
        self._answer("servers")
        return self._region.servers(holder_id)

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
