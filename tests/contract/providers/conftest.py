"""The providers that the two suites run over.

memory     the simulated region over the in-memory DynamoDB of the tests
moto       the same over moto
emulator   the same over an emulator process; skipped only when its interpreter is missing
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from testkit.dynamodb import MemoryDynamoDB
from testkit.emulator import emulator_python, running_emulator
from tests.contract.dynamodb.backends import boto3_client
from tests.contract.providers.benches import HOST_BENCHES, VM_BENCHES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.providers.benches import HostBench, VmBench


@pytest.fixture(scope="package")
def emulator_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running_emulator(emulator_python(), tmp_path_factory.mktemp("emulator")) as url:
        yield boto3_client(url)


def _made_over(stack: ExitStack, name: str, request: pytest.FixtureRequest) -> Any:
    match name.rpartition("-")[2]:
        case "moto":
            stack.enter_context(mock_aws())
            return boto3_client(None)
        case "emulator":
            return request.getfixturevalue("emulator_client")
        case _:
            return MemoryDynamoDB()


@pytest.fixture(params=HOST_BENCHES)
def host_bench(request: pytest.FixtureRequest) -> Iterator[HostBench]:
    with ExitStack() as stack:
        yield HOST_BENCHES[request.param](_made_over(stack, request.param, request))


@pytest.fixture(params=VM_BENCHES)
def vm_bench(request: pytest.FixtureRequest) -> Iterator[VmBench]:
    with ExitStack() as stack:
        yield VM_BENCHES[request.param](_made_over(stack, request.param, request))
