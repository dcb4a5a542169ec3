"""A real Ironic that asks for a login: HTTP basic authentication, with credentials in a secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from aws_lambda_powertools.utilities import parameters
from moto import mock_aws

from gpu_capacity.deadline import Deadline
from gpu_capacity.errors import FeedRefusal, FeedRefused, ProviderUnavailable
from gpu_capacity.providers.ironic.api import IronicApi
from gpu_capacity.providers.ironic.connection import connector
from gpu_capacity.providers.ironic.feed import IronicMachines
from testkit.ironic.process import Options, ironic_python, running_ironic

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.ironic, pytest.mark.slow]

SECRET, USER, PASSWORD = "ironic", "service", "a-password-of-tests"
HASH = "$2b$04$zjQwW/bpyWAXd1SEtWZ21OErjcEUXb1SF9jJDwRe7T14DW8OPAHJK"  # pragma: allowlist secret


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("ironic")
    users = folder / "users"
    users.write_text(f"{USER}:{HASH}\n")
    with running_ironic(ironic_python(), folder, Options(users=users)) as machines:
        yield machines.url


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "us-east-1")
    parameters.clear_caches()  # type: ignore[no-untyped-call]
    yield
    parameters.clear_caches()  # type: ignore[no-untyped-call]


def _api(url: str, **credentials: str) -> IronicApi:
    """Ironic as the provider reaches it; the secret is read when it connects."""

    def connect() -> Any:
        with mock_aws():
            client = boto3.client("secretsmanager")
            client.create_secret(Name=SECRET, SecretString=json.dumps(credentials))
            return connector(url, SECRET if credentials else "")()

    return IronicApi(connect, Deadline.none(), 60.0)


def test_the_credentials_of_the_secret_are_let_in(url: str) -> None:
    assert IronicMachines(_api(url, username=USER, password=PASSWORD)).machines() == []


@pytest.mark.parametrize(
    "credentials",
    [{}, {"username": USER, "password": "wrong"}, {"username": "other", "password": PASSWORD}],
    ids=["none", "a wrong password", "another user"],
)
def test_without_the_right_ones_nothing_is_known(url: str, credentials: dict[str, str]) -> None:
    """Neither that there are no nodes, nor that a host is missing."""
    with pytest.raises(ProviderUnavailable, match="401"):
        _api(url, **credentials).nodes({"host-1": None})
    with pytest.raises(FeedRefused) as refused:
        IronicMachines(_api(url, **credentials)).machines()
    assert refused.value.code is FeedRefusal.UNREACHABLE
