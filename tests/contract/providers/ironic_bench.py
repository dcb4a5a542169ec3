"""A region of a real Ironic with fake hardware. A proxy delays and loses requests to it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.deadline import Deadline
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.providers.ironic.api import IronicApi
from gpu_capacity.providers.ironic.connection import connector
from gpu_capacity.providers.ironic.hosts import IronicHosts
from gpu_capacity.providers.ironic.images import Images
from gpu_capacity.providers.ironic.keys import host_named
from gpu_capacity.providers.port import HoldState, ServerState
from testkit.doubles import FakeClock, RecordedTelemetry
from testkit.dynamodb import MemoryDynamoDB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testkit.ironic.machines import Machines
    from testkit.ironic.proxy import Proxy, Sent

_TABLE: Final = "servers"
_ATTEMPT_SECONDS: Final = 60.0
"""More than in production: other tests keep the machine busy."""
_NOWHERE: Final = "http://127.0.0.1:1/"
_AGENT: Final[dict[str, object]] = {
    "deploy_interface": "direct",
    "driver_info": json.dumps({"deploy_kernel": _NOWHERE, "deploy_ramdisk": _NOWHERE}),
    "automated_clean": 0,
}
"""A machine whose boot waits for an agent, which fake hardware never starts."""


@dataclass(frozen=True)
class IronicRegion:
    """An Ironic with its machines, and the proxy in front of it."""

    machines: Machines
    proxy: Proxy


def enrol(machines: Machines, stuck_host: str, broken_host: str, stuck_boot: str, broken_boot: str) -> None:
    """Enrol the machines that the suite names."""
    plain = [*(f"host-{number}" for number in range(10)), *(f"host-{number:02}" for number in range(60))]
    machines.enrol(
        [*plain, stuck_host, broken_host, stuck_boot, broken_boot],
        {
            stuck_host: {"power_state": None},
            broken_host: {"maintenance": 1, "maintenance_reason": "a fan is broken"},
            stuck_boot: _AGENT,
            broken_boot: _AGENT,
        },
    )


class IronicBench:
    """The hosts of a region. The clock stands still between the tests' steps; Ironic's own time does not."""

    def __init__(self, region: IronicRegion, client: Any, broken_boot: str, broken_image: str) -> None:
        self.machines, self.proxy = region.machines, region.proxy
        self.proxy.reset()
        self.machines.put_back()
        self.proxy.rewritten = self._spoilt
        self._broken_boot, self._broken_image = broken_boot, broken_image
        self.clock = FakeClock()
        self.client = client
        self.telemetry = RecordedTelemetry()

    def while_a_hold_is_prepared(self) -> None:
        self._a_second()

    def while_a_hold_goes(self) -> None:
        """Ask again, as the workflow does: Ironic refuses while it is at work on the host."""
        self._a_second()

        def gone() -> bool:
            going = [hold for hold in self._every("every_hold") if hold.state is HoldState.RELEASING]
            for hold in going:
                self.provider().release(hold.holder_id, [hold.host_id])
            return not going

        self.machines.wait_until(gone)

    def while_a_server_boots(self) -> None:
        self._a_second()

    def while_a_server_stops(self) -> None:
        self._a_second()

    def while_a_server_goes(self) -> None:
        """Look again, as the workflow does: a look goes on with what Ironic could not be asked for."""
        self._a_second()

        def gone() -> bool:
            servers = self._every("every_server")
            owners = {server.owner for server in servers if server.state is ServerState.DELETING}
            for owner in owners:
                self.provider().servers(owner)
            return not owners

        self.machines.wait_until(gone)

    def days(self, count: int) -> None:
        self.clock.advance(count * 86_400)
        self._idle()

    def before_the_next_change(self, rival: Callable[[], object]) -> None:
        self.client.rivals.append(rival)

    @contextmanager
    def out_of_reach(self) -> Iterator[None]:
        self.proxy.is_out_of_reach = True
        yield
        self.proxy.is_out_of_reach = False

    def provider(self) -> IronicHosts:
        images = Images(f"{self.proxy.url}/images/{{image}}", f"{self.proxy.url}/images/{{image}}.md5")
        api = IronicApi(connector(self.proxy.url, ""), Deadline.none(), _ATTEMPT_SECONDS)
        database = Database(self.client, clock=self.clock)
        return IronicHosts(database, _TABLE, self.clock, database.pause, api, images, self.telemetry)

    def _a_second(self) -> None:
        self.clock.advance(1)
        self._idle()

    def _idle(self) -> None:
        self.machines.wait_until_idle()

    def _every(self, method: str) -> list[Any]:
        ask = getattr(self.provider(), method)
        page = ask()
        found = [*page.entries]
        while page.after is not None:
            page = ask(page.after)
            found.extend(page.entries)
        return found

    def _spoilt(self, sent: Sent) -> Sent:
        """The request, with an ``instance_info`` that cannot work for what has to fail."""
        if sent.method != "PATCH":
            return sent
        operations = sent.content
        sources = [op for op in operations if op["path"] == "/instance_info/image_source"]
        wholes = [op["value"] for op in operations if op["path"] == "/instance_info" and op["value"]]
        for info in wholes:
            if host_named(sent.path.split("/")[3]) == self._broken_boot:
                info["image_source"] = _NOWHERE
        for op in sources:
            # A node never has this trait, and Ironic deploys nothing that demands more than the node has.
            traits = ["CUSTOM_BROKEN"] if op["value"].endswith(self._broken_image) else []
            operations.append({"op": "add", "path": "/instance_info/traits", "value": traits})
        return replace(sent, body=json.dumps(operations).encode())


def ledger() -> MemoryDynamoDB:
    """An empty servers table."""
    db = MemoryDynamoDB()
    keys = [("pk", "HASH"), ("sk", "RANGE")]
    db.create_table(
        TableName=_TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
    )
    return db
