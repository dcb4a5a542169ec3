"""The providers that the contract suites run over.

A bench stands for one region with machines. To run the suites over another provider, write a bench for it and
name it in ``HOST_BENCHES`` or ``VM_BENCHES``; ``docs/providers.md`` says more.
"""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from gpu_capacity.dynamodb.database import Database
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.providers.simulated.behaviour import SimulatedBehaviour, SimulatedBoots
from gpu_capacity.providers.simulated.region import SimulatedRegion
from gpu_capacity.providers.simulated.vms import SimulatedVms
from testkit.doubles import FakeClock, RecordedPause
from testkit.dynamodb import MemoryDynamoDB
from tests.contract.providers.ironic_bench import IronicBench, ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gpu_capacity.providers.port import HostProvider, VmProvider
    from tests.contract.providers.ironic_bench import IronicRegion

STUCK_HOST, BROKEN_HOST = "host-that-hangs", "host-that-fails"
"""Machines that every bench has to have: holds and VMs hang on the one, and fail on the other."""

STUCK_BOOT, BROKEN_BOOT = "host-whose-boot-hangs", "host-whose-boot-fails"
"""Hosts that every bench has to have: they are fit, and a server hangs or fails there while it boots."""

BROKEN_IMAGE = "image-that-fails"
"""An image that every bench has to have: no server boots with it."""

_READY_SECONDS, _DELETE_SECONDS = 20, 5
_BOOT_SECONDS, _STOP_SECONDS = 40, 10
_PAGE_ITEMS = 2


class Bench(Protocol):
    """A region whose time the tests advance."""

    def days(self, count: int) -> None:
        """Advance the time by days."""

    def before_the_next_change(self, rival: Callable[[], object]) -> None:
        """Run this once during the next call that changes something, before it takes effect."""

    @contextmanager
    def out_of_reach(self) -> Iterator[None]:
        """Make the region unreachable within the block."""


class HostBench(Bench, Protocol):
    """A region with hosts."""

    def while_a_hold_is_prepared(self) -> None:
        """Advance the time by what a host takes to be held, or to be known as unfit."""

    def while_a_hold_goes(self) -> None:
        """Advance the time by what a hold takes to be gone."""

    def while_a_server_boots(self) -> None:
        """Advance the time by what a server takes to boot or reboot, or to be known as broken."""

    def while_a_server_stops(self) -> None:
        """Advance the time by what a server takes to stop."""

    def while_a_server_goes(self) -> None:
        """Advance the time by what a server takes to be gone."""

    def provider(self) -> HostProvider:
        """A provider of another execution environment: it finds what the earlier ones did."""


class VmBench(Bench, Protocol):
    """A region with nodes of 8 GPUs."""

    def while_a_server_comes_up(self) -> None:
        """Advance the time by what a server takes to come up, or to be known as broken."""

    def while_a_server_goes(self) -> None:
        """Advance the time by what a server takes to be gone."""

    def provider(self) -> VmProvider:
        """A provider of another execution environment: it finds what the earlier ones did."""


@dataclass
class BenchClient:
    """A DynamoDB client with small pages and an injected request, which may be unreachable."""

    client: Any
    rivals: list[Callable[[], object]] = field(default_factory=list)
    is_out_of_reach: bool = False

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> Any:
            if self.is_out_of_reach:
                raise StorageUnavailable("out of reach", outcome_unknown=True)
            if operation == "transact_write_items" and self.rivals:
                self.rivals.pop()()
            more = {"Limit": _PAGE_ITEMS} if operation == "scan" else {}
            return getattr(self.client, operation)(**request, **more)

        return call


class SimulatedBench:
    """A simulated region over a table of its own."""

    behaviour = SimulatedBehaviour(
        ready_seconds=_READY_SECONDS,
        delete_seconds=_DELETE_SECONDS,
        failing_hosts=frozenset({BROKEN_HOST}),
        stuck_hosts=frozenset({STUCK_HOST}),
        boots=SimulatedBoots(
            boot_seconds=_BOOT_SECONDS,
            rebuild_seconds=_BOOT_SECONDS,
            reboot_seconds=_BOOT_SECONDS,
            stop_seconds=_STOP_SECONDS,
            failing_hosts=frozenset({BROKEN_BOOT}),
            stuck_hosts=frozenset({STUCK_BOOT}),
            failing_images=frozenset({BROKEN_IMAGE}),
        ),
    )

    def __init__(self, client: Any) -> None:
        self.clock = FakeClock()
        self.client = BenchClient(client)
        self.table = f"servers-{uuid.uuid4().hex}"
        client.create_table(
            TableName=self.table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
        )

    def while_a_hold_is_prepared(self) -> None:
        self.clock.advance(_READY_SECONDS)

    def while_a_hold_goes(self) -> None:
        self.clock.advance(_DELETE_SECONDS)

    def while_a_server_boots(self) -> None:
        self.clock.advance(_BOOT_SECONDS)

    def while_a_server_stops(self) -> None:
        self.clock.advance(_STOP_SECONDS)

    def while_a_server_comes_up(self) -> None:
        self.clock.advance(_READY_SECONDS)

    def while_a_server_goes(self) -> None:
        self.clock.advance(_DELETE_SECONDS)

    def days(self, count: int) -> None:
        self.clock.advance(count * 86_400)

    def before_the_next_change(self, rival: Callable[[], object]) -> None:
        self.client.rivals.append(rival)

    @contextmanager
    def out_of_reach(self) -> Iterator[None]:
        self.client.is_out_of_reach = True
        yield
        self.client.is_out_of_reach = False

    def hosts(self, behaviour: SimulatedBehaviour | None = None) -> SimulatedRegion:
        database = Database(self.client, clock=self.clock)
        return SimulatedRegion(database, self.table, self.clock, RecordedPause(), behaviour or self.behaviour)

    def vms(self, behaviour: SimulatedBehaviour | None = None) -> SimulatedVms:
        database = Database(self.client, clock=self.clock)
        return SimulatedVms(database, self.table, self.clock, RecordedPause(), behaviour or self.behaviour)


class SimulatedHostBench(SimulatedBench):
    """The region's hosts."""

    def provider(self) -> HostProvider:
        return self.hosts()


class SimulatedVmBench(SimulatedBench):
    """The region's nodes."""

    def provider(self) -> VmProvider:
        return self.vms()


CLIENTS: Final = ("memory", "moto", "emulator")
"""What a simulated region may be made over; the fixture ``client`` knows each."""


def ironic_bench(region: IronicRegion) -> IronicBench:
    """Ironic's hosts, with a ledger of their own in memory."""
    return IronicBench(region, BenchClient(ledger()), BROKEN_BOOT, BROKEN_IMAGE)


HOST_BENCHES: Final[dict[str, Callable[[Any], HostBench]]] = {
    **{f"simulated-{client}": SimulatedHostBench for client in CLIENTS},
    "ironic": ironic_bench,
}
VM_BENCHES: Final[dict[str, Callable[[Any], VmBench]]] = {
    f"simulated-{client}": SimulatedVmBench for client in CLIENTS
}


def memory_bench() -> SimulatedBench:
    """A simulated region in memory, for tests of its own features."""
    return SimulatedBench(MemoryDynamoDB())
