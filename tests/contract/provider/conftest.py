"""The host providers that one suite runs over.

memory     the in-memory provider of the tests
region     the simulated region over the in-memory DynamoDB of the tests
moto       the simulated region over moto
emulator   the simulated region over an emulator process; skipped only when its interpreter is missing
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from gpu_capacity.adapters.simulated_region import SimulatedBehaviour, SimulatedRegion
from gpu_capacity.dynamodb.database import Database
from tests.fakes.dynamodb import MemoryDynamoDB
from tests.fakes.emulator import emulator_python, running_emulator
from tests.fakes.provider import MemoryProvider
from tests.support.fakes import FakeClock, RecordedPause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gpu_capacity.ports import HostProvider

BEHAVIOUR = SimulatedBehaviour(ready_seconds=20, delete_seconds=5)


class Bench(Protocol):
    """A place where providers of one kind are made, all on the same hosts."""

    clock: FakeClock

    def provider(self, behaviour: SimulatedBehaviour = BEHAVIOUR) -> HostProvider:
        """A provider; a later one finds the servers of the earlier ones."""

    def before_next_pin(self, rival: Callable[[], object]) -> None:
        """Run this once when the next pin is under way, just before it takes effect."""


class MemoryBench:
    """One in-memory provider, made anew as often as its behaviour changes."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self._provider = MemoryProvider(self.clock, BEHAVIOUR)

    def provider(self, behaviour: SimulatedBehaviour = BEHAVIOUR) -> HostProvider:
        self._provider.behaviour = behaviour
        return self._provider

    def before_next_pin(self, rival: Callable[[], object]) -> None:
        self._provider.before_next_pin(rival)


@dataclass
class RivalClient:
    """A DynamoDB client that lets a rival run once, right before the next transaction is sent."""

    client: Any
    rival: Callable[[], object] | None = None

    def __getattr__(self, operation: str) -> Any:
        return getattr(self.client, operation)

    def transact_write_items(self, **request: Any) -> Any:
        if self.rival is not None:
            rival, self.rival = self.rival, None
            rival()
        return self.client.transact_write_items(**request)


class RegionBench:
    """Simulated regions over one table of their own."""

    def __init__(self, client: Any) -> None:
        self.clock = FakeClock()
        self._client = RivalClient(client)
        self._table = f"servers-{uuid.uuid4().hex}"
        client.create_table(
            TableName=self._table,
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

    def provider(self, behaviour: SimulatedBehaviour = BEHAVIOUR) -> HostProvider:
        database = Database(self._client, clock=self.clock)
        return SimulatedRegion(database, self._table, self.clock, RecordedPause(), behaviour)

    def before_next_pin(self, rival: Callable[[], object]) -> None:
        self._client.rival = rival


def _client(endpoint: str | None) -> Any:
    return boto3.client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=20),
    )


@pytest.fixture(scope="package")
def emulator_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running_emulator(emulator_python(), tmp_path_factory.mktemp("emulator")) as url:
        yield _client(url)


@pytest.fixture(params=["memory", "region", "moto", "emulator"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "memory":
        yield MemoryBench()
    elif request.param == "region":
        yield RegionBench(MemoryDynamoDB())
    elif request.param == "moto":
        with mock_aws():
            yield RegionBench(_client(None))
    else:
        yield RegionBench(request.getfixturevalue("emulator_client"))
