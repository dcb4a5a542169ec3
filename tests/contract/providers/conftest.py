"""The providers that the two suites run over.

memory     the simulated region over the in-memory DynamoDB of the tests
moto       the same over moto
emulator   the same over an emulator process; skipped only when its interpreter is missing
ironic     Ironic with fake hardware, a process as well; hosts only
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from testkit.dynamodb import MemoryDynamoDB
from testkit.emulator import emulator_python, running_emulator
from testkit.ironic.process import ironic_python, running_ironic
from testkit.ironic.proxy import running_proxy
from tests.contract.dynamodb.backends import boto3_client
from tests.contract.providers.benches import (
    BROKEN_BOOT,
    BROKEN_HOST,
    HOST_BENCHES,
    STUCK_BOOT,
    STUCK_HOST,
    VM_BENCHES,
)
from tests.contract.providers.ironic_bench import IronicRegion, enrol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.providers.benches import HostBench, VmBench


@pytest.fixture(scope="session")
def moto_client() -> Any:
    """Building a client takes far longer than a test."""
    with mock_aws():
        return boto3_client(None)


@pytest.fixture(scope="package")
def emulator_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running_emulator(emulator_python(), tmp_path_factory.mktemp("emulator")) as url:
        yield boto3_client(url)


@pytest.fixture(scope="session")
def ironic_region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IronicRegion]:
    with (
        running_ironic(ironic_python(), tmp_path_factory.mktemp("ironic")) as machines,
        running_proxy(machines.url) as proxy,
    ):
        enrol(machines, STUCK_HOST, BROKEN_HOST, STUCK_BOOT, BROKEN_BOOT)
        yield IronicRegion(machines, proxy)


def _made_over(stack: ExitStack, name: str, request: pytest.FixtureRequest) -> Any:
    match name.rpartition("-")[2]:
        case "moto":
            stack.enter_context(mock_aws())
            return request.getfixturevalue("moto_client")
        case "emulator":
            return request.getfixturevalue("emulator_client")
        case "ironic":
            return request.getfixturevalue("ironic_region")
        case _:
            return MemoryDynamoDB()


@pytest.fixture(
    params=[
        pytest.param(name, marks=[pytest.mark.ironic, pytest.mark.slow] if name == "ironic" else [])
        for name in HOST_BENCHES
    ]
)
def host_bench(request: pytest.FixtureRequest) -> Iterator[HostBench]:
    with ExitStack() as stack:
        yield HOST_BENCHES[request.param](_made_over(stack, request.param, request))


@pytest.fixture(params=VM_BENCHES)
def vm_bench(request: pytest.FixtureRequest) -> Iterator[VmBench]:
    with ExitStack() as stack:
        yield VM_BENCHES[request.param](_made_over(stack, request.param, request))
