"""The backends that one suite of behaviour runs over.

fake       the in-memory DynamoDB of this project
moto       in process
emulator   a process of its own
endpoint   what DYNAMODB_ENDPOINT names, if it is set (for an AWS account also credentials and a region)

A test that a backend fails for a known reason carries `@pytest.mark.deviates(moto="reason")`. It then has to
fail there: a backend that learns it is noticed. Where it may pass by chance the test is
`undecided(moto="reason")` and does not run over that backend.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from testkit.dynamodb import MemoryDynamoDB
from testkit.emulator import emulator_python, running_emulator
from tests.contract.dynamodb.backends import Backend, boto3_client, with_table

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDPOINT = os.environ.get("DYNAMODB_ENDPOINT", "")
BACKENDS = ("fake", "moto", "emulator", *(("endpoint",) if ENDPOINT else ()))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "deviates(**backends): fails on a backend for the reason given")
    config.addinivalue_line("markers", "undecided(**backends): passes or fails on a backend by chance")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = [item for item in items if not _is_undecided(item)]


def _is_undecided(item: pytest.Item) -> bool:
    undecided = item.get_closest_marker("undecided")
    return undecided is not None and item.callspec.params["backend"] in undecided.kwargs  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def emulator_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_emulator(emulator_python(), tmp_path_factory.mktemp("emulator")) as url:
        yield url


# A client takes far longer to build than a test takes to run, so all tests share one for each backend.


@pytest.fixture(scope="session")
def moto_client() -> Any:
    with mock_aws():
        return boto3_client(None)


@pytest.fixture(scope="session")
def emulator_client(emulator_url: str) -> Any:
    return boto3_client(emulator_url)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    name: str = request.param
    deviates = request.node.get_closest_marker("deviates")
    if deviates is not None and name in deviates.kwargs:
        request.applymarker(pytest.mark.xfail(reason=deviates.kwargs[name], strict=True))
    if name == "fake":
        yield with_table(name, MemoryDynamoDB())
    elif name == "moto":
        with mock_aws():
            yield with_table(name, request.getfixturevalue("moto_client"))
    elif name == "emulator":
        yield with_table(name, request.getfixturevalue("emulator_client"))
    else:
        built = with_table(name, boto3_client(ENDPOINT))
        yield built
        built.client.delete_table(TableName=built.table)
