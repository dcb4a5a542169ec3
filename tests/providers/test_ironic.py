"""The Ironic provider without an Ironic: its settings, credentials, and what is imported when."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from aws_lambda_powertools.utilities import parameters
from moto import mock_aws

from gpu_capacity.errors import Misconfigured, ProviderUnavailable
from gpu_capacity.providers import registry
from gpu_capacity.providers.ironic import keys
from gpu_capacity.providers.ironic.connection import connector
from gpu_capacity.providers.ironic.images import Images
from gpu_capacity.providers.registry import Site
from gpu_capacity.runtime.settings import Environment
from testkit.doubles import FakeClock, RecordedPause, RecordedTelemetry
from testkit.dynamodb import MemoryDynamoDB

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS = {
    "HOST_PROVIDER": "ironic",
    "SERVERS_TABLE": "servers",
    "IRONIC_ENDPOINT": "https://ironic.example.com",
    "IRONIC_IMAGES": "https://images.example.com/{image}.raw",
    "IRONIC_CHECKSUMS": "https://images.example.com/{image}.sha256",
}


@pytest.fixture
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    parameters.clear_caches()  # type: ignore[no-untyped-call]
    with mock_aws():
        yield
    parameters.clear_caches()  # type: ignore[no-untyped-call]


def _site(**settings: str) -> Site:
    return Site(
        Environment({**SETTINGS, **settings}),
        MemoryDynamoDB(),
        FakeClock(),
        RecordedPause(),
        RecordedTelemetry(),
    )


@pytest.mark.parametrize("name", ["IRONIC_ENDPOINT", "IRONIC_IMAGES", "IRONIC_CHECKSUMS"])
def test_the_first_request_reports_a_setting_that_is_missing(name: str) -> None:
    with pytest.raises(Misconfigured, match=name):
        registry.host_provider(_site(**{name: ""}))


def test_the_urls_of_images_have_a_place_for_the_image() -> None:
    with pytest.raises(Misconfigured, match=r"\{image\}"):
        registry.host_provider(_site(IRONIC_IMAGES="https://images.example.com/"))
    found = Images(SETTINGS["IRONIC_IMAGES"], SETTINGS["IRONIC_CHECKSUMS"]).of("a/../b c")
    assert found["image_source"] == "https://images.example.com/a%2F..%2Fb%20c.raw"
    assert found["image_checksum"] == "https://images.example.com/a%2F..%2Fb%20c.sha256"


def test_openstacksdk_is_imported_by_who_asks_the_provider_only() -> None:
    """The other functions do not have its layer."""
    code = "import sys; import gpu_capacity.providers.ironic; sys.exit('openstack' in sys.modules)"
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", code], env={"PYTHONPATH": "layers/shared"}, check=False
    )
    assert done.returncode == 0


@pytest.mark.usefixtures("_aws")
@pytest.mark.parametrize(
    ("content", "kind", "sent"),
    [
        ({"username": "u", "password": "p"}, "http_basic", {"endpoint": "https://i"}),
        ({"auth_url": "https://k/v3", "username": "u", "password": "p"}, "password", {}),
        (
            {
                "auth_url": "https://k/v3",
                "application_credential_id": "i",
                "application_credential_secret": "s",
            },
            "v3applicationcredential",
            {},
        ),
    ],
    ids=["basic", "password", "application credential"],
)
def test_credentials_are_read_from_a_secret_by_its_name(
    content: dict[str, str], kind: str, sent: dict[str, str]
) -> None:
    boto3.client("secretsmanager").create_secret(Name=kind, SecretString=json.dumps(content))
    config: Any = connector("https://i", kind)().config
    assert config.config["auth_type"] == kind
    assert config.config["auth"] == content | sent
    assert config.get_endpoint("baremetal") == "https://i"


def test_without_a_secret_there_are_no_credentials() -> None:
    config: Any = connector("https://i", "")().config
    assert (config.config["auth_type"], config.config["auth"]) == ("none", {"endpoint": "https://i"})


@pytest.mark.usefixtures("_aws")
def test_a_secret_that_is_missing_or_malformed_is_reported_without_its_content() -> None:
    with pytest.raises(ProviderUnavailable):
        connector("https://i", "absent")()
    boto3.client("secretsmanager").create_secret(Name="plain", SecretString="no-json")
    with pytest.raises(Misconfigured) as refused:
        connector("https://i", "plain")()
    assert "no-json" not in str(refused.value)


def test_a_name_is_used_once_and_begins_with_its_host() -> None:
    names = {
        keys.name_after(owner, host, boot)
        for owner in ("a-1", "a-12")
        for host in ("host-1", "host-12")
        for boot in (None, 1, 2)
    }
    assert len(names) == 12
    assert {keys.host_named(name) for name in names} == {"host-1", "host-12"}
    assert keys.host_named("host-1") == "host-1"
